//! New versions wait until an operator releases one, and then the older ones are deleted step by step.

use serde_json::{Value, json};

use harness::account::{tags, text};
use harness::cloud::Cloud;
use harness::pair::{Pair, Replication, fill, password};

/// Four copies wait; the fourth is released, and no older one is to be kept. So three are due, one run deletes two of them,
/// and each leaves a final snapshot, which stays like one that an operator has made.
///
/// > With Promote=manual no replication moves the secret, and what waits to be released is neither given the deletion tag nor
/// > deleted while it waits.
/// > A version with the deletion tag can still be rolled back to, and then carries it no more.
/// > One run deletes at most MaxDeletionsPerRun, the oldest first, and reports the rest.
/// > Before a version is deleted, FinalSnapshot=true makes a final snapshot of it; later runs keep that and those of operators.
/// > What others restore or copy from our snapshots stays, although RDS copies our tags to it, even the deletion tag.
pub fn what_waits_is_released_and_what_is_due_goes_one_by_one(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let key = text(&b.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"]);
    let options = [
        ("KMSKey", key.as_str()),
        ("Promote", "manual"),
        ("NoOfOlderInstances", "0"),
        ("MaxDeletionsPerRun", "2"),
        ("MaxVersionsAhead", "4"),
        ("FinalSnapshot", "true"),
        ("CopyTagsToSnapshot", "true"),
        ("SnapshotsToKeep", "6"),
        ("ExtraTags", "CostCentre=42"),
    ];
    let pair = Pair::deploy(cloud, "releasing", &[], &options);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 10);
    let before = pair.secret();
    for version in 1..=4 {
        let held_back = held_back(&pair, &pair.replicate());
        assert_eq!(held_back["DBInstance"]["db_version"], version);
        assert_eq!(held_back["prune"]["deleted"], json!([]));
    }
    assert_eq!(pair.secret(), before);
    assert_eq!(pair.versions(), [1, 2, 3, 4]);
    assert_eq!(pair.marked(), [0; 0]);
    let ids = [1, 2].map(|version| tags(&pair.copy(version))["rds-replication:id"].clone());
    let final_snapshots =
        [format!("releasing-copy-1-final-{}", ids[0]), format!("releasing-copy-2-final-{}", ids[1])];
    b.aws(&[
        "rds",
        "create-db-snapshot",
        "--db-instance-identifier",
        "releasing-copy-2",
        "--db-snapshot-identifier",
        "releasing-by-hand",
    ]);
    let by_hand = b.available_snapshot("releasing-by-hand");
    assert_eq!(
        tags(&by_hand)["rds-replication:stack"],
        "releasing-destination",
        "it has the tags of the copy"
    );

    let released = pair.roll_back(&json!({"version": 4}));
    assert_eq!(released["secret"]["outcome"], "moved");
    assert!(pair.current_copy().host.starts_with("releasing-copy-4."));
    assert_eq!(pair.marked(), [1, 2, 3]);
    pair.roll_back(&json!({"version": 2}));
    assert!(pair.current_copy().host.starts_with("releasing-copy-2."));
    assert_eq!(pair.marked(), [1]);
    pair.roll_back(&json!({"version": 4}));
    assert_eq!(pair.marked(), [1, 2, 3]);

    let fifth = held_back(&pair, &pair.replicate());
    assert_eq!(fifth["room"]["deleted"], json!(["releasing-copy-1", "releasing-copy-2"]));
    assert_eq!(fifth["prune"]["planned"], json!([]));
    assert_eq!(fifth["prune"]["left"][0]["identifier"], "releasing-copy-3");
    assert!(text(&fifth["prune"]["left"][0]["reason"]).contains("MaxDeletionsPerRun"));
    pair.wait_for_versions(&[3, 4, 5]);

    // What others make from our snapshots gets our tags, even the deletion tag, and is still theirs.
    b.available_snapshot(&final_snapshots[0]);
    let restore =
        ["rds", "restore-db-instance-from-db-snapshot", "--db-instance-identifier", "investigation-1"];
    b.aws(&[&restore[..], &["--db-snapshot-identifier", &final_snapshots[0]]].concat());
    b.available_database("investigation-1");
    assert_eq!(tags(&b.instance("investigation-1"))["to-be-deleted"], "True");
    let first_snapshot = pair.copies() + &ids[0];
    let copy = ["rds", "copy-db-snapshot", "--copy-tags", "--source-db-snapshot-identifier", &first_snapshot];
    b.aws(&[&copy[..], &["--target-db-snapshot-identifier", "releasing-for-good"]].concat());
    b.available_snapshot("releasing-for-good");

    let sixth = held_back(&pair, &pair.replicate());
    assert_eq!(sixth["room"]["deleted"], json!(["releasing-copy-3"]));
    pair.wait_for_versions(&[4, 5, 6]);
    assert!(pair.current_copy().host.starts_with("releasing-copy-4."));

    for name in &final_snapshots {
        let tags = tags(&b.available_snapshot(name));
        assert!(tags.contains_key("rds-replication:stack"), "{name} has the tags");
        assert_eq!(tags["CostCentre"], "42");
    }
    let kept = |list: &str, name: &str, because: &str| {
        let decisions = sixth["prune"][list].as_array().unwrap();
        let decision = decisions.iter().find(|decision| decision["identifier"] == name).unwrap();
        assert_eq!(decision["verdict"], "keep", "{decision}");
        assert!(text(&decision["reason"]).contains(because), "{decision}");
    };
    kept("snapshots", "releasing-for-good", "somebody else has made it");
    // A run does not read what is of another database, or may not, where the account has many instances.
    let untouched = |list: &str, name: &str| {
        let decisions = sixth["prune"][list].as_array().unwrap();
        decisions
            .iter()
            .filter(|decision| decision["identifier"] == name)
            .for_each(|decision| assert_eq!(decision["verdict"], "keep", "{decision}"));
    };
    untouched("snapshots", &final_snapshots[0]);
    untouched("snapshots", "releasing-by-hand");
    untouched("instances", "investigation-1");
    for name in [&final_snapshots[0], "releasing-by-hand"] {
        b.available_snapshot(name);
    }
    b.available_database("investigation-1");
}

/// The output of a replication that was held back.
fn held_back(pair: &Pair, replication: &Replication) -> Value {
    let document = pair.destination_document(replication);
    assert_eq!(document["secret"]["outcome"], "heldBack", "{document}");
    document
}
