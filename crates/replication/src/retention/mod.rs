//! What stays, what is marked, what is deleted: one pure decision for instances and one for snapshots.
//!
//! What must hold for any names, versions, tags, states and settings, and is tested for arbitrary ones:
//! nothing without our stack's tag appears in a plan; what the secret names stays; what is newer than the live
//! version stays; the live version and `keep` older ones stay as long as they exist; the newest snapshot of each
//! kind stays, because the next incremental copy needs it, and so does every one that the other account may still be
//! copying; planning again after the plan was carried out changes nothing.

mod instances;
mod snapshots;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use serde::Serialize;

pub use instances::{live_instance, plan_instances};
pub use snapshots::{SnapshotRule, plan_snapshots};

/// What is to be done with one thing. Deleting takes two steps: `rotate-secret` sets and takes off marks, and `prune`
/// deletes what it finds marked and superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It stays, and carries no mark.
    Keep,
    /// It stays, and a mark from earlier is taken off.
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
    /// Why, for a person.
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
fn of_a_person(identifier: &impl fmt::Display) -> Decision {
    let reason = "it has our tags but was not made under this name, so a person has made it".to_owned();
    Decision { identifier: identifier.to_string(), verdict: Verdict::Keep, reason }
}
