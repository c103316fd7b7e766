//! The lines about tags, names, results, messages, mails and errors, each written by the code that ships from the same
//! imagined run. The results are literals, so that a new field has to be given a value here.

#![expect(clippy::unwrap_used, reason = "a run that cannot be imagined is a failed test")]

use replication::contract::{
    DbInstance, DbSnapshot, DestinationState, Envelope, LeftOut, Outcome, SecretMove, SourceDbSnapshot,
    SourceState, StageReport, Status, SupersededBy, TargetDbSnapshot, VersionState,
};
use replication::copying::{Expectation, Kind};
use replication::lineage::{self, Tags};
use replication::naming::{self, ReplicationId, SnapshotArn};
use replication::observed::{Instance, testing};
use replication::overrides::Overrides;
use replication::pacing::Pace;
use replication::retention::{Decision, Planned, Verdict};
use replication::secret::{self, Pointer, Secret, Standard};
use replication::{Error, passwords};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

const STARTED_AT: OffsetDateTime = datetime!(2026-11-22 10:34:00 UTC);
const EXECUTION: &str = "arn:aws:states:eu-west-1:111122223333:execution:source:nightly";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:topic";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

/// What every part says of the run.
pub fn lines() -> Vec<String> {
    let mut lines = tags();
    lines.extend(names());
    lines.extend(results());
    lines.extend(message());
    lines.extend(mails());
    lines.extend(headed("error names", Error::NAMES.iter().map(|name| (*name).to_owned())));
    lines
}

fn headed(title: &str, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    [String::new(), format!("== {title}")].into_iter().chain(lines).collect()
}

fn id() -> ReplicationId {
    ReplicationId::new(STARTED_AT, EXECUTION)
}

fn snapshot_arn(name: impl std::fmt::Display) -> SnapshotArn {
    format!("arn:aws:rds:eu-west-1:111122223333:snapshot:{name}").parse().unwrap()
}

fn tags() -> Vec<String> {
    let pairs = [("deletion tag", lineage::DELETION_TAG), ("promoted", lineage::PROMOTED)];
    let made = Tags::of_replication("stack", &id(), &"orders".parse().unwrap()).named("orders-copy-7");
    let words = |name: &str| name.to_ascii_lowercase().replace('_', " ");
    let lines = lineage::KEYS.iter().map(|(name, key)| format!("{}: {key}", words(name)));
    let lines = lines.chain(pairs.map(|(what, (key, value))| format!("{what}: {key}={value}")));
    headed("tags", lines.chain([format!("of an instance when it is made: {}", json!(made))]))
}

fn names() -> Vec<String> {
    let (id, prefix) = (id(), "orders-copy".parse().unwrap());
    let of_source = naming::source_snapshot("nightly", &id).unwrap();
    let instance = naming::instance(&prefix, 7).unwrap();
    let names = [
        ("replication id", id.to_string()),
        ("snapshot in the source account", of_source.to_string()),
        ("copy of it under the shared key", naming::encrypted_copy(&of_source).unwrap().to_string()),
        (
            "copy in the destination account",
            naming::destination_copy(prefix.as_str(), &id).unwrap().to_string(),
        ),
        ("restored instance", instance.to_string()),
        ("final snapshot", naming::final_snapshot(&instance, id.as_str()).unwrap().to_string()),
        ("version of the secret, beginning", secret::OUR_VERSIONS.to_owned()),
        ("label of the secret's version that is being written", secret_access::PENDING.to_owned()),
        ("label of the secret's version with the passwords", passwords::LABEL.to_owned()),
    ];
    headed("names", names.map(|(what, name)| format!("{what}: {name}")))
}

/// A stage with every field, because they are left out where there is nothing to say.
fn stage(status: Status) -> StageReport {
    StageReport {
        status,
        wait_seconds: 15,
        started_at: STARTED_AT,
        rds_status: "creating".to_owned(),
        percent_progress: Some(40),
        unseen: 2,
        pace: Pace {
            expected_seconds: Some(600),
            highest_percent: Some(40),
            risen_after_seconds: Some(240),
            extra_polls: 3,
            ..Pace::default()
        },
    }
}

fn source_snapshot() -> SourceDbSnapshot {
    let identifier = naming::source_snapshot("nightly", &id()).unwrap();
    SourceDbSnapshot {
        arn: Some(snapshot_arn(&identifier)),
        identifier,
        source_db_identifier: "orders".parse().unwrap(),
        stage: stage(Status::Available),
        encrypted: true,
        kms_key_id: Some(KEY.to_owned()),
        engine: Some("postgres".to_owned()),
        engine_version: Some("17.4".to_owned()),
        allocated_storage: Some(20),
        snapshot_database_time: Some("2026-11-22T10:34:10Z".to_owned()),
        source_tags: Tags::default().with("team", "data"),
        left_out: vec![LeftOut { what: "tag".to_owned(), because: "why".to_owned() }],
        overrides: Overrides::of_tags(&Tags::default().with("rds-replication:config:MultiAZ", "true")),
    }
}

fn target_snapshot() -> TargetDbSnapshot {
    let identifier = naming::encrypted_copy(&source_snapshot().identifier).unwrap();
    TargetDbSnapshot {
        arn: Some(snapshot_arn(&identifier)),
        identifier,
        stage: stage(Status::NotAvailable),
        copy: Expectation { expected: Kind::Full, reason: "why".to_owned() },
    }
}

fn destination_snapshot() -> DbSnapshot {
    let identifier = naming::destination_copy("orders-copy", &id()).unwrap();
    DbSnapshot {
        arn: Some(snapshot_arn(&identifier)),
        identifier,
        source_db_identifier: "orders".parse().unwrap(),
        stage: stage(Status::Superseded),
        copy: Expectation { expected: Kind::Incremental, reason: "why".to_owned() },
        snapshot_database_time: Some("2026-11-22T10:34:10Z".to_owned()),
        not_checked: vec![LeftOut { what: "Subnetgroups".to_owned(), because: "why".to_owned() }],
        superseded_by: Some(SupersededBy {
            host: "orders-copy-6.example".to_owned(),
            snapshot_database_time: "2026-11-22T11:34:10Z".to_owned(),
            reason: "why".to_owned(),
        }),
    }
}

fn instance() -> DbInstance {
    DbInstance {
        identifier: "orders-copy-7".parse().unwrap(),
        version: 7,
        restored_version: Some(3),
        host: Some("orders-copy-7.example".to_owned()),
        resource_id: Some("db-ABC".to_owned()),
        chosen: true,
        changing: Some("MaxAllocatedStorage".to_owned()),
        left_out: vec![LeftOut { what: "tag".to_owned(), because: "why".to_owned() }],
        stage: stage(Status::NotAvailable),
    }
}

fn secret_move() -> SecretMove {
    SecretMove {
        pointer: Pointer { host: "orders-copy-7.example".to_owned(), prefix: "orders-copy".to_owned() },
        outcome: Outcome::Moved,
        stage: stage(Status::Available),
        marked: vec!["orders-copy-5".to_owned()],
        unmarked: vec!["orders-copy-6".to_owned()],
        marked_for: Some("orders-copy-7.example".to_owned()),
        replaced: Some("v1".to_owned()),
        moved_from: Some("orders-copy-6.example".to_owned()),
        again: 1,
    }
}

fn pruned() -> prune::Pruned {
    let decision =
        |verdict| Decision { identifier: "orders-copy-5".to_owned(), verdict, reason: "why".to_owned() };
    prune::Pruned {
        status: Status::Available,
        wait_seconds: 1,
        planned: vec![Planned::Instance("orders-copy-5".to_owned()), Planned::Snapshot("nightly".to_owned())],
        instances: [Verdict::Keep, Verdict::Unmark, Verdict::Mark, Verdict::Delete, Verdict::Later]
            .map(decision)
            .into(),
        snapshots: vec![],
        marked: vec!["orders-copy-4".to_owned()],
        log_groups: vec![prune::LogGroup {
            log_group_name: "/aws/rds/instance/db-1/postgresql".to_owned(),
            retention_in_days: 30,
        }],
        deleted: vec!["orders-copy-5".to_owned()],
        left: vec![prune::Left {
            identifier: "nightly".to_owned(),
            reason: "why".to_owned(),
            is_undeleted: true,
        }],
        notes: vec!["note".to_owned()],
        tell: vec!["nightly: why".to_owned()],
        others_running: Some(3),
    }
}

fn results() -> Vec<String> {
    let shared = share::Shared {
        snapshot_arn: snapshot_arn(&target_snapshot().identifier),
        account: "444455556666".to_owned(),
        already_shared: false,
    };
    let published = notify::Published {
        topic_arn: TOPIC.to_owned(),
        message_id: "m".to_owned(),
        replication_id: Some(id().to_string()),
    };
    let launched = [
        launch::Launched::Started { execution_arn: EXECUTION.to_owned() },
        launch::Launched::AlreadyStarted { name: "name".to_owned() },
        launch::Launched::Ignored { reason: "why".to_owned() },
    ];
    let secret = Secret::parse(r#"{"db_host":"","port":5432,"db_prefix":""}"#).unwrap();
    let mut lines = Vec::new();
    for (task, result) in [
        ("snapshot", json!(source_snapshot())),
        ("copy in the source account", json!(target_snapshot())),
        ("share", json!(shared)),
        ("notify", json!(published)),
        ("launch", json!({ "launched": launched })),
        ("copy in the destination account", json!(destination_snapshot())),
        ("restore", json!(instance())),
        ("rotate-secret", json!(secret_move())),
        ("outcomes of rotate-secret", json!({ "outcome": Outcome::ALL })),
        ("prune", json!(pruned())),
    ] {
        lines.push(format!("{task}:"));
        lines.extend(
            result.as_object().into_iter().flatten().map(|(field, value)| format!("    {field} {value}")),
        );
    }
    let host = Some(secret_move().pointer.host);
    let to = Instance { host, port: Some(5433), ..testing::instance("orders-copy-7", Tags::default()) };
    for adds in [false, true] {
        let standard = Standard { to: &to, from: None, adds };
        let text = secret.moved_to(&secret_move().pointer, &standard, None).unwrap();
        lines.push(format!("the secret{}: {text}", if adds { " with SecretFields=standard" } else { "" }));
    }
    lines.extend(understood());
    headed("results", lines)
}

/// That each machine's document is read as it is written; says so only if it is.
fn understood() -> Vec<String> {
    let destination = json!({
        "Input": input(&sent()), "DBSnapshot": destination_snapshot(), "DBInstance": instance(), "secret": secret_move(),
    });
    let rollback = json!({"version": "previous", "SourceDBIdentifier": "orders", "DBInstance": instance()});
    let copied: DestinationState = serde_json::from_value(destination.clone()).unwrap();
    assert_eq!(copied.db_snapshot, Some(destination_snapshot()));
    for document in [&destination, &rollback] {
        let version: VersionState = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(version.db_instance, Some(instance()));
    }
    vec![format!(
        "input of a rollback: {}",
        json!({"version": rollback["version"], "SourceDBIdentifier": "orders"})
    )]
}

/// The document of the source machine when it notifies the destination account.
fn source_state() -> Value {
    json!({
        "SourceDBIdentifier": "orders", "SourceDBSnapshot": source_snapshot(), "targetDBSnapshot": target_snapshot(),
    })
}

fn execution() -> Value {
    json!({"id": EXECUTION, "name": "nightly", "startTime": "2026-11-22T10:34:00Z"})
}

fn sent() -> Value {
    let envelope: Envelope<SourceState> =
        serde_json::from_value(json!({"execution": execution(), "state": source_state()})).unwrap();
    serde_json::to_value(replication::contract::message::of_run(envelope, None).unwrap()).unwrap()
}

/// What the destination's machine is started with for a message.
fn started(message: &Value) -> launch::message::Start {
    let environment = [
        ("STATE_MACHINE_ARN", "arn:aws:states:eu-west-1:444455556666:stateMachine:destination"),
        ("SOURCE_TOPIC_ARN", TOPIC),
        ("SOURCE_DB_IDENTIFIER", "orders"),
    ];
    let config = launch::Config::read(&environment.into_iter().collect()).unwrap();
    let notification = launch::Notification {
        topic_arn: TOPIC.to_owned(),
        message_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        timestamp: STARTED_AT,
        message: message.to_string(),
    };
    match launch::message::judge(&config, &notification).unwrap() {
        launch::message::Verdict::Start(start) => *start,
        launch::message::Verdict::Ignore(reason) => panic!("{reason}"),
    }
}

fn input(message: &Value) -> Value {
    let input: Value = serde_json::from_str(&started(message).input).unwrap();
    input["Input"].clone()
}

fn message() -> Vec<String> {
    let ours = sent();
    let of_the_original = json!({"Input": {"targetDBSnapshot": ours["Input"]["targetDBSnapshot"]}});
    let mut lines = Vec::new();
    for (whose, message) in [("ours", ours), ("the original's", of_the_original)] {
        let start = started(&message);
        lines.push(format!("{whose}: {message}"));
        lines.push(format!("{whose} starts {}: {}", start.name, start.input));
    }
    headed("message to the destination account", lines)
}

fn mails() -> Vec<String> {
    let change = json!({
        "executionArn": EXECUTION, "stateMachineArn": "arn:m", "status": "TIMED_OUT", "input": "{}", "error": "", "cause": "",
    });
    let failure =
        json!({"Error": "NotFound", "Cause": r#"{"errorMessage":"finding snapshot s: it does not exist"}"#});
    let events = [
        json!({"execution": execution(), "machine": "source", "state": source_state(), "failure": failure}),
        json!({"execution": execution(), "machine": "rollback", "state": {"DBInstance": instance()}, "failure": failure}),
        json!({"execution": execution(), "machine": "destination", "state": {}, "undeleted": pruned().tell}),
        json!({"statusChange": change, "machines": {"source": "arn:m"}}),
    ];
    let stack = notify::Stack { name: "stack".to_owned(), database: "orders".to_owned() };
    let mail = |event: Value| {
        let notify::Event::Alert(occasion) = notify::Event::read(event).unwrap() else {
            panic!("it is no alert")
        };
        let alert = notify::Alert::of(&stack, occasion).unwrap();
        let text = alert
            .text()
            .lines()
            .map(|line| format!("    {line}").trim_end().to_owned() + "\n")
            .collect::<String>();
        format!("subject: {}\n{}", alert.subject(), text.trim_end())
    };
    headed("mails to operators", events.map(mail))
}
