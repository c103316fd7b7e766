//! What a run of one database would do.

use replication::Error;
use replication::destination::Replicated;
use replication::machines::Machine;
use replication::naming::{self, InstanceIdentifier};
use replication::preflight::{self, Known};
use replication::quota::SnapshotQuota;

use super::document::{Ends, Plan, Quota};
use super::journal::{self, INSTANCES, Journal, MANUAL_SNAPSHOTS};
use super::source::Announced;
use super::{Asked, Side, Sides, costs, destination, observe, prices, source};
use crate::failure::Failure;
use crate::settings::Receiving;

/// What one database's run would do; `name` is that of an execution that nobody has started.
///
/// # Errors
/// If something cannot be read.
pub async fn plan(
    sides: Sides<'_>,
    database: &InstanceIdentifier,
    name: &str,
    asked: Asked,
) -> Result<Plan, Failure> {
    let Sides { source, settings, destination } = sides;
    let machine = source.stack.output("StateMachineArn");
    let mut journal = Journal::new(asked.now, naming::execution_arn(machine, name));
    let mut plan = Plan::new(database.to_string(), journal.id.to_string());
    let facts = observe::source(&source.account, settings, database).await?;
    plan.quotas.extend(of_snapshots(source, Machine::Source, &source.account.region, facts.quota));
    if let Some(region) = &settings.copies_into {
        plan.quotas.extend(of_snapshots(source, Machine::Source, region, facts.quota_elsewhere));
    }
    let announced = match source::run(&mut journal, settings, &facts, database) {
        Ok(announced) => announced,
        Err(error) => return Ok(ended(plan, journal, &error)),
    };
    let (replicated, receiving) = match receiving(destination, &announced, database)? {
        Ok(read) => read,
        Err(error) => {
            // Every function refuses it; the first that ends the run is the copy.
            journal.enter(Machine::Destination, journal::state_of(Machine::Destination, "copy", false));
            return Ok(ended(plan, journal, &error));
        }
    };
    let Side { account, stack, .. } = destination;
    let there = observe::destination(account, stack, &receiving, &replicated, &announced).await?;
    plan.quotas.extend(of_snapshots(destination, Machine::Destination, &account.region, there.quota));
    plan.quotas.extend(of_instances(destination, there.offered.quotas.as_ref()));
    let end = match destination::run(&mut journal, &receiving, &replicated, &there, &announced) {
        Ok(end) => end,
        Err(error) => return Ok(ended(plan, journal, &error)),
    };
    plan.outcome = Some(end.outcome);
    let class_of_source = facts.database.and_then(|(_, described)| described.class);
    let kept = costs::Kept {
        snapshots: announced.kept.iter().chain(&end.snapshots).collect(),
        instances: versions(&end, &replicated),
        class: receiving.wanted.class.clone().or(class_of_source),
        multi_az: receiving.wanted.multi_az,
        is_in_table: prices::are_of(
            &announced.shared,
            receiving.wanted.iops,
            receiving.wanted.storage_type.as_deref(),
        ),
    };
    let function = source.functions.any().cloned().unwrap_or_default();
    plan = finished(plan, journal);
    plan.costs = Some(costs::of(&plan.states, &function, asked.runs, &kept));
    Ok(plan)
}

/// What the destination stack says, and what it calls what it makes of the database; or why its functions refuse that.
fn receiving(
    side: &Side,
    announced: &Announced,
    database: &InstanceIdentifier,
) -> Result<Result<(Replicated, Receiving), Error>, Failure> {
    let overrides = &announced.input.replication.overrides;
    let doing = format!("copying shared snapshot {}", announced.input.target_db_snapshot.arn);
    Ok(Receiving::of(|function| side.environment(function), overrides)?
        .and_then(|receiving| Ok((receiving.destination.of(Some(database), &doing)?, receiving))))
}

/// The storage of each version that is there at the end.
fn versions(end: &destination::Ended, replicated: &Replicated) -> Vec<i32> {
    let scope = replicated.scope();
    let owned = end.instances.iter().filter(|instance| scope.owns(instance));
    owned.map(|instance| instance.allocated_storage.unwrap_or_default()).collect()
}

fn ended(plan: Plan, journal: Journal, error: &Error) -> Plan {
    let ends = journal.states.last().map(|state| Ends {
        machine: state.machine,
        state: state.state,
        error: error.name().as_str(),
        cause: error.to_string(),
    });
    Plan { ends, ..finished(plan, journal) }
}

/// The plan with what its run does.
fn finished(mut plan: Plan, journal: Journal) -> Plan {
    plan.duration = super::document::Duration::of(&journal.states);
    plan.states = journal.states;
    for quota in &mut plan.quotas {
        quota.count(&plan.states);
    }
    plan
}

/// What there is of the quota of manual snapshots, in a Region of a side.
fn of_snapshots(side: &Side, machine: Machine, region: &str, quota: Option<SnapshotQuota>) -> Option<Quota> {
    quota.map(|SnapshotQuota { used, max }| {
        Quota::of(machine, &side.number, region, MANUAL_SNAPSHOTS, (used, max))
    })
}

/// What there is of the quota of instances that the destination restores into.
fn of_instances(side: &Side, offered: Option<&Known<Vec<preflight::Quota>>>) -> Option<Quota> {
    let Known::Seen(all) = offered? else { return None };
    let one = all.iter().find(|one| one.name == INSTANCES)?;
    let (number, region) = (&side.number, &side.account.region);
    Some(Quota::of(Machine::Destination, number, region, INSTANCES, (one.used, one.max)))
}
