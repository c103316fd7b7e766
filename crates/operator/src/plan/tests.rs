//! A run thought through, from facts to calls.

use replication::copying::Kind as Copied;
use replication::lineage::{self, DELETION_TAG, Tags};
use replication::machines::Machine;
use replication::naming::InstanceIdentifier;
use replication::observed::testing::{host, instance, snapshot};
use replication::observed::{Instance, Snapshot};
use replication::overrides::Overrides;
use replication::place::Place;
use replication::preflight::Facts as Offered;
use replication::quota::SnapshotQuota;
use replication::retention::InUse;
use replication::secret::{Secret, Version};
use replication::{Error, ErrorName};
use time::macros::datetime;

use super::destination::{self, Outcome};
use super::document::Quota;
use super::journal::{INSTANCES, Journal, MANUAL_SNAPSHOTS};
use super::source::{self, Announced, Described};
use crate::settings::testing::environment;
use crate::settings::{Receiving, Source};

const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:execution:source:plan";

fn journal() -> Journal {
    Journal::new(datetime!(2026-11-26 12:00 UTC), MACHINE.to_owned())
}

fn orders() -> InstanceIdentifier {
    "orders".parse().unwrap()
}

fn source_settings() -> Source {
    Source {
        stack: "source".to_owned(),
        database: orders(),
        snapshot_name: "nightly".to_owned(),
        extra_tags: Tags::default(),
        carries_source_tags: false,
        snapshot_deadline: 3600,
        key: "shared".to_owned(),
        copies_into: None,
        copy_deadline: 3600,
        destination_account: "444455556666".to_owned(),
        announced_hours: None,
        keep: 1,
        shared_hours: 0,
        max_deletions: 10,
    }
}

/// A snapshot of an earlier run, on a day of the month.
fn earlier(base: &str, day: u32, ending: &str, stack: &str) -> Snapshot {
    let id = format!("202611{day:02}t000000z-aaaaaa");
    let name = format!("{base}-{id}{ending}");
    let mut tags = Tags::of_replication(stack, &id.parse().unwrap(), &orders()).named(&name);
    if !ending.is_empty() || base != "nightly" {
        tags = tags.with(
            lineage::SOURCE_SNAPSHOT,
            format!("arn:aws:rds:eu-west-1:111122223333:snapshot:nightly-{id}-copy-in"),
        );
    }
    let mut one = snapshot(&name, "available", tags);
    one.arn.region = "eu-west-1".to_owned();
    one.key_arn = Some("shared-arn".to_owned());
    one.data_time = Some(format!("2026-11-{day:02}T00:00:00Z"));
    one
}

fn source_facts() -> source::Facts {
    let arn = "arn:aws:rds:eu-west-1:111122223333:db:orders".to_owned();
    let described =
        Described { encrypted: true, key_arn: Some("own-arn".to_owned()), ..Described::default() };
    source::Facts {
        database: Some((Instance { arn, ..instance("orders", Tags::default()) }, described)),
        option_groups: vec![],
        snapshots: vec![earlier("nightly", 1, "", "source"), earlier("nightly", 1, "-copy-in", "source")],
        key: Ok("shared-arn".to_owned()),
        quota: Some(SnapshotQuota { used: 2, max: 100 }),
        quota_elsewhere: None,
    }
}

fn in_source(facts: &source::Facts) -> (Journal, Result<Announced, Error>) {
    let mut journal = journal();
    let ended = source::run(&mut journal, &source_settings(), facts, &orders());
    (journal, ended)
}

fn actions(journal: &Journal) -> Vec<&str> {
    let calls = journal.states.iter().flat_map(|state| &state.calls);
    calls.map(|call| call.action.split_once(':').unwrap().1).collect()
}

/// What a run calls in the source account, in its order: it replaces what the last run has left.
#[test]
fn a_run_makes_copies_shares_and_deletes() {
    let (journal, ended) = in_source(&source_facts());
    let announced = ended.unwrap();
    let [made, copied] = ["CreateDBSnapshot", "CopyDBSnapshot"];
    let shared = ["AddTagsToResource", "ModifyDBSnapshotAttribute", "Publish"];
    let deleted = ["DeleteDBSnapshot", "DeleteDBSnapshot"];
    assert_eq!(actions(&journal), [&[made, copied], &shared[..], &deleted].concat());
    assert_eq!(announced.kept.len(), 2);
    let copy = journal.states.iter().find_map(|state| state.copy.clone()).unwrap();
    assert_eq!(copy.expected, Copied::Incremental, "{}", copy.reason);
    assert_eq!(announced.input.replication.shared_snapshot_is_copy, Some(true));
    assert!(
        journal.states.iter().any(|state| state.expected_seconds.is_none()),
        "no run has said how long it took"
    );
}

#[test]
fn what_is_under_the_shared_key_is_shared_as_it_is() {
    let mut facts = source_facts();
    facts.key = Ok("own-arn".to_owned());
    let (journal, ended) = in_source(&facts);
    assert_eq!(ended.unwrap().input.replication.shared_snapshot_is_copy, Some(false));
    assert!(!actions(&journal).contains(&"CopyDBSnapshot"));
}

/// Something that ends a run.
type Break = fn(&mut source::Facts);

/// What ends a run is said with its own error, in the state that would end with it.
#[test]
fn what_ends_a_run_has_its_error_and_its_state() {
    let stopped = |facts: &mut source::Facts| facts.database.as_mut().unwrap().0.status = "stopped".into();
    let gone = |facts: &mut source::Facts| facts.database = None;
    let full = |facts: &mut source::Facts| facts.quota = Some(SnapshotQuota { used: 99, max: 100 });
    let disabled = |facts: &mut source::Facts| {
        facts.key = Err(Error::new(ErrorName::KeyUnusable, "checking KMS key shared"));
    };
    for (break_it, error, task, made) in [
        (stopped as Break, ErrorName::InstanceNotReady, "snapshot", 0),
        (gone, ErrorName::NotFound, "snapshot", 0),
        (disabled, ErrorName::KeyUnusable, "copy", 1),
        (full, ErrorName::QuotaExceeded, "copy", 1),
    ] {
        let mut facts = source_facts();
        break_it(&mut facts);
        let (journal, ended) = in_source(&facts);
        assert_eq!(ended.unwrap_err().name(), error);
        let state = super::journal::state_of(Machine::Source, task, false).state;
        assert_eq!(journal.states.last().unwrap().state, state);
        assert_eq!(actions(&journal).len(), made, "{error:?}");
    }
}

fn receiving(chosen: &[(&str, &str)]) -> Receiving {
    let all = environment(chosen);
    Receiving::of(|_| Ok::<_, ()>(&all), &Overrides::default()).unwrap().unwrap()
}

/// A version of an earlier run, on a day of the month.
fn version(number: u32, day: u32) -> Instance {
    let name = format!("copy-{number}");
    let id = format!("202611{day:02}t000000z-aaaaaa");
    let tags = Tags::of_replication("destination", &id.parse().unwrap(), &orders())
        .named(&name)
        .with(lineage::VERSION, number.to_string());
    let mut one = instance(&name, tags);
    one.tags = one.tags.with(lineage::RESOURCE_ID, one.resource_id.clone().unwrap());
    one
}

fn facts(live: &str, instances: Vec<Instance>, snapshots: Vec<Snapshot>) -> destination::Facts {
    let text = if live.is_empty() {
        r#"{"db_host":"","db_prefix":""}"#.to_owned()
    } else {
        format!(r#"{{"db_host":"{}","db_prefix":"copy"}}"#, host(live))
    };
    destination::Facts {
        place: Place::of_arn("arn:aws:states:eu-west-1:444455556666:stateMachine:destination"),
        instances,
        snapshots,
        secret: Some(Version { id: "v1".to_owned(), secret: Secret::parse(&text).unwrap() }),
        passwords: None,
        in_use: InUse::default(),
        key: Ok("key-arn".to_owned()),
        shared_key: Ok(()),
        offered: Offered::default(),
        quota: Some(SnapshotQuota { used: 1, max: 100 }),
    }
}

/// A whole run.
fn whole(
    chosen: &[(&str, &str)],
    facts: &destination::Facts,
) -> (Journal, Result<destination::Ended, Error>) {
    let (mut journal, announced) = in_source(&source_facts());
    let announced = announced.unwrap();
    let settings = receiving(chosen);
    let replicated = settings.destination.of(Some(&orders()), "planning").unwrap();
    let ended = destination::run(&mut journal, &settings, &replicated, facts, &announced);
    (journal, ended)
}

/// A whole run, with what is called in the destination account.
fn in_destination(
    chosen: &[(&str, &str)],
    facts: &destination::Facts,
) -> (Vec<(String, String)>, Result<Outcome, Error>) {
    let (journal, ended) = whole(chosen, facts);
    let there = journal.states.iter().filter(|state| state.machine == Machine::Destination);
    let calls = there.flat_map(|state| &state.calls);
    let short = |action: &str| action.split_once(':').unwrap().1.to_owned();
    let calls = calls.map(|call| (short(&call.action), call.resource.clone())).collect();
    (calls, ended.map(|ended| ended.outcome))
}

fn about<'a>(calls: &'a [(String, String)], action: &str) -> Vec<&'a str> {
    calls.iter().filter(|(one, _)| one == action).map(|(_, resource)| resource.as_str()).collect()
}

/// The run restores the next version, moves the secret to it, marks what that supersedes and deletes it.
#[test]
fn a_run_replaces_the_version_that_is_live() {
    let there = facts("copy-1", vec![version(1, 1)], vec![earlier("copy", 1, "", "destination")]);
    let (calls, outcome) = in_destination(&[("MAX_ALLOCATED_STORAGE", "100")], &there);
    assert_eq!(outcome.unwrap(), Outcome::Live);
    assert_eq!(about(&calls, "RestoreDBInstanceFromDBSnapshot"), ["copy-2"]);
    assert_eq!(about(&calls, "ModifyDBInstance"), ["copy-2"], "MaxAllocatedStorage");
    assert_eq!(about(&calls, "PutSecretValue").len(), 1);
    assert!(about(&calls, "AddTagsToResource").contains(&"copy-1"), "{calls:?}");
    assert_eq!(about(&calls, "DeleteDBInstance"), ["copy-1"]);
    assert_eq!(about(&calls, "DeleteDBSnapshot"), ["copy-20261101t000000z-aaaaaa"]);
}

#[test]
fn the_stack_says_how_a_run_ends() {
    let nothing = || facts("", vec![], vec![]);
    let (calls, outcome) = in_destination(&[], &nothing());
    assert_eq!(outcome.unwrap(), Outcome::Live);
    assert_eq!(about(&calls, "RestoreDBInstanceFromDBSnapshot"), ["copy-1"]);
    assert!(about(&calls, "DeleteDBInstance").is_empty());

    let there = facts("copy-1", vec![version(1, 1)], vec![]);
    let (calls, outcome) = in_destination(&[("PROMOTE", "manual")], &there);
    assert_eq!(outcome.unwrap(), Outcome::HeldBack);
    assert!(about(&calls, "PutSecretValue").is_empty());

    let (calls, outcome) = in_destination(&[("MASTER_PASSWORD", "rotate")], &there);
    assert_eq!(outcome.unwrap(), Outcome::Live);
    assert_eq!(about(&calls, "PutSecretValue").len(), 2, "the password, then the move");
    assert_eq!(about(&calls, "ModifyDBInstance"), ["copy-2"]);

    let (calls, outcome) = in_destination(&[], &facts("copy-1", vec![version(1, 30)], vec![]));
    assert_eq!(outcome.unwrap(), Outcome::Superseded, "what is live has newer data");
    assert!(about(&calls, "CopyDBSnapshot").is_empty());

    let ahead = facts("copy-1", vec![version(1, 1), version(2, 2)], vec![]);
    let (_, outcome) = in_destination(&[("PROMOTE", "manual")], &ahead);
    assert_eq!(outcome.unwrap_err().name(), ErrorName::TooManyVersionsAhead);
}

/// What carries the deletion tag goes before the run makes anything, and counts among its deletions.
#[test]
fn what_is_marked_goes_first() {
    let mut old = version(1, 1);
    old.tags = old.tags.with(DELETION_TAG.0, DELETION_TAG.1);
    let there = facts("copy-2", vec![old, version(2, 2)], vec![]);
    let (calls, outcome) = in_destination(&[("MAX_DELETIONS", "2"), ("FINAL_SNAPSHOT", "true")], &there);
    assert_eq!(outcome.unwrap(), Outcome::Live);
    assert_eq!(calls[0], ("DeleteDBInstance".to_owned(), "copy-1".to_owned()));
    assert_eq!(about(&calls, "DeleteDBInstance"), ["copy-1", "copy-2"]);
}

/// A quota is counted in the Region that it is of, with final snapshots, and at the run's most.
#[test]
fn a_quota_counts_what_is_there_at_once() {
    let needed = |journal: &Journal, machine, region: &str, name| {
        let mut quota = Quota::of(machine, "", region, name, (10, 100));
        quota.count(&journal.states);
        quota.needed
    };
    let settings = Source { copies_into: Some("eu-central-1".to_owned()), ..source_settings() };
    let mut journal = journal();
    source::run(&mut journal, &settings, &source_facts(), &orders()).unwrap();
    for region in ["eu-west-1", "eu-central-1"] {
        assert_eq!(needed(&journal, Machine::Source, region, MANUAL_SNAPSHOTS), 11, "{region}");
    }

    let mut old = version(1, 1);
    old.tags = old.tags.with(DELETION_TAG.0, DELETION_TAG.1);
    let there = facts("copy-2", vec![old, version(2, 2)], vec![]);
    let (journal, ended) = whole(&[("MAX_DELETIONS", "2"), ("FINAL_SNAPSHOT", "true")], &there);
    ended.unwrap();
    let here = |name| needed(&journal, Machine::Destination, "eu-west-1", name);
    assert_eq!(here(MANUAL_SNAPSHOTS), 13, "the copy and two final snapshots");
    assert_eq!(here(INSTANCES), 10, "the old one goes before the new one comes");
}
