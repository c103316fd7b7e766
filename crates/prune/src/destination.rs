//! The destination account: the versions of one database, and the snapshot copies that they were restored from.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::Environment;
use rds_access::{Instance, Regions};
use replication::contract::{DestinationInput, Execution, Outcome, Status};
use replication::destination::{Destination, Replicated};
use replication::lineage::Tags;
use replication::looking::{Look, Seen};
use replication::naming::{SnapshotArn, SnapshotIdentifier};
use replication::retention::{self, InstanceRule, Planned, SnapshotRule};
use replication::secret::Version;
use replication::staleness::{self, Ages};
use replication::{Error, ErrorName};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::call::{Call, Place, Results};
use crate::report::{Deletion, LogGroup, Pruned};
use crate::running::{self, Machines};
use crate::world::World;
use crate::{Settings, instances, marking, snapshots};

/// What the destination stack says.
#[derive(Debug, Clone)]
pub struct Config {
    settings: Settings,
    destination: Destination,
    older_to_keep: usize,
    /// Whether a snapshot is made of an instance before it goes.
    pub(crate) final_snapshot: bool,
    /// For how many days the logs of versions that may go are kept.
    log_retention_days: u32,
    /// The tags that the stack gives to everything that is made.
    pub(crate) extra_tags: Tags,
    /// What all this was read from.
    environment: Environment,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        lambda_task::allowed(environment)?;
        Ok(Self {
            settings: Settings::read(environment)?,
            destination: lambda_task::destination(environment)?,
            older_to_keep: environment.parsed("NO_OF_OLDER_INSTANCES", "a whole number from 0")?,
            final_snapshot: environment.parsed("FINAL_SNAPSHOT", "true or false")?,
            log_retention_days: environment.parsed("LOG_RETENTION_DAYS", "a whole number of days")?,
            extra_tags: lambda_task::extra_tags(environment)?,
            environment: environment.of_asked(),
        })
    }
}

/// The event. What to prune is read from RDS and the secret; the document says what was planned and where the secret was
/// moved.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    execution: Execution,
    #[serde(default, rename = "stage")]
    place: Place,
    /// The machines whose running executions may need things.
    machines: Machines,
    #[serde(default)]
    state: State,
}

impl Input {
    /// The copy that this run has made, which is among the snapshots of the database.
    fn copy(&self) -> Option<&SnapshotIdentifier> {
        self.state.copy.as_ref().filter(|copy| copy.arn.is_some()).map(|copy| &copy.identifier)
    }
}

/// The document of the destination machine, as far as `prune` reads it.
#[derive(Debug, Clone, Default, Deserialize)]
struct State {
    #[serde(rename = "Input")]
    input: Option<DestinationInput>,
    secret: Option<Moved>,
    #[serde(rename = "DBSnapshot")]
    copy: Option<Copy>,
    #[serde(flatten)]
    results: Results,
}

/// The copy of the run, once RDS has accepted it.
#[derive(Debug, Clone, Deserialize)]
struct Copy {
    #[serde(rename = "TargetDBSnapshotIdentifier")]
    identifier: SnapshotIdentifier,
    #[serde(rename = "TargetDBSnapshotArn")]
    arn: Option<SnapshotArn>,
}

/// Where the run has moved the secret.
#[derive(Debug, Clone, Deserialize)]
struct Moved {
    #[serde(rename = "db_host")]
    host: String,
    outcome: Outcome,
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

/// Prunes what this stack has made of its database.
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
    let announced =
        input.state.input.as_ref().and_then(|input| input.replication.source_db_identifier.as_ref());
    let replicated = config.destination.of(announced, "pruning")?;
    let overrides = input.state.input.as_ref().map(|input| input.replication.overrides.clone());
    let config = &*config.environment.of_run(config, &overrides.unwrap_or_default(), Config::read)?;
    let world = observe(clients, config, &replicated, &input).await?;
    let delete = async |thing: &Planned| match thing {
        Planned::Instance(name) => match world.instance(name) {
            Some(instance) => instances::delete(clients, config, &replicated, instance).await,
            None => Deletion::AlreadyGone,
        },
        Planned::Snapshot(name) => match world.snapshot(name) {
            Some(snapshot) => snapshots::delete(&clients.rds, snapshot).await,
            None => Deletion::AlreadyGone,
        },
    };
    let Input { execution, place, state, .. } = input;
    let call = Call { execution, place, results: state.results };
    let mut report =
        crate::prune(&Regions::one(clients.rds.clone()), &config.settings, &call, &world, delete).await?;
    if place == Place::Room && report.status == Status::Available {
        let retention_in_days = config.log_retention_days;
        let groups = world.log_groups.iter().cloned();
        report.log_groups =
            groups.map(|log_group_name| LogGroup { log_group_name, retention_in_days }).collect();
        marking::mark(clients, &replicated.secret, &world, &mut report).await;
    }
    match place {
        Place::Room if replicated.secret.is_made_by_run => {
            report.others_running = Some(world.others_running);
            if world.has_all_instances && report.status == Status::Available {
                log_ages(&world, &replicated, now);
            }
        }
        Place::Prune if report.status == Status::Available => log_ages(&world, &replicated, now),
        Place::Room | Place::Prune => {}
    }
    Ok(report)
}

/// Logs how old the data of each database of the stack are, of which the stack makes metrics: of all of them where the run has
/// seen all, because a database without runs has none that could.
fn log_ages(world: &World, replicated: &Replicated, now: OffsetDateTime) {
    let mut ages = staleness::ages(&world.instances, &replicated.stack, now);
    if !world.has_all_instances {
        ages.retain(|database, _| *database == replicated.database.as_str());
    }
    for (source_database, Ages { data_hours, success_hours }) in &ages {
        tracing::info!(
            source_database,
            data_age_hours = data_hours,
            hours_since_success = success_hours,
            "the newest data that were live"
        );
    }
    if !world.has_all_instances {
        return;
    }
    if let Some((source_database, oldest)) = ages.iter().max_by_key(|(_, ages)| ages.data_hours) {
        let oldest_data_age_hours = oldest.data_hours;
        tracing::info!(of = source_database, oldest_data_age_hours, "the stalest database of the stack");
    }
}

/// Observes what is there, and decides about it.
async fn observe(
    clients: &Clients,
    config: &Config,
    replicated: &Replicated,
    input: &Input,
) -> Result<World, Error> {
    let Replicated { stack, database, .. } = replicated;
    let (in_use, others_running) =
        running::in_use(&clients.machines, &input.machines, &input.execution).await?;
    // At the end of the run nothing is left that it still needs. Its execution has the name of its replication.
    let in_use = match input.execution.name.parse() {
        Ok(id) if input.place == Place::Room => in_use.with(id),
        _ => in_use,
    };
    // The secret is read before the instances: what has become live since is newer than what it names.
    let secret = secret_access::read_version_if_made(&clients.secrets, &replicated.secret).await?;
    let snapshots = rds_access::snapshots_of_database(&clients.rds, stack, database, input.copy()).await?;
    let pointer = secret.as_ref().map(|version| version.secret.pointer.clone()).unwrap_or_default();
    let moved_to = input.state.secret.as_ref().map(|moved| moved.host.as_str()).unwrap_or_default();
    let look = Look {
        scope: replicated.scope(),
        hosts: &[&pointer.host, moved_to],
        live_prefix: &pointer.prefix,
        snapshots: &snapshots,
        execution: &input.execution.id,
        // The first and the last one of several runs say how old the data of all databases are.
        needs_all: replicated.secret.is_made_by_run && others_running == 0,
    };
    let Seen { instances, is_all } = rds_access::versions(&clients.rds, &look).await?;
    if let Some(secret) = &secret {
        refuse_if_moved_back(replicated, input, &instances, secret)?;
    }
    let live_host = pointer.host;
    let rule = InstanceRule {
        final_snapshot: config.final_snapshot,
        in_use: in_use.clone(),
        ..InstanceRule::new(stack, database, &live_host, config.older_to_keep)
    };
    let about_instances = retention::plan_instances(&instances, &rule);
    let log_groups = retention::log_groups_left_behind(&instances, &rule);
    let rule =
        SnapshotRule { in_use, ..SnapshotRule::new(stack, database, config.settings.snapshots_to_keep) };
    let about_snapshots = retention::plan_snapshots(&snapshots, &rule);
    let has_all_instances = is_all;
    Ok(World {
        instances,
        snapshots,
        about_instances,
        about_snapshots,
        log_groups,
        has_all_instances,
        others_running,
    })
}

/// Ends the run by name if somebody else has put the secret back after this run had moved it.
fn refuse_if_moved_back(
    Replicated { stack, database, .. }: &Replicated,
    input: &Input,
    instances: &[Instance],
    secret: &Version,
) -> Result<(), Error> {
    let moved = input
        .state
        .secret
        .as_ref()
        .filter(|secret| input.place == Place::Prune && secret.outcome.has_moved());
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
