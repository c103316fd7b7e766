//! The newest run of a fleet machine, as its history and the executions that it has started show it.

use std::collections::HashMap;

use aws_sdk_sfn::Client;
use replication::fleet::Plan;
use replication::machines::DISCOVER;
use serde_json::Value;
use time::OffsetDateTime;

use super::machines::{Listed, described, newest_arn, outline};
use crate::execution::Outline;
use crate::failure::{Failure, fault};
use crate::status::facts::{Child, FleetRun};
use crate::times::{certain, moment};

/// How many executions that have failed are asked for their errors, a call each.
const MOST_ASKED: usize = 50;
/// The plan is near the beginning of the history.
const EVENTS_PER_PAGE: i32 = 20;

/// Error and cause by database.
pub type Failures = HashMap<String, (String, String)>;

/// The newest run, and the errors of its executions.
///
/// # Errors
/// A fault of Step Functions.
pub async fn read(
    client: &Client,
    machine: &str,
    source_machine: &str,
) -> Result<Option<(FleetRun, Failures)>, Failure> {
    let Some(arn) = newest_arn(client, machine, None).await? else { return Ok(None) };
    let mut run = FleetRun::started(&arn, OffsetDateTime::UNIX_EPOCH);
    if !poll(client, source_machine, &mut run).await? {
        return Ok(None);
    }
    let has_failed = run.children.iter().filter(|(_, child)| child.has_failed()).take(MOST_ASKED);
    let failures = failures(client, has_failed).await?;
    Ok(Some((run, failures)))
}

/// Reads where a run is: three calls or, with many executions, some more pages of their list. Whether there is such a run.
///
/// # Errors
/// A fault of Step Functions.
pub async fn poll(client: &Client, source_machine: &str, run: &mut FleetRun) -> Result<bool, Failure> {
    // The status first: an end that is seen here has the ends of all children behind it.
    let Some(found) = described(client, &run.arn).await? else { return Ok(false) };
    run.outline = outline(&found);
    if run.plan.is_none() {
        run.plan = plan(client, &run.arn).await?;
    }
    if run.plan.is_some() {
        run.last_sent.clear();
        read_children(client, source_machine, run).await?;
    }
    Ok(true)
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
    let mut listed = Listed::all(client, machine);
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

/// The errors and the causes of executions, by the databases that they are given with.
///
/// # Errors
/// A fault of Step Functions.
pub async fn failures<'c>(
    client: &Client,
    children: impl IntoIterator<Item = (&'c String, &'c Child)>,
) -> Result<Failures, Failure> {
    let mut failures = Failures::new();
    for (database, child) in children {
        let Some(found) = described(client, &child.arn).await? else { continue };
        let Outline { status, error, cause, .. } = outline(&found);
        let error = if error.is_empty() { status } else { error };
        failures.insert(database.clone(), (error, cause));
    }
    Ok(failures)
}
