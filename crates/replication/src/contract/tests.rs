use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::pacing::{Pace, Stage, StageName};
use crate::rollback::RequestedVersion;

const ARN: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:nightly-copy-in";

#[test]
fn a_message_of_the_original_is_understood() {
    let message: Message = serde_json::from_value(json!({"Input": {"targetDBSnapshot": {
        "targetDBSnapshotIdentifier": "nightly-copy-in", "targetDBSnapshotArn": ARN, "status": "Available"}}}))
    .unwrap();
    assert_eq!(message.input.target_db_snapshot.arn.to_string(), ARN);
    assert_eq!(message.input.replication, None);
}

#[test]
fn the_source_machine_starts_with_nothing_or_with_a_schedules_event() {
    for input in [json!({}), json!({"source": "aws.events", "detail": {}})] {
        let state: SourceState = serde_json::from_value(input).unwrap();
        assert_eq!(state.source_db_identifier, None);
    }
    let state: SourceState = serde_json::from_value(json!({"SourceDBIdentifier": "Orders"})).unwrap();
    assert_eq!(state.source_db_identifier.unwrap().as_str(), "orders");
}

#[test]
fn results_carry_the_names_of_the_original() {
    let stage = Stage {
        name: StageName::Restore,
        started_at: datetime!(2026-11-22 10:00 UTC),
        now: datetime!(2026-11-22 10:00 UTC),
        deadline_seconds: 60,
        pace: Pace::default(),
    };
    let instance = DbInstance {
        identifier: "orders-7".parse().unwrap(),
        version: 7,
        restored_version: None,
        host: None,
        resource_id: None,
        chosen: false,
        changing: None,
        left_out: vec![],
        stage: StageReport::pending(&stage, "creating", None),
    };
    assert_eq!(
        serde_json::to_value(&instance).unwrap(),
        json!({"db_instance_identifier": "orders-7", "db_version": 7, "status": "NotAvailable",
               "waitSeconds": 15, "startedAt": "2026-11-22T10:00:00Z", "rdsStatus": "creating"})
    );
    let back: DbInstance = serde_json::from_value(serde_json::to_value(&instance).unwrap()).unwrap();
    assert_eq!(back, instance);
}

#[test]
fn a_rollback_says_which_version() {
    let read = |document: Value| serde_json::from_value::<VersionState>(document);
    for (version, wanted) in [
        (json!(7), RequestedVersion::Version(7)),
        (json!("7"), RequestedVersion::Version(7)),
        (json!("previous"), RequestedVersion::Previous),
    ] {
        let state = read(json!({"version": version, "SourceDBIdentifier": "orders"})).unwrap();
        assert!(matches!(state.purpose, Purpose::RollBack { version, .. } if version == wanted));
    }
    for (document, said) in [
        (json!({}), "neither version"),
        (json!({"version": 0}), "0 is not"),
        (json!({"version": -1}), "-1 is not"),
        (json!({"version": 1.5}), "1.5 is not"),
        (json!({"version": "last"}), r#""last" is not a version"#),
        (json!({"version": "2.5"}), r#""2.5" is not"#),
        (json!({"version": ""}), r#""" is not"#),
        (json!({"version": 99_999_999_999_u64}), "99999999999 is larger than 4294967295, the largest number"),
        (json!({"version": "4294967296"}), r#""4294967296" is larger than 4294967295"#),
        (json!({"version": [7]}), "[7] is not"),
    ] {
        let error = read(document).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn an_envelope_names_the_run() {
    let envelope: Envelope<Value> = serde_json::from_value(json!({
        "execution": {"id": "arn:x", "name": "n", "startTime": "2026-11-22T10:34:00.123Z"}, "state": {}}))
    .unwrap();
    assert_eq!(
        envelope.execution.replication_id(),
        ReplicationId::new(datetime!(2026-11-22 10:34 UTC), "arn:x")
    );
}

/// > A run that began before an update of the stack ends under the id that it began with.
#[test]
fn a_run_keeps_the_id_in_the_name_of_its_snapshot() {
    let snapshot = |name: &str| {
        json!({"SourceDBSnapshotIdentifier": name, "sourceDBIdentifier": "orders", "status": "NotAvailable", "waitSeconds": 15,
               "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "creating"})
    };
    let id = |state: Value| {
        let envelope = json!({"execution": {"id": "arn:x", "name": "n", "startTime": "2026-11-22T10:34:00Z"}, "state": state});
        serde_json::from_value::<Envelope<SourceState>>(envelope).unwrap().replication_id()
    };
    let own = ReplicationId::new(datetime!(2026-11-22 10:34 UTC), "arn:x");
    assert_eq!(id(json!({})), own);
    let earlier = "20261122t103400z-1f2e3d";
    let named = snapshot(&format!("nightly-{earlier}"));
    assert_eq!(id(json!({"SourceDBSnapshot": named})).as_str(), earlier);
    assert_eq!(id(json!({"SourceDBSnapshot": snapshot("by-hand")})), own);
}
