//! The source account takes its key back.

use serde_json::Value;

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{Pair, fill, password};

/// A run without the right on the source's key ends at its first poll, names key and permission, alerts operators, and
/// leaves nothing half made.
///
/// > A run without the right on the source's key ends at its first poll, names key and permission, and
/// > leaves nothing half made.
pub fn without_the_key_nothing_half_made_is_left(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "key", &[], &[]);
    let alerts = b.subscribe_queue("key-alerts", &pair.destination["AlertTopicArn"]);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 10);
    let secret = pair.secret();
    let key = &pair.source["KMSKeyArn"];
    remove_from_key_policy(cloud, key, &b.number());

    let replication = pair.try_replicate();
    assert!(!replication.succeeded, "{}", replication.printed);
    let arn = replication.destination.unwrap_or_else(|| panic!("{}", replication.printed));
    let execution = b.execution(&arn);
    assert_eq!(execution["status"], "FAILED");
    assert_eq!(execution["error"], "KeyNotAccessible");
    let cause = text(&execution["cause"]);
    assert!(cause.contains(key.as_str()), "the cause names the key: {cause}");
    assert!(cause.contains("kms:"), "the cause names the missing permission: {cause}");
    assert!(replication.printed.contains("KeyNotAccessible") && replication.printed.contains(key.as_str()));
    assert!(replication.printed.contains("CopySharedSnapshotInTargetAccount"), "{}", replication.printed);
    let waits = b.history(&arn).iter().filter(|event| event["type"] == "WaitStateEntered").count();
    assert_eq!(waits, 0, "it ends without having waited");

    assert_eq!(b.snapshots(&pair.copies()), [""; 0]);
    assert_eq!(b.instances(&pair.copies()), [""; 0]);
    assert_eq!(pair.secret(), secret, "the secret is as it was");
    alerts.message_with(&["KeyNotAccessible", key, "Stage: CopySharedSnapshotInTargetAccount", &arn]);
}

/// Takes an account out of a key's policy, wherever it is named.
fn remove_from_key_policy(cloud: &Cloud, key: &str, account: &str) {
    let found = cloud.source.aws(&["kms", "get-key-policy", "--key-id", key, "--policy-name", "default"]);
    let mut policy: Value = serde_json::from_str(&text(&found["Policy"])).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        if let Some(principals) = statement["Principal"]["AWS"].as_array_mut() {
            principals.retain(|principal| !principal.to_string().contains(account));
        }
    }
    statements.retain(|statement| !statement["Principal"].to_string().contains(account));
    let policy = policy.to_string();
    assert!(text(&found["Policy"]).contains(account) && !policy.contains(account), "{policy}");
    cloud.source.aws(&[
        "kms",
        "put-key-policy",
        "--key-id",
        key,
        "--policy-name",
        "default",
        "--policy",
        &policy,
    ]);
}
