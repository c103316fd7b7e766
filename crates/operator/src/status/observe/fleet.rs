//! The newest run of a fleet machine, as its history and the executions that it has started show it.

use std::collections::HashMap;

use aws_sdk_sfn::Client;
use replication::fleet::Plan;
use replication::machines::DISCOVER;
use serde_json::Value;

use super::machines::{Listed, described, newest_arn};
use crate::execution::readable_cause;
use crate::failure::{Failure, fault};
use crate::status::facts::{Child, FleetRun};
use crate::times::{certain, moment};

/// How many executions that have failed are asked for their errors, a call each.
const MOST_ASKED: usize = 50;
/// The plan is near the beginning of the history.
const EVENTS_PER_PAGE: i32 = 20;

/// Error and cause by database.
type Failures = HashMap<String, (String, String)>;

/// The newest run, and the errors of its executions.
///
/// # Errors
/// A fault of Step Functions.
pub async fn read(
    client: &Client,
    machine: &str,
    source_machine: &str,
) -> Result<Option<(FleetRun, Failures)>, Failure> {
    let Some(arn) = newest_arn(client, machine).await? else { return Ok(None) };
    // The status first: an end that is seen here has the ends of all children behind it.
    let Some(found) = described(client, &arn).await? else { return Ok(None) };
    let mut run = FleetRun {
        status: found.status.as_str().to_owned(),
        error: found.error.unwrap_or_default(),
        cause: readable_cause(&found.cause.unwrap_or_default()),
        started: certain(&found.start_date),
        ended: found.stop_date.as_ref().and_then(moment),
        plan: plan(client, &arn).await?,
        children: HashMap::new(),
        last_sent: HashMap::new(),
        arn,
    };
    if run.plan.is_some() {
        read_children(client, source_machine, &mut run).await?;
    }
    let failures = failures(client, &run).await?;
    Ok(Some((run, failures)))
}

/// The result of the state that chooses the databases.
async fn plan(client: &Client, arn: &str) -> Result<Option<Plan>, Failure> {
    let request = client.get_execution_history().execution_arn(arn).max_results(EVENTS_PER_PAGE);
    let mut pages = request.into_paginator().items().send();
    while let Some(event) = pages.next().await {
        let event = event.map_err(|error| fault("states:GetExecutionHistory", &error))?;
        let Some(left) = event.state_exited_event_details().filter(|left| left.name() == DISCOVER.state)
        else {
            continue;
        };
        let document: Value =
            left.output().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        return Ok(serde_json::from_value(document[DISCOVER.result].clone()).ok());
    }
    Ok(None)
}

async fn read_children(client: &Client, machine: &str, run: &mut FleetRun) -> Result<(), Failure> {
    let Some(plan) = &run.plan else { return Ok(()) };
    let database = |item: &replication::fleet::Item| item.database.to_string();
    let by_name: HashMap<&str, String> =
        plan.databases.iter().map(|item| (item.child.as_str(), database(item))).collect();
    // The names of one database end alike in all runs.
    let start = plan.run.as_str().len();
    let ending = |name: &str| name.get(start..).map(str::to_owned);
    let by_ending: HashMap<String, String> =
        plan.databases.iter().filter_map(|item| Some((ending(&item.child)?, database(item)))).collect();
    let mut listed = Listed::of(client, machine);
    while let Some(one) = listed.next().await? {
        let started = certain(one.start_date());
        if let Some(database) = by_name.get(one.name()) {
            let child = Child {
                arn: one.execution_arn().to_owned(),
                status: one.status().as_str().to_owned(),
                started,
                ended: one.stop_date().and_then(moment),
            };
            run.children.insert(database.clone(), child);
        }
        let database = ending(one.name()).and_then(|ending| by_ending.get(&ending));
        if let Some(database) = database.filter(|_| one.status().as_str() == "SUCCEEDED") {
            run.last_sent.entry(database.clone()).or_insert(started);
        }
    }
    Ok(())
}

async fn failures(client: &Client, run: &FleetRun) -> Result<Failures, Failure> {
    let mut failures = Failures::new();
    let has_failed = |child: &Child| child.status != "RUNNING" && child.status != "SUCCEEDED";
    for (database, child) in run.children.iter().filter(|(_, child)| has_failed(child)).take(MOST_ASKED) {
        let Some(found) = described(client, &child.arn).await? else { continue };
        let error = found.error.unwrap_or_else(|| found.status.as_str().to_owned());
        failures.insert(database.clone(), (error, readable_cause(&found.cause.unwrap_or_default())));
    }
    Ok(failures)
}
