//! The machine of many databases.

use replication::machines::{ALERT, ALERT_TOLERATED};
use serde_json::json;

use crate::machine::{Choice, Machine, PRESENT, Rule, State, Task};
use crate::sources::Sources;

/// What the one task calls that is no function.
pub const PUT_OBJECT: &str = "${PutObjectArn}";

/// The report is written as `report` says, tried again as everything is, and not lost in silence: unless the run fails for
/// what operators have to hear first, they are alerted.
pub fn keeping(machine: &Machine, task: &Task) -> Vec<String> {
    let mut problems = Vec::new();
    let object = json!({
        "Bucket.$": "$.report.object.bucket",
        "Key.$": "$.report.object.key",
        "Body.$": "$.report.object.body",
        "ContentType": "application/json",
    });
    if task.parameters != object || task.result_selector.is_some() || task.timeout_seconds != 90 {
        problems.push(format!("does not write what report says: {}", task.parameters));
    }
    let errors = task.retry.iter().flat_map(|retry| &retry.error_equals);
    let errors: Vec<&str> = errors.map(String::as_str).collect();
    if errors != ["S3.S3Exception", "S3.SdkClientException"] {
        problems.push(format!("is retried after {errors:?}"));
    }
    let caught = task.catch.first().map(|catch| (catch.error_equals.join(" "), catch.result_path.as_str()));
    let lost = task.catch.first().and_then(|catch| machine.states.get(&catch.next));
    let is_told = matches!(lost, Some(State::Choice(lost)) if lost.default == ALERT
        && lost.choices.iter().map(Rule::comparison).eq([("$.report.failure", PRESENT)]));
    if caught != Some(("States.ALL".to_owned(), "$.failure")) || !is_told {
        problems.push("does not catch every error, or operators are not alerted of it".to_owned());
    }
    problems
}

/// The databases of a fleet: each has an execution of the source machine that ends by itself before the task that follows it
/// does, nothing that happens to one stops another, and what comes out has the place of what went in.
pub fn of_each(sources: &Sources, machine: &Machine) -> Vec<String> {
    let mut problems = Vec::new();
    let (maps, tasks): (Vec<_>, Vec<_>) = (machine.maps().collect(), machine.tasks_of_items().collect());
    let (&[(name, map)], &[(task_name, task)]) = (maps.as_slice(), tasks.as_slice()) else {
        return vec![format!("it has {} maps and {} tasks in them", maps.len(), tasks.len())];
    };
    if map.max_concurrency_path.as_deref() != Some("$.plan.maxConcurrency")
        || map.items_path != map.result_path
        || map.item_processor.processor_config != [("Mode".to_owned(), "INLINE".to_owned())].into()
    {
        problems.push(format!(
            "{name} answers beside its items, or in executions that nobody finds by their names"
        ));
    }
    if map
        .catch
        .iter()
        .map(|catch| (catch.error_equals.as_slice(), catch.next.as_str()))
        .ne([(["States.ALL".to_owned()].as_slice(), ALERT)])
    {
        problems.push(format!("{name} does not catch every error"));
    }
    let child = sources.machine("source").as_ref().map_or(u64::MAX, |machine| machine.timeout_seconds);
    if task.timeout_seconds <= child || machine.timeout_seconds <= task.timeout_seconds {
        problems.push(format!("{task_name} is over after {} seconds", task.timeout_seconds));
    }
    let input = json!({
        "SourceDBIdentifier.$": "$.SourceDBIdentifier",
        "fleetRun.$": "$$.Execution.Id",
        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
    });
    if task.parameters
        != json!({"StateMachineArn": "${StateMachineArn}", "Name.$": "$.child", "Input": input})
        || task.resource != "${StartExecutionArn}"
        || task.result_selector != Some(json!({"status.$": "$.Status"}))
    {
        problems.push(format!("{task_name} does not start the source machine for its database"));
    }
    // A child that has failed is not started again: its own machine has tried.
    let retried = task.retry.iter().flat_map(|retry| &retry.error_equals);
    problems.extend(
        retried
            .filter(|error| !error.starts_with("StepFunctions."))
            .map(|error| format!("{task_name} is tried again after {error}")),
    );
    let kept = task.catch.first().and_then(|catch| map.item_processor.states.get(&catch.next));
    let wanted = ["SourceDBIdentifier", "child"].map(|name| (format!("{name}.$"), format!("$.{name}")));
    let wanted = wanted.into_iter().chain([("error.$".to_owned(), "$.failure.Error".to_owned())]).collect();
    let is_kept = matches!(kept, Some(State::Pass(pass)) if pass.parameters.as_ref() == Some(&wanted));
    if !is_kept
        || task
            .catch
            .iter()
            .any(|catch| catch.error_equals != ["States.ALL"] || catch.result_path != "$.failure")
    {
        problems.push(format!("{task_name} does not keep the name of every error, and nothing else of it"));
    }
    problems
}

/// Operators are alerted of the databases of a fleet that have failed, once, whether the run fails with them or not.
pub fn reporting(machine: &Machine) -> Vec<String> {
    let Some(State::Task(told)) = machine.states.get(ALERT_TOLERATED) else {
        return Vec::new();
    };
    let reported = machine.tasks().find(|(_, task)| task.result_path == Some(Some("$.report".to_owned())));
    let next = reported.and_then(|(_, task)| task.next.as_ref()).and_then(|next| machine.states.get(next));
    let Some(choice) = next.and_then(|next| once_kept(machine, next)) else {
        return vec![
            "the report is not kept, and then followed by the choice whether something failed".to_owned(),
        ];
    };
    let rules: Vec<_> = choice.choices.iter().map(|rule| rule.comparison()).collect();
    let leads_to = |at: usize| choice.choices.get(at).and_then(|rule| machine.states.get(&rule.next));
    let is_reported = rules == [("$.report.failure", PRESENT), ("$.report.tell", PRESENT)]
        && matches!(leads_to(0), Some(State::Pass(pass)) if pass.input_path.is_some())
        && choice.choices.get(1).is_some_and(|rule| rule.next == ALERT_TOLERATED)
        && matches!(machine.states.get(&choice.default), Some(State::Succeed(_)))
        && told.next.as_ref() == Some(&choice.default);
    if is_reported {
        vec![]
    } else {
        vec![format!("what the fleet could not replicate is not reported: {rules:?}")]
    }
}

/// Where a run goes on whether its report is kept in a bucket or not.
fn once_kept<'a>(machine: &'a Machine, next: &State) -> Option<&'a Choice> {
    let State::Choice(is_kept) = next else { return None };
    let [rule] = is_kept.choices.as_slice() else { return None };
    let goes_on = match machine.states.get(&rule.next) {
        Some(State::Task(task)) => {
            task.resource == PUT_OBJECT && task.next.as_ref() == Some(&is_kept.default)
        }
        _ => false,
    };
    match machine.states.get(&is_kept.default) {
        Some(State::Choice(choice)) if goes_on && rule.comparison() == ("$.report.object", PRESENT) => {
            Some(choice)
        }
        _ => None,
    }
}
