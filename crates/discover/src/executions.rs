//! What earlier and other executions tell.

use aws_client::fault;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use replication::fleet::running::Running;
use replication::fleet::{FleetState, Past};
use replication::naming::{self, InstanceIdentifier, ReplicationId};
use replication::{Error, ErrorName};
use time::OffsetDateTime;

/// How many executions are read to know how long databases took last time; as many as one page has (Step Functions API).
const MOST_PAST: usize = 1000;
/// How many runs one after the other may continue the first.
const MOST_CONTINUED: usize = 20;

/// The runs that this one goes on with.
#[derive(Debug, Clone, Default)]
pub struct Continued {
    /// Their ids.
    pub runs: Vec<ReplicationId>,
    /// When the first of them began.
    pub since: Option<OffsetDateTime>,
    /// The databases in the input of the newest of them that lists some.
    pub databases: Option<Vec<InstanceIdentifier>>,
}

/// The running executions of a machine.
pub async fn running(client: &Client, machine: &str) -> Result<Vec<Running>, Error> {
    let request = client.list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(execution) = pages.next().await {
        let execution = execution
            .map_err(|error| fault(format!("listing the running executions of {machine}"), &error))?;
        found
            .push(Running { started_at: instant(execution.start_date()), name: execution.name().to_owned() });
    }
    Ok(found)
}

/// The executions of a machine that have succeeded, newest first: the newest ones, and all since a time.
pub async fn succeeded(
    client: &Client,
    machine: &str,
    since: Option<OffsetDateTime>,
) -> Result<Vec<Past>, Error> {
    let request = client
        .list_executions()
        .state_machine_arn(machine)
        .status_filter(ExecutionStatus::Succeeded)
        .max_results(i32::try_from(MOST_PAST).unwrap_or(i32::MAX));
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(execution) = pages.next().await {
        let execution =
            execution.map_err(|error| fault(format!("listing the executions of {machine}"), &error))?;
        let is_needed = since.is_some_and(|since| instant(execution.start_date()) >= since);
        if found.len() >= MOST_PAST && !is_needed {
            break;
        }
        found.push(past(&execution));
    }
    Ok(found)
}

fn past(execution: &ExecutionListItem) -> Past {
    let seconds = |at: &aws_sdk_sfn::primitives::DateTime| at.secs();
    let took = execution.stop_date().map_or(0, |end| seconds(end) - seconds(execution.start_date()));
    Past { name: execution.name().to_owned(), seconds: u64::try_from(took).unwrap_or_default() }
}

/// The runs that an execution goes on with: the one that its input names, the one that this one went on with, and so on.
pub async fn continued(client: &Client, machine: &str, first: Option<String>) -> Result<Continued, Error> {
    let mut found = Continued::default();
    let mut next = first;
    while let Some(name) = next {
        let doing = || format!("continuing fleet run {name}");
        if found.runs.len() == MOST_CONTINUED {
            return Err(Error::new(ErrorName::InvalidInput, doing())
                .because(format!("more than {MOST_CONTINUED} runs continue one another"))
                .advise("start a run without ContinueRun"));
        }
        let arn = naming::execution_arn(machine, &name);
        let execution = client.describe_execution().execution_arn(&arn).send().await.map_err(|error| {
            if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) {
                Error::new(ErrorName::NotFound, doing())
                    .because(format!("there is no execution {arn}"))
                    .advise("give the name of an execution of the fleet machine in ContinueRun")
            } else {
                fault(doing(), &error)
            }
        })?;
        let started_at = instant(execution.start_date());
        found.runs.push(ReplicationId::new(started_at, &arn));
        found.since = Some(started_at);
        // What an earlier release would not have taken lists nothing and continues nothing.
        let input: FleetState =
            execution.input().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        found.databases = found.databases.or(input.databases);
        next = input.continue_run;
    }
    Ok(found)
}

/// A time as the service says it: to the millisecond.
fn instant(at: &aws_sdk_sfn::primitives::DateTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
