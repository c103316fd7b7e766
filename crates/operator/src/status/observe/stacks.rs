//! The CloudFormation stacks.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Stack as Described, StackResourceSummary};

use crate::account::Account;
use crate::failure::{Failure, fault};
use crate::status::facts::Stack;
use crate::times::moment;

/// Every stack of the account.
///
/// # Errors
/// A fault of CloudFormation.
pub async fn all(account: &Account) -> Result<Vec<Stack>, Failure> {
    let mut pages = account.stacks().describe_stacks().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(stack) = pages.next().await {
        found.push(read(&stack.map_err(|error| fault("cloudformation:DescribeStacks", &error))?));
    }
    Ok(found)
}

/// The stack of this name.
///
/// # Errors
/// A fault of CloudFormation, also if there is no such stack.
pub async fn named(account: &Account, name: &str) -> Result<Stack, Failure> {
    let answer = account.stacks().describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|error| fault("cloudformation:DescribeStacks", &error))?;
    let stack = answer.stacks().first().map(read);
    stack.ok_or_else(|| Failure::named("ValidationError", format!("there is no stack {name}")))
}

/// The resources of a stack.
///
/// # Errors
/// A fault of CloudFormation.
pub async fn resources(account: &Account, stack: &Stack) -> Result<Vec<StackResourceSummary>, Failure> {
    let client = account.stacks();
    let mut pages = client.list_stack_resources().stack_name(&stack.name).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(resource) = pages.next().await {
        found.push(resource.map_err(|error| fault("cloudformation:ListStackResources", &error))?);
    }
    Ok(found)
}

/// The physical ids of the resources of a stack that are of a type, by their logical ids.
///
/// # Errors
/// A fault of CloudFormation.
pub async fn physical_ids(
    account: &Account,
    stack: &Stack,
    kind: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let all = resources(account, stack).await?;
    let of_kind = all.iter().filter(|one| one.resource_type() == Some(kind));
    let ids = of_kind.filter_map(|one| {
        Some((one.logical_resource_id()?.to_owned(), one.physical_resource_id()?.to_owned()))
    });
    Ok(ids.collect())
}

fn read(stack: &Described) -> Stack {
    let parameters = stack.parameters().iter().filter_map(|one| {
        Some((one.parameter_key()?.to_owned(), one.parameter_value().unwrap_or_default().to_owned()))
    });
    let outputs = stack.outputs().iter().filter_map(|one| {
        Some((one.output_key()?.to_owned(), one.output_value().unwrap_or_default().to_owned()))
    });
    Stack {
        name: stack.stack_name().unwrap_or_default().to_owned(),
        status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        parameters: parameters.collect(),
        outputs: outputs.collect(),
        created: stack.creation_time().and_then(moment),
        pattern: String::new(),
    }
}
