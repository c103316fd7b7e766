//! The way from the end of a run to an operator: exactly one alert, sent by the machine or by a rule.

use replication::machines::{ALERT, ALERT_UNDELETED};
use serde_json::{Value, json};

use crate::fleet;
use crate::machine::{Fail, Machine, PRESENT, State};
use crate::sources::{FLEET, MACHINES, Sources};
use crate::templates::{attribute, each, reference};

/// Where a run ends whose alert could not be sent.
pub const UNTOLD_STATE: &str = "FailureNotTold";
/// The error of such a run, which a rule without a function matches.
const UNTOLD: &str = "AlertNotSent";
/// What no Catch catches, so that only a rule can report it.
const UNCAUGHT: [&str; 2] = ["States.Runtime", TOO_LARGE];
/// Too large a result is caught, too large a document is not, and both have this name.
const TOO_LARGE: &str = "States.DataLimitExceeded";
/// The name under which a run ends whose too large a result was caught and alerted.
const CAUGHT_TOO_LARGE: &str = "ResultTooLarge";

/// From a failure to the end: operators are alerted, then the execution fails with the first error, unless that is one by
/// which a rule would alert them again.
pub fn reaching_operators(machine: &Machine) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(State::Task(tell)) = machine.states.get(ALERT) else {
        return vec![format!("there is no task {ALERT}")];
    };
    match tell.next.as_ref().and_then(|next| machine.states.get(next)) {
        Some(State::Choice(choice)) => {
            let rules: Vec<_> = choice.choices.iter().map(|rule| (rule.comparison(), &rule.next)).collect();
            match rules.as_slice() {
                [(("$.failure.Error", TOO_LARGE), target)]
                    if fails(machine, target, Some(CAUGHT_TOO_LARGE), None) => {}
                _ => problems.push(format!("{ALERT} may be followed by a second alert: {rules:?}")),
            }
            if !fails(machine, &choice.default, None, Some("$.failure.Error")) {
                problems.push(format!(
                    "{ALERT} goes to {}, which does not fail with the first error",
                    choice.default
                ));
            }
        }
        _ => problems.push(format!("{ALERT} is not followed by the choice between two ends")),
    }
    for catch in &tell.catch {
        if !fails(machine, &catch.next, Some(UNTOLD), None) {
            problems.push(format!("{ALERT} is caught by {}, which does not fail with {UNTOLD}", catch.next));
        }
    }
    for (name, state) in &machine.states {
        if let State::Pass(pass) = state {
            let fields: Vec<&str> =
                pass.result.iter().flat_map(|result| result.keys()).map(String::as_str).collect();
            let is_error =
                fields == ["Cause", "Error"] || pass.input_path.as_deref() == Some("$.report.failure");
            if !is_error
                || pass.result_path.as_deref() != Some("$.failure")
                || pass.next.as_deref() != Some(ALERT)
            {
                problems.push(format!("{name} does not report an error"));
            }
        }
    }
    problems.extend(reporting_undeleted(machine));
    problems.extend(fleet::reporting(machine));
    problems
}

fn fails(machine: &Machine, target: &str, wanted: Option<&str>, wanted_path: Option<&str>) -> bool {
    match machine.states.get(target) {
        Some(State::Fail(Fail { error, error_path, cause_path, .. })) => {
            error.as_deref() == wanted
                && error_path.as_deref() == wanted_path
                && cause_path == "$.failure.Cause"
        }
        _ => false,
    }
}

/// Operators are alerted of what stays undeleted if the last prune says so, and either way the run has succeeded.
fn reporting_undeleted(machine: &Machine) -> Vec<String> {
    let pruned = machine.tasks().find(|(_, task)| task.result_path == Some(Some("$.prune".to_owned())));
    let Some((name, prune)) = pruned else {
        return Vec::new();
    };
    let choice_after = |state: &str| match machine.states.get(state) {
        Some(State::Choice(choice)) => Some(choice),
        _ => None,
    };
    let done = prune.next.as_deref().and_then(choice_after).and_then(|choice| choice.choices.first());
    let Some(choice) = done.and_then(|rule| choice_after(&rule.next)) else {
        return vec![format!("{name} is not followed by the choice whether there is something to report")];
    };
    let rules: Vec<_> = choice.choices.iter().map(|rule| (rule.comparison(), rule.next.as_str())).collect();
    let ends = |target: &str| matches!(machine.states.get(target), Some(State::Succeed(_)));
    let next = match machine.states.get(ALERT_UNDELETED) {
        Some(State::Task(task)) => task.next.as_deref(),
        _ => None,
    };
    let is_reported = rules == [(("$.prune.tell", PRESENT), ALERT_UNDELETED)]
        && ends(&choice.default)
        && next == Some(choice.default.as_str());
    if is_reported {
        vec![]
    } else {
        vec![format!("what {name} could not delete is not reported: {rules:?}")]
    }
}

/// The rules report what no machine can, say whose machines they report, and reach their targets; the alarm for a stale copy
/// fires at its hour.
pub fn rules(sources: &Sources) -> Vec<String> {
    each(sources, |account, template| {
        let mut wanted = of_rules(account);
        if account == "destination" {
            wanted.extend(of_stale_copy_alarm());
            wanted.extend(of_success_rule());
        } else {
            wanted.extend(of_fleet_rules());
        }
        wanted
            .into_iter()
            .filter_map(|(resource, path, value)| {
                let found = template.properties(resource).pointer(path);
                (found != Some(&value)).then(|| format!("{path} of {resource} is {found:?}, not {value}"))
            })
            .collect()
    })
}

/// What a property of a resource has to be: the resource, the path to the property, and the value.
type Wanted = (&'static str, &'static str, Value);

fn of_rules(account: &str) -> Vec<Wanted> {
    let of_account: Vec<_> =
        MACHINES.iter().filter(|(name, of, _)| *of == account && *name != FLEET).collect();
    let machines: Vec<Value> = of_account.iter().map(|(_, _, resource)| reference(resource)).collect();
    let named: Vec<String> =
        of_account.iter().map(|(name, _, resource)| format!("\"{name}\": \"${{{resource}}}\"")).collect();
    let input = format!("{{\"statusChange\": <detail>, \"machines\": {{{}}}}}", named.join(", "));
    let ends = json!([{"status": ["TIMED_OUT", "ABORTED"]}, {"status": ["FAILED"], "error": UNCAUGHT}]);
    vec![
        ("FailureRule", "/EventPattern/detail/stateMachineArn", json!(machines)),
        ("FailureRule", "/EventPattern/detail/$or", ends),
        ("FailureRule", "/Targets/0/Arn", attribute("NotifyFunction", "Arn")),
        ("FailureRule", "/Targets/0/InputTransformer/InputPathsMap", json!({"detail": "$.detail"})),
        ("FailureRule", "/Targets/0/InputTransformer/InputTemplate", json!({ "Fn::Sub": input })),
        ("FailureRulePermission", "/FunctionName", reference("NotifyFunction")),
        ("FailureRulePermission", "/SourceArn", attribute("FailureRule", "Arn")),
        ("UntoldFailureRule", "/EventPattern/detail/stateMachineArn", json!(machines)),
        ("UntoldFailureRule", "/EventPattern/detail/error", json!([UNTOLD])),
        ("UntoldFailureRule", "/Targets/0/Arn", reference("AlertTopic")),
        ("AlertTopicPolicy", "/Topics", json!([reference("AlertTopic")])),
        ("AlertSubscription", "/TopicArn", reference("AlertTopic")),
    ]
}

/// The same for the machine of many databases, in resources of its own, which are there only with it.
fn of_fleet_rules() -> Vec<Wanted> {
    let machines = json!([reference("FleetStateMachine")]);
    let input = "{\"statusChange\": <detail>, \"machines\": {\"fleet\": \"${FleetStateMachine}\"}}";
    let ends = json!([{"status": ["TIMED_OUT", "ABORTED"]}, {"status": ["FAILED"], "error": UNCAUGHT}]);
    vec![
        ("FleetFailureRule", "/EventPattern/detail/stateMachineArn", machines.clone()),
        ("FleetFailureRule", "/EventPattern/detail/$or", ends),
        ("FleetFailureRule", "/Targets/0/Arn", attribute("NotifyFunction", "Arn")),
        ("FleetFailureRule", "/Targets/0/InputTransformer/InputPathsMap", json!({"detail": "$.detail"})),
        ("FleetFailureRule", "/Targets/0/InputTransformer/InputTemplate", json!({ "Fn::Sub": input })),
        ("FleetFailureRulePermission", "/FunctionName", reference("NotifyFunction")),
        ("FleetFailureRulePermission", "/SourceArn", attribute("FleetFailureRule", "Arn")),
        ("FleetUntoldFailureRule", "/EventPattern/detail/stateMachineArn", machines),
        ("FleetUntoldFailureRule", "/EventPattern/detail/error", json!([UNTOLD])),
        ("FleetUntoldFailureRule", "/Targets/0/Arn", reference("AlertTopic")),
    ]
}

/// What ends well is reported only where that is wanted.
fn of_success_rule() -> Vec<Wanted> {
    let machines = json!([reference("StateMachine"), reference("RollbackStateMachine")]);
    vec![
        (
            "SuccessRule",
            "/EventPattern/detail",
            json!({"stateMachineArn": machines, "status": ["SUCCEEDED"]}),
        ),
        ("SuccessRule", "/Targets/0/Arn", reference("AlertTopic")),
    ]
}

/// Without `FILL` CloudWatch looks further back than the periods of the alarm, for data in hours that had some.
fn of_stale_copy_alarm() -> Vec<Wanted> {
    let hours = reference("MaxHoursWithoutReplication");
    vec![
        ("StaleCopyAlarm", "/Metrics/0/Expression", json!("FILL(m1, 0)")),
        ("StaleCopyAlarm", "/Metrics/0/ReturnData", json!(true)),
        ("StaleCopyAlarm", "/Metrics/1/Id", json!("m1")),
        ("StaleCopyAlarm", "/Metrics/1/ReturnData", json!(false)),
        ("StaleCopyAlarm", "/Metrics/1/MetricStat/Metric/MetricName", json!("ExecutionsSucceeded")),
        ("StaleCopyAlarm", "/Metrics/1/MetricStat/Period", json!(3600)),
        ("StaleCopyAlarm", "/EvaluationPeriods", hours.clone()),
        ("StaleCopyAlarm", "/DatapointsToAlarm", hours),
        ("StaleCopyAlarm", "/TreatMissingData", json!("breaching")),
    ]
}
