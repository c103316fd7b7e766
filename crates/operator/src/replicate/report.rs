//! What a program reads at the end, as help.txt describes it.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::Begun;
use super::fleet::Fleet;
use super::one::Run;
use crate::execution::{Execution, some, tenths};
use crate::failure::Failure;

/// Raised when a field changes its meaning or goes.
const FORMAT: u32 = 1;

/// The document about what was begun, if anything was.
pub fn document(begun: &Begun, failure: Option<&Failure>, now: OffsetDateTime) -> Option<Value> {
    let found = match (&begun.one, &begun.fleet) {
        (Some(run), _) => of_one(run, now),
        (None, Some(fleet)) => of_fleet(fleet, now),
        (None, None) => return None,
    };
    let mut document = json!({"format": FORMAT, "failure": failure.map(|failure| &failure.text)});
    if let (Value::Object(all), Value::Object(found)) = (&mut document, found) {
        all.extend(found);
    }
    Some(document)
}

fn of_one(run: &Run, now: OffsetDateTime) -> Value {
    let destination = run.destination();
    let of_task = |task: &str, field: &str| destination.map(|one| one.of_destination(task)[field].clone());
    json!({
        "replicationId": run.id(),
        "version": of_task("restore", "db_version"),
        "instance": of_task("restore", "db_instance_identifier"),
        "superseded": destination.is_some_and(Execution::is_superseded),
        "secretOutcome": of_task("rotate-secret", "outcome"),
        "source": side(run.source(), &run.source().of_source("copy")["copy"], now),
        "destination": destination.map(|one| side(one, &one.of_destination("copy")["copy"], now)),
    })
}

fn side(execution: &Execution, copy: &Value, now: OffsetDateTime) -> Value {
    let stages = execution.stage_seconds(execution.ended.unwrap_or(now));
    let stages: Map<String, Value> =
        stages.into_iter().map(|(state, seconds)| (state.to_owned(), json!(seconds))).collect();
    json!({
        "execution": execution.arn,
        "status": execution.status,
        "error": some(&execution.error),
        "cause": some(&execution.cause),
        "stageSeconds": stages,
        "copy": copy,
    })
}

fn of_fleet(fleet: &Fleet, now: OffsetDateTime) -> Value {
    let rows = fleet.following.sorted(now).into_iter().map(|one| {
        json!({
            "database": one.name,
            "status": one.words(),
            "error": some(&one.error),
            "cause": some(&one.cause),
            "seconds": one.seconds(now).map(tenths),
        })
    });
    json!({
        "run": fleet.run.name(),
        "execution": fleet.run.arn,
        "status": fleet.run.status,
        "databases": rows.collect::<Vec<_>>(),
    })
}
