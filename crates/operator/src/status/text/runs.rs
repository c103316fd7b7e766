//! The tables of replications and rollbacks.

use replication::contract::Outcome as SecretOutcome;
use replication::machines::{Machine, ROOM};
use serde_json::Value;

use super::{age_or_dash, heads, indented, or_dash};
use crate::execution::{is_reporting, name_in, plain};
use crate::screen::{age, wrapped};
use crate::status::report::document::{Database, Outcome, Replication, Role, Run};

/// The replications.
pub fn replications(database: &Database, width: usize) -> Vec<String> {
    let mut rows =
        vec![heads(&["replication", "started", "age", "source", "destination", "version", "secret"])];
    let mut failures = Vec::new();
    for one in database.replications.iter().flatten() {
        rows.push(vec![
            title(one),
            one.started_at.clone(),
            age(one.age_seconds),
            source_result(one, database),
            destination_result(one, database),
            or_dash(one.version),
            secret_outcome(one.secret_outcome.as_deref()),
        ]);
        failures.extend(failure(&title(one), one.error.as_deref(), one.cause.as_deref(), width));
    }
    let mut lines = indented(&rows, &[2, 5], false, width);
    lines.extend(failures);
    lines
}

/// The id or, for a run that an operator has started without a message, its name.
fn title(replication: &Replication) -> String {
    let name = || replication.destination.as_ref().map(|run| name_in(&run.execution).to_owned());
    replication.id.clone().or_else(name).unwrap_or_default()
}

fn source_result(replication: &Replication, database: &Database) -> String {
    match &replication.source {
        Some(run) => status(run),
        None if database.unreadable.get("sourceRuns").is_some() => "not readable".to_owned(),
        None if replication.started_by_hand_in_b => "-".to_owned(),
        None => "no run found".to_owned(),
    }
}

fn destination_result(replication: &Replication, database: &Database) -> String {
    match (&replication.destination, replication.outcome) {
        (_, Outcome::Superseded) => "no newer data".to_owned(),
        (Some(run), _) => status(run) + if replication.started_by_hand_in_b { ", by hand" } else { "" },
        (None, _) if database.unreadable.get("destinationRuns").is_some() => "not readable".to_owned(),
        (None, Outcome::OnItsWay) => "on its way".to_owned(),
        (None, Outcome::NotArrived) => "DID NOT ARRIVE".to_owned(),
        // A source that is still running or has failed has nothing to announce yet.
        (None, _) => "no run".to_owned(),
    }
}

/// How long the stages of the replications took.
pub fn stages(database: &Database, width: usize) -> Vec<String> {
    let replications = database.replications.as_deref().unwrap_or_default();
    let is_source_readable = database.unreadable.get("sourceRuns").is_none();
    let of_source = words(Machine::Source).filter(|_| is_source_readable).map(|words| (Role::Source, words));
    let of_destination = words(Machine::Destination).map(|words| (Role::Destination, words));
    let seconds = |one: &Replication, (role, words): (Role, &str)| {
        let run = if role == Role::Source { one.source.as_ref() } else { one.destination.as_ref() };
        run?.stages.iter().rev().find(|stage| stage.stage == words).map(|stage| stage.seconds)
    };
    // A stack that was deployed before there was such a stage has no column for it.
    let is_used = |stage: &(Role, &'static str)| {
        stage.1 != ROOM.words || replications.iter().any(|one| seconds(one, *stage).is_some())
    };
    let stages: Vec<(Role, &str)> = of_source.chain(of_destination).filter(is_used).collect();
    let head = |(role, words): &(Role, &'static str)| match (role, *words == ROOM.words) {
        (Role::Source, true) => "room A",
        (Role::Destination, true) => "room B",
        (_, false) => words,
    };
    let mut first = vec!["replication"];
    first.extend(stages.iter().map(head));
    first.push("in all");
    let mut rows = vec![heads(&first)];
    rows.extend(replications.iter().map(|one| {
        let mut row = vec![title(one)];
        row.extend(stages.iter().map(|stage| length(seconds(one, *stage))));
        row.push(length(Some(one.seconds)));
        row
    }));
    let right: Vec<usize> = (1..first.len()).collect();
    indented(&rows, &right, true, width)
}

fn words(machine: Machine) -> impl Iterator<Item = &'static str> {
    machine.stages().iter().filter(|stage| !is_reporting(stage.state)).map(|stage| stage.words)
}

/// The rollbacks.
pub fn rollbacks(database: &Database, width: usize) -> Vec<String> {
    let mut rows = vec![heads(&[
        "started",
        "age",
        "wanted",
        "result",
        "version",
        "instance",
        "restored from",
        "secret",
        "restore",
        "move",
    ])];
    let mut failures = Vec::new();
    for one in database.rollbacks.iter().flatten() {
        let seconds =
            |words: &str| one.run.stages.iter().find(|stage| stage.stage == words).map(|stage| stage.seconds);
        rows.push(vec![
            one.run.started_at.clone(),
            age_or_dash(Some(one.age_seconds)),
            if one.wanted == Value::Null { "-".to_owned() } else { plain(&one.wanted) },
            status(&one.run),
            or_dash(one.version),
            one.instance.clone().unwrap_or_else(|| "-".to_owned()),
            one.restored_version.map(|version| format!("snapshot of version {version}")).unwrap_or_default(),
            secret_outcome(one.secret_outcome.as_deref()),
            length(seconds("restore")),
            length(seconds("secret")),
        ]);
        failures.extend(failure(&one.run.started_at, one.run.error.as_deref(), one.cause.as_deref(), width));
    }
    let mut lines = indented(&rows, &[1, 2, 4, 8, 9], false, width);
    lines.extend(failures);
    lines
}

/// Lines under a table: the error of one of its rows.
fn failure(name: &str, error: Option<&str>, cause: Option<&str>, width: usize) -> Vec<String> {
    let Some(error) = error else { return Vec::new() };
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    wrapped(&format!("{name}: {error}{cause}"), width, "  ", "    ")
}

fn status(run: &Run) -> String {
    let said = match run.status.as_str() {
        "SUCCEEDED" => return "succeeded".to_owned(),
        "RUNNING" => "running",
        "TIMED_OUT" => "TIMED OUT",
        other => other,
    };
    run.stage.as_ref().map_or_else(|| said.to_owned(), |stage| format!("{said}: {stage}"))
}

fn secret_outcome(outcome: Option<&str>) -> String {
    let known = outcome.and_then(|outcome| serde_json::from_value::<SecretOutcome>(outcome.into()).ok());
    match known {
        Some(SecretOutcome::Moved) => "moved",
        Some(SecretOutcome::AlreadyMoved) => "named it already",
        Some(SecretOutcome::NewerIsLive) => "newer one is live",
        Some(SecretOutcome::HeldBack) => "held back",
        Some(SecretOutcome::Prepared) => "being prepared",
        Some(SecretOutcome::InstanceBusy) => "instance is busy",
        Some(SecretOutcome::PasswordPending) => "password pending",
        None => outcome.unwrap_or_default(),
    }
    .to_owned()
}

/// How long something took, short enough for a column: `0.4 s`, `245 s`, `42 min`, `3 h 05 min`.
fn length(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "-".to_owned() };
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, reason = "no run takes longer than a year")]
    let whole = seconds as i64;
    if seconds < 600.0 { format!("{whole} s") } else { age(whole) }
}
