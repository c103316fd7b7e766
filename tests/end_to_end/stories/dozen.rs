//! Twelve databases in one pair of stacks, started by the fleet machine.

use std::collections::BTreeMap;

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;

use harness::account::{Account, Database, LIMIT, tags, text};
use harness::aws::{Aws, Execution};
use harness::cloud::{Cloud, run, script};
use harness::fleet::Fleet;
use harness::pair::{contents, fill, password};
use harness::queue::Queue;
use harness::waiting::wait_for;

/// Nine that are well. Version 2 of the second has a name like those of the third.
const WELL: [&str; 9] = [
    "dozen-a",
    "dozen-b",
    "dozen-b-2",
    "dozen-d",
    "dozen-e",
    "dozen-f",
    "dozen-g",
    "dozen-h",
    "dozen-with-a-long-name",
];
/// Three that are not, and the error of each: it is stopped, its key is disabled, an option keeps it from being shared.
const BROKEN: [(&str, &str); 3] = [
    ("dozen-idle", "InstanceNotReady"),
    ("dozen-keyless", "SnapshotFailed"),
    ("dozen-sealed", "NotShareable"),
];
/// The two that are replicated again and again. Ten more runs of all nine would take longer than all other stories.
const AGAIN: [&str; 2] = [WELL[1], WELL[2]];
const MORE_RUNS: usize = 10;
/// Somebody else's, under a name that `dozen-b` would come to, and a source database that no pattern names.
const FOREIGN: [&str; 2] = ["dozen-copy-dozen-b-3", "undozen-db"];
/// Whose data become old.
const STALE: &str = WELL[8];

/// Twelve databases, three of them broken, in one run; then ten more runs of two, one of the nine, and a rollback.
///
/// > Several databases share a pair of stacks, and each has names, numbers and a secret of its own.
/// > A secret that is there already is left alone until it is given to the stack.
/// > A fleet reports each database that fails with the error of a run for it alone, in one alert, and replicates the others.
/// > However many runs there are, every database of a fleet keeps its own versions, and what is foreign between them stays.
/// > A database whose data are old is alerted, however fresh those of the others are.
/// > A rollback of one database leaves the others alone.
pub fn twelve_databases_share_a_pair_of_stacks(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let fleet = deploy(cloud);
    let password = password();
    let sources = make_databases(cloud, &password);
    let foreign = [(b, FOREIGN[0]), (a, FOREIGN[1])].map(|(account, name)| {
        let database = account.create_database(name, &password, &[]);
        fill(account, &database, &password, 3);
        (account, name, database)
    });
    let alerts = a.subscribe_queue("dozen-alerts", &fleet.source["AlertTopicArn"]);
    let told = b.subscribe_queue("dozen-told", &fleet.destination["AlertTopicArn"]);
    refuse_the_secret_of_somebody_else(&fleet);

    let alone = break_three(&fleet, &alerts);
    let first = fleet.run(&[]);
    report_names_the_three(&fleet, &first, &alone, &alerts);
    let mut arrivals = 1 + WELL.len();
    fleet.wait_for_arrivals(arrivals);
    for name in WELL {
        let (copy, version) = fleet.current(name);
        assert_eq!(version, format!("{}1", fleet.copies(name)));
        assert_eq!(contents(b, &copy, &password), contents(a, &sources[name], &password), "{name}");
    }
    secrets_are_their_own(&fleet);

    make_old(b, &format!("{}1", fleet.copies(STALE)));
    for _ in 0..MORE_RUNS {
        assert_eq!(fleet.run(&AGAIN).status, ExecutionStatus::Succeeded);
        arrivals += AGAIN.len();
        fleet.wait_for_arrivals(arrivals);
    }
    told.message_with(&["StaleDatabaseAlarm", "ALARM"]);
    a.psql(&sources[WELL[0]], &password, "INSERT INTO items (id, price) VALUES (1000000, 1)");
    assert_eq!(fleet.run(&WELL).status, ExecutionStatus::Succeeded);
    fleet.wait_for_arrivals(arrivals + WELL.len());
    assert_eq!(fleet.failed_arrivals().len(), 1, "that for the secret of somebody else");
    every_database_keeps_its_own_versions(&fleet, MORE_RUNS + 2);
    for name in WELL {
        let (copy, _) = fleet.current(name);
        assert_eq!(contents(b, &copy, &password), contents(a, &sources[name], &password), "{name}");
    }

    roll_back_one(&fleet);
    for (account, name, database) in &foreign {
        assert_eq!(tags(&account.instance(name)), BTreeMap::new(), "{name} has no tag of anybody");
        assert!(contents(account, database, &password).starts_with("3|"), "{name} still holds its rows");
    }
    assert_eq!(a.snapshots(&format!("dozen-snapshot-{}", FOREIGN[1])), [""; 0]);
    alerts.require_empty();
}

/// The stacks; their roles have a boundary with the services that the product uses and no other.
fn deploy(cloud: &Cloud) -> Fleet<'_> {
    let boundaries = [&cloud.source, &cloud.destination].map(|account| {
        let services = ["events", "kms", "lambda", "logs", "rds", "secretsmanager", "sns", "sqs", "states"];
        let actions: Vec<String> = services.iter().map(|service| format!("{service}:*")).collect();
        let statement = [json!({"Effect": "Allow", "Action": actions, "Resource": "*"})];
        let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let create = ["iam", "create-policy", "--policy-name", "dozen-boundary", "--policy-document"];
        text(&account.aws(&[&create[..], &[&policy]].concat())["Policy"]["Arn"])
    });
    let keep = [("SnapshotsToKeep", "2")];
    let for_source = [
        ("MaxReplicationsAtOnce", "4"),
        ("SharedSnapshotHours", "0"),
        ("PermissionsBoundary", &boundaries[0]),
    ];
    let for_destination = [
        ("NoOfOlderInstances", "1"),
        ("MaxCopiesAtOnce", "4"),
        ("MaxRestoresAtOnce", "3"),
        ("PermissionsBoundary", &boundaries[1]),
    ];
    Fleet::deploy(cloud, "dozen", &[&keep[..], &for_source].concat(), &[&keep[..], &for_destination].concat())
}

/// Makes the twelve, each with rows of its own; those that are well, by their names.
fn make_databases(cloud: &Cloud, password: &str) -> BTreeMap<&'static str, Database> {
    let a = &cloud.source;
    let key = text(&a.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"]);
    let (version, group) = (cloud.postgres_major_version(), ["--option-group-name", "dozen-sealed"]);
    let create = ["rds", "create-option-group", "--engine-name", "postgres"];
    let about = ["--major-engine-version", &version, "--option-group-description", "with encryption"];
    a.aws(&[&create[..], &group, &about].concat());
    let add = ["rds", "add-option-to-option-group", "--apply-immediately", "--options", "OptionName=TDE"];
    a.aws(&[&add[..], &group].concat());
    let account = Aws::new(a);
    let all: Vec<&str> = BROKEN.iter().map(|(name, _)| *name).chain(WELL).collect();
    for name in &all {
        let key = (*name == "dozen-keyless").then_some(key.as_str());
        account.create_instance(name, password, key, (*name == "dozen-sealed").then_some("dozen-sealed"));
    }
    let made: BTreeMap<_, _> = all
        .into_iter()
        .map(|name| (name, wait_for(&format!("{name} is available"), LIMIT, || account.available(name))))
        .collect();
    for (rows, name) in (10..).zip(WELL) {
        fill(a, &made[name], password, rows);
    }
    a.aws(&["rds", "stop-db-instance", "--db-instance-identifier", "dozen-idle"]);
    a.aws(&["kms", "disable-key", "--key-id", &key]);
    wait_for("a stopped database", LIMIT, || {
        (a.instance("dozen-idle")["DBInstanceStatus"] == "stopped").then_some(())
    });
    made
}

/// A secret of the name that the stack would give it is somebody else's until it has the stack's tag.
fn refuse_the_secret_of_somebody_else(fleet: &Fleet<'_>) {
    let b = &fleet.cloud().destination;
    let (name, stack) = (format!("dozen/read/{}", WELL[0]), fleet.stack(b));
    b.aws(&["secretsmanager", "create-secret", "--name", &name, "--secret-string", "{}"]);
    let mut command = script("replicate");
    command.arg(format!("--local={}", fleet.cloud().directory().display()));
    command.args(["--timeout", "180", "--arrival", "60", "--source-db", WELL[0]]);
    command.args(["--source-stack", &fleet.stack(&fleet.cloud().source), "--destination-stack", &stack]);
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    fleet.wait_for_arrivals(1);
    let refused = fleet.failed_arrivals();
    assert_eq!(refused[0].0, "NameTaken", "{refused:?}");
    assert!(refused[0].1.contains(&format!("tag-resource --secret-id {name}")), "{refused:?}");
    assert_eq!(b.snapshots(&fleet.copies(WELL[0])), [""; 0], "nothing was copied");
    let tag = format!("Key=rds-replication:stack,Value={stack}");
    b.aws(&["secretsmanager", "tag-resource", "--secret-id", &name, "--tags", &tag]);
}

/// What a run for each of the broken ones alone ends with. Each alerts operators itself.
fn break_three<'a>(fleet: &Fleet<'_>, alerts: &Queue<'_>) -> BTreeMap<&'a str, String> {
    let errors = BROKEN.map(|(name, expected)| {
        let execution = fleet.run_alone(name);
        assert_eq!(execution.error, expected, "{name}: {}", execution.cause);
        (name, execution.error)
    });
    for (name, error) in &errors {
        alerts.message_with(&[name, error]);
    }
    errors.into()
}

fn report_names_the_three(
    fleet: &Fleet<'_>,
    run: &Execution,
    alone: &BTreeMap<&str, String>,
    alerts: &Queue<'_>,
) {
    assert_eq!(run.error, "ReplicationsFailed", "{run:?}");
    let report = fleet.report(run);
    assert_eq!((&report["sent"], &report["failed"]), (&json!(9), &json!(3)), "{report}");
    let rows = report["databases"].as_array().unwrap();
    let failed = rows.iter().filter(|row| row["status"] == "failed");
    let failed: BTreeMap<&str, String> =
        failed.map(|row| (row["SourceDBIdentifier"].as_str().unwrap(), text(&row["error"]))).collect();
    assert_eq!(&failed, alone, "{report}");
    let alert = alerts.next_message();
    assert!(alert.contains("fleet replication failed"), "{alert}");
    for (name, error) in alone {
        assert!(alert.contains(&format!("{name}: {error}")), "{name}: {error} in {alert}");
    }
    for name in WELL {
        assert!(!alert.contains(&format!("{name}:")), "{name} in {alert}");
    }
}

fn secrets_are_their_own(fleet: &Fleet<'_>) {
    let b = &fleet.cloud().destination;
    let described = b.aws(&["secretsmanager", "list-secrets", "--filters", "Key=name,Values=dozen/read/"]);
    let of_stack: BTreeMap<String, String> = described["SecretList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| (text(&secret["Name"]), tags(&json!({"TagList": secret["Tags"]}))))
        .filter(|(_, tags)| tags.get("rds-replication:stack") == Some(&fleet.stack(b)))
        .map(|(name, tags)| (name, tags.get("rds-replication:source-db").cloned().unwrap_or_default()))
        .collect();
    // That of the first database was somebody else's, who has given it the stack's tag and no other.
    let expected = WELL.map(|name| (format!("dozen/read/{name}"), name.to_owned()));
    let made: BTreeMap<_, _> = expected.into_iter().skip(1).collect();
    assert_eq!(
        of_stack.into_iter().filter(|(_, database)| !database.is_empty()).collect::<BTreeMap<_, _>>(),
        made
    );
}

/// The tag with the time of a version's data becomes one of three days ago.
fn make_old(b: &Account, version: &str) {
    let arn = text(&b.instance(version)["DBInstanceArn"]);
    let time = time::OffsetDateTime::now_utc() - time::Duration::days(3);
    let time = time.format(&time::format_description::well_known::Rfc3339).unwrap();
    let tag = format!("Key=rds-replication:data-time,Value={time}");
    b.aws(&["rds", "add-tags-to-resource", "--resource-name", &arn, "--tags", &tag]);
}

/// Each has what is live and one older version, and two snapshots.
fn every_database_keeps_its_own_versions(fleet: &Fleet<'_>, of_two: usize) {
    let b = &fleet.cloud().destination;
    for name in WELL {
        // The number of the foreign instance is passed over.
        let runs = if AGAIN.contains(&name) { of_two } else { 2 };
        let passed_over = usize::from(name == AGAIN[0]);
        let newest = runs + passed_over;
        let mut expected: Vec<String> =
            [newest - 1, newest].map(|number| format!("{}{number}", fleet.copies(name))).into();
        if passed_over == 1 {
            expected.push(FOREIGN[0].to_owned());
        }
        expected.sort();
        let mut found = Vec::new();
        wait_for(&format!("only {expected:?} is left"), LIMIT, || {
            found = fleet.versions(name);
            (found.len() <= expected.len()).then_some(())
        });
        assert_eq!(found, expected);
        assert_eq!(fleet.current(name).1, format!("{}{newest}", fleet.copies(name)));
    }
    let snapshots = || {
        let of = |name: &str| -> usize {
            let found = b.snapshots(&fleet.copies(name));
            let other = format!("{}2-", fleet.copies(AGAIN[0]));
            found.iter().filter(|one| name != AGAIN[0] || !one.starts_with(&other)).count()
        };
        WELL.map(of)
    };
    wait_for("two snapshots of each", LIMIT, || (snapshots() == [2; 9]).then_some(()));
}

/// Rolls back one database with the command; nothing of the others changes.
fn roll_back_one(fleet: &Fleet<'_>) {
    let b = &fleet.cloud().destination;
    let unnamed =
        b.ended(&b.start(&fleet.destination["RollbackStateMachineArn"], &json!({"version": "previous"})));
    assert_eq!(unnamed["error"], "SourceMismatch", "{unnamed}");
    assert!(text(&unnamed["cause"]).contains("no database is named"), "{unnamed}");
    let state = || WELL.map(|name| (fleet.current(name).1, fleet.versions(name)));
    let before = state();
    let mut command = script("rollback");
    command.arg(format!("--local={}", fleet.cloud().directory().display()));
    command.args(["--destination-stack", &fleet.stack(b), "--source-db", AGAIN[0], "previous"]);
    run(command);
    let place = WELL.iter().position(|name| *name == AGAIN[0]).unwrap();
    let (mut expected, versions) = (before, fleet.versions(AGAIN[0]));
    let live = format!("{}{}", fleet.copies(AGAIN[0]), MORE_RUNS + 2);
    expected[place] = (live, versions);
    assert_eq!(state(), expected);
}
