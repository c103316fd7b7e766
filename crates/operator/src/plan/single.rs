//! What a run of one database would do.

use replication::Error;
use replication::destination::Replicated;
use replication::machines::Machine;
use replication::naming::{self, InstanceIdentifier};
use replication::preflight::{self, Known};
use replication::quota::SnapshotQuota;

use super::document::{Ends, Plan, Quota};
use super::journal::{self, Journal};
use super::settings::{Receiving, ReceivingEnvironments};
use super::source::Announced;
use super::{Asked, OF_DESTINATION, Side, Sides, costs, destination, observe, prices, source};
use crate::failure::Failure;

/// How RDS calls its quota of manual snapshots.
const MANUAL_SNAPSHOTS: &str = "ManualSnapshots";
/// How it calls that of instances.
const INSTANCES: &str = "DBInstances";

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
    plan.quotas = quotas(source, Machine::Source, facts.quota, &[]);
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
    let others = there.offered.quotas.as_slice();
    plan.quotas.extend(quotas(destination, Machine::Destination, there.quota, others));
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
    let [copy, restore, rotate_secret, prune] = OF_DESTINATION;
    let environments = ReceivingEnvironments {
        copy: side.environment(copy)?,
        restore: side.environment(restore)?,
        rotate_secret: side.environment(rotate_secret)?,
        prune: side.environment(prune)?,
    };
    let overrides = &announced.input.replication.overrides;
    let doing = format!("copying shared snapshot {}", announced.input.target_db_snapshot.arn);
    Ok(Receiving::read(environments, overrides)
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
    let states = &plan.states;
    for quota in &mut plan.quotas {
        quota.needed = quota.used + more(states, quota);
    }
    plan
}

/// How much more of a quota is used while the run has its most: with what it makes, without what it deletes before.
fn more(states: &[journal::Entered], quota: &Quota) -> i64 {
    let of_machine = states.iter().filter(|state| state.machine == quota.machine);
    let made: &[&str] = match quota.name {
        MANUAL_SNAPSHOTS => &["rds:CreateDBSnapshot", "rds:CopyDBSnapshot"],
        _ => &["rds:RestoreDBInstanceFromDBSnapshot"],
    };
    let deleted =
        if quota.name == MANUAL_SNAPSHOTS { "rds:DeleteDBSnapshot" } else { "rds:DeleteDBInstance" };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let calls = of_machine.clone().flat_map(|state| &state.calls);
    let makes = calls.filter(|call| made.contains(&call.action.as_str())).count();
    let room = of_machine.take(1).flat_map(|state| &state.calls);
    count(makes) - count(room.filter(|call| call.action == deleted).count())
}

/// What there is of each quota that a run needs something of.
fn quotas(
    side: &Side,
    machine: Machine,
    snapshots: Option<SnapshotQuota>,
    others: &[Known<Vec<preflight::Quota>>],
) -> Vec<Quota> {
    let quota = |name: &'static str, used: i64, max: i64| Quota {
        machine,
        account: side.number.clone(),
        region: side.account.region.clone(),
        name,
        used,
        needed: used,
        max,
    };
    let mut found: Vec<Quota> = Vec::new();
    found.extend(snapshots.map(|SnapshotQuota { used, max }| quota(MANUAL_SNAPSHOTS, used, max)));
    for one in others {
        let Known::Seen(all) = one else { continue };
        found.extend(
            all.iter().filter(|one| one.name == INSTANCES).map(|one| quota(INSTANCES, one.used, one.max)),
        );
    }
    found
}
