//! What became of the last replications and rollbacks, and how long their stages took.

use serde_json::Value;
use time::OffsetDateTime;

use super::document::{Outcome, Replication, Role, Rollback, Run as RunRow, StageTime};
use crate::execution::{Execution, tenths, words};
use crate::screen::timestamp;
use crate::status::facts::{Run, seconds_between};

/// How long a message may take from account to account before its absence is news. Seconds.
const ARRIVAL_SECONDS: i64 = 600;

/// Every replication that has a run in either account, newest first; nothing if neither could be read. What began before
/// `since`, when the destination stack was created, was not for it unless it has a run there.
pub fn replications(
    now: OffsetDateTime,
    source_runs: Option<&[Run]>,
    destination_runs: Option<&[Run]>,
    since: Option<OffsetDateTime>,
) -> Option<Vec<Replication>> {
    source_runs.or(destination_runs)?;
    let mut runs: Vec<&Run> = destination_runs.unwrap_or_default().iter().collect();
    let arrived_ids: Vec<&str> = runs.iter().map(|run| run.replication.as_str()).collect();
    let is_readable = destination_runs.is_some();
    let mut found = Vec::new();
    for run in source_runs.unwrap_or_default() {
        let is_of_before = since.is_some_and(|since| run.execution.started < since);
        if is_of_before && !arrived_ids.contains(&run.replication.as_str()) {
            continue;
        }
        // What a message has started has the replication's name; for one that was lost an operator may have started a run.
        let is_own = |one: &&Run| one.replication == run.replication;
        let by_message = runs.iter().position(|one| is_own(one) && !is_by_hand(one));
        let arrived = by_message.or_else(|| runs.iter().rposition(is_own)).map(|place| runs.remove(place));
        found.extend(replication(now, Some(run), arrived, is_readable));
    }
    found.extend(runs.into_iter().filter_map(|run| replication(now, None, Some(run), true)));
    // Those that began at once stay in their order.
    found.sort_by(|one, other| other.started_at.cmp(&one.started_at));
    Some(found)
}

/// One run of the rollback machine.
pub fn rollback(now: OffsetDateTime, execution: &Execution) -> Rollback {
    let instance = execution.of_destination("restore");
    Rollback {
        wanted: execution.input.get("version").cloned().unwrap_or_default(),
        age_seconds: seconds_between(execution.started, now),
        ended_age_seconds: execution.ended.map(|at| seconds_between(at, now)),
        run: run(now, execution),
        cause: some(&execution.cause),
        version: instance["db_version"].as_u64(),
        instance: text(&instance["db_instance_identifier"]),
        restored_version: instance["restoredVersion"].as_u64(),
        secret_outcome: text(&execution.of_destination("rotate-secret")["outcome"]),
    }
}

fn replication(
    now: OffsetDateTime,
    source_run: Option<&Run>,
    destination_run: Option<&Run>,
    is_b_readable: bool,
) -> Option<Replication> {
    let (source, destination) =
        (source_run.map(|run| &run.execution), destination_run.map(|run| &run.execution));
    let executions = [(Role::Source, source), (Role::Destination, destination)];
    let executions: Vec<(Role, &Execution)> =
        executions.into_iter().filter_map(|(role, one)| Some((role, one?))).collect();
    let started = executions.first()?.1.started;
    let is_running = executions.iter().any(|(_, one)| one.is_running());
    let ended =
        executions.iter().map(|(_, one)| one.ended.unwrap_or(one.started)).max().filter(|_| !is_running);
    let has_failed = |(_, one): &&(Role, &Execution)| !one.is_running() && !one.has_succeeded();
    let failed = executions.iter().rev().find(has_failed).copied();
    let of_destination = |task: &str, field: &str| -> Value {
        destination.map(|one| one.of_destination(task)[field].clone()).unwrap_or_default()
    };
    let error = |one: &Execution| if one.error.is_empty() { one.status.clone() } else { one.error.clone() };
    Some(Replication {
        id: source_run.or(destination_run).and_then(|run| some(&run.replication)),
        started_by_hand_in_b: destination_run.is_some_and(is_by_hand),
        outcome: outcome(now, source, destination, failed.is_some(), is_b_readable),
        started_at: timestamp(started),
        age_seconds: seconds_between(started, now),
        ended_at: ended.map(timestamp),
        ended_age_seconds: ended.map(|at| seconds_between(at, now)),
        seconds: length(started, ended.unwrap_or(now)),
        error: failed.map(|(_, one)| error(one)),
        cause: failed.and_then(|(_, one)| some(&one.cause)),
        failed_in: failed.map(|(role, _)| role),
        failed_stage: failed.and_then(|(_, one)| one.stage()).map(|state| words(state).to_owned()),
        version: of_destination("restore", "db_version").as_u64(),
        instance: text(&of_destination("restore", "db_instance_identifier")),
        secret_outcome: text(&of_destination("rotate-secret", "outcome")),
        room_failures: executions
            .iter()
            .filter_map(|(role, one)| Some((*role, one.room_failure()?)))
            .collect(),
        told_operators: executions.iter().flat_map(|(_, one)| one.alerted()).collect(),
        source: source.map(|one| run(now, one)),
        destination: destination.map(|one| run(now, one)),
    })
}

fn outcome(
    now: OffsetDateTime,
    source: Option<&Execution>,
    destination: Option<&Execution>,
    has_failed: bool,
    is_b_readable: bool,
) -> Outcome {
    if source.into_iter().chain(destination).any(|one| one.is_running()) {
        return Outcome::Running;
    }
    if has_failed {
        return Outcome::Failed;
    }
    match destination {
        Some(destination) if destination.is_superseded() => Outcome::Superseded,
        Some(_) => Outcome::Succeeded,
        None if !is_b_readable => Outcome::Unknown,
        None => {
            let since_end = source.and_then(|one| one.ended).map(|at| seconds_between(at, now));
            let is_early = since_end.is_some_and(|seconds| seconds < ARRIVAL_SECONDS);
            if is_early { Outcome::OnItsWay } else { Outcome::NotArrived }
        }
    }
}

fn run(now: OffsetDateTime, execution: &Execution) -> RunRow {
    let end = execution.ended.unwrap_or(now);
    let stage = |(state, seconds): (&str, f64)| StageTime {
        state: state.to_owned(),
        stage: words(state).to_owned(),
        seconds,
    };
    RunRow {
        execution: execution.arn.clone(),
        status: execution.status.clone(),
        started_at: timestamp(execution.started),
        ended_at: execution.ended.map(timestamp),
        seconds: length(execution.started, end),
        stage: execution.stage().map(|state| words(state).to_owned()),
        error: some(&execution.error),
        stages: execution.stage_seconds(end).into_iter().map(stage).collect(),
    }
}

/// Whether a run of the destination account was not started by a message, which names it by the replication.
fn is_by_hand(run: &Run) -> bool {
    run.execution.name() != run.replication
}

fn length(start: OffsetDateTime, end: OffsetDateTime) -> f64 {
    tenths((end - start).as_seconds_f64())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
