//! Which executions of this account's machines are running.

use aws_client::fault;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use replication::Error;
use replication::contract::Execution;
use replication::retention::InUse;
use serde::Deserialize;

/// The machines of the destination account, by their ARNs.
#[derive(Debug, Clone, Deserialize)]
pub struct Machines {
    destination: String,
    rollback: String,
}

/// What the running executions of the machines may still need, and how many other replications are running.
pub async fn in_use(
    client: &Client,
    machines: &Machines,
    asking: &Execution,
) -> Result<(InUse, usize), Error> {
    let replications = names(client, &machines.destination).await?;
    let rollbacks = names(client, &machines.rollback).await?;
    let others = replications.iter().filter(|name| **name != asking.name).count();
    let in_use = InUse::of_executions(
        &asking.name,
        replications.iter().map(String::as_str),
        rollbacks.iter().map(String::as_str),
    );
    Ok((in_use, others))
}

async fn names(client: &Client, machine: &str) -> Result<Vec<String>, Error> {
    let request = client.list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
    let mut pages = request.into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(execution) = pages.next().await {
        let execution = execution
            .map_err(|error| fault(format!("listing the running executions of {machine}"), &error))?;
        names.push(execution.name().to_owned());
    }
    Ok(names)
}
