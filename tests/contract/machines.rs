//! What must be true of every state machine.

use std::collections::{BTreeMap, BTreeSet};

use replication::Error;
use replication::machines::{self, ALERT, ALERT_TOLERATED, ALERT_UNDELETED, ROOM, ROOM_FAILURE, Stage};
use serde_json::{Value, json};

use crate::alerting;
use crate::fleet;
use crate::machine::{Catch, Choice, Machine, PRESENT, Rule, State, Task};
use crate::permissions::kebab_case;
use crate::sources::{FLEET, MACHINES, Sources, machine_path};

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

/// The function that deletes.
const PRUNE: &str = "prune";
/// Far longer than a plan and the deletions of one run take, in seconds: they have no deadline of their own.
const PRUNING_SECONDS: u64 = 7200;
/// What a stage may report besides "continue" and "poll again": where its result lands, the word, and where it leads.
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
        let mut problems = of_paths(&machine.start_at, &machine.states);
        for (_, map) in machine.maps() {
            problems.extend(of_paths(&map.item_processor.start_at, &map.item_processor.states));
        }
        problems
    })
}

fn of_paths(start_at: &str, states: &BTreeMap<String, State>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, state) in states {
        for target in state.targets() {
            if !states.contains_key(target) {
                problems.push(format!("{name} goes to {target}, which does not exist"));
            }
        }
        if state.targets().is_empty() != state.is_end() && !matches!(state, State::Task(_)) {
            problems.push(format!("{name} has no way on"));
        }
        if let State::Task(Task { next, end, .. }) = state
            && next.is_some() == (*end == Some(true))
        {
            problems.push(format!("{name} needs either Next or End"));
        }
    }
    if !states.contains_key(start_at) {
        problems.push(format!("it starts at {start_at}, which does not exist"));
    }
    let reached = closure([start_at], |name| states.get(name).map(State::targets).unwrap_or_default());
    let ending = closure(states.iter().filter(|(_, s)| s.is_end()).map(|(name, _)| name.as_str()), |name| {
        states.iter().filter(|(_, s)| s.targets().contains(&name)).map(|(name, _)| name.as_str()).collect()
    });
    for name in states.keys().map(String::as_str) {
        if !reached.contains(name) {
            problems.push(format!("{name} is never reached"));
        }
        if !ending.contains(name) {
            problems.push(format!("from {name} the execution cannot end"));
        }
    }
    problems
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

/// Every state says why it is there; every task has the time limit, the retry and the catch of this project.
pub fn nets(sources: &Sources) -> Vec<String> {
    each(sources, |of, machine| {
        let mut problems = Vec::new();
        let of_items = machine.maps().flat_map(|(_, map)| &map.item_processor.states);
        for (name, state) in machine.states.iter().chain(of_items) {
            if state.comment().split_whitespace().count() < 5 || !state.comment().ends_with('.') {
                problems.push(format!("{name} does not say in a sentence why it is there"));
            }
        }
        for (name, task) in machine.tasks() {
            let of_task = if task.resource == fleet::PUT_OBJECT {
                fleet::keeping(machine, task)
            } else {
                task_net(machine, name, task).into_iter().chain(parameters(of, name, task)).collect()
            };
            problems.extend(of_task.into_iter().map(|problem| format!("{name} {problem}")));
        }
        problems.extend(alerting::reaching_operators(machine));
        if of == FLEET {
            problems.extend(fleet::of_each(sources, machine));
            return problems;
        }
        problems.extend(beside(machine));
        // The machine's own limit cannot be caught, so the deadlines of its stages have to come first.
        let deadlines = deadlines(sources, of);
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

/// What a run does for each of several things beside its own task never ends it: every error is in the result, of one thing
/// and of the whole, and the run goes on as if there were none.
fn beside(machine: &Machine) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, map) in machine.maps() {
        let goes_on = |catch: &Catch| catch.error_equals == ["States.ALL"] && catch.next == map.next;
        if !map.catch.iter().any(goes_on) || map.max_concurrency.is_none() {
            problems.push(format!("{name} may end the run, or has no bound"));
        }
        let states = &map.item_processor.states;
        for (name, task) in machine.tasks_of_items() {
            let ends = |catch: &Catch| states.get(&catch.next).is_some_and(State::is_end);
            let is_caught =
                task.catch.iter().any(|catch| catch.error_equals == ["States.ALL"] && ends(catch));
            if !is_caught || task.result_path != Some(None) {
                problems.push(format!("{name} may end the run, or answers what nobody reads"));
            }
        }
    }
    problems
}

/// The longest that each stage may take, in seconds: the largest value of the parameter with its deadline.
fn deadlines(sources: &Sources, name: &str) -> Vec<u64> {
    let account =
        MACHINES.iter().find(|(machine, _, _)| *machine == name).map_or(name, |(_, account, _)| account);
    let Ok(template) = sources.template(account) else {
        return Vec::new();
    };
    let longest = |stage: &Stage| match stage.deadline {
        Some(deadline) => {
            let parameter = &template.value()["Parameters"][deadline.parameter()];
            Some(limits(parameter).map_or(u64::MAX, |(_, most)| most))
        }
        None => (stage.task == PRUNE).then_some(PRUNING_SECONDS),
    };
    stages(name).iter().filter_map(longest).collect()
}

/// The stages that the table gives a machine.
fn stages(name: &str) -> &'static [Stage] {
    let named = serde_json::from_value::<machines::Machine>(json!(name));
    named.map_or(&[], machines::Machine::stages)
}

/// The stage of a state; none for a state that is not in the table.
fn stage_of(machine: &str, state: &str) -> Option<&'static Stage> {
    stages(machine).iter().find(|stage| stage.state == state)
}

/// The smallest and the largest value of a parameter, as its explanation says; that its pattern says the same is a test of
/// its own.
pub fn limits(parameter: &Value) -> Option<(u64, u64)> {
    let explained = parameter["ConstraintDescription"].as_str()?;
    let (_, from) = explained.split_once("whole number")?.1.split_once(" from ")?;
    let (least, to) = from.split_once(" to ")?;
    let most: String = to.chars().take_while(char::is_ascii_digit).collect();
    Some((least.parse().ok()?, most.parse().ok()?))
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
    let stage = stage_of(machine, name);
    let more = match name {
        ALERT => json!({"machine": machine, "failure.$": "$.failure"}),
        ALERT_TOLERATED => json!({"machine": machine, "tolerated.$": "$.report.tell"}),
        _ if stage.is_some_and(|stage| stage.task == "discover") => {
            json!({"machines": {"fleet.$": "$$.StateMachine.Id", "source": "${StateMachineArn}"}})
        }
        _ if stage.is_some_and(|stage| stage.task == "report") => {
            json!({"machines": {"source": "${StateMachineArn}"}})
        }
        ALERT_UNDELETED => json!({"machine": machine, "undeleted.$": "$.prune.tell"}),
        _ if stage.is_some_and(|stage| stage.task == PRUNE) => {
            let mut more = json!({"stage": stage.map(|stage| stage.result)});
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
    if task.result_selector.is_some() {
        problems.push("selects from its result".to_owned());
    }
    // The function's own limit is 60 s; a function that was killed has time to be reported as such.
    if task.timeout_seconds != 90 {
        problems.push(format!("has the TimeoutSeconds {}", task.timeout_seconds));
    }
    let [retry] = task.retry.as_slice() else {
        problems.push(format!("has {} Retry rules, not the project's one", task.retry.len()));
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
            problems.push(format!("is retried after {error}, which nothing reports"));
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
                ALERT => ("notifyFailure", alerting::UNTOLD_STATE),
                _ if name == ROOM.state => (ROOM_FAILURE, after(machine, task)),
                _ => ("failure", ALERT),
            };
            if (result_path.trim_start_matches("$."), next.as_str()) != wanted {
                problems.push(format!("catches into {result_path} and goes to {next}"));
            }
        }
        _ => problems.push("does not catch every error".to_owned()),
    }
    problems
}

/// Where a stage that takes time leads once it is done.
fn after<'a>(machine: &'a Machine, task: &Task) -> &'a str {
    match next(machine, task) {
        Some(State::Choice(choice)) => {
            statuses(machine, choice).first().map_or("", |rule| rule.next.as_str())
        }
        _ => "",
    }
}

/// The rules of a choice but those for what is done beside a stage, in a map that goes on as if there were nothing of it.
fn statuses<'a>(machine: &Machine, choice: &'a Choice) -> Vec<&'a Rule> {
    let is_beside = |rule: &Rule| match machine.states.get(&rule.next) {
        Some(State::Map(map)) => {
            rule.comparison() == (map.items_path.as_str(), PRESENT)
                && choice.choices.iter().any(|other| other.next == map.next)
        }
        _ => false,
    };
    choice.choices.iter().filter(|rule| !is_beside(rule)).collect()
}

/// The tasks of a machine are the stages of the table, in its order, each with its function, its result and its deadline; the
/// last one alerts operators of a failure.
pub fn table(sources: &Sources) -> Vec<String> {
    each(sources, |name, machine| {
        let document: Value = serde_json::from_str(sources.text(&machine_path(name))).unwrap_or_default();
        let states = document["States"].as_object().into_iter().flatten().map(|(state, _)| state.as_str());
        let tasks: Vec<&str> =
            states.filter(|state| matches!(machine.states.get(*state), Some(State::Task(_)))).collect();
        let wanted: Vec<&str> = stages(name).iter().map(|stage| stage.state).chain([ALERT]).collect();
        if tasks != wanted {
            return vec![format!("its tasks are {tasks:?}, those of the table {wanted:?}")];
        }
        machine.tasks().flat_map(|(state, task)| of_stage(sources, name, machine, state, task)).collect()
    })
}

fn of_stage(sources: &Sources, name: &str, machine: &Machine, state: &str, task: &Task) -> Vec<String> {
    let stage = stage_of(name, state);
    let path = stage.map(|stage| format!("$.{}", stage.result));
    let function = task.resource.trim_start_matches("${").trim_end_matches("Arn}");
    let called = kebab_case(function.trim_end_matches("Function"));
    let wanted = stage.map_or("notify", |stage| stage.task);
    let mut problems = Vec::new();
    if called != wanted {
        problems.push(format!("{state} calls {called}, the table says {wanted}"));
    }
    if task.result_path.as_ref() != Some(&path) {
        let found = &task.result_path;
        problems.push(format!("the result of {state} lands in {found:?}, the table says {path:?}"));
    }
    let deadline = stage.and_then(|stage| stage.deadline).map(|deadline| deadline.parameter());
    let account = MACHINES.iter().find(|(of, _, _)| *of == name).map_or(name, |(_, account, _)| account);
    if let Ok(template) = sources.template(account) {
        let given =
            &template.properties(function)["Environment"]["Variables"]["STAGE_DEADLINE_SECONDS"]["Ref"];
        if given.as_str() != deadline {
            problems.push(format!("the deadline of {state} is {given}, the table says {deadline:?}"));
        }
    }
    let waits = matches!(next(machine, task), Some(State::Choice(choice)) if asks_again(choice));
    if waits != (deadline.is_some() || called == PRUNE) {
        problems.push(format!("{state} does not wait as the table says: {deadline:?}"));
    }
    problems
}

fn next<'a>(machine: &'a Machine, task: &Task) -> Option<&'a State> {
    task.next.as_ref().and_then(|next| machine.states.get(next))
}

/// A stage that takes time is a task, a choice on its status, a wait as long as it says, and the same task.
pub fn loops(sources: &Sources) -> Vec<String> {
    each(sources, |_, machine| {
        let mut problems = Vec::new();
        for (name, task) in machine.tasks() {
            if let (Some(State::Choice(choice)), Some(Some(path))) = (next(machine, task), &task.result_path)
                && asks_again(choice)
            {
                problems.extend(of_loop(machine, name, path, choice));
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
    let statuses = statuses(machine, choice);
    let rules: Vec<(&str, &str)> = statuses.iter().map(|rule| rule.comparison()).collect();
    if rules != wanted {
        return vec![format!("{name} is followed by a choice on {rules:?}")];
    }
    for ((_, word, target), rule) in others.zip(statuses.iter().skip(2)) {
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
    match statuses.get(1).and_then(|rule| machine.states.get(&rule.next)) {
        Some(State::Wait(wait))
            if wait.next == name && wait.seconds_path == format!("{path}.waitSeconds") => {}
        _ => problems.push(format!("{name} is not asked again after the time that it says")),
    }
    problems
}
