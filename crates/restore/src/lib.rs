//! `restore` makes the instance of this run exist, next to the older ones, and reports its progress. Two machines use it:
//! a replication needs a new version, a rollback one that exists.
//!
//! Converges to, for a replication: one instance `<prefix>-<version>` with this replication's tags, restored from this
//! account's own copy. For a rollback: the instance of the version that is asked for, or, if only its snapshot is kept,
//! one new version restored from that. It may run again at any time: what carries the tags that it would write is its
//! own, and a name is written in the execution's document before RDS is asked for it, so that no execution restores two
//! instances.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`,
//! `rds:RestoreDBInstanceFromDBSnapshot`, `rds:ModifyDBInstance`, `rds:AddTagsToResource`,
//! `secretsmanager:GetSecretValue`, and `ds:GetAuthorizedApplicationDetails` for a stack with a `Domain`.

mod following;
mod restoring;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::Environment;
use rds_access::{Instance, Snapshot};
use replication::budget;
use replication::contract::{self, DbInstance, DestinationInput, Envelope, StageReport, VersionState};
use replication::destination::{Destination, Replicated};
use replication::lineage::Tags;
use replication::looking::Look;
use replication::pacing::{Stage, StageName};
use replication::restore::{self, Purpose, Step};
use replication::secret::{Pointer, Secret};
use replication::versions::World;
use replication::{Error, ErrorName};
use restore_options::Options;
use time::OffsetDateTime;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    destination: Destination,
    most_versions_ahead: usize,
    /// How many restores may be on their way at once, for several databases.
    most_at_once: Option<usize>,
    options: Options,
    /// Whether a new version waits until its storage is loaded.
    require_initialized: bool,
    deadline_seconds: u32,
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
            destination: lambda_task::destination(environment)?,
            most_versions_ahead: environment.parsed("MAX_VERSIONS_AHEAD", "a whole number from 1")?,
            most_at_once: environment.optional_parsed("MAX_RESTORES_AT_ONCE", "a whole number from 1")?,
            options: Options::read(environment)?,
            require_initialized: environment.parsed("REQUIRE_INITIALIZED", "true or false")?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
            environment: environment.of_asked(),
        })
    }
}

/// What a poll knows: the document of the execution, and what it has observed.
struct Poll<'a> {
    rds: &'a Rds,
    config: &'a Config,
    replicated: &'a Replicated,
    purpose: Purpose<'a>,
    earlier: Option<&'a DbInstance>,
    /// The tags of the source database, for a replication.
    source_tags: &'a Tags,
    stage: Stage,
    /// The ARN of the execution.
    execution: &'a str,
    /// How many other runs were running when this one began.
    others_running: Option<usize>,
    /// Whether this poll has found that it is the turn of this run.
    has_turn: bool,
}

/// Finds this run's instance; if there is none, chooses its name in this poll and restores it in the next.
///
/// # Errors
/// `RestoreFailed`, `InstanceNotReady`, `VersionNotFound`, `VersionsExhausted`, `TooManyVersionsAhead`, `SourceMismatch`,
/// `NameTaken`, `NotFound`, `InvalidConfiguration` (a limit of growth that the storage has reached), `QuotaExceeded`,
/// `KeyNotAccessible`, `DeadlineExceeded`, `SecretInvalid`, `InvalidInput`, or a fault of a service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<VersionState>,
    now: OffsetDateTime,
) -> Result<DbInstance, Error> {
    let VersionState { purpose, db_instance: earlier, room, .. } = input.state;
    let config = &*config.environment.of_run(config, &purpose.overrides(), Config::read)?;
    let report = earlier.as_ref().map(|earlier| &earlier.stage);
    let stage = Stage::resume(StageName::Restore, report, now, config.deadline_seconds, &input.execution.id);
    let no_tags = Tags::default();
    let source_tags = match &purpose {
        contract::Purpose::Replicate { input, .. } => source_tags(input),
        contract::Purpose::RollBack { .. } => &no_tags,
    };
    let replicated = config.destination.of(purpose.database(), "restoring an instance")?;
    let purpose = read_purpose(config, &purpose)?;
    let mut poll = Poll {
        rds,
        config,
        replicated: &replicated,
        purpose,
        earlier: earlier.as_ref(),
        source_tags,
        stage,
        execution: &input.execution.id,
        others_running: room.and_then(|room| room.others_running),
        has_turn: false,
    };
    if let Some(report) = poll.follow_known().await? {
        return Ok(report);
    }
    if let Some(waiting) = earlier.as_ref().filter(|earlier| budget::is_waiting(&earlier.stage)) {
        if let Some(stage) = poll.turn().await? {
            return Ok(DbInstance { stage, ..waiting.clone() });
        }
        poll.has_turn = true;
    }
    poll.look(secrets).await
}

fn source_tags(input: &DestinationInput) -> &Tags {
    &input.replication.source_tags
}

fn no_document() -> Error {
    Error::new(ErrorName::InvalidInput, "restoring an instance").because("field state.DBInstance is missing")
}

/// What the machine is for.
fn read_purpose<'a>(config: &Config, purpose: &'a contract::Purpose) -> Result<Purpose<'a>, Error> {
    match purpose {
        contract::Purpose::Replicate { input, db_snapshot } => {
            let copy = db_snapshot.as_ref().ok_or_else(|| {
                Error::new(ErrorName::InvalidInput, "restoring an instance")
                    .because("field state.DBSnapshot is missing")
            })?;
            Ok(Purpose::Replicate { id: &input.replication.id, copy, most_ahead: config.most_versions_ahead })
        }
        contract::Purpose::RollBack { version, source_db_identifier } => {
            Ok(Purpose::RollBack { wanted: *version, names_database: source_db_identifier.is_some() })
        }
    }
}

impl Poll<'_> {
    /// Follows what an earlier poll has restored, which is found by its name alone. Nothing if there is none yet, or it is not
    /// what the document says.
    async fn follow_known(&self) -> Result<Option<DbInstance>, Error> {
        let Some(earlier) = self.earlier.filter(|earlier| !earlier.chosen) else { return Ok(None) };
        let Some(found) = rds_access::instance(self.rds, &earlier.identifier).await? else { return Ok(None) };
        let instances = [found];
        let world = World { instances: &instances, snapshots: &[], live_host: "", live_prefix: "" };
        match restore::decide(&self.replicated.scope(), &self.purpose, self.earlier, &world) {
            Ok(step @ Step::Follow { .. }) => {
                tracing::info!(decision = %step, "decided");
                let Step::Follow { instance, restored_by } = step else { return Ok(None) };
                self.follow(instance, restored_by.as_ref()).await.map(Some)
            }
            // What else there is to say of it takes more than its name.
            _ => Ok(None),
        }
    }

    /// Reads what the database has, decides and does one thing.
    async fn look(&self, secrets: &Secrets) -> Result<DbInstance, Error> {
        let Self { rds, replicated, earlier, .. } = self;
        let snapshots = self.snapshots().await?;
        let secret = secret_access::read(secrets, &replicated.secret).await?;
        let chosen = earlier.map(|earlier| earlier.identifier.as_str()).unwrap_or_default();
        let look = Look {
            scope: replicated.scope(),
            hosts: &[&secret.pointer.host, chosen],
            live_prefix: &secret.pointer.prefix,
            snapshots: &snapshots,
            execution: self.execution,
            needs_all: false,
        };
        let mut instances = rds_access::versions(rds, &look).await?.instances;
        if let Some(report) = self.take(&instances, &snapshots, &secret).await? {
            return Ok(report);
        }
        // RDS says that the name of the document is taken, and the list has not shown by what: ask for it by its name.
        let Some(earlier) = earlier else { return Err(no_document()) };
        match rds_access::instance(rds, &earlier.identifier).await? {
            Some(found) => {
                instances.retain(|instance| instance.identifier != found.identifier);
                instances.push(found);
                let report = self.take(&instances, &snapshots, &secret).await?;
                report.map_or_else(|| self.unseen(earlier), Ok)
            }
            None => self.unseen(earlier),
        }
    }

    /// The snapshots of the database. A stack for one database may have replicated another one before under the same names: the
    /// first version goes on from the numbers of that, and an operator who asks for a version of it is told.
    async fn snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        let Replicated { stack, database, secret, .. } = self.replicated;
        let copy = match &self.purpose {
            Purpose::Replicate { copy, .. } => Some(copy),
            Purpose::RollBack { .. } => None,
        };
        if copy.is_some() || secret.is_made_by_run {
            let known = copy.filter(|copy| copy.arn.is_some()).map(|copy| &copy.identifier);
            let snapshots = rds_access::snapshots_of_database(self.rds, stack, database, known).await?;
            let has_versions = snapshots.iter().any(|snapshot| snapshot.tags.version().is_some());
            if has_versions || secret.is_made_by_run {
                return Ok(snapshots);
            }
        }
        rds_access::snapshots_of_stack(self.rds, stack).await
    }

    /// The report of a run that has to wait for its turn; nothing if it is its turn. An operator who rolls back is not kept
    /// waiting.
    async fn turn(&self) -> Result<Option<StageReport>, Error> {
        let Self { rds, config, stage, .. } = self;
        let is_counted = budget::is_to_be_counted(self.others_running, config.most_at_once);
        if self.has_turn || !is_counted || matches!(self.purpose, Purpose::RollBack { .. }) {
            return Ok(None);
        }
        let stack = &self.replicated.stack;
        let instances = rds_access::instances_of_stack(rds, stack).await?;
        let on_the_way = budget::restores_on_the_way(&instances, stack);
        budget::wait(on_the_way, config.most_at_once, "MaxRestoresAtOnce", stage)
    }

    /// Decides and does one thing. Nothing if RDS says that the name is taken, by what it does not show here.
    async fn take(
        &self,
        instances: &[Instance],
        snapshots: &[Snapshot],
        secret: &Secret,
    ) -> Result<Option<DbInstance>, Error> {
        let Pointer { host, prefix } = &secret.pointer;
        let world = World { instances, snapshots, live_host: host, live_prefix: prefix };
        let step = restore::decide(&self.replicated.scope(), &self.purpose, self.earlier, &world)?;
        tracing::info!(decision = %step, "decided");
        match step {
            Step::Follow { instance, restored_by } => {
                self.follow(instance, restored_by.as_ref()).await.map(Some)
            }
            // An instance that the secret could not be moved to is not made.
            Step::Choose(choice) => {
                secret.check_room()?;
                self.choose(&choice, snapshots).map(Some)
            }
            Step::Restore(choice) => {
                secret.check_room()?;
                self.restore(&choice, snapshots).await
            }
            Step::Await { polls } => match self.earlier {
                Some(earlier) => {
                    let stage = StageReport::unseen(&self.stage, &earlier.stage.rds_status, polls);
                    Ok(Some(DbInstance { stage, ..earlier.clone() }))
                }
                None => Err(no_document()),
            },
        }
    }

    /// The report of a name that is taken by what RDS does not show yet. The choice stays.
    fn unseen(&self, earlier: &DbInstance) -> Result<DbInstance, Error> {
        self.stage.check_deadline(&format!("database {} to be created", earlier.identifier), "name taken")?;
        let stage = StageReport::unseen(&self.stage, "name taken", earlier.stage.unseen + 1);
        Ok(DbInstance { stage, ..earlier.clone() })
    }
}
