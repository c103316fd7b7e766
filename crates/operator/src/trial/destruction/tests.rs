//! What is destroyed, in accounts that answer as these tests say.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::options::Trial;
use super::super::state::{Side, State};
use super::*;
use crate::environment;
use crate::terminal::Terminal;
use crate::tests::{FakeAccount, REGION};

/// The id of the trial.
const ID: &str = "x";

#[derive(clap::Parser)]
struct Given {
    #[command(flatten)]
    trial: Trial,
}

/// A checkout whose scripts/destroy does nothing and fails.
fn checkout(name: &str) -> std::path::PathBuf {
    let root = std::env::temp_dir().join(format!("trial-{name}-{:x}", std::process::id()));
    std::fs::create_dir_all(root.join("scripts")).unwrap();
    for script in ["deploy", "destroy"] {
        let script = root.join("scripts").join(script);
        std::fs::write(&script, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

/// Destroys with what is given in both accounts; what that answers.
async fn destroying<T>(
    name: &str,
    accounts: [&FakeAccount; 2],
    doing: impl AsyncFnOnce(&mut Running<'_, '_>) -> T,
) -> T {
    let root = checkout(name);
    let side = |number: &str| Side {
        region: REGION.to_owned(),
        account: number.to_owned(),
        is_begun: true,
        ..Side::default()
    };
    let state = State {
        id: ID.to_owned(),
        local: None,
        source: side("1"),
        destination: side("2"),
        is_destroyed: false,
    };
    let given = <Given as clap::Parser>::parse_from(["trial"]).trial;
    let mut said = Vec::new();
    let mut terminal = Terminal::new(&mut said, false, environment::now);
    let [source, destination] = accounts.map(FakeAccount::account);
    let program = root.join("program");
    let (directory, recording) = (root.clone(), root.join("recording.jsonl"));
    let accounts = (source, destination);
    let mut running =
        Running::new(&given, state, directory, &accounts, &recording, Some(&program), &mut terminal).unwrap();
    running.poll = std::time::Duration::from_millis(1);
    let done = doing(&mut running).await;
    std::fs::remove_dir_all(&root).unwrap();
    done
}

#[tokio::test]
async fn the_secret_stays_as_long_as_a_version_does() {
    let (source, destination) = (FakeAccount::new("1"), FakeAccount::new("2"));
    destination.answer(
        "DescribeStacks",
        json!({"Stacks": [{"StackName": "s", "StackStatus": "DELETE_FAILED", "CreationTime": "2026-11-26T00:00:00Z"}]}),
    );
    destination.answer(
        "DescribeDBInstances",
        json!({"DBInstances": [{"DBInstanceIdentifier": "v", "DBInstanceStatus": "available"}]}),
    );
    destination.answer("DescribeDBSnapshots", json!({}));
    destination.answer("DescribeLogGroups", json!({}));
    let failure = destroying("secret", [&source, &destination], async |running| {
        running.destroy_account("destination").await.unwrap_err()
    })
    .await;
    assert!(failure.text.contains("db/read is kept"), "{failure}");
    assert_eq!(destination.count("DeleteSecret"), 0);
}

#[tokio::test]
async fn a_snapshot_is_deleted_once_however_old_the_answers_are() {
    let (source, destination) = (FakeAccount::new("1"), FakeAccount::new("2"));
    let asked = AtomicUsize::new(0);
    source.handle("DescribeDBSnapshots", move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        // Three answers are as old as the deletion.
        if number > 4 {
            return Err("DBSnapshotNotFound".to_owned());
        }
        Ok(json!({"DBSnapshots": [{"DBSnapshotArn": "arn:s", "Status": "available"}]}))
    });
    source.answer("ListTagsForResource", json!({"TagList": [{"Key": TAG, "Value": ID}]}));
    let deletions = AtomicUsize::new(0);
    source.handle("DeleteDBSnapshot", move |_| match deletions.fetch_add(1, Ordering::Relaxed) {
        0 => Err("InvalidDBSnapshotState".to_owned()),
        _ => Ok(json!({})),
    });
    destroying("snapshot", [&source, &destination], async |running| running.delete_snapshot("s").await)
        .await
        .unwrap();
    assert_eq!(source.count("DeleteDBSnapshot"), 2);
}

#[tokio::test]
async fn what_has_not_the_tag_is_not_deleted() {
    let (source, destination) = (FakeAccount::new("1"), FakeAccount::new("2"));
    source.answer(
        "DescribeDBInstances",
        json!({"DBInstances": [{"DBInstanceArn": "arn:i", "DBInstanceStatus": "available"}]}),
    );
    source.answer("ListTagsForResource", json!({"TagList": [{"Key": TAG, "Value": "another"}]}));
    let failure = destroying("instance", [&source, &destination], async |running| {
        running.delete_instance("i").await.unwrap_err()
    })
    .await;
    assert!(failure.text.contains("is not touched"), "{failure}");
    assert_eq!(source.count("DeleteDBInstance"), 0);
}

#[test]
fn a_stack_that_is_being_created_keeps_the_bucket() {
    let map = |names: &[&str]| -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), String::new())).collect()
    };
    let of = |outputs: &[&str], parameters: &[&str]| {
        is_of_project(&Stack {
            name: String::new(),
            status: String::new(),
            parameters: map(parameters),
            outputs: map(outputs),
            created: None,
            pattern: String::new(),
        })
    };
    assert!(of(&["TopicArn", "ScheduleRuleName"], &[]) && of(&DESTINATION_OUTPUTS, &[]));
    for parameters in PARAMETERS {
        assert!(of(&[], &parameters), "{parameters:?}");
    }
    assert!(!of(&["TopicArn"], &["DatabaseName"]) && !of(&[], &[]));
}
