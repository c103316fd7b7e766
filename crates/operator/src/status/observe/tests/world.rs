//! Both accounts as they answer, with one replication that made version 1.

use std::sync::{Arc, Mutex};

use replication::naming::{self, ReplicationId};
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::super::{Asked, facts};
use crate::account::Account;
use crate::status::facts::{Facts, Read};
use crate::tests::{FakeAccount, paged};

pub const A: &str = "111111111111";
pub const B: &str = "222222222222";
pub const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:topic";
pub const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:orders/read-abcdef";
pub const CANARY: &str = "Canary-1f2e3d-never-shown";

/// A moment before now.
pub fn ago(minutes: i64) -> OffsetDateTime {
    NOW - Duration::minutes(minutes)
}

/// Tags of ours, the names without their beginning.
pub fn tags(values: &[(&str, &str)]) -> Value {
    values
        .iter()
        .map(|(key, value)| json!({"Key": format!("rds-replication:{key}"), "Value": value}))
        .collect()
}

/// An execution: when it started, its description, and its events.
type Described = (OffsetDateTime, Value, Vec<Value>);

/// The executions of one machine, newest first.
#[derive(Clone)]
pub struct Machine {
    pub arn: String,
    executions: Arc<Mutex<Vec<Described>>>,
}

impl Machine {
    pub fn new(account: &str, name: &str) -> Self {
        Self {
            arn: format!("arn:aws:states:eu-west-1:{account}:stateMachine:{name}"),
            executions: Arc::default(),
        }
    }

    /// Adds an execution with these fields of its description and these events.
    pub fn run(&self, name: &str, start: OffsetDateTime, more: &Value, events: Vec<Value>) -> String {
        let arn = naming::execution_arn(&self.arn, name);
        let mut described = Map::new();
        let seconds = start.unix_timestamp();
        let usual = json!({
            "executionArn": arn, "stateMachineArn": self.arn, "name": name, "status": "SUCCEEDED", "startDate": seconds,
            "stopDate": seconds, "input": "{}", "output": "{}",
        });
        for (key, value) in usual.as_object().into_iter().chain(more.as_object()).flatten() {
            described.insert(key.clone(), value.clone());
        }
        let mut executions = self.executions.lock().unwrap();
        executions.push((start, described.into(), events));
        executions.sort_by_key(|(start, ..)| std::cmp::Reverse(*start));
        arn
    }

    fn listed(&self) -> Vec<Value> {
        self.executions.lock().unwrap().iter().map(|(_, described, _)| described.clone()).collect()
    }

    fn found(&self, arn: &Value) -> Option<(Value, Vec<Value>)> {
        let executions = self.executions.lock().unwrap();
        let found = executions.iter().find(|(_, described, _)| described["executionArn"] == *arn)?;
        Some((found.1.clone(), found.2.clone()))
    }
}

/// Answers what is asked about executions of these machines, two to a page.
pub fn answers_of(account: &FakeAccount, machines: &[Machine]) {
    let all = machines.to_vec();
    account.handle("ListExecutions", move |asked| {
        let machine = all.iter().find(|machine| machine.arn == asked["stateMachineArn"]).unwrap();
        Ok(paged(&machine.listed(), "executions", "nextToken", asked))
    });
    let all = machines.to_vec();
    account.handle("DescribeExecution", move |asked| {
        let found = all.iter().find_map(|machine| machine.found(&asked["executionArn"]));
        found.map(|(described, _)| described).ok_or_else(|| "ExecutionDoesNotExist".to_owned())
    });
    let all = machines.to_vec();
    account.handle("GetExecutionHistory", move |asked| {
        let found = all.iter().find_map(|machine| machine.found(&asked["executionArn"])).unwrap();
        Ok(paged(&found.1, "events", "nextToken", asked))
    });
}

/// A history event: a state is entered.
pub fn entered(id: usize, state: &str, kind: &str, at: OffsetDateTime) -> Value {
    json!({
        "id": id, "previousEventId": 0, "type": format!("{kind}StateEntered"), "timestamp": at.unix_timestamp(),
        "stateEnteredEventDetails": {"name": state, "input": "{}"},
    })
}

pub fn stack(name: &str, outputs: &[(&str, &str)], parameters: &[(&str, &str)]) -> Value {
    let pairs = |of: &str, all: &[(&str, &str)]| -> Value {
        all.iter().map(|(key, value)| json!({format!("{of}Key"): key, format!("{of}Value"): value})).collect()
    };
    json!({
        "StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-11-01T00:00:00Z",
        "Outputs": pairs("Output", outputs), "Parameters": pairs("Parameter", parameters),
    })
}

pub fn snapshot(account: &str, name: &str, own: &[(&str, &str)]) -> Value {
    let mut values = vec![("name", name)];
    values.extend(own);
    json!({
        "DBSnapshotIdentifier": name,
        "DBSnapshotArn": format!("arn:aws:rds:eu-west-1:{account}:snapshot:{name}"),
        "DBInstanceIdentifier": "orders",
        "Status": "available",
        "PercentProgress": 100,
        "AllocatedStorage": 20,
        "Encrypted": true,
        "SnapshotDatabaseTime": ago(60).format(&Rfc3339).unwrap(),
        "TagList": if own.is_empty() { json!([]) } else { tags(&values) },
    })
}

pub fn instance(name: &str, status: &str, more: &Value) -> Value {
    let mut fields = json!({
        "DBInstanceIdentifier": name, "DBInstanceArn": format!("arn:aws:rds:eu-west-1:{B}:db:{name}"),
        "DBInstanceStatus": status,
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

/// The outputs of the destination stack.
pub const OUTPUTS: [(&str, &str); 6] = [
    ("SecretArn", SECRET),
    ("SecretName", "orders/read"),
    ("StateMachineArn", "arn:aws:states:eu-west-1:222222222222:stateMachine:destination"),
    ("RollbackStateMachineArn", "arn:aws:states:eu-west-1:222222222222:stateMachine:rollback"),
    ("LaunchFunctionName", "launch"),
    ("DeadLetterQueueUrl", "https://sqs.eu-west-1.amazonaws.com/222222222222/dead-letters"),
];
/// Its parameters.
pub const PARAMETERS: [(&str, &str); 3] =
    [("SourceTopicArn", TOPIC), ("SourceDBIdentifier", "orders"), ("DatabaseName", "copy")];
/// The outputs of the source stack.
pub const SOURCE_OUTPUTS: [(&str, &str); 3] = [
    ("TopicArn", TOPIC),
    ("StateMachineArn", "arn:aws:states:eu-west-1:111111111111:stateMachine:source"),
    ("ScheduleRuleName", "rule"),
];

pub struct World {
    pub a: FakeAccount,
    pub b: FakeAccount,
    pub source: Machine,
    pub destination: Machine,
    pub rollbacks: Machine,
    pub id: String,
}

impl World {
    pub fn new() -> Self {
        let (source, destination) = (Machine::new(A, "source"), Machine::new(B, "destination"));
        let rollbacks = Machine::new(B, "rollback");
        let (a, b) = (FakeAccount::new(A), FakeAccount::new(B));
        let mut world = Self { a, b, source, destination, rollbacks, id: String::new() };
        world.id = world.replicate(ago(60), None, true);
        world.fill_a();
        world.fill_b();
        world
    }

    /// A run of the source account and, under its id, one of the destination account.
    pub fn replicate(&self, start: OffsetDateTime, database: Option<&str>, arrives: bool) -> String {
        let input =
            database.map_or_else(|| json!({}), |name| json!({"SourceDBIdentifier": name})).to_string();
        let events = vec![entered(1, "CreateLatestSnapshot", "Task", start)];
        let name = format!("uuid-{}", self.source.listed().len());
        let arn = self.source.run(&name, start, &json!({"input": input, "output": input}), events);
        let id = ReplicationId::new(start, &arn).to_string();
        if arrives {
            let message = json!({"Input": {"replication": {"id": id}}}).to_string();
            let more = json!({"input": message, "output": message});
            self.destination.run(&id, start + Duration::minutes(5), &more, Vec::new());
        }
        id
    }

    /// Sets the stacks of the destination account.
    pub fn stacks(&self, stacks: Vec<Value>) {
        self.b.handle("DescribeStacks", move |asked| match asked["StackName"].as_str() {
            None => Ok(paged(&stacks, "Stacks", "NextToken", asked)),
            Some(name) => {
                let found: Vec<&Value> = stacks.iter().filter(|stack| stack["StackName"] == name).collect();
                if found.is_empty() {
                    Err("ValidationError".to_owned())
                } else {
                    Ok(json!({"Stacks": found}))
                }
            }
        });
    }

    pub fn asked() -> Asked {
        Asked { stacks: Vec::new(), last: 5, now: NOW, source_db: String::new() }
    }

    pub async fn read(&self) -> Facts {
        self.read_with(Ok(self.a.account()), &Self::asked()).await
    }

    pub async fn read_with(&self, source: Read<Account>, asked: &Asked) -> Facts {
        facts(&self.b.account(), source, asked).await.unwrap()
    }

    fn fill_a(&self) {
        let parameters = [("SourceDBIdentifier", "orders"), ("DestinationAccountNumber", B)];
        let another = format!("{TOPIC}-2");
        let stacks = vec![
            stack("first", &[], &[]),
            stack("second", &[("TopicArn", &another)], &[]),
            stack("source-stack", &SOURCE_OUTPUTS, &parameters),
        ];
        self.a.page("DescribeStacks", "Stacks", "NextToken", stacks);
        let own = |stack, database| vec![("stack", stack), ("id", self.id.as_str()), ("source-db", database)];
        let snapshots = vec![
            snapshot(A, "snap", &own("source-stack", "orders")),
            snapshot(A, "snap-copy-in", &own("source-stack", "orders")),
            snapshot(A, "of-another-stack", &own("second", "orders")),
            snapshot(A, "of-another-database", &own("source-stack", "reports")),
            snapshot(A, "by-hand", &[]),
        ];
        self.a.page("DescribeDBSnapshots", "DBSnapshots", "Marker", snapshots);
        let shared = json!([{"AttributeName": "restore", "AttributeValues": [B]}]);
        let attributes = json!({"DBSnapshotAttributesResult": {"DBSnapshotAttributes": shared}});
        self.a.answer("DescribeDBSnapshotAttributes", attributes);
        let rule = json!({"Name": "rule", "ScheduleExpression": "rate(1 day)", "State": "ENABLED"});
        self.a.answer("DescribeRule", rule);
        answers_of(&self.a, std::slice::from_ref(&self.source));
    }

    fn fill_b(&self) {
        self.stacks(vec![
            stack("one", &[], &[]),
            stack("two", &[("SecretArn", "x")], &[]),
            stack("destination-stack", &OUTPUTS, &PARAMETERS),
        ]);
        let made = [("stack", "destination-stack"), ("name", "copy-1"), ("version", "1"), ("id", &self.id)];
        let instances = vec![
            instance("by-hand", "available", &json!({})),
            instance("being-made", "creating", &json!({"TagList": tags(&[("stack", "destination-stack")])})),
            instance(
                "copy-1",
                "available",
                &json!({
                    "Endpoint": {"Address": "copy-1.c1.example", "Port": 5432},
                    "InstanceCreateTime": ago(40).format(&Rfc3339).unwrap(), "AllocatedStorage": 20,
                    "DeletionProtection": true, "MasterUsername": CANARY, "TagList": tags(&made),
                }),
            ),
        ];
        self.b.page("DescribeDBInstances", "DBInstances", "Marker", instances);
        let copies = (0..5).map(|number| {
            snapshot(B, &format!("copy-{number}"), &[("stack", "destination-stack"), ("source-db", "orders")])
        });
        self.b.page("DescribeDBSnapshots", "DBSnapshots", "Marker", copies.collect());
        self.secret(
            &json!({"db_host": "copy-1.c1.example", "db_prefix": "copy", "password": CANARY}).to_string(),
        );
        let resource = |name: &str, kind: &str| {
            json!({
                "LogicalResourceId": name, "PhysicalResourceId": format!("the-{name}"), "ResourceType": kind,
                "LastUpdatedTimestamp": "2026-11-01T00:00:00Z", "ResourceStatus": "CREATE_COMPLETE",
            })
        };
        let resources = vec![
            resource("Topic", "AWS::SNS::Topic"),
            resource("AnotherAlarm", "AWS::CloudWatch::Alarm"),
            resource("Queue", "AWS::SQS::Queue"),
            resource("AnAlarm", "AWS::CloudWatch::Alarm"),
        ];
        self.b.page("ListStackResources", "StackResourceSummaries", "NextToken", resources);
        let alarm = |name: &str| json!({"AlarmName": name, "StateValue": "OK", "StateUpdatedTimestamp": NOW.unix_timestamp()});
        self.b.answer(
            "DescribeAlarms",
            json!({"MetricAlarms": [alarm("the-AnotherAlarm"), alarm("the-AnAlarm")]}),
        );
        let counts =
            json!({"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"});
        self.b.answer("GetQueueAttributes", json!({"Attributes": counts}));
        answers_of(&self.b, &[self.destination.clone(), self.rollbacks.clone()]);
    }

    pub fn secret(&self, text: &str) {
        self.b.answer("GetSecretValue", json!({"ARN": SECRET, "Name": "orders/read", "SecretString": text}));
    }
}
