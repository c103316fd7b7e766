//! Many databases in one run.

use serde_json::{Value, json};

use harness::account::{Account, LIMIT, text};
use harness::cloud::{Cloud, ask};
use harness::pair::password;
use harness::waiting::wait_for;

/// The stack, and how the names of everything in this story begin.
const NAME: &str = "fleet";
/// The bucket for the reports.
const BUCKET: &str = "fleet-reports";

/// Four databases in one source stack: two that are well, one whose key is disabled, one that is stopped; and a fifth
/// without the tag. Then a run that is stopped in the middle, and one that continues it.
///
/// > One alert names every database of a fleet that failed, a foreign one is untouched, a stopped run stops its executions,
/// > and one that continues it repeats nothing.
pub fn a_fleet_names_what_failed_and_goes_on_where_it_was_stopped(cloud: &Cloud) {
    let a = &cloud.source;
    a.aws(&["s3api", "create-bucket", "--bucket", BUCKET]);
    deploy(cloud);
    let outputs = a.outputs(NAME);
    let (machine, of_one) = (&outputs["FleetStateMachineArn"], &outputs["StateMachineArn"]);
    let alerts = a.subscribe_queue("fleet-alerts", &outputs["AlertTopicArn"]);
    let nothing = a.ended(&a.start(machine, &json!({})));
    assert_eq!(nothing["error"], "NotFound", "a tag that no database has is an error: {nothing}");

    let key = text(&a.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"]);
    let tag = ["--tags", "Key=fleet-of,Value=story"];
    for name in ["one", "two"] {
        a.create_database(&database(name), &password(), &tag);
    }
    a.create_database(
        &database("keyless"),
        &password(),
        &[&tag[..], &["--storage-encrypted", "--kms-key-id", &key]].concat(),
    );
    a.create_database(&database("idle"), &password(), &tag);
    a.create_database(&database("foreign"), &password(), &[]);
    a.aws(&["rds", "stop-db-instance", "--db-instance-identifier", &database("idle")]);
    wait_for("a stopped database", LIMIT, || {
        (a.instance(&database("idle"))["DBInstanceStatus"] == "stopped").then_some(())
    });
    a.aws(&["kms", "disable-key", "--key-id", &key]);

    // What a run for it alone ends with.
    let alone = a.ended(&a.start(of_one, &json!({"SourceDBIdentifier": database("keyless")})));
    assert_eq!(alone["status"], "FAILED");
    alerts.message_with(&[&text(&alone["error"]), &database("keyless")]);

    let execution = a.ended(&a.start(machine, &json!({})));
    assert_eq!(execution["error"], "ReplicationsFailed", "{execution}");
    let report = document(a, &execution)["report"].clone();
    assert_eq!((&report["sent"], &report["failed"]), (&json!(2), &json!(2)), "{report}");
    let error = |name: &str| row(&report, name)["error"].clone();
    assert_eq!(error("keyless"), alone["error"], "{report}");
    assert_eq!(error("idle"), "InstanceNotReady");
    assert!(row(&report, "one")["error"].is_null() && row(&report, "foreign").is_null(), "{report}");
    // The one alert: the executions that the fleet has started say nothing themselves.
    let alert = alerts.next_message();
    for words in [
        "fleet replication failed",
        &database("keyless"),
        &text(&alone["error"]),
        &database("idle"),
        "InstanceNotReady",
    ] {
        assert!(alert.contains(words), "{words} in {alert}");
    }
    let snapshots = a.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"]);
    let of = |name: &str| -> usize {
        let list = snapshots["DBSnapshots"].as_array().unwrap().iter();
        list.filter(|snapshot| snapshot["DBInstanceIdentifier"] == database(name)).count()
    };
    assert!(of("one") > 0 && of("two") > 0);
    assert_eq!(of("foreign"), 0);
    let logs = a.logs(NAME);
    assert!(logs.contains("fleet report"), "the whole report is a line of the log");
    let kept = kept(a, &text(&report["run"]));
    assert_eq!((&kept["sent"], &kept["failed"]), (&json!(2), &json!(2)), "{kept}");
    assert_eq!(kept["databases"], report["databases"]);

    continue_a_stopped_run(a, machine, of_one);
    let refused = alerts.next_message();
    assert!(refused.contains("AlreadyRunning") && refused.contains("No database was tried"), "{refused}");
    let next = alerts.next_message();
    assert!(
        next.contains("was stopped"),
        "only the run that was stopped is told of, and not its executions: {next}"
    );
}

/// Stops a run when its first database is done and its second is still waited for.
fn continue_a_stopped_run(a: &Account, machine: &str, of_one: &str) {
    set_status(a, "two", "modifying");
    let list = json!({"SourceDBIdentifiers": [database("one"), database("two")]});
    let stopped = a.start(machine, &list);
    let running = |status: &str| -> Vec<String> {
        let all = a.executions(of_one);
        let run = text(&row_name(a, &stopped));
        let own = all.iter().filter(|one| text(&one["name"]).starts_with(&run) && one["status"] == status);
        own.map(|one| text(&one["name"])).collect()
    };
    let second = a.ended(&a.start(machine, &list));
    assert_eq!(second["error"], "AlreadyRunning", "{second}");
    wait_for("one database is done and one is under way", LIMIT, || {
        (row_name(a, &stopped).is_string()
            && running("SUCCEEDED").len() == 1
            && running("RUNNING").len() == 1)
            .then_some(())
    });
    a.aws(&["stepfunctions", "stop-execution", "--execution-arn", &stopped, "--cause", "for the story"]);
    wait_for("its execution is stopped", LIMIT, || (running("ABORTED").len() == 1).then_some(()));
    let done = running("SUCCEEDED");
    let (made, executions) = (a.snapshots("fleet-snapshot-"), a.executions(of_one).len());
    set_status(a, "two", "available");

    let (_, name) = stopped.rsplit_once(':').unwrap();
    let continued = a.ended(&a.start(machine, &json!({"ContinueRun": name})));
    assert_eq!(continued["status"], "SUCCEEDED", "{continued}");
    let plan = document(a, &continued)["plan"].clone();
    let before = plan["doneBefore"].as_array().unwrap();
    assert_eq!(before.len(), 1, "{plan}");
    assert!(done[0].ends_with(&text(&before[0])), "{done:?} {plan}");
    assert_eq!(plan["databases"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(
        a.executions(of_one).len(),
        executions + 1,
        "one more execution, for the one that was not done"
    );
    let now = a.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"]);
    let snapshots = now["DBSnapshots"].as_array().unwrap().iter();
    let new = snapshots.filter(|one| !made.contains(&text(&one["DBSnapshotIdentifier"])));
    let of: Vec<&Value> = new
        .filter(|one| text(&one["DBSnapshotIdentifier"]).starts_with("fleet-snapshot-"))
        .map(|one| &one["DBInstanceIdentifier"])
        .collect();
    assert!(!of.is_empty() && of.iter().all(|name| **name == database("two")), "new snapshots of {of:?}");
}

/// The report of a run in the bucket.
fn kept(a: &Account, run: &str) -> Value {
    let file = std::env::temp_dir().join(format!("{BUCKET}-{run}.json"));
    let key = format!("{NAME}/{run}.json");
    a.aws(&["s3api", "get-object", "--bucket", BUCKET, "--key", &key, file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Gives a database another status, until it gets the next one.
fn set_status(a: &Account, name: &str, status: &str) {
    let arn = text(&a.instance(&database(name))["DBInstanceArn"]);
    let order = json!({"arn": arn, "status": status});
    ask(a.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/resources/status", &order);
}

fn deploy(cloud: &Cloud) {
    let account = cloud.destination.number();
    cloud.source.deploy(
        NAME,
        &[
            ("SourceDBSnapshotName", "fleet-snapshot"),
            ("DestinationAccountNumber", &account),
            ("Fleet", "true"),
            ("FleetTagKey", "fleet-of"),
            ("FleetTagValue", "story"),
            ("MaxReplicationsAtOnce", "2"),
            ("FleetReportBucket", BUCKET),
        ],
    );
}

fn database(name: &str) -> String {
    format!("fleet-{name}-db")
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["databases"].as_array().unwrap();
    rows.iter().find(|row| row["SourceDBIdentifier"] == database(name)).unwrap_or(&Value::Null)
}

/// The newest document of an execution.
fn document(a: &Account, execution: &Value) -> Value {
    let events = a.history(&text(&execution["executionArn"]));
    let mut outputs =
        events.iter().rev().filter_map(|event| event["stateExitedEventDetails"]["output"].as_str());
    serde_json::from_str(outputs.next().unwrap()).unwrap()
}

/// How the names of a run's executions begin, once it has its plan.
fn row_name(a: &Account, execution: &str) -> Value {
    let events = a.history(execution);
    let outputs = events.iter().filter_map(|event| event["stateExitedEventDetails"]["output"].as_str());
    let plans = outputs.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    plans.map(|document| document["plan"]["run"].clone()).find(Value::is_string).unwrap_or_default()
}
