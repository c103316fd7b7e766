//! The message that crosses accounts, as the original writes it and as we do.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use harness::account::{Account, Database, text};
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// What our source says has the original's three fields; what the original's source says is replicated; and a message
/// that is delivered again starts nothing.
///
/// > A message of the original is replicated, and ours has the original's three fields.
pub fn the_message_of_the_original_is_replicated(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "message", &[], &[]);
    let (topic, machine) = (&pair.source["TopicArn"], &pair.destination["StateMachineArn"]);
    let queue = a.subscribe_queue("message-copies", topic);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 100);

    let replication = pair.replicate();
    let ours = queue.next_message();
    let message: Value = serde_json::from_str(&ours).unwrap();
    let shared = &message["Input"]["targetDBSnapshot"];
    let sent = pair.source_document(&replication);
    assert_eq!(
        shared,
        &json!({
            "targetDBSnapshotIdentifier": sent["targetDBSnapshot"]["targetDBSnapshotIdentifier"],
            "targetDBSnapshotArn": sent["targetDBSnapshot"]["targetDBSnapshotArn"],
            "status": "Available"
        })
    );
    let id = text(&message["Input"]["replication"]["id"]);
    assert!(replication.destination.unwrap().ends_with(&format!(":{id}")), "the id names the execution");

    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    // Delivered once more, a message is answered and starts nothing.
    let event = json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0",
        "EventSubscriptionArn": pair.destination["SubscriptionArn"],
        "Sns": {"Type": "Notification", "TopicArn": topic, "Message": ours, "Subject": null,
                "MessageId": "5d1b7a3e-0f7d-4f4e-8a58-3f1f0f5f6a10", "Timestamp": now,
                "MessageAttributes": {}}}]});
    let answer = cloud.directory().join("launch-answer.json");
    let function = &pair.destination["LaunchFunctionName"];
    let invoked = b.aws(&[
        "lambda",
        "invoke",
        "--function-name",
        function,
        "--payload",
        &event.to_string(),
        &answer.to_string_lossy(),
    ]);
    assert_eq!(invoked["FunctionError"], Value::Null, "{}", std::fs::read_to_string(answer).unwrap());
    assert_eq!(b.executions(machine).len(), 1);

    // What the original says of data that are live already makes no second version of them.
    let first_copy = pair.current_copy();
    let again = json!({"Input": {"targetDBSnapshot": shared}}).to_string();
    a.aws(&["sns", "publish", "--topic-arn", topic, "--message", &again]);
    is_superseded_by(&ended(b, machine, 2), &first_copy);

    let original = json!({"Input": {"targetDBSnapshot": share_by_hand(a, b, &pair)}}).to_string();
    a.aws(&["sns", "publish", "--topic-arn", topic, "--message", &original]);
    ended(b, machine, 3);
    let copy = pair.current_copy();
    assert_ne!(copy.host, first_copy.host);
    let held = contents(b, &copy, &password);
    assert!(held.starts_with("100|"), "{held}");
    assert_eq!(held, contents(a, &source, &password));

    // Announced once more when newer data are live, it ends before anything is copied.
    pair.replicate();
    let newest = pair.current_copy();
    a.aws(&["sns", "publish", "--topic-arn", topic, "--message", &original]);
    is_superseded_by(&ended(b, machine, 5), &newest);
    assert_eq!(pair.current_copy().host, newest.host);
}

/// A snapshot of the database under the shared key, shared with B, as the original's message says it.
fn share_by_hand(a: &Account, b: &Account, pair: &Pair) -> Value {
    let (database, made, shared) = (pair.database(), "message-by-hand", "message-by-hand-shared");
    let snapshot = ["rds", "create-db-snapshot", "--db-instance-identifier", &database];
    a.aws(&[&snapshot[..], &["--db-snapshot-identifier", made]].concat());
    a.available_snapshot(made);
    let copy = ["rds", "copy-db-snapshot", "--source-db-snapshot-identifier", made];
    let under = ["--target-db-snapshot-identifier", shared, "--kms-key-id", &pair.source["KMSKeyArn"]];
    a.aws(&[&copy[..], &under].concat());
    let arn = text(&a.available_snapshot(shared)["DBSnapshotArn"]);
    let share = ["rds", "modify-db-snapshot-attribute", "--db-snapshot-identifier", shared];
    a.aws(&[&share[..], &["--attribute-name", "restore", "--values-to-add", &b.number()]].concat());
    json!({"targetDBSnapshotIdentifier": shared, "targetDBSnapshotArn": arn, "status": "Available"})
}

fn is_superseded_by(execution: &Value, live: &Database) {
    let output: Value = serde_json::from_str(&text(&execution["output"])).unwrap();
    assert_eq!(output["DBSnapshot"]["status"], "Superseded");
    assert_eq!(output["DBSnapshot"]["supersededBy"]["db_host"], live.host.as_str());
    assert_eq!(output["DBInstance"], Value::Null);
}

/// The newest of so many executions of a machine, when it has ended well.
fn ended(account: &Account, machine: &str, number: usize) -> Value {
    let execution = account.newest_ended(machine, number);
    assert_eq!(execution["status"], "SUCCEEDED", "{execution}");
    execution
}
