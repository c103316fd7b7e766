//! The lines about a template.

use serde_json::Value;

use crate::template::{Template, walk};

/// What limits the values of a parameter.
const LIMITS: [&str; 5] = ["AllowedPattern", "AllowedValues", "MaxLength", "MinValue", "MaxValue"];
/// The properties that give a thing a name of ours; the other account and operators know it by that.
const NAMES: [&str; 5] = ["AliasName", "DisplayName", "LogGroupName", "Name", "PolicyName"];

/// Parameters, logical ids, outputs and rights: what a stack for one database has, and what one for several has in its place.
pub fn lines(account: &str, template: &Template) -> Vec<String> {
    let (one, many) = (template.for_databases(false), template.for_databases(true));
    let mut lines = of_template(account, &one);
    lines.extend([String::new(), format!("== {account} template: rights")]);
    lines.extend(inner(&one));
    let (of_one, of_many) = (of_stack(account, &one), of_stack(account, &many));
    if of_one != of_many {
        lines.extend([String::new(), format!("== {account} template: of several databases only")]);
        lines.extend(of_many.into_iter().filter(|line| !of_one.contains(line)));
    }
    lines
}

fn of_stack(account: &str, template: &Template) -> Vec<String> {
    let mut lines = of_template(account, template);
    lines.extend(inner(template));
    lines
}

/// What every role may do, and what every function is given.
fn inner(template: &Template) -> Vec<String> {
    let mut lines = Vec::new();
    for (role, properties) in template.resources("AWS::IAM::Role") {
        walk(role, &properties["Policies"], &mut |_, value| {
            if let (Some(action), Some(resource)) = (value.get("Action"), value.get("Resource")) {
                let condition = value.get("Condition").map(|one| format!(" if {one}")).unwrap_or_default();
                lines.push(format!("{role}: {action} on {resource}{condition}"));
            }
        });
    }
    for (function, properties) in template.resources("AWS::Lambda::Function") {
        let variables = properties["Environment"]["Variables"].as_object().into_iter().flatten();
        lines.extend(variables.map(|(name, value)| format!("{function}: {name} is {value}")));
    }
    lines
}

fn of_template(account: &str, template: &Template) -> Vec<String> {
    let mut lines = vec![String::new(), format!("== {account} template: parameters")];
    lines.extend(template.section("Parameters").map(|(name, parameter)| {
        let of =
            |field: &str| parameter.get(field).map(|value| format!(" {field} {value}")).unwrap_or_default();
        let limits: String = LIMITS.iter().map(|limit| of(limit)).collect();
        format!("{name}: {}{}{limits}", text(&parameter["Type"]), of("Default"))
    }));
    lines.extend([String::new(), format!("== {account} template: resources")]);
    lines.extend(template.section("Resources").map(|(name, resource)| {
        let of =
            |field: &str| resource.get(field).map(|value| format!(" {field} {value}")).unwrap_or_default();
        let names: String = NAMES
            .iter()
            .filter_map(|field| Some(format!(" {field} {}", resource["Properties"].get(field)?)))
            .collect();
        let kept = of("DeletionPolicy") + &of("UpdateReplacePolicy");
        format!("{name}: {}{}{kept}{names}", text(&resource["Type"]), of("Condition"))
    }));
    lines.extend([String::new(), format!("== {account} template: outputs")]);
    lines.extend(template.section("Outputs").map(|(name, output)| {
        let export = output.get("Export").map(|export| format!(" exported as {export}")).unwrap_or_default();
        format!("{name}: {}{export}", output["Value"])
    }));
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
