//! `prune` makes what is superseded go, and only that. Both accounts use it, each at both ends of its machine: before a run
//! makes anything, so that a full quota does not stop every run for good, and after it.
//!
//! Converges to: of the run's source database, the newest snapshots of each kind and, in the destination, the live version
//! and the older ones kept for rolling back; what carries the deletion tag and is still superseded is deleted. The first
//! call plans at most a set number of deletions per run, and the machine keeps the plan; the next call makes those that are
//! still due. Before a run makes anything, what the rules let go is tagged too, for a later call to delete. So it may run
//! again at any time. The decision is [`replication::retention`]; here it is carried out. What
//! cannot be deleted is reported and found again by the next run; operators are alerted once.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:DeleteDBInstance`,
//! `rds:DeleteDBSnapshot`, `rds:AddTagsToResource`; in the destination `rds:RemoveTagsFromResource`,
//! `secretsmanager:GetSecretValue`, `states:ListExecutions`, and for final snapshots `rds:CreateDBSnapshot`.

mod call;
pub mod destination;
mod instances;
mod marking;
mod report;
mod running;
mod snapshots;
pub mod source;
mod world;

use lambda_task::{Environment, invalid};
use rds_access::{Refusal, Regions};
use replication::Error;
use replication::lineage::{self, Tags};
use replication::retention::{self, First, Planned};

use crate::call::{Call, Place};
use crate::report::Deletion;
pub use crate::report::{Left, LogGroup, Pruned};
use crate::world::World;

/// What the stack says in either account.
#[derive(Debug, Clone)]
struct Settings {
    stack: String,
    snapshots_to_keep: usize,
    max_deletions: usize,
}

impl Settings {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    fn read(environment: &Environment) -> Result<Self, Error> {
        let expected = format!("a whole number from {}", retention::FEWEST_DELETIONS);
        let max_deletions: usize = environment.parsed("MAX_DELETIONS", &expected)?;
        if max_deletions < retention::FEWEST_DELETIONS {
            return Err(invalid("MAX_DELETIONS", &format!("{max_deletions} is not {expected}")));
        }
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            snapshots_to_keep: environment.parsed("SNAPSHOTS_TO_KEEP", "a whole number from 1")?,
            max_deletions,
        })
    }
}

/// Plans what is due, or deletes what an earlier call has planned. At the end of a run what may succeed when it is made
/// again is an error, and operators are alerted about what stays.
async fn prune(
    regions: &Regions,
    settings: &Settings,
    call: &Call,
    world: &World,
    delete: impl AsyncFn(&Planned) -> Deletion,
) -> Result<Pruned, Error> {
    for decision in world.about_instances.iter().chain(&world.about_snapshots) {
        tracing::info!(%decision, "decided");
    }
    let first = match call.place {
        Place::Room => First::Snapshots,
        Place::Prune => First::Instances,
    };
    let refused_before = call.refused_elsewhere();
    let refused: Vec<&str> = refused_before.iter().map(|left| left.identifier.as_str()).collect();
    let due =
        retention::due_but_for(first, &world.about_instances, &world.about_snapshots, &refused, |thing| {
            world.was_undeleted(thing)
        });
    let (planned, later): (Vec<Planned>, Vec<Planned>) = match call.planned() {
        Some(planned) => {
            let later = due.iter().filter(|thing| !planned.contains(thing)).cloned().collect();
            (planned.to_vec(), later)
        }
        None => retention::plan_deletions(due.clone(), settings.max_deletions, call.planned_elsewhere()),
    };
    let mut report =
        Pruned::of_plan(world.about_instances.clone(), world.about_snapshots.clone(), planned.clone());
    if call.planned().is_none() && !planned.is_empty() {
        return Ok(report.to_be_carried_out());
    }

    let mut failed = None;
    for thing in &planned {
        let ended = if due.contains(thing) {
            delete(thing).await
        } else if world.is_leaving(thing) {
            Deletion::AlreadyGone
        } else {
            // Something has changed since it was planned: the decision about it says what.
            continue;
        };
        let refused = report.note(thing.identifier(), ended);
        failed = failed.or(refused.filter(|error| error.name().is_retryable()));
    }
    report.leave_hindered();
    report.leave(&later, settings.max_deletions);
    report.leave_too(refused_before);
    if call.place == Place::Prune {
        if let Some(retryable) = failed {
            return Err(retryable);
        }
        report_undeleted(regions, call, world, &mut report).await;
    }
    Ok(report)
}

/// Counts on each thing that it could not be deleted in this run, and says which ones operators are alerted about.
async fn report_undeleted(regions: &Regions, call: &Call, world: &World, report: &mut Pruned) {
    let run = call.execution.replication_id();
    let mut to_tell = Vec::new();
    for left in report.left.iter().filter(|left| left.is_undeleted) {
        let Some((arn, tags)) = world.tagged(&left.identifier) else { continue };
        let counted = retention::count_undeleted(tags.get(lineage::UNDELETED), run.as_str());
        let mut uncounted = None;
        if let Some(value) = &counted.tag {
            let tag = Tags::default().with(lineage::UNDELETED, value);
            let rds = world.rds_of(regions, &left.identifier);
            if let Err(refused) = rds_access::add_tags(rds, &arn, &tag).await {
                // Something that was deleted in the meantime has no tags, so IAM refuses the count.
                if matches!(refused, Refusal::Gone(_)) || world.is_gone(regions, &left.identifier).await {
                    continue;
                }
                tracing::warn!(?refused, identifier = left.identifier, "not counted");
                uncounted = Some(refused.into_error(format!("tagging {}", left.identifier)));
            }
        }
        to_tell.extend(counted.alert_text(&left.identifier, &left.reason, uncounted.as_ref()));
    }
    report.tell = to_tell;
}

#[cfg(test)]
mod tests;
