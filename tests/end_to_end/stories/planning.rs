//! What a run would do, said before it does it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use harness::account::{Account, text};
use harness::cloud::{Cloud, ask};
use harness::fleet::Fleet;
use harness::pair::{Pair, Replication, password, plan};

/// What changes nothing.
const READS: [&str; 5] = ["Describe", "List", "Get", "Decrypt", "AssumeRole"];
/// The source, what the run makes, and what goes; every story has names of its own.
const NAME: &str = "planned";

/// A pair that keeps as little as it can plans its third run, and then runs it.
///
/// > `scripts/plan` says every call by which the run that follows changes something in RDS, with its names, what is copied in
/// > full, what is deleted and what gets the deletion tag, and changes nothing itself.
pub fn a_plan_is_what_its_run_does(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let few = [("SnapshotsToKeep", "2"), ("SharedSnapshotHours", "0")];
    let options = [("NoOfOlderInstances", "0"), ("SnapshotsToKeep", "2"), ("MaxAllocatedStorage", "100")];
    let pair = Pair::deploy(cloud, NAME, &few, &options);
    a.create_database(&pair.database(), &password(), &[]);
    pair.replicate();
    pair.replicate();

    let before = changes(cloud, &pair).len();
    let (document, is_good) = pair.plan();
    assert!(is_good, "{document}");
    assert_eq!(changes(cloud, &pair).len(), before, "a plan changes nothing");
    let planned = &document["databases"][0];
    assert_eq!(planned["outcome"], "live", "{planned}");
    let run = pair.replicate();
    let made = changes(cloud, &pair).split_off(before);
    compare(&pair, planned, &run, &made);

    fleet(cloud);

    let stopped = json!({"arn": a.instance(&pair.database())["DBInstanceArn"], "status": "stopped"});
    ask(rds(a), "POST", "/_emulator/resources/status", &stopped);
    let (document, is_good) = pair.plan();
    let ends = &document["databases"][0]["ends"];
    assert!(!is_good && ends["error"] == "InstanceNotReady", "{document}");
    let ended = pair.try_replicate();
    assert!(!ended.succeeded && ended.printed.contains("InstanceNotReady"), "{}", ended.printed);
    assert_eq!(b.instances(&pair.copies()).len(), 1);
}

/// A fleet says which databases it would choose, and a line for each.
fn fleet(cloud: &Cloud) {
    Fleet::deploy(cloud, "planfleet", &[], &[]);
    cloud.source.create_database("planfleet-one", &password(), &[]);
    let stacks = ["planfleet-source", "planfleet-destination"];
    let output = plan(cloud, stacks, &["--fleet", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{document}");
    let one = &document["databases"][0];
    assert_eq!((&one["sourceDatabase"], &one["outcome"]), (&json!("planfleet-one"), &json!("live")));
    let states = one["states"].as_array().unwrap();
    let made: Vec<String> = states.iter().flat_map(|state| calls(state, "secretsmanager:Create")).collect();
    assert_eq!(made, ["planfleet/read/planfleet-one"], "the first run of a database makes its secret");
    let text = String::from_utf8(plan(cloud, stacks, &["--fleet"]).stdout).unwrap();
    assert!(text.contains("1 database, chosen by the name pattern planfleet-*"), "{text}");
}

/// The plan names everything by the id of its moment, and the run by its own.
fn compare(pair: &Pair<'_>, planned: &Value, run: &Replication, made: &[(String, String)]) {
    let (source, destination) = (pair.source_document(run), pair.destination_document(run));
    let id = text(&destination["Input"]["replication"]["id"]);
    let renamed = planned.to_string().replace(planned["replicationId"].as_str().unwrap(), &id);
    let plan: Value = serde_json::from_str(&renamed).unwrap();
    let states = plan["states"].as_array().unwrap();
    let state = |machine: &str, name: &str| {
        let found = states.iter().find(|one| one["machine"] == machine && one["state"] == name);
        found.unwrap_or_else(|| panic!("{machine} {name}")).clone()
    };
    let copied = state("source", "CopyEncryptedSnapshot");
    assert_eq!(copied["copy"], source["targetDBSnapshot"]["copy"]);
    assert_eq!(copied["makes"], source["targetDBSnapshot"]["targetDBSnapshotIdentifier"]);
    let copied = state("destination", "CopySharedSnapshotInTargetAccount");
    assert_eq!(copied["copy"], destination["DBSnapshot"]["copy"]);
    assert_eq!(copied["copy"]["expected"], "incremental");
    let restored = state("destination", "RestoreDBInstance");
    assert_eq!(restored["makes"], destination["DBInstance"]["db_instance_identifier"]);

    for (document, machine, last) in
        [(&source, "source", "CleanOlderSnapshots"), (&destination, "destination", "CleanOlderDBInstances")]
    {
        for (result, name) in [("room", "MakeRoom"), ("prune", last)] {
            let deleted = calls(&state(machine, name), "rds:Delete");
            assert_eq!(json!(deleted), document[result]["deleted"], "{machine} {name}");
        }
    }
    let marked = calls(&state("destination", "UpdateSecretWithDBValue"), "rds:AddTags");
    let superseded = text(&destination["secret"]["marked"][0]);
    assert!(marked.contains(&superseded), "{marked:?}");

    let planned: BTreeSet<(String, String)> = states
        .iter()
        .flat_map(|state| state["calls"].as_array().unwrap())
        .map(|call| (text(&call["action"]), text(&call["resource"])))
        .filter(|(action, _)| action.starts_with("rds:"))
        .collect();
    let made: BTreeSet<(String, String)> = made.iter().cloned().collect();
    assert_eq!(planned, made);
}

/// What the calls of a state are about whose action begins so.
fn calls(state: &Value, action: &str) -> Vec<String> {
    let all = state["calls"].as_array().unwrap().iter();
    let of_action = all.filter(|call| call["action"].as_str().unwrap().starts_with(action));
    of_action.map(|call| text(&call["resource"])).collect()
}

/// The calls by which anybody has changed something of the pair in RDS: the action and the identifier.
fn changes(cloud: &Cloud, pair: &Pair<'_>) -> Vec<(String, String)> {
    let calls = ask(rds(&cloud.source), "GET", "/_emulator/calls", &Value::Null);
    let is_change = |action: &str| !READS.iter().any(|read| action.starts_with(read));
    let of_pair = |call: &&Value| {
        is_change(call["action"].as_str().unwrap())
            && [pair.database(), pair.copies(), pair.snapshots()]
                .iter()
                .any(|name| call["resource"].as_str().unwrap().contains(name.as_str()))
    };
    let read = |call: &Value| {
        let resource = call["resource"].as_str().unwrap();
        let name = resource.rsplit(':').next().unwrap().to_owned();
        (format!("rds:{}", call["action"].as_str().unwrap()), name)
    };
    calls.as_array().unwrap().iter().filter(of_pair).map(read).collect()
}

fn rds(account: &Account) -> &str {
    account.variable("AWS_ENDPOINT_URL_RDS")
}
