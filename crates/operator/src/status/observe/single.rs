//! What is asked of services of which no more is wanted: the alarms, the dead-letter queue and the schedule.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::account::Account;
use crate::failure::{Failure, fault};
use crate::question::{Question, ask};
use crate::status::facts::{Alarm, Schedule, Stack};
use crate::status::observe::stacks;

const KEY: Question = Question {
    service: "kms",
    operation: "kms:DescribeKey",
    target: "TrentService.DescribeKey",
    version: "1.1",
};
const ALARMS: Question = Question {
    service: "monitoring",
    operation: "cloudwatch:DescribeAlarms",
    target: "GraniteServiceVersion20100801.DescribeAlarms",
    version: "1.0",
};
const QUEUE: Question = Question {
    service: "sqs",
    operation: "sqs:GetQueueAttributes",
    target: "AmazonSQS.GetQueueAttributes",
    version: "1.0",
};
const RULE: Question = Question {
    service: "events",
    operation: "events:DescribeRule",
    target: "AWSEvents.DescribeRule",
    version: "1.1",
};
/// The messages of a queue that wait, and those that somebody has taken and not deleted.
const WAITING: [&str; 2] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
/// What an alarm is called in a template.
pub const ALARM: &str = "AWS::CloudWatch::Alarm";
/// The most alarms of one answer (API of CloudWatch, `DescribeAlarms`).
const MOST_ALARMS: usize = 100;

/// What KMS says of a key (`KeyMetadata`).
///
/// # Errors
/// A fault of KMS.
pub async fn key(account: &Account, key: &str) -> Result<Value, Failure> {
    Ok(ask(account, KEY, &json!({ "KeyId": key })).await?["KeyMetadata"].take())
}

/// The alarms of a stack, by their logical names.
///
/// # Errors
/// A fault of CloudFormation or CloudWatch.
pub async fn alarms(account: &Account, stack: &Stack) -> Result<Vec<Alarm>, Failure> {
    let ids = stacks::physical_ids(account, stack, ALARM).await?;
    Ok(described_alarms(account, &ids).await?.into_iter().map(|(alarm, _)| alarm).collect())
}

/// The alarms that a stack has under these ids, each with all that CloudWatch says of it.
///
/// # Errors
/// A fault of CloudWatch.
pub async fn described_alarms(
    account: &Account,
    ids: &BTreeMap<String, String>,
) -> Result<Vec<(Alarm, Value)>, Failure> {
    let names: BTreeMap<&str, &String> =
        ids.iter().map(|(logical, physical)| (physical.as_str(), logical)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<&&str> = names.keys().take(MOST_ALARMS).collect();
    let answer = ask(account, ALARMS, &json!({"AlarmNames": asked, "MaxRecords": MOST_ALARMS})).await?;
    let read = |found: &Value| {
        let alarm = Alarm {
            name: String::clone(names.get(found["AlarmName"].as_str()?)?),
            state: found["StateValue"].as_str()?.to_owned(),
            since: moment(&found["StateUpdatedTimestamp"]),
        };
        Some((alarm, found.clone()))
    };
    let mut alarms: Vec<(Alarm, Value)> =
        answer["MetricAlarms"].as_array().into_iter().flatten().filter_map(read).collect();
    alarms.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    Ok(alarms)
}

/// A moment in an answer: seconds since 1970 or, from what is not AWS, a text.
fn moment(value: &Value) -> Option<OffsetDateTime> {
    #[expect(clippy::cast_possible_truncation, reason = "a part of a second says nothing here")]
    let seconds = value.as_f64().map(|seconds| seconds as i64);
    let of_number = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    of_number.or_else(|| replication::lineage::read_time(value.as_str()?))
}

/// How many messages a queue has.
///
/// # Errors
/// A fault of SQS.
pub async fn waiting_messages(account: &Account, queue: &str) -> Result<i64, Failure> {
    let answer = ask(account, QUEUE, &json!({"QueueUrl": queue, "AttributeNames": WAITING})).await?;
    let number = |name: &&str| answer["Attributes"][*name].as_str().and_then(|text| text.parse::<i64>().ok());
    Ok(WAITING.iter().filter_map(number).sum())
}

/// The rule that starts replications.
///
/// # Errors
/// A fault of EventBridge or, for a stack of an earlier release, CloudFormation.
pub async fn schedule(account: &Account, stack: &Stack) -> Result<Schedule, Failure> {
    let rule = match stack.output("ScheduleRuleName") {
        "" => rule_in(account, stack, "ScheduleRule").await?,
        rule => rule.to_owned(),
    };
    schedule_named(account, &rule).await
}

/// The rule of a stack that has this logical name.
///
/// # Errors
/// A fault of CloudFormation or EventBridge.
pub async fn schedule_of(account: &Account, stack: &Stack, rule: &str) -> Result<Schedule, Failure> {
    schedule_named(account, &rule_in(account, stack, rule).await?).await
}

async fn schedule_named(account: &Account, rule: &str) -> Result<Schedule, Failure> {
    let answer = ask(account, RULE, &json!({"Name": rule})).await?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    Ok(Schedule { rule: rule.to_owned(), expression: text("ScheduleExpression"), state: text("State") })
}

async fn rule_in(account: &Account, stack: &Stack, rule: &str) -> Result<String, Failure> {
    let client = account.stacks();
    let answer = client.describe_stack_resource().stack_name(&stack.name).logical_resource_id(rule);
    let answer =
        answer.send().await.map_err(|error| fault("cloudformation:DescribeStackResource", &error))?;
    let detail = answer.stack_resource_detail().and_then(|detail| detail.physical_resource_id());
    Ok(detail.unwrap_or_default().to_owned())
}
