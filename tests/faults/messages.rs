//! Messages on the topic between the accounts: repeated, late, in the wrong order, and invalid.

use std::time::Duration;

use replication::naming::ReplicationId;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::calls::Machine;
use crate::lane::{Lane, Started};
use crate::scenarios::Scenario;
use harness::waiting::wait_for;

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    ("a message is delivered five times at once", a_message_is_delivered_five_times_at_once),
    ("an old message comes again after a newer one", an_old_message_comes_again_after_a_newer_one),
    ("a message is late and a newer version is live", a_message_is_late_and_a_newer_version_is_live),
    ("the same data come again under another id", the_same_data_come_again_under_another_id),
    ("messages that are refused", messages_that_are_refused),
    ("a good and a bad record in one event", a_good_and_a_bad_record_in_one_event),
    ("a message for another stack", a_message_for_another_stack),
];

/// Lambda tries what failed twice more, after a minute and after two (scaled here), before it gives up.
const GIVEN_UP: Duration = Duration::from_mins(1);

/// > A message that is delivered again starts nothing again.
fn a_message_is_delivered_five_times_at_once(lane: &Lane<'_>) -> Result<(), String> {
    let started = lane.start(Machine::Destination);
    let message = lane.message_of(&started.id);
    for _ in 1..5 {
        lane.publish(&message);
    }
    let run = lane.finish(started, || {});
    run.ended.require_success()?;
    lane.check_success(&run)
}

fn an_old_message_comes_again_after_a_newer_one(lane: &Lane<'_>) -> Result<(), String> {
    let old = lane.start(Machine::Destination);
    let message = lane.message_of(&old.id);
    lane.finish(old, || {}).ended.require_success()?;
    lane.clean_run(Machine::Destination)?;
    let (live, executions, invocations) = (lane.pointer(), executions(lane), launched(lane));
    lane.publish(&message);
    wait_for("the repetition is answered", GIVEN_UP, || (launched(lane) > invocations).then_some(()));
    if executions != self::executions(lane) {
        return Err("the repetition started an execution".to_owned());
    }
    if live != lane.pointer() {
        return Err("the repetition moved the secret".to_owned());
    }
    lane.clean_run(Machine::Destination)
}

/// > An older version never replaces a newer one.
fn a_message_is_late_and_a_newer_version_is_live(lane: &Lane<'_>) -> Result<(), String> {
    let live = lane.pointer();
    let hours_ago = OffsetDateTime::now_utc() - Duration::from_hours(5);
    let id = ReplicationId::new(hours_ago, &live.host);
    lane.publish(&lane.message_of(&id));
    let run = lane.finish(Started::announced(id, live.clone()), || {});
    run.ended.require_success()?;
    if live != lane.pointer() {
        return Err(format!("an older version replaced the newer {}", live.host));
    }
    lane.check_secret()?;
    // What it may have restored is deleted before the next run chooses a number, which is free again then.
    lane.finish(lane.start(Machine::Source), || {}).ended.require_success()?;
    lane.check_secret()?;
    lane.clean_run(Machine::Destination)
}

/// > Data that are live already are not copied a second time, and take no place of an older version.
fn the_same_data_come_again_under_another_id(lane: &Lane<'_>) -> Result<(), String> {
    lane.clean_run(Machine::Destination)?;
    let (live, versions) = (lane.pointer(), names(lane));
    let id = ReplicationId::new(OffsetDateTime::now_utc(), "again");
    lane.publish(&lane.message_of(&id));
    let run = lane.finish(Started::announced(id.clone(), live.clone()), || {});
    run.ended.require_success()?;
    let snapshots = lane.destination.snapshots(&lane.stack(Machine::Destination));
    if snapshots.iter().any(|one| one.tags.are_of_replication(&id)) || names(lane) != versions {
        return Err("what is live already was copied again".to_owned());
    }
    if live != lane.pointer() {
        return Err("the same data moved the secret".to_owned());
    }
    lane.clean_run(Machine::Destination)
}

fn names(lane: &Lane<'_>) -> Vec<String> {
    lane.own_instances().iter().map(|one| one.identifier.to_string()).collect()
}

/// Each is tried three times and then kept for an operator; none starts anything.
///
/// > A message that is refused starts nothing and waits in the dead-letter queue.
fn messages_that_are_refused(lane: &Lane<'_>) -> Result<(), String> {
    let before = executions(lane);
    let good = lane.message_of(&ReplicationId::new(OffsetDateTime::now_utc(), "refused"));
    let with_arn = |change: &dyn Fn(&str) -> String| {
        let mut message = good.clone();
        let arn = &mut message["Input"]["targetDBSnapshot"]["targetDBSnapshotArn"];
        *arn = json!(change(arn.as_str().unwrap()));
        message.to_string()
    };
    let account = lane.cloud.source.number();
    let region = lane.cloud.source.variable("AWS_REGION").to_owned();
    let garbage = "x".repeat(1 << 20);
    let bodies = [
        ("no JSON", "{\"Input\": ".to_owned()),
        ("another shape", "[1, 2]".to_owned()),
        ("another account", with_arn(&|arn| arn.replace(&account, "999999999999"))),
        ("another Region", with_arn(&|arn| arn.replace(&region, "eu-west-2"))),
        ("another service", with_arn(&|arn| arn.replace(":rds:", ":ec2:"))),
        ("another kind of resource", with_arn(&|arn| arn.replace(":snapshot:", ":db:"))),
        ("another snapshot than it names", with_arn(&|arn| format!("{arn}-other"))),
        ("a megabyte of garbage", garbage),
        ("nothing", String::new()),
    ];
    let topic = &lane.pair.source["TopicArn"];
    let mut events: Vec<(&str, Value)> =
        bodies.iter().map(|(what, body)| (*what, json!({"Records": [record(topic, body)]}))).collect();
    let foreign_topic = record(&format!("{topic}-other"), &good.to_string());
    events.push(("another topic", json!({"Records": [foreign_topic]})));
    events.push(("no event of SNS", json!({"Records": [{"s3": {}}]})));
    for (_, event) in &events {
        invoke(lane, event);
    }
    lane.take_dead_letters(events.len())?;
    if before != executions(lane) {
        return Err("a message that should be refused started an execution".to_owned());
    }
    lane.check_secret()
}

fn a_good_and_a_bad_record_in_one_event(lane: &Lane<'_>) -> Result<(), String> {
    let id = ReplicationId::new(OffsetDateTime::now_utc(), "one of two");
    let before = lane.pointer();
    lane.announce_and_remember();
    let topic = &lane.pair.source["TopicArn"];
    let records = [record(topic, "{}"), record(topic, &lane.message_of(&id).to_string())];
    invoke(lane, &json!({"Records": records}));
    let run = lane.finish(Started::announced(id, before), || {});
    run.ended.require_success()?;
    lane.check_success(&run)?;
    lane.take_dead_letters(1)
}

fn a_message_for_another_stack(lane: &Lane<'_>) -> Result<(), String> {
    let (before, invocations) = (executions(lane), launched(lane));
    let mut message = lane.message_of(&ReplicationId::new(OffsetDateTime::now_utc(), "another stack"));
    message["Input"]["replication"]["sourceDBIdentifier"] = json!("billing");
    lane.publish(&message);
    wait_for("the message is answered", GIVEN_UP, || (launched(lane) > invocations).then_some(()));
    if before == executions(lane) { Ok(()) } else { Err("it started an execution".to_owned()) }
}

/// A record as SNS hands it to a function.
fn record(topic: &str, message: &str) -> Value {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    json!({"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": format!("{topic}:1"),
           "Sns": {"Type": "Notification", "TopicArn": topic, "Message": message, "Subject": null,
                   "MessageId": "5d1b7a3e-0f7d-4f4e-8a58-3f1f0f5f6a10", "Timestamp": now,
                   "MessageAttributes": {}}})
}

/// Hands an event to the function that starts the machine, and does not wait, as SNS does.
fn invoke(lane: &Lane<'_>, event: &Value) {
    let directory = lane.cloud.directory();
    let (payload, answer) = (
        directory.join(format!("{}-event.json", lane.name)),
        directory.join(format!("{}-answer.json", lane.name)),
    );
    std::fs::write(&payload, event.to_string()).unwrap();
    lane.cloud.destination.aws(&[
        "lambda",
        "invoke",
        "--invocation-type",
        "Event",
        "--function-name",
        &lane.pair.destination["LaunchFunctionName"],
        "--payload",
        &format!("file://{}", payload.display()),
        &answer.to_string_lossy(),
    ]);
}

/// How often the function that starts the machine has succeeded.
fn launched(lane: &Lane<'_>) -> usize {
    let function = format!(":{}-LaunchFunction-", lane.stack(Machine::Destination));
    let invocations = lane.switches.invocations(&function, OffsetDateTime::UNIX_EPOCH);
    invocations.iter().filter(|call| call.outcome.as_deref() == Some("Success")).count()
}

fn executions(lane: &Lane<'_>) -> Vec<String> {
    lane.destination.executions(&lane.pair.destination["StateMachineArn"])
}
