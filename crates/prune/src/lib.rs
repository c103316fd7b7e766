//! `prune` makes what is superseded go, and only that. Both accounts use it, each at both ends of its machine: before a run
//! makes anything, so that a full quota does not stop every run for good, and after it.
//!
//! Converges to: of the run's source database, the newest snapshots of each kind and, in the destination, the live version
//! and the older ones kept for rolling back; what carries the deletion tag and is still superseded is deleted. The first
//! call plans at most a set number of deletions per run, and the machine keeps the plan; the next call makes those that are
//! still due. Before a run makes anything, what the rules let go is tagged too, for a later call to delete. So it may run
//! again at any time. The decision is [`replication::retention`]; here it is carried out. What
//! cannot be deleted is reported and found again by the next run; operators are told of it once.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:DeleteDBInstance`,
//! `rds:DeleteDBSnapshot`, `rds:AddTagsToResource`; in the destination `rds:RemoveTagsFromResource`,
//! `secretsmanager:GetSecretValue`, `states:ListExecutions`, and for final snapshots `rds:CreateDBSnapshot`.

mod instances;
mod marking;
mod report;
mod running;
mod snapshots;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{AccountRole, Environment, invalid};
use rds_access::{Instance, Refusal, Snapshot};
use replication::contract::{Execution, Outcome};
use replication::lineage::{self, Tags};
use replication::naming::InstanceIdentifier;
use replication::retention::{self, Decision, First, InUse, InstanceRule, Planned, Sharing, SnapshotRule};
use replication::secret::Version;
use replication::{Error, ErrorName};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::report::Deletion;
pub use crate::report::{Left, Pruned};
use crate::running::Machines;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    source_database: InstanceIdentifier,
    snapshots_to_keep: usize,
    max_deletions: usize,
    account: Account,
}

/// In which of the two accounts the function runs, and what only that one has.
#[derive(Debug, Clone)]
enum Account {
    /// Snapshots that the other account may still be copying for this long.
    Source { shared_snapshots_stay: Duration },
    /// Versions of a database, and a secret that names one of them.
    Destination(Versions),
}

#[derive(Debug, Clone)]
struct Versions {
    secret_arn: String,
    older_to_keep: usize,
    /// Whether a snapshot is made of an instance before it goes.
    final_snapshot: bool,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let account = match AccountRole::read(environment)? {
            AccountRole::Source => {
                let hours: u32 = environment.parsed("SHARED_SNAPSHOT_HOURS", "a whole number from 0")?;
                Account::Source { shared_snapshots_stay: Duration::hours(hours.into()) }
            }
            AccountRole::Destination => Account::Destination(Versions {
                secret_arn: environment.text("SECRET_ARN")?,
                older_to_keep: environment.parsed("NO_OF_OLDER_INSTANCES", "a whole number from 0")?,
                final_snapshot: environment.parsed("FINAL_SNAPSHOT", "true or false")?,
            }),
        };
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            source_database: environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
            snapshots_to_keep: environment.parsed("SNAPSHOTS_TO_KEEP", "a whole number from 1")?,
            max_deletions: read_max_deletions(environment)?,
            account,
        })
    }
}

fn read_max_deletions(environment: &Environment) -> Result<usize, Error> {
    let expected = format!("a whole number from {}", retention::FEWEST_DELETIONS);
    let at_most: usize = environment.parsed("MAX_DELETIONS", &expected)?;
    if at_most < retention::FEWEST_DELETIONS {
        return Err(invalid("MAX_DELETIONS", &format!("{at_most} is not {expected}")));
    }
    Ok(at_most)
}

/// At which end of a run it is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Before the run makes anything.
    Room,
    /// At its end.
    #[default]
    Prune,
}

/// The event. What to prune is read from RDS and the secret; the document says for which database, and what was planned.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    /// The execution that asks.
    pub execution: Execution,
    /// At which end of the run.
    #[serde(default, rename = "stage")]
    pub place: Place,
    /// The machines whose running executions may need things; only in the destination.
    #[serde(default)]
    pub machines: Option<Machines>,
    /// The machine's document.
    #[serde(default)]
    pub state: State,
}

/// The document, as far as `prune` reads it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct State {
    #[serde(rename = "SourceDBIdentifier")]
    source_db_identifier: Option<InstanceIdentifier>,
    #[serde(rename = "SourceDBSnapshot")]
    source_db_snapshot: Option<OfDatabase>,
    secret: Option<Moved>,
    room: Option<Earlier>,
    prune: Option<Earlier>,
}

#[derive(Debug, Clone, Deserialize)]
struct OfDatabase {
    #[serde(rename = "sourceDBIdentifier")]
    source_db_identifier: InstanceIdentifier,
}

/// Where the run has moved the secret.
#[derive(Debug, Clone, Deserialize)]
struct Moved {
    #[serde(rename = "db_host")]
    host: String,
    outcome: Outcome,
}

/// The result of an earlier call.
#[derive(Debug, Clone, Deserialize)]
struct Earlier {
    #[serde(default)]
    planned: Vec<Planned>,
    #[serde(default)]
    left: Vec<Left>,
}

impl Input {
    /// The database of the run: what its snapshot is of, else what its input names, else the stack's.
    fn database(&self, config: &Config) -> InstanceIdentifier {
        let of_snapshot =
            self.state.source_db_snapshot.as_ref().map(|snapshot| &snapshot.source_db_identifier);
        let named = of_snapshot.or(self.state.source_db_identifier.as_ref());
        match config.account {
            Account::Source { .. } => named.unwrap_or(&config.source_database).clone(),
            Account::Destination(_) => config.source_database.clone(),
        }
    }

    /// What an earlier call of this place has planned.
    fn planned(&self) -> Option<&[Planned]> {
        let earlier = match self.place {
            Place::Room => &self.state.room,
            Place::Prune => &self.state.prune,
        };
        earlier.as_ref().map(|earlier| earlier.planned.as_slice())
    }

    /// How many deletions this run may have made at the other place: all that it had planned, because RDS may have begun
    /// one although its answer was lost and the next one was a refusal.
    fn planned_elsewhere(&self) -> usize {
        match self.place {
            Place::Room => 0,
            Place::Prune => self.state.room.as_ref().map_or(0, |room| room.planned.len()),
        }
    }

    /// What could not be deleted at the other place, before the run made anything.
    fn refused_elsewhere(&self) -> Vec<Left> {
        let room = self.state.room.as_ref().filter(|_| self.place == Place::Prune);
        room.map_or_else(Vec::new, |room| {
            room.left.iter().filter(|left| left.is_undeleted).cloned().collect()
        })
    }
}

/// What is there, and what was decided about it.
struct World {
    instances: Vec<Instance>,
    snapshots: Vec<Snapshot>,
    about_instances: Vec<Decision>,
    about_snapshots: Vec<Decision>,
}

impl World {
    fn instance(&self, identifier: &str) -> Option<&Instance> {
        self.instances.iter().find(|one| one.identifier.as_str() == identifier)
    }

    fn snapshot(&self, identifier: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|one| one.identifier.as_str() == identifier)
    }

    /// Whether a thing that was there when it was planned is gone or on its way out.
    fn is_leaving(&self, thing: &Planned) -> bool {
        match thing {
            Planned::Instance(name) => self.instance(name).is_none_or(Instance::is_leaving),
            Planned::Snapshot(name) => self.snapshot(name).is_none_or(|one| one.status.is_deleting()),
        }
    }

    /// Whether an earlier run could not delete a thing.
    fn was_undeleted(&self, thing: &Planned) -> bool {
        let tagged = self.tagged(thing.identifier());
        tagged.is_some_and(|(_, tags)| tags.get(lineage::UNDELETED).is_some())
    }

    /// Whether a thing that was there is certainly gone.
    async fn is_gone(&self, rds: &Rds, identifier: &str) -> bool {
        match self.instance(identifier) {
            Some(instance) => rds_access::instance_is_gone(rds, &instance.identifier).await,
            None => rds_access::snapshot_is_gone(rds, identifier).await,
        }
    }

    /// The ARN and the tags of a thing.
    fn tagged(&self, identifier: &str) -> Option<(String, &Tags)> {
        let instance = self.instance(identifier).map(|one| (one.arn.clone(), &one.tags));
        instance.or_else(|| self.snapshot(identifier).map(|one| (one.arn.to_string(), &one.tags)))
    }
}

/// The clients of the services that are used.
#[derive(Debug)]
pub struct Clients {
    /// RDS.
    pub rds: Rds,
    /// Secrets Manager.
    pub secrets: Secrets,
    /// Step Functions.
    pub machines: aws_sdk_sfn::Client,
}

/// Prunes what this stack has made of a database in this account.
///
/// # Errors
/// `SecretMovedBack`, `SecretInvalid`, or a fault of a service. A deletion that is refused is in the report; only one that
/// may succeed when it is made again is an error too, and only at the end of a run.
pub async fn run(
    clients: &Clients,
    config: &Config,
    input: Input,
    now: OffsetDateTime,
) -> Result<Pruned, Error> {
    let world = observe(clients, config, &input, now).await?;
    for decision in world.about_instances.iter().chain(&world.about_snapshots) {
        tracing::info!(%decision, "decided");
    }
    let first = match input.place {
        Place::Room => First::Snapshots,
        Place::Prune => First::Instances,
    };
    let refused_before = input.refused_elsewhere();
    let mut due = retention::due(first, &world.about_instances, &world.about_snapshots);
    due.retain(|thing| refused_before.iter().all(|left| left.identifier != thing.identifier()));
    // What earlier runs could not delete comes last, so that it does not keep the rest from going.
    due.sort_by_key(|thing| world.was_undeleted(thing));
    let (planned, later): (Vec<Planned>, Vec<Planned>) = match input.planned() {
        Some(planned) => {
            let later = due.iter().filter(|thing| !planned.contains(thing)).cloned().collect();
            (planned.to_vec(), later)
        }
        None => retention::plan_deletions(due.clone(), config.max_deletions, input.planned_elsewhere()),
    };
    let report =
        Pruned::of_plan(world.about_instances.clone(), world.about_snapshots.clone(), planned.clone());
    if input.planned().is_none() && !planned.is_empty() {
        return Ok(report.to_be_carried_out());
    }

    let mut report = report;
    let mut failed = None;
    for thing in &planned {
        let ended = if due.contains(thing) {
            delete(clients, config, &world, thing).await
        } else if world.is_leaving(thing) {
            Deletion::AlreadyGone
        } else {
            // Something has changed since it was planned: the decision about it says what.
            continue;
        };
        let refused = report.note(thing.identifier(), ended);
        failed = failed.or(refused.filter(|error| error.name().is_retryable()));
    }
    report.leave_hindered();
    report.leave(&later, config.max_deletions);
    report.leave_too(refused_before);
    match (input.place, &config.account) {
        (Place::Room, Account::Destination(versions)) => {
            marking::mark(clients, versions, &world, &mut report).await;
        }
        (Place::Room, Account::Source { .. }) => {}
        (Place::Prune, _) => {
            if let Some(retryable) = failed {
                return Err(retryable);
            }
            tell(clients, &input, &world, &mut report).await;
        }
    }
    Ok(report)
}

/// Observes what is there, and decides about it.
async fn observe(
    clients: &Clients,
    config: &Config,
    input: &Input,
    now: OffsetDateTime,
) -> Result<World, Error> {
    let database = input.database(config);
    let stack = config.stack.as_str();
    let rule = SnapshotRule::new(stack, &database, config.snapshots_to_keep);
    let (instances, about_instances, rule) = match &config.account {
        Account::Source { shared_snapshots_stay } => {
            let sharing = Some(Sharing { now, stays: *shared_snapshots_stay });
            let in_use = InUse::default().with(input.execution.replication_id());
            (Vec::new(), Vec::new(), SnapshotRule { sharing, in_use, ..rule })
        }
        Account::Destination(versions) => {
            let in_use = match &input.machines {
                Some(machines) => running::in_use(&clients.machines, machines, &input.execution).await?,
                None => InUse::default(),
            };
            // At the end of the run nothing is left that it still needs. Its execution has the name of its replication.
            let in_use = match input.execution.name.parse() {
                Ok(id) if input.place == Place::Room => in_use.with(id),
                _ => in_use,
            };
            // The secret is read before the instances: what has become live since is newer than what it names.
            let secret = secret_access::read_version(&clients.secrets, &versions.secret_arn).await?;
            let instances = rds_access::instances(&clients.rds).await?;
            let live_host = secret.secret.pointer.host.as_str();
            refuse_if_moved_back(stack, &database, input, &instances, &secret)?;
            let about = retention::plan_instances(
                &instances,
                &InstanceRule {
                    final_snapshot: versions.final_snapshot,
                    in_use: in_use.clone(),
                    ..InstanceRule::new(stack, &database, live_host, versions.older_to_keep)
                },
            );
            (instances, about, SnapshotRule { in_use, ..rule })
        }
    };
    let snapshots = rds_access::snapshots_of_stack(&clients.rds, stack).await?;
    let about_snapshots = retention::plan_snapshots(&snapshots, &rule);
    Ok(World { instances, snapshots, about_instances, about_snapshots })
}

/// Ends the run by name if somebody else has put the secret back after this run had moved it.
fn refuse_if_moved_back(
    stack: &str,
    database: &InstanceIdentifier,
    input: &Input,
    instances: &[Instance],
    secret: &Version,
) -> Result<(), Error> {
    let moved = input.state.secret.as_ref().filter(|secret| {
        input.place == Place::Prune && matches!(secret.outcome, Outcome::Moved | Outcome::AlreadyMoved)
    });
    let Some(moved) = moved else { return Ok(()) };
    let back = retention::moved_back(instances, stack, database, &moved.host, secret);
    let Some(named) = back else { return Ok(()) };
    let moved_to = retention::live_instance(instances, stack, &moved.host).and_then(|one| one.tags.version());
    let version = moved_to.map_or_else(String::new, |version| version.to_string());
    Err(Error::new(ErrorName::SecretMovedBack, format!("checking that the secret still names {}", moved.host))
        .because(format!(
            "it names the older version {} again, and this stack did not write that; nothing was deleted",
            named.identifier
        ))
        .advise(format!(
            "find out who has written the secret, such as a rotation that began before this run moved it; then go \
             forward again with scripts/rollback {version}"
        )))
}

async fn delete(clients: &Clients, config: &Config, world: &World, thing: &Planned) -> Deletion {
    match (thing, &config.account) {
        (Planned::Instance(name), Account::Destination(versions)) => match world.instance(name) {
            Some(instance) => {
                instances::delete(&clients.rds, &clients.secrets, config, versions, instance).await
            }
            None => Deletion::AlreadyGone,
        },
        (Planned::Snapshot(name), _) => match world.snapshot(name) {
            Some(snapshot) => snapshots::delete(&clients.rds, snapshot).await,
            None => Deletion::AlreadyGone,
        },
        (Planned::Instance(_), Account::Source { .. }) => {
            Deletion::NotNow("the source account has no versions".to_owned())
        }
    }
}

/// Counts on each thing that it could not be deleted in this run, and says which operators are to hear of.
async fn tell(clients: &Clients, input: &Input, world: &World, report: &mut Pruned) {
    let run = input.execution.replication_id();
    let mut to_tell = Vec::new();
    for left in report.left.iter().filter(|left| left.is_undeleted) {
        let Some((arn, tags)) = world.tagged(&left.identifier) else { continue };
        let counted = retention::count_undeleted(tags.get(lineage::UNDELETED), run.as_str());
        let mut uncounted = None;
        if let Some(value) = &counted.tag {
            let tag = Tags::default().with(lineage::UNDELETED, value);
            if let Err(refused) = rds_access::add_tags(&clients.rds, &arn, &tag).await {
                // What has gone meanwhile has no tags that would allow it.
                if matches!(refused, Refusal::Gone(_)) || world.is_gone(&clients.rds, &left.identifier).await
                {
                    continue;
                }
                tracing::warn!(?refused, identifier = left.identifier, "not counted");
                uncounted = Some(refused.into_error(format!("tagging {}", left.identifier)));
            }
        }
        to_tell.extend(counted.telling(&left.identifier, &left.reason, uncounted.as_ref()));
    }
    report.tell = to_tell;
}

#[cfg(test)]
mod tests;
