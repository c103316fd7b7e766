//! Every copy gets a master password of its own, which only the secret knows.

use serde_json::{Value, json};

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// Replications and rollbacks while every version gets a password of its own, and when no more does: after each, what is in
/// the secret opens the version that it names. No password is anywhere else, and a secret that cannot be kept safely is
/// not touched.
///
/// > With MasterPassword=rotate the secret's credentials open the copy that it names, and the source's do not.
/// > A version keeps its password: what opens it returns to the secret with it, under MasterPassword=keep too, and with a
/// > version that has none of its own what readers used before.
/// > A new master password reaches no state document, no history and no log.
/// > The secret may be under a key of its own, and that key may be changed while versions of the secret are under it.
/// > A binary secret is refused and stays as it was.
pub fn only_the_secret_opens_a_copy(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let key = || text(&b.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"]);
    let (first_key, second_key) = (key(), key());
    let parameters =
        [("MasterPassword", "rotate"), ("NoOfOlderInstances", "2"), ("SecretKMSKey", first_key.as_str())];
    let pair = Pair::deploy(cloud, "rotating", &[], &parameters);
    let sources_password = password();
    let source = a.create_database(&pair.database(), &sources_password, &[]);
    fill(a, &source, &sources_password, 10);
    let secret = |host: &str, prefix: &str, password: &str| {
        format!(
            r#"{{"username":"shop_owner","db_host":"{host}","password":"{password}","ratio":5432.0,"note":"h\u00e9","db_prefix":"{prefix}"}}"#
        )
    };
    pair.put_secret(&secret("", "", &sources_password));

    let mut passwords = vec![sources_password.clone()];
    // What the secret says after a move, and its password, which opens the version that it names, as no other does.
    let moved = |before: &str, others: &[String]| {
        let copy = pair.current_copy();
        let now = pair.secret();
        let password = text(&serde_json::from_str::<Value>(&now).unwrap()["password"]);
        assert_eq!(now, secret(&copy.host, "rotating-copy", &password));
        assert_eq!(pair.secret_at("AWSPREVIOUS"), before);
        assert_eq!(contents(b, &copy, &password), contents(a, &source, &sources_password));
        let of_others = others.iter().filter(|other| **other != password);
        assert_eq!(of_others.filter(|other| b.opens(&copy, other)).count(), 0, "another password opens it");
        (now, password)
    };
    let first = pair.replicate();
    let (first_secret, of_first) = moved(&secret("", "", &sources_password), &passwords);
    assert!(!passwords.contains(&of_first), "every version has a password of its own");
    passwords.push(of_first.clone());
    let second = pair.replicate();
    let (second_secret, of_second) = moved(&first_secret, &passwords);
    assert!(!passwords.contains(&of_second), "every version has a password of its own");
    passwords.push(of_second.clone());
    let back = pair.try_roll_back(&json!({"version": "previous"}));
    assert_eq!(back["status"], "SUCCEEDED", "{back}");
    let (secret_of_rollback, again) = moved(&second_secret, &passwords);
    assert!(again == of_first, "a version keeps its password");
    assert_eq!(secret_of_rollback, first_secret);

    // What opens the versions stays under the first key.
    b.deploy(&pair.stack(b), &[("MasterPassword", "keep"), ("SecretKMSKey", &second_key)]);
    let described = ["secretsmanager", "describe-secret", "--secret-id", &pair.destination["SecretArn"]];
    assert_eq!(b.aws(&described)["KmsKeyId"], second_key.as_str());
    pair.roll_back(&json!({"version": 2}));
    let (before, again) = moved(&secret_of_rollback, &passwords);
    assert!(again == of_second, "the password returns with its version under keep too");
    let third = pair.replicate();
    let (before, original) = moved(&before, &passwords);
    assert!(original == sources_password, "what readers used before returns");
    pair.roll_back(&json!({"version": "previous"}));
    let (_, again) = moved(&before, &passwords);
    assert!(again == of_second);

    let back = text(&back["executionArn"]);
    let to_each = [first, second, third].map(|run| [(a, run.source), (b, run.destination.unwrap())]);
    for (account, execution) in &[to_each.concat(), vec![(b, back)]].concat() {
        let history = Value::from(account.history(execution)).to_string();
        assert!(history.contains("ExecutionSucceeded"));
        let all = history + &account.execution(execution).to_string();
        assert!(passwords.iter().all(|password| !all.contains(password)), "{execution} knows a password");
    }
    for account in [a, b] {
        let logs = account.logs(&pair.stack(account));
        assert!(logs.len() > 1000, "the functions of {} logged next to nothing", account.role());
        let role = account.role();
        assert!(
            passwords.iter().all(|password| !logs.contains(password)),
            "the logs of {role} know a password"
        );
    }

    let own_instances = pair.versions();
    let named = ["--secret-id", pair.destination["SecretArn"].as_str()];
    b.aws(&[&["secretsmanager", "put-secret-value", "--secret-binary", "no text"], &named[..]].concat());
    let read = || b.aws(&[&["secretsmanager", "get-secret-value"], &named[..]].concat());
    let binary = read();
    assert!(binary["SecretBinary"].is_string(), "it is binary");
    // The command starts nothing that is sure to fail; a schedule does.
    let machine = &pair.destination["StateMachineArn"];
    let before = b.executions(machine).len();
    let told = a.ended(&a.start(&pair.source["StateMachineArn"], &json!({})));
    assert_eq!(told["status"], "SUCCEEDED", "{told}");
    let execution = b.newest_ended(machine, before + 1);
    assert_eq!(execution["error"], "SecretInvalid", "{execution}");
    assert_eq!(pair.try_roll_back(&json!({"version": 2}))["error"], "SecretInvalid");
    assert_eq!(read(), binary, "the secret is as it was");
    assert_eq!(pair.versions(), own_instances);
}
