//! The rights of a trial: the policies in docs, given to roles in whose name it runs, and the calls that it makes with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use harness::account::{Account, text};
use harness::cloud::{Cloud, ask, root};

use super::audit;

/// The role in either account; it may do what the policies in docs say, and nothing else.
const ROLE: &str = "trial-operator";

/// A Region in which no other story deploys, so that the trial makes the bucket of the packages, and removes it.
const REGION: &str = "eu-west-3";

/// The two accounts, in the Region of the trial.
pub fn accounts(cloud: &Cloud) -> [Account; 2] {
    [&cloud.source, &cloud.destination].map(|account| account.in_region(REGION))
}

/// What is allowed and not called here by itself: the first two are asked for by other calls (those that create something with
/// tags, and `DeleteObjects` for a version), the others for a removal that fails, for a run that is stopped, and for log groups that
/// somebody has made anew.
const NOT_CALLED: [&str; 6] = [
    "rds:AddTagsToResource",
    "s3:DeleteObjectVersion",
    "events:EnableRule",
    "lambda:DeleteFunctionConcurrency",
    "states:StopExecution",
    "logs:DeleteLogGroup",
];

/// A policy in docs, for this account and its part of a trial.
fn policy(file: &str, account: &Account, source: &Account) -> Value {
    let policy = std::fs::read_to_string(root().join("docs").join(file)).unwrap();
    let region = account.variable("AWS_REGION");
    // As docs/trial.md says.
    let own = "rds-replication-trial-*";
    let policy = policy.replace("rds-replication-source", own).replace("rds-replication-destination", own);
    let policy = policy.replace("SECRET_NAME", &format!("{own}/db/read")).replace("PARTITION", "aws");
    let policy = policy.replace("SOURCE_ACCOUNT", &source.number()).replace("ACCOUNT", &account.number());
    let policy = policy.replace("SOURCE_REGION", region).replace("REGION", region);
    serde_json::from_str(&policy).unwrap()
}

/// Makes the roles, and writes profiles with sessions of them.
pub fn profiles(cloud: &Cloud) -> PathBuf {
    let mut profiles = String::new();
    for account in &accounts(cloud) {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": account.number()}, "Action": "sts:AssumeRole"}]});
        account.aws(&[
            "iam",
            "create-role",
            "--role-name",
            ROLE,
            "--assume-role-policy-document",
            &trust.to_string(),
        ]);
        let role = account.role();
        let deployer = policy(&format!("deployer-policy-{role}.json"), account, &cloud.source).to_string();
        let put =
            ["iam", "put-role-policy", "--role-name", ROLE, "--policy-name", "deployer", "--policy-document"];
        account.aws(&[&put[..], &[&deployer]].concat());
        let trial = policy(&format!("trial-policy-{role}.json"), account, &cloud.source).to_string();
        let create = ["iam", "create-policy", "--policy-name", ROLE, "--policy-document", &trial];
        let made = text(&account.aws(&create)["Policy"]["Arn"]);
        account.aws(&["iam", "attach-role-policy", "--role-name", ROLE, "--policy-arn", &made]);
        let session = account.with_role(ROLE);
        profiles.push_str(&format!(
            "[profile {role}]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\nregion = {}\n\
             endpoint_url = {}\nservices = local-cloud\n\n",
            session.variable("AWS_ACCESS_KEY_ID"),
            session.variable("AWS_SECRET_ACCESS_KEY"),
            session.variable("AWS_SESSION_TOKEN"),
            session.variable("AWS_REGION"),
            session.variable("AWS_ENDPOINT_URL"),
        ));
    }
    let rds = cloud.source.variable("AWS_ENDPOINT_URL_RDS");
    profiles.push_str(&format!("[services local-cloud]\nrds =\n  endpoint_url = {rds}\n"));
    let file = cloud.directory().join("trial-profiles");
    std::fs::write(&file, profiles).unwrap();
    file
}

/// The directory of psql, which only the local cloud's own environment has on its path.
pub fn psql() -> PathBuf {
    let directory = std::fs::read_to_string(root().join("target/tools/postgres-bin")).unwrap();
    Path::new(directory.trim()).join("psql")
}

/// Has RDS describe what the trial makes without any tags for a while, as it has happened.
pub fn hide_tags(cloud: &Cloud) {
    for action in ["DescribeDBInstances", "DescribeDBSnapshots"] {
        let order = json!({
            "action": action, "effect": "hideTags", "principal": format!("/{ROLE}/"), "times": 1_000_000,
        });
        ask(cloud.source.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/faults", &order);
    }
}

/// The role was refused nothing, and has called every action of its policy.
pub fn require_what_is_called(cloud: &Cloud) {
    for account in &accounts(cloud) {
        let calls = audit::calls(cloud, account, ROLE);
        let called: BTreeSet<&str> = calls.iter().map(|(action, _)| action.as_str()).collect();
        let policy = policy(&format!("trial-policy-{}.json", account.role()), account, &cloud.source);
        let is_unused =
            |action: &String| !called.contains(action.as_str()) && !NOT_CALLED.contains(&action.as_str());
        let unused: Vec<String> = audit::actions(&policy).into_iter().filter(is_unused).collect();
        assert!(unused.is_empty(), "the trial does not call {unused:?} in the {} account", account.role());
    }
}
