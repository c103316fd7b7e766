//! The stack itself: its status, and whether its functions can be called.

use super::remedies;
use crate::doctor::facts::Common;
use crate::doctor::finding::{Check, Findings};
use crate::functions::GONE;
use crate::hints::Hints;
use crate::screen::count;

/// The status of the stack.
pub fn check(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) {
    let (name, status) = (&common.stack.name, common.stack.status.as_str());
    let again = hints.deploy(role, None, name);
    let remove = hints.destroy(role, name);
    match status {
        "UPDATE_ROLLBACK_COMPLETE" => findings.warning(
            Check::Stack,
            name,
            "its last update was rolled back, so that it is as before",
            format!("see its events, and update it again: {again}"),
        ),
        "ROLLBACK_COMPLETE" => findings.error(
            Check::Stack,
            name,
            "it could not be created, and nothing of it is there",
            format!("see its events, delete it, and deploy it again: {again}"),
        ),
        "REVIEW_IN_PROGRESS" => findings.error(
            Check::Stack,
            name,
            "only a change set was made for it, and nothing of it is there yet",
            format!("deploy it again: {again}"),
        ),
        "CREATE_FAILED" | "ROLLBACK_FAILED" => findings.error(
            Check::Stack,
            name,
            format!("it could not be created ({status}), and parts of it are there"),
            format!("see its events, remove it, and deploy it again: {remove} && {again}"),
        ),
        "DELETE_FAILED" => findings.error(
            Check::Stack,
            name,
            "its removal has failed, and parts of it are gone",
            format!("see its events, remove the rest, and deploy it again if it is wanted: {remove} && {again}"),
        ),
        // Until that has ended CloudFormation refuses every update.
        "UPDATE_ROLLBACK_FAILED" => findings.error(
            Check::Stack,
            name,
            "its last update has failed, and so has taking that back",
            format!(
                "see its events, and mend what they name; then {}, and when it is UPDATE_ROLLBACK_COMPLETE update it again: {again}",
                remedies::aws(role, hints, &["cloudformation", "continue-update-rollback", "--stack-name", name])
            ),
        ),
        _ if status.ends_with("_COMPLETE") => findings.ok(Check::Stack, name, status),
        _ if status.ends_with("_IN_PROGRESS") => findings.warning(
            Check::Stack,
            name,
            format!("it is being changed ({status})"),
            "wait until that has ended, and run the doctor again",
        ),
        _ => findings.error(
            Check::Stack,
            name,
            format!("it is {status}"),
            format!("see its events, and update it again: {again}"),
        ),
    }
}

/// Its functions, whether something can call them.
pub fn functions(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) {
    let all = match &common.functions {
        Ok(all) => all,
        Err(unread) => return findings.unread(Check::Functions, &common.stack.name, unread),
    };
    let mut usable = 0;
    for (name, function) in all {
        match function {
            Ok(function) if ["", "Active", "Inactive"].contains(&function.state.as_str()) => usable += 1,
            Ok(function) if function.state == "Pending" => findings.warning(
                Check::Functions,
                name,
                "it is being made (Pending)",
                "wait a minute, and run the doctor again",
            ),
            Ok(function) => findings.error(
                Check::Functions,
                name,
                format!("it is {}: {}", function.state, function.reason),
                hints.deploy(role, None, &common.stack.name),
            ),
            Err(unread) if unread.code == GONE => findings.error(
                Check::Functions,
                name,
                "it is gone, although the stack has it",
                format!(
                    "CloudFormation does not make it again by itself: remove the stack without its data, and {}",
                    hints.deploy(role, None, &common.stack.name)
                ),
            ),
            Err(unread) => findings.unread(Check::Functions, name, unread),
        }
    }
    let is_barred = barred(role, common, hints, findings);
    if usable == all.len() && !is_barred {
        findings.ok(
            Check::Functions,
            &common.stack.name,
            format!("{} can be called", count(usable, "function")),
        );
    }
}

/// Functions that somebody has shut, as `scripts/destroy` does with the one that messages call until the stack is gone. Whether there
/// may be any.
fn barred(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) -> bool {
    let barred = match &common.barred {
        Ok(barred) => barred,
        Err(unread) => {
            findings.unread(Check::Functions, &common.stack.name, unread);
            return true;
        }
    };
    for (name, physical) in barred {
        findings.error(
            Check::Functions,
            name,
            "its reserved concurrency is 0, so that nothing can call it",
            remedies::aws(
                role,
                hints,
                &["lambda", "delete-function-concurrency", "--function-name", physical],
            ),
        );
    }
    !barred.is_empty()
}
