//! The source account: the snapshots of one database, which the other account may still be copying. Where this account copies
//! them into the destination's Region by itself, those copies too.

use lambda_task::Environment;
use rds_access::Regions;
use replication::Error;
use replication::contract::Execution;
use replication::naming::InstanceIdentifier;
use replication::retention::{self, InUse, Planned, Sharing, SnapshotRule};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::call::{Call, Place, Results};
use crate::report::{Deletion, Pruned};
use crate::world::World;
use crate::{Settings, snapshots};

/// What the source stack says.
#[derive(Debug, Clone)]
pub struct Config {
    settings: Settings,
    /// The database of a run whose input names none.
    source_database: InstanceIdentifier,
    /// How long a shared snapshot stays.
    shared_snapshots_stay: Duration,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let hours: u32 = environment.parsed("SHARED_SNAPSHOT_HOURS", "a whole number from 0")?;
        let shared_snapshots_stay = Duration::hours(hours.into());
        let source_database = environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?;
        Ok(Self { settings: Settings::read(environment)?, source_database, shared_snapshots_stay })
    }
}

/// The event. What to prune is read from RDS; the document says for which database, and what was planned.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    execution: Execution,
    #[serde(default, rename = "stage")]
    place: Place,
    #[serde(default)]
    state: State,
}

/// The document of the source machine, as far as `prune` reads it.
#[derive(Debug, Clone, Default, Deserialize)]
struct State {
    #[serde(rename = "SourceDBIdentifier")]
    source_db_identifier: Option<InstanceIdentifier>,
    #[serde(rename = "SourceDBSnapshot")]
    source_db_snapshot: Option<OfDatabase>,
    #[serde(flatten)]
    results: Results,
}

#[derive(Debug, Clone, Deserialize)]
struct OfDatabase {
    #[serde(rename = "sourceDBIdentifier")]
    source_db_identifier: InstanceIdentifier,
}

impl State {
    /// The database of the run: what its snapshot is of, else what its input names, if either does.
    fn database(&self) -> Option<&InstanceIdentifier> {
        let of_snapshot = self.source_db_snapshot.as_ref().map(|snapshot| &snapshot.source_db_identifier);
        of_snapshot.or(self.source_db_identifier.as_ref())
    }
}

/// Prunes the snapshots that this stack has made of the run's database.
///
/// # Errors
/// A fault of a service. A deletion that is refused is in the report; only one that may succeed when it is made again is an
/// error too, and only at the end of a run.
pub async fn run(
    regions: &Regions,
    config: &Config,
    input: Input,
    now: OffsetDateTime,
) -> Result<Pruned, Error> {
    let Config { settings, source_database, shared_snapshots_stay } = config;
    let Input { execution, place, state } = input;
    let database = state.database().unwrap_or(source_database);
    let rule = SnapshotRule {
        sharing: Some(Sharing { now, stays: *shared_snapshots_stay }),
        in_use: InUse::default().with(execution.replication_id()),
        ..SnapshotRule::new(&settings.stack, database, settings.snapshots_to_keep)
    };
    let snapshots = regions.snapshots_of_database(&settings.stack, database).await?;
    let about_snapshots = retention::plan_snapshots(&snapshots, &rule);
    let world = World { snapshots, about_snapshots, ..World::default() };
    let delete = async |thing: &Planned| match thing {
        Planned::Snapshot(name) => match world.snapshot(name) {
            Some(snapshot) => snapshots::delete(regions.of(&snapshot.arn), snapshot).await,
            None => Deletion::AlreadyGone,
        },
        Planned::Instance(_) => Deletion::NotNow("the source account has no versions".to_owned()),
    };
    let call = Call { execution, place, results: state.results };
    crate::prune(regions, settings, &call, &world, delete).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_prunes_for_its_own_database() {
        let made =
            json!({"SourceDBIdentifier": "Billing", "SourceDBSnapshot": {"sourceDBIdentifier": "shop"}});
        for (state, database) in [
            (json!({}), None),
            (json!({"SourceDBIdentifier": "Billing"}), Some("billing")),
            (made, Some("shop")),
        ] {
            let named: State = lambda_task::parse(state).unwrap();
            assert_eq!(named.database().map(InstanceIdentifier::as_str), database);
        }
    }
}
