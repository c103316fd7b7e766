//! A source that is encrypted under the shared key is shared without a copy, and then copied incrementally.

use serde_json::{Value, json};

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// With a key that was there before the stacks, given by its ARN.
///
/// > A source that is encrypted under the shared key is shared without a copy, and the next copy in the
/// > destination account is incremental.
pub fn an_encrypted_source_is_shared_as_it_is(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let policy = shared_key_policy(&a.number(), &b.number());
    let key = a.aws(&["kms", "create-key", "--policy", &policy.to_string()]);
    let key = text(&key["KeyMetadata"]["Arn"]);
    let pair = Pair::deploy(cloud, "sharing", &[("KMSKey", &key)], &[]);
    assert_eq!(pair.source["KMSKeyArn"], key);
    let password = password();
    let source =
        a.create_database(&pair.database(), &password, &["--storage-encrypted", "--kms-key-id", &key]);
    fill(a, &source, &password, 500);

    let mut kinds = Vec::new();
    for rows in [500, 501] {
        let replication = pair.replicate();
        let sent = pair.source_document(&replication);
        assert_eq!(sent["targetDBSnapshot"]["copy"]["expected"], "none");
        let shared = &sent["targetDBSnapshot"]["targetDBSnapshotArn"];
        assert_eq!(shared, &sent["SourceDBSnapshot"]["SourceDBSnapshotArn"], "the snapshot itself is shared");
        let received = pair.destination_document(&replication);
        let copied = cloud.measured_snapshots();
        let copied = measured(&copied, &text(&received["DBSnapshot"]["TargetDBSnapshotArn"]));
        kinds.push((text(&received["DBSnapshot"]["copy"]["expected"]), text(&copied["copyKind"])));
        let copy = pair.current_copy();
        let held = contents(b, &copy, &password);
        assert!(held.starts_with(&format!("{rows}|")), "{held}");
        assert_eq!(held, contents(a, &source, &password));
        a.psql(&source, &password, "INSERT INTO items (id, price) SELECT max(id) + 1, 1 FROM items");
    }
    let expected = [("full", "full"), ("incremental", "incremental")];
    assert_eq!(
        kinds,
        expected.map(|(said, done)| (said.to_owned(), done.to_owned())),
        "what was expected, what RDS did"
    );
}

/// With the keys that the stacks make: every principal that IAM lets work with RDS in an account uses that account's key, also once no role
/// of the stack is left.
///
/// > The source database may be under the key that the source stack makes, and what is under the destination stack's
/// > key stays usable when that stack is gone.
pub fn a_stacks_own_key_serves_its_account(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "ownkey", &[], &[]);
    let password = password();
    let key = ["--storage-encrypted", "--kms-key-id", pair.source["KMSKeyArn"].as_str()];
    let source = a.create_database(&pair.database(), &password, &key);
    fill(a, &source, &password, 10);
    let replication = pair.replicate();
    let sent = pair.source_document(&replication);
    assert_eq!(sent["targetDBSnapshot"]["copy"]["expected"], "none");
    let received = pair.destination_document(&replication);
    let kept = text(&received["DBSnapshot"]["TargetDBSnapshotIdentifier"]);

    let stack = pair.stack(b);
    b.aws(&["cloudformation", "delete-stack", "--stack-name", &stack]);
    b.aws(&["cloudformation", "wait", "stack-delete-complete", "--stack-name", &stack]);
    let restore =
        ["rds", "restore-db-instance-from-db-snapshot", "--db-instance-identifier", "ownkey-restored"];
    b.aws(&[&restore[..], &["--db-snapshot-identifier", &kept]].concat());
    let restored = b.available_database("ownkey-restored");
    assert_eq!(contents(b, &restored, &password), contents(a, &source, &password));
}

/// What the README says that an owner gives the other account.
fn shared_key_policy(owner: &str, other: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Owner", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{owner}:root")},
         "Action": "kms:*", "Resource": "*"},
        {"Sid": "Other", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{other}:root")},
         "Action": ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncryptFrom", "kms:CreateGrant"],
         "Resource": "*"}]})
}

/// The emulator's measure of one snapshot.
fn measured<'a>(all: &'a Value, arn: &str) -> &'a Value {
    let list = all.as_array().or_else(|| all["snapshots"].as_array()).unwrap();
    list.iter().find(|snapshot| snapshot["arn"] == arn).unwrap_or_else(|| panic!("{arn} is not in {all}"))
}
