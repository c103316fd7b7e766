//! `notify` tells the destination account that a snapshot is shared, or a person that a run has failed.
//!
//! Converges to: one message on a topic. Running it again publishes again, which is harmless: the destination starts
//! one execution per replication id, however often it hears of it.
//!
//! Needs: `sns:Publish`.

mod alert;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use lambda_task::{AccountRole, Environment, fault};
use replication::contract::{Envelope, Message, MessageInput, Replication, SharedSnapshot, SourceState};
use replication::{Error, ErrorName};
use serde::Serialize;
use serde_json::Value;

pub use alert::Alert;

/// Longest subject of an SNS message (SNS API, `Publish`).
const SUBJECT_LENGTH: usize = 100;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The topic that the destination account listens to; the destination's own function has none.
    topic: Option<String>,
    alert_topic: String,
}

impl Config {
    /// The environment variables this function reads in both accounts.
    pub const ENVIRONMENT: &[&str] = &["ALERT_TOPIC_ARN"];
    /// The environment variables this function reads in the source account only.
    pub const SOURCE_ENVIRONMENT: &[&str] = &["TOPIC_ARN"];

    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            topic: environment.optional("TOPIC_ARN"),
            alert_topic: environment.text("ALERT_TOPIC_ARN")?,
        })
    }
}

/// What was published where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The topic.
    pub topic_arn: String,
    /// The id that SNS gave the message.
    pub message_id: String,
    /// The replication, where the message is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_id: Option<String>,
}

/// Publishes what the event calls for: the message to the destination account, or an alert.
///
/// # Errors
/// `InvalidInput`, `InvalidConfiguration`, or a fault of SNS.
pub async fn run(sns: &Client, config: &Config, event: Value) -> Result<Published, Error> {
    // Only the source account has a topic for the other one.
    let account = if config.topic.is_some() { AccountRole::Source } else { AccountRole::Destination };
    if let Some(alert) = Alert::of_event(account, &event)? {
        let request =
            sns.publish().topic_arn(&config.alert_topic).subject(subject(&alert)).message(alert.text());
        return publish(request, &config.alert_topic, None).await;
    }
    let message = message(lambda_task::parse(event)?)?;
    let Some(topic) = &config.topic else {
        return Err(Error::new(ErrorName::InvalidConfiguration, "notifying the destination account")
            .because("the environment variable TOPIC_ARN is not set")
            .advise("update the stack"));
    };
    let text = serde_json::to_string(&message)
        .map_err(|error| Error::new(ErrorName::Rejected, "writing the message").because(error.to_string()))?;
    let mut request = sns.publish().topic_arn(topic).message(text);
    let replication = message.input.replication;
    if let Some(database) = replication.as_ref().and_then(|r| r.source_db_identifier.as_ref()) {
        // So that a subscription can filter by database where one topic serves many.
        let attribute =
            MessageAttributeValue::builder().data_type("String").string_value(database.as_str()).build();
        request = request.message_attributes(
            "sourceDBIdentifier",
            attribute.map_err(|error| {
                Error::new(ErrorName::Rejected, "writing the message").because(error.to_string())
            })?,
        );
    }
    publish(request, topic, replication.map(|r| r.id.into())).await
}

async fn publish(
    request: aws_sdk_sns::operation::publish::builders::PublishFluentBuilder,
    topic: &str,
    replication_id: Option<String>,
) -> Result<Published, Error> {
    let answer = request.send().await.map_err(|error| {
        if error.as_service_error().is_some_and(|e| e.is_not_found_exception()) {
            Error::new(ErrorName::NotFound, format!("publishing to topic {topic}"))
                .because("the topic does not exist")
                .advise("update the stack, which makes it")
        } else {
            fault(format!("publishing to topic {topic}"), &error)
        }
    })?;
    let message_id = answer.message_id().unwrap_or_default().to_owned();
    Ok(Published { topic_arn: topic.to_owned(), message_id, replication_id })
}

/// SNS wants a subject of printable ASCII, at most 100 characters, in one line.
fn subject(alert: &Alert) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { ' ' };
    alert.subject().chars().map(printable).take(SUBJECT_LENGTH).collect()
}

/// The message that crosses accounts, from the source machine's document.
///
/// # Errors
/// `InvalidInput` when the document has no shared snapshot yet.
pub fn message(envelope: Envelope<SourceState>) -> Result<Message, Error> {
    let missing = |field: &str| {
        Error::new(ErrorName::InvalidInput, "notifying the destination account")
            .because(format!("field state.{field} is missing"))
    };
    let target = envelope.state.target_db_snapshot.ok_or_else(|| missing("targetDBSnapshot"))?;
    let source = envelope.state.source_db_snapshot.ok_or_else(|| missing("SourceDBSnapshot"))?;
    let replication = Replication {
        id: envelope.execution.replication_id(),
        source_db_identifier: Some(source.source_db_identifier),
        shared_snapshot_is_copy: Some(source.arn != target.arn),
        source_db_snapshot_arn: source.arn,
        snapshot_database_time: source.snapshot_database_time,
        source_tags: source.source_tags,
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
    use serde_json::json;

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
    fn the_message_has_the_originals_three_fields_and_ours_beside_them() {
        let message = message(lambda_task::parse(event("nightly-copy-in")).unwrap()).unwrap();
        let text = serde_json::to_value(&message).unwrap();
        assert_eq!(
            text["Input"]["targetDBSnapshot"],
            json!({"targetDBSnapshotIdentifier": "nightly-copy-in",
                   "targetDBSnapshotArn": "arn:aws:rds:eu-west-1:123456789012:snapshot:nightly-copy-in",
                   "status": "Available"})
        );
        let replication = message.input.replication.unwrap();
        assert_eq!(replication.source_db_identifier.unwrap().as_str(), "orders");
        assert_eq!(replication.shared_snapshot_is_copy, Some(true));
    }

    #[test]
    fn a_snapshot_that_is_shared_as_it_is_is_not_a_copy() {
        let message = message(lambda_task::parse(event("nightly")).unwrap()).unwrap();
        assert_eq!(message.input.replication.unwrap().shared_snapshot_is_copy, Some(false));
    }

    #[test]
    fn a_document_without_a_shared_snapshot_is_refused() {
        let mut event = event("nightly");
        event["state"].as_object_mut().unwrap().remove("targetDBSnapshot");
        let error = message(lambda_task::parse(event).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "notifying the destination account: field state.targetDBSnapshot is missing"
        );
    }
}
