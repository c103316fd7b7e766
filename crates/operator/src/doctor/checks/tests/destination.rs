//! What can be broken in the destination account.

use replication::preflight::{Finding as Setting, Report};
use replication::{Error, ErrorName};
use serde_json::json;

use super::Case;
use super::world::{LAUNCH, TOPIC, denied, instance, of_destination, snapshot};
use crate::doctor::facts::{NO_FUNCTION, Said, Unread};
use crate::doctor::finding::Check::{
    Alarms, DeadLetters, FunctionNetwork, Key, Leftovers, Network, Permission, Quotas, Secret, SecretKey,
    Settings, Subscription,
};
use crate::doctor::finding::Place::Destination;
use crate::doctor::finding::Severity::{Error as Wrong, Warning};
use crate::failure::Failure;
use crate::status::facts::Unreadable;

pub const CASES: &[Case] = &[
    (
        |facts| {
            let vpc = Some("vpc-2".to_owned());
            let network = of_destination(facts).common.function_network.as_mut().unwrap();
            network.groups.as_mut().unwrap().insert("sg-2".to_owned(), vpc);
        },
        FunctionNetwork,
        Wrong,
        Destination,
        "different VPCs",
        "scripts/deploy destination --stack-name orders-destination --parameter SGID=...",
    ),
    (
        |facts| of_destination(facts).key.as_mut().unwrap().spec = Some("RSA_2048".to_owned()),
        Key,
        Wrong,
        Destination,
        "RSA_2048",
        "symmetric encryption key",
    ),
    (
        |facts| of_destination(facts).subscription = Ok(None),
        Subscription,
        Wrong,
        Destination,
        LAUNCH,
        "aws sns subscribe",
    ),
    (
        |facts| of_destination(facts).subscription.as_mut().unwrap().as_mut().unwrap().arn = None,
        Subscription,
        Wrong,
        Destination,
        "never confirmed",
        "aws sns subscribe",
    ),
    (
        |facts| of_destination(facts).function_policy = Ok(None),
        Permission,
        Wrong,
        Destination,
        "every message is lost",
        "aws lambda add-permission --function-name launch",
    ),
    (
        |facts| {
            let policy = of_destination(facts).function_policy.as_mut().unwrap().as_mut().unwrap();
            policy["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
        },
        Permission,
        Warning,
        Destination,
        "not known here",
        TOPIC,
    ),
    (
        |facts| of_destination(facts).secret = Err(Unreadable("SecretScheduledForDeletion".to_owned())),
        Secret,
        Wrong,
        Destination,
        "scheduled for deletion",
        "aws secretsmanager restore-secret",
    ),
    (
        |facts| of_destination(facts).secret = Err(Unreadable("SecretInvalid".to_owned())),
        Secret,
        Wrong,
        Destination,
        "no JSON object",
        "db_prefix",
    ),
    (
        |facts| of_destination(facts).secret = Err(Unreadable("AccessDeniedException".to_owned())),
        Secret,
        Warning,
        Destination,
        "not checked",
        "allow secretsmanager:GetSecretValue",
    ),
    (
        |facts| {
            of_destination(facts).secret_key.as_mut().unwrap().as_mut().unwrap().state =
                Some("Disabled".to_owned());
        },
        SecretKey,
        Wrong,
        Destination,
        "Disabled",
        "aws kms enable-key --key-id arn:secret-key",
    ),
    (
        |facts| {
            let setting = Setting {
                parameter: "DBInstanceClass",
                wrong: "RDS has none".to_owned(),
                right: "give another".to_owned(),
            };
            let full = Error::new(ErrorName::QuotaExceeded, "checking")
                .because("40 of 40 DB instances")
                .advise("ask AWS");
            let report = Report { findings: vec![setting], full: Some(full), ..Report::default() };
            of_destination(facts).settings.as_mut().unwrap().report = Ok(report);
        },
        Settings,
        Wrong,
        Destination,
        "RDS has none",
        "give another: scripts/deploy destination --stack-name orders-destination --parameter DBInstanceClass=...",
    ),
    (
        |facts| {
            let why = "the stack orders-destination has no RestoreFunction";
            let unread = Failure::named(NO_FUNCTION, why).into();
            of_destination(facts).said = Said::Unread("RestoreFunction", unread);
        },
        Settings,
        Wrong,
        Destination,
        "has no RestoreFunction; what depends on it is not checked",
        "deploy it from this release: scripts/deploy destination --stack-name orders-destination",
    ),
    (
        |facts| {
            let gone = Unread { code: "ResourceNotFoundException".to_owned(), ..denied("lambda") };
            of_destination(facts).said = Said::Unread("CopyFunction", gone);
        },
        Settings,
        Warning,
        Destination,
        "because it is gone",
        "said of functions",
    ),
    (
        |facts| of_destination(facts).settings = None,
        Settings,
        Warning,
        Destination,
        "no snapshot yet",
        "scripts/doctor both",
    ),
    (
        |facts| {
            of_destination(facts)
                .network
                .as_mut()
                .unwrap()
                .groups
                .as_mut()
                .unwrap()
                .insert("sg-2".to_owned(), Some("vpc-2".to_owned()));
        },
        Network,
        Wrong,
        Destination,
        "group, sg-1 in vpc-1; sg-2 in vpc-2",
        "SGID",
    ),
    (
        |facts| {
            of_destination(facts)
                .network
                .as_mut()
                .unwrap()
                .subnets
                .as_mut()
                .unwrap()
                .insert("DB subnet group x".to_owned(), None);
        },
        Network,
        Wrong,
        Destination,
        "there is no DB subnet group x",
        "Subnetgroups",
    ),
    (
        |facts| {
            let full = Error::new(ErrorName::QuotaExceeded, "checking")
                .because("40 of 40 DB instances")
                .advise("ask AWS");
            of_destination(facts).settings.as_mut().unwrap().report =
                Ok(Report { full: Some(full), ..Report::default() });
        },
        Quotas,
        Wrong,
        Destination,
        "40 of 40 DB instances",
        "ask AWS",
    ),
    (
        |facts| of_destination(facts).alarms.as_mut().unwrap()[0].alarm.state = "ALARM".to_owned(),
        Alarms,
        Warning,
        Destination,
        "in alarm",
        "scripts/status",
    ),
    (
        |facts| of_destination(facts).alarms.as_mut().unwrap()[0].is_on = false,
        Alarms,
        Warning,
        Destination,
        "its actions are off",
        "aws cloudwatch enable-alarm-actions --alarm-names orders-DeadLetterAlarm",
    ),
    (
        |facts| of_destination(facts).alarms.as_mut().unwrap()[0].actions.clear(),
        Alarms,
        Warning,
        Destination,
        "does not tell the alert topic",
        "into the alarm orders-DeadLetterAlarm",
    ),
    (
        |facts| of_destination(facts).gone_alarms = vec!["StaleCopyAlarm (stack-StaleCopyAlarm)".to_owned()],
        Alarms,
        Warning,
        Destination,
        "it is gone although the stack has it",
        "cloudformation/destination-account.yaml",
    ),
    (
        |facts| of_destination(facts).dead_letters = Ok(2),
        DeadLetters,
        Warning,
        Destination,
        "2 messages",
        "aws sqs purge-queue --queue-url queue",
    ),
    (
        |facts| {
            of_destination(facts).common.instances =
                Ok(vec![instance("copy-1", "orders-destination", "incompatible-restore")]);
        },
        Leftovers,
        Warning,
        Destination,
        "incompatible-restore",
        "aws rds delete-db-instance --db-instance-identifier copy-1",
    ),
    (
        |facts| of_destination(facts).common.snapshots = Ok(vec![snapshot("copy-x", "another", "available")]),
        Leftovers,
        Warning,
        Destination,
        "no stack of this name is in Region eu-west-1",
        "if it is in no other Region either and nobody uses them any more, delete these: copy-x",
    ),
    (
        |facts| {
            let policy = of_destination(facts).function_policy.as_mut().unwrap().as_mut().unwrap();
            policy["Statement"][0]["Effect"] = json!("Deny");
        },
        Permission,
        Wrong,
        Destination,
        "denies sns.amazonaws.com",
        "aws lambda remove-permission --function-name launch",
    ),
];
