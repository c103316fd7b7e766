//! The report and its text over worlds that were recorded, with what the command printed for them before it was written in
//! Rust. The first case is whole, every other one says what is different from it.

use std::collections::HashMap;

use replication::lineage::Tags;
use replication::observed::testing;
use replication::secret::Pointer;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::OffsetDateTime;

use super::facts::{
    Alarm, Database, Facts, Fleet, Instance, Named, Read, Run, Schedule, Snapshot, Source, Stack,
};
use super::report::report;
use super::text::{WIDTH, render};
use crate::execution::Execution;
use crate::hints::Hints;

/// Moments by name.
pub fn moments<'de, D: Deserializer<'de>>(from: D) -> Result<HashMap<String, OffsetDateTime>, D::Error> {
    #[derive(Deserialize)]
    struct Moment(#[serde(with = "time::serde::rfc3339")] OffsetDateTime);
    let found: HashMap<String, Moment> = Deserialize::deserialize(from)?;
    Ok(found.into_iter().map(|(name, Moment(at))| (name, at)).collect())
}

#[derive(Deserialize)]
struct Case {
    name: String,
    last: usize,
    hints: Hints,
    facts: Value,
    document: Value,
    text: Option<Vec<String>>,
    one: Option<(String, Vec<String>)>,
}

#[derive(Deserialize)]
struct RecordedFacts {
    #[serde(with = "time::serde::rfc3339")]
    now: OffsetDateTime,
    account: String,
    region: String,
    instances: Read<Vec<RecordedInstance>>,
    snapshots: Read<Vec<RecordedSnapshot>>,
    databases: Vec<RecordedDatabase>,
    fleets: Vec<Fleet>,
}

#[derive(Deserialize)]
struct RecordedInstance {
    identifier: String,
    tags: Tags,
    status: String,
    host: String,
    #[serde(with = "time::serde::rfc3339::option")]
    created: Option<OffsetDateTime>,
    size: Option<i32>,
    deletion_protection: bool,
    resource_id: String,
}

#[derive(Deserialize)]
struct RecordedSnapshot {
    identifier: String,
    tags: Tags,
    arn: String,
    database: String,
    status: String,
    percent: Option<i32>,
    size: Option<i32>,
    encrypted: bool,
    data_time: Option<String>,
    shared_with: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RecordedDatabase {
    stack: Stack,
    pointer: Read<RecordedPointer>,
    runs: Read<Vec<Run>>,
    rollbacks: Option<Read<Vec<Execution>>>,
    alarms: Read<Vec<Alarm>>,
    dead_letters: Option<Read<i64>>,
    source: Read<RecordedSource>,
}

#[derive(Deserialize)]
struct RecordedPointer {
    host: String,
    prefix: String,
    version_id: String,
}

#[derive(Deserialize)]
struct RecordedSource {
    stack: Stack,
    snapshots: Read<Vec<RecordedSnapshot>>,
    runs: Read<Vec<Run>>,
    schedule: Read<Schedule>,
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn each<T, U>(list: Read<Vec<T>>, read: fn(T) -> U) -> Read<Vec<U>> {
    list.map(|list| list.into_iter().map(read).collect())
}

fn instance(recorded: RecordedInstance) -> Instance {
    let mut seen = testing::instance(&recorded.identifier, recorded.tags);
    seen.status = recorded.status.as_str().into();
    seen.host = some(recorded.host);
    seen.allocated_storage = recorded.size;
    seen.deletion_protection = recorded.deletion_protection;
    seen.resource_id = some(recorded.resource_id);
    Instance { seen, created: recorded.created }
}

fn snapshot(recorded: RecordedSnapshot) -> Snapshot {
    let mut seen = testing::snapshot(&recorded.identifier, &recorded.status, recorded.tags);
    if !recorded.arn.is_empty() {
        seen.arn = recorded.arn.parse().unwrap();
    }
    if !recorded.database.is_empty() {
        seen.source_database = recorded.database.parse().unwrap();
    }
    seen.percent_progress = recorded.percent;
    seen.allocated_storage = recorded.size;
    seen.encrypted = recorded.encrypted;
    seen.data_time = recorded.data_time;
    Snapshot { seen, shared_with: recorded.shared_with }
}

fn database(recorded: RecordedDatabase) -> Database {
    let named = |pointer: RecordedPointer| Named {
        pointer: Pointer { host: pointer.host, prefix: pointer.prefix },
        version_id: pointer.version_id,
    };
    let source = |source: RecordedSource| Source {
        stack: source.stack,
        snapshots: each(source.snapshots, snapshot),
        runs: source.runs,
        schedule: source.schedule,
    };
    Database {
        stack: recorded.stack,
        secret: recorded.pointer.map(named),
        runs: recorded.runs,
        rollbacks: recorded.rollbacks,
        alarms: recorded.alarms,
        dead_letters: recorded.dead_letters,
        source: recorded.source.map(source),
    }
}

fn facts(recorded: Value) -> Facts {
    let recorded: RecordedFacts = serde_json::from_value(recorded).unwrap();
    Facts {
        now: recorded.now,
        account: recorded.account,
        region: recorded.region,
        instances: each(recorded.instances, instance),
        snapshots: each(recorded.snapshots, snapshot),
        databases: recorded.databases.into_iter().map(database).collect(),
        fleets: recorded.fleets,
    }
}

/// The value with these changes: `[place, value]` sets, `[place]` removes.
fn changed(first: &Value, changes: &Value) -> Value {
    let mut value = first.clone();
    for change in changes.as_array().into_iter().flatten() {
        let place = change[0].as_str().unwrap();
        let (parent, key) = place.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        match (value.pointer_mut(parent).unwrap(), change.get(1)) {
            (Value::Object(fields), Some(new)) => drop(fields.insert(key, new.clone())),
            (Value::Object(fields), None) => drop(fields.remove(&key)),
            (Value::Array(items), Some(new)) => items[key.parse::<usize>().unwrap()] = new.clone(),
            (other, _) => panic!("{place} is in {other}"),
        }
    }
    value
}

/// The places in which two values differ, for whoever reads a failure.
fn differences(wanted: &Value, found: &Value, place: &str, into: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.iter()
                .for_each(|(key, wanted)| differences(wanted, &other[key], &format!("{place}/{key}"), into));
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().for_each(|(at, (wanted, found))| {
                differences(wanted, found, &format!("{place}/{at}"), into);
            });
        }
        _ if wanted != found => into.push(format!("{place}\n  wanted {wanted}\n  found  {found}")),
        _ => {}
    }
}

/// > Where the live instance is gone, `scripts/status` names the version that `scripts/rollback` would choose, or the next one if that cannot be used as it is.
#[test]
fn a_live_instance_that_is_gone_is_reported_with_the_version_that_a_rollback_would_choose() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/golden/status.json")).unwrap();
    let first = &cases[0].facts;
    let version = |number: u32, data_time: &str| {
        let mut one = first["instances"]["Ok"][0].clone();
        let name = format!("copy-{number}");
        one["identifier"] = name.as_str().into();
        one["host"] = format!("{name}.c1.example").into();
        for (key, value) in
            [("name", name.as_str()), ("version", &number.to_string()), ("data-time", data_time)]
        {
            one["tags"][format!("rds-replication:{key}")] = value.into();
        }
        one
    };
    // Of the version that the secret names only the snapshot is left.
    let mut kept = first["snapshots"]["Ok"][2].clone();
    kept["tags"]["rds-replication:version"] = "11".into();
    let advised = |instances: Vec<Value>| {
        let changes = serde_json::json!([
            ["/instances/Ok", instances],
            ["/snapshots/Ok", [kept]],
            ["/databases/0/pointer/Ok/host", "copy-11.c1.example"],
        ]);
        let document = report(&facts(changed(first, &changes)), 5, &Hints::default());
        let document = serde_json::to_value(&document).unwrap();
        document["databases"][0]["warnings"][0]["text"].as_str().unwrap().to_owned()
    };
    let said = advised(vec![version(10, "2026-11-22T08:00:00Z"), version(9, "2026-11-22T10:30:00Z")]);
    assert!(
        said.contains("it was version 11. To fix this: scripts/rollback 9 "),
        "the higher number is older: {said}"
    );
    let said = advised(vec![version(12, "2026-11-22T09:00:00Z"), version(10, "2026-11-22T08:00:00Z")]);
    assert!(said.contains("scripts/rollback 12 "), "{said}");
    let mut stopped = version(10, "2026-11-22T10:30:00Z");
    stopped["status"] = "stopped".into();
    let said = advised(vec![stopped, version(9, "2026-11-22T08:00:00Z")]);
    assert!(said.contains("scripts/rollback 9 "), "what is stopped cannot be used as it is: {said}");
    let said = advised(vec![version(12, "2026-11-22T11:30:00Z")]);
    assert!(said.ends_with("copy-11.c1.example"), "nothing is older: {said}");
}

#[test]
fn the_report_says_what_it_said_before() {
    let mut cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/golden/status.json")).unwrap();
    let (first_facts, first_document) = (cases[0].facts.clone(), cases[0].document.clone());
    for case in &mut cases[1..] {
        case.facts = changed(&first_facts, &case.facts);
        case.document = changed(&first_document, &case.document);
    }
    let mut wrong = Vec::new();
    for case in cases {
        let name = &case.name;
        let document = report(&facts(case.facts), case.last, &case.hints);
        let found = serde_json::to_value(&document).unwrap();
        let before = wrong.len();
        differences(&case.document, &found, name, &mut wrong);
        let texts =
            [(case.text, String::new())].into_iter().chain(case.one.map(|(name, text)| (Some(text), name)));
        for (text, name_of_one) in texts {
            let printed = render(&document, &name_of_one, WIDTH);
            let mut pairs = text.iter().flatten().zip(printed.lines());
            wrong.extend(
                pairs
                    .find(|(wanted, found)| wanted != found)
                    .map(|(wanted, found)| format!("{name}, as text\n  wanted {wanted}\n  found  {found}")),
            );
            let is_whole = text.is_none_or(|text| text.len() == printed.lines().count());
            wrong.extend((!is_whole).then(|| format!("{name}: the text has another length")));
        }
        if wrong.len() > before + 5 {
            wrong.truncate(before + 5);
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}
