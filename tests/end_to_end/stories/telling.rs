//! What a person is told of that no run can report itself.

use serde_json::json;

use crate::account::text;
use crate::cloud::Cloud;
use crate::pair::{Pair, password};

/// That no copy is fresh, that a message could not be handled, that somebody stopped a run, and that the function which tells
/// people is broken itself: each becomes a message on an alert topic.
///
/// > A stale copy, a message that could not be handled, a run that was stopped and a failure that its function could
/// > not tell each reach a person.
pub fn what_no_run_can_report_is_told(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "telling", &[], &[("MaxHoursWithoutReplication", "1")]);
    let source_alerts = a.subscribe_queue("telling-source-alerts", &pair.source["AlertTopicArn"]);
    let alerts = b.subscribe_queue("telling-alerts", &pair.destination["AlertTopicArn"]);

    // The alarm for a stale copy begins in alarm, because there is no copy yet, and ends with the first one.
    a.create_database(&pair.database(), &password(), &[]);
    pair.replicate();
    let fresh = alerts.message_with(&["StaleCopyAlarm", r#""NewStateValue": "OK""#]);
    assert!(fresh.contains(&pair.database()), "the alarm says which database: {fresh}");

    a.aws(&["sns", "publish", "--topic-arn", &pair.source["TopicArn"], "--message", "no JSON"]);
    alerts.message_with(&["DeadLetterAlarm", r#""NewStateValue": "ALARM""#]);
    let queue = &pair.destination["DeadLetterQueueUrl"];
    let kept = b.aws(&["sqs", "receive-message", "--queue-url", queue, "--visibility-timeout", "0"]);
    let kept = text(&kept["Messages"][0]["Body"]);
    assert!(kept.contains("MessageRefused") && kept.contains("no JSON"), "{kept}");

    let machine = &pair.source["StateMachineArn"];
    let execution = a.start(machine, &json!({"SourceDBIdentifier": pair.database()}));
    a.aws(&["stepfunctions", "stop-execution", "--execution-arn", &execution]);
    source_alerts.message_with(&["was stopped", &pair.database(), &execution]);

    // The function that tells people may not publish any more, and a run fails.
    let role = a.resource(&pair.stack(a), "NotifyRole");
    a.aws(&["iam", "delete-role-policy", "--role-name", &role, "--policy-name", "notify"]);
    let execution = a.start(machine, &json!({"SourceDBIdentifier": "nowhere"}));
    source_alerts.message_with(&["failures failed too", &execution]);
    let failed = a.execution(&execution);
    assert_eq!(failed["error"], "AlertNotSent");
    assert!(text(&failed["cause"]).contains("NotFound"), "the first error is in the cause: {failed}");
}
