//! What stays, what is marked, what is deleted: one pure decision for instances and one for snapshots.
//!
//! What must hold for any names, versions, tags, states and settings, and is tested for arbitrary ones: nothing without
//! our stack's tag, and nothing of another source database, appears in a plan; what the secret names stays; what holds
//! newer data than the live version stays; the live version and `keep` older ones stay as long as they exist; the newest
//! snapshot of each kind stays, because the next incremental copy needs it, and so does every one that the other account
//! may still be copying, and what a running execution needs; planning again after the plan was carried out changes nothing.

mod in_use;
mod instances;
#[cfg(test)]
mod keeping_up;
mod logs;
mod moved_back;
mod planning;
#[cfg(test)]
mod quota;
mod snapshots;
#[cfg(test)]
pub(crate) mod testing;
mod undeleted;

use std::fmt;

use serde::Serialize;

pub use in_use::InUse;
pub use instances::{InstanceRule, live_instance, plan_instances};
pub use logs::log_groups_left_behind;
pub use moved_back::moved_back;
pub use planning::{FEWEST_DELETIONS, First, Planned, due, due_but_for, plan_deletions};
pub use snapshots::{Sharing, SnapshotRule, plan_snapshots};
pub use undeleted::{Undeleted, count_undeleted};

/// What is to be done with one thing. Deleting takes two steps: `rotate-secret` sets and removes deletion tags once the secret has
/// moved, `prune` sets them too before a run makes anything, and `prune` deletes what it finds marked and superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It stays, for good or as long as a running execution may need it.
    Keep,
    /// It stays, and an earlier deletion tag is removed.
    Unmark,
    /// It is superseded and not marked yet.
    Mark,
    /// It is superseded and goes.
    Delete,
    /// It is superseded and marked, and cannot be deleted in its present state.
    Later,
}

/// A decision about one thing, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The identifier of the instance or snapshot.
    pub identifier: String,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why, for operators.
    pub reason: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verdict {
            Verdict::Keep => "keep",
            Verdict::Unmark => "unmark",
            Verdict::Mark => "mark",
            Verdict::Delete => "delete",
            Verdict::Later => "delete later",
        };
        write!(f, "{verb} {}: {}", self.identifier, self.reason)
    }
}

/// The decision about a thing that has the stack's tags and another name than they say.
fn not_created_by_us(identifier: &impl fmt::Display) -> Decision {
    let reason = "it has our tags but was not made under this name, so somebody else has made it".to_owned();
    Decision { identifier: identifier.to_string(), verdict: Verdict::Keep, reason }
}
