//! The words by which RDS says how a thing is.

use replication::progress::{INSTANCE_STATUSES, Progress, SNAPSHOT_STATUSES};
use serde_json::{Value, json};

use harness::account::{Account, text};
use harness::cloud::Cloud;
use harness::pair::{Pair, password};

/// A word that RDS does not use today: it is waited for, until the deadline of the stage.
const UNKNOWN: &str = "a-word-of-next-year";
/// The start of an execution of which only that it has one matters.
const LATER: &str = "2026-11-22T10:34:00Z";

/// Every documented status of an instance and of a snapshot goes through RDS's answer and the shipped functions, and
/// comes out as ready, not yet, or an error at once.
///
/// > A status that does not pass by itself is an error at once; an unknown status waits for the
/// > deadline.
pub fn every_documented_status_is_sorted(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "status", &[], &[]);
    a.create_database(&pair.database(), &password(), &[]);
    let replication = pair.replicate();
    let source = pair.source_document(&replication);
    let destination = pair.destination_document(&replication);

    let snapshots = || SNAPSHOT_STATUSES.iter().copied();
    let arn = text(&source["SourceDBSnapshot"]["SourceDBSnapshotArn"]);
    let event = envelope(&replication.source, &started_at(&destination), &source);
    Task::new(a, &pair, "SnapshotFunction", &["SnapshotFailed"]).walk(&arn, snapshots(), |_| event.clone());

    let arn = text(&destination["DBSnapshot"]["TargetDBSnapshotArn"]);
    let event = envelope(replication.destination.as_ref().unwrap(), LATER, &destination);
    Task::new(b, &pair, "CopyFunction", &["CopyFailed"]).walk(&arn, snapshots(), |_| event.clone());

    let restored = b.instance(&text(&destination["DBInstance"]["db_instance_identifier"]));
    let words = INSTANCE_STATUSES.iter().map(|status| (status.word, status.restored.progress()));
    // What an operator has stopped only waits for that operator.
    Task::new(b, &pair, "RestoreFunction", &["RestoreFailed", "InstanceNotReady"]).walk(
        &text(&restored["DBInstanceArn"]),
        words,
        |_| event.clone(),
    );

    let mut late = event;
    late["state"]["DBInstance"]["startedAt"] = json!("2020-01-01T00:00:00Z");
    let restored = text(&restored["DBInstanceArn"]);
    let step = json!({"arn": restored, "status": UNKNOWN, "event": late});
    let function = b.resource(&pair.stack(b), "RestoreFunction");
    let answer = b.walk(&function, &[step]).remove(0);
    assert_eq!(answer["errorType"], "DeadlineExceeded", "{answer}");
    for words in ["stage restore", "status-copy-1", UNKNOWN, "RestoreDeadlineSeconds"] {
        assert!(text(&answer["errorMessage"]).contains(words), "{words} in {answer}");
    }

    let database = a.instance(&pair.database());
    // A ready database would be snapshotted, which the replication above has shown.
    let words = INSTANCE_STATUSES.iter().map(|status| (status.word, status.source));
    let words = words.filter(|(_, progress)| *progress != Progress::Ready);
    Task::new(a, &pair, "SnapshotFunction", &["InstanceNotReady"]).walk(
        &text(&database["DBInstanceArn"]),
        words,
        |word| envelope(&format!("{}:{word}", replication.source), LATER, &json!({})),
    );
}

/// A deployed function, and the errors by which it says that a thing will never be ready.
struct Task<'a> {
    account: &'a Account,
    function: String,
    never: &'static [&'static str],
}

impl<'a> Task<'a> {
    fn new(account: &'a Account, pair: &Pair<'_>, resource: &str, never: &'static [&'static str]) -> Self {
        Self { account, function: account.resource(&pair.stack(account), resource), never }
    }

    /// Gives the thing every status in turn, an unknown one too, and checks what the function makes of it.
    fn walk(
        &self,
        arn: &str,
        words: impl Iterator<Item = (&'static str, Progress)>,
        event: impl Fn(&str) -> Value,
    ) {
        let words: Vec<_> = words.chain([(UNKNOWN, Progress::Pending)]).collect();
        let step = |word: &str| json!({"arn": arn, "status": word, "event": event(word)});
        let steps: Vec<Value> = words.iter().map(|(word, _)| step(word)).collect();
        let answers = self.account.walk(&self.function, &steps);
        assert_eq!(answers.len(), words.len());
        for ((word, expected), answer) in words.iter().zip(&answers) {
            assert_eq!(self.progress(answer), Some(*expected), "{} for {word}: {answer}", self.function);
        }
    }

    fn progress(&self, answer: &Value) -> Option<Progress> {
        match (answer["status"].as_str(), answer["errorType"].as_str()) {
            (Some("Available"), _) => Some(Progress::Ready),
            (Some("NotAvailable"), _) => Some(Progress::Pending),
            (_, Some(error)) if self.never.contains(&error) => Some(Progress::Failed),
            _ => None,
        }
    }
}

/// When the source execution started, which is in the replication's id: `20261122t103400z-1f2e3d`.
fn started_at(destination: &Value) -> String {
    let id = text(&destination["Input"]["replication"]["id"]);
    let part = |from: usize, to: usize| &id[from..to];
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(9, 11), part(11, 13), part(13, 15));
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")
}

/// What the machine hands to a task.
fn envelope(execution: &str, started_at: &str, state: &Value) -> Value {
    json!({"execution": {"id": execution, "name": "walk", "startTime": started_at}, "state": state})
}
