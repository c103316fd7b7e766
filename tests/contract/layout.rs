//! The machines as they are written: what all tasks have the same is the same to the letter, so that one search finds all of
//! it and one replacement changes all of it.

use std::collections::BTreeMap;

use crate::machine::Catch;
use crate::sources::{MACHINES, Sources, machine_path};

/// The most lines of all machines together.
const MOST_LINES: usize = 800;

/// Whoever sees a machine's picture for the first time reads in the comment of a state what it does, in the first word: Makes,
/// Asks, Waits, Ends. Why comes after that.
pub fn of_comments(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, _, _) in MACHINES {
        let text = sources.text(&machine_path(name)).replace("\\\"", "'");
        for comment in text.split("\"Comment\": \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let first = comment.split(' ').next().unwrap_or_default();
            let is_verb = first.ends_with('s') && first.starts_with(|c: char| c.is_ascii_uppercase());
            if !is_verb || !comment.ends_with('.') {
                problems.push(format!("{name}: the comment does not begin with what is done: {comment}"));
            }
        }
    }
    problems
}

/// Every task says Retry and Catch in the same words on the same lines, and all machines can be read through.
pub fn of_machines(sources: &Sources) -> Vec<String> {
    let texts = MACHINES.map(|(name, _, _)| (name, sources.text(&machine_path(name))));
    let lines: usize = texts.iter().map(|(_, text)| text.lines().count()).sum();
    let mut problems = Vec::new();
    if lines >= MOST_LINES {
        problems.push(format!("the machines have {lines} lines, not fewer than {MOST_LINES}"));
    }
    let mut retries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, text) in texts {
        let Ok(machine) = sources.machine(name) else { continue };
        let blocks = blocks(text, "\"Retry\"");
        // What calls another service is tried again after other errors than what calls a function.
        let of_items = machine.tasks_of_items().count();
        if blocks.len() != machine.tasks().count() + of_items {
            problems.push(format!(
                "{name}: {} Retry are on lines of their own, not one of every task",
                blocks.len()
            ));
        }
        let calls_a_function = |block: &&str| {
            !["\"StepFunctions.", "\"CloudWatchLogs.", "\"S3."].iter().any(|service| block.contains(service))
        };
        for block in blocks.into_iter().filter(calls_a_function) {
            retries.entry(block).or_default().push(name);
        }
        for (state, task) in machine.tasks() {
            if let [catch] = task.catch.as_slice()
                && !text.contains(&line(catch))
            {
                problems
                    .push(format!("{name}: the Catch of {state} is not written as {:?}", line(catch).trim()));
            }
        }
    }
    if retries.len() > 1 {
        let few = retries.iter().min_by_key(|(_, names)| names.len());
        problems.extend(
            few.map(|(block, names)| format!("{names:?}: a Retry is written in another way:\n{block}")),
        );
    }
    problems
}

/// The lines from every line that begins with a field to the one that ends its list.
fn blocks<'t>(text: &'t str, field: &str) -> Vec<&'t str> {
    let parts = text.split_inclusive('\n');
    let starts = parts.scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    });
    let starts =
        starts.filter(|(_, line)| line.trim_start().starts_with(field)).map(|(start, _)| &text[start..]);
    starts.map(|rest| rest.find("}],\n").map_or(rest, |end| &rest[..end + 4])).collect()
}

fn line(catch: &Catch) -> String {
    let Catch { error_equals, result_path, next } = catch;
    format!(
        "\n      \"Catch\": [{{\"ErrorEquals\": [\"{}\"], \"ResultPath\": \"{result_path}\", \"Next\": \"{next}\"}}],\n",
        error_equals.join("\", \"")
    )
}
