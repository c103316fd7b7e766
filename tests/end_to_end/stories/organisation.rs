//! The rules of an organisation: a boundary and a path on every role, tags on everything from the call on that makes it,
//! functions in a VPC, and keys that an account of its own keeps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use harness::account::{Account, tags, text};
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, contents, fill, password};

/// The account that keeps the keys.
const KEEPER: &str = "333333333333";
/// What may not be made without the organisation's tag.
const TAGGED: [&str; 3] =
    ["rds:CreateDBSnapshot", "rds:CopyDBSnapshot", "rds:RestoreDBInstanceFromDBSnapshot"];

/// The cases 16, 17, 20, 55 and 56: the database is under one key of a third account, the snapshots that are shared and the
/// copies are under another. The boundary denies what is made without the organisation's tag.
///
/// > A replication needs nothing that a permissions boundary with the rights of its roles does not have, and everything
/// > that it makes carries the stack's tags from the call on that makes it.
/// > Tags that RDS leaves out of its descriptions are asked for, also those of the source database.
/// > The database, what is shared and the copies may be under keys of a third account, whose policies decide.
pub fn an_organisations_rules_are_met(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let keeper = a.of_number(KEEPER);
    let of_database = make_key(&keeper, &[&a.number()]);
    let shared = make_key(&keeper, &[&a.number(), &b.number()]);
    let boundaries = [a, b].map(make_boundary);
    let rules = |boundary| {
        [
            ("PermissionsBoundary", boundary),
            ("RolePath", "/replication/"),
            ("LambdaSubnetIds", "subnet-0123abcd,subnet-4567cdef"),
            ("LambdaSecurityGroupIds", "sg-0123abcd"),
            ("ExtraTags", "CostCentre=42,rule=everything"),
            ("KMSKey", shared.as_str()),
        ]
    };
    let in_source = [&rules(&boundaries[0])[..], &[("CarrySourceTags", "true")]].concat();
    let in_destination = [&rules(&boundaries[1])[..], &[("ApplySourceTags", "true")]].concat();
    let pair = Pair::deploy(cloud, "organs", &in_source, &in_destination);
    tag_the_stack(b, &pair.stack(b));
    for account in [a, b] {
        let role = account.resource(&pair.stack(account), "CopyRole");
        let role = &account.aws(&["iam", "get-role", "--role-name", &role])["Role"];
        assert!(text(&role["Arn"]).contains(":role/replication/"), "{role}");
    }
    let password = password();
    let key = ["--storage-encrypted", "--kms-key-id", &of_database, "--tags", "Key=team,Value=data"];
    let source = a.create_database(&pair.database(), &password, &key);
    fill(a, &source, &password, 10);

    hide_tags(a);
    let replication = pair.replicate();
    assert_eq!(contents(b, &pair.current_copy(), &password), contents(a, &source, &password));
    let (sent, received) = (pair.source_document(&replication), pair.destination_document(&replication));
    let of_source = &sent["SourceDBSnapshot"]["SourceDBSnapshotIdentifier"];
    let of_target = &sent["targetDBSnapshot"]["targetDBSnapshotIdentifier"];
    assert_ne!(of_source, of_target, "it was copied in the source account");
    let snapshot = a.available_snapshot(&text(of_source));
    let copy = a.available_snapshot(&text(of_target));
    let copy_of_copy = b.available_snapshot(&text(&received["DBSnapshot"]["TargetDBSnapshotIdentifier"]));
    let instance = pair.copy(1);
    for (made, key) in
        [(&snapshot, &of_database), (&copy, &shared), (&copy_of_copy, &shared), (&instance, &shared)]
    {
        assert_eq!(text(&made["KmsKeyId"]), *key);
        let tags = tags(made);
        let found = (tags.get("CostCentre").map(String::as_str), tags.get("rule").map(String::as_str));
        assert_eq!(found, (Some("42"), Some("everything")), "{made}");
    }
    assert_eq!(tags(&instance)["team"], "data", "the source database's tags have arrived too");
}

/// Has RDS describe the database and what is made of it without any tags, as it has happened (17).
fn hide_tags(account: &Account) {
    for action in ["DescribeDBInstances", "DescribeDBSnapshots"] {
        let order = json!({"action": action, "effect": "hideTags", "resource": "organs-", "principal": "assumed-role", "times": 1_000_000});
        ask(account.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/faults", &order);
    }
}

/// Tags a stack, and then changes one of the tags.
fn tag_the_stack(account: &Account, stack: &str) {
    account.tag_stack(stack, &["CostCentre=42", "owner=data team"]);
    account.tag_stack(stack, &["owner=us"]);
    let described = account.aws(&["cloudformation", "describe-stacks", "--stack-name", stack]);
    let found = described["Stacks"][0]["Tags"].as_array().unwrap();
    let found: BTreeMap<_, _> = found.iter().map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect();
    let wanted = [("CostCentre", "42"), ("owner", "us")];
    assert_eq!(found, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}

/// A key that these accounts may use, through RDS only.
fn make_key(keeper: &Account, accounts: &[&str]) -> String {
    let root = |account: &&str| format!("arn:aws:iam::{account}:root");
    let users: Vec<String> = accounts.iter().map(root).collect();
    let through_rds = json!({"StringLike": {"kms:ViaService": "rds.*"}});
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Keeper", "Effect": "Allow", "Principal": {"AWS": root(&KEEPER)}, "Action": "kms:*", "Resource": "*"},
        {"Sid": "Look", "Effect": "Allow", "Principal": {"AWS": users}, "Action": "kms:DescribeKey", "Resource": "*"},
        {"Sid": "Use", "Effect": "Allow", "Principal": {"AWS": users}, "Resource": "*", "Condition": through_rds,
         "Action": ["kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:CreateGrant"]}]});
    let made: Value = keeper.aws(&["kms", "create-key", "--policy", &policy.to_string()]);
    text(&made["KeyMetadata"]["Arn"])
}

/// A boundary that denies what is made without the organisation's tag.
fn make_boundary(account: &Account) -> String {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": TAGGED, "Resource": "*",
         "Condition": {"Null": {"aws:RequestTag/CostCentre": "true"}}}]});
    let create = ["iam", "create-policy", "--policy-name", "organs-boundary"];
    let made = account.aws(&[&create[..], &["--policy-document", &policy.to_string()]].concat());
    text(&made["Policy"]["Arn"])
}
