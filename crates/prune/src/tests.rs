use serde_json::{Value, json};

use super::*;

/// A call with these earlier results.
fn input(stage: &str, state: &Value) -> Call {
    let execution = json!({"id": "arn:x", "name": "n", "startTime": "2026-11-22T10:34:00Z"});
    Call {
        execution: lambda_task::parse(execution).unwrap(),
        place: lambda_task::parse(json!(stage)).unwrap(),
        results: lambda_task::parse(state.clone()).unwrap(),
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
