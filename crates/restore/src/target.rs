//! Which instance this run is about: one that is there, or one to be restored, and from what.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use rds_access::Instance;
use replication::contract::{DbInstance, DbSnapshot, DestinationInput, Purpose, VersionState};
use replication::lineage::{self, Tags};
use replication::naming::{InstanceIdentifier, SnapshotArn, SnapshotIdentifier};
use replication::rollback::{self, Place, Wanted};
use replication::{Error, ErrorName};

use crate::Config;

/// What this run is about.
pub enum Target<'a> {
    /// This instance.
    There {
        /// The instance.
        instance: &'a Instance,
        /// What it was restored from, if this run has restored it and may finish it.
        made_by: Option<MadeBy>,
    },
    /// One that is to be restored.
    ToRestore(Box<Origin>),
}

/// Which machine has restored an instance.
pub enum MadeBy {
    /// A replication, from this snapshot copy of its own.
    Replication(Option<SnapshotArn>),
    /// A rollback.
    Rollback,
}

/// What an instance is restored from, and the tags it gets beside its version.
pub struct Origin {
    /// The snapshot.
    pub snapshot: SnapshotIdentifier,
    /// Ours.
    pub tags: Tags,
    /// Those of the source database.
    pub of_source: Tags,
}

pub async fn find<'a>(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    state: &VersionState,
    instances: &'a [Instance],
) -> Result<Target<'a>, Error> {
    match &state.purpose {
        Purpose::Replicate { input, db_snapshot } => {
            let snapshot = db_snapshot.as_ref().ok_or_else(|| {
                Error::new(ErrorName::InvalidInput, "restoring an instance")
                    .because("field state.DBSnapshot is missing")
            })?;
            Ok(of_replication(config, input, snapshot, instances))
        }
        Purpose::RollBack { version, source_db_identifier } => {
            check_database(config, source_db_identifier.as_ref())?;
            let earlier = state.db_instance.as_ref();
            if let Some(instance) =
                earlier.and_then(|earlier| chosen_before(&config.stack, earlier, instances))
            {
                let made_by = instance.tags.restored_version().map(|_| MadeBy::Rollback);
                return Ok(Target::There { instance, made_by });
            }
            of_rollback(rds, secrets, config, *version, instances).await
        }
    }
}

fn of_replication<'a>(
    config: &Config,
    input: &DestinationInput,
    snapshot: &DbSnapshot,
    instances: &'a [Instance],
) -> Target<'a> {
    let id = &input.replication.id;
    let own = |instance: &&Instance| instance.is_of_replication(&config.stack, id);
    if let Some(instance) = instances.iter().find(own) {
        return Target::There { instance, made_by: Some(MadeBy::Replication(snapshot.arn.clone())) };
    }
    let tags = Tags::of_replication(&config.stack, id, &snapshot.source_db_identifier)
        .with_some(lineage::SOURCE_SNAPSHOT, snapshot.arn.as_ref().map(ToString::to_string))
        .with_some(lineage::DATA_TIME, snapshot.snapshot_database_time.clone());
    let of_source = input.replication.source_tags.clone();
    Target::ToRestore(Box::new(Origin { snapshot: snapshot.identifier.clone(), tags, of_source }))
}

/// The instance that an earlier look of this run has chosen or has begun to restore: it stays the choice. A replication
/// may have been quicker in taking its number, so the number alone does not make it the one.
fn chosen_before<'a>(stack: &str, earlier: &DbInstance, instances: &'a [Instance]) -> Option<&'a Instance> {
    instances.iter().find(|instance| {
        instance.identifier == earlier.identifier
            && instance.is_of_stack(stack)
            && instance.tags.version() == Some(earlier.version)
            && instance.tags.restored_version() == earlier.restored_version
    })
}

async fn of_rollback<'a>(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    wanted: Wanted,
    instances: &'a [Instance],
) -> Result<Target<'a>, Error> {
    let live_host = secret_access::read(secrets, &config.secret_arn).await?.pointer.host;
    let snapshots = rds_access::snapshots_of_stack(rds, &config.stack).await?;
    let place = rollback::find(wanted, &config.stack, &live_host, instances, &snapshots)?;
    match place {
        Place::Instance(instance) => Ok(Target::There { instance, made_by: None }),
        Place::Snapshot(snapshot, version) => {
            let of_snapshot = |key| snapshot.tags.get(key).map(|value| (key, value.to_owned())).into_iter();
            // The data is that of the snapshot's replication, and so is its age.
            let tags = [lineage::STACK, lineage::REPLICATION_ID, lineage::SOURCE_DATABASE]
                .into_iter()
                .flat_map(of_snapshot)
                .collect::<Tags>()
                .with(lineage::SOURCE_SNAPSHOT, snapshot.arn.to_string())
                .with(lineage::RESTORED_VERSION, version.to_string())
                .with_some(lineage::DATA_TIME, snapshot.data_time.clone());
            let origin = Origin { snapshot: snapshot.identifier.clone(), tags, of_source: Tags::default() };
            Ok(Target::ToRestore(Box::new(origin)))
        }
    }
}

/// A person who names a database means that one.
fn check_database(config: &Config, named: Option<&InstanceIdentifier>) -> Result<(), Error> {
    match named {
        Some(named) if *named != config.source_database => {
            Err(Error::new(ErrorName::SourceMismatch, "rolling back")
                .because(format!(
                    "the input names database {named}, and this stack holds copies of {}",
                    config.source_database
                ))
                .advise("start the rollback machine of the stack that holds the copies of that database"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use replication::observed;
    use serde_json::json;

    use super::*;

    fn instance(tags: &[(&str, &str)]) -> Instance {
        let usual = [(lineage::STACK, "stack"), (lineage::VERSION, "5"), (lineage::NAME, "orders-copy-5")];
        observed::testing::instance("orders-copy-5", usual.iter().chain(tags).copied().collect())
    }

    #[test]
    fn a_replication_that_took_the_number_is_not_what_a_rollback_has_chosen() {
        let earlier: DbInstance = lambda_task::parse(json!({
            "db_instance_identifier": "orders-copy-5", "db_version": 5, "restoredVersion": 2, "status": "NotAvailable",
            "waitSeconds": 15, "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "name taken"}))
        .unwrap();
        for (tags, is_it) in [
            (&[(lineage::RESTORED_VERSION, "2")][..], true),
            (&[(lineage::RESTORED_VERSION, "3")], false),
            (&[(lineage::RESTORED_VERSION, "2"), (lineage::STACK, "another-stack")], false),
            (&[(lineage::RESTORED_VERSION, "2"), (lineage::NAME, "orders-copy-4")], false),
            (&[], false),
        ] {
            let instances = [instance(tags)];
            assert_eq!(chosen_before("stack", &earlier, &instances).is_some(), is_it, "{tags:?}");
        }
    }
}
