//! One execution of a state machine, as its history shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use replication::machines::{Machine, REPORTING, ROOM_FAILURE, Stage};
use replication::naming::{self, ReplicationId, SnapshotIdentifier};
use serde_json::Value;
use time::OffsetDateTime;

/// A state that the machine has entered.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Entered {
    /// Its name.
    pub name: String,
    /// Task, Choice, Wait, Pass, Succeed or Fail.
    pub kind: String,
    /// When.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339"))]
    pub at: OffsetDateTime,
}

/// What Step Functions says of an execution, whichever machine it is of.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Outline {
    /// Its ARN.
    pub arn: String,
    /// Step Functions' word for it.
    pub status: String,
    /// The error that it ended with, or nothing.
    pub error: String,
    /// The sentence in its cause, or nothing.
    pub cause: String,
    /// When it started.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339"))]
    pub started: OffsetDateTime,
    /// When it ended.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339::option"))]
    pub ended: Option<OffsetDateTime>,
}

impl Outline {
    /// One that was started just now.
    pub fn started(arn: &str, at: OffsetDateTime) -> Self {
        Self {
            arn: arn.to_owned(),
            status: "RUNNING".to_owned(),
            error: String::new(),
            cause: String::new(),
            started: at,
            ended: None,
        }
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.status == "RUNNING"
    }

    /// Whether it ended well.
    pub fn has_succeeded(&self) -> bool {
        self.status == "SUCCEEDED"
    }

    /// Its own name, the last part of its ARN.
    pub fn name(&self) -> &str {
        name_in(&self.arn)
    }
}

/// One execution of the source, destination or rollback machine, as it was last read.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Execution {
    /// What Step Functions says of it.
    #[cfg_attr(test, serde(flatten))]
    pub outline: Outline,
    /// What it was started with.
    pub input: Value,
    /// Its newest document.
    pub document: Value,
    /// The states that it has entered.
    pub states: Vec<Entered>,
}

/// The stage that a machine has for a task; where it has two, the first.
fn stage(machine: Machine, task: &str) -> Option<&'static Stage> {
    machine.stages().iter().find(|stage| stage.task == task && !is_reporting(stage.state))
}

/// The stage of a state, which has the same words and the same result in every machine.
pub fn stage_of(state: &str) -> Option<&'static Stage> {
    let stages = Machine::ALL.iter().flat_map(|machine| machine.stages());
    stages.into_iter().find(|stage| stage.state == state && !is_reporting(state))
}

/// Whether a state only reports what another one has done.
pub fn is_reporting(state: &str) -> bool {
    REPORTING.contains(&state)
}

/// What operators call the stage; a state that is no stage has only its name.
pub fn words(state: &str) -> &str {
    stage_of(state).map_or(state, |stage| stage.words)
}

impl Deref for Execution {
    type Target = Outline;

    fn deref(&self) -> &Outline {
        &self.outline
    }
}

impl Execution {
    /// One that was started just now.
    pub fn started(arn: &str, at: OffsetDateTime) -> Self {
        Self {
            outline: Outline::started(arn, at),
            input: Value::Null,
            document: Value::Null,
            states: Vec::new(),
        }
    }

    /// The task that it is about: the newest one that does not report about another.
    pub fn stage(&self) -> Option<&str> {
        let mut newest = self.states.iter().rev();
        newest
            .find(|state| state.kind == "Task" && !is_reporting(&state.name))
            .map(|state| state.name.as_str())
    }

    /// What a task of the source machine, by its function, last reported.
    pub fn of_source(&self, task: &str) -> &Value {
        self.result(stage(Machine::Source, task))
    }

    /// What a task of the destination or rollback machine, by its function, last reported.
    pub fn of_destination(&self, task: &str) -> &Value {
        self.result(stage(Machine::Destination, task))
    }

    fn result(&self, stage: Option<&Stage>) -> &Value {
        stage.and_then(|stage| self.document.get(stage.result)).unwrap_or(&Value::Null)
    }

    /// Whether it ended before it copied anything, because newer or the same data is there.
    pub fn is_superseded(&self) -> bool {
        self.of_destination("copy")["status"] == "Superseded"
    }

    /// Whether it has gone past a task of the destination machine, by its function.
    pub fn has_passed(&self, task: &str) -> bool {
        stage(Machine::Destination, task).is_some_and(|stage| self.has_left(stage.state))
    }

    /// Whether it was in a state and is no more.
    pub fn has_left(&self, state: &str) -> bool {
        let is_newest = self.states.last().is_some_and(|newest| newest.name == state);
        self.states.iter().any(|entered| entered.name == state) && (!is_newest || self.has_succeeded())
    }

    /// What the task of its stage last reported.
    pub fn newest_result(&self) -> &Value {
        self.result(self.stage().and_then(stage_of))
    }

    /// What its two prunes last reported, the one before the copy first.
    fn pruned(&self) -> impl Iterator<Item = &Value> {
        let of_task = Machine::Destination.stages().iter().filter(|stage| stage.task == "prune");
        of_task.filter_map(|stage| self.document.get(stage.result)).filter(|result| result.is_object())
    }

    /// Whether it has a result of a prune.
    pub fn has_pruned(&self) -> bool {
        self.pruned().next().is_some()
    }

    /// What it wanted to delete and could not: the reasons by identifier.
    pub fn left(&self) -> BTreeMap<String, String> {
        let reason = |one: &Value| {
            Some((
                one.get("identifier")?.as_str()?.to_owned(),
                one["reason"].as_str().unwrap_or_default().to_owned(),
            ))
        };
        self.pruned().flat_map(|result| list(&result["left"])).filter_map(reason).collect()
    }

    /// The identifiers of what it deletes or has deleted.
    pub fn planned(&self) -> BTreeSet<String> {
        let name = |one: &Value| one["identifier"].as_str().or(one.as_str()).unwrap_or_default().to_owned();
        self.pruned().flat_map(|result| list(&result["planned"])).map(name).collect()
    }

    /// What stays undeleted for so long that operators were alerted about it.
    pub fn alerted(&self) -> Vec<String> {
        self.pruned().flat_map(|result| list(&result["tell"])).map(plain).collect()
    }

    /// Why nothing could be deleted before the run continued, if so.
    pub fn room_failure(&self) -> Option<String> {
        let failure = self.document.get(ROOM_FAILURE).filter(|failure| failure.is_object())?;
        let cause = readable_cause(failure["Cause"].as_str().unwrap_or_default());
        Some(format!("{}: {cause}", failure["Error"].as_str().unwrap_or_default()))
    }

    /// The id of the replication, as the tasks of the source machine have used it: what the destination's execution is called.
    pub fn announced_id(&self) -> String {
        let snapshot = self.of_source("snapshot")["SourceDBSnapshotIdentifier"].as_str().unwrap_or_default();
        let named = snapshot.parse::<SnapshotIdentifier>().ok().and_then(|name| naming::id_in(&name));
        named.unwrap_or_else(|| ReplicationId::new(self.started, &self.arn)).to_string()
    }

    /// Seconds of each task from its first entering until its loop was left, in the order in which they were entered; `end`
    /// closes the last one.
    pub fn stage_seconds(&self, end: OffsetDateTime) -> Vec<(&str, f64)> {
        let tasks: Vec<&Entered> = self.states.iter().filter(|state| state.kind == "Task").collect();
        let mut seconds: Vec<(&str, f64)> = Vec::new();
        for (place, task) in tasks.iter().enumerate().filter(|(_, task)| !is_reporting(&task.name)) {
            let following = tasks.get(place + 1).map_or(end, |next| next.at);
            let length = (following - task.at).as_seconds_f64();
            match seconds.iter_mut().find(|(name, _)| *name == task.name) {
                Some((_, so_far)) => *so_far += length,
                None => seconds.push((&task.name, length)),
            }
        }
        seconds.into_iter().map(|(name, length)| (name, tenths(length))).collect()
    }
}

/// Lines for an operator: which of the machines an execution is of, where it ended, and why.
pub fn how_it_failed(execution: &Execution, machine: &str) -> String {
    let or_none = |text: &str| if text.is_empty() { "(none given)".to_owned() } else { text.to_owned() };
    format!(
        "the {machine} machine ended {} in {}\n  error      {}\n  cause      {}\n  execution  {}",
        execution.status,
        execution.stage().unwrap_or("its first state"),
        or_none(&execution.error),
        or_none(&execution.cause),
        execution.arn
    )
}

/// Seconds with one decimal.
pub fn tenths(seconds: f64) -> f64 {
    format!("{seconds:.1}").parse().unwrap_or(seconds)
}

/// A text of an execution as a document has it: null where there is none.
pub fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The last part of the ARN of an execution.
pub fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The sentence inside a cause: the error of a Lambda function comes wrapped in JSON.
pub fn readable_cause(cause: &str) -> String {
    let wrapped: Option<Value> = serde_json::from_str(cause).ok();
    let said = wrapped.as_ref().and_then(|wrapped| wrapped.get("errorMessage")).map(plain);
    said.unwrap_or_else(|| cause.to_owned())
}

/// The JSON object in a text, if there is one.
pub fn object(text: &str) -> Option<Value> {
    serde_json::from_str(text)
        .ok()
        .filter(|value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty()))
}

/// A value as it is printed: a text without its quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_the_same_result_and_words_in_every_machine() {
        let stages = Machine::ALL.iter().flat_map(|machine| machine.stages());
        for stage in stages.filter(|stage| !is_reporting(stage.state)) {
            assert_eq!(stage_of(stage.state), Some(stage));
        }
    }
}
