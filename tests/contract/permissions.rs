//! Who may do what: the policies of roles, keys, topics and queues.

use std::collections::BTreeSet;

use replication::lineage;
use serde_json::{Value, json};

use crate::secrets;
use crate::sources::{ACCOUNTS, Sources};
use crate::template::{Template, walk};

/// Setting up the delivery of logs, reading quotas and what RDS offers, and making a random password cannot be limited to a
/// resource (service authorization reference, CloudWatch Logs, RDS and Secrets Manager), and Lambda asks for what joins a
/// function to a VPC on none in particular (AWS-managed policy AWSLambdaVPCAccessExecutionRole).
const WITHOUT_RESOURCE: [&str; 18] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "rds:DescribeAccountAttributes",
    "rds:DescribeDBEngineVersions",
    "rds:DescribeOrderableDBInstanceOptions",
    "secretsmanager:GetRandomPassword",
];

/// The tags that a role may write on what exists already: none of them says whose a thing is, except the last, which only
/// the role that restores may write.
const TAGS_ON_EXISTING: [&str; 7] = [
    lineage::DELETION_TAG.0,
    lineage::PROMOTED.0,
    lineage::VERSION,
    lineage::SHARED_AT,
    lineage::STAGE_SECONDS,
    lineage::UNDELETED,
    SEAL,
];
/// The tag that says which instance the other tags are about.
const SEAL: &str = lineage::RESOURCE_ID;

/// The patterns of actions that may match several; each is one act in two or four forms.
const FAMILIES: [&str; 2] = ["kms:GenerateDataKey*", "kms:ReEncrypt*"];

/// What the destination account may do with what belongs to the source account.
const ACROSS_ACCOUNTS: [&str; 7] = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey*",
    "kms:ReEncryptFrom",
    "sns:GetTopicAttributes",
    "sns:Subscribe",
];

/// Use of a key that has to go through RDS, or through Secrets Manager for the one secret.
const KEY_USE: [&str; 7] = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
    "kms:ReEncryptFrom",
];

/// What every function's role has besides what its task needs, and what is needed by a service on its behalf.
const NOT_OF_THE_TASK: [&str; 4] = ["iam:", "kms:", "logs:", "sqs:"];

/// One statement of a policy, with where it is.
struct Statement<'a> {
    place: String,
    value: &'a Value,
}

impl Statement<'_> {
    fn actions(&self) -> Vec<&str> {
        texts(&self.value["Action"])
    }

    fn does(&self, prefix: &str) -> bool {
        self.actions().iter().any(|action| action.starts_with(prefix))
    }

    fn resources(&self) -> Vec<Value> {
        let mut resources = Vec::new();
        for resource in list(&self.value["Resource"]) {
            match &resource["Fn::If"] {
                Value::Array(branches) => resources.extend(branches.iter().skip(1).cloned()),
                _ => resources.push(resource.clone()),
            }
        }
        resources
    }

    fn condition(&self, operator: &str, key: &str) -> &Value {
        &self.value["Condition"][operator][key]
    }

    /// Whether a key is used for the secret only: Secrets Manager names the secret whenever it uses a key.
    fn is_for_the_secret(&self) -> bool {
        let secret = "kms:EncryptionContext:SecretARN";
        *self.condition("StringLike", "kms:ViaService")
            == json!({"Fn::Sub": "secretsmanager.${AWS::Region}.*"})
            && (*self.condition("StringEquals", secret) == secrets::arn()
                || *self.condition("StringLike", secret) == secrets::of_many())
    }

    fn is_on_our_tag(&self) -> bool {
        ["Request", "Resource"].iter().any(|of| {
            let key = format!("aws:{of}Tag/{}", lineage::STACK);
            *self.condition("StringEquals", &key) == json!({"Ref": "AWS::StackName"})
        })
    }
}

/// Roles and resources allow what is needed, and no more.
pub fn policies(sources: &Sources) -> Vec<String> {
    let mut problems = BTreeSet::new();
    for (account, many) in [(ACCOUNTS[0], false), (ACCOUNTS[1], false), (ACCOUNTS[1], true)] {
        if let Ok(template) = sources.template(account) {
            problems.extend(of_template(account, &template.for_databases(many)));
        }
    }
    problems.into_iter().chain(needs(sources)).collect()
}

fn of_template(account: &str, template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    {
        for (kind, properties) in ["AWS::KMS::Key", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"]
            .iter()
            .flat_map(|kind| template.resources(kind))
        {
            for statement in statements(&format!("{account}: {kind}"), properties) {
                problems.extend(of_any(&statement));
                problems.extend(of_resource(&statement));
            }
        }
        let policies = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"];
        for (policy, properties) in policies.iter().flat_map(|kind| template.resources(kind)) {
            for statement in statements(&format!("{account}: {policy}"), &properties["PolicyDocument"]) {
                problems.extend(of_any(&statement));
                problems.extend(of_role(&statement));
            }
        }
        for (role, properties) in template.resources("AWS::IAM::Role") {
            problems.extend(trust(&format!("{account}: {role}"), &properties["AssumeRolePolicyDocument"]));
            for statement in statements(&format!("{account}: {role}"), &properties["Policies"]) {
                problems.extend(of_any(&statement));
                problems.extend(of_role(&statement));
            }
        }
    }
    problems
}

fn statements<'a>(place: &str, policies: &'a Value) -> Vec<Statement<'a>> {
    let mut found = Vec::new();
    walk(place, policies, &mut |place, value| {
        if value.get("Effect").is_some() {
            found.push(Statement { place: place.to_owned(), value });
        }
    });
    found
}

/// What holds for every statement.
fn of_any(statement: &Statement<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let place = &statement.place;
    if statement.value["Effect"] != "Allow"
        || !statement.value["NotAction"].is_null()
        || !statement.value["NotResource"].is_null()
    {
        problems.push(format!("{place} says more than what is allowed"));
    }
    for action in statement.actions() {
        if action.contains('*') && !FAMILIES.contains(&action) {
            problems.push(format!("{place} allows {action}"));
        }
        if KEY_USE.contains(&action)
            && *statement.condition("StringLike", "kms:ViaService")
                != json!({"Fn::Sub": "rds.${AWS::Region}.*"})
            && !statement.is_for_the_secret()
        {
            problems.push(format!("{place} allows {action} outside RDS and for more than the secret"));
        }
        if action == "kms:CreateGrant" && *statement.condition("Bool", "kms:GrantIsForAWSResource") != "true"
        {
            problems.push(format!("{place} allows grants to others than AWS services"));
        }
    }
    problems
}

/// What holds for the policies of keys, topics and queues.
fn of_resource(statement: &Statement<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let place = &statement.place;
    let principal = &statement.value["Principal"];
    for principal in list(&principal["AWS"]) {
        let text = principal["Fn::Sub"].as_str().unwrap_or_default();
        let is_role = principal["Fn::GetAtt"][1] == "Arn";
        if text == "arn:${AWS::Partition}:iam::${DestinationAccountNumber}:root" {
            for action in statement.actions().iter().filter(|action| !ACROSS_ACCOUNTS.contains(action)) {
                problems.push(format!("{place} allows the other account {action}"));
            }
        } else if text == "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" {
            // As the default key of RDS has it: through RDS, which is checked for every statement, and from this account.
            let is_own =
                *statement.condition("StringEquals", "kms:CallerAccount") == json!({"Ref": "AWS::AccountId"});
            for action in statement.actions().iter().filter(|action| KEY_USE.contains(action) && !is_own) {
                problems.push(format!("{place} allows {action} to everybody in the account"));
            }
        } else if !is_role {
            problems.push(format!("{place} names {principal}"));
        }
    }
    for service in list(&principal["Service"]) {
        if service == "events.amazonaws.com" {
            // EventBridge fills no condition keys when it publishes to a topic (EventBridge user guide, "Using
            // resource-based policies", SNS): with a condition no alert would ever arrive.
            if !statement.value["Condition"].is_null() {
                problems
                    .push(format!("{place} lets {service} in under a condition, which it never satisfies"));
            }
        } else if statement.condition("ArnEquals", "aws:SourceArn").is_null() {
            problems.push(format!("{place} allows {service} on behalf of anybody"));
        }
    }
    if principal.as_object().is_none_or(|kinds| kinds.keys().any(|kind| kind != "AWS" && kind != "Service")) {
        problems.push(format!("{place} names the principal {principal}"));
    }
    if statement.does("sns:Subscribe") {
        let endpoint = "arn:${AWS::Partition}:lambda:${AWS::Region}:${DestinationAccountNumber}:function:*";
        if *statement.condition("StringEquals", "sns:Protocol") != "lambda"
            || *statement.condition("StringLike", "sns:Endpoint") != json!({"Fn::Sub": endpoint})
        {
            problems
                .push(format!("{place} allows other subscribers than functions of the destination account"));
        }
    }
    problems
}

/// What holds for the policies of roles.
fn of_role(statement: &Statement<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let place = &statement.place;
    let resources = statement.resources();
    if resources.is_empty() {
        problems.push(format!("{place} is on nothing"));
    }
    for resource in &resources {
        let text = resource.as_str().or(resource["Fn::Sub"].as_str()).or(resource["Fn::Sub"][0].as_str());
        match text {
            Some("*") if statement.actions().iter().all(|action| WITHOUT_RESOURCE.contains(action)) => {}
            Some(text) if !text.starts_with("arn:${AWS::Partition}:") => {
                problems.push(format!("{place} allows {:?} on {text}", statement.actions()));
            }
            _ => {}
        }
    }
    // Groups have no tags of ours, and the tags of a final snapshot are the instance's, if it gets any: there the name has
    // to do.
    let by_name_only = resources.iter().all(|resource| {
        let text = resource["Fn::Sub"].as_str().unwrap_or_default();
        [":og:", ":pg:", ":subgrp:"].iter().any(|kind| text.contains(kind))
            || text.ends_with(":snapshot:*-final-*")
    });
    if statement.does("rds:")
        && !statement.does("rds:Describe")
        && !statement.does("rds:ListTagsForResource")
        && !by_name_only
        && !statement.is_on_our_tag()
    {
        problems.push(format!("{place} allows {:?} without our tag", statement.actions()));
    }
    // A role that may tag existing things may not write or remove the tags that say whose a thing is.
    let on_existing =
        !statement.condition("StringEquals", &format!("aws:ResourceTag/{}", lineage::STACK)).is_null();
    let keys = statement.condition("ForAllValues:StringEquals", "aws:TagKeys");
    let is_harmless = |key: &Value| {
        TAGS_ON_EXISTING
            .iter()
            .any(|known| *key == *known && (*known != SEAL || place.contains("RestoreRole")))
    };
    let harmless = keys.as_array().is_some_and(|keys| !keys.is_empty() && keys.iter().all(is_harmless));
    if (statement.does("rds:RemoveTags") || (statement.does("rds:AddTags") && on_existing)) && !harmless {
        problems.push(format!("{place} may change tags that say whose a thing is"));
    }
    problems
}

/// A role is for one service, and services that act for every account use it only for this one.
fn trust(place: &str, policy: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let Some([statement]) = policy["Statement"].as_array().map(Vec::as_slice) else {
        return vec![format!("{place} is not trusted in one statement")];
    };
    let service = statement["Principal"]["Service"].as_str().unwrap_or_default();
    let source = &statement["Condition"]["StringEquals"]["aws:SourceAccount"];
    match service {
        "lambda.amazonaws.com" => {}
        "events.amazonaws.com" | "states.amazonaws.com" if *source == json!({"Ref": "AWS::AccountId"}) => {}
        _ => problems.push(format!("{place} is trusted to {service:?} for {source}")),
    }
    problems
}

/// What a function says in its first lines that it needs.
pub fn said(sources: &Sources, task: &str) -> BTreeSet<String> {
    let text = sources.text(&format!("crates/{}/src/lib.rs", kebab_case(task)));
    let said: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
    said.split('`').filter(|text| is_action(text)).map(str::to_owned).collect()
}

/// The functions.
pub const TASKS: [&str; 10] = [
    "Snapshot",
    "Copy",
    "Share",
    "Notify",
    "Launch",
    "Restore",
    "RotateSecret",
    "Prune",
    "Discover",
    "Report",
];

/// Every function says in its first lines what it needs; its roles allow exactly that.
fn needs(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for task in TASKS {
        let path = format!("crates/{}/src/lib.rs", kebab_case(task));
        let said = said(sources, task);
        let mut allowed = BTreeSet::new();
        for account in ACCOUNTS {
            if let Ok(template) = sources.template(account) {
                let role = format!("{task}Role");
                let own = &template.properties(&role)["Policies"];
                let apart = template.resources("AWS::IAM::Policy").filter(|(_, policy)| {
                    policy["Roles"].as_array().is_some_and(|roles| roles.contains(&json!({ "Ref": role })))
                });
                for policies in [own].into_iter().chain(apart.map(|(_, policy)| policy)) {
                    for statement in statements("", policies) {
                        allowed.extend(statement.actions().into_iter().map(str::to_owned));
                    }
                }
            }
        }
        let of_task = |action: &&str| !NOT_OF_THE_TASK.iter().any(|prefix| action.starts_with(prefix));
        for action in said.iter().filter(|action| !allowed.contains(*action)) {
            problems.push(format!("{task} needs {action}, which no role of it allows"));
        }
        for action in
            allowed.iter().map(String::as_str).filter(of_task).filter(|action| !said.contains(*action))
        {
            problems.push(format!("the role of {task} allows {action}, which {path} does not say it needs"));
        }
    }
    problems
}

/// Whether a text has the form `service:Action`.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, action)| {
        service.chars().all(|c| c.is_ascii_lowercase())
            && action.starts_with(|c: char| c.is_ascii_uppercase())
            && action.chars().all(|c| c.is_ascii_alphabetic())
    })
}

/// `RotateSecret` as `rotate-secret`.
pub fn kebab_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// One value or a list of them, as a list.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}
