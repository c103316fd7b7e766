//! A stack uses a secret that was there before it, and leaves it when it goes.

use serde_json::{Value, json};

use harness::account::{Account, text};
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// The applications have a secret with the fields that their drivers read; it names the last version of what was before.
/// The stack continues from there, is removed and deployed again, and still rolls back. It never gets another secret while
/// readers depend on this one.
///
/// > A secret that is there is used as it is: deploying writes nothing to it, other fields are kept, and the fields that
/// > other programs read move with it, on a rollback too.
/// > The version number that an adopted secret names goes on.
/// > A secret outlives its stack, and a stack that is deployed again uses it and can still roll back.
/// > A stack is not given another secret while readers depend on the one that it has.
pub fn a_secret_that_is_there_is_used_and_outlives_the_stack(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let password = password();
    let before = secret("app-copy-7", "app-copy-7.before.example", "app-copy", "5432", &password);
    let made =
        b.aws(&["secretsmanager", "create-secret", "--name", "adopting/app", "--secret-string", &before]);
    let arn = text(&made["ARN"]);
    let existing = [("ExistingSecretArn", arn.as_str()), ("NoOfOlderInstances", "2")];
    let mut pair = Pair::deploy(cloud, "adopting", &[], &existing);
    assert_eq!((&pair.destination["SecretArn"], pair.secret()), (&arn, before));
    assert_eq!(versions_of(b, &arn), 1, "deploying has written something");

    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 10);
    let rows = contents(a, &source, &password);
    let moved = |version: u32| {
        let copy = pair.current_copy();
        let name = format!("adopting-copy-{version}");
        assert_eq!(pair.secret(), secret(&name, &copy.host, "adopting-copy", &copy.port, &password));
        assert_eq!(contents(b, &copy, &password), rows);
    };
    pair.replicate();
    moved(8);
    pair.replicate();
    moved(9);
    pair.roll_back(&json!({"version": 8}));
    moved(8);
    assert_eq!(pair.status()["secret"]["name"], "adopting/app");

    let stack = pair.stack(b);
    refused(b, &stack, &[("ExistingSecretArn", "")], "Readers do not move to it");
    let other = secret("x", "elsewhere.example", "x", "1", &password);
    let other =
        b.aws(&["secretsmanager", "create-secret", "--name", "adopting/other", "--secret-string", &other]);
    refused(b, &stack, &[("ExistingSecretArn", &text(&other["ARN"]))], "Readers do not move to it");
    let elsewhere = arn.replace(&b.number(), &a.number());
    refused(b, &stack, &[("ExistingSecretArn", &elsewhere)], "is in account 111111111111");
    moved(8);

    b.aws(&["cloudformation", "delete-stack", "--stack-name", &stack]);
    b.aws(&["cloudformation", "wait", "stack-delete-complete", "--stack-name", &stack]);
    moved(8);
    let parameters = [
        ("SourceTopicArn", pair.source["TopicArn"].as_str()),
        ("SourceDBIdentifier", "adopting-db"),
        ("DatabaseName", "adopting-copy"),
        ("SecretName", "adopting/app"),
    ];
    refused(b, &stack, &parameters, &format!("add --parameter ExistingSecretArn={arn}"));
    b.deploy(&stack, &[&parameters[..], &existing].concat());
    moved(8);
    pair.destination = b.outputs(&stack);
    pair.roll_back(&json!({"version": 9}));
    assert_eq!(pair.current_copy().host, text(&pair.copy(9)["Endpoint"]["Address"]));
}

/// What the applications have in their secret: the port as text and as a number, a database of their own, and more.
fn secret(identifier: &str, host: &str, prefix: &str, port: &str, password: &str) -> String {
    format!(
        r#"{{"engine":"postgres","host":"{host}","port":{port},"username":"shop_owner","password":"{password}","dbname":"reports","dbInstanceIdentifier":"{identifier}","ratio":1.0,"db_host":"{host}","db_port":"{port}","db_prefix":"{prefix}"}}"#
    )
}

fn versions_of(account: &Account, secret: &str) -> usize {
    let listed = account.aws(&["secretsmanager", "list-secret-version-ids", "--secret-id", secret]);
    listed["Versions"].as_array().map_or(0, Vec::len)
}

/// A deployment that is refused, with these words, and changes nothing.
fn refused(account: &Account, stack: &str, parameters: &[(&str, &str)], words: &str) {
    let described = || account.try_aws(&["cloudformation", "describe-stacks", "--stack-name", stack]).stdout;
    let before: Value = serde_json::from_slice(&described()).unwrap_or_default();
    let output = account.try_deploy(stack, parameters);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
    assert_eq!(serde_json::from_slice::<Value>(&described()).unwrap_or_default(), before);
}
