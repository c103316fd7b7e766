//! What a run of `prune` reports, and what of it operators are alerted about.

use replication::Error;
use replication::contract::Status;
use replication::retention::{Decision, Planned, Verdict};
use serde::{Deserialize, Serialize};

/// What was decided and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// Whether the machine continues, or calls again to have the planned deletions made.
    pub status: Status,
    /// Seconds until the next call.
    pub wait_seconds: u32,
    /// What this run deletes.
    pub planned: Vec<Planned>,
    /// Every decision about an instance of this stack and database.
    pub instances: Vec<Decision>,
    /// Every decision about a snapshot of this stack and database.
    pub snapshots: Vec<Decision>,
    /// The instances that were given the deletion tag, so that a later call deletes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<String>,
    /// The log groups that outlive versions, whose events the machine has kept for a limited time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_groups: Vec<LogGroup>,
    /// What RDS has begun to delete in this run.
    pub deleted: Vec<String>,
    /// What was to be deleted and stays for now, with the reason.
    pub left: Vec<Left>,
    /// What else there is to say of the deletions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What operators are alerted about, because several runs could not delete it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tell: Vec<String>,
    /// How many other runs are running, for a stack that replicates several databases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others_running: Option<usize>,
}

/// What CloudWatch Logs is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// Its name.
    pub log_group_name: String,
    /// For how many days it keeps events.
    pub retention_in_days: u32,
}

/// Something that a later run deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Its identifier.
    pub identifier: String,
    /// Why it stays for now.
    pub reason: String,
    /// Whether it could not be deleted, so that operators are alerted if that continues.
    #[serde(rename = "undeleted", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undeleted: bool,
}

/// How one deletion ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// RDS has begun; with what else there is to say.
    Begun(Option<String>),
    /// It is gone.
    AlreadyGone,
    /// Not in its present state.
    NotNow(String),
    /// It was refused.
    Refused(Error),
}

impl Pruned {
    /// The report of a plan before anything is deleted.
    #[must_use]
    pub fn of_plan(instances: Vec<Decision>, snapshots: Vec<Decision>, planned: Vec<Planned>) -> Self {
        Self {
            status: Status::Available,
            wait_seconds: 0,
            planned,
            instances,
            snapshots,
            marked: Vec::new(),
            log_groups: Vec::new(),
            deleted: Vec::new(),
            left: Vec::new(),
            notes: Vec::new(),
            tell: Vec::new(),
            others_running: None,
        }
    }

    /// Asks the machine to call again, once the plan is in its document.
    #[must_use]
    pub fn to_be_carried_out(self) -> Self {
        Self { status: Status::NotAvailable, wait_seconds: 1, ..self }
    }

    /// Notes how the deletion of one thing ended. One thing's failure does not stop the rest; it is returned, for those
    /// callers that try again.
    pub fn note(&mut self, identifier: &str, ended: Deletion) -> Option<Error> {
        let (reason, error) = match ended {
            Deletion::Begun(note) => {
                self.deleted.push(identifier.to_owned());
                self.notes.extend(note);
                return None;
            }
            Deletion::AlreadyGone => {
                self.deleted.push(identifier.to_owned());
                return None;
            }
            Deletion::NotNow(reason) => (reason, None),
            Deletion::Refused(error) => (error.to_string(), Some(error)),
        };
        self.left.push(Left { identifier: identifier.to_owned(), reason, is_undeleted: true });
        error
    }

    /// Adds what the other end of the run could not delete, unless it is said already.
    pub fn leave_too(&mut self, refused_before: Vec<Left>) {
        for left in refused_before {
            if self.left.iter().all(|one| one.identifier != left.identifier) {
                self.left.push(left);
            }
        }
    }

    /// Notes what would go if nothing hindered it.
    pub fn leave_hindered(&mut self) {
        let all = self.instances.iter().chain(&self.snapshots);
        let hindered = all.filter(|decision| decision.verdict == Verdict::Later);
        self.left.extend(hindered.map(|decision| Left {
            identifier: decision.identifier.clone(),
            reason: decision.reason.clone(),
            is_undeleted: true,
        }));
    }

    /// Notes what is due and left to a later run.
    pub fn leave(&mut self, later: &[Planned], at_most: usize) {
        for thing in later {
            let reason = format!("{at_most} deletions per run are allowed (MaxDeletionsPerRun)");
            let identifier = thing.identifier().to_owned();
            self.left.push(Left { identifier, reason, is_undeleted: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use replication::ErrorName;

    use super::*;

    /// > A deletion that RDS refuses is reported and does not keep others from being made.
    #[test]
    fn one_refusal_does_not_hide_what_was_done_and_is_not_hidden_itself() {
        let mut pruned = Pruned::of_plan(vec![], vec![], vec![]);
        let refused = Error::new(ErrorName::AccessDenied, "deleting database db-3");
        assert_eq!(pruned.note("db-1", Deletion::Begun(Some("its backups stay".into()))), None);
        assert_eq!(pruned.note("db-2", Deletion::NotNow("it is modifying".into())), None);
        assert_eq!(pruned.note("db-3", Deletion::Refused(refused.clone())), Some(refused));
        pruned.leave(&[Planned::Snapshot("s-1".into())], 3);
        assert_eq!(pruned.deleted, ["db-1"]);
        assert_eq!(pruned.notes, ["its backups stay"]);
        let undeleted: Vec<bool> = pruned.left.iter().map(|left| left.is_undeleted).collect();
        assert_eq!(undeleted, [true, true, false]);
        assert!(pruned.left[2].reason.contains("MaxDeletionsPerRun"));
        assert_eq!(pruned.to_be_carried_out().status, Status::NotAvailable);
    }
}
