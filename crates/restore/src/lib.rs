//! `restore` makes the instance of this replication exist, beside the older ones, and says how far it is.
//!
//! Converges to: one instance `<prefix>-<version>` with this replication's tags, restored from this account's own
//! copy. It may run again at any time: it looks at all instances first, and the one with this replication's tags is
//! its own, whatever number it got. A number that somebody else took meanwhile is passed over.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:RestoreDBInstanceFromDBSnapshot`, `rds:AddTagsToResource`,
//! `secretsmanager:GetSecretValue`.

mod options;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{Environment, code_and_message, fault};
use rds_access::Instance;
use replication::contract::{DbInstance, DbSnapshot, DestinationState, Envelope, StageReport};
use replication::lineage::{self, Tags};
use replication::naming::{self, InstanceIdentifier, ReplicationId, Version};
use replication::pacing::{Stage, StageName};
use replication::progress::{self, Progress};
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::options::Options;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    secret_arn: String,
    prefix: InstanceIdentifier,
    options: Options,
    deadline_seconds: u32,
}

impl Config {
    /// The environment variables this function reads.
    pub const ENVIRONMENT: &[&str] = &[
        "STACK_NAME",
        "SECRET_ARN",
        "DATABASE_NAME",
        "ENGINE",
        "DB_INSTANCE_CLASS",
        "DB_SUBNET_GROUP",
        "SECURITY_GROUP_IDS",
        "PUBLICLY_ACCESSIBLE",
        "STAGE_DEADLINE_SECONDS",
    ];

    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            secret_arn: environment.text("SECRET_ARN")?,
            prefix: environment.parsed("DATABASE_NAME", "a database identifier")?,
            options: Options::read(environment)?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
        })
    }
}

/// Looks for this replication's instance and restores it if it is not there.
///
/// # Errors
/// `RestoreFailed`, `QuotaExceeded`, `DeadlineExceeded`, `SecretInvalid`, `InvalidInput`, or a fault of a service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<DestinationState>,
    now: OffsetDateTime,
) -> Result<DbInstance, Error> {
    let state = input.state;
    let started_at = state.db_instance.map_or(now, |earlier| earlier.stage.started_at);
    let stage =
        Stage { name: StageName::Restore, started_at, now, deadline_seconds: config.deadline_seconds };
    let id = state.input.replication.id;
    let snapshot = state.db_snapshot.ok_or_else(|| {
        Error::new(ErrorName::InvalidInput, "restoring an instance")
            .because("field state.DBSnapshot is missing")
    })?;

    let instances = rds_access::instances(rds).await?;
    let own = |instance: &&Instance| instance.tags.are_of_replication(&config.stack, &id);
    if let Some(found) = instances.iter().find(own) {
        return report(found, &stage);
    }
    let version = next_version(secrets, config, &instances).await?;
    restore(rds, config, &id, &snapshot, version, &stage).await
}

async fn next_version(secrets: &Secrets, config: &Config, instances: &[Instance]) -> Result<Version, Error> {
    let live = secret_access::read(secrets, &config.secret_arn).await?.pointer;
    let ours = instances
        .iter()
        .filter(|instance| instance.tags.are_of_stack(&config.stack))
        .filter_map(|instance| instance.tags.version());
    let taken = instances.iter().map(|instance| instance.identifier.as_str());
    Ok(naming::next_version(&config.prefix, &live.host, ours, taken))
}

async fn restore(
    rds: &Rds,
    config: &Config,
    id: &ReplicationId,
    snapshot: &DbSnapshot,
    version: Version,
    stage: &Stage,
) -> Result<DbInstance, Error> {
    let name = naming::instance(&config.prefix, version)?;
    let mut tags = Tags::of_replication(&config.stack, id, snapshot.source_db_identifier.as_str())
        .with(lineage::VERSION, version.to_string());
    if let Some(arn) = &snapshot.arn {
        tags = tags.with(lineage::SOURCE_SNAPSHOT, arn.to_string());
    }
    let request = rds
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(name.as_str())
        .db_snapshot_identifier(snapshot.identifier.as_str())
        .set_tags(Some(rds_access::to_rds_tags(&tags)));
    let answer = config.options.apply(request).send().await;
    let error = match answer {
        Ok(answer) => {
            return match answer.db_instance() {
                Some(created) => report(&rds_access::read_instance(created)?, stage),
                None => not_started(name, version, stage, "creating"),
            };
        }
        Err(error) => error,
    };
    let doing = format!("restoring snapshot {} as database {name}", snapshot.identifier);
    match error.as_service_error() {
        // A twin of this call was quicker, or somebody took the name since the look: look again and go on from there.
        Some(e) if e.is_db_instance_already_exists_fault() => not_started(name, version, stage, "name taken"),
        Some(e) if e.is_invalid_db_snapshot_state_fault() => not_started(name, version, stage, "snapshot busy"),
        Some(e)
            if e.is_instance_quota_exceeded_fault()
                || e.is_storage_quota_exceeded_fault()
                || e.is_insufficient_db_instance_capacity_fault() =>
        {
            Err(Error::new(ErrorName::QuotaExceeded, doing)
                .because(code_and_message(e))
                .advise("delete databases that nobody needs, ask AWS for a larger quota, or choose another DBInstanceClass"))
        }
        Some(e) if e.is_db_snapshot_not_found_fault() => Err(Error::new(ErrorName::NotFound, doing)
            .because(code_and_message(e))
            .advise("start the source execution again")),
        Some(e) if e.is_kms_key_not_accessible_fault() => Err(Error::new(ErrorName::KeyNotAccessible, doing)
            .because(code_and_message(e))
            .advise("let this account and role use the key of the snapshot copy, the stack's KMSKey")),
        _ => Err(fault(doing, &error)),
    }
}

fn not_started(
    name: InstanceIdentifier,
    version: Version,
    stage: &Stage,
    status: &str,
) -> Result<DbInstance, Error> {
    stage.check_deadline(&format!("database {name} to be created"), status)?;
    Ok(DbInstance { identifier: name, version, host: None, stage: StageReport::pending(stage, status, None) })
}

fn report(found: &Instance, stage: &Stage) -> Result<DbInstance, Error> {
    let name = &found.identifier;
    let version = found.tags.version().ok_or_else(|| {
        Error::new(ErrorName::RestoreFailed, format!("looking at database {name}"))
            .because(format!("its tag {} is missing or no number", lineage::VERSION))
            .advise("put the tag back, or delete the database and start the source execution again")
    })?;
    let report = match (progress::of_restored_instance(&found.status), &found.host) {
        (Progress::Ready, Some(_)) => StageReport::available(stage, &found.status),
        (Progress::Failed, _) => {
            return Err(Error::new(ErrorName::RestoreFailed, format!("waiting for database {name}"))
                .because(format!("it is {}", found.status))
                .advise(
                    "see its events in the RDS console; the next replication restores a new version and a later \
                     prune deletes this one",
                ));
        }
        // An instance has no endpoint until RDS has given it one (API model).
        (Progress::Ready | Progress::Pending, _) => {
            stage.check_deadline(&format!("database {name}"), &found.status)?;
            StageReport::pending(stage, &found.status, None)
        }
    };
    Ok(DbInstance { identifier: name.clone(), version, host: found.host.clone(), stage: report })
}
