//! Every copy gets a master password of its own, which only the secret knows.

use serde_json::{Value, json};

use crate::account::text;
use crate::cloud::Cloud;
use crate::pair::{Pair, contents, fill, password};

/// Two replications and a rollback: after each, what is in the secret opens the copy that it names, and the source's
/// password opens none. No password is anywhere else, and a secret that cannot be kept safely is left alone.
///
/// > With MasterPassword=rotate the secret's credentials open the copy that it names, and the source's do not.
/// > A new master password reaches no state document, no history and no log.
/// > A binary secret is refused and stays as it was.
pub fn only_the_secret_opens_a_copy(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "rotating", &[], &[("MasterPassword", "rotate")]);
    let sources_password = password();
    let source = a.create_database(&pair.database(), &sources_password, &[]);
    fill(a, &source, &sources_password, 10);
    let secret = |host: &str, prefix: &str, username: &str, password: &str| {
        format!(
            r#"{{"username":"{username}","db_host":"{host}","password":"{password}","port":5432.0,"note":"h\u00e9","db_prefix":"{prefix}"}}"#
        )
    };
    pair.put_secret(&secret("", "", "somebody", "something"));

    let mut passwords = vec![sources_password.clone()];
    let mut moved = |before: &str| {
        let copy = pair.current_copy();
        let now = pair.secret();
        let password = text(&serde_json::from_str::<Value>(&now).unwrap()["password"]);
        assert!(!passwords.contains(&password), "each move brings a password of its own");
        assert_eq!(now, secret(&copy.host, "rotating-copy", "shop_owner", &password));
        assert_eq!(pair.secret_at("AWSPREVIOUS"), before);
        assert_eq!(contents(b, &copy, &password), contents(a, &source, &sources_password));
        assert!(passwords.iter().all(|older| !b.opens(&copy, older)), "an older password opens it");
        passwords.push(password);
        now
    };
    let first = pair.replicate();
    let first_secret = moved(&secret("", "", "somebody", "something"));
    let second = pair.replicate();
    let second_secret = moved(&first_secret);
    let back = pair.try_roll_back(&json!({"version": "previous"}));
    assert_eq!(back["status"], "SUCCEEDED", "{back}");
    moved(&second_secret);

    let back = text(&back["executionArn"]);
    let (to_first, to_second) = (first.destination.unwrap(), second.destination.unwrap());
    for (account, execution) in
        [(a, &first.source), (a, &second.source), (b, &to_first), (b, &to_second), (b, &back)]
    {
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

    let named = ["--secret-id", pair.destination["SecretArn"].as_str()];
    b.aws(&[&["secretsmanager", "put-secret-value", "--secret-binary", "no text"], &named[..]].concat());
    let read = || b.aws(&[&["secretsmanager", "get-secret-value"], &named[..]].concat());
    let binary = read();
    assert!(binary["SecretBinary"].is_string(), "it is binary");
    let refused = pair.try_replicate();
    let execution = b.execution(refused.destination.as_ref().unwrap());
    assert_eq!(execution["error"], "SecretInvalid", "{execution}");
    assert_eq!(pair.try_roll_back(&json!({"version": 2}))["error"], "SecretInvalid");
    assert_eq!(read(), binary, "the secret is as it was");
    assert_eq!(pair.versions(), [1, 2]);
}
