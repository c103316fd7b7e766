//! The message that notifies the destination account of a shared snapshot.

use super::{Envelope, Message, MessageInput, Replication, SharedSnapshot, SourceState};
use crate::{Error, ErrorName};

/// The message that crosses accounts, from the source machine's document. `shared_hours` is how long the snapshot stays, where
/// it is for a destination in another Region too.
///
/// # Errors
/// `InvalidInput` when the document has no shared snapshot yet.
pub fn of_run(envelope: Envelope<SourceState>, shared_hours: Option<u32>) -> Result<Message, Error> {
    let missing = |field: &str| {
        Error::new(ErrorName::InvalidInput, "notifying the destination account")
            .because(format!("field state.{field} is missing"))
    };
    let id = envelope.replication_id();
    let target = envelope.state.target_db_snapshot.ok_or_else(|| missing("targetDBSnapshot"))?;
    let source = envelope.state.source_db_snapshot.ok_or_else(|| missing("SourceDBSnapshot"))?;
    let replication = Replication {
        id,
        source_db_identifier: Some(source.source_db_identifier),
        shared_snapshot_is_copy: Some(source.arn != target.arn),
        source_db_snapshot_arn: source.arn,
        snapshot_database_time: source.snapshot_database_time,
        source_tags: source.source_tags,
        overrides: source.overrides,
        shared_snapshot_hours: shared_hours,
    };
    let target_db_snapshot = SharedSnapshot {
        identifier: target.identifier,
        arn: target.arn.ok_or_else(|| missing("targetDBSnapshot.targetDBSnapshotArn"))?,
        status: "Available".to_owned(),
    };
    Ok(Message { input: MessageInput { target_db_snapshot, replication: Some(replication) } })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SNAPSHOT: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:nightly";

    fn event(target: &str) -> Value {
        let stage = json!({"status": "Available", "waitSeconds": 15, "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "available"});
        let mut source = json!({"SourceDBSnapshotIdentifier": "nightly", "SourceDBSnapshotArn": SNAPSHOT, "sourceDBIdentifier": "orders"});
        let mut copy = json!({"targetDBSnapshotIdentifier": target, "targetDBSnapshotArn": format!("arn:aws:rds:eu-west-1:123456789012:snapshot:{target}"),
                              "copy": {"expected": "full", "reason": "why"}});
        for (name, value) in stage.as_object().unwrap() {
            source[name] = value.clone();
            copy[name] = value.clone();
        }
        json!({"execution": {"id": "arn:x", "name": "n", "startTime": "2026-11-22T10:34:00Z"},
               "state": {"SourceDBSnapshot": source, "targetDBSnapshot": copy}})
    }

    #[test]
    fn the_message_has_the_originals_three_fields_and_ours() {
        let message = of_run(serde_json::from_value(event("nightly-copy-in")).unwrap(), None).unwrap();
        let text = serde_json::to_value(&message).unwrap();
        assert_eq!(
            text["Input"]["targetDBSnapshot"],
            json!({"targetDBSnapshotIdentifier": "nightly-copy-in",
                   "targetDBSnapshotArn": "arn:aws:rds:eu-west-1:123456789012:snapshot:nightly-copy-in",
                   "status": "Available"})
        );
        assert_eq!(text["Input"]["replication"]["sharedSnapshotHours"], Value::Null);
        let replication = message.input.replication.unwrap();
        assert_eq!(replication.source_db_identifier.unwrap().as_str(), "orders");
        assert_eq!(replication.shared_snapshot_is_copy, Some(true));
    }

    #[test]
    fn a_snapshot_that_is_shared_as_it_is_is_not_a_copy() {
        let message = of_run(serde_json::from_value(event("nightly")).unwrap(), Some(12)).unwrap();
        let replication = message.input.replication.unwrap();
        assert_eq!(
            (replication.shared_snapshot_is_copy, replication.shared_snapshot_hours),
            (Some(false), Some(12))
        );
    }

    #[test]
    fn a_document_without_a_shared_snapshot_is_refused() {
        let mut event = event("nightly");
        event["state"].as_object_mut().unwrap().remove("targetDBSnapshot");
        let error = of_run(serde_json::from_value(event).unwrap(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "notifying the destination account: field state.targetDBSnapshot is missing"
        );
    }
}
