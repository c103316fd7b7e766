//! What must be true of every state machine.

use std::collections::{BTreeMap, BTreeSet};

use replication::Error;
use serde_json::{Value, json};

use crate::alerting::{self, TELLING};
use crate::machine::{Catch, Choice, Machine, State, Task};
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
const RESULT_PATHS: [(&str, &str); 12] = [
    (MAKE_ROOM, "$.room"),
    ("CreateLatestSnapshot", "$.SourceDBSnapshot"),
    ("CopyEncryptedSnapshot", "$.targetDBSnapshot"),
    ("ShareStatusWithTargetAccount", "$.share"),
    ("NotifyToTargetAccount", "$.notification"),
    ("CleanOlderSnapshots", "$.prune"),
    ("CopySharedSnapshotInTargetAccount", "$.DBSnapshot"),
    ("RestoreDBInstance", "$.DBInstance"),
    ("UpdateSecretWithDBValue", "$.secret"),
    ("CleanOlderDBInstances", "$.prune"),
    ("NotifyUndeleted", "$.undeletedTold"),
    (TELLING, ""),
];

/// Errors of Lambda and Step Functions after which the same call may succeed.
const RETRYABLE_SERVICE_ERRORS: [&str; 9] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
];

/// The first state of a replication, which deletes before anything is made, and never fails the run.
const MAKE_ROOM: &str = "MakeRoom";
/// The function that deletes.
const PRUNE: &str = "${PruneFunctionArn}";
/// Far longer than a plan and the deletions of one run take, in seconds: they have no deadline of their own.
const PRUNING_SECONDS: u64 = 7200;
/// What a stage may answer beside "go on" and "ask again": where its result lands, the word, and where it leads.
const OTHER_STATUSES: [(&str, &str, &str); 1] = [("$.DBSnapshot", "Superseded", "NewerVersionIsLive")];

pub fn each(sources: &Sources, check: impl Fn(&str, &Machine) -> Vec<String>) -> Vec<String> {
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
    each(sources, |of, machine| {
        let mut problems = Vec::new();
        for (name, state) in &machine.states {
            if state.comment().split_whitespace().count() < 5 || !state.comment().ends_with('.') {
                problems.push(format!("{name} does not say in a sentence why it is there"));
            }
        }
        for (name, task) in machine.tasks() {
            let of_task = task_net(machine, name, task).into_iter().chain(parameters(of, name, task));
            problems.extend(of_task.map(|problem| format!("{name} {problem}")));
        }
        problems.extend(alerting::telling(machine));
        // The machine's own limit cannot be caught, so the deadlines of its stages have to come first.
        let deadlines = deadlines(sources, of, machine);
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
    let waits = |task: &Task| matches!(task.next.as_ref().map(|next| &machine.states[next]), Some(State::Choice(choice)) if asks_again(choice));
    let longest = |task: &Task| {
        if task.resource == PRUNE {
            return PRUNING_SECONDS;
        }
        let function = task.resource.trim_start_matches("${").trim_end_matches("Arn}");
        let variables = &template.properties(function)["Environment"]["Variables"];
        let parameter = variables["STAGE_DEADLINE_SECONDS"]["Ref"].as_str().unwrap_or_default();
        largest(&template.value()["Parameters"][parameter]).unwrap_or(u64::MAX)
    };
    machine.tasks().filter(|(_, task)| waits(task)).map(|(_, task)| longest(task)).collect()
}

/// The largest value of a parameter, as its explanation says; that its pattern says the same is a test of its own.
fn largest(parameter: &Value) -> Option<u64> {
    let (_, from_here) = parameter["ConstraintDescription"].as_str()?.split_once(" to ")?;
    from_here.split(' ').next()?.parse().ok()
}

/// Whether a choice leads back to the task before it.
fn asks_again(choice: &Choice) -> bool {
    choice.choices.iter().any(|rule| rule.comparison().1 == "NotAvailable")
}

/// Every task gets the execution and the document, and what only its place in the machine says.
fn parameters(machine: &str, name: &str, task: &Task) -> Option<String> {
    let mut wanted = json!({
        "execution": {
            "id.$": "$$.Execution.Id",
            "name.$": "$$.Execution.Name",
            "startTime.$": "$$.Execution.StartTime",
        },
        "state.$": "$",
    });
    let more = match name {
        TELLING => json!({"machine": machine, "failure.$": "$.failure"}),
        "NotifyUndeleted" => json!({"machine": machine, "undeleted.$": "$.prune.tell"}),
        _ if task.resource == PRUNE => {
            let mut more = json!({"stage": if name == MAKE_ROOM { "room" } else { "prune" }});
            if machine == "destination" {
                more["machines"] =
                    json!({"destination.$": "$$.StateMachine.Id", "rollback": "${RollbackStateMachineArn}"});
            }
            more
        }
        _ => Value::Null,
    };
    for (key, value) in more.as_object().into_iter().flatten() {
        wanted[key] = value.clone();
    }
    (task.parameters != wanted).then(|| format!("does not get the envelope but {}", task.parameters))
}

fn task_net(machine: &Machine, name: &str, task: &Task) -> Vec<String> {
    let mut problems = Vec::new();
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
    let ours: BTreeSet<&str> = Error::retried().into_iter().collect();
    let found: BTreeSet<&str> = retry.error_equals.iter().map(String::as_str).collect();
    for error in &found {
        let known = RETRYABLE_SERVICE_ERRORS.contains(error) || Error::NAMES.contains(error);
        if !known {
            problems.push(format!("is retried after {error}, which nobody reports"));
        } else if Error::NAMES.contains(error) && !ours.contains(error) {
            problems.push(format!("is retried after {error}, which only an operator can fix"));
        }
    }
    for error in RETRYABLE_SERVICE_ERRORS.iter().chain(&ours) {
        if !found.contains(error) {
            problems.push(format!("is not retried after {error}"));
        }
    }
    match task.catch.as_slice() {
        [Catch { error_equals, next, result_path }] if *error_equals == ["States.ALL"] => {
            let wanted = match name {
                // The task that alerts may fail too; then the first error still has to be there.
                TELLING => ("$.notifyFailure", alerting::UNTOLD_STATE),
                MAKE_ROOM => ("$.roomFailure", after(machine, task)),
                _ => ("$.failure", TELLING),
            };
            if (result_path.as_str(), next.as_str()) != wanted {
                problems.push(format!("catches into {result_path} and goes to {next}"));
            }
        }
        _ => problems.push("does not catch every error".to_owned()),
    }
    problems
}

/// Where a stage that takes time leads once it is done.
fn after<'a>(machine: &'a Machine, task: &Task) -> &'a str {
    match task.next.as_ref().and_then(|next| machine.states.get(next)) {
        Some(State::Choice(choice)) => choice.choices.first().map_or("", |rule| rule.next.as_str()),
        _ => "",
    }
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
            if asks_again(choice) {
                problems.extend(of_loop(machine, name, path.unwrap_or_default(), choice));
            }
        }
        for (name, state) in &machine.states {
            let asked = |(_, task): (&str, &Task)| task.next.as_deref() == Some(name);
            if matches!(state, State::Choice(choice) if asks_again(choice)) && !machine.tasks().any(asked) {
                problems.push(format!("{name} does not follow the task whose status it reads"));
            }
        }
        problems
    })
}

fn of_loop(machine: &Machine, name: &str, path: &str, choice: &Choice) -> Vec<String> {
    let mut problems = Vec::new();
    let status = format!("{path}.status");
    let others = OTHER_STATUSES.iter().filter(|(of, _, _)| *of == path);
    let mut wanted: Vec<(&str, &str)> = vec![(&status, "Available"), (&status, "NotAvailable")];
    wanted.extend(others.clone().map(|(_, word, _)| (status.as_str(), *word)));
    let rules: Vec<(&str, &str)> = choice.choices.iter().map(|rule| rule.comparison()).collect();
    if rules != wanted {
        return vec![format!("{name} is followed by a choice on {rules:?}")];
    }
    for ((_, word, target), rule) in others.zip(choice.choices.iter().skip(2)) {
        if rule.next != *target || !matches!(machine.states.get(*target), Some(State::Succeed(_))) {
            problems.push(format!("{word} of {name} leads to {}, not to the end {target}", rule.next));
        }
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
    problems
}

/// The names by which people of the original know the states.
pub fn names(sources: &Sources) -> Vec<String> {
    let names: BTreeMap<&str, &[&str]> = NAMES.into();
    each(sources, |name, machine| {
        let missing = names[name].iter().filter(|name| !machine.states.contains_key(**name));
        missing.map(|name| format!("there is no {name}")).collect()
    })
}
