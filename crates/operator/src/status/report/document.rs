//! The report: what `--json` prints, whose fields the help of the command describes.

use std::collections::BTreeMap;

use replication::naming::Version as Number;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::fleets::FleetReport;

/// The whole of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub format: u32,
    pub at: String,
    pub destination_account: String,
    pub region: String,
    pub databases: Vec<Database>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fleets: Vec<FleetReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_database_command: Option<String>,
}

/// One database of one destination stack.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    pub stack: String,
    pub stack_status: String,
    pub source_database: Option<String>,
    pub prefix: Option<String>,
    pub source_account: Option<String>,
    pub source_stack: Option<String>,
    pub headline: String,
    pub warnings: Vec<Warning>,
    pub secret: Option<Secret>,
    pub live: Option<Version>,
    pub versions: Option<Vec<Version>>,
    pub restorable: Option<Vec<Restorable>>,
    pub restore_command: String,
    pub other_databases: Vec<OtherDatabase>,
    pub not_managed: Vec<NotManaged>,
    pub replications: Option<Vec<Replication>>,
    pub rollbacks: Option<Vec<Rollback>>,
    pub source_snapshots: Option<Vec<Snapshot>>,
    pub destination_snapshots: Option<Vec<Snapshot>>,
    pub schedule: Option<Schedule>,
    pub alarms: Option<Vec<Alarm>>,
    pub dead_letter_messages: Option<i64>,
    pub max_hours_without_replication: Option<u64>,
    pub unreadable: Hidden,
}

impl Database {
    /// The name of the source database in lower case, or nothing.
    pub fn lower_name(&self) -> Option<String> {
        self.source_database.as_deref().map(str::to_ascii_lowercase)
    }
}

/// What needs an operator's attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub name: &'static str,
    pub text: String,
}

/// Of the secret no other field is read.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    pub name: Option<String>,
    pub arn: Option<String>,
    pub db_host: String,
    pub db_prefix: String,
}

/// What a version is to its stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    Live,
    Older,
    HeldBack,
    InProgress,
    Busy,
    Stopped,
    Broken,
    Failed,
    Leftover,
    Deleting,
    Unnumbered,
    NotServed,
    Kept,
}

/// How the data of a thing compare with those that are live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Compared {
    Live,
    Older,
    Newer,
}

/// An instance that the stack holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub version: Option<Number>,
    pub instance: String,
    pub rds_status: String,
    pub resource_id: Option<String>,
    pub standing: Standing,
    pub words: String,
    pub can_roll_back: bool,
    pub marked: bool,
    pub deletion_protection: bool,
    pub not_deleted: Option<String>,
    pub created_at: Option<String>,
    pub age_seconds: Option<i64>,
    pub data_time: Option<String>,
    pub data_time_from: Option<&'static str>,
    pub data_age_seconds: Option<i64>,
    pub source_snapshot: Option<Origin>,
    pub replication_id: Option<String>,
    pub size_gib: Option<i32>,
    pub restored_version: Option<Number>,
    pub compared_with_live: Option<Compared>,
    /// Whether it answers readers; for the text alone.
    #[serde(skip)]
    pub is_ready: bool,
}

/// The farthest snapshot that tags lead to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub arn: String,
    pub name: String,
    pub is_in_source: bool,
    pub exists: Option<bool>,
}

/// A version that exists only as a snapshot.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restorable {
    pub version: Number,
    pub snapshot: String,
    pub data_time: Option<String>,
    pub data_age_seconds: Option<i64>,
    pub replication_id: Option<String>,
    pub size_gib: Option<i32>,
    pub restored_as: Vec<Number>,
    pub compared_with_live: Option<Compared>,
}

/// What the stack still holds of a database that it no longer serves.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherDatabase {
    pub source_database: String,
    pub versions: Option<Vec<Version>>,
    pub restorable: Option<Vec<Restorable>>,
    pub destination_snapshots: Option<Vec<Snapshot>>,
    pub advice: String,
}

/// An instance that is named like a version and is none.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotManaged {
    pub instance: String,
    pub rds_status: String,
    pub reason: String,
}

/// What became of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Succeeded,
    Superseded,
    Failed,
    Running,
    OnItsWay,
    NotArrived,
    Unknown,
}

impl Outcome {
    /// Whether it has not ended.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::OnItsWay)
    }
}

/// One of the two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    Source,
    Destination,
}

impl Role {
    /// As it is printed.
    pub fn words(self) -> &'static str {
        match self {
            Self::Source => "the source account",
            Self::Destination => "the destination account",
        }
    }
}

/// One replication, in both accounts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replication {
    pub id: Option<String>,
    #[serde(rename = "startedByHandInB")]
    pub started_by_hand_in_b: bool,
    pub outcome: Outcome,
    pub started_at: String,
    pub age_seconds: i64,
    pub ended_at: Option<String>,
    pub ended_age_seconds: Option<i64>,
    pub seconds: f64,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub failed_in: Option<Role>,
    pub failed_stage: Option<String>,
    pub version: Option<u64>,
    pub instance: Option<String>,
    pub secret_outcome: Option<String>,
    pub room_failures: BTreeMap<Role, String>,
    pub told_operators: Vec<String>,
    pub source: Option<Run>,
    pub destination: Option<Run>,
}

/// One account's run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub execution: String,
    pub status: String,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub seconds: f64,
    pub stage: Option<String>,
    pub error: Option<String>,
    pub stages: Vec<StageTime>,
}

/// How long a stage took.
#[derive(Debug, Clone, Serialize)]
pub struct StageTime {
    pub state: String,
    pub stage: String,
    pub seconds: f64,
}

/// One run of the rollback machine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    pub wanted: Value,
    pub age_seconds: i64,
    pub ended_age_seconds: Option<i64>,
    #[serde(flatten)]
    pub run: Run,
    pub cause: Option<String>,
    pub version: Option<u64>,
    pub instance: Option<String>,
    pub restored_version: Option<u64>,
    pub secret_outcome: Option<String>,
}

/// What a snapshot is to its stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    OfDatabase,
    EncryptedCopy,
    Copy,
    Final,
    Other,
}

/// A snapshot of either account.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub name: String,
    pub kind: Kind,
    pub status: String,
    pub percent: Option<i32>,
    pub size_gib: Option<i32>,
    pub encrypted: bool,
    pub data_time: Option<String>,
    pub data_age_seconds: Option<i64>,
    pub source_database: Option<String>,
    pub replication_id: Option<String>,
    pub version: Option<Number>,
    pub marked: bool,
    pub shared_with: Option<Vec<String>>,
    /// Whether it can be restored and copied; for the text alone.
    #[serde(skip)]
    pub is_ready: bool,
}

/// What starts replications.
#[derive(Debug, Clone, Serialize)]
pub struct Schedule {
    pub expression: String,
    pub state: String,
}

/// An alarm of the stack.
#[derive(Debug, Clone, Serialize)]
pub struct Alarm {
    pub name: String,
    pub state: String,
    pub since: Option<String>,
}

/// Error codes by what they hide, in the order in which it was met.
#[derive(Debug, Clone, Default)]
pub struct Hidden(pub Vec<(&'static str, String)>);

impl Hidden {
    /// The code that hides something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(hidden, _)| *hidden == name).map(|(_, code)| code.as_str())
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, code) in &self.0 {
            map.serialize_entry(name, code)?;
        }
        map.end()
    }
}
