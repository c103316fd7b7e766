use serde_json::{Value, json};

use super::*;

fn config(role: &str) -> Config {
    let variables = [
        ("STACK_NAME", "stack"),
        ("ACCOUNT_ROLE", role),
        ("SOURCE_DB_IDENTIFIER", "orders"),
        ("SNAPSHOTS_TO_KEEP", "2"),
        ("MAX_DELETIONS", "3"),
        ("SHARED_SNAPSHOT_HOURS", "12"),
        ("SECRET_ARN", "secret"),
        ("NO_OF_OLDER_INSTANCES", "2"),
        ("FINAL_SNAPSHOT", "false"),
    ];
    Config::read(&variables.into_iter().collect()).unwrap()
}

fn input(stage: &str, state: &Value) -> Input {
    lambda_task::parse(json!({
        "execution": {"id": "arn:x", "name": "n", "startTime": "2026-11-22T10:34:00Z"},
        "stage": stage, "state": state}))
    .unwrap()
}

#[test]
fn a_run_prunes_for_its_own_database() {
    let made = json!({"SourceDBIdentifier": "Billing", "SourceDBSnapshot": {"sourceDBIdentifier": "shop"}});
    for (role, state, database) in [
        ("source", json!({}), "orders"),
        ("source", json!({"SourceDBIdentifier": "Billing"}), "billing"),
        ("source", made.clone(), "shop"),
        ("destination", made, "orders"),
    ] {
        assert_eq!(input("room", &state).database(&config(role)).as_str(), database, "{role} {state}");
    }
}

#[test]
fn what_was_planned_at_the_other_end_of_the_run_counts() {
    let planned = json!({"status": "NotAvailable", "planned": [{"instance": "a"}, {"snapshot": "b"}]});
    let state = json!({"room": planned});
    let at_the_end = input("prune", &state);
    assert_eq!((at_the_end.planned(), at_the_end.planned_elsewhere()), (None, 2));
    let before = input("room", &state);
    assert_eq!((before.planned().map(<[Planned]>::len), before.planned_elsewhere()), (Some(2), 0));
}

/// > What RDS refuses to delete is counted once in a run, and later runs delete the rest before they try it again.
#[test]
fn what_was_refused_before_the_run_is_counted_at_its_end() {
    let state = json!({"room": {"status": "Available", "planned": [{"instance": "a"}, {"snapshot": "b"}],
        "deleted": ["b"], "left": [{"identifier": "a", "reason": "busy", "undeleted": true},
                                   {"identifier": "c", "reason": "a later run deletes it"}]}});
    let at_the_end = input("prune", &state);
    assert_eq!(at_the_end.planned_elsewhere(), 2);
    let refused = at_the_end.refused_elsewhere();
    assert_eq!(refused.iter().map(|left| left.identifier.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(input("room", &state).refused_elsewhere().is_empty());
}
