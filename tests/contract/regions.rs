//! Two Regions: what is added for the second one, and that a pair in one Region has nothing of it.

use serde_json::{Value, json};

use crate::sources::Sources;
use crate::template::walk;
use crate::templates::{each, reference};

/// The condition of both templates that the other account is in another Region.
const CROSSES: &str = "CrossesRegions";
/// That of the source that its account makes the copy in the other Region, which only a pair of two has.
const COPIES: &str = "SourceCopies";

/// What is in one Region, or in two if the stacks are in two.
pub fn one_or_both(value: &Value, one: &Value, allowed: &[&str]) -> bool {
    let both = |list: &Value| {
        list.as_array().is_some_and(|list| {
            list.len() == 2
                && list.iter().all(|one| {
                    let text = one["Fn::Sub"].as_str().or(one["Fn::Sub"][0].as_str());
                    text.is_some_and(|text| allowed.contains(&text))
                })
        })
    };
    value == one
        || matches!(
            value["Fn::If"].as_array().map(Vec::as_slice),
            Some([condition, two, own]) if is_of_two(condition) && own == one && both(two)
        )
}

fn is_of_two(condition: &Value) -> bool {
    [CROSSES, COPIES].iter().any(|name| condition == name)
}

/// Use of a key through RDS, of this Region or of both.
pub fn is_through_rds(value: &Value) -> bool {
    let allowed = ["rds.${AWS::Region}.*", "rds.${DestinationRegion}.*", "rds.${SourceRegion}.*"];
    one_or_both(value, &json!({"Fn::Sub": "rds.${AWS::Region}.*"}), &allowed)
}

/// Functions of the destination account, in this Region or in both.
pub fn is_function_of_destination(value: &Value) -> bool {
    let of = |region: &str| {
        format!("arn:${{AWS::Partition}}:lambda:${{{region}}}:${{DestinationAccountNumber}}:function:*")
    };
    let (own, other) = (of("AWS::Region"), of("DestinationRegion"));
    one_or_both(value, &json!({"Fn::Sub": own}), &[&own, &other])
}

/// The templates of a pair in one Region, after their conditions, name no second Region.
pub fn one_region(sources: &Sources) -> Vec<String> {
    each(sources, |account, template| {
        let mut problems = Vec::new();
        let another = if account == "source" {
            json!({"Fn::Or": [
                {"Fn::Equals": [reference("DestinationRegion"), ""]},
                {"Fn::Equals": [reference("DestinationRegion"), reference("AWS::Region")]}]})
        } else {
            let topic = json!({"Fn::Select": [3, {"Fn::Split": [":", reference("SourceTopicArn")]}]});
            json!({"Fn::Equals": [topic, reference("AWS::Region")]})
        };
        let found = &template.value()["Conditions"][CROSSES];
        if *found != json!({"Fn::Not": [another]}) {
            problems.push(format!("{CROSSES} is {found}"));
        }
        let copies = &template.value()["Conditions"][COPIES];
        let of_two = json!({"Condition": CROSSES});
        if account == "source" && copies["Fn::And"].as_array().is_none_or(|all| !all.contains(&of_two)) {
            problems.push(format!("{COPIES} does not ask for {CROSSES}: {copies}"));
        }
        let near = in_one_region(&template.value()["Resources"]);
        walk("Resources", &near, &mut |place, value| {
            let names_another = value.as_str().is_some_and(|text| {
                text == "DestinationRegion"
                    || text == "DestinationRegionKMSKey"
                    || text.contains("${DestinationRegion}")
                    || text.contains("${SourceRegion}")
            });
            if names_another {
                problems.push(format!("{place} names another Region in a pair of one"));
            }
        });
        problems
    })
}

/// A template's part as it is for a pair in one Region.
fn in_one_region(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match fields.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice) {
            Some([condition, _, near]) if is_of_two(condition) => in_one_region(near),
            _ => fields.iter().map(|(name, value)| (name.clone(), in_one_region(value))).collect(),
        },
        Value::Array(items) => items.iter().map(in_one_region).collect(),
        value => value.clone(),
    }
}
