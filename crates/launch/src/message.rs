//! Which messages start a replication.
//!
//! A message decides what data becomes this account's current version, so nothing in it is believed but what is checked
//! here: it comes from the configured topic, names a manual snapshot of the account that owns the topic, in the topic's
//! Region or in this one, and says which database it is of or leaves that to RDS. Fields that are not ours are dropped.

use replication::contract::{DestinationInput, Message, Replication};
use replication::destination::SourceDatabases;
use replication::lineage::Tags;
use replication::naming::{ReplicationId, SnapshotArn};
use replication::overrides::Overrides;
use replication::{Error, ErrorName};
use serde_json::json;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::{Config, Notification};

/// Longest message that is read, in bytes: SNS allows 256 KiB; ours has less than 2 KiB, and 20 KiB more with as many and as
/// long tags of the source database as RDS allows.
const LONGEST_MESSAGE_BYTES: usize = 64 * 1024;

/// How much later than its message a replication may have begun by its id: clocks differ a little, and no replication is
/// announced before it has begun.
const CLOCKS_DIFFER: Duration = Duration::minutes(10);
/// RDS began in October 2009, so that no replication can have an id of an earlier time.
const BEFORE_RDS: OffsetDateTime = datetime!(2009-10-01 00:00 UTC);

/// What to do about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Start an execution.
    Start(Box<Start>),
    /// It is for another stack that listens to the same topic; the text says why.
    Ignore(String),
}

/// An execution to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its name: the replication id.
    pub name: String,
    /// Its input, JSON.
    pub input: String,
}

/// Judges one message.
///
/// # Errors
/// [`ErrorName::MessageRefused`], with the reason and without the message's content.
pub fn judge(config: &Config, notification: &Notification) -> Result<Verdict, Error> {
    let refuse = |because: String| {
        Error::new(ErrorName::MessageRefused, format!("reading message {}", notification.message_id))
            .because(because)
            .advise("see who publishes to the topic; only the source stack should")
    };
    if notification.topic_arn != config.topic_arn {
        return Err(refuse(format!(
            "it comes from topic {}, not from {}",
            notification.topic_arn, config.topic_arn
        )));
    }
    if notification.message.len() > LONGEST_MESSAGE_BYTES {
        return Err(refuse(format!(
            "it has {} bytes, at most {LONGEST_MESSAGE_BYTES} are read",
            notification.message.len()
        )));
    }
    let json = serde_json::from_str(&notification.message).map_err(|error| {
        refuse(format!("it is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    let Message { input } = lambda_task::parse(json).map_err(|error| refuse(error.to_string()))?;

    let snapshot = &input.target_db_snapshot;
    check_place(config, &snapshot.arn).map_err(refuse)?;
    if snapshot.identifier != snapshot.arn.identifier {
        return Err(refuse(format!(
            "identifier {} and ARN {} name two snapshots",
            snapshot.identifier, snapshot.arn
        )));
    }

    let replication =
        input.replication.unwrap_or_else(|| of_original(notification, &snapshot.arn.to_string()));
    check_id(&replication.id, notification.timestamp).map_err(refuse)?;
    let databases = &config.source_databases;
    match (&replication.source_db_identifier, databases) {
        (Some(database), _) if !databases.include(database) => {
            return Ok(Verdict::Ignore(format!(
                "it is of database {database}, this stack is for {databases}"
            )));
        }
        (None, SourceDatabases::Matching(_)) => {
            return Err(refuse(
                "it does not say which database it is of, and this stack is for several".to_owned(),
            ));
        }
        _ => {}
    }
    let name = replication.id.to_string();
    let input = DestinationInput { target_db_snapshot: input.target_db_snapshot, replication };
    Ok(Verdict::Start(Box::new(Start { name, input: json!({ "Input": input }).to_string() })))
}

/// Refuses a snapshot of another account than the topic's, one of a Region that is neither the topic's nor this one, where the
/// source account may have copied it to, and one that RDS cannot copy from there.
fn check_place(config: &Config, arn: &SnapshotArn) -> Result<(), String> {
    let (place, source, own) = (arn.place(), config.source(), config.own());
    if place.account != source.account {
        return Err(format!(
            "snapshot {arn} is of account {}, not of {}, which owns the topic",
            place.account, source.account
        ));
    }
    if place.partition != own.partition {
        return Err(format!("snapshot {arn} is not in partition {}", own.partition));
    }
    if ![&source.region, &own.region].contains(&&place.region) {
        let elsewhere = if source.region == own.region {
            String::new()
        } else {
            format!(", nor in Region {}, which this stack is in", own.region)
        };
        return Err(format!(
            "snapshot {arn} is not in Region {}, which the topic is in{elsewhere}",
            source.region
        ));
    }
    match place.cannot_copy_into(&own) {
        Some(because) => Err(format!("snapshot {arn} cannot be copied: {because}")),
        None => Ok(()),
    }
}

/// Refuses an id that no replication can have. Versions with the same data are ordered by it, and what has no other time is
/// as old as it says.
fn check_id(id: &ReplicationId, sent_at: OffsetDateTime) -> Result<(), String> {
    match id.started_at() {
        None => Err(format!("its id {id} begins with no possible time")),
        Some(started_at) if started_at > sent_at + CLOCKS_DIFFER => {
            Err(format!("its id {id} is of a later time than the message itself"))
        }
        Some(started_at) if started_at < BEFORE_RDS => {
            Err(format!("its id {id} is of a time before there was RDS"))
        }
        Some(_) => Ok(()),
    }
}

/// The replication of a message that the original's source has sent, which says nothing of replications. The original
/// uses one snapshot name again and again, so its runs are distinguished by the message itself.
fn of_original(notification: &Notification, snapshot_arn: &str) -> Replication {
    Replication {
        id: ReplicationId::new(
            notification.timestamp,
            &format!("{snapshot_arn} {}", notification.message_id),
        ),
        source_db_identifier: None,
        source_db_snapshot_arn: None,
        shared_snapshot_is_copy: None,
        snapshot_database_time: None,
        source_tags: Tags::default(),
        overrides: Overrides::default(),
        shared_snapshot_hours: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:topic";
    const SNAPSHOT: &str = "arn:aws:rds:eu-west-1:111122223333:snapshot:nightly";

    fn config() -> Config {
        Config {
            machine_arn: "arn:aws:states:eu-west-1:444455556666:stateMachine:destination".to_owned(),
            topic_arn: TOPIC.to_owned(),
            source_databases: "orders".parse().unwrap(),
        }
    }

    fn notification(message: &Value) -> Notification {
        Notification {
            topic_arn: TOPIC.to_owned(),
            message_id: "m-1".to_owned(),
            timestamp: datetime!(2026-11-22 10:34 UTC),
            message: message.to_string(),
        }
    }

    fn original() -> Value {
        json!({"Input": {"targetDBSnapshot": {
            "targetDBSnapshotIdentifier": "nightly", "targetDBSnapshotArn": SNAPSHOT, "status": "Available"}}})
    }

    fn started(notification: &Notification) -> Start {
        match judge(&config(), notification).unwrap() {
            Verdict::Start(start) => *start,
            Verdict::Ignore(reason) => panic!("{reason}"),
        }
    }

    /// > Every delivery of one message leads to the same execution.
    #[test]
    fn a_message_of_the_original_gets_an_id_that_every_delivery_shares() {
        let first = started(&notification(&original()));
        assert!(first.name.starts_with("20261122t103400z-"), "{}", first.name);
        assert_eq!(first, started(&notification(&original())));
        let input: Value = serde_json::from_str(&first.input).unwrap();
        assert_eq!(input["Input"]["replication"]["id"], first.name.as_str());
        assert_eq!(input["Input"]["targetDBSnapshot"], original()["Input"]["targetDBSnapshot"]);

        let mut another = notification(&original());
        another.message_id = "m-2".to_owned();
        assert_ne!(first.name, started(&another).name);
    }

    #[test]
    fn our_message_keeps_its_id_and_loses_what_nobody_knows() {
        let mut message = original();
        message["Input"]["replication"] =
            json!({"id": "20261122t103400z-1f2e3d", "sourceDBIdentifier": "orders", "surprise": "x"});
        message["Input"]["DBInstance"] = json!({"db_instance_identifier": "planted"});
        let start = started(&notification(&message));
        assert_eq!(start.name, "20261122t103400z-1f2e3d");
        assert!(!start.input.contains("surprise") && !start.input.contains("planted"), "{}", start.input);
    }

    #[test]
    fn a_message_for_another_stack_is_ignored() {
        let mut message = original();
        message["Input"]["replication"] =
            json!({"id": "20261122t103400z-1f2e3d", "sourceDBIdentifier": "billing"});
        assert!(matches!(judge(&config(), &notification(&message)).unwrap(), Verdict::Ignore(_)));
    }

    /// > A message whose id is no possible time, or a later one than its own, starts nothing.
    #[test]
    fn an_id_that_no_replication_can_have_is_refused() {
        for (id, reason) in [
            ("99991231t235959z-abcdef", Some("is of a later time than the message itself")),
            ("00000101t000000z-abcdef", Some("is of a time before there was RDS")),
            ("20261122t104401z-abcdef", Some("is of a later time than the message itself")),
            ("20261340t103400z-abcdef", Some("begins with no possible time")),
            ("20260230t103400z-abcdef", Some("begins with no possible time")),
            ("20261122t250000z-abcdef", Some("begins with no possible time")),
            ("20261122t104400z-abcdef", None),
            ("20200101t000000z-abcdef", None),
        ] {
            let mut message = original();
            message["Input"]["replication"] = json!({"id": id});
            match (reason, judge(&config(), &notification(&message))) {
                (None, Ok(Verdict::Start(start))) => assert_eq!(start.name, id),
                (Some(reason), Err(error)) => {
                    assert_eq!(error.name(), ErrorName::MessageRefused);
                    assert!(error.to_string().contains(reason), "{error}");
                }
                (_, verdict) => panic!("{id}: {verdict:?}"),
            }
        }
    }

    /// > A message about a snapshot of the topic's Region starts a replication in another Region.
    /// > A message about a snapshot that the source account has copied into this Region starts a replication; one about a third
    /// > Region is refused.
    #[test]
    fn the_topic_says_in_which_region_the_source_is() {
        let judged = |own: &str, partition: &str, topic: &str, snapshot: &str| {
            let config = Config {
                machine_arn: format!("arn:{partition}:states:{own}:444455556666:stateMachine:destination"),
                topic_arn: format!("arn:{partition}:sns:{topic}:111122223333:topic"),
                ..config()
            };
            let mut message = original();
            message["Input"]["targetDBSnapshot"]["targetDBSnapshotArn"] =
                json!(format!("arn:{partition}:rds:{snapshot}:111122223333:snapshot:nightly"));
            let sent = Notification { topic_arn: config.topic_arn.clone(), ..notification(&message) };
            judge(&config, &sent).map_err(|error| error.to_string())
        };
        assert!(matches!(judged("eu-west-1", "aws", "us-east-1", "us-east-1"), Ok(Verdict::Start(_))));
        assert!(matches!(judged("eu-west-1", "aws", "us-east-1", "eu-west-1"), Ok(Verdict::Start(_))));
        let error = judged("eu-west-1", "aws", "us-east-1", "eu-central-1").unwrap_err();
        assert!(
            error.contains("is not in Region us-east-1, which the topic is in, nor in Region eu-west-1"),
            "{error}"
        );
        // What is copied into another Region is not for a destination in the source's own.
        let error = judged("us-east-1", "aws", "us-east-1", "eu-west-1").unwrap_err();
        assert!(error.contains("is not in Region us-east-1, which the topic is in"), "{error}");
        let error = judged("us-gov-east-1", "aws-us-gov", "us-gov-west-1", "us-gov-west-1").unwrap_err();
        assert!(error.contains("between Regions of GovCloud (US)"), "{error}");
    }

    /// > A message from another topic or about another account, Region or kind of thing starts nothing.
    #[test]
    fn what_is_not_to_be_trusted_is_refused_with_the_reason() {
        let with = |pointer: &str, value: Value| {
            let mut message = original();
            *message.pointer_mut(pointer).unwrap() = value;
            notification(&message)
        };
        let arn = "/Input/targetDBSnapshot/targetDBSnapshotArn";
        let foreign_topic = Notification { topic_arn: format!("{TOPIC}-2"), ..notification(&original()) };
        let text = |message: &str| Notification { message: message.to_owned(), ..notification(&original()) };
        for (notification, reason) in [
            (foreign_topic, "it comes from topic"),
            (text("{\"Input\": "), "it is not JSON"),
            (text("[]"), "reading field"),
            (text(&"x".repeat(1 << 20)), "it has 1048576 bytes"),
            (
                with(arn, json!("arn:aws:rds:eu-west-1:999999999999:snapshot:nightly")),
                "is of account 999999999999",
            ),
            (with(arn, json!("arn:aws:rds:eu-west-2:111122223333:snapshot:nightly")), "is not in Region"),
            (with(arn, json!("arn:aws:rds:eu-west-1:111122223333:db:nightly")), "targetDBSnapshotArn"),
            (with(arn, json!("arn:evil:rds:eu-west-1:111122223333:snapshot:nightly")), "an impossible form"),
            (
                with(arn, json!("arn:aws-cn:rds:eu-west-1:111122223333:snapshot:nightly")),
                "not in partition aws",
            ),
            (with(arn, json!("arn:aws:rds:eu-west-1:111122223333:snapshot:other")), "name two snapshots"),
            (with("/Input/targetDBSnapshot", json!(7)), "targetDBSnapshot"),
        ] {
            let error = judge(&config(), &notification).unwrap_err();
            assert_eq!(error.name(), ErrorName::MessageRefused);
            assert!(error.to_string().contains(reason), "{reason} in {error}");
        }
    }
}
