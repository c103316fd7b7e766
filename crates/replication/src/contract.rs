//! What goes into a task, what comes out of it, and the one message that crosses accounts.
//!
//! Field names are those of the original where it has them (`SourceDBSnapshot`, `targetDBSnapshot`, `DBSnapshot`,
//! `DBInstance` and what is in them), so that either account can be moved to this project first.
//! Unknown fields are ignored on the way in: a schedule's event, or a message of the original, carries more.

pub mod message;
mod version;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::copying::Expectation;
use crate::lineage::Tags;
pub use crate::moving::{Outcome, SecretMove};
use crate::naming::{self, InstanceIdentifier, ReplicationId, SnapshotArn, SnapshotIdentifier, Version};
use crate::overrides::Overrides;
use crate::pacing::{CONFIRMATION_WAIT_SECONDS, Pace, Stage};
pub use version::{Purpose, VersionState};

/// What every task of a state machine receives.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope<State> {
    /// The execution that calls, from the context object.
    pub execution: Execution,
    /// The machine's whole document.
    pub state: State,
}

/// The execution that calls a task.
#[derive(Debug, Clone, Deserialize)]
pub struct Execution {
    /// The ARN of the execution.
    pub id: String,
    /// The name of the execution.
    pub name: String,
    /// When the execution started.
    #[serde(rename = "startTime", with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
}

impl Execution {
    /// The id of the replication that this execution of the source machine makes.
    #[must_use]
    pub fn replication_id(&self) -> ReplicationId {
        ReplicationId::new(self.started_at, &self.id)
    }
}

/// Whether the machine continues or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Ready: the machine continues.
    Available,
    /// Not yet: the machine waits `waitSeconds` and polls the same task again.
    NotAvailable,
    /// Nothing more is to be done: newer data are live, or the same are there. Only the destination's copy reports it.
    Superseded,
}

/// The progress of a stage. Part of the result of every task that is polled until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageReport {
    /// What the machine's Choice compares.
    pub status: Status,
    /// Seconds until the next poll.
    pub wait_seconds: u32,
    /// When the stage was first attempted: what waits and the deadline are measured from.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The status word of RDS itself.
    pub rds_status: String,
    /// How far RDS says it is, in percent, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_progress: Option<i32>,
    /// How many polls in a row have not seen what must be there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen: u32,
    /// What the next wait goes by.
    #[serde(default, skip_serializing_if = "Pace::is_unwritten")]
    pub pace: Pace,
}

/// Whether a count is left out of a document.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it a reference")]
pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl StageReport {
    /// The report of a stage that is done.
    #[must_use]
    pub fn available(stage: &Stage, rds_status: &str) -> Self {
        Self { status: Status::Available, percent_progress: None, ..Self::pending(stage, rds_status, None) }
    }

    /// The report of a stage that is to be polled again.
    #[must_use]
    pub fn pending(stage: &Stage, rds_status: &str, percent_progress: Option<i32>) -> Self {
        let (wait_seconds, pace) = stage.wait(percent_progress);
        Self {
            status: Status::NotAvailable,
            wait_seconds,
            started_at: stage.started_at,
            rds_status: rds_status.to_owned(),
            percent_progress,
            unseen: 0,
            pace,
        }
    }

    /// The report of a stage that is done if the next poll sees the same.
    #[must_use]
    pub fn confirming(stage: &Stage, rds_status: &str) -> Self {
        Self { wait_seconds: CONFIRMATION_WAIT_SECONDS, ..Self::pending(stage, rds_status, None) }
    }

    /// The report of a stage that does not see what must be there, after so many polls that have not.
    #[must_use]
    pub fn unseen(stage: &Stage, rds_status: &str, unseen: u32) -> Self {
        Self { unseen, ..Self::pending(stage, rds_status, None) }
    }
}

/// The document of the source machine.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SourceState {
    /// Overrides the stack's source database for this execution.
    #[serde(rename = "SourceDBIdentifier")]
    pub source_db_identifier: Option<InstanceIdentifier>,
    /// The result of `snapshot`.
    #[serde(rename = "SourceDBSnapshot")]
    pub source_db_snapshot: Option<SourceDbSnapshot>,
    /// The result of `copy` in the source account.
    #[serde(rename = "targetDBSnapshot")]
    pub target_db_snapshot: Option<TargetDbSnapshot>,
}

impl Envelope<SourceState> {
    /// The id of the replication that this execution makes: that in the name of its snapshot, once there is one. So a run
    /// that began before an update of the stack ends under the id that it began with.
    #[must_use]
    pub fn replication_id(&self) -> ReplicationId {
        let named =
            self.state.source_db_snapshot.as_ref().and_then(|snapshot| naming::id_in(&snapshot.identifier));
        named.unwrap_or_else(|| self.execution.replication_id())
    }
}

/// The snapshot of the source database that this run makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceDbSnapshot {
    /// Its identifier, known from the start.
    #[serde(rename = "SourceDBSnapshotIdentifier")]
    pub identifier: SnapshotIdentifier,
    /// Its ARN, once it exists.
    #[serde(rename = "SourceDBSnapshotArn", default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<SnapshotArn>,
    /// The database it is of.
    #[serde(rename = "sourceDBIdentifier")]
    pub source_db_identifier: InstanceIdentifier,
    /// Its progress.
    #[serde(flatten)]
    pub stage: StageReport,
    /// Whether it is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// The ARN of the key it is encrypted under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The database engine, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The version of the engine, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// Storage of the database in GiB, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocated_storage: Option<i32>,
    /// The point in time of the data, which is older than the snapshot's end (`SnapshotDatabaseTime`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_database_time: Option<String>,
    /// The tags of the source database, where the stack carries them over.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub source_tags: Tags,
    /// The tags of the source database that the snapshot does not get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What the tags of the source database choose for its versions.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
}

/// The encrypted snapshot that is shared: the source snapshot itself or a copy of it under the shared key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetDbSnapshot {
    /// Its identifier.
    #[serde(rename = "targetDBSnapshotIdentifier")]
    pub identifier: SnapshotIdentifier,
    /// Its ARN, once it exists.
    #[serde(rename = "targetDBSnapshotArn", default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<SnapshotArn>,
    /// Its progress.
    #[serde(flatten)]
    pub stage: StageReport,
    /// What RDS was expected to move, and why.
    pub copy: Expectation,
}

/// The message that crosses accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The original wraps its document in this field.
    #[serde(rename = "Input")]
    pub input: MessageInput,
}

/// What the message says, and what the destination machine keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageInput {
    /// The snapshot that is shared: exactly the three fields that the original exchanges.
    #[serde(rename = "targetDBSnapshot")]
    pub target_db_snapshot: SharedSnapshot,
    /// Which replication it belongs to: ours, absent in a message of the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
}

/// A snapshot that the source account has shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedSnapshot {
    /// Its identifier.
    #[serde(rename = "targetDBSnapshotIdentifier")]
    pub identifier: SnapshotIdentifier,
    /// Its ARN, by which the other account names it.
    #[serde(rename = "targetDBSnapshotArn")]
    pub arn: SnapshotArn,
    /// What the source machine saw last; the original writes it and nothing relies on it.
    #[serde(default = "available")]
    pub status: String,
}

fn available() -> String {
    "Available".to_owned()
}

/// What the source knows of a replication and the destination wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replication {
    /// The id of the replication in both accounts.
    pub id: ReplicationId,
    /// The source database.
    #[serde(rename = "sourceDBIdentifier", default, skip_serializing_if = "Option::is_none")]
    pub source_db_identifier: Option<InstanceIdentifier>,
    /// The snapshot of the source database that the shared one is, or is a copy of; for operators.
    #[serde(rename = "sourceDBSnapshotArn", default, skip_serializing_if = "Option::is_none")]
    pub source_db_snapshot_arn: Option<SnapshotArn>,
    /// Whether the shared snapshot is itself a copy, which decides what RDS is expected to move ([`crate::copying`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_snapshot_is_copy: Option<bool>,
    /// The point in time of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_database_time: Option<String>,
    /// The tags of the source database, where the source stack carries them over.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub source_tags: Tags,
    /// What the tags of the source database choose for its versions.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
    /// How many hours the shared snapshot stays, where a destination in another Region copies it: a copy between Regions may
    /// wait for hours before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_snapshot_hours: Option<u32>,
}

/// The document of the destination machine, as far as `copy` reads it.
#[derive(Debug, Clone, Deserialize)]
pub struct DestinationState {
    /// The message, with a replication id in any case.
    #[serde(rename = "Input")]
    pub input: DestinationInput,
    /// The result of `copy` in the destination account.
    #[serde(rename = "DBSnapshot")]
    pub db_snapshot: Option<DbSnapshot>,
    /// The result of `prune` at the beginning of the run.
    pub room: Option<Room>,
}

/// What `prune` has seen at the beginning of a run, as far as the stages after it read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// How many other runs of the machine were running, where the stack replicates several databases.
    pub others_running: Option<usize>,
}

/// What `launch` starts the destination machine with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationInput {
    /// The snapshot that is shared.
    #[serde(rename = "targetDBSnapshot")]
    pub target_db_snapshot: SharedSnapshot,
    /// The replication it belongs to.
    pub replication: Replication,
}

/// The destination's own copy of the shared snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DbSnapshot {
    /// Its identifier.
    #[serde(rename = "TargetDBSnapshotIdentifier")]
    pub identifier: SnapshotIdentifier,
    /// Its ARN, once it exists.
    #[serde(rename = "TargetDBSnapshotArn", default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<SnapshotArn>,
    /// The source database, as RDS says it.
    #[serde(rename = "sourceDBIdentifier")]
    pub source_db_identifier: InstanceIdentifier,
    /// Its progress.
    #[serde(flatten)]
    pub stage: StageReport,
    /// What RDS was expected to move, and why.
    pub copy: Expectation,
    /// The point in time of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_database_time: Option<String>,
    /// What is there instead, where newer data are live or a version holds the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<SupersededBy>,
    /// Settings of the restore that could not be judged before the copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<LeftOut>,
}

/// The version whose data are newer than those of a message, or the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupersededBy {
    /// Its host.
    #[serde(rename = "db_host")]
    pub host: String,
    /// The point in time of its data.
    pub snapshot_database_time: String,
    /// Why nothing is copied.
    pub reason: String,
}

/// The instance that is restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DbInstance {
    /// Its identifier.
    #[serde(rename = "db_instance_identifier")]
    pub identifier: InstanceIdentifier,
    /// Its version.
    #[serde(rename = "db_version")]
    pub version: Version,
    /// The version whose data a rollback has restored into it.
    #[serde(rename = "restoredVersion", default, skip_serializing_if = "Option::is_none")]
    pub restored_version: Option<Version>,
    /// Its endpoint address, once RDS has given it one.
    #[serde(rename = "db_host", default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its `DbiResourceId`, by which policies for IAM database authentication name it (`rds-db:connect`).
    #[serde(rename = "dbi_resource_id", default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Whether it is only chosen: RDS has not accepted a restore under this identifier, as far as is known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub chosen: bool,
    /// The options that RDS was asked to change and does not show yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changing: Option<String>,
    /// What the stack or the source database has and this instance does not get.
    #[serde(rename = "leftOut", default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Its progress.
    #[serde(flatten)]
    pub stage: StageReport,
}

/// Something that a snapshot or a restored instance does not get, or that was left out of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What it is: a parameter of the stack, a tag, a quota.
    pub what: String,
    /// Why.
    pub because: String,
}

impl LeftOut {
    /// The tags of the source database that a thing with these tags does not have.
    #[must_use]
    pub fn of_source_tags(of_thing: &Tags, of_source: &Tags) -> Vec<Self> {
        let say = |(key, because)| Self { what: format!("tag {key:?} of the source database"), because };
        of_thing.left_out_of(of_source).map(say).collect()
    }
}

/// Whether a flag is left out of a document.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests;
