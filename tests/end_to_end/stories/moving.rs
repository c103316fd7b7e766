//! An account as the original leaves it becomes ours, is left, and is used again.

use serde_json::json;

use harness::account::{Account, tags, text};
use harness::cloud::{Cloud, run, script};
use harness::pair::{Pair, contents, fill, password};

/// The name of the snapshot that the original makes again and again, in both accounts.
const SNAPSHOT: &str = "moving-original";
const TAG: &str = "to-be-deleted";

/// The original has made two versions, has given the older one its deletion tag, and has its schedule. Both become versions
/// of a stack, which replicates and goes back to them; the stack is removed and deployed again, and still goes back.
///
/// > What the original has made becomes versions of a stack by its tags alone: the number goes on, a rollback goes to it, and
/// > retention counts it; its snapshots, its rule and its state machine stay.
/// > A stack that scripts/destroy removes leaves versions, snapshots and the secret, and a stack that is deployed with the
/// > parameters that it prints goes on from them.
/// > What the secret names is deleted only after a confirmation of its own, and instances get a final snapshot.
pub fn what_the_original_made_is_adopted_left_and_used_again(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let password = password();
    let source = a.create_database("moving-db", &password, &[]);
    fill(a, &source, &password, 10);
    let first = contents(a, &source, &password);
    replicated_by_original(cloud, 1);
    a.psql(&source, &password, "DELETE FROM items WHERE id > 7");
    let second = contents(a, &source, &password);
    replicated_by_original(cloud, 2);
    let mark = ["--tags", &format!("Key={TAG},Value=True")];
    let arn = text(&b.instance("moving-copy-1")["DBInstanceArn"]);
    b.aws(&[&["rds", "add-tags-to-resource", "--resource-name", &arn], &mark[..]].concat());
    let current = b.available_database("moving-copy-2");
    let value = json!({"username": "shop_owner", "password": password, "db_host": current.host, "db_prefix": "moving-copy"});
    let value = value.to_string();
    let made = b.aws(&["secretsmanager", "create-secret", "--name", "moving/app", "--secret-string", &value]);
    let secret = text(&made["ARN"]);
    let rule = schedule_of_original(a);

    let ours = [("ExistingSecretArn", secret.as_str()), ("NoOfOlderInstances", "2")];
    let mut pair = Pair::deploy(cloud, "moving", &[], &ours);
    let stack = pair.stack(b);
    let adopt = ["adopt", "--destination-stack", &stack];
    let said = refused(cloud, &adopt);
    assert!(
        said.contains("to go on, add --yes") && !tags(&pair.copy(2)).contains_key("rds-replication:stack")
    );
    let said = done(cloud, &[&adopt[..], &["--older", "--yes"]].concat());
    for words in [
        "becomes version 2, the current one",
        "becomes version 1, older; its tag to-be-deleted is taken off",
        "the next replication makes version 3",
        &format!("aws events disable-rule --name {rule}"),
        SNAPSHOT,
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(pair.marked().is_empty());
    assert_eq!(tags(&pair.copy(1))["rds-replication:resource-id"], pair.copy(1)["DbiResourceId"]);
    assert_eq!(pair.secret(), value, "the secret stays as it is");
    assert!(done(cloud, &[&adopt[..], &["--older"]].concat()).contains("nothing to do"));

    let live = &pair.status()["live"];
    assert_eq!((&live["version"], &live["standing"]), (&json!(2), &json!("live")));
    pair.replicate();
    assert_eq!(pair.versions(), [1, 2, 3], "two older ones stay");
    pair.roll_back(&json!({"version": 1}));
    let holds = |pair: &Pair<'_>, version: u32, rows: &str| {
        let live = pair.current_copy();
        assert_eq!(live.host, text(&pair.copy(version)["Endpoint"]["Address"]));
        assert_eq!(contents(b, &live, &password), rows);
    };
    holds(&pair, 1, &first);

    let destroy = ["destroy", "destination", "--stack-name", &stack];
    assert!(refused(cloud, &destroy).contains("to go on, add --yes"));
    let said = done(cloud, &[&destroy[..], &["--yes"]].concat());
    for words in [
        "THE SECRET NAMES IT",
        "delete-db-instance",
        "delete-secret",
        "schedule-key-deletion",
        "delete-bucket",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    holds(&pair, 1, &first);
    b.deploy(&stack, &printed_parameters(&said));
    pair.destination = b.outputs(&stack);
    assert_eq!(pair.destination["SecretArn"], secret);
    pair.roll_back(&json!({"version": 2}));
    holds(&pair, 2, &second);
    pair.replicate();
    holds(&pair, 4, &second);
    pair.wait_for_versions(&[2, 3, 4]);
    leaves(&pair, cloud, &secret);
    assert!(a.snapshots(SNAPSHOT) == [SNAPSHOT] && b.snapshots(SNAPSHOT) == [SNAPSHOT]);
    assert_eq!(a.aws(&["events", "describe-rule", "--name", &rule])["State"], "ENABLED");
}

/// Everything with the tags goes, and what the secret names goes last and alone.
fn leaves(pair: &Pair<'_>, cloud: &Cloud, secret: &str) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let everything = |role, stack| ["destroy", role, "--stack-name", stack, "--everything", "--yes"];
    let (of_a, of_b) = (pair.stack(a), pair.stack(b));
    let said = done(cloud, &everything("destination", &of_b));
    assert!(said.contains("left moving-copy-4: the secret names it, and readers depend on it"), "{said}");
    pair.wait_for_versions(&[4]);
    let finals: Vec<String> =
        b.snapshots("moving-copy-").into_iter().filter(|name| name.contains("-final-")).collect();
    assert_eq!(finals.len(), 2, "{finals:?}");
    assert_eq!(b.snapshots("moving-copy-"), finals, "the copies of the versions are gone");
    let said = done(cloud, &everything("destination", &of_b));
    assert!(said.contains("add --secret ARN"), "without the stack nothing says what readers read: {said}");
    assert_eq!(pair.versions(), [4]);
    let confirmed = ["--secret", secret, "--confirm-current", "moving-copy-4", "--skip-final-snapshots"];
    done(cloud, &[&everything("destination", &of_b)[..], &confirmed].concat());
    pair.wait_for_versions(&[]);
    done(cloud, &everything("source", &of_a));
    assert!(a.snapshots("moving-snapshot-").is_empty());
}

/// What the original does for a version: a snapshot of one name, shared, copied under one name, restored without tags.
fn replicated_by_original(cloud: &Cloud, version: u32) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let snapshot = ["--db-snapshot-identifier", SNAPSHOT];
    if version > 1 {
        a.aws(&[&["rds", "delete-db-snapshot"], &snapshot[..]].concat());
        b.aws(&[&["rds", "delete-db-snapshot"], &snapshot[..]].concat());
    }
    let of = ["--db-instance-identifier", "moving-db"];
    let made = a.aws(&[&["rds", "create-db-snapshot"], &of[..], &snapshot].concat());
    a.available_snapshot(SNAPSHOT);
    let with = ["--attribute-name", "restore", "--values-to-add", &b.number()];
    a.aws(&[&["rds", "modify-db-snapshot-attribute"], &snapshot[..], &with].concat());
    let arn = text(&made["DBSnapshot"]["DBSnapshotArn"]);
    let names = ["--source-db-snapshot-identifier", &arn, "--target-db-snapshot-identifier", SNAPSHOT];
    b.aws(&[&["rds", "copy-db-snapshot"], &names[..]].concat());
    b.available_snapshot(SNAPSHOT);
    let name = format!("moving-copy-{version}");
    let named = ["--db-instance-identifier", &name];
    b.aws(&[&["rds", "restore-db-instance-from-db-snapshot"], &named[..], &snapshot].concat());
    b.available_database(&name);
}

/// The original's state machine as far as its states say what it is, and the rule that starts it; the name of the rule.
fn schedule_of_original(account: &Account) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let trust = trust.to_string();
    let role =
        ["iam", "create-role", "--role-name", "moving-original", "--assume-role-policy-document", &trust];
    let role = text(&account.aws(&role)["Role"]["Arn"]);
    let definition = json!({"StartAt": "CreateLatestSnapshot", "States": {
        "CreateLatestSnapshot": {"Type": "Pass", "Next": "NotifyToTargetAccount"},
        "NotifyToTargetAccount": {"Type": "Pass", "End": true}}});
    let definition = definition.to_string();
    let named = ["--name", "moving-original", "--definition", &definition, "--role-arn", &role];
    let machine = account.aws(&[&["stepfunctions", "create-state-machine"], &named[..]].concat());
    let rule = "moving-original-schedule";
    account.aws(&["events", "put-rule", "--name", rule, "--schedule-expression", "cron(0 0 1 1 ? 2099)"]);
    let target = json!([{"Id": "machine", "Arn": machine["stateMachineArn"], "RoleArn": role}]).to_string();
    account.aws(&["events", "put-targets", "--rule", rule, "--targets", &target]);
    rule.to_owned()
}

/// The parameters of the deployment that a command has printed.
fn printed_parameters(said: &str) -> Vec<(&str, &str)> {
    let line = said.lines().find(|line| line.contains("scripts/deploy destination")).unwrap_or_default();
    let given = line.split(" --parameter ").skip(1).filter_map(|one| one.trim().split_once('='));
    given.collect()
}

fn done(cloud: &Cloud, words: &[&str]) -> String {
    String::from_utf8(run(command(cloud, words)).stdout).unwrap()
}

fn refused(cloud: &Cloud, words: &[&str]) -> String {
    let output = command(cloud, words).stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

/// A command of scripts/ in the accounts of the local cloud.
fn command(cloud: &Cloud, words: &[&str]) -> std::process::Command {
    let mut command = script(words[0]);
    command.args(&words[1..]).arg(format!("--local={}", cloud.directory().display()));
    command
}
