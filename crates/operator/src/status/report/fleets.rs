//! Many databases: what became of each in the last run of a fleet, the worst first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use super::document::{Database, Outcome, Replication};
use crate::execution::tenths;
use crate::screen::timestamp;
use crate::status::facts::{Child, Fleet, FleetRun, Unreadable, seconds_between};
use replication::naming::{ReplicationId, Version as Number};

/// The part of the report about a fleet.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetReport {
    pub stack: String,
    pub run: Option<RunRow>,
    pub unreadable: Option<String>,
    pub databases: Vec<Row>,
    pub left_out_beside: u32,
}

/// The newest run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    pub name: String,
    pub execution: String,
    pub status: String,
    pub started_at: Option<String>,
    pub age_seconds: Option<i64>,
    pub ended_at: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub quota: Option<String>,
}

/// The states of a database, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    Failed,
    FailedInDestination,
    NotArrived,
    NotStarted,
    Running,
    Waiting,
    Sent,
    Replicated,
    SentBefore,
    LeftOut,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Failed,
        Self::FailedInDestination,
        Self::NotArrived,
        Self::NotStarted,
        Self::Running,
        Self::Waiting,
        Self::Sent,
        Self::Replicated,
        Self::SentBefore,
        Self::LeftOut,
    ];
}

/// One database of the fleet.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub source_database: String,
    pub state: State,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub seconds: Option<f64>,
    pub execution: Option<String>,
    pub last_sent_at: Option<String>,
    pub last_sent_age_seconds: Option<i64>,
    pub destination_stack: Option<String>,
    pub version: Option<Number>,
    pub data_time: Option<String>,
    pub data_age_seconds: Option<i64>,
    pub versions: Option<usize>,
    pub warnings: usize,
}

/// The report about a fleet; `databases` is the report on the destination stacks.
pub fn report(now: OffsetDateTime, fleet: &Fleet, databases: &[Database]) -> FleetReport {
    let mut report = FleetReport {
        stack: fleet.stack.name.clone(),
        run: None,
        unreadable: None,
        databases: Vec::new(),
        left_out_beside: 0,
    };
    let run = match &fleet.run {
        None => return report,
        Some(Err(Unreadable(code))) => {
            report.unreadable = Some(code.clone());
            return report;
        }
        Some(Ok(run)) => run,
    };
    report.run = Some(run_row(now, run));
    let Some(plan) = &run.plan else { return report };
    // Of two stacks with the same database the last one.
    let of_stacks: BTreeMap<String, &Database> =
        databases.iter().filter_map(|one| Some((one.lower_name()?, one))).collect();
    let of_stack = |name: &str| of_stacks.get(name).copied();
    let mut rows = Vec::new();
    for item in &plan.databases {
        let name = item.database.as_str();
        rows.push(row(now, fleet, run, name, of_stack(name)));
    }
    for name in &plan.done_before {
        rows.push(entry(name.as_str(), State::SentBefore, of_stack(name.as_str())));
    }
    for one in &plan.left_out {
        let state = if one.error.is_some() { State::Failed } else { State::LeftOut };
        let entry = entry(one.database.as_str(), state, of_stack(one.database.as_str()));
        rows.push(Row { error: one.error.clone(), cause: Some(one.reason.clone()), ..entry });
    }
    // The worst state first, and in it what nobody knows the age of, then the oldest data.
    rows.sort_by_key(|row| {
        let age = row.data_age_seconds;
        (row.state, age.is_some(), Reverse(age), row.source_database.clone())
    });
    report.databases = rows;
    report.left_out_beside = plan.left_out_beside;
    report
}

fn run_row(now: OffsetDateTime, run: &FleetRun) -> RunRow {
    RunRow {
        name: run.name().to_owned(),
        execution: run.arn.clone(),
        status: run.status.clone(),
        started_at: Some(timestamp(run.started)),
        age_seconds: Some(seconds_between(run.started, now)),
        ended_at: run.ended.map(timestamp),
        error: some(&run.error),
        cause: some(&run.cause),
        quota: run.plan.as_ref().and_then(|plan| some(plan.room.as_deref()?)),
    }
}

fn row(now: OffsetDateTime, fleet: &Fleet, run: &FleetRun, name: &str, of_stack: Option<&Database>) -> Row {
    let child = run.children.get(name);
    let (error, cause) = fleet.failures.get(name).cloned().unzip();
    let (state, error, cause) = match child {
        None => (if run.is_running() { State::Waiting } else { State::NotStarted }, error, cause),
        Some(child) if child.status == "RUNNING" => (State::Running, error, cause),
        Some(child) if child.status != "SUCCEEDED" => {
            (State::Failed, error.or_else(|| Some(child.status.clone())), cause)
        }
        Some(child) => match arrived(child, of_stack) {
            Some(found) if found.outcome == Outcome::Failed => {
                (State::FailedInDestination, found.error.clone(), found.cause.clone())
            }
            found => (state_of_sent(found), error, cause),
        },
    };
    let sent = run.last_sent.get(name).copied();
    let seconds = |child: &Child| tenths((child.ended.unwrap_or(now) - child.started).as_seconds_f64());
    Row {
        error,
        cause: cause.filter(|cause| !cause.is_empty()),
        seconds: child.map(seconds),
        execution: child.map(|child| child.arn.clone()),
        last_sent_at: sent.map(timestamp),
        last_sent_age_seconds: sent.map(|at| seconds_between(at, now)),
        ..entry(name, state, of_stack)
    }
}

/// The replication of the destination account that the child has announced.
fn arrived<'d>(child: &Child, of_stack: Option<&'d Database>) -> Option<&'d Replication> {
    let id = ReplicationId::new(child.started, &child.arn).to_string();
    of_stack?.replications.iter().flatten().find(|one| one.id.as_ref() == Some(&id))
}

fn state_of_sent(arrived: Option<&Replication>) -> State {
    match arrived.map(|found| found.outcome) {
        Some(Outcome::Succeeded | Outcome::Superseded) => State::Replicated,
        Some(Outcome::NotArrived) => State::NotArrived,
        Some(Outcome::Failed) => State::FailedInDestination,
        None | Some(Outcome::Running | Outcome::OnItsWay | Outcome::Unknown) => State::Sent,
    }
}

/// A row with what the destination account holds of the database.
fn entry(name: &str, state: State, of_stack: Option<&Database>) -> Row {
    let live = of_stack.and_then(|one| one.live.as_ref());
    Row {
        source_database: name.to_owned(),
        state,
        error: None,
        cause: None,
        seconds: None,
        execution: None,
        last_sent_at: None,
        last_sent_age_seconds: None,
        destination_stack: of_stack.map(|one| one.stack.clone()),
        version: live.and_then(|live| live.version),
        data_time: live.and_then(|live| live.data_time.clone()),
        data_age_seconds: live.and_then(|live| live.data_age_seconds),
        versions: of_stack.and_then(|one| Some(one.versions.as_ref()?.len())),
        warnings: of_stack.map_or(0, |one| one.warnings.len()),
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
