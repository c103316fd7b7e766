//! What must be true of the templates, besides what cfn-lint knows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::languages::is_placeholder;
use crate::machine::Machine;
use crate::permissions::kebab_case;
use crate::sources::{ACCOUNTS, BUILD, MACHINES, PARAMETERS, Sources, machine_path};
use crate::template::{Template, walk};

/// A parameter and its default; no default means that the operator has to give it.
type Parameter = (&'static str, Option<&'static str>);

/// The original's parameters with their defaults.
const ORIGINAL: [(&str, &[Parameter]); 2] = [
    (
        "source",
        &[
            ("SourceDBIdentifier", Some("source-database-1")),
            ("KMSKey", Some("")),
            ("SourceDBSnapshotName", Some("source-database-snapshot")),
            ("DestinationAccountNumber", None),
            ("ScheduleExpression", Some("cron(0 * * * ? *)")),
        ],
    ),
    (
        "destination",
        &[
            ("Engine", Some("postgres")),
            ("DBInstanceClass", Some("db.m6i.large")),
            ("Subnetgroups", Some("")),
            ("DatabaseName", Some("rds-restored-db")),
            ("SecretName", Some("dev/db/read")),
            ("SGID", Some("")),
            ("KMSKey", Some("")),
            ("NoOfOlderInstances", Some("2")),
        ],
    ),
];

/// What scripts and operators read from a deployed stack.
const OUTPUTS: [(&str, &[&str]); 2] = [
    (
        "source",
        &[
            "StateMachineArn",
            "TopicArn",
            "AlertTopicArn",
            "KMSKeyArn",
            "ScheduleRuleName",
            "FleetStateMachineArn",
        ],
    ),
    (
        "destination",
        &[
            "StateMachineArn",
            "RollbackStateMachineArn",
            "SecretArn",
            "SecretName",
            "LaunchFunctionName",
            "AlertTopicArn",
            "KMSKeyArn",
            "DeadLetterQueueUrl",
            "SubscriptionArn",
        ],
    ),
];

pub fn each(sources: &Sources, check: impl Fn(&str, &Template) -> Vec<String>) -> Vec<String> {
    let of_account = |account: &&str| match sources.template(account) {
        Ok(template) => {
            check(account, template).into_iter().map(|problem| format!("{account}: {problem}")).collect()
        }
        Err(error) => vec![format!("{account}: {error}")],
    };
    ACCOUNTS.iter().flat_map(of_account).collect()
}

pub fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

pub fn attribute(resource: &str, name: &str) -> Value {
    json!({ "Fn::GetAtt": [resource, name] })
}

/// The placeholders of the machines, what the template puts in their place, and what their role may invoke are one list.
pub fn substitutions(sources: &Sources) -> Vec<String> {
    let mut problems: Vec<String> = MACHINES
        .iter()
        .flat_map(|(name, account, resource)| {
            let of_machine = match (sources.machine(name), sources.template(account)) {
                (Ok(machine), Ok(template)) => substituted(name, machine, template, resource),
                _ => Vec::new(),
            };
            of_machine.into_iter().map(move |problem| format!("{name}: {problem}"))
        })
        .collect();
    problems.extend(each(sources, |account, template| {
        let of_account: Vec<&str> =
            MACHINES.iter().filter(|(_, of, _)| *of == account).map(|(_, _, resource)| *resource).collect();
        let role = |resource: &str| {
            template.properties(resource)["RoleArn"]["Fn::GetAtt"][0].as_str().unwrap_or_default()
        };
        let roles: BTreeSet<&str> = of_account.iter().map(|resource| role(resource)).collect();
        let of_role = |name: &&str| {
            let invoked = &template.properties(name)["Policies"][0]["PolicyDocument"]["Statement"][0];
            let invoked: BTreeSet<String> =
                invoked["Resource"].as_array().into_iter().flatten().map(Value::to_string).collect();
            let called: BTreeSet<String> = of_account
                .iter()
                .filter(|resource| role(resource) == *name)
                .flat_map(|resource| given(template, resource).into_values())
                .filter(|value| value["Fn::GetAtt"][1] == "Arn")
                .map(|value| value.to_string())
                .collect();
            (invoked != called)
                .then(|| format!("the machines call {called:?}, their role may call {invoked:?}"))
        };
        roles.iter().filter_map(of_role).collect()
    }));
    problems
}

fn given(template: &Template, resource: &str) -> serde_json::Map<String, Value> {
    template.properties(resource)["DefinitionSubstitutions"].as_object().cloned().unwrap_or_default()
}

fn substituted(name: &str, machine: &Machine, template: &Template, resource: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let tasks = || machine.tasks().chain(machine.tasks_of_items()).map(|(_, task)| task);
    let called: BTreeSet<String> = tasks().map(|task| task.resource.clone()).collect();
    for placeholder in &called {
        if !is_placeholder(placeholder) {
            problems.push(format!("a task calls {placeholder}, which is no placeholder"));
        }
    }
    let mut placeholders = called;
    for task in tasks() {
        walk("", &task.parameters, &mut |_, value| {
            placeholders.extend(value.as_str().filter(|text| is_placeholder(text)).map(str::to_owned));
        });
    }
    let given = given(template, resource);
    let names: BTreeSet<String> = given.keys().map(|name| format!("${{{name}}}")).collect();
    if names != placeholders {
        problems.push(format!("the machine has {placeholders:?}, the template gives {names:?}"));
    }
    for (name, value) in &given {
        let named = name.strip_suffix("Arn").unwrap_or_default();
        let is_named = match template.resource(named)["Type"].as_str() {
            Some("AWS::Lambda::Function") => *value == attribute(named, "Arn"),
            Some("AWS::StepFunctions::StateMachine") => *value == reference(named),
            // The call that starts an execution and waits for its end, in the stack's partition.
            None if named == "PutRetentionPolicy" => {
                *value
                    == json!({"Fn::Sub": "arn:${AWS::Partition}:states:::aws-sdk:cloudwatchlogs:putRetentionPolicy"})
            }
            None if named == "PutObject" => {
                *value == json!({"Fn::Sub": "arn:${AWS::Partition}:states:::aws-sdk:s3:putObject"})
            }
            None if named == "StartExecution" => {
                *value == json!({"Fn::Sub": "arn:${AWS::Partition}:states:::states:startExecution.sync:2"})
            }
            _ => false,
        };
        if !is_named {
            problems.push(format!("{name} is {value}, not the function of that name"));
        }
    }
    let properties = template.properties(resource);
    if properties["DefinitionS3Location"] != format!("../{}", machine_path(name)) {
        problems.push(format!("its machine is {}", properties["DefinitionS3Location"]));
    }
    if !matches!(properties["LoggingConfiguration"]["Level"].as_str(), Some("ALL")) {
        problems.push("its machine does not log".to_owned());
    }
    problems
}

/// The original's parameters are there, and an operator who sees only the console understands every parameter.
pub fn parameters(sources: &Sources) -> Vec<String> {
    let originals: BTreeMap<&str, &[Parameter]> = ORIGINAL.into();
    each(sources, |account, template| {
        let mut problems = Vec::new();
        let parameters: BTreeMap<&str, &Value> = template.section("Parameters").collect();
        for (name, default) in originals[account] {
            let found = parameters.get(name).map(|parameter| match &parameter["Default"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            });
            if found != Some(default.map(str::to_owned)) {
                problems.push(format!("the original's {name} has the default {default:?}, ours {found:?}"));
            }
        }
        let interface = &template.value()["Metadata"]["AWS::CloudFormation::Interface"];
        let grouped: Vec<&Value> = interface["ParameterGroups"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["Parameters"].as_array().into_iter().flatten())
            .collect();
        let mut used = String::new();
        for section in ["Conditions", "Resources", "Outputs"] {
            walk("", &template.value()[section], &mut |path, value| {
                if let (Some(text), true) =
                    (value.as_str(), path.ends_with(".Ref") || path.contains(".Fn::Sub"))
                {
                    used.push_str(&format!("${{{text}}} {text} "));
                }
            });
        }
        for (name, parameter) in parameters {
            let said = |field: &str| parameter[field].as_str().is_some_and(|text| text.len() > 10);
            if !said("Description") || !said("ConstraintDescription") {
                problems.push(format!("{name} is not explained"));
            }
            // CloudFormation lets decimals through, and the functions refuse them when a run is under way.
            if parameter["Type"] == "Number" {
                problems.push(format!("{name} is a Number, which takes decimals"));
            }
            let limits = ["AllowedPattern", "AllowedValues"];
            if limits.iter().all(|limit| parameter[limit].is_null()) {
                problems.push(format!("{name} takes anything"));
            }
            if parameter["AllowedPattern"]
                .as_str()
                .is_some_and(|text| !text.starts_with('^') || !text.ends_with('$'))
            {
                problems.push(format!("the pattern of {name} may match a part"));
            }
            if grouped.iter().filter(|grouped| **grouped == name).count() != 1 {
                problems.push(format!("{name} is not in one parameter group"));
            }
            if interface["ParameterLabels"][name]["default"].as_str().is_none_or(str::is_empty) {
                problems.push(format!("{name} has no label"));
            }
            if !used.contains(&format!("${{{name}}}")) {
                problems.push(format!("{name} is not used"));
            }
            if !sources.text(PARAMETERS).contains(&format!("`{name}`")) {
                problems.push(format!("{PARAMETERS} does not mention {name}"));
            }
        }
        problems
    })
}

/// Snapshots are shared with another account, for all parameters.
pub fn another_account(sources: &Sources) -> Vec<String> {
    let is_own = json!({"Fn::Equals": [reference("DestinationAccountNumber"), reference("AWS::AccountId")]});
    let wanted = json!({"Fn::Not": [is_own]});
    let Ok(template) = sources.template("source") else {
        return vec![];
    };
    let asserted = |rule: &Value| {
        let assertions = rule["Assertions"].as_array();
        rule["RuleCondition"].is_null()
            && assertions.into_iter().flatten().any(|one| {
                one["Assert"] == wanted
                    && one["AssertDescription"].as_str().is_some_and(|text| !text.is_empty())
            })
    };
    if template.section("Rules").any(|(_, rule)| asserted(rule)) {
        vec![]
    } else {
        vec!["source: the account may share with itself".to_owned()]
    }
}

/// The outputs that scripts and operators rely on, each explained.
pub fn outputs(sources: &Sources) -> Vec<String> {
    let wanted: BTreeMap<&str, &[&str]> = OUTPUTS.into();
    each(sources, |account, template| {
        let mut problems = Vec::new();
        let names: Vec<&str> = template.section("Outputs").map(|(name, _)| name).collect();
        if names != wanted[account] {
            problems.push(format!("its outputs are {names:?}, not {:?}", wanted[account]));
        }
        for (name, output) in template.section("Outputs") {
            if output["Description"].as_str().is_none_or(str::is_empty) {
                problems.push(format!("the output {name} is not explained"));
            }
        }
        problems
    })
}

/// One word for a task everywhere: its function, role, log group and zip.
pub fn functions(sources: &Sources) -> Vec<String> {
    let built = sources.text(BUILD).lines().find_map(|line| line.strip_prefix("tasks=(")?.strip_suffix(')'));
    let built: Vec<&str> = built.unwrap_or_default().split(' ').collect();
    each(sources, |_, template| {
        let mut problems = Vec::new();
        for (name, function) in template.resources("AWS::Lambda::Function") {
            let task = name.strip_suffix("Function").unwrap_or_default();
            let wanted = [
                ("Code", json!(format!("../target/lambda/{}.zip", kebab_case(task)))),
                ("Runtime", json!("provided.al2023")),
                ("Architectures", json!([reference("Architecture")])),
                ("Handler", json!("bootstrap")),
                ("Timeout", json!(60)),
                ("MemorySize", json!(128)),
                ("Role", attribute(&format!("{task}Role"), "Arn")),
                ("LoggingConfig", json!({"LogGroup": reference(&format!("{task}LogGroup"))})),
            ];
            for (field, value) in wanted {
                if function[field] != value {
                    problems.push(format!("{field} of {name} is {}, not {value}", function[field]));
                }
            }
            if function["Description"].as_str().is_none_or(str::is_empty) {
                problems.push(format!("{name} is not explained"));
            }
            if !built.contains(&kebab_case(task).as_str()) {
                problems.push(format!("{BUILD} does not build {name}"));
            }
            let writes =
                &template.properties(&format!("{task}Role"))["Policies"][0]["PolicyDocument"]["Statement"][0];
            if writes["Resource"] != attribute(&format!("{task}LogGroup"), "Arn") {
                problems.push(format!("{name} may not write into its log group"));
            }
        }
        // Functions first, then everything else that has a log: nothing logs for ever.
        for (name, group) in template.resources("AWS::Logs::LogGroup") {
            if group["RetentionInDays"] != reference("LogRetentionDays") {
                problems.push(format!("{name} is kept for {}", group["RetentionInDays"]));
            }
        }
        problems
    })
}

/// Nothing that only many databases need is there unless the stack wants it: what is not named by a condition of the fleet
/// names nothing of it.
pub fn fleet(sources: &Sources) -> Vec<String> {
    let Ok(template) = sources.template("source") else { return vec![] };
    let is_of_fleet = |thing: &Value| {
        ["HasFleet", "HasFleetDashboard", "HasFleetReportBucket"].iter().any(|of| thing["Condition"] == *of)
    };
    let resources: BTreeMap<&str, &Value> = template.section("Resources").collect();
    let names: Vec<&str> =
        resources.iter().filter(|(_, one)| is_of_fleet(one)).map(|(name, _)| *name).collect();
    let parameters = template.section("Parameters").map(|(name, _)| name);
    let own: Vec<&str> = parameters
        .filter(|name| {
            name.starts_with("Fleet") || ["MaxReplicationsAtOnce", "ToleratedFailures"].contains(name)
        })
        .collect();
    let mut problems = Vec::new();
    for (name, resource) in resources.iter().filter(|(_, resource)| !is_of_fleet(resource)) {
        let text = resource.to_string();
        let named = names
            .iter()
            .chain(&own)
            .filter(|other| text.contains(&format!("\"{other}\"")) || text.contains(&format!("${{{other}")));
        problems
            .extend(named.map(|other| format!("source: {name} is there without a fleet and names {other}")));
        if name.starts_with("Fleet") {
            problems.push(format!("source: {name} is there without a fleet"));
        }
    }
    if template.value()["Parameters"]["Fleet"]["Default"] != "false" {
        problems.push("source: there is a fleet unless the stack wants none".to_owned());
    }
    for state in ["ScheduleState", "FleetScheduleState"] {
        let default = &template.value()["Parameters"][state]["Default"];
        if default != "DISABLED" {
            problems.push(format!("source: the schedule is {default} by default"));
        }
    }
    problems
}

/// Deleting or updating a stack never deletes a key or a secret, and never writes the secret's value again.
pub fn keeping(sources: &Sources) -> Vec<String> {
    each(sources, |account, template| {
        let mut problems = Vec::new();
        for (name, resource) in template.section("Resources") {
            let is_kept =
                ["AWS::KMS::Key", "AWS::SecretsManager::Secret"].iter().any(|kind| resource["Type"] == *kind);
            let policies = (resource["DeletionPolicy"].as_str(), resource["UpdateReplacePolicy"].as_str());
            if is_kept && policies != (Some("RetainExceptOnCreate"), Some("Retain")) {
                problems.push(format!("{name} is lost with its stack: {policies:?}"));
            }
        }
        let secret = &template.properties("Secret")["SecretString"];
        if account == "destination" && secret != r#"{"db_host":"","db_prefix":""}"# {
            problems.push(format!("an update of the stack could write the secret's value again: {secret}"));
        }
        problems
    })
}

/// The topic, the subscription, what catches a message that is not taken, and the schedule.
pub fn joining(sources: &Sources) -> Vec<String> {
    let mut problems = each(sources, |account, template| {
        let machine = reference("StateMachine");
        let wanted = if account == "source" {
            vec![
                ("ScheduleRule", "/State", reference("ScheduleState")),
                ("ScheduleRule", "/ScheduleExpression", reference("ScheduleExpression")),
                ("ScheduleRule", "/Targets/0/Arn", machine),
                ("ScheduleRule", "/Targets/0/RoleArn", attribute("ScheduleRole", "Arn")),
                ("ScheduleRule", "/Targets/0/Input", json!("{}")),
                ("FleetScheduleRule", "/State", reference("FleetScheduleState")),
                ("FleetScheduleRule", "/ScheduleExpression", reference("FleetScheduleExpression")),
                ("FleetScheduleRule", "/Targets/0/Arn", reference("FleetStateMachine")),
                ("FleetScheduleRule", "/Targets/0/RoleArn", attribute("FleetScheduleRole", "Arn")),
                ("FleetScheduleRule", "/Targets/0/Input", json!("{}")),
                ("TopicPolicy", "/Topics", json!([reference("Topic")])),
            ]
        } else {
            let topic = reference("SourceTopicArn");
            let queue = attribute("DeadLetterQueue", "Arn");
            vec![
                ("Subscription", "/TopicArn", topic.clone()),
                ("Subscription", "/Protocol", json!("lambda")),
                ("Subscription", "/Endpoint", attribute("LaunchFunction", "Arn")),
                (
                    "Subscription",
                    "/RedrivePolicy",
                    json!({"Fn::If": ["CrossesRegions", reference("AWS::NoValue"), {"deadLetterTargetArn": queue}]}),
                ),
                (
                    "Subscription",
                    "/Region",
                    json!({"Fn::If": ["CrossesRegions",
                        {"Fn::Select": [3, {"Fn::Split": [":", topic]}]}, reference("AWS::NoValue")]}),
                ),
                ("LaunchPermission", "/FunctionName", reference("LaunchFunction")),
                ("LaunchPermission", "/Principal", reference("SnsPrincipal")),
                ("LaunchPermission", "/SourceArn", topic),
                ("LaunchInvocations", "/DestinationConfig/OnFailure/Destination", queue),
                ("DeadLetterQueuePolicy", "/Queues", json!([reference("DeadLetterQueue")])),
            ]
        };
        wanted
            .into_iter()
            .filter_map(|(resource, path, value)| {
                let found = template.properties(resource).pointer(path);
                (found != Some(&value)).then(|| format!("{path} of {resource} is {found:?}, not {value}"))
            })
            .collect()
    });
    if let Ok(template) = sources.template("destination") {
        // A message that comes before these exist would be refused or lost.
        let first = &template.resource("Subscription")["DependsOn"];
        if *first != json!(["LaunchPermission", "LaunchInvocations", "DeadLetterQueuePolicy"]) {
            problems.push(format!("destination: before the subscription only {first} is sure to exist"));
        }
    }
    problems
}
