//! Trials: what `scripts/trial` makes, checks, records and destroys.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use harness::account::{Account, LIMIT, text};
use harness::cloud::{Cloud, script};
use harness::waiting::wait_for;

use super::rights;

/// A trial replicates twice, rolls back, compares rows, destroys everything, and records nothing that says whose it was.
///
/// > `scripts/trial` ends with nothing left in either account, and its recording has no account number, endpoint, name or
/// > secret.
///
/// It runs as it does in AWS, with profiles, of roles that have the rights in docs.
///
/// > A trial succeeds with the rights of docs/trial.md, is refused nothing, and uses every action of the two policies that its
/// > normal way needs.
pub fn a_trial_arrives_and_leaves_nothing(cloud: &Cloud) {
    let directory = directory(cloud, "whole");
    let password = cloud.directory().join("trial-password");
    let mut command = script("trial");
    for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("AWS_")) {
        command.env_remove(variable);
    }
    command.env("AWS_CONFIG_FILE", rights::profiles(cloud)).env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    // scripts/deploy lets the bucket refuse plain HTTP otherwise.
    command.env("AWS_ENDPOINT_URL_S3", cloud.source.variable("AWS_ENDPOINT_URL"));
    command.args(["--json", "--poll", "0.3", "--yes", "--no-build", "--directory"]).arg(&directory);
    // The password is in no answer and in no file of the trial: only what reads rows gets it.
    let psql = rights::psql();
    let psql = format!(
        r#"printenv PGPASSWORD >"{}"; PGHOSTADDR=127.0.0.1 "{}""#,
        password.display(),
        psql.display()
    );
    rights::hide_tags(cloud);
    let output = command.args(["--psql", &psql]).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    rights::require_what_is_called(cloud);
    let password = std::fs::read_to_string(&password).unwrap().trim().to_owned();
    assert_eq!(password.len(), 32);
    assert!(!printed.contains(&password), "the password is printed");
    for words in [
        "costs less than $1.00",
        "rows were compared 3 times, and are the same",
        "nothing of the trial is left",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let state = state(&directory).unwrap();
    assert_eq!(state["is_destroyed"], true);
    require_both_keys(&state);
    require_nothing(&rights::accounts(cloud), &state);

    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    require_report(&document, &state, &printed);
    let recording = std::fs::read_to_string(document["recording"].as_str().unwrap()).unwrap();
    assert_eq!(std::fs::read_to_string(directory.join("recording.jsonl")).unwrap(), recording);
    let id = text(&state["id"]);
    for hidden in [
        &cloud.source.number(),
        &cloud.destination.number(),
        &id,
        &password,
        "amazonaws",
        "localhost",
        "trial_owner",
        "db_host",
    ] {
        assert!(!recording.contains(hidden), "the recording has {hidden}");
    }
    let lines: Vec<Value> = recording.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    require_statuses(&lines);
    for operation in [
        "CreateDBSnapshot",
        "CopyDBSnapshot",
        "RestoreDBInstanceFromDBSnapshot",
        "DescribeDBSnapshots",
        "DescribeKey",
        "GetTopicAttributes",
        "DescribeSecret",
        "GetExecutionHistory",
    ] {
        assert!(
            lines.iter().any(|line| line["operation"] == operation),
            "nothing of {operation} is recorded"
        );
    }
}

/// > `scripts/trial` says at its end which open questions its recording answers, and how.
fn require_report(document: &Value, state: &Value, printed: &str) {
    assert_eq!((&document["failure"], &document["isDestroyed"]), (&Value::Null, &Value::Bool(true)));
    assert_eq!((&document["id"], &document["rowsCompared"]), (&state["id"], &json!(3)));
    let all = |field: &str| document[field].as_array().unwrap().clone();
    assert!(all("steps").iter().all(|step| step["outcome"] == "succeeded"), "{document}");
    assert_eq!(all("left"), [Value::Null; 0]);
    let kinds = |field: &str, account: &str| -> Vec<String> {
        let of_account = all(field).into_iter().filter(|one| one["account"] == account);
        of_account.map(|one| text(&one["kind"])).collect()
    };
    for account in ["source", "destination"] {
        let created = kinds("created", account);
        for kind in ["stack", "KMS key", "database", "snapshot"] {
            assert!(created.iter().any(|one| one == kind), "{kind}: {document}");
        }
        assert_eq!(kinds("stays", account).first().map(String::as_str), Some("KMS key"));
    }
    // What the emulator answers is known.
    for (question, expected) in [
        (
            "9",
            "CreateDBSnapshot: no TagList; CopyDBSnapshot: no TagList; RestoreDBInstanceFromDBSnapshot: no TagList",
        ),
        ("13", "the code InvalidDBSnapshotState"),
    ] {
        let found = all("answers").into_iter().find(|one| one["question"] == question).unwrap();
        assert_eq!(found["answer"], expected);
        assert!(printed.contains(&format!("{question}: ")) && printed.contains(expected), "{printed}");
    }
    for answered in all("answers").iter().filter(|one| !one["lines"].is_null()) {
        assert!(answered["answer"].is_string(), "{answered}");
    }
}

/// Instances were recorded from the beginning to the end, in both accounts.
fn require_statuses(lines: &[Value]) {
    let statuses = |account: &str| -> Vec<&str> {
        let of_account = lines.iter().filter(|line| line["account"] == account);
        of_account
            .filter_map(|line| line["answer"]["DBInstances"]["DBInstance"]["DBInstanceStatus"].as_str())
            .collect()
    };
    for account in ["source", "destination"] {
        let seen = statuses(account);
        let place = |word: &str| {
            let found = seen.iter().position(|status| *status == word);
            found.unwrap_or_else(|| panic!("{account} was never {word}: {seen:?}"))
        };
        assert!(
            place("creating") < place("available") && place("available") < place("deleting"),
            "{account}: {seen:?}"
        );
    }
}

/// A replication that fails ends the trial, which leaves nothing.
///
/// > A trial that fails in the middle destroys what it has made and ends with exit code 1.
pub fn a_trial_that_fails_leaves_nothing(cloud: &Cloud) {
    let directory = directory(cloud, "failing");
    let mut command = command(cloud, &directory);
    let output = command.args(["--destination-parameter", "Subnetgroups=not-there"]).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("not-there") && printed.contains("replicate: version 1"), "{printed}");
    assert!(printed.contains("nothing of the trial is left"), "{printed}");
    let state = state(&directory).unwrap();
    require_both_keys(&state);
    require_nothing(&here(cloud), &state);
}

/// A trial that was killed is destroyed by the next command.
///
/// > What a trial has made that was killed is destroyed by `scripts/trial --resume-destroy`.
pub fn a_trial_that_was_killed_is_destroyed_later(cloud: &Cloud) {
    let directory = directory(cloud, "killed");
    let mut killed = command(cloud, &directory).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the source stack of the trial", LIMIT, || {
        state(&directory).filter(|state| state["source"]["key"].as_str().is_some_and(|key| !key.is_empty()))
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let state_then = state(&directory).unwrap();
    assert_eq!(state_then["is_destroyed"], false);
    let id = text(&state_then["id"]);
    let destroy = || {
        let mut command = script("trial");
        command.arg("--directory").arg(&directory).args(["--resume-destroy", &id]).output().unwrap()
    };
    let output = destroy();
    assert!(output.status.success(), "{}", printed(&output));
    let destroyed = state(&directory).unwrap();
    assert_eq!(destroyed["source"]["key"], state_then["source"]["key"]);
    require_nothing(&here(cloud), &destroyed);
    // Whatever is called as it was called is of somebody else by now.
    let output = destroy();
    assert!(
        output.status.success() && printed(&output).contains("is destroyed already"),
        "{}",
        printed(&output)
    );
}

/// The two accounts, in the Region of most stories.
fn here(cloud: &Cloud) -> [Account; 2] {
    [&cloud.source, &cloud.destination].map(|account| account.in_region(account.variable("AWS_REGION")))
}

fn directory(cloud: &Cloud, name: &str) -> PathBuf {
    let directory = cloud.directory().join(format!("trial-{name}"));
    // What an earlier run has left.
    let _ = std::fs::remove_dir_all(&directory);
    directory
}

fn command(cloud: &Cloud, directory: &Path) -> Command {
    let mut command = script("trial");
    command.arg(format!("--local={}", cloud.directory().display()));
    command.args(["--yes", "--no-build", "--directory"]).arg(directory);
    command
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What the trial has written about itself, once it has.
fn state(directory: &Path) -> Option<Value> {
    let files = std::fs::read_dir(directory).ok()?;
    let mut files = files.map(|file| file.unwrap().path());
    let file = files.find(|file| file.extension().is_some_and(|extension| extension == "json"))?;
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

fn require_nothing(accounts: &[Account], state: &Value) {
    let base = format!("rds-replication-trial-{}", text(&state["id"]));
    for account in accounts {
        assert_eq!(account.instances(&base), [""; 0]);
        assert_eq!(account.snapshots(&base), [""; 0]);
        let stack = format!("{base}-{}", account.role());
        assert!(
            !account.try_aws(&["cloudformation", "describe-stacks", "--stack-name", &stack]).status.success()
        );
        let named =
            [("secretsmanager", "list-secrets"), ("logs", "describe-log-groups"), ("iam", "list-roles")];
        for (service, operation) in named {
            let found = account.aws(&[service, operation]).to_string();
            assert!(!found.contains(&base), "{operation} still has {base}");
        }
        if let Some(key) = state[account.role()]["key"].as_str().filter(|key| !key.is_empty()) {
            require_no_key(account, key);
        }
    }
}

/// KMS deletes no key at once.
fn require_no_key(account: &Account, key: &str) {
    let key = account.aws(&["kms", "describe-key", "--key-id", key]);
    assert_eq!(key["KeyMetadata"]["KeyState"], "PendingDeletion");
}

/// Both stacks were there, so that both keys are known.
fn require_both_keys(state: &Value) {
    for role in ["source", "destination"] {
        assert_ne!(text(&state[role]["key"]), "", "the key of the {role} account is not known");
    }
}
