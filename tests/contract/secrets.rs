//! One secret, which the stack makes or an operator names: every statement about it covers both cases.

use replication::lineage;
use serde_json::{Value, json};

use crate::sources::Sources;
use crate::template::{MANY, Template, walk};
use crate::templates::{attribute, reference};

/// The parameter that names a secret, and what says whether it does.
const EXISTING: &str = "ExistingSecretArn";
const HAS_EXISTING: &str = "HasExistingSecretArn";

/// The ARN of the secret.
pub fn arn() -> Value {
    json!({"Fn::If": [HAS_EXISTING, reference(EXISTING), attribute("Secret", "Id")]})
}

/// What the roles of functions may use: only a secret of this account and Region, for every value of the parameter.
fn granted() -> Value {
    let own = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Name}";
    let name = json!({"Fn::Select": [6, {"Fn::Split": [":", reference(EXISTING)]}]});
    json!({"Fn::If": [HAS_EXISTING, {"Fn::Sub": [own, {"Name": name}]}, attribute("Secret", "Id")]})
}

/// What the roles may use of the secrets of several databases: those under the stack's own name.
pub fn of_many() -> Value {
    json!({"Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${SecretName}/*"})
}

/// The secrets of several databases: all under the stack's own name, and written only with its tag.
pub fn of_each(sources: &Sources) -> Vec<String> {
    let Ok(template) = sources.template("destination") else {
        return vec![];
    };
    let template = template.for_databases(true);
    let mut problems = Vec::new();
    let named = |resource: &Value| match resource["Fn::If"].as_array().map(Vec::as_slice) {
        Some([condition, _, many]) if *condition == HAS_EXISTING => *many == of_many(),
        _ => *resource == of_many(),
    };
    let tag = |value: &Value, of: &str| {
        value["Condition"]["StringEquals"][format!("aws:{of}Tag/{}", lineage::STACK)]
            == reference("AWS::StackName")
    };
    for (role, properties) in template.resources("AWS::IAM::Role") {
        walk(role, &properties["Policies"], &mut |place, value| {
            let Some(actions) = value.get("Action") else { return };
            let actions = actions.to_string();
            if !actions.contains("secretsmanager:") || value["Resource"] == "*" {
                return;
            }
            if !named(&value["Resource"]) {
                problems.push(format!("{place} may use secrets of other names: {}", value["Resource"]));
            }
            let (makes, writes) = (actions.contains(":CreateSecret"), actions.contains(":PutSecretValue"));
            if (makes && !tag(value, "Request")) || (writes && !tag(value, "Resource")) {
                problems.push(format!("{place} may write secrets without the stack's tag"));
            }
        });
    }
    for (function, properties) in template.resources("AWS::Lambda::Function") {
        let given = &properties["Environment"]["Variables"]["SECRET_ARN"];
        let wanted = json!({"Fn::If": [HAS_EXISTING, reference(EXISTING), reference("SecretName")]});
        if !given.is_null() && *given != wanted {
            problems.push(format!("{function} is given the secrets {given}"));
        }
    }
    problems
}

/// The secret is made only where none is named, and everything else takes the one that is used.
pub fn one_or_the_other(sources: &Sources) -> Vec<String> {
    let Ok(template) = sources.template("destination") else {
        return vec![];
    };
    let template = &template.for_databases(false);
    let mut problems = made(template);
    let mut whole = Vec::new();
    for section in ["Resources", "Outputs"] {
        walk(section, &template.value()[section], &mut |path, value| {
            if [arn(), granted()].contains(value) {
                whole.push(path.to_owned());
            }
            let is_own = *value == attribute("Secret", "Id") || *value == reference("Secret");
            let is_about =
                is_own || *value == reference(EXISTING) || *value == json!({"Condition": HAS_EXISTING});
            if is_about && !whole.iter().any(|place| path.starts_with(place.as_str())) {
                let is_name = path == "Outputs.SecretName.Value.Fn::If.1";
                if !is_name {
                    problems.push(format!("{path} takes {value}, and not the one secret or the other"));
                }
            }
        });
    }
    for (function, properties) in template.resources("AWS::Lambda::Function") {
        let given = &properties["Environment"]["Variables"]["SECRET_ARN"];
        if !given.is_null() && *given != arn() {
            problems.push(format!("{function} is given the secret {given}"));
        }
    }
    problems.extend(rights(template));
    problems
}

fn made(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let condition = |name: &str| &template.value()["Conditions"][name];
    let is_empty = json!({"Fn::Equals": [reference(EXISTING), ""]});
    let first = json!({"Fn::Select": [0, {"Fn::Split": ["*", reference("SourceDBIdentifier")]}]});
    let is_one = json!({"Fn::Equals": [first, reference("SourceDBIdentifier")]});
    if *condition(MANY) != json!({ "Fn::Not": [is_one] }) {
        problems.push(format!("a pattern is not told from a name: {}", condition(MANY)));
    }
    if template.resource("Secret")["Condition"] != "MakesSecret"
        || *condition("MakesSecret") != json!({"Fn::And": [is_empty, {"Fn::Not": [{"Condition": MANY}]}]})
        || *condition(HAS_EXISTING) != json!({ "Fn::Not": [is_empty] })
    {
        problems.push(format!("a secret is made although {EXISTING} names one"));
    }
    let key = json!({"Fn::If": ["HasSecretKMSKey", reference("SecretKMSKey"), reference("AWS::NoValue")]});
    if template.properties("Secret")["KmsKeyId"] != key {
        problems.push("the secret is not under the key that is chosen for it".to_owned());
    }
    problems
}

/// A role that may read or write the secret may use its key for that, and for no other secret. That holds whether a key is
/// chosen or not, because a version of the secret stays under the key that it was written under.
fn rights(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (role, properties) in template.resources("AWS::IAM::Role") {
        let (mut of_secret, mut of_key) = (Vec::new(), Vec::new());
        walk(role, &properties["Policies"], &mut |_, value| {
            let actions =
                value["Action"].as_array().cloned().unwrap_or_else(|| vec![value["Action"].clone()]);
            let does = |prefix: &str| {
                actions.iter().any(|action| action.as_str().is_some_and(|a| a.starts_with(prefix)))
            };
            if does("secretsmanager:") && value["Resource"] != "*" {
                of_secret.extend(actions.clone());
                if value["Resource"] != granted() {
                    problems.push(format!("{role} may use the secret {}", value["Resource"]));
                }
            }
            let through = &value["Condition"]["StringLike"]["kms:ViaService"];
            if does("kms:") && *through == json!({"Fn::Sub": "secretsmanager.${AWS::Region}.*"}) {
                of_key.extend(actions);
            }
        });
        let writes = of_secret.contains(&json!("secretsmanager:PutSecretValue"));
        let wanted = match (of_secret.is_empty(), writes) {
            (true, _) => vec![],
            (false, false) => vec![json!("kms:Decrypt")],
            (false, true) => vec![json!("kms:Decrypt"), json!("kms:GenerateDataKey")],
        };
        if of_key != wanted {
            problems.push(format!("{role} may do {of_secret:?} with the secret and {of_key:?} with its key"));
        }
    }
    problems
}
