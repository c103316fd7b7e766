//! Many databases in one execution: which of them, in which order, under which names, and what became of each.
//!
//! The unit of work stays the source machine: a fleet starts one execution of it (a child) for each database.

pub mod children;
pub mod choosing;
pub mod room;
pub mod running;
pub mod summary;

use serde::{Deserialize, Serialize};

use crate::contract::is_zero;
use crate::naming::{InstanceIdentifier, ReplicationId};

pub use children::Past;
pub use choosing::{Candidate, Chosen, LeftOut, Rule};

/// The most databases of one run. Each is an item of a Map and a line of its result, and Step Functions ends an execution
/// whose document has more than 256 KiB without any Catch; a Map in the history of its execution (25,000 events) bears some
/// 2,500.
pub const MOST_DATABASES: usize = 500;
/// The most databases that are listed with a reason or an error in a document; how many more there are is said.
pub const MOST_LISTED: usize = 30;
/// The most bytes of a text about one database in a document.
pub const MOST_BYTES: usize = 200;

/// The document of the fleet machine.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct FleetState {
    /// The databases of this run, instead of those that the stack chooses.
    #[serde(rename = "SourceDBIdentifiers")]
    pub databases: Option<Vec<InstanceIdentifier>>,
    /// The name of an earlier execution that this one goes on with: what that one has replicated is not done again.
    #[serde(rename = "ContinueRun")]
    pub continue_run: Option<String>,
    /// The result of `discover`; its databases are replaced by what the Map answers.
    pub plan: Option<Plan>,
}

/// The result of `discover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The id of the run, with which the names of its children begin.
    pub run: ReplicationId,
    /// The databases in the order in which they are started.
    pub databases: Vec<Item>,
    /// How many are replicated at once.
    pub max_concurrency: u32,
    /// The databases that were chosen and are not replicated, at most [`MOST_LISTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// How many more were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out_beside: u32,
    /// How many of those that are left out, listed or not, count as failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out_failed: u32,
    /// The databases that the run that this one continues has replicated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_before: Vec<InstanceIdentifier>,
    /// What is to be done about a quota before it is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
}

/// One database of a run: what the Map gets, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The database.
    #[serde(rename = "SourceDBIdentifier")]
    pub database: InstanceIdentifier,
    /// The name of its execution of the source machine.
    pub child: String,
    /// The name of the error that the Map has caught. It is that of the call that starts and follows the child, and says
    /// nothing of the child's own error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Plan {
    /// Puts together what one run does.
    #[must_use]
    pub fn new(run: ReplicationId, chosen: Chosen, max_concurrency: u32, room: Option<String>) -> Self {
        let Chosen { databases, mut left_out, done_before } = chosen;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let left_out_failed = count(left_out.iter().filter(|one| one.error.is_some()).count());
        // Those that count as failed are worth a line before the others.
        left_out.sort_by_key(|one| one.error.is_none());
        let left_out_beside = count(left_out.len().saturating_sub(MOST_LISTED));
        left_out.truncate(MOST_LISTED);
        let item = |database: InstanceIdentifier| Item {
            child: children::name(&run, &database),
            database,
            error: None,
        };
        Self {
            databases: databases.into_iter().map(item).collect(),
            run,
            max_concurrency,
            left_out,
            left_out_beside,
            left_out_failed,
            done_before,
            room,
        }
    }
}

/// The beginning of a text, of so many bytes at most.
pub(crate) fn beginning(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub(CUT.len())).rev().find(|at| text.is_char_boundary(*at));
    format!("{}{CUT}", &text[..end.unwrap_or_default()])
}

/// What stands for the rest of a text.
const CUT: &str = " ...";

#[cfg(test)]
mod tests;
