//! `snapshot` makes the snapshot of this run exist, and says how far it is.
//!
//! Converges to: one manual snapshot `<SourceDBSnapshotName>-<replication id>` of the source database, tagged as
//! this run's. It may run again at any time: it looks first, and what it finds with this run's tags is its own.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:CreateDBSnapshot`, `rds:AddTagsToResource`.

use aws_sdk_rds::Client;
use lambda_task::{Environment, fault};
use rds_access::Snapshot;
use replication::contract::{Envelope, SourceDbSnapshot, SourceState, StageReport};
use replication::lineage::Tags;
use replication::naming::{self, InstanceIdentifier, ReplicationId, SnapshotIdentifier};
use replication::pacing::{Stage, StageName};
use replication::progress::Progress;
use replication::{Error, ErrorName};
use time::OffsetDateTime;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    source_database: InstanceIdentifier,
    snapshot_name: String,
    carry_source_tags: bool,
    deadline_seconds: u32,
}

impl Config {
    /// The environment variables this function reads.
    pub const ENVIRONMENT: &[&str] = &[
        "STACK_NAME",
        "SOURCE_DB_IDENTIFIER",
        "SOURCE_DB_SNAPSHOT_NAME",
        "CARRY_SOURCE_TAGS",
        "STAGE_DEADLINE_SECONDS",
    ];

    /// Reads the function's environment.
    ///
    /// # Errors
    /// [`ErrorName::InvalidConfiguration`], naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            source_database: environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
            snapshot_name: environment.text("SOURCE_DB_SNAPSHOT_NAME")?,
            carry_source_tags: environment.parsed("CARRY_SOURCE_TAGS", "true or false")?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
        })
    }
}

/// Looks for this run's snapshot and makes it if it is not there.
///
/// # Errors
/// `NotFound` (no such database), `InstanceNotReady` (the database waits for a person), `SnapshotFailed`,
/// `NameTaken`, `QuotaExceeded`, `DeadlineExceeded`, or a fault of RDS.
pub async fn run(
    rds: &Client,
    config: &Config,
    input: Envelope<SourceState>,
    now: OffsetDateTime,
) -> Result<SourceDbSnapshot, Error> {
    let database = input.state.source_db_identifier.unwrap_or_else(|| config.source_database.clone());
    let id = input.execution.replication_id();
    let name = naming::source_snapshot(&config.snapshot_name, &id)?;
    let started_at = input.state.source_db_snapshot.map_or(now, |earlier| earlier.stage.started_at);
    let stage =
        Stage { name: StageName::Snapshot, started_at, now, deadline_seconds: config.deadline_seconds };

    match rds_access::snapshot(rds, name.as_str()).await? {
        Some(found) => report(config, &id, &database, &stage, found),
        None => create(rds, config, &id, &database, &stage, name).await,
    }
}

async fn create(
    rds: &Client,
    config: &Config,
    id: &ReplicationId,
    database: &InstanceIdentifier,
    stage: &Stage,
    name: SnapshotIdentifier,
) -> Result<SourceDbSnapshot, Error> {
    let doing = format!("snapshotting database {database} as {name}");
    let Some(instance) = rds_access::instance(rds, database).await? else {
        return Err(Error::new(ErrorName::NotFound, doing)
            .because("there is no database of this name in this account and Region")
            .advise("check the stack's SourceDBIdentifier, or the execution's input"));
    };
    match instance.status.source() {
        Progress::Ready => {}
        Progress::Pending => return not_started(stage, database, name, instance.status.as_str()),
        Progress::Failed => {
            return Err(Error::new(ErrorName::InstanceNotReady, doing)
                .because(format!("the database is {}", instance.status))
                .advise("bring it back to available, then start the execution again"));
        }
    }
    let mut tags = Tags::of_replication(&config.stack, id, database).named(name.as_str());
    if config.carry_source_tags {
        // The snapshot keeps them, so that every later look finds those of the moment of the snapshot.
        tags = tags.over(&instance.tags);
    }
    let answer = rds
        .create_db_snapshot()
        .db_instance_identifier(database.as_str())
        .db_snapshot_identifier(name.as_str())
        .set_tags(Some(rds_access::to_rds_tags(&tags)))
        .send()
        .await;
    match answer {
        Ok(answer) => match answer.db_snapshot() {
            Some(created) => report(config, id, database, stage, rds_access::read_snapshot(created)?),
            None => not_started(stage, database, name, "creating"),
        },
        Err(error) => match error.as_service_error() {
            // A twin of this call was quicker, or the database became busy since it was looked at: look again.
            Some(e) if e.is_db_snapshot_already_exists_fault() => {
                not_started(stage, database, name, "creating")
            }
            Some(e) if e.is_invalid_db_instance_state_fault() => not_started(stage, database, name, "busy"),
            Some(e) if e.is_snapshot_quota_exceeded_fault() => {
                Err(Error::new(ErrorName::QuotaExceeded, doing)
                    .because(lambda_task::code_and_message(e))
                    .advise("delete manual snapshots that nobody needs, or ask AWS for a larger quota"))
            }
            _ => Err(fault(doing, &error)),
        },
    }
}

/// The snapshot does not exist yet; the machine waits and asks again.
fn not_started(
    stage: &Stage,
    database: &InstanceIdentifier,
    name: SnapshotIdentifier,
    status: &str,
) -> Result<SourceDbSnapshot, Error> {
    stage.check_deadline(&format!("database {database} to be ready for snapshot {name}"), status)?;
    Ok(SourceDbSnapshot {
        identifier: name,
        arn: None,
        source_db_identifier: database.clone(),
        stage: StageReport::pending(stage, status, None),
        encrypted: false,
        kms_key_id: None,
        engine: None,
        engine_version: None,
        allocated_storage: None,
        snapshot_database_time: None,
        source_tags: Tags::default(),
    })
}

fn report(
    config: &Config,
    id: &ReplicationId,
    database: &InstanceIdentifier,
    stage: &Stage,
    found: Snapshot,
) -> Result<SourceDbSnapshot, Error> {
    let name = &found.identifier;
    if !found.is_of_replication(&config.stack, id) || found.source_database != *database {
        return Err(Error::new(ErrorName::NameTaken, format!("snapshotting database {database} as {name}"))
            .because("a snapshot of this name exists and was not made by this run")
            .advise("rename or delete it, or change the stack's SourceDBSnapshotName"));
    }
    let report = match found.status.progress() {
        Progress::Ready => StageReport::available(stage, found.status.as_str()),
        Progress::Pending => {
            stage.check_deadline(&format!("snapshot {name}"), found.status.as_str())?;
            StageReport::pending(stage, found.status.as_str(), found.percent_progress)
        }
        Progress::Failed => {
            return Err(Error::new(ErrorName::SnapshotFailed, format!("waiting for snapshot {name}"))
                .because(format!("it is {}", found.status))
                .advise(
                    "see the events of the database in the RDS console, then start the execution again",
                ));
        }
    };
    Ok(SourceDbSnapshot {
        arn: Some(found.arn),
        source_db_identifier: database.clone(),
        stage: report,
        encrypted: found.encrypted,
        kms_key_id: found.key_arn,
        engine: found.engine,
        engine_version: found.engine_version,
        allocated_storage: found.allocated_storage,
        snapshot_database_time: found.data_time,
        source_tags: if config.carry_source_tags { found.tags.handed_on() } else { Tags::default() },
        identifier: found.identifier,
    })
}
