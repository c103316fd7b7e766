//! What hinders a deletion, and what a run deletes at most.

use serde_json::{Value, json};

use harness::account::{Account, text};
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, password};

/// No older version is to be kept, and a run may delete two things. RDS refuses snapshots and copies at first because too many
/// run at a time. AWS Backup protects the first version too; the second has deletion protection for three runs; and the
/// answer to a deletion is lost.
///
/// > A run deletes at most MaxDeletionsPerRun, whatever answers are lost, and what it plans is in its document before.
/// > What AWS Backup also protects is deleted without its automated backups, and the run says so.
/// > Operators are alerted once of what several runs could not delete.
/// > Where too many copies run at a time, a run waits.
pub fn a_run_deletes_what_it_has_planned_and_says_what_hinders_it(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let options = [("NoOfOlderInstances", "0"), ("MaxDeletionsPerRun", "2"), ("SnapshotsToKeep", "6")];
    let pair = Pair::deploy(cloud, "pruning", &[], &options);
    let alerts = b.subscribe_queue("pruning-alerts", &pair.destination["AlertTopicArn"]);
    a.create_database(&pair.database(), &password(), &[]);
    for action in ["CreateDBSnapshot", "CopyDBSnapshot"] {
        order(
            a,
            &json!({"action": action, "effect": "error", "code": "SnapshotQuotaExceeded", "resource": "pruning-",
                          "times": 2}),
        );
    }
    pair.replicate();

    let arn = text(&pair.copy(1)["DBInstanceArn"]);
    ask(rds(b), "POST", "/_emulator/resources/aws-backup", &json!({"arn": arn, "protected": true}));
    let second = pair.destination_document(&pair.replicate());
    assert_eq!(second["prune"]["deleted"], json!(["pruning-copy-1"]));
    assert_eq!(second["prune"]["planned"], json!([{"instance": "pruning-copy-1"}]));
    assert!(text(&second["prune"]["notes"][0]).contains("automated backups stay"), "{}", second["prune"]);
    pair.wait_for_versions(&[2]);

    protect(b, "--deletion-protection");
    for version in 3..=6 {
        let document = pair.destination_document(&pair.replicate());
        let pruned = &document["prune"];
        let left = &pruned["left"][0];
        assert_eq!(left["identifier"], "pruning-copy-2", "{pruned}");
        assert!(text(&left["reason"]).contains("deletion protection"), "{pruned}");
        assert_eq!(pruned["tell"].is_array(), version == 5, "version {version}: {pruned}");
        let reported = !document["undeletedTold"].is_null();
        assert_eq!(reported, version == 5, "version {version}");
        pair.wait_for_versions(&if version == 3 { vec![2, 3] } else { vec![2, version] });
    }
    alerts.message_with(&["pruning-copy-2", "deletion protection"]);

    protect(b, "--no-deletion-protection");
    order(
        b,
        &json!({"action": "DeleteDBInstance", "effect": "dropAfter", "resource": "pruning-copy-2", "times": 1}),
    );
    let seventh = pair.destination_document(&pair.replicate());
    assert_eq!(seventh["room"]["planned"], json!([{"instance": "pruning-copy-2"}]));
    // The seventh version supersedes the sixth and one snapshot too many.
    assert_eq!(seventh["prune"]["planned"], json!([{"instance": "pruning-copy-6"}]));
    let left = &seventh["prune"]["left"][0];
    assert!(text(&left["reason"]).contains("MaxDeletionsPerRun"), "{left}");
    assert!(text(&left["identifier"]).starts_with("pruning-copy-20"), "{left}");
    pair.wait_for_versions(&[7]);
}

fn rds(account: &Account) -> &str {
    account.variable("AWS_ENDPOINT_URL_RDS")
}

fn order(account: &Account, order: &Value) {
    ask(rds(account), "POST", "/_emulator/faults", order);
}

fn protect(account: &Account, option: &str) {
    let modify = ["rds", "modify-db-instance", "--db-instance-identifier", "pruning-copy-2"];
    account.aws(&[&modify[..], &[option, "--apply-immediately"]].concat());
    account.available_database("pruning-copy-2");
}
