//! The lines about a machine.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sources::{Sources, machine_path};

/// What is held in a line of its own, and what only explains.
const SAID_OTHERWISE: [&str; 3] = ["Comment", "Type", "Retry"];

/// The states in their order, each with everything but its comment; what all tasks have the same, once.
pub fn lines(name: &str, sources: &Sources) -> Vec<String> {
    let machine: Value = serde_json::from_str(sources.text(&machine_path(name))).unwrap_or_default();
    let states = machine["States"].as_object();
    let mut lines = vec![String::new(), format!("== {name} machine")];
    lines.push(format!("starts at {}, ends after {} seconds", machine["StartAt"], machine["TimeoutSeconds"]));
    let retries = states.into_iter().flatten().filter_map(|(_, fields)| fields.get("Retry"));
    let retries: BTreeSet<String> = retries.map(Value::to_string).collect();
    lines.extend(retries.into_iter().map(|retry| format!("tasks are retried {retry}")));
    for (state, fields) in states.into_iter().flatten() {
        lines.push(format!("{state}: {}", fields["Type"].as_str().unwrap_or_default()));
        let fields = fields.as_object().into_iter().flatten();
        let held = fields.filter(|(field, _)| !SAID_OTHERWISE.contains(&field.as_str()));
        lines.extend(held.map(|(field, value)| format!("    {field} {value}")));
    }
    lines
}
