//! What the last runs have stumbled over.

use super::remedies;
use crate::doctor::facts::{Common, Ended};
use crate::doctor::finding::{Check, Findings};
use crate::execution::name_in;
use crate::hints::Hints;
use crate::screen::timestamp;

/// The documentation of the errors, which a test of the domain holds against their names.
const ERRORS: &str = include_str!("../../../../../docs/errors.md");

/// The newest run of each machine that has ended.
pub fn check(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) {
    let main = common.runs.get(role).and_then(|run| run.as_ref().ok()?.as_ref());
    let succeeded = main.filter(|run| run.status == "SUCCEEDED").and_then(|run| run.at);
    for (machine, run) in &common.runs {
        let subject = format!("{machine} machine");
        match run {
            Ok(None) => findings.ok(Check::LastRun, subject, "no run has ended yet"),
            Ok(Some(run)) if run.status == "SUCCEEDED" => {
                findings.ok(Check::LastRun, subject, format!("{} succeeded", name_in(&run.arn)));
            }
            Ok(Some(run)) if run.status == "ABORTED" => findings.warning(
                Check::LastRun,
                subject,
                format!("{} was stopped", name_in(&run.arn)),
                "start it again when what it was stopped for is over: scripts/replicate",
            ),
            Ok(Some(run)) => {
                // What went wrong once has been gone past by a run of the whole.
                let is_past =
                    *machine != role && run.at.is_some_and(|at| succeeded.is_some_and(|later| later > at));
                failed(role, hints, &subject, run, is_past, findings);
            }
            Err(unread) => findings.unread(Check::LastRun, subject, unread),
        }
    }
}

fn failed(role: &str, hints: &Hints, subject: &str, run: &Ended, is_past: bool, findings: &mut Findings) {
    // The domain's errors say themselves what to do.
    let (said, advice) = match run.cause.split_once("; to fix this: ") {
        Some((said, advice)) => (said, Some(advice.to_owned())),
        None => (run.cause.as_str(), None),
    };
    let error = if run.error.is_empty() { run.status.as_str() } else { run.error.as_str() };
    let remedy = advice.or_else(|| remedy_of(error)).unwrap_or_else(|| {
        let words = ["stepfunctions", "get-execution-history", "--execution-arn", run.arn.as_str()];
        format!("see the execution: {}", remedies::aws(role, hints, &words))
    });
    let what = format!("{} ended {}: {error}: {said}", name_in(&run.arn), run.status);
    match run.at.filter(|_| is_past) {
        Some(at) => findings.warning(
            Check::LastRun,
            subject,
            format!("{what} ({}, and a run of the {role} machine has succeeded since then)", timestamp(at)),
            remedy,
        ),
        None => findings.error(Check::LastRun, subject, what, remedy),
    }
}

/// What the documentation says that a person does about an error.
fn remedy_of(error: &str) -> Option<String> {
    let row = ERRORS.lines().find_map(|line| line.strip_prefix(&format!("| `{error}` | ")))?;
    let words = row.trim_end_matches(" |").rsplit(" | ").next()?;
    // A link leads nowhere from a terminal.
    let mut text = String::new();
    for part in words.replace('[', "").split("](") {
        match part.split_once(')') {
            Some((_, rest)) if !text.is_empty() => text.push_str(rest),
            _ => text.push_str(part),
        }
    }
    Some(format!("{text} (docs/errors.md)"))
}

#[cfg(test)]
mod tests {
    use replication::Error;

    use super::*;

    #[test]
    fn every_error_has_a_remedy_in_plain_words() {
        for name in Error::NAMES {
            let remedy = remedy_of(name).unwrap();
            assert!(remedy.len() > 20 && !remedy.contains("]("), "{name}: {remedy}");
        }
        assert_eq!(remedy_of("States.Runtime"), None);
        assert_eq!(
            remedy_of("AlreadyRunning").unwrap(),
            "wait for its end, or stop it and start one that continues it (docs/errors.md)"
        );
    }
}
