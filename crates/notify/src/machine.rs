//! The machine of an execution, as the machine itself or the rule says it.

use serde::Deserialize;
use serde_json::Value;

/// A machine of either stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// Makes, shares and announces a snapshot.
    Source,
    /// Brings up a new version from a shared snapshot.
    Destination,
    /// Moves the secret to a version that is kept.
    Rollback,
}

/// The state that moves the secret.
pub const MOVING: &str = "UpdateSecretWithDBValue";

/// How far an execution has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// To this state.
    In(&'static str),
    /// Every task has ended well.
    AllDone,
}

impl Stage {
    /// The name of the state, if it is known.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::In(name) => Some(name),
            Self::AllDone => None,
        }
    }
}

impl Machine {
    /// What an operator calls an execution of it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Source | Self::Destination => "replication",
            Self::Rollback => "rollback",
        }
    }

    /// Its stages in their order: the key of each one's result, and its state's name.
    pub(crate) fn stages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Source => &[
                ("room", "MakeRoom"),
                ("SourceDBSnapshot", "CreateLatestSnapshot"),
                ("targetDBSnapshot", "CopyEncryptedSnapshot"),
                ("share", "ShareStatusWithTargetAccount"),
                ("notification", "NotifyToTargetAccount"),
                ("prune", "CleanOlderSnapshots"),
                ("undeletedTold", "NotifyUndeleted"),
            ],
            Self::Destination => &[
                ("room", "MakeRoom"),
                ("DBSnapshot", "CopySharedSnapshotInTargetAccount"),
                ("DBInstance", "RestoreDBInstance"),
                ("secret", MOVING),
                ("prune", "CleanOlderDBInstances"),
                ("undeletedTold", "NotifyUndeleted"),
            ],
            Self::Rollback => &[("DBInstance", "RestoreDBInstance"), ("secret", MOVING)],
        }
    }

    /// The state that an execution has failed in: the first that has no result, or one that is not `Available`. A result
    /// without a status is that of a task that is asked once.
    pub fn stage(self, state: &Value) -> Stage {
        let is_done = |key: &str| match state.get(key) {
            // The machine goes on when there was no room to be made.
            _ if key == "room" && state.get("roomFailure").is_some() => true,
            Some(result) => result.get("status").is_none_or(|status| status == "Available"),
            None => false,
        };
        let found = self.stages().iter().find(|(key, _)| !is_done(key));
        found.map_or(Stage::AllDone, |(_, name)| Stage::In(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stage_is_the_first_of_the_machine_without_a_final_result() {
        use Machine::{Destination, Rollback, Source};
        let (done, pending) = (json!({"status": "Available"}), json!({"status": "NotAvailable"}));
        for (machine, state, name) in [
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
        ] {
            assert_eq!(machine.stage(&state).name(), name, "{machine:?} {state}");
        }
    }
}
