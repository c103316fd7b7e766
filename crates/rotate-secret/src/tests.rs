use replication::ErrorName;
use replication::lineage::{self, Tags};
use replication::observed;
use replication::secret::Pointer;
use serde_json::{Value, json};

use super::*;

pub const OWN: &str = "20261122t103400z-1f2e3d";
const OTHER: &str = "20261122t113400z-aaaaaa";

pub fn instance(version: u32, status: &str, id: &str) -> Instance {
    let name = format!("copy3-{version}");
    let tags = Tags::of_replication("stack", &id.parse().unwrap(), &"orders".parse().unwrap())
        .with(lineage::VERSION, version.to_string())
        .named(&name);
    Instance { status: status.into(), ..observed::testing::instance(&name, tags) }
}

fn state(purpose: &Value) -> VersionState {
    let mut document = json!({
        "DBInstance": {"db_instance_identifier": "copy3-7", "db_version": 7, "status": "Available", "waitSeconds": 15,
                       "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "available"}});
    for (name, value) in purpose.as_object().unwrap() {
        document[name] = value.clone();
    }
    lambda_task::parse(document).unwrap()
}

fn of_replication() -> VersionState {
    state(&json!({"Input": {
        "targetDBSnapshot": {"targetDBSnapshotIdentifier": "s",
                             "targetDBSnapshotArn": "arn:aws:rds:r:111122223333:snapshot:s"},
        "replication": {"id": OWN}}}))
}

fn of_rollback() -> VersionState {
    state(&json!({"version": 7}))
}

fn config() -> Config {
    let environment: Environment = [
        ("STACK_NAME", "stack"),
        ("SECRET_ARN", "secret"),
        ("NO_OF_OLDER_INSTANCES", "2"),
        ("PROMOTE", "automatic"),
        ("MASTER_PASSWORD", "keep"),
        ("STAGE_DEADLINE_SECONDS", "60"),
    ]
    .into_iter()
    .collect();
    Config::read(&environment).unwrap()
}

/// > The secret only ever points at this run's own instance, and at one that answers.
#[test]
fn the_secret_only_ever_points_at_this_runs_own_instance() {
    let own = [instance(7, "available", OWN)];
    let target = target::find(&config(), &own, &of_replication()).unwrap();
    assert_eq!(target.pointer, Pointer { host: "copy3-7.c1.example".into(), prefix: "copy3".into() });
    assert!(target.is_ready);
    let busy = [instance(7, "modifying", OWN)];
    assert!(!target::find(&config(), &busy, &of_replication()).unwrap().is_ready);
    for (instances, name) in [
        (vec![], ErrorName::NotFound),
        (vec![instance(7, "available", OTHER)], ErrorName::NameTaken),
        (vec![instance(7, "deleting", OWN)], ErrorName::InstanceNotReady),
    ] {
        let found = target::find(&config(), &instances, &of_replication());
        assert_eq!(found.err().unwrap().name(), name);
    }
    let of_any_replication = [instance(7, "available", OTHER)];
    assert!(target::find(&config(), &of_any_replication, &of_rollback()).is_ok());
    let mut foreign = instance(7, "available", OWN);
    foreign.tags = foreign.tags.with(lineage::STACK, "another-stack");
    let mut renumbered = instance(7, "available", OWN);
    renumbered.tags = renumbered.tags.with(lineage::VERSION, "8");
    let mut restored = instance(7, "available", OWN);
    restored.tags = restored.tags.with(lineage::RESTORED_VERSION, "5");
    for one in [foreign, renumbered, restored] {
        let instances = [one];
        let found = target::find(&config(), &instances, &of_rollback());
        assert_eq!(found.err().unwrap().name(), ErrorName::NameTaken);
    }
}

/// > A replication never takes the place of a newer one, and a rollback does as it is told.
#[test]
fn only_a_person_goes_back() {
    let manual = Config { promotes: false, ..config() };
    let newer = [instance(7, "available", OWN), instance(8, "available", OTHER)];
    let older = [instance(7, "available", OWN), instance(6, "available", "20261122t093400z-aaaaaa")];
    for (config, instances, live, state, outcome) in [
        (config(), &newer, "copy3-7", of_replication(), Some(Outcome::AlreadyMoved)),
        (config(), &newer, "copy3-8", of_replication(), Some(Outcome::NewerIsLive)),
        (config(), &older, "copy3-6", of_replication(), None),
        (config(), &older, "elsewhere", of_replication(), None),
        (manual.clone(), &older, "copy3-6", of_replication(), Some(Outcome::HeldBack)),
        (manual.clone(), &older, "copy3-7", of_replication(), Some(Outcome::AlreadyMoved)),
        (manual, &older, "copy3-6", of_rollback(), None),
        (config(), &newer, "copy3-8", of_rollback(), None),
    ] {
        let live = json!({"db_host": format!("{live}.c1.example"), "db_prefix": "copy3"}).to_string();
        let secret = Secret::parse(&live).unwrap();
        let target = target::find(&config, instances, &state).unwrap();
        assert_eq!(judge(&config, &state.purpose, instances, &target, &secret), outcome, "{live}");
    }
}

#[test]
fn another_run_may_move_the_secret_on_and_nobody_else() {
    let mut foreign = instance(9, "available", OTHER);
    foreign.tags = Tags::default();
    let there = [instance(7, "available", OWN), instance(8, "available", OTHER), foreign];
    for (host, expected) in
        [("copy3-8.c1.example", true), ("copy3-9.c1.example", false), ("elsewhere", false), ("", false)]
    {
        let pointer = Pointer { host: host.to_owned(), prefix: "copy3".to_owned() };
        assert_eq!(writing::names_ours(&config(), &there, &pointer), expected, "{host}");
    }
}

#[test]
fn a_word_that_is_no_choice_is_named() {
    let environment: Environment = [("PROMOTE", "x")].into_iter().collect();
    let error = choice(&environment, "PROMOTE", ["manual", "automatic"]).unwrap_err();
    assert_eq!(error.name(), ErrorName::InvalidConfiguration);
    assert!(error.to_string().contains("PROMOTE: \"x\" is neither manual nor automatic"), "{error}");
}
