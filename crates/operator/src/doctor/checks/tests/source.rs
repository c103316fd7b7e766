//! What can be broken in the source account.

use replication::environment::invalid;
use replication::preflight::{Known, OptionGroup, Quota};
use serde_json::json;

use super::Case;
use super::world::{denied, ended, key, no_stack, of_source, snapshot};
use crate::doctor::facts::{Said, Side};
use crate::doctor::finding::Check;
use crate::doctor::finding::Check::{
    Account, Database, DatabaseKey, Functions, Key, KeyPolicy, LastRun, Leftovers, Listeners, Quotas,
    Schedule, Settings, Stack, Subscription, Topic,
};
use crate::doctor::finding::Place::Source;
use crate::doctor::finding::Severity::{Error as Wrong, Warning};
use crate::failure::Failure;

pub const CASES: &[Case] = &[
    (
        |facts| facts.source = Some(Side::NoAccount(Failure::named("NoCredentialsError", "no credentials"))),
        Account,
        Wrong,
        Source,
        "no credentials were found",
        "aws configure sso --profile source",
    ),
    (
        |facts| {
            let said = "no Region is named; to fix this: set AWS_REGION, or give the profile a region";
            facts.source = Some(Side::NoAccount(Failure::named("NoRegionError", said)));
        },
        Account,
        Wrong,
        Source,
        "no Region",
        "AWS_REGION",
    ),
    (
        |facts| {
            let said = "the local cloud is not up in target/x; start it with scripts/local-cloud up";
            facts.source = Some(Side::NoAccount(Failure::named("LocalCloudNotUp", said)));
        },
        Account,
        Wrong,
        Source,
        "the local cloud is not up in target/x",
        "scripts/local-cloud up",
    ),
    (
        |facts| {
            let failure = Failure::named("ValidationError", "Stack with id s does not exist");
            facts.source = Some(no_stack("crm-source", failure));
        },
        Stack,
        Wrong,
        Source,
        "does not exist",
        "scripts/deploy source --stack-name crm-source --parameter",
    ),
    (
        |facts| {
            let failure =
                Failure::named("AccessDenied", "cloudformation:DescribeStacks was refused with AccessDenied");
            facts.source = Some(no_stack("crm-source", failure));
        },
        Stack,
        Wrong,
        Source,
        "not checked, because cloudformation:DescribeStacks",
        "allow cloudformation:DescribeStacks",
    ),
    (
        |facts| of_source(facts).common.stack.status = "UPDATE_ROLLBACK_FAILED".to_owned(),
        Stack,
        Wrong,
        Source,
        "so has taking that back",
        "aws cloudformation continue-update-rollback --stack-name orders-source",
    ),
    (
        |facts| of_source(facts).common.stack.status = "DELETE_FAILED".to_owned(),
        Stack,
        Wrong,
        Source,
        "its removal has failed",
        "scripts/destroy source --stack-name orders-source",
    ),
    (
        |facts| of_source(facts).common.stack.status = "CREATE_FAILED".to_owned(),
        Stack,
        Wrong,
        Source,
        "could not be created (CREATE_FAILED)",
        "scripts/destroy source --stack-name orders-source",
    ),
    (
        |facts| of_source(facts).common.stack.status = "UPDATE_IN_PROGRESS".to_owned(),
        Stack,
        Warning,
        Source,
        "being changed",
        "wait",
    ),
    (
        |facts| {
            let gone = crate::doctor::facts::Unread {
                code: "ResourceNotFoundException".to_owned(),
                ..denied("lambda:GetFunctionConfiguration")
            };
            of_source(facts).common.functions.as_mut().unwrap().insert("ShareFunction".to_owned(), Err(gone));
        },
        Functions,
        Wrong,
        Source,
        "it is gone",
        "scripts/deploy source",
    ),
    (
        |facts| {
            let error = invalid("SNAPSHOTS_TO_KEEP", "\"x\" is not a whole number from 1");
            of_source(facts).said = Said::Refused(error);
        },
        Settings,
        Wrong,
        Source,
        "InvalidConfiguration: reading the environment variable SNAPSHOTS_TO_KEEP",
        "update the stack with the right parameter: scripts/deploy source --stack-name orders-source",
    ),
    (
        |facts| {
            let unread = denied("lambda:GetFunctionConfiguration");
            of_source(facts).said = Said::Unread("ShareFunction", unread);
        },
        Settings,
        Warning,
        Source,
        "what depends on it is not checked",
        "allow lambda:GetFunctionConfiguration",
    ),
    (
        |facts| of_source(facts).database = Ok(None),
        Database,
        Wrong,
        Source,
        "NotFound: there is no database",
        "SourceDBIdentifier",
    ),
    (
        |facts| of_source(facts).database.as_mut().unwrap().as_mut().unwrap().seen.status = "stopped".into(),
        Database,
        Wrong,
        Source,
        "InstanceNotReady: the database is stopped",
        "aws rds start-db-instance --db-instance-identifier orders",
    ),
    (
        |facts| {
            of_source(facts).database.as_mut().unwrap().as_mut().unwrap().seen.status = "modifying".into();
        },
        Database,
        Warning,
        Source,
        "waits until it is available",
        "events",
    ),
    (
        |facts| {
            of_source(facts).database.as_mut().unwrap().as_mut().unwrap().seen.cluster =
                Some("aurora".to_owned());
        },
        Database,
        Wrong,
        Source,
        "member of the DB cluster aurora",
        "in no cluster",
    ),
    (
        |facts| {
            let lasting_options = vec!["TDE".to_owned()];
            let group = OptionGroup { name: "secure".to_owned(), lasting_options, ..OptionGroup::default() };
            of_source(facts).database.as_mut().unwrap().as_mut().unwrap().groups = vec![Known::Seen(group)];
        },
        Check::OptionGroup,
        Wrong,
        Source,
        "option TDE",
        "without it",
    ),
    (
        |facts| {
            let groups = vec![Known::Unseen("AccessDenied".to_owned())];
            of_source(facts).database.as_mut().unwrap().as_mut().unwrap().groups = groups;
        },
        Check::OptionGroup,
        Warning,
        Source,
        "not checked",
        "rds:DescribeOptionGroups",
    ),
    (
        |facts| {
            let mut disabled = key("arn:own");
            disabled.state = Some("Disabled".to_owned());
            of_source(facts).database.as_mut().unwrap().as_mut().unwrap().key = Some(Ok(disabled));
        },
        DatabaseKey,
        Wrong,
        Source,
        "its state is Disabled",
        "aws kms enable-key --key-id arn:own",
    ),
    (
        |facts| of_source(facts).key.as_mut().unwrap().state = Some("PendingDeletion".to_owned()),
        Key,
        Wrong,
        Source,
        "PendingDeletion",
        "aws kms cancel-key-deletion --key-id",
    ),
    (
        |facts| of_source(facts).key.as_mut().unwrap().manager = Some("AWS".to_owned()),
        Key,
        Wrong,
        Source,
        "AWS manages it",
        "customer-managed key",
    ),
    (
        |facts| of_source(facts).key = Err(denied("kms:DescribeKey")),
        Key,
        Warning,
        Source,
        "not checked",
        "allow kms:DescribeKey",
    ),
    (
        |facts| {
            let policy = of_source(facts).key_policy.as_mut().unwrap();
            policy["Statement"].as_array_mut().unwrap().pop();
        },
        KeyPolicy,
        Wrong,
        Source,
        "do kms:CreateGrant through RDS of eu-west-1",
        "aws kms get-key-policy --key-id",
    ),
    (
        |facts| {
            of_source(facts)
                .common
                .stack
                .parameters
                .insert("DestinationRegion".to_owned(), "eu-west-2".to_owned());
        },
        KeyPolicy,
        Wrong,
        Source,
        "eu-west-2",
        "kms:Decrypt",
    ),
    (
        |facts| {
            let organisation = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
            of_source(facts).key_policy.as_mut().unwrap()["Statement"][0]["Condition"] = organisation;
        },
        KeyPolicy,
        Warning,
        Source,
        "conditions that are not known",
        "conditions",
    ),
    (
        |facts| of_source(facts).topic_policy = Ok(json!({})),
        Topic,
        Wrong,
        Source,
        "sns:Subscribe, sns:GetTopicAttributes",
        "aws sns add-permission",
    ),
    (
        |facts| of_source(facts).subscriptions = Ok(vec![]),
        Subscription,
        Wrong,
        Source,
        "no function of account",
        "SourceTopicArn",
    ),
    (
        |facts| of_source(facts).subscriptions.as_mut().unwrap()[0].arn = None,
        Subscription,
        Wrong,
        Source,
        "never confirmed",
        "aws sns subscribe --region eu-west-1",
    ),
    (
        |facts| {
            of_source(facts).schedules.get_mut("ScheduleState").unwrap().as_mut().unwrap().state =
                "DISABLED".to_owned();
        },
        Schedule,
        Warning,
        Source,
        "no run starts by itself",
        "--parameter ScheduleState=ENABLED",
    ),
    (
        |facts| {
            let source = of_source(facts);
            let schedule = source.schedules.get_mut("ScheduleState").unwrap().as_mut().unwrap();
            (schedule.state, schedule.rule) = ("DISABLED".to_owned(), "orders-rule".to_owned());
            let stack = &mut source.common.stack;
            stack.parameters.insert("ScheduleState".to_owned(), "ENABLED".to_owned());
        },
        Schedule,
        Warning,
        Source,
        "no run starts by itself",
        "aws events enable-rule --name orders-rule",
    ),
    (
        |facts| of_source(facts).common.listeners = Ok(vec![]),
        Listeners,
        Warning,
        Source,
        "nobody hears",
        "AlertEmail=",
    ),
    (
        |facts| of_source(facts).common.listeners.as_mut().unwrap()[0].arn = None,
        Listeners,
        Warning,
        Source,
        "has not confirmed",
        "link in the mail",
    ),
    (
        |facts| {
            of_source(facts).common.quotas =
                Ok(vec![Quota { name: "ManualSnapshots".to_owned(), used: 99, max: 100 }]);
        },
        Quotas,
        Wrong,
        Source,
        "has 99 of 100 manual snapshots",
        "ask AWS",
    ),
    (
        |facts| {
            let common = &mut of_source(facts).common;
            common.quotas = Ok(vec![Quota { name: "ManualSnapshots".to_owned(), used: 99, max: 100 }]);
            common.keep = Some(1);
            let all = ["nightly-1", "nightly-2"].map(|name| snapshot(name, "orders-source", "available"));
            common.snapshots = Ok(all.to_vec());
        },
        Quotas,
        Warning,
        Source,
        "1 older one of this stack may be due",
        "still shared",
    ),
    (
        |facts| {
            let cause = "copying s: RDS said no; to fix this: start again";
            let run = ended("FAILED", "CopyFailed", cause);
            of_source(facts).common.runs.insert("source", Ok(Some(run)));
        },
        LastRun,
        Wrong,
        Source,
        "CopyFailed: copying s: RDS said no",
        "start again",
    ),
    (
        |facts| {
            let run = ended("FAILED", "Throttled", "busy");
            of_source(facts).common.runs.insert("source", Ok(Some(run)));
        },
        LastRun,
        Wrong,
        Source,
        "Throttled: busy",
        "spread the schedules (docs/errors.md)",
    ),
    (
        |facts| {
            of_source(facts).common.runs.insert("source", Ok(Some(ended("ABORTED", "", ""))));
        },
        LastRun,
        Warning,
        Source,
        "was stopped",
        "scripts/replicate",
    ),
    (
        |facts| {
            of_source(facts).common.snapshots = Ok(vec![snapshot("nightly-1", "orders-source", "failed")]);
        },
        Leftovers,
        Warning,
        Source,
        "it is failed",
        "aws rds delete-db-snapshot --db-snapshot-identifier nightly-1",
    ),
    (
        |facts| of_source(facts).common.stack.status = "REVIEW_IN_PROGRESS".to_owned(),
        Stack,
        Wrong,
        Source,
        "nothing of it is there yet",
        "scripts/deploy source --stack-name orders-source",
    ),
    (
        |facts| {
            let policy = of_source(facts).key_policy.as_mut().unwrap();
            let deny =
                json!({"Effect": "Deny", "Principal": "*", "Action": "kms:CreateGrant", "Resource": "*"});
            policy["Statement"].as_array_mut().unwrap().push(deny);
        },
        KeyPolicy,
        Wrong,
        Source,
        "denies account 222222222222 kms:CreateGrant",
        "remove the statement with the effect Deny",
    ),
    (
        |facts| {
            let policy = of_source(facts).topic_policy.as_mut().unwrap();
            let deny =
                json!({"Effect": "Deny", "Principal": "*", "Action": "sns:Subscribe", "Resource": "*"});
            let allow = policy["Statement"][0].clone();
            policy["Statement"] = json!([allow, deny]);
        },
        Topic,
        Wrong,
        Source,
        "denies account 222222222222 sns:Subscribe",
        "remove the statement with the effect Deny",
    ),
    (
        |facts| {
            let policy = of_source(facts).topic_policy.as_mut().unwrap();
            policy["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
        },
        Topic,
        Warning,
        Source,
        "not known here",
        "compare its conditions",
    ),
    (
        |facts| {
            let gone = crate::doctor::facts::Unread {
                code: "NotFoundException".to_owned(),
                ..denied("kms:DescribeKey")
            };
            of_source(facts).database.as_mut().unwrap().as_mut().unwrap().key = Some(Err(gone));
        },
        DatabaseKey,
        Wrong,
        Source,
        "its key is not there",
        "the database cannot be read without it",
    ),
];
