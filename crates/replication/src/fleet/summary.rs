//! What became of the databases of a run: in one document, small enough for Step Functions, and in words for operators.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Item, LeftOut, MOST_BYTES, MOST_LISTED, Plan, beginning};
use crate::naming::{InstanceIdentifier, ReplicationId};
use crate::{Error, ErrorName};

/// The most bytes of an execution's document (Step Functions guide, "Quotas": 256 KiB).
const MOST_DOCUMENT_BYTES: usize = 256 * 1024;
/// What of these is left for the list that a run is started with, and for the name of an object.
const INPUT_BYTES: usize = 40 * 1024;
/// The most databases that a text for operators names.
const MOST_TOLD: usize = 20;

/// How an execution of the source machine has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The destination account has been notified.
    Succeeded,
    /// With an error of its own.
    Failed,
    /// Its machine's time was over.
    TimedOut,
    /// Somebody has stopped it.
    Stopped,
    /// It is still running.
    Not,
}

/// What a child says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// How it has ended.
    pub ended: Ended,
    /// Its error, if it has one.
    pub error: Option<String>,
    /// The cause, in words.
    pub cause: Option<String>,
}

/// What became of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Its replication has ended otherwise, or was not possible.
    Failed,
    /// Its snapshot is shared, and the destination account is notified.
    Sent,
}

/// One database of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The database.
    #[serde(rename = "SourceDBIdentifier")]
    pub database: InstanceIdentifier,
    /// What became of it.
    pub status: Outcome,
    /// The name of its execution of the source machine; nothing if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
    /// How long that took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// The error that a run for it alone ends with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The cause of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.database, self.error.as_deref().unwrap_or_default())?;
        self.cause.iter().try_for_each(|cause| write!(f, " ({cause})"))
    }
}

/// What became of a run: the result of `report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The id of the run.
    pub run: ReplicationId,
    /// How many databases were sent.
    pub sent: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were left out without counting as failed.
    pub left_out: usize,
    /// How many the run that this one continues had sent.
    pub done_before: usize,
    /// The databases, those that failed first, then those that took longest.
    pub databases: Vec<Row>,
    /// How many more there are than are listed.
    #[serde(skip_serializing_if = "is_none_left")]
    pub databases_beside: usize,
    /// What is to be done about a quota before it is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// With what the run ends, if more failed than are tolerated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What operators are told of the failures that are tolerated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tell: Vec<String>,
}

/// An error as a Catch of Step Functions writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Failure {
    /// Its name.
    pub error: String,
    /// Its text.
    pub cause: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it a reference")]
fn is_none_left(count: &usize) -> bool {
    *count == 0
}

/// The children that are asked how they have ended: those whose start or end the Map has not seen, so many at most.
pub fn asked(plan: &Plan) -> impl Iterator<Item = &Item> {
    plan.databases.iter().filter(|item| item.error.is_some()).take(MOST_LISTED)
}

/// Puts together what became of every database. `children` has those that were asked, by their names, and `seconds` how long
/// children took, as far as that is known. `execution` is the name of the fleet's execution.
#[must_use]
pub fn summarize(
    plan: &Plan,
    execution: &str,
    children: &BTreeMap<String, Child>,
    seconds: &BTreeMap<String, u64>,
    tolerated: usize,
) -> Summary {
    let of_item = |item: &Item| row(item, children.get(&item.child), seconds.get(&item.child).copied());
    let mut rows: Vec<Row> = plan.databases.iter().map(of_item).collect();
    rows.extend(plan.left_out.iter().filter_map(unable));
    let sent = rows.iter().filter(|row| row.status == Outcome::Sent).count();
    let listed = plan.left_out.iter().filter(|one| one.error.is_some()).count();
    let left_out_failed = plan.left_out_failed as usize;
    let failed = rows.len() - sent + left_out_failed.saturating_sub(listed);
    rows.sort_by_key(|row| (row.status, std::cmp::Reverse(row.seconds), row.database.clone()));
    let mut summary = Summary {
        run: plan.run.clone(),
        sent,
        failed,
        left_out: (plan.left_out.len() + plan.left_out_beside as usize).saturating_sub(left_out_failed),
        done_before: plan.done_before.len(),
        databases: rows,
        databases_beside: 0,
        room: plan.room.clone(),
        failure: None,
        tell: Vec::new(),
    };
    if failed > tolerated {
        summary.failure = Some(summary.failure(execution, tolerated));
    } else if failed > 0 {
        summary.tell = summary.told();
    }
    summary
}

impl Summary {
    /// The same without what only the machine reads, with as many databases as its document can take to a bucket beside the
    /// plan. The log has them all.
    ///
    /// # Errors
    /// Never, as JSON can say everything that is here.
    pub fn for_bucket(&self, plan: &Plan) -> Result<Self, serde_json::Error> {
        // The document has the failure twice.
        let listed = serde_json::to_string(&self.clone().for_document())?.len();
        let taken = serde_json::to_string(plan)?.len() + 2 * listed + INPUT_BYTES;
        let mut room = MOST_DOCUMENT_BYTES.saturating_sub(taken);
        let mut kept = Self { failure: None, tell: Vec::new(), databases: Vec::new(), ..self.clone() };
        for row in &self.databases {
            let bytes = serde_json::to_string(row)?.len() + 1;
            if bytes > room {
                break;
            }
            room -= bytes;
            kept.databases.push(row.clone());
        }
        kept.databases_beside += self.databases.len() - kept.databases.len();
        Ok(kept)
    }

    /// The same with at most [`MOST_LISTED`] databases, which is what fits into the document of an execution.
    #[must_use]
    pub fn for_document(mut self) -> Self {
        self.databases_beside += self.databases.len().saturating_sub(MOST_LISTED);
        self.databases.truncate(MOST_LISTED);
        self
    }

    /// A line for each database that failed, and how many more there are than lines.
    fn told(&self) -> Vec<String> {
        let failed = self.databases.iter().filter(|row| row.status == Outcome::Failed);
        let mut lines: Vec<String> = failed.take(MOST_TOLD).map(Row::to_string).collect();
        let more = self.failed.saturating_sub(lines.len());
        if more > 0 {
            lines.push(format!("and {more} more: see the log of the function report"));
        }
        lines
    }

    fn failure(&self, execution: &str, tolerated: usize) -> Failure {
        let number = self.sent + self.failed;
        let error = Error::new(ErrorName::ReplicationsFailed, format!("replicating {number} databases"))
            .because(format!(
                "{} have failed, and ToleratedFailures is {tolerated}: {}",
                self.failed,
                self.told().join("; ")
            ))
            .advise(format!(
                "end what the errors name, and start the machine again with {{\"ContinueRun\": \"{execution}\"}}, which repeats \
                 only what was not sent"
            ));
        Failure { error: error.name().as_str().to_owned(), cause: error.to_string() }
    }
}

fn row(item: &Item, child: Option<&Child>, seconds: Option<u64>) -> Row {
    let Item { database, child: name, error } = item;
    let failed = |error: Option<String>, cause: Option<String>| Row {
        database: database.clone(),
        status: Outcome::Failed,
        child: Some(name.clone()),
        seconds,
        error,
        cause: cause.map(|cause| beginning(&cause, MOST_BYTES)),
    };
    let said = |child: &Child, otherwise: &str| {
        let error = child.error.clone().filter(|error| !error.is_empty());
        failed(Some(error.unwrap_or_else(|| otherwise.to_owned())), child.cause.clone())
    };
    match (error, child) {
        (None, _) | (_, Some(Child { ended: Ended::Succeeded, .. })) => {
            Row { status: Outcome::Sent, ..failed(None, None) }
        }
        (Some(_), Some(child @ Child { ended: Ended::Stopped, .. })) => said(child, "ABORTED"),
        (Some(_), Some(child @ Child { ended: Ended::TimedOut, .. })) => said(child, "TIMED_OUT"),
        (Some(error), Some(child @ Child { ended: Ended::Failed, .. })) => said(child, error),
        (Some(error), Some(Child { ended: Ended::Not, .. })) => {
            failed(Some(error.clone()), Some("its execution is still running".to_owned()))
        }
        (Some(error), None) => failed(Some(error.clone()), None),
    }
}

/// The row of a database that was left out, if that counts as a failure.
fn unable(left_out: &LeftOut) -> Option<Row> {
    let LeftOut { database, reason, error } = left_out;
    Some(Row {
        database: database.clone(),
        status: Outcome::Failed,
        child: None,
        seconds: None,
        error: Some(error.clone()?),
        cause: Some(reason.clone()),
    })
}
