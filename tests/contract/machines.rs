//! What must be true of every state machine.

use std::collections::{BTreeMap, BTreeSet};

use replication::{Error, ErrorName};
use serde_json::json;

use crate::machine::{Catch, Machine, State, Task};
use crate::sources::{MACHINES, Sources};

/// The names of the original whose role is the same.
const NAMES: [(&str, &[&str]); 3] = [
    (
        "source",
        &[
            "CreateLatestSnapshot",
            "IsSnapshotAvailable",
            "WaitXMins",
            "CopyEncryptedSnapshot",
            "IsEncryptSnapshotAvailable",
            "WaitXMinsForTargetSnapshot",
            "ShareStatusWithTargetAccount",
            "NotifyToTargetAccount",
        ],
    ),
    (
        "destination",
        &[
            "CopySharedSnapshotInTargetAccount",
            "IsCopySharedSnapshotAvailable",
            "WaitXMinsForNewSnapshotAvailability",
            "RestoreDBInstance",
            "IsNewRDSInstanceAvailable",
            "WaitXMinsForNewRDSInstanceAvailability",
            "UpdateSecretWithDBValue",
            "CleanOlderDBInstances",
        ],
    ),
    // The original has no such machine; what it shares with the destination's is called the same.
    (
        "rollback",
        &[
            "RestoreDBInstance",
            "IsNewRDSInstanceAvailable",
            "WaitXMinsForNewRDSInstanceAvailability",
            "UpdateSecretWithDBValue",
        ],
    ),
];

/// Where the result of each task lands (the contract with the functions).
const RESULT_PATHS: [(&str, &str); 10] = [
    ("CreateLatestSnapshot", "$.SourceDBSnapshot"),
    ("CopyEncryptedSnapshot", "$.targetDBSnapshot"),
    ("ShareStatusWithTargetAccount", "$.share"),
    ("NotifyToTargetAccount", "$.notification"),
    ("CleanOlderSnapshots", "$.prune"),
    ("CopySharedSnapshotInTargetAccount", "$.DBSnapshot"),
    ("RestoreDBInstance", "$.DBInstance"),
    ("UpdateSecretWithDBValue", "$.secret"),
    ("CleanOlderDBInstances", "$.prune"),
    ("NotifyFailure", ""),
];

/// Errors of Lambda and Step Functions after which the same call may succeed.
const RETRYABLE_SERVICE_ERRORS: [&str; 8] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
];

/// The state in which people are told of a failure.
const TELLING: &str = "NotifyFailure";
/// The error of a run whose failure could not be told, which a rule without a function looks for.
pub const UNTOLD: &str = "AlertNotSent";

fn each(sources: &Sources, check: impl Fn(&str, &Machine) -> Vec<String>) -> Vec<String> {
    let of_machine = |(name, _, _): &(&str, &str, &str)| match sources.machine(name) {
        Ok(machine) => check(name, machine).into_iter().map(|problem| format!("{name}: {problem}")).collect(),
        Err(error) => vec![format!("{name}: {error}")],
    };
    MACHINES.iter().flat_map(of_machine).collect()
}

/// Every target exists, every state can be reached, and from every state the execution can end.
pub fn paths(sources: &Sources) -> Vec<String> {
    each(sources, |_, machine| {
        let mut problems = Vec::new();
        for (name, state) in &machine.states {
            for target in state.targets() {
                if !machine.states.contains_key(target) {
                    problems.push(format!("{name} goes to {target}, which does not exist"));
                }
            }
            if state.targets().is_empty() != matches!(state, State::Fail(_) | State::Succeed(_)) {
                problems.push(format!("{name} has no way on"));
            }
            if let State::Task(Task { next, end, .. }) = state
                && next.is_some() == (*end == Some(true))
            {
                problems.push(format!("{name} needs either Next or End"));
            }
        }
        if !machine.states.contains_key(&machine.start_at) {
            problems.push(format!("it starts at {}, which does not exist", machine.start_at));
        }
        let reached = closure([machine.start_at.as_str()], |name| {
            machine.states.get(name).map(State::targets).unwrap_or_default()
        });
        let ending = closure(
            machine.states.iter().filter(|(_, s)| s.is_end()).map(|(name, _)| name.as_str()),
            |name| {
                machine
                    .states
                    .iter()
                    .filter(|(_, s)| s.targets().contains(&name))
                    .map(|(name, _)| name.as_str())
                    .collect()
            },
        );
        for name in machine.states.keys().map(String::as_str) {
            if !reached.contains(name) {
                problems.push(format!("{name} is never reached"));
            }
            if !ending.contains(name) {
                problems.push(format!("from {name} the execution cannot end"));
            }
        }
        problems
    })
}

/// Everything that is reached from a few, by repeating a step.
fn closure<'a>(
    from: impl IntoIterator<Item = &'a str>,
    step: impl Fn(&'a str) -> Vec<&'a str>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = from.into_iter().collect();
    while let Some(name) = waiting.pop() {
        if reached.insert(name) {
            waiting.extend(step(name));
        }
    }
    reached
}

/// Every state says why it is there; every task has the time limit, the retry and the catch of the house.
pub fn nets(sources: &Sources) -> Vec<String> {
    each(sources, |name, machine| {
        let mut problems = Vec::new();
        for (name, state) in &machine.states {
            if state.comment().split_whitespace().count() < 5 || !state.comment().ends_with('.') {
                problems.push(format!("{name} does not say in a sentence why it is there"));
            }
        }
        for (name, task) in machine.tasks() {
            problems.extend(
                task_net(task, name == TELLING).into_iter().map(|problem| format!("{name} {problem}")),
            );
        }
        problems.extend(telling(machine));
        // The machine's own limit cannot be caught, so the deadlines of its stages have to come first.
        let deadlines = deadlines(sources, name, machine);
        let longest = deadlines.iter().fold(0_u64, |sum, deadline| sum.saturating_add(*deadline));
        if deadlines.len() < 2 || machine.timeout_seconds <= longest {
            let limit = machine.timeout_seconds;
            problems.push(format!(
                "its TimeoutSeconds {limit} is not more than its stages may take ({deadlines:?})"
            ));
        }
        problems
    })
}

/// The longest that each stage may take, in seconds: the largest value of the parameter that its function is given.
fn deadlines(sources: &Sources, name: &str, machine: &Machine) -> Vec<u64> {
    let account =
        MACHINES.iter().find(|(machine, _, _)| *machine == name).map_or(name, |(_, account, _)| account);
    let Ok(template) = sources.template(account) else {
        return Vec::new();
    };
    let waits =
        |task: &Task| matches!(task.next.as_ref().map(|next| &machine.states[next]), Some(State::Choice(_)));
    let longest = |task: &Task| {
        let function = task.resource.trim_start_matches("${").trim_end_matches("Arn}");
        let variables = &template.properties(function)["Environment"]["Variables"];
        let parameter = variables["STAGE_DEADLINE_SECONDS"]["Ref"].as_str().unwrap_or_default();
        template.value()["Parameters"][parameter]["MaxValue"].as_u64().unwrap_or(u64::MAX)
    };
    machine.tasks().filter(|(_, task)| waits(task)).map(|(_, task)| longest(task)).collect()
}

fn task_net(task: &Task, tells: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let mut envelope = json!({
        "execution": {
            "id.$": "$$.Execution.Id",
            "name.$": "$$.Execution.Name",
            "startTime.$": "$$.Execution.StartTime",
        },
        "state.$": "$",
    });
    if tells {
        envelope["failure.$"] = json!("$.failure");
    }
    if task.parameters != envelope {
        problems.push(format!("does not get the envelope but {}", task.parameters));
    }
    // The function's own limit is 60 s; a function that was killed has time to be reported as such.
    if task.timeout_seconds != 90 {
        problems.push(format!("has the TimeoutSeconds {}", task.timeout_seconds));
    }
    let [retry] = task.retry.as_slice() else {
        problems.push(format!("has {} Retry rules, not the one of the house", task.retry.len()));
        return problems;
    };
    let pace = (
        retry.interval_seconds,
        retry.backoff_rate,
        retry.max_attempts,
        retry.max_delay_seconds,
        retry.jitter_strategy.as_str(),
    );
    if pace != (5, 2.0, 6, 60, "FULL") {
        problems.push(format!("is retried at the pace {pace:?}"));
    }
    let ours: BTreeSet<&str> = [ErrorName::Throttled, ErrorName::ServiceFault].map(ErrorName::as_str).into();
    let found: BTreeSet<&str> = retry.error_equals.iter().map(String::as_str).collect();
    for error in &found {
        let known = RETRYABLE_SERVICE_ERRORS.contains(error) || Error::NAMES.contains(error);
        if !known {
            problems.push(format!("is retried after {error}, which nobody reports"));
        } else if Error::NAMES.contains(error) && !ours.contains(error) {
            problems.push(format!("is retried after {error}, which only a person can mend"));
        }
    }
    for error in RETRYABLE_SERVICE_ERRORS.iter().chain(&ours) {
        if !found.contains(error) {
            problems.push(format!("is not retried after {error}"));
        }
    }
    match task.catch.as_slice() {
        [Catch { error_equals, next, result_path }] if *error_equals == ["States.ALL"] => {
            // The task that tells may fail too; then the first error still has to be there.
            if tells == (result_path == "$.failure") || tells == (next == TELLING) {
                problems.push(format!("catches into {result_path} and goes to {next}"));
            }
        }
        _ => problems.push("does not catch every error".to_owned()),
    }
    problems
}

/// The way from a failure to the end: people are told, then the execution fails with the first error.
fn telling(machine: &Machine) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(State::Task(tell)) = machine.states.get(TELLING) else {
        return vec![format!("there is no task {TELLING}")];
    };
    let fails_with =
        |target: &str, error: Option<&str>, error_path: Option<&str>| match machine.states.get(target) {
            Some(State::Fail(fail)) => {
                fail.error.as_deref() == error
                    && fail.error_path.as_deref() == error_path
                    && fail.cause_path == "$.failure.Cause"
            }
            _ => false,
        };
    if let Some(target) =
        tell.next.as_ref().filter(|target| !fails_with(target, None, Some("$.failure.Error")))
    {
        problems.push(format!("{TELLING} goes to {target}, which does not fail with the first error"));
    }
    for catch in &tell.catch {
        if !fails_with(&catch.next, Some(UNTOLD), None) {
            problems
                .push(format!("{TELLING} is caught by {}, which does not fail with {UNTOLD}", catch.next));
        }
    }
    for (name, state) in &machine.states {
        if let State::Pass(pass) = state {
            let fields: Vec<&str> = pass.result.keys().map(String::as_str).collect();
            if fields != ["Cause", "Error"] || pass.result_path != "$.failure" || pass.next != TELLING {
                problems.push(format!("{name} does not report an error"));
            }
        }
    }
    problems
}

/// A stage that takes time is a task, a choice on its status, a wait as long as it says, and the same task.
pub fn loops(sources: &Sources) -> Vec<String> {
    each(sources, |_, machine| {
        let mut problems = Vec::new();
        let paths: BTreeMap<&str, &str> = RESULT_PATHS.into();
        for (name, task) in machine.tasks() {
            let path = task.result_path.as_ref().map(|path| path.as_deref().unwrap_or(""));
            if path.is_none() || path != paths.get(name).copied() {
                problems
                    .push(format!("the result of {name} lands in {path:?}, not in {:?}", paths.get(name)));
            }
            let Some(State::Choice(choice)) = task.next.as_ref().and_then(|next| machine.states.get(next))
            else {
                continue;
            };
            let path = path.unwrap_or_default();
            let rules: Vec<(&str, &str)> = choice
                .choices
                .iter()
                .map(|rule| (rule.variable.as_str(), rule.string_equals.as_str()))
                .collect();
            let status = format!("{path}.status");
            if rules != [(status.as_str(), "Available"), (status.as_str(), "NotAvailable")] {
                problems.push(format!("{name} is followed by a choice on {rules:?}"));
                continue;
            }
            if !matches!(machine.states.get(&choice.default), Some(State::Pass(_))) {
                problems.push(format!(
                    "an unknown status of {name} goes to {}, which does not report it",
                    choice.default
                ));
            }
            match choice.choices.get(1).and_then(|rule| machine.states.get(&rule.next)) {
                Some(State::Wait(wait))
                    if wait.next == name && wait.seconds_path == format!("{path}.waitSeconds") => {}
                _ => problems.push(format!("{name} is not asked again after the time that it says")),
            }
        }
        for (name, state) in &machine.states {
            let asked = |(_, task): (&str, &Task)| task.next.as_deref() == Some(name);
            if matches!(state, State::Choice(_)) && !machine.tasks().any(asked) {
                problems.push(format!("{name} does not follow the task whose status it reads"));
            }
        }
        problems
    })
}

/// The names by which people of the original know the states.
pub fn names(sources: &Sources) -> Vec<String> {
    let names: BTreeMap<&str, &[&str]> = NAMES.into();
    each(sources, |name, machine| {
        let missing = names[name].iter().filter(|name| !machine.states.contains_key(**name));
        missing.map(|name| format!("there is no {name}")).collect()
    })
}
