//! What the function is called for. Which of the five it is, is read from the one field that only this one has; then the
//! event is parsed as that and nothing else.

use std::collections::BTreeMap;

use replication::Error;
use replication::contract::{Envelope, Execution, SourceState};
use replication::machines::Machine;
use serde::Deserialize;
use serde_json::Value;

/// An event, typed.
#[derive(Debug, Clone)]
pub enum Event {
    /// The destination account is to be notified of a shared snapshot.
    Message(Box<Envelope<SourceState>>),
    /// Operators are to be alerted.
    Alert(Occasion),
}

/// What operators are alerted of.
#[derive(Debug, Clone)]
pub enum Occasion {
    /// A task of a machine has failed; the machine says so before it ends.
    Failure(Failed),
    /// An execution has ended in a way that its machine could not report.
    StatusChange(Ended),
    /// Things stay undeleted, run after run.
    Undeleted(Undeleted),
    /// Databases of a fleet have failed, no more than are tolerated.
    Tolerated(Tolerated),
}

/// From a machine whose task has failed.
#[derive(Debug, Clone, Deserialize)]
pub struct Failed {
    /// The execution.
    pub execution: Execution,
    /// Its machine.
    pub machine: Machine,
    /// Its document.
    pub state: Value,
    /// What its Catch has written.
    pub failure: Failure,
}

/// What a Catch writes.
#[derive(Debug, Clone, Deserialize)]
pub struct Failure {
    /// The error's name.
    #[serde(rename = "Error")]
    pub error: String,
    /// Its cause; empty for a task that did not answer in time.
    #[serde(rename = "Cause", default)]
    pub cause: String,
}

/// From the stack's rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The event's detail.
    pub status_change: StatusChange,
    /// The ARNs of the stack's machines.
    pub machines: BTreeMap<Machine, String>,
}

/// EventBridge's "Step Functions Execution Status Change".
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusChange {
    /// The execution.
    pub execution_arn: String,
    /// Its machine.
    pub state_machine_arn: String,
    /// How it has ended.
    pub status: String,
    /// Its input, as text.
    #[serde(default)]
    pub input: Option<String>,
    /// The error's name, or what was given when the execution was stopped.
    #[serde(default)]
    pub error: Option<String>,
    /// The cause, or what was given when the execution was stopped.
    #[serde(default)]
    pub cause: Option<String>,
}

/// From a machine that has succeeded.
#[derive(Debug, Clone, Deserialize)]
pub struct Undeleted {
    /// The execution.
    pub execution: Execution,
    /// Its machine.
    pub machine: Machine,
    /// Its document.
    pub state: Value,
    /// Each thing, with why it stays.
    pub undeleted: Vec<String>,
}

/// From the fleet machine, of a run that has succeeded.
#[derive(Debug, Clone, Deserialize)]
pub struct Tolerated {
    /// The execution.
    pub execution: Execution,
    /// Its machine.
    pub machine: Machine,
    /// Its document.
    pub state: Value,
    /// Each database that failed, with its error.
    pub tolerated: Vec<String>,
}

impl Occasion {
    /// The execution of the fleet machine that has started the one that this is about. It reports on all its children at once.
    #[must_use]
    pub fn fleet_run(&self) -> Option<String> {
        let named = |document: &Value| Some(document.get("fleetRun")?.as_str()?.to_owned());
        match self {
            Self::Failure(failed) => named(&failed.state),
            Self::StatusChange(ended) => {
                named(&serde_json::from_str::<Value>(ended.status_change.input.as_deref()?).ok()?)
            }
            Self::Undeleted(_) | Self::Tolerated(_) => None,
        }
    }
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidInput`, naming the field.
    pub fn read(event: Value) -> Result<Self, Error> {
        let has = |field: &str| event.get(field).is_some();
        Ok(if has("failure") {
            Self::Alert(Occasion::Failure(lambda_task::parse(event)?))
        } else if has("statusChange") {
            Self::Alert(Occasion::StatusChange(lambda_task::parse(event)?))
        } else if has("tolerated") {
            Self::Alert(Occasion::Tolerated(lambda_task::parse(event)?))
        } else if has("undeleted") {
            Self::Alert(Occasion::Undeleted(lambda_task::parse(event)?))
        } else {
            Self::Message(lambda_task::parse(event)?)
        })
    }
}
