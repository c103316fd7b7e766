//! What a role may do by a policy, and what it has done by the logs of the local cloud.

use std::collections::BTreeSet;

use serde_json::Value;

use harness::account::{Account, text};
use harness::cloud::{Cloud, ask};

/// The actions that a policy allows.
pub fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let of = |statement: &Value| match &statement["Action"] {
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>(),
        one => vec![text(one)],
    };
    statements.flat_map(of).collect()
}

/// What a role has called in an account: the actions, as IAM names them, each with its outcome. None was denied, also where
/// nobody was told.
pub fn calls(cloud: &Cloud, account: &Account, role: &str) -> BTreeSet<(String, String)> {
    let logs = [("AWS_ENDPOINT_URL", "/_local-cloud/calls"), ("AWS_ENDPOINT_URL_RDS", "/_emulator/calls")];
    let role = format!(":{}:assumed-role/{role}/", account.number());
    let mut made = BTreeSet::new();
    for (variable, path) in logs {
        let calls = ask(cloud.source.variable(variable), "GET", path, &Value::Null);
        let is_own = |call: &&Value| call["principalArn"].as_str().is_some_and(|arn| arn.contains(&role));
        for call in calls.as_array().unwrap().iter().filter(is_own) {
            let outcome = call["outcome"].as_str().unwrap_or_default();
            assert!(!outcome.contains("Denied") && outcome != "HTTP 403", "{call}");
            let action = format!("{}:{}", namespace(call["service"].as_str()), text(&call["action"]));
            made.insert((action, outcome.to_owned()));
        }
    }
    made
}

/// How IAM calls a service of the log; that of the RDS emulator names none.
fn namespace(service: Option<&str>) -> &str {
    match service {
        None => "rds",
        Some("monitoring") => "cloudwatch",
        Some(other) => other,
    }
}
