//! `notify` notifies the destination account of a shared snapshot, or alerts operators: of a run that has failed, timed out
//! or was stopped, and of what stays undeleted.
//!
//! Of an execution that a fleet has started it says nothing as long as that is running: the fleet reports on all of its
//! executions in one alert.
//!
//! Converges to: one message on a topic. Running it again publishes again, which is harmless: the destination starts
//! one execution per replication id, however often it is notified.
//!
//! Needs: `sns:Publish`, `states:DescribeExecution`.

mod alert;
mod chat;
mod event;
mod known;

use std::str::FromStr;

pub use alert::{Alert, Stack};
use aws_client::fault;
use aws_sdk_sfn::Client as States;
use aws_sdk_sfn::types::ExecutionStatus;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sns::types::MessageAttributeValue;
pub use event::Event;
use event::{Ended, Occasion};
use lambda_task::Environment;
use replication::contract::{Envelope, SourceState, message};
use replication::{Error, ErrorName};
use serde::Serialize;
use serde_json::Value;

/// Longest subject of an SNS message (SNS API, `Publish`).
const SUBJECT_LENGTH: usize = 100;

/// How EventBridge says that somebody has stopped an execution.
const ABORTED: &str = "ABORTED";

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The topic that the destination account listens to; the destination's own function has none.
    topic: Option<String>,
    alert_topic: String,
    alert_format: AlertFormat,
    stack: Stack,
    /// How many hours a shared snapshot stays, if a destination may be in another Region.
    shared_hours: Option<u32>,
}

/// In which form operators are alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AlertFormat {
    /// Text for everybody.
    Text,
    /// Text, and for subscribers by HTTPS, of which AWS Chatbot is one, what chats show.
    Chat,
}

impl FromStr for AlertFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "chat" => Ok(Self::Chat),
            _ => Err(()),
        }
    }
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let topic = environment.optional("TOPIC_ARN");
        let hours = "a whole number of hours from 0";
        // Only a source has snapshots that it shares.
        let shared_hours = match topic {
            Some(_) => environment.optional_parsed("SHARED_SNAPSHOT_HOURS", hours)?,
            None => None,
        };
        Ok(Self {
            topic,
            alert_topic: environment.text("ALERT_TOPIC_ARN")?,
            alert_format: environment.parsed("ALERT_FORMAT", "text or chat")?,
            stack: Stack {
                name: environment.text("STACK_NAME")?,
                database: environment.text("SOURCE_DB_IDENTIFIER")?,
            },
            shared_hours,
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

/// What has become of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// It was published.
    Published(Published),
    /// The report of the fleet that has started the execution says it.
    ByTheFleet {
        /// The execution of the fleet.
        #[serde(rename = "fleetRun")]
        fleet_run: String,
    },
}

/// Publishes what the event calls for: the message to the destination account, or an alert.
///
/// # Errors
/// `InvalidInput`, `InvalidConfiguration`, or a fault of SNS.
pub async fn run(sns: &Sns, states: &States, config: &Config, event: Value) -> Result<Told, Error> {
    let event = Event::read(event)?;
    if let Event::Alert(occasion) = &event
        && let Some(fleet_run) = occasion.fleet_run()
        && is_reported_by(states, &fleet_run, occasion).await
    {
        return Ok(Told::ByTheFleet { fleet_run });
    }
    publish_event(sns, states, config, event).await.map(Told::Published)
}

/// Whether an execution of the fleet is still to report on its children, or was stopped together with them. Where that is not
/// known, operators are better alerted twice than not at all.
async fn is_reported_by(states: &States, fleet_run: &str, occasion: &Occasion) -> bool {
    let was_stopped =
        matches!(occasion, Occasion::StatusChange(ended) if ended.status_change.status == ABORTED);
    match states.describe_execution().execution_arn(fleet_run).send().await {
        Ok(execution) => match execution.status() {
            ExecutionStatus::Running => true,
            ExecutionStatus::Aborted => was_stopped,
            _ => false,
        },
        Err(error) => {
            let error = fault(format!("describing execution {fleet_run}"), &error);
            tracing::warn!(%error, "the alert is sent although a fleet may report it");
            false
        }
    }
}

async fn publish_event(
    sns: &Sns,
    states: &States,
    config: &Config,
    event: Event,
) -> Result<Published, Error> {
    match event {
        Event::Alert(Occasion::StatusChange(ended)) => {
            let ended = with_own_words(states, ended).await;
            alert(sns, config, Occasion::StatusChange(ended)).await
        }
        Event::Alert(occasion) => alert(sns, config, occasion).await,
        Event::Message(envelope) => notify(sns, config, *envelope).await,
    }
}

/// Adds what was given when the execution was stopped, where the event has not brought it along.
async fn with_own_words(states: &States, mut ended: Ended) -> Ended {
    let change = &mut ended.status_change;
    if change.error.is_none() && change.cause.is_none() {
        let arn = &change.execution_arn;
        match states.describe_execution().execution_arn(arn).send().await {
            Ok(execution) => (change.error, change.cause) = (execution.error, execution.cause),
            // Operators are better alerted without these words than not at all.
            Err(error) => {
                let error = fault(format!("describing execution {arn}"), &error);
                tracing::warn!(%error, "the alert is sent without the cause of the execution's end");
            }
        }
    }
    ended
}

/// Alerts operators.
async fn alert(sns: &Sns, config: &Config, occasion: Occasion) -> Result<Published, Error> {
    let alert = Alert::of(&config.stack, occasion)?;
    let request = sns.publish().topic_arn(&config.alert_topic).subject(subject(&alert.subject()));
    let request = match config.alert_format {
        AlertFormat::Text => request.message(alert.text()),
        AlertFormat::Chat => request.message_structure("json").message(chat::for_each_protocol(&alert)),
    };
    publish(request, &config.alert_topic, None).await
}

/// Notifies the destination account.
async fn notify(sns: &Sns, config: &Config, envelope: Envelope<SourceState>) -> Result<Published, Error> {
    let message = message::of_run(envelope, config.shared_hours)?;
    let Some(topic) = &config.topic else {
        return Err(Error::new(ErrorName::InvalidConfiguration, "notifying the destination account")
            .because("the environment variable TOPIC_ARN is not set")
            .advise("update the stack"));
    };
    let unwritable = |error: String| Error::new(ErrorName::Rejected, "writing the message").because(error);
    let text = serde_json::to_string(&message).map_err(|error| unwritable(error.to_string()))?;
    let mut request = sns.publish().topic_arn(topic).message(text);
    let replication = message.input.replication;
    if let Some(database) = replication.as_ref().and_then(|r| r.source_db_identifier.as_ref()) {
        // So that a subscription can filter by database where one topic serves many.
        let attribute =
            MessageAttributeValue::builder().data_type("String").string_value(database.as_str()).build();
        let attribute = attribute.map_err(|error| unwritable(error.to_string()))?;
        request = request.message_attributes("sourceDBIdentifier", attribute);
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
fn subject(text: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { ' ' };
    text.chars().map(printable).take(SUBJECT_LENGTH).collect()
}
