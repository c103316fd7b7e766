//! What a single fault at a single call does not show: whole runs that are repeated, killed, stopped or doubled.

use serde_json::json;

use crate::calls::Machine;
use crate::lane::{Ended, Lane, UNTOLD};
use crate::switches::{Order, Standing};

/// A scenario: its name, and what happens in it.
pub type Scenario = (&'static str, fn(&Lane<'_>) -> Result<(), String>);

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    ("every invocation happens twice", every_invocation_happens_twice),
    ("all functions are killed again and again", all_functions_are_killed_again_and_again),
    ("two executions of the source at once", two_executions_of_the_source_at_once),
    ("two replications arrive at once", two_replications_arrive_at_once),
    ("a failure whose alert cannot be sent", a_failure_whose_alert_cannot_be_sent),
];

/// > A task may be called again at any time: there is still one snapshot, one copy, one instance and one
/// > move of the secret.
pub fn every_invocation_happens_twice(lane: &Lane<'_>) -> Result<(), String> {
    let order = invoke_twice(lane);
    let run = lane.finish(lane.start(Machine::Source), || {});
    lane.switches.take_back(&order);
    run.ended.require_success()?;
    lane.check_success(&run)?;
    lane.check_leftovers()
}

/// Orders that every invocation of the lane's functions happens twice.
pub fn invoke_twice(lane: &Lane<'_>) -> Standing {
    lane.switches.order(&Order {
        service: "lambda".to_owned(),
        action: "Invoke".to_owned(),
        resource: format!(":{}-", lane.name),
        lasting: true,
        effect: json!({"effect": "twice"}),
        ..Order::default()
    })
}

/// > A function that is killed between any two calls loses nothing.
pub fn all_functions_are_killed_again_and_again(lane: &Lane<'_>) -> Result<(), String> {
    let mut kills = 0;
    let mut polls = 0;
    let run = lane.finish(lane.start(Machine::Source), || {
        polls += 1;
        // A retry gives a killed task six more chances; this leaves it some.
        if polls % 3 == 0 {
            kills += lane.switches.kill_functions(&format!("{}-", lane.name));
        }
    });
    run.ended.require_success()?;
    if kills == 0 {
        return Err("the run was over before anything was killed".to_owned());
    }
    lane.check_success(&run)?;
    lane.clean_run(Machine::Source)
}

fn two_executions_of_the_source_at_once(lane: &Lane<'_>) -> Result<(), String> {
    two_at_once(lane, Machine::Source)
}

pub fn two_replications_arrive_at_once(lane: &Lane<'_>) -> Result<(), String> {
    two_at_once(lane, Machine::Destination)
}

/// Both succeed, each with an instance of its own, and the secret names that of the newer.
///
/// > Two runs for one database at once both succeed, and the secret names the newer version.
fn two_at_once(lane: &Lane<'_>, machine: Machine) -> Result<(), String> {
    let started = [lane.start(machine), lane.start(machine)];
    let runs = started.map(|started| lane.finish(started, || {}));
    for run in &runs {
        run.ended.require_success()?;
    }
    let newest = runs.iter().map(|run| &run.started.id).max_by_key(|id| id.as_str()).ok_or("no run")?;
    lane.check_secret()?;
    let live = lane.live_replication()?;
    if live != newest.as_str() {
        return Err(format!("the secret names the copy of {live}, not of {newest}, which is newer"));
    }
    lane.clean_run(machine)
}

/// The machine cannot alert operators of the failure, so a rule does, and the first error is not lost.
fn a_failure_whose_alert_cannot_be_sent(lane: &Lane<'_>) -> Result<(), String> {
    let alerts = lane
        .cloud
        .source
        .subscribe_queue(&format!("{}-alerts", lane.name), &lane.pair.source["AlertTopicArn"]);
    let stack = lane.stack(Machine::Source);
    let quota = lane.switches.order(&Order {
        service: "rds".to_owned(),
        action: "CreateDBSnapshot".to_owned(),
        principal: format!("/{stack}-"),
        lasting: true,
        effect: json!({"effect": "error", "code": "SnapshotQuotaExceeded"}),
        ..Order::default()
    });
    let alert = lane.switches.order(&Order {
        service: "sns".to_owned(),
        action: "Publish".to_owned(),
        principal: format!("/{stack}-"),
        lasting: true,
        effect: json!({"effect": "error", "code": "AuthorizationError", "httpStatus": 403}),
        ..Order::default()
    });
    let run = lane.finish(lane.start(Machine::Source), || {});
    lane.switches.take_back(&quota);
    lane.switches.take_back(&alert);
    match &run.ended {
        Ended::Failure(execution)
            if execution.error == UNTOLD && execution.cause.contains("QuotaExceeded") =>
        {
            let alert = alerts.next_message();
            if !alert.contains(&execution.arn) {
                return Err(format!("the alert does not name the execution: {alert}"));
            }
            lane.clean_run(Machine::Source)
        }
        other => Err(format!("expected {UNTOLD} because of QuotaExceeded, but it ended {other:?}")),
    }
}
