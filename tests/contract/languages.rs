//! The machines and the templates can be read at all, and are written in this project's order.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sources::{ACCOUNTS, MACHINES, Sources, machine_path};
use crate::template::walk;

/// The order of a state's fields.
const STATE_FIELDS: &[&str] = &[
    "Comment",
    "Type",
    "Resource",
    "InputPath",
    "ItemsPath",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "ItemProcessor",
    "Parameters",
    "ResultSelector",
    "Result",
    "ResultPath",
    "TimeoutSeconds",
    "Retry",
    "Catch",
    "Choices",
    "Default",
    "SecondsPath",
    "Error",
    "ErrorPath",
    "CausePath",
    "Next",
    "End",
];
/// The order of a machine's fields.
const MACHINE_FIELDS: &[&str] = &["Comment", "StartAt", "TimeoutSeconds", "States"];
/// What a pattern cannot say of parameters; not every template needs it.
const RULES: &str = "Rules";
/// The order of a template's sections.
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    RULES,
    "Conditions",
    "Resources",
    "Outputs",
];

/// The machines are valid before substitution, have only fields that this project knows, in one order.
pub fn of_machines(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for (machine, _, _) in MACHINES {
        match sources.machine(machine) {
            Ok(found) if found.comment.is_empty() => {
                problems.push(format!("{machine}: it does not say what it is for"));
            }
            Ok(_) => {}
            Err(error) => {
                problems.push(format!("{machine}: {error}"));
                continue;
            }
        }
        let value: Value = serde_json::from_str(sources.text(&machine_path(machine))).unwrap_or_default();
        problems.extend(order(&format!("{machine} machine"), &value, MACHINE_FIELDS));
        for (name, state) in value["States"].as_object().into_iter().flatten() {
            problems.extend(order(&format!("{machine}: {name}"), state, STATE_FIELDS));
            for (name, state) in state["ItemProcessor"]["States"].as_object().into_iter().flatten() {
                problems.extend(order(&format!("{machine}: {name}"), state, STATE_FIELDS));
            }
        }
        // A placeholder is replaced as text, so one inside a longer text could end up as half a name.
        walk(machine, &value, &mut |path, value| {
            if let Some(text) = value.as_str().filter(|text| text.contains("${") && !is_placeholder(text)) {
                problems.push(format!("{path} holds more than a placeholder: {text}"));
            }
            // The names of Step Functions' own errors begin like its functions.
            let is_error = path.contains("ErrorEquals") || path.ends_with("StringEquals");
            if let Some(text) = value.as_str().filter(|text| text.contains("States.") && !is_error) {
                problems.push(format!("{path} computes ({text}); logic belongs into a function"));
            }
        });
    }
    problems
}

/// The templates have all sections, in one order, and fit into what CloudFormation takes.
pub fn of_templates(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for account in ACCOUNTS {
        let template = match sources.template(account) {
            Ok(template) => template,
            Err(error) => {
                problems.push(format!("{account}: {error}"));
                continue;
            }
        };
        let names: Vec<&str> =
            template.value().as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let has_rules = names.contains(&RULES);
        let wanted: Vec<&str> = SECTIONS.iter().copied().filter(|name| *name != RULES || has_rules).collect();
        if names != wanted {
            problems.push(format!("{account}: its sections are {names:?}, not {wanted:?}"));
        }
        for (path, longest) in
            [("/Description", 1024), ("/Parameters", 200), ("/Resources", 500), ("/Outputs", 200)]
        {
            let size = match template.value().pointer(path) {
                Some(Value::String(text)) => text.len(),
                Some(Value::Object(entries)) => entries.len(),
                _ => 0,
            };
            if size == 0 || size > longest {
                problems.push(format!("{account}: the size of {path} is {size}, not from 1 to {longest}"));
            }
        }
    }
    problems
}

/// Whether a text is one placeholder and nothing else.
pub fn is_placeholder(text: &str) -> bool {
    text.strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn order(of: &str, value: &Value, fields: &[&str]) -> Option<String> {
    let found: Vec<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let present: BTreeSet<&str> = found.iter().copied().collect();
    let wanted: Vec<&str> = fields.iter().copied().filter(|field| present.contains(field)).collect();
    (found != wanted).then(|| format!("{of}: its fields are in the order {found:?}, not {wanted:?}"))
}
