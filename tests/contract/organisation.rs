//! What the rules of an organisation ask of every role and every function.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::permissions::{TASKS, kebab_case, said};
use crate::sources::{Sources, VPC};
use crate::template::Template;
use crate::templates::{each, reference};

/// The service that only RDS calls, with the function's rights: the directory that an instance joins.
const BY_RDS: &str = "ds";

/// Every role has the boundary and the path that the stack is given.
pub fn roles(sources: &Sources) -> Vec<String> {
    let boundary = chosen("HasPermissionsBoundary", &reference("PermissionsBoundary"));
    each(sources, |_, template| {
        let mut problems = has_condition(template, "HasPermissionsBoundary", "PermissionsBoundary");
        for (name, role) in template.resources("AWS::IAM::Role") {
            if role["PermissionsBoundary"] != boundary {
                problems.push(format!("{name} has another boundary: {}", role["PermissionsBoundary"]));
            }
            if role["Path"] != reference("RolePath") {
                problems.push(format!("{name} has another path: {}", role["Path"]));
            }
            // The path is replaced and the name chosen by CloudFormation, so that both may exist for a moment.
            if !role["RoleName"].is_null() {
                problems.push(format!("{name} has a name of its own"));
            }
        }
        problems
    })
}

/// Every function runs in the subnets that the stack is given, and its role may join it to them.
pub fn network(sources: &Sources) -> Vec<String> {
    let list = |name: &str| json!({"Fn::Split": [",", reference(name)]});
    let place = chosen(
        "HasLambdaSubnetIds",
        &json!({"SubnetIds": list("LambdaSubnetIds"), "SecurityGroupIds": list("LambdaSecurityGroupIds")}),
    );
    let joins = chosen("HasLambdaSubnetIds", &json!([reference("NetworkPolicy")]));
    each(sources, |_, template| {
        let mut problems = has_condition(template, "HasLambdaSubnetIds", "LambdaSubnetIds");
        if template.resource("NetworkPolicy")["Condition"] != "HasLambdaSubnetIds" {
            problems.push("there are the rights of a VPC without one".to_owned());
        }
        for (name, function) in template.resources("AWS::Lambda::Function") {
            if function["VpcConfig"] != place {
                problems.push(format!("{name} runs elsewhere: {}", function["VpcConfig"]));
            }
            let task = name.strip_suffix("Function").unwrap_or_default();
            if template.properties(&format!("{task}Role"))["ManagedPolicyArns"] != joins {
                problems.push(format!("the role of {name} cannot join it to a VPC"));
            }
        }
        if !template.section("Rules").any(|(name, _)| name == "LambdaSubnetsComeWithSecurityGroups") {
            problems.push("subnets may be given without security groups".to_owned());
        }
        problems
    })
}

/// The page about VPCs lists the endpoint of every service that a function says it calls, and no other.
pub fn endpoints(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for task in TASKS {
        let start = format!("| `{}` |", kebab_case(task));
        let row = sources.text(VPC).lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default();
        let listed: BTreeSet<&str> = row.split('`').skip(1).step_by(2).collect();
        let said = said(sources, task);
        let called: BTreeSet<&str> =
            said.iter().filter_map(|action| Some(action.split_once(':')?.0)).collect();
        let called: BTreeSet<&str> = called.into_iter().filter(|name| *name != BY_RDS).collect();
        if listed != called {
            problems.push(format!("{VPC} lists {listed:?} for {task}, which calls {called:?}"));
        }
    }
    problems
}

/// A value where a condition holds, and else none.
fn chosen(condition: &str, value: &Value) -> Value {
    json!({"Fn::If": [condition, value, reference("AWS::NoValue")]})
}

/// The condition that a parameter is not empty.
fn has_condition(template: &Template, condition: &str, parameter: &str) -> Vec<String> {
    let found = &template.value()["Conditions"][condition];
    let wanted = json!({"Fn::Not": [{"Fn::Equals": [reference(parameter), ""]}]});
    if *found == wanted { vec![] } else { vec![format!("{condition} is {found}")] }
}
