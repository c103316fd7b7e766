//! What can be broken between the accounts.

use super::Case;
use super::world::{B, TOPIC, denied, of_destination, of_source, sent_with};
use crate::doctor::facts::Unread;
use crate::doctor::finding::Check::{Pairing, Reach, Rights, SharedKey, Versions};
use crate::doctor::finding::Place::Both;
use crate::doctor::finding::Severity::{Error as Wrong, Warning};

pub const CASES: &[Case] = &[
    (
        |facts| {
            sent_with(facts).destination_account = "3".repeat(12);
            let parameters = &mut of_source(facts).common.stack.parameters;
            parameters.insert("DestinationAccountNumber".to_owned(), "3".repeat(12));
        },
        Pairing,
        Wrong,
        Both,
        "shares with account 333333333333",
        "DestinationAccountNumber=222222222222",
    ),
    (
        |facts| {
            sent_with(facts).destination_account = "3".repeat(12);
            let (number, source) = (of_destination(facts).common.account.clone(), of_source(facts));
            source.common.stack.parameters.insert("DestinationAccountNumber".to_owned(), number);
        },
        Pairing,
        Wrong,
        Both,
        "shares with account 333333333333",
        "put its environment variable right in the Lambda console",
    ),
    (
        |facts| {
            of_destination(facts)
                .common
                .stack
                .parameters
                .insert("SourceTopicArn".to_owned(), "other".to_owned());
        },
        Pairing,
        Wrong,
        Both,
        "listens to other",
        TOPIC,
    ),
    (
        |facts| of_destination(facts).common.region = "eu-west-2".to_owned(),
        Pairing,
        Wrong,
        Both,
        "Region eu-west-1 listen",
        "DestinationRegion=eu-west-2",
    ),
    (
        |facts| of_source(facts).database_name = "billing".to_owned(),
        Pairing,
        Wrong,
        Both,
        "about orders",
        "SourceDBIdentifier=billing",
    ),
    (
        |facts| {
            let machine = "arn:aws-cn:states:cn-north-1:222222222222:stateMachine:d".to_owned();
            of_destination(facts).common.stack.outputs.insert("StateMachineArn".to_owned(), machine);
        },
        Reach,
        Wrong,
        Both,
        "between partitions",
        "within one Region",
    ),
    (
        |facts| facts.across.as_mut().unwrap().key = Err(denied("kms:DescribeKey")),
        SharedKey,
        Warning,
        Both,
        "whoever runs the doctor cannot",
        "by IAM",
    ),
    (
        |facts| {
            facts.across.as_mut().unwrap().key = Err(denied("kms:DescribeKey"));
            of_source(facts).key_policy = Ok(serde_json::json!({}));
        },
        SharedKey,
        Wrong,
        Both,
        B,
        "allow kms:DescribeKey",
    ),
    (
        |facts| facts.across.as_mut().unwrap().refused = Ok(vec!["kms:CreateGrant".to_owned()]),
        Rights,
        Wrong,
        Both,
        "do kms:CreateGrant with",
        "permissions boundary",
    ),
    (
        |facts| {
            let all = of_destination(facts).common.functions.as_mut().unwrap();
            all.get_mut("CopyFunction").unwrap().as_mut().unwrap().digest = "another".to_owned();
        },
        Versions,
        Wrong,
        Both,
        "the code of CopyFunction differs",
        "scripts/deploy source --stack-name orders-source; scripts/deploy destination",
    ),
    (
        |facts| of_source(facts).common.functions = Err(denied("cloudformation:ListStackResources")),
        Versions,
        Warning,
        Both,
        "not compared",
        "same release",
    ),
    (
        |facts| {
            let unread =
                Unread { code: "UnknownEndpointError".to_owned(), ..denied("iam:SimulatePrincipalPolicy") };
            facts.across.as_mut().unwrap().refused = Err(unread);
        },
        Rights,
        Warning,
        Both,
        "not checked in this partition",
        "IAM console",
    ),
];
