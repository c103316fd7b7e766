//! `launch` starts the destination machine once for each message of the configured topic.
//!
//! Converges to: one execution named by the replication id. SNS delivers at least once and in any order; starting an
//! execution whose name exists is success, so a message that comes twice starts one replication.
//! What is not a message for this stack never reaches the machine: see [`message`].
//!
//! Needs: `states:StartExecution` on the one machine.

pub mod message;

use aws_client::{code_and_message, fault};
use aws_sdk_sfn::Client;
use lambda_task::Environment;
use replication::destination::SourceDatabases;
use replication::naming::arn_part;
use replication::{Error, ErrorName};
use serde::{Deserialize, Serialize};

use crate::message::{Start, Verdict};

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    machine_arn: String,
    topic_arn: String,
    source_databases: SourceDatabases,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            machine_arn: environment.text("STATE_MACHINE_ARN")?,
            topic_arn: environment.text("SOURCE_TOPIC_ARN")?,
            source_databases: environment
                .parsed("SOURCE_DB_IDENTIFIER", "a database identifier or a pattern of them")?,
        })
    }

    /// The account that owns the source database: the one that owns the topic.
    fn source_account(&self) -> &str {
        arn_part(&self.topic_arn, 4)
    }

    /// The partition of this stack.
    fn partition(&self) -> &str {
        arn_part(&self.machine_arn, 1)
    }

    /// The Region of this stack.
    fn region(&self) -> &str {
        arn_part(&self.machine_arn, 3)
    }
}

/// The event by which SNS calls a function.
#[derive(Debug, Clone, Deserialize)]
pub struct SnsEvent {
    /// The deliveries; SNS sends one, and promises nothing about it.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One delivery.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// The notification in it.
    #[serde(rename = "Sns")]
    pub sns: Notification,
}

/// What SNS says of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Notification {
    /// The topic it was published to.
    pub topic_arn: String,
    /// The id that SNS gave it, the same in every delivery.
    pub message_id: String,
    /// When it was published.
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: time::OffsetDateTime,
    /// Its text.
    pub message: String,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub enum Launched {
    /// An execution was started.
    Started {
        /// Its ARN.
        execution_arn: String,
    },
    /// An execution for this message was started before.
    AlreadyStarted {
        /// Its name.
        name: String,
    },
    /// The message is for another stack.
    Ignored {
        /// Why.
        reason: String,
    },
}

/// Starts one execution for each message that is for this stack. A message that is refused does not keep the others
/// from being started; the call then fails, so that SNS tries again and at last keeps the message in the dead-letter
/// queue.
///
/// # Errors
/// `InvalidInput` (not an event of SNS), `MessageRefused`, or a fault of Step Functions.
pub async fn run(machines: &Client, config: &Config, event: SnsEvent) -> Result<Vec<Launched>, Error> {
    let mut launched = Vec::with_capacity(event.records.len());
    let mut refused = None;
    for record in event.records {
        let outcome = match message::judge(config, &record.sns) {
            Ok(Verdict::Start(start)) => start_execution(machines, config, *start).await,
            Ok(Verdict::Ignore(reason)) => Ok(Launched::Ignored { reason }),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(outcome) => launched.push(outcome),
            Err(error) => {
                tracing::warn!(message_id = record.sns.message_id, cause = %error, "message not launched");
                refused.get_or_insert(error);
            }
        }
    }
    refused.map_or(Ok(launched), Err)
}

async fn start_execution(machines: &Client, config: &Config, start: Start) -> Result<Launched, Error> {
    let Start { name, input } = start;
    let answer = machines
        .start_execution()
        .state_machine_arn(&config.machine_arn)
        .name(&name)
        .input(input)
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(Launched::Started { execution_arn: answer.execution_arn().to_owned() }),
        Err(error) => match error.as_service_error() {
            Some(e) if e.is_execution_already_exists() => Ok(Launched::AlreadyStarted { name }),
            Some(e) if e.is_execution_limit_exceeded() => {
                Err(Error::new(ErrorName::Throttled, format!("starting execution {name}"))
                    .because(code_and_message(e)))
            }
            _ => Err(fault(format!("starting execution {name} of {}", config.machine_arn), &error)),
        },
    }
}
