//! What stays and what goes after several replications.

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};
use harness::waiting::wait_for;

/// The command that deletes an instance.
const DELETE: [&str; 4] = ["rds", "delete-db-instance", "--skip-final-snapshot", "--db-instance-identifier"];

/// One older version is kept, so of four the first two go; an instance that is not ours stays, though it has our prefix
/// and the deletion tag, and its number is skipped.
///
/// > A foreign database with our prefix and our deletion tag survives, and IAM alone refuses its deletion.
pub fn what_is_older_goes_and_what_is_foreign_stays(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let keep = ("SnapshotsToKeep", "2");
    let for_source = [keep, ("SharedSnapshotHours", "0")];
    let pair = Pair::deploy(cloud, "keeping", &for_source, &[keep, ("NoOfOlderInstances", "1")]);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 20);
    let mark = ["--tags", "Key=to-be-deleted,Value=True"];
    let foreign = b.create_database("keeping-copy-2", &password, &mark);
    fill(b, &foreign, &password, 3);

    for _ in 0..4 {
        pair.replicate();
    }
    let mut left = Vec::new();
    wait_for("only what is kept is left", harness::account::LIMIT, || {
        left = b.instances(&pair.copies());
        (left.len() <= 3).then_some(())
    });
    assert_eq!(left, ["keeping-copy-2", "keeping-copy-4", "keeping-copy-5"]);
    assert!(pair.current_copy().host.starts_with("keeping-copy-5."));
    assert_eq!(contents(b, &pair.current_copy(), &password), contents(a, &source, &password));
    assert!(contents(b, &foreign, &password).starts_with("3|"), "the foreign database still holds its rows");

    // Even if the function has a bug: its role can delete what is ours and marked, and nothing else.
    let prune = b.with_role(&b.resource(&pair.stack(b), "PruneRole"));
    for spared in ["keeping-copy-2", "keeping-copy-4"] {
        let refused = prune.try_aws(&[&DELETE[..], &[spared]].concat());
        let words = String::from_utf8_lossy(&refused.stderr);
        assert!(words.contains("AccessDenied") && words.contains("rds:DeleteDBInstance"), "{words}");
    }
    let arn = text(&b.instance("keeping-copy-4")["DBInstanceArn"]);
    b.aws(&[&["rds", "add-tags-to-resource", "--resource-name", &arn], &mark[..]].concat());
    prune.aws(&[&DELETE[..], &["keeping-copy-4"]].concat());

    let in_source =
        wait_for("only the kept snapshots are left in the source account", harness::account::LIMIT, || {
            let found = a.snapshots(&pair.snapshots());
            (found.len() <= 4).then_some(found)
        });
    let copies = in_source.iter().filter(|name| name.ends_with("-copy-in")).count();
    assert_eq!((copies, in_source.len()), (2, 4), "two of each kind: {in_source:?}");
    let in_destination = wait_for(
        "only the kept snapshots are left in the destination account",
        harness::account::LIMIT,
        || {
            let found = b.snapshots(&pair.copies());
            (found.len() <= 2).then_some(found)
        },
    );
    assert_eq!(in_destination.len(), 2, "{in_destination:?}");
}
