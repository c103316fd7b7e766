//! Two accounts in which everything is as it should be.

use std::collections::BTreeMap;

use replication::environment::Environment;
use replication::lineage::{self, Tags};
use replication::observed::testing;
use replication::overrides::Overrides;
use replication::preflight::{Quota, Report};
use serde_json::{Value, json};

use crate::doctor::facts::{
    Across, Common, Database, Destination, Ended, Facts, Judged, Key, Network, Said, Side, Source,
    Subscription, Unread, Watching,
};
use crate::failure::Failure;
use crate::functions::Function;
use crate::settings;
use crate::settings::testing::environment;
use crate::status::facts::{Alarm, Instance, Schedule, Snapshot, Stack};

pub const A: &str = "111111111111";
pub const B: &str = "222222222222";
pub const REGION: &str = "eu-west-1";
pub const KEY: &str = "arn:aws:kms:eu-west-1:111111111111:key/shared";
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:topic";
pub const LAUNCH: &str = "arn:aws:lambda:eu-west-1:222222222222:function:launch";

fn pairs(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn stack(name: &str, parameters: &[(&str, &str)], outputs: &[(&str, &str)]) -> Stack {
    Stack {
        name: name.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        parameters: pairs(parameters),
        outputs: pairs(outputs),
        created: None,
        pattern: String::new(),
    }
}

pub fn key(arn: &str) -> Key {
    let said = |text: &str| Some(text.to_owned());
    Key {
        arn: arn.to_owned(),
        state: said("Enabled"),
        usage: said("ENCRYPT_DECRYPT"),
        spec: said("SYMMETRIC_DEFAULT"),
        manager: said("CUSTOMER"),
    }
}

pub fn function(arn: &str) -> Function {
    Function {
        arn: arn.to_owned(),
        state: "Active".to_owned(),
        digest: "digest".to_owned(),
        architecture: "x86_64".to_owned(),
        ..Function::default()
    }
}

pub fn subscription(topic: &str, protocol: &str, endpoint: &str) -> Subscription {
    Subscription {
        arn: Some(format!("{topic}:subscription")),
        topic: topic.to_owned(),
        protocol: protocol.to_owned(),
        endpoint: endpoint.to_owned(),
    }
}

pub fn network() -> Network {
    let vpcs = |name: &str| Ok(BTreeMap::from([(name.to_owned(), Some("vpc-1".to_owned()))]));
    Network {
        subnets_from: "Subnetgroups",
        subnets: vpcs("group"),
        groups_from: "SGID",
        groups: vpcs("sg-1"),
    }
}

pub fn snapshot(name: &str, stack: &str, status: &str) -> Snapshot {
    let id = name.rsplit('-').next().unwrap_or_default();
    let tags = Tags::default().with(lineage::STACK, stack).with(lineage::NAME, name);
    let tags = tags.with(lineage::REPLICATION_ID, id).with(lineage::SOURCE_DATABASE, "orders");
    Snapshot { seen: testing::snapshot(name, status, tags), shared_with: None }
}

pub fn instance(name: &str, stack: &str, status: &str) -> Instance {
    let tags = Tags::default().with(lineage::STACK, stack).with(lineage::NAME, name);
    let mut seen = testing::instance(name, tags);
    seen.status = status.into();
    Instance { seen, created: None }
}

pub fn ended(status: &str, error: &str, cause: &str) -> Ended {
    let text = str::to_owned;
    Ended {
        arn: "arn:aws:states:x:y:execution:m:run-1".to_owned(),
        status: text(status),
        error: text(error),
        cause: text(cause),
        at: None,
    }
}

pub fn denied(right: &str) -> Unread {
    Unread {
        right: right.to_owned(),
        code: "AccessDeniedException".to_owned(),
        why: format!("{right} was refused with AccessDeniedException"),
    }
}

fn common(account: &str, stack: Stack, functions: &[&str], machines: &[&'static str]) -> Common {
    let function = |name: &&str| ((*name).to_owned(), Ok(function(&format!("arn:{name}"))));
    Common {
        account: account.to_owned(),
        region: REGION.to_owned(),
        functions: Ok(functions.iter().map(function).collect()),
        barred: Ok(BTreeMap::new()),
        runs: machines.iter().map(|name| (*name, Ok(Some(ended("SUCCEEDED", "", ""))))).collect(),
        listeners: Ok(vec![subscription("alerts", "email", "a@example.org")]),
        quotas: Ok(vec![Quota { name: "ManualSnapshots".to_owned(), used: 3, max: 100 }]),
        instances: Ok(vec![]),
        live: Some(vec![]),
        snapshots: Ok(vec![]),
        stacks: Ok(vec![stack.name.clone()]),
        function_network: Some(network()),
        keep: Some(30),
        copies_into: None,
        stack,
    }
}

pub fn key_policy() -> Value {
    let allow = |action: &[&str], condition: Value| {
        let root = format!("arn:aws:iam::{B}:root");
        json!({"Effect": "Allow", "Principal": {"AWS": root}, "Action": action, "Resource": "*", "Condition": condition})
    };
    let through = json!({"kms:ViaService": "rds.eu-west-1.*"});
    json!({"Statement": [
        allow(&["kms:DescribeKey"], json!({})),
        allow(&["kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncryptFrom"], json!({"StringLike": through})),
        allow(&["kms:CreateGrant"], json!({"Bool": {"kms:GrantIsForAWSResource": "true"}, "StringLike": through})),
    ]})
}

fn topic_policy() -> Value {
    json!({"Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{B}:root")},
        "Action": ["sns:Subscribe", "sns:GetTopicAttributes"], "Resource": TOPIC,
    }]})
}

fn function_policy() -> Value {
    json!({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction",
        "Resource": LAUNCH, "Condition": {"ArnLike": {"AWS:SourceArn": TOPIC}},
    }]})
}

/// What the functions of a source stack are given.
fn sending() -> settings::Source {
    let environment: Environment = [
        ("STACK_NAME", "orders-source"),
        ("SOURCE_DB_IDENTIFIER", "orders"),
        ("SOURCE_DB_SNAPSHOT_NAME", "nightly"),
        ("CARRY_SOURCE_TAGS", "false"),
        ("STAGE_DEADLINE_SECONDS", "36000"),
        ("KMS_KEY", KEY),
        ("DESTINATION_ACCOUNT_NUMBER", B),
        ("SHARED_SNAPSHOT_HOURS", "12"),
        ("SNAPSHOTS_TO_KEEP", "30"),
        ("MAX_DELETIONS", "10"),
    ]
    .into_iter()
    .collect();
    settings::Source::of(|_| Ok::<_, ()>(&environment)).unwrap().unwrap()
}

/// What the functions of a destination stack are given.
fn receiving() -> settings::Receiving {
    let environment = environment(&[("STACK_NAME", "orders-destination"), ("SNAPSHOTS_TO_KEEP", "30")]);
    settings::Receiving::of(|_| Ok::<_, ()>(&environment), &Overrides::default()).unwrap().unwrap()
}

fn source() -> Source {
    let stack = stack(
        "orders-source",
        &[("SourceDBIdentifier", "orders")],
        &[
            ("TopicArn", TOPIC),
            ("KMSKeyArn", KEY),
            ("StateMachineArn", "arn:aws:states:eu-west-1:111111111111:stateMachine:s"),
            ("AlertTopicArn", "alerts"),
        ],
    );
    let seen = testing::instance("orders", Tags::default());
    let database = Database { seen, key: Some(Ok(key("arn:own"))), groups: vec![] };
    let schedule = Schedule {
        rule: "the-rule".to_owned(),
        expression: "rate(1 day)".to_owned(),
        state: "ENABLED".to_owned(),
    };
    Source {
        common: common(A, stack, &["SnapshotFunction", "CopyFunction"], &["source"]),
        said: Said::Settings(Box::new(sending())),
        database_name: "orders".to_owned(),
        database: Ok(Some(database)),
        key: Ok(key(KEY)),
        key_policy: Ok(key_policy()),
        topic_policy: Ok(topic_policy()),
        subscriptions: Ok(vec![subscription(TOPIC, "lambda", LAUNCH)]),
        schedules: BTreeMap::from([("ScheduleState", Ok(schedule))]),
    }
}

fn destination() -> Destination {
    let stack = stack(
        "orders-destination",
        &[("SourceTopicArn", TOPIC), ("SourceDBIdentifier", "orders"), ("DatabaseName", "copy")],
        &[
            ("KMSKeyArn", "arn:destination-key"),
            ("StateMachineArn", "arn:aws:states:eu-west-1:222222222222:stateMachine:d"),
            ("LaunchFunctionName", "launch"),
            ("SecretArn", "arn:aws:secretsmanager:eu-west-1:222222222222:secret:orders/read-aB3dEf"),
            ("SecretName", "orders/read"),
            ("AlertTopicArn", "alerts"),
            ("DeadLetterQueueUrl", "queue"),
        ],
    );
    let alarm = Alarm { name: "DeadLetterAlarm".to_owned(), state: "OK".to_owned(), since: None };
    let mut common = common(B, stack, &["LaunchFunction", "CopyFunction"], &["destination", "rollback"]);
    if let Ok(all) = &mut common.functions {
        all.insert("LaunchFunction".to_owned(), Ok(function(LAUNCH)));
    }
    Destination {
        said: Said::Settings(Box::new(receiving())),
        common,
        key: Ok(key("arn:destination-key")),
        subscription: Ok(Some(subscription(TOPIC, "lambda", LAUNCH))),
        function_policy: Ok(Some(function_policy())),
        secret: Ok(()),
        secret_key: Some(Ok(key("arn:secret-key"))),
        settings: Some(Judged { by: "by the database orders".to_owned(), report: Ok(Report::default()) }),
        network: Some(network()),
        alarms: Ok(vec![Watching {
            alarm,
            physical: "orders-DeadLetterAlarm".to_owned(),
            actions: vec!["alerts".to_owned()],
            is_on: true,
        }]),
        gone_alarms: vec![],
        dead_letters: Ok(0),
    }
}

/// Everything is as it should be.
pub fn whole() -> Facts {
    Facts {
        source: Some(Side::Found(Box::new(source()))),
        destination: Some(Side::Found(Box::new(destination()))),
        across: Some(Across { key: Ok(key(KEY)), refused: Ok(vec![]) }),
    }
}

/// A stack of this name that is not there, for this reason.
pub fn no_stack<T>(stack: &str, failure: Failure) -> Side<T> {
    Side::NoStack { account: A.to_owned(), region: REGION.to_owned(), stack: stack.to_owned(), failure }
}

/// The source account, to be broken.
pub fn of_source(facts: &mut Facts) -> &mut Source {
    match &mut facts.source {
        Some(Side::Found(found)) => found,
        _ => panic!("it is there"),
    }
}

/// What the functions of the source account read, to be broken.
pub fn sent_with(facts: &mut Facts) -> &mut settings::Source {
    match &mut of_source(facts).said {
        Said::Settings(settings) => settings,
        _ => panic!("it is known"),
    }
}

/// The destination account, to be broken.
pub fn of_destination(facts: &mut Facts) -> &mut Destination {
    match &mut facts.destination {
        Some(Side::Found(found)) => found,
        _ => panic!("it is there"),
    }
}
