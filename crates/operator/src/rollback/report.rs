//! What a program reads at the end, as help.txt describes it.

use serde_json::{Value, json};

use super::Begun;
use super::named::Named;
use crate::execution::some;
use crate::failure::Failure;

/// Raised when a field changes its meaning or goes.
const FORMAT: u32 = 1;

/// The document about what was begun, if anything was.
pub fn document(begun: &Begun, failure: Option<&Failure>) -> Option<Value> {
    let arn = begun.started.as_ref()?;
    let execution = begun.execution.as_ref();
    let of = |task: &str, field: &str| {
        execution.map_or(Value::Null, |one| one.of_destination(task)[field].clone())
    };
    let list = |field: &str| {
        if of("rotate-secret", field).is_array() { of("rotate-secret", field) } else { json!([]) }
    };
    Some(json!({
        "format": FORMAT,
        "failure": failure.map(|failure| &failure.text),
        "execution": arn,
        "status": execution.map(|one| &one.status),
        "error": execution.and_then(|one| some(&one.error)),
        "cause": execution.and_then(|one| some(&one.cause)),
        "version": of("restore", "db_version"),
        "instance": of("restore", "db_instance_identifier"),
        "secretOutcome": of("rotate-secret", "outcome"),
        "marked": list("marked"),
        "unmarked": list("unmarked"),
        "before": begun.before.as_ref().and_then(named),
        "after": begun.after.as_ref().and_then(named),
    }))
}

fn named(named: &Named) -> Option<Value> {
    let instance = named.instance.as_ref();
    named.hidden_by.is_empty().then(|| {
        json!({
            "host": some(&named.host),
            "instance": instance.map(|one| one.identifier()),
            "version": instance.and_then(|one| one.tags().version()).map(|version| json!(version)),
        })
    })
}
