//! What operators are alerted of, and in which words.

use serde_json::{Value, json};

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{Pair, password};

/// That no copy is fresh, that a message could not be handled, that somebody stopped a run, and that the function which tells
/// alerts operators is broken itself: each becomes a message on an alert topic.
///
/// > A stale copy, a message that could not be handled, a run that was stopped and a failure that its function could
/// > not report are each reported to operators.
/// > Alerts in the form of chats stay text for mail and queues, and where it is wanted a good end is reported too.
/// > An alert says stack, account, Region, database and cause, and of which machine it is, is never guessed.
pub fn what_no_run_can_report_is_alerted(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let wanted = [("MaxHoursWithoutReplication", "1"), ("AlertOnSuccess", "true")];
    let pair = Pair::deploy(cloud, "telling", &[("AlertFormat", "chat")], &wanted);
    let source_alerts = a.subscribe_queue("telling-source-alerts", &pair.source["AlertTopicArn"]);
    let alerts = b.subscribe_queue("telling-alerts", &pair.destination["AlertTopicArn"]);
    let ends = b.subscribe_queue("telling-ends", &pair.destination["AlertTopicArn"]);

    // The alarm for a stale copy begins in alarm, because there is no copy yet, and ends with the first one.
    a.create_database(&pair.database(), &password(), &[]);
    pair.replicate();
    let fresh = alerts.message_with(&["StaleCopyAlarm", r#""NewStateValue": "OK""#]);
    assert!(fresh.contains(&pair.database()), "the alarm says which database: {fresh}");
    ends.message_with(&[
        "has ended well",
        &pair.stack(b),
        &pair.destination["StateMachineArn"].replace(":stateMachine:", ":execution:"),
    ]);

    a.aws(&["sns", "publish", "--topic-arn", &pair.source["TopicArn"], "--message", "no JSON"]);
    alerts.message_with(&["DeadLetterAlarm", r#""NewStateValue": "ALARM""#]);
    let queue = &pair.destination["DeadLetterQueueUrl"];
    let kept = b.aws(&["sqs", "receive-message", "--queue-url", queue, "--visibility-timeout", "0"]);
    let kept = text(&kept["Messages"][0]["Body"]);
    assert!(kept.contains("MessageRefused") && kept.contains("no JSON"), "{kept}");

    let machine = &pair.source["StateMachineArn"];
    let execution = a.start(machine, &json!({"SourceDBIdentifier": pair.database()}));
    a.aws(&["stepfunctions", "stop-execution", "--execution-arn", &execution, "--cause", "the wrong day"]);
    let stopped = source_alerts.message_with(&["replication was stopped", &pair.database(), &execution]);
    assert!(stopped.contains("\nCause: the wrong day\n"), "a queue gets text: {stopped}");

    // Machines are known by their ARN: started with nothing a replication is not a rollback.
    for (machine, noun, stage) in [
        ("StateMachineArn", "replication", "CopySharedSnapshotInTargetAccount"),
        ("RollbackStateMachineArn", "rollback", "RestoreDBInstance"),
    ] {
        let execution = b.start(&pair.destination[machine], &json!({}));
        let alert = alerts.message_with(&["InvalidInput", &execution]);
        let (stack, account) = (pair.stack(b), b.number());
        for words in [
            format!("A {noun} failed."),
            format!("Stage: {stage}"),
            format!("Stack: {stack}"),
            format!("Account: {account}"),
            format!("Database: {}", pair.database()),
        ] {
            assert!(alert.contains(&words), "{words} in {alert}");
        }
    }
    let logs = b.logs(&pair.stack(b));
    let logged = logs.matches("task failed").count();
    assert!(
        logged >= 2 && !logs.contains("lambda_runtime::layers::panic"),
        "each failure is logged once: {logs}"
    );

    // The function that alerts operators may not publish any more, and a run fails.
    let role = a.resource(&pair.stack(a), "NotifyRole");
    a.aws(&["iam", "delete-role-policy", "--role-name", &role, "--policy-name", "notify"]);
    let execution = a.start(machine, &json!({"SourceDBIdentifier": "nowhere"}));
    let untold = source_alerts.message_with(&["alerts operators failed too", &pair.stack(a), &execution]);
    let (_, message) = untold.split_once("\n\n").unwrap();
    let chat: Value = serde_json::from_str(message).unwrap();
    assert_eq!((&chat["version"], &chat["source"]), (&json!("1.0"), &json!("custom")));
    assert_eq!(chat["metadata"]["threadId"], json!(execution));
    let failed = a.execution(&execution);
    assert_eq!(failed["error"], "AlertNotSent");
    assert!(text(&failed["cause"]).contains("NotFound"), "the first error is in the cause: {failed}");
}
