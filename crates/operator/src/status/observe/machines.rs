//! The executions of state machines.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent};
use replication::naming;
use serde_json::Value;
use time::OffsetDateTime;

use super::announced_ids;
use crate::execution::{Entered, Execution, Outline, object, readable_cause};
use crate::failure::{Failure, fault};
use crate::status::facts::{Run, Source};
use crate::times::{certain, moment};

/// How far back executions are searched for the few that are reported.
pub const MOST_LISTED: usize = 1000;
/// How many of them are opened to see which database they are about.
pub const MOST_OPENED: usize = 100;
/// How many executions a page of a search has, which ends after a few.
const LISTED_PER_PAGE: i32 = 100;
/// How many a page has at most (API of Step Functions, `ListExecutions`), for whoever reads them all.
const MOST_PER_PAGE: i32 = 1000;
/// How many events a page of a history has (API of Step Functions, `GetExecutionHistory`).
const EVENTS_PER_PAGE: i32 = 1000;
/// The first poll reads everything, each later one only what a loop adds.
const NEW_EVENTS_PER_PAGE: i32 = 100;

/// The machine's executions, newest first, as a list that is read as far as it is needed.
pub struct Listed {
    client: Client,
    machine: String,
    page: std::vec::IntoIter<ExecutionListItem>,
    next: Option<String>,
    is_begun: bool,
    left: usize,
    per_page: i32,
}

impl Listed {
    /// Those of a machine, of which all are wanted.
    pub fn all(client: &Client, machine: &str) -> Self {
        Self { per_page: MOST_PER_PAGE, ..Self::of(client, machine) }
    }

    /// Those of a machine, of which the first few are wanted.
    pub fn of(client: &Client, machine: &str) -> Self {
        Self {
            client: client.clone(),
            machine: machine.to_owned(),
            page: Vec::new().into_iter(),
            next: None,
            is_begun: false,
            left: MOST_LISTED,
            per_page: LISTED_PER_PAGE,
        }
    }

    /// The next one.
    ///
    /// # Errors
    /// A fault of Step Functions.
    pub async fn next(&mut self) -> Result<Option<ExecutionListItem>, Failure> {
        loop {
            if self.left == 0 {
                return Ok(None);
            }
            if let Some(found) = self.page.next() {
                self.left -= 1;
                return Ok(Some(found));
            }
            if self.is_begun && self.next.is_none() {
                return Ok(None);
            }
            let request = self.client.list_executions().state_machine_arn(&self.machine);
            let request = request.max_results(self.per_page).set_next_token(self.next.take());
            let answer = request.send().await.map_err(|error| fault("states:ListExecutions", &error))?;
            self.is_begun = true;
            self.next = answer.next_token;
            self.page = answer.executions.into_iter();
        }
    }
}

/// The newest executions of a machine.
///
/// # Errors
/// A fault of Step Functions.
pub async fn newest(client: &Client, machine: &str, last: usize) -> Result<Vec<Execution>, Failure> {
    let mut listed = Listed::of(client, machine);
    let mut found = Vec::new();
    while found.len() < last
        && let Some(one) = listed.next().await?
    {
        found.push(open(client, one.execution_arn()).await?);
    }
    Ok(found)
}

/// The newest executions of the destination machine, with the replications that they are of.
///
/// # Errors
/// A fault of Step Functions.
pub async fn destination_runs(client: &Client, machine: &str, last: usize) -> Result<Vec<Run>, Failure> {
    Ok(newest(client, machine, last).await?.into_iter().map(destination_run).collect())
}

fn destination_run(execution: Execution) -> Run {
    let replication = announced(&execution)["id"].as_str().unwrap_or_default().to_owned();
    Run { replication, execution }
}

/// What the message of a destination run says of its replication.
fn announced(execution: &Execution) -> &Value {
    &execution.input["Input"]["replication"]
}

/// The database of a destination run, as its message says.
pub fn announced_database(execution: &Execution) -> Option<String> {
    announced(execution)["sourceDBIdentifier"].as_str().map(str::to_owned)
}

/// The runs of the destination account, and older ones that runs of the source account announced.
///
/// # Errors
/// A fault of Step Functions.
pub async fn with_announced(
    client: &Client,
    machine: &str,
    mut runs: Vec<Run>,
    source: &Source,
) -> Result<Vec<Run>, Failure> {
    let Ok(source_runs) = &source.runs else { return Ok(runs) };
    let known: Vec<String> = announced_ids(&runs).map(str::to_owned).collect();
    for id in announced_ids(source_runs).filter(|id| !known.iter().any(|known| known == id)) {
        let arn = naming::execution_arn(machine, id);
        if let Some(found) = described(client, &arn).await? {
            runs.push(destination_run(with_history(client, &arn, found).await?));
        }
    }
    Ok(runs)
}

/// An execution with its history.
///
/// # Errors
/// A fault of Step Functions.
pub async fn open(client: &Client, arn: &str) -> Result<Execution, Failure> {
    let missing = || Failure::named("ExecutionDoesNotExist", format!("there is no execution {arn}"));
    // The status first: an end that is seen here has all of its history behind it.
    let found = described(client, arn).await?.ok_or_else(missing)?;
    with_history(client, arn, found).await
}

/// How many polls wait for an execution that was just started to be seen: what Step Functions answers is consistent only
/// eventually (API of Step Functions, `DescribeExecution`).
const UNSEEN_POLLS: u32 = 20;

/// An execution that is followed: as the last poll saw it.
pub struct Followed {
    client: Client,
    /// What was seen.
    pub execution: Execution,
    seen: i64,
    unseen_polls: u32,
}

impl Followed {
    /// One that was started just now.
    pub fn started(client: &Client, arn: &str, at: OffsetDateTime) -> Self {
        Self { client: client.clone(), execution: Execution::started(arn, at), seen: 0, unseen_polls: 0 }
    }

    /// Reads what happened since the last poll; how many states were entered since.
    ///
    /// # Errors
    /// A fault of Step Functions.
    pub async fn poll(&mut self) -> Result<usize, Failure> {
        let missing =
            |arn: &str| Failure::named("ExecutionDoesNotExist", format!("there is no execution {arn}"));
        // The status first: an end that is seen here has all of its history behind it.
        let found = described(&self.client, &self.execution.arn).await?;
        let events = match &found {
            Some(_) => self.new_events().await?,
            None => None,
        };
        let (Some(found), Some(events)) = (found, events) else {
            self.unseen_polls += 1;
            let may_come = self.seen == 0 && self.unseen_polls <= UNSEEN_POLLS;
            return if may_come { Ok(0) } else { Err(missing(&self.execution.arn)) };
        };
        let before = self.execution.states.len();
        for event in events {
            take(&mut self.execution, &event);
        }
        self.execution.outline = outline(&found);
        read(&mut self.execution, found.output.as_deref());
        Ok(self.execution.states.len() - before)
    }

    /// Events after the last one seen, oldest first; nothing where the execution is not seen. Newest first is how the service lets us
    /// stop early.
    async fn new_events(&mut self) -> Result<Option<Vec<HistoryEvent>>, Failure> {
        let page = if self.seen > 0 { NEW_EVENTS_PER_PAGE } else { EVENTS_PER_PAGE };
        let request = self.client.get_execution_history().execution_arn(&self.execution.arn);
        let mut pages = request.reverse_order(true).max_results(page).into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(event) = pages.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => {
                    return Ok(None);
                }
                Err(error) => return Err(fault("states:GetExecutionHistory", &error)),
            };
            if event.id() <= self.seen {
                break;
            }
            events.push(event);
        }
        events.reverse();
        self.seen = events.last().map_or(self.seen, HistoryEvent::id);
        Ok(Some(events))
    }
}

/// What DescribeExecution says, if there is such an execution.
///
/// # Errors
/// A fault of Step Functions.
pub async fn described(client: &Client, arn: &str) -> Result<Option<DescribeExecutionOutput>, Failure> {
    match client.describe_execution().execution_arn(arn).send().await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => Ok(None),
        Err(error) => Err(fault("states:DescribeExecution", &error)),
    }
}

/// What an answer of DescribeExecution says whichever machine it is about.
pub fn outline(found: &DescribeExecutionOutput) -> Outline {
    Outline {
        arn: found.execution_arn.clone(),
        status: found.status.as_str().to_owned(),
        error: found.error.clone().unwrap_or_default(),
        cause: readable_cause(found.cause.as_deref().unwrap_or_default()),
        started: certain(&found.start_date),
        ended: found.stop_date.as_ref().and_then(moment),
    }
}

async fn with_history(
    client: &Client,
    arn: &str,
    found: DescribeExecutionOutput,
) -> Result<Execution, Failure> {
    let request = client.get_execution_history().execution_arn(arn).max_results(EVENTS_PER_PAGE);
    let mut pages = request.into_paginator().items().send();
    let mut execution = Execution {
        outline: outline(&found),
        input: found.input.as_deref().and_then(object).unwrap_or_default(),
        document: Value::Null,
        states: Vec::new(),
    };
    while let Some(event) = pages.next().await {
        take(&mut execution, &event.map_err(|error| fault("states:GetExecutionHistory", &error))?);
    }
    read(&mut execution, found.output.as_deref());
    Ok(execution)
}

fn take(execution: &mut Execution, event: &HistoryEvent) {
    if let Some(entered) = event.state_entered_event_details() {
        read(execution, entered.input());
        let kind = event.r#type().as_str();
        execution.states.push(Entered {
            name: entered.name().to_owned(),
            kind: kind.strip_suffix("StateEntered").unwrap_or(kind).to_owned(),
            at: certain(event.timestamp()),
        });
    }
    if let Some(left) = event.state_exited_event_details() {
        read(execution, left.output());
    }
}

/// Takes a text for the newest document, if it is one.
fn read(execution: &mut Execution, text: Option<&str>) {
    if let Some(document) = text.and_then(object) {
        execution.document = document;
    }
}

/// The ARN of the newest execution of a machine, or of the newest that has this status.
///
/// # Errors
/// A fault of Step Functions.
pub async fn newest_arn(
    client: &Client,
    machine: &str,
    status: Option<ExecutionStatus>,
) -> Result<Option<String>, Failure> {
    let request =
        client.list_executions().state_machine_arn(machine).max_results(1).set_status_filter(status);
    let answer = request.send().await.map_err(|error| fault("states:ListExecutions", &error))?;
    Ok(answer.executions().first().map(|one| one.execution_arn().to_owned()))
}

/// Starts an execution of this name, and only one, also if the request is sent again because its answer was lost; its ARN and
/// when it started.
///
/// # Errors
/// A fault of Step Functions.
pub async fn start(
    client: &Client,
    machine: &str,
    name: &str,
    input: &Value,
) -> Result<(String, OffsetDateTime), Failure> {
    let arn = naming::execution_arn(machine, name);
    let request = client.start_execution().state_machine_arn(machine).name(name).input(input.to_string());
    match request.send().await {
        Ok(started) => Ok((started.execution_arn, certain(&started.start_date))),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_already_exists()) => {
            let found = described(client, &arn).await?;
            let found = found.ok_or_else(|| fault("states:StartExecution", &error))?;
            Ok((arn, certain(&found.start_date)))
        }
        Err(error) => Err(fault("states:StartExecution", &error)),
    }
}
