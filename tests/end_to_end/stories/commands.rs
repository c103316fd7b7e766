//! The local cloud without our product: what an operator can do with `aws`, `psql` and the printed exports.

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{contents, fill, password};
use harness::waiting::wait_for;

/// A snapshot made in one account is shared, seen, copied and restored in the other, and holds the rows.
pub fn plain_commands_work_with_the_printed_exports(cloud: &Cloud) {
    let (a, b) = (&cloud.source.as_exported(), &cloud.destination.as_exported());
    let password = password();
    let source = a.create_database("plain-db", &password, &[]);
    fill(a, &source, &password, 250);
    let snapshot = a.aws(&[
        "rds",
        "create-db-snapshot",
        "--db-instance-identifier",
        "plain-db",
        "--db-snapshot-identifier",
        "plain-snapshot",
    ]);
    let arn = text(&snapshot["DBSnapshot"]["DBSnapshotArn"]);
    a.available_snapshot("plain-snapshot");
    let sees = || {
        let shared =
            b.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "shared", "--include-shared"]);
        shared["DBSnapshots"].as_array().unwrap().iter().any(|seen| seen["DBSnapshotArn"] == arn.as_str())
    };
    assert!(!sees(), "before it is shared, B does not see it");
    a.aws(&[
        "rds",
        "modify-db-snapshot-attribute",
        "--db-snapshot-identifier",
        "plain-snapshot",
        "--attribute-name",
        "restore",
        "--values-to-add",
        &b.number(),
    ]);
    wait_for("B sees the shared snapshot", harness::account::LIMIT, || sees().then_some(()));
    b.aws(&[
        "rds",
        "copy-db-snapshot",
        "--source-db-snapshot-identifier",
        &arn,
        "--target-db-snapshot-identifier",
        "plain-copied",
    ]);
    b.available_snapshot("plain-copied");
    b.aws(&[
        "rds",
        "restore-db-instance-from-db-snapshot",
        "--db-instance-identifier",
        "plain-restored",
        "--db-snapshot-identifier",
        "plain-copied",
    ]);
    let restored = b.available_database("plain-restored");
    let held = contents(b, &restored, &password);
    assert!(held.starts_with("250|"), "{held}");
    assert_eq!(held, contents(a, &source, &password));
}
