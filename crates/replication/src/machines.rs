//! The state machines and their stages, each written once. The machines themselves are compared with this table, and
//! everything that names a stage reads it.
//!
//! A state whose role is that of the original's has the original's name.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::VariantArray;

use crate::pacing::StageName::{self, Copy, Restore, Secret, Snapshot};

/// A machine of either stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// Makes, shares and announces a snapshot.
    Source,
    /// Brings up a new version from a shared snapshot.
    Destination,
    /// Moves the secret to a version that is kept.
    Rollback,
    /// Starts the source machine for each of many databases.
    Fleet,
}

/// A stage of a machine: a state that invokes a function, or calls another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// The name of the state.
    pub state: &'static str,
    /// The field of the machine's document that holds its result.
    pub result: &'static str,
    /// The function, or the call of another service.
    pub task: &'static str,
    /// What operators call it.
    pub words: &'static str,
    /// Whose deadline ends it, if it waits for RDS.
    #[serde(serialize_with = "parameter")]
    pub deadline: Option<StageName>,
}

/// The field of the document that holds the error of [`ROOM`].
pub const ROOM_FAILURE: &str = "roomFailure";
/// The state that alerts operators of a failure.
pub const ALERT: &str = "NotifyFailure";
/// The state that alerts operators of what stays undeleted, once a run has succeeded.
pub const ALERT_UNDELETED: &str = "NotifyUndeleted";
/// The state that alerts operators of failures that a fleet tolerates.
pub const ALERT_TOLERATED: &str = "NotifyToleratedFailures";
/// The states that only report what another one has done.
pub const REPORTING: &[&str] = &[ALERT, ALERT_UNDELETED, ALERT_TOLERATED, "UnexpectedStatus"];

const fn stage(
    state: &'static str,
    result: &'static str,
    task: &'static str,
    words: &'static str,
    deadline: Option<StageName>,
) -> Stage {
    Stage { state, result, task, words, deadline }
}

/// Before a run makes anything, in either account. Its failure does not end the run.
pub const ROOM: Stage = stage("MakeRoom", "room", "prune", "room", None);
/// Notifies the destination account of the snapshot that it may copy.
pub const ANNOUNCE: Stage = stage("NotifyToTargetAccount", "notification", "notify", "notify", None);
/// After a run, in either account.
const TELL: Stage = stage(ALERT_UNDELETED, "undeletedTold", "notify", "alert", None);
/// Of a new version or of one that is kept.
const RESTORE: Stage = stage("RestoreDBInstance", "DBInstance", "restore", "restore", Some(Restore));
/// Chooses the databases of a fleet.
pub const DISCOVER: Stage = stage("DiscoverDatabases", "plan", "discover", "discover", None);
/// Writes the report of a fleet to a bucket, if the stack has one for it.
const KEEP: Stage = stage("KeepReport", "kept", "put-object", "keep the report", None);
/// Moves the secret to a version.
pub const SECRET: Stage = stage("UpdateSecretWithDBValue", "secret", "rotate-secret", "secret", Some(Secret));

#[rustfmt::skip]
const OF_SOURCE: &[Stage] = &[
    ROOM,
    stage("CreateLatestSnapshot", "SourceDBSnapshot", "snapshot", "snapshot", Some(Snapshot)),
    stage("CopyEncryptedSnapshot", "targetDBSnapshot", "copy", "copy in A", Some(Copy)),
    stage("ShareStatusWithTargetAccount", "share", "share", "share", None),
    ANNOUNCE,
    stage("CleanOlderSnapshots", "prune", "prune", "prune in A", None),
    TELL,
];

#[rustfmt::skip]
const OF_DESTINATION: &[Stage] = &[
    ROOM,
    stage("CopySharedSnapshotInTargetAccount", "DBSnapshot", "copy", "copy in B", Some(Copy)),
    RESTORE,
    SECRET,
    stage("CleanOlderDBInstances", "prune", "prune", "prune in B", None),
    TELL,
];

const OF_ROLLBACK: &[Stage] = &[RESTORE, SECRET];

/// Between the first two each database has an execution of the source machine.
#[rustfmt::skip]
const OF_FLEET: &[Stage] = &[
    DISCOVER,
    stage("ReportFleet", "report", "report", "report", None),
    KEEP,
    stage(ALERT_TOLERATED, "toleratedTold", "notify", "alert", None),
];

impl Machine {
    /// Every machine.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// What an operator calls an execution of it.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Source | Self::Destination => "replication",
            Self::Rollback => "rollback",
            Self::Fleet => "fleet replication",
        }
    }

    /// Its stages in their order.
    #[must_use]
    pub fn stages(self) -> &'static [Stage] {
        match self {
            Self::Source => OF_SOURCE,
            Self::Destination => OF_DESTINATION,
            Self::Rollback => OF_ROLLBACK,
            Self::Fleet => OF_FLEET,
        }
    }

    /// The stage that an execution with this document has failed in: the first that has no result, or one that is not
    /// `Available`. A result without a status is that of a task that is called once.
    #[must_use]
    pub fn failed_stage(self, document: &Value) -> Option<&'static Stage> {
        let is_done = |stage: &Stage| match document.get(stage.result) {
            // The machine continues when there was no room to be made.
            _ if *stage == ROOM && document.get(ROOM_FAILURE).is_some() => true,
            _ if *stage == KEEP && document.pointer("/report/object").is_none() => true,
            // The report of a fleet, which ends its run.
            Some(result) if result.get("failure").is_some() => false,
            Some(result) => result.get("status").is_none_or(|status| status == "Available"),
            None => false,
        };
        self.stages().iter().find(|stage| !is_done(stage))
    }
}

/// A deadline as the stack parameter that sets it.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde gives it a reference")]
fn parameter<S: serde::Serializer>(deadline: &Option<StageName>, to: S) -> Result<S::Ok, S::Error> {
    deadline.map(StageName::parameter).serialize(to)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stage_is_the_first_of_the_machine_without_a_final_result() {
        use Machine::{Destination, Fleet, Rollback, Source};
        let (done, pending) = (json!({"status": "Available"}), json!({"status": "NotAvailable"}));
        for (machine, document, name) in [
            (Source, json!({}), Some("MakeRoom")),
            (Source, json!({"room": {"status": "Odd"}}), Some("MakeRoom")),
            (Source, json!({"room": done}), Some("CreateLatestSnapshot")),
            (
                Source,
                json!({"room": pending, "roomFailure": {"Error": "AccessDenied"}}),
                Some("CreateLatestSnapshot"),
            ),
            (Source, json!({"room": done, "SourceDBSnapshot": pending}), Some("CreateLatestSnapshot")),
            (
                Source,
                json!({"room": done, "SourceDBSnapshot": done, "targetDBSnapshot": done, "share": {}}),
                Some("NotifyToTargetAccount"),
            ),
            // Started with nothing at all it is a replication all the same.
            (Destination, json!({"room": done}), Some("CopySharedSnapshotInTargetAccount")),
            (
                Destination,
                json!({"room": done, "DBSnapshot": done, "DBInstance": pending}),
                Some("RestoreDBInstance"),
            ),
            (
                Destination,
                json!({"room": done, "DBSnapshot": done, "DBInstance": done, "secret": done, "prune": done}),
                Some("NotifyUndeleted"),
            ),
            (Rollback, json!({}), Some("RestoreDBInstance")),
            (
                Rollback,
                json!({"version": 7, "DBInstance": done, "secret": pending}),
                Some("UpdateSecretWithDBValue"),
            ),
            (Rollback, json!({"version": 7, "DBInstance": done, "secret": done}), None),
            (Fleet, json!({}), Some("DiscoverDatabases")),
            (Fleet, json!({"plan": {}, "report": {"failure": {}}}), Some("ReportFleet")),
            (Fleet, json!({"plan": {}, "report": {"tell": []}}), Some("NotifyToleratedFailures")),
            (Fleet, json!({"plan": {}, "report": {"tell": [], "object": {}}}), Some("KeepReport")),
            (
                Fleet,
                json!({"plan": {}, "report": {"object": {}}, "kept": {}}),
                Some("NotifyToleratedFailures"),
            ),
        ] {
            let found = machine.failed_stage(&document).map(|stage| stage.state);
            assert_eq!(found, name, "{machine:?} {document}");
        }
    }

    #[test]
    fn no_two_stages_of_a_machine_share_a_name_or_a_result() {
        for machine in Machine::ALL {
            let stages = machine.stages();
            for (place, stage) in stages.iter().enumerate() {
                let is_other = |other: &Stage| other.state != stage.state && other.result != stage.result;
                assert!(stages[..place].iter().all(is_other), "{machine:?} {}", stage.state);
            }
        }
    }
}
