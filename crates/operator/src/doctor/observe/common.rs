//! What is read of either stack.

use std::collections::BTreeMap;

use replication::Error;
use replication::environment::Environment;
use replication::preflight::Known;

use super::{network, services};
use crate::account::Account;
use crate::doctor::facts::{Common, Ended, NO_FUNCTION, Read, Said, Unread};
use crate::execution::readable_cause;
use crate::failure::Failure;
use crate::functions::{self, Function};
use crate::status::facts::Stack;
use crate::status::observe::machines::{Listed, described};
use crate::status::observe::{databases, stacks};
use crate::times::moment;

/// The outputs that name a machine, and what operators call it.
const MACHINES: [(&str, &str, &str); 4] = [
    ("StateMachineArn", "TopicArn", "source"),
    ("StateMachineArn", "LaunchFunctionName", "destination"),
    ("RollbackStateMachineArn", "", "rollback"),
    ("FleetStateMachineArn", "", "fleet"),
];

/// Everything that both stacks have.
pub async fn read(account: &Account, number: String, stack: Stack) -> Common {
    let mut runs = BTreeMap::new();
    for (output, beside, name) in MACHINES {
        let machine = stack.output(output);
        if !machine.is_empty() && (beside.is_empty() || !stack.output(beside).is_empty()) {
            runs.insert(name, last_ended(account, machine).await.map_err(Unread::from));
        }
    }
    let quotas = match rds_access::preflight::quotas(&account.rds()).await {
        Ok(Known::Seen(quotas)) => Ok(quotas),
        Ok(Known::Unseen(why)) => Err(unseen("rds:DescribeAccountAttributes", why)),
        Err(error) => Err(unseen("rds:DescribeAccountAttributes", error.to_string())),
    };
    let (functions, barred) = match functions::names(account, &stack).await {
        Ok(names) => (Ok(described_all(account, &names).await), barred(account, names).await),
        Err(failure) => (Err(failure.clone().into()), Err(failure.into())),
    };
    Common {
        functions,
        barred,
        runs,
        listeners: services::subscriptions(account, stack.output("AlertTopicArn")).await,
        quotas,
        instances: databases::instances(account).await.map_err(Unread::from),
        live: None,
        snapshots: databases::snapshots(account, &std::collections::BTreeSet::new())
            .await
            .map_err(Unread::from),
        stacks: stacks::all(account)
            .await
            .map(|all| all.into_iter().map(|stack| stack.name).collect())
            .map_err(Unread::from),
        function_network: network::of_functions(account, &stack).await,
        keep: None,
        copies_into: None,
        account: number,
        region: account.region.clone(),
        stack,
    }
}

/// What the domain's reads say that a service does not answer.
pub fn unseen(right: &str, why: String) -> Unread {
    let code = if why.contains("AccessDenied") { "AccessDenied" } else { "" };
    Unread { right: right.to_owned(), code: code.to_owned(), why }
}

/// The newest execution of a machine that has ended.
async fn last_ended(account: &Account, machine: &str) -> Result<Option<Ended>, Failure> {
    let client = account.machines();
    let mut listed = Listed::of(&client, machine);
    while let Some(one) = listed.next().await? {
        if one.status().as_str() == "RUNNING" {
            continue;
        }
        let Some(found) = described(&client, one.execution_arn()).await? else { continue };
        return Ok(Some(Ended {
            at: found.stop_date.as_ref().and_then(moment),
            arn: found.execution_arn,
            status: found.status.as_str().to_owned(),
            error: found.error.unwrap_or_default(),
            cause: readable_cause(&found.cause.unwrap_or_default()),
        }));
    }
    Ok(None)
}

/// The environment of a function of the stack, or its name and what hides it.
pub fn environment<'c>(
    common: &'c Common,
    name: &'static str,
) -> Result<&'c Environment, (&'static str, Unread)> {
    let all = common.functions.as_ref().map_err(|unread| (name, unread.clone()))?;
    let found = all.get(name).ok_or_else(|| {
        let failure = Failure::named(NO_FUNCTION, format!("the stack {} has no {name}", common.stack.name));
        (name, failure.into())
    })?;
    found.as_ref().map(|function| &function.environment).map_err(|unread| (name, unread.clone()))
}

/// What the functions read, as it came out.
pub fn said<T>(read: Result<Result<T, Error>, (&'static str, Unread)>) -> Said<T> {
    match read {
        Ok(Ok(settings)) => Said::Settings(Box::new(settings)),
        Ok(Err(error)) => Said::Refused(error),
        Err((function, unread)) => Said::Unread(function, unread),
    }
}

async fn described_all(
    account: &Account,
    names: &BTreeMap<String, String>,
) -> BTreeMap<String, Read<Function>> {
    let mut found = BTreeMap::new();
    for (logical, physical) in names {
        found.insert(logical.clone(), functions::one(account, physical).await.map_err(Unread::from));
    }
    found
}

/// Those of the functions that are there and have a reserved concurrency of 0.
async fn barred(account: &Account, names: BTreeMap<String, String>) -> Read<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (logical, physical) in names {
        match functions::reserved_concurrency(account, &physical).await {
            Ok(Some(0)) => {
                found.insert(logical, physical);
            }
            Ok(_) => {}
            // That it is gone is said of the function.
            Err(failure) if failure.code == functions::GONE => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(found)
}

/// The physical id of a resource of a stack.
///
/// # Errors
/// A fault of CloudFormation.
pub async fn physical_id(account: &Account, stack: &Stack, logical: &str) -> Result<String, Failure> {
    let all = stacks::resources(account, stack).await?;
    let found = all.iter().find(|one| one.logical_resource_id() == Some(logical));
    let physical = found.and_then(|one| one.physical_resource_id()).map(str::to_owned);
    physical.ok_or_else(|| Failure::new(format!("the stack {} has no {logical}", stack.name)))
}
