//! What a run has made, and what of it needs an operator.

use replication::contract::Outcome;

use super::one::Run;
use crate::execution::{Execution, plain};
use crate::hints::Hints;

/// Lines that say so, of a run that has ended well; `stack` is the destination's.
pub fn lines(run: &Run, hints: &Hints, stack: &str) -> Vec<String> {
    let Some(destination) = run.destination() else { return Vec::new() };
    let mut lines = vec![made(run.id().unwrap_or_default(), destination)];
    let hints = Hints { one_of_several: run.one_of_several().to_owned(), ..hints.clone() };
    lines.extend(of_the_secret(destination, &hints, stack));
    for (role, execution) in [("source", run.source()), ("destination", destination)] {
        lines.extend(what_stays(execution).into_iter().map(|text| format!("{role:<11}  {text}")));
    }
    lines
}

fn made(id: &str, destination: &Execution) -> String {
    if destination.is_superseded() {
        return format!(
            "done: replication {id} made no new version: newer or the same data is there, so nothing was copied"
        );
    }
    let restored = &destination.of_destination("restore")["db_instance_identifier"];
    format!("done: replication {id}, new version {}", restored.as_str().unwrap_or_default())
}

fn of_the_secret(destination: &Execution, hints: &Hints, stack: &str) -> Option<String> {
    let moved = destination.of_destination("rotate-secret");
    match serde_json::from_value(moved["outcome"].clone()).ok()? {
        Outcome::HeldBack => {
            let version = plain(&destination.of_destination("restore")["db_version"]);
            let command = hints.rollback(&version, stack);
            Some(format!("the stack promotes by hand: {command} makes it the current version"))
        }
        Outcome::NewerIsLive => {
            Some(format!("a newer version is live and stays so: {}", plain(&moved["db_host"])))
        }
        _ => None,
    }
}

/// What could not be deleted, and what operators were told of it.
fn what_stays(execution: &Execution) -> Vec<String> {
    let room = execution.room_failure();
    let mut lines: Vec<String> = room
        .map(|failure| format!("could not delete anything before it began: {failure}"))
        .into_iter()
        .collect();
    let alerted = execution.alerted();
    let left = execution.left();
    let is_told = |name: &str| alerted.iter().any(|text| text.contains(name));
    let untold = left.iter().filter(|(name, _)| !is_told(name));
    lines.extend(untold.map(|(name, reason)| format!("not deleted: {name}: {reason}")));
    lines.extend(alerted.iter().map(|text| format!("for an operator: {text}")));
    lines
}
