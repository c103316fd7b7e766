//! The lines about a template.

use serde_json::Value;

use crate::template::Template;

/// What limits the values of a parameter.
const LIMITS: [&str; 5] = ["AllowedPattern", "AllowedValues", "MaxLength", "MinValue", "MaxValue"];
/// The properties that give a thing a name of ours; the other account and operators know it by that.
const NAMES: [&str; 5] = ["AliasName", "DisplayName", "LogGroupName", "Name", "PolicyName"];

/// Parameters, logical ids and outputs.
pub fn lines(account: &str, template: &Template) -> Vec<String> {
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
