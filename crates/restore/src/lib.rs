//! `restore` makes the instance of this run exist, beside the older ones, and says how far it is. Two machines use it: a
//! replication needs a new version, a rollback one that exists.
//!
//! Converges to, for a replication: one instance `<prefix>-<version>` with this replication's tags, restored from this
//! account's own copy. For a rollback: the instance of the version that is asked for, or, if only its snapshot is kept,
//! one new version restored from that. It may run again at any time: it looks at all instances first, and what carries
//! the tags it would write is its own, whatever number it got. A number that somebody else took meanwhile is passed
//! over.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:RestoreDBInstanceFromDBSnapshot`,
//! `rds:ModifyDBInstance`, `rds:AddTagsToResource`, `secretsmanager:GetSecretValue`.

mod finishing;
mod options;
mod restoring;
mod target;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::Environment;
use rds_access::Instance;
use replication::contract::{DbInstance, Envelope, StageReport, VersionState};
use replication::lineage;
use replication::naming::InstanceIdentifier;
use replication::pacing::{Stage, StageName};
use replication::progress::Restored;
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::options::Options;
use crate::target::Target;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    secret_arn: String,
    prefix: InstanceIdentifier,
    source_database: InstanceIdentifier,
    options: Options,
    deadline_seconds: u32,
}

impl Config {
    /// The environment variables this function reads.
    pub const ENVIRONMENT: &[&str] =
        &["STACK_NAME", "SECRET_ARN", "DATABASE_NAME", "SOURCE_DB_IDENTIFIER", "STAGE_DEADLINE_SECONDS"];
    /// The environment variables that say how a copy comes up.
    pub const OPTIONS_ENVIRONMENT: &[&str] = Options::ENVIRONMENT;

    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            secret_arn: environment.text("SECRET_ARN")?,
            prefix: environment.parsed("DATABASE_NAME", "a database identifier")?,
            source_database: environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
            options: Options::read(environment)?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
        })
    }
}

/// Looks for this run's instance and restores it if it is not there.
///
/// # Errors
/// `RestoreFailed`, `InstanceNotReady`, `VersionNotFound`, `SourceMismatch`, `InvalidConfiguration` (a limit of growth that
/// the storage has reached), `QuotaExceeded`, `DeadlineExceeded`,
/// `SecretInvalid`, `InvalidInput`, or a fault of a service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<VersionState>,
    now: OffsetDateTime,
) -> Result<DbInstance, Error> {
    let state = input.state;
    let started_at = state.db_instance.as_ref().map_or(now, |earlier| earlier.stage.started_at);
    let stage =
        Stage { name: StageName::Restore, started_at, now, deadline_seconds: config.deadline_seconds };

    let instances = rds_access::instances(rds).await?;
    match target::find(rds, secrets, config, &state, &instances).await? {
        Target::There { instance, made_by } => {
            let report = report(instance, &stage)?;
            finishing::finish(rds, config, instance, made_by.as_ref(), &stage, report).await
        }
        Target::ToRestore(origin) => {
            restoring::restore(rds, secrets, config, &instances, &origin, &stage).await
        }
    }
}

/// How far an instance of ours is.
fn report(found: &Instance, stage: &Stage) -> Result<DbInstance, Error> {
    let name = &found.identifier;
    let version = found.tags.version().ok_or_else(|| {
        Error::new(ErrorName::RestoreFailed, format!("looking at database {name}"))
            .because(format!("its tag {} is missing or no number", lineage::VERSION))
            .advise("put the tag back, or delete the database and start the source execution again")
    })?;
    let waiting = || format!("waiting for database {name}");
    let report = match (found.status.restored(), &found.host) {
        (Restored::Usable, Some(_)) => StageReport::available(stage, found.status.as_str()),
        (Restored::Stopped, _) => {
            return Err(Error::new(ErrorName::InstanceNotReady, waiting())
                .because(format!("it is {}", found.status))
                .advise("start it in the RDS console, then start the execution again"));
        }
        (Restored::Deleting | Restored::FailedRestore | Restored::Broken, _) => {
            return Err(Error::new(ErrorName::RestoreFailed, waiting())
                .because(format!("it is {}", found.status))
                .advise(
                    "see its events in the RDS console; the next replication restores a new version and a later \
                     prune deletes this one",
                ));
        }
        // An instance has no endpoint until RDS has given it one (API model).
        (Restored::Usable | Restored::Busy, _) => {
            stage.check_deadline(&format!("database {name}"), found.status.as_str())?;
            StageReport::pending(stage, found.status.as_str(), None)
        }
    };
    Ok(DbInstance {
        identifier: name.clone(),
        version,
        restored_version: found.tags.restored_version(),
        host: found.host.clone(),
        stage: report,
    })
}
