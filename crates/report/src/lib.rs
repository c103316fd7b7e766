//! `report` says what became of every database of a fleet run, once all have been tried.
//!
//! Converges to: one report. It only reads, so it may run again at any time. The whole report is one line of the log; the
//! document gets as much of it as fits. The decisions are those of [`replication::fleet::summary`].
//!
//! Needs: `states:DescribeExecution`, `states:ListExecutions`.

use std::collections::BTreeMap;

use aws_client::fault;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use lambda_task::Environment;
use replication::contract::Execution;
use replication::fleet::summary::{self, Child, Ended, Summary};
use replication::fleet::{FleetState, Plan};
use replication::{Error, ErrorName, naming};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    tolerated: usize,
    /// The bucket that the machine writes the report to.
    bucket: Option<String>,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            tolerated: environment.parsed("TOLERATED_FAILURES", "a whole number")?,
            bucket: environment.optional("REPORT_BUCKET"),
        })
    }
}

/// What the function is called with.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    execution: Execution,
    machines: Machines,
    state: FleetState,
}

/// The machine of the children, by its ARN.
#[derive(Debug, Clone, Deserialize)]
pub struct Machines {
    source: String,
}

/// The result.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// As much of the report as the document of an execution has room for.
    #[serde(flatten)]
    pub summary: Summary,
    /// What the machine writes to the bucket, if the stack has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Object>,
}

/// An object of a bucket.
#[derive(Debug, Clone, Serialize)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The name of the object: `<stack>/<run>.json`.
    pub key: String,
    /// What is in it.
    pub body: Summary,
}

/// Puts together what became of a run.
///
/// # Errors
/// `InvalidInput`, or a fault of Step Functions.
pub async fn run(client: &Client, config: &Config, input: Input) -> Result<Report, Error> {
    let Input { execution, machines, state } = input;
    let plan = state.plan.ok_or_else(|| {
        Error::new(ErrorName::InvalidInput, "reporting on a fleet run").because("field state.plan is missing")
    })?;
    let mut children = BTreeMap::new();
    for item in summary::asked(&plan) {
        if let Some(child) = child(client, &machines.source, &item.child).await? {
            children.insert(item.child.clone(), child);
        }
    }
    let seconds = seconds(client, &machines.source, &plan, &execution).await?;
    let summary = summary::summarize(&plan, &execution.name, &children, &seconds, config.tolerated);
    let unwritable = |error: serde_json::Error| {
        Error::new(ErrorName::Rejected, "writing the report").because(error.to_string())
    };
    let text = serde_json::to_string(&summary).map_err(unwritable)?;
    tracing::info!(fleet_run = execution.name, left_out = ?plan.left_out, report = text, "fleet report");
    let object = match &config.bucket {
        Some(bucket) => Some(Object {
            bucket: bucket.clone(),
            key: format!("{}/{}.json", config.stack, plan.run),
            body: summary.for_bucket(&plan).map_err(unwritable)?,
        }),
        None => None,
    };
    Ok(Report { summary: summary.for_document(), object })
}

/// How a child has ended; nothing if it was never started.
async fn child(client: &Client, machine: &str, name: &str) -> Result<Option<Child>, Error> {
    let arn = naming::execution_arn(machine, name);
    let found = match client.describe_execution().execution_arn(&arn).send().await {
        Ok(found) => found,
        Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => {
            return Ok(None);
        }
        Err(error) => return Err(fault(format!("describing execution {arn}"), &error)),
    };
    let ended = match found.status() {
        ExecutionStatus::Succeeded => Ended::Succeeded,
        ExecutionStatus::TimedOut => Ended::TimedOut,
        ExecutionStatus::Aborted => Ended::Stopped,
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Ended::Not,
        _ => Ended::Failed,
    };
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Some(Child { ended, error: text(found.error()), cause: text(found.cause()).map(in_words) }))
}

/// A function's error arrives as JSON, and its message is what an operator wants to read.
fn in_words(cause: String) -> String {
    let message = serde_json::from_str::<Value>(&cause)
        .ok()
        .and_then(|cause| cause.get("errorMessage")?.as_str().map(str::to_owned));
    message.unwrap_or(cause)
}

/// How long the children took that have ended, in seconds, by their names.
async fn seconds(
    client: &Client,
    machine: &str,
    plan: &Plan,
    execution: &Execution,
) -> Result<BTreeMap<String, u64>, Error> {
    let mut pages =
        client.list_executions().state_machine_arn(machine).max_results(1000).into_paginator().items().send();
    let mut found = BTreeMap::new();
    while let Some(child) = pages.next().await {
        let child = child.map_err(|error| fault(format!("listing the executions of {machine}"), &error))?;
        if child.start_date().secs() < execution.started_at.unix_timestamp() {
            break;
        }
        if let Some(end) = child.stop_date()
            && child.name().starts_with(plan.run.as_str())
        {
            let took = end.secs() - child.start_date().secs();
            found.insert(child.name().to_owned(), u64::try_from(took).unwrap_or_default());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_function_is_read_out_of_its_cause() {
        let cause = r#"{"errorType": "KeyUnusable", "errorMessage": "checking key k: it is disabled"}"#;
        assert_eq!(in_words(cause.to_owned()), "checking key k: it is disabled");
        assert_eq!(in_words("by hand".to_owned()), "by hand");
    }
}
