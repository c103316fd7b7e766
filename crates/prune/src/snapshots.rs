//! Carrying out the decision about snapshots.

use aws_sdk_rds::Client as Rds;
use lambda_task::{code_and_message, fault};
use replication::Error;
use replication::retention::{self, Verdict};

use crate::{Config, Deletion, Pruned};

pub async fn prune(rds: &Rds, config: &Config, pruned: &mut Pruned) -> Result<(), Error> {
    let snapshots: Vec<retention::Snapshot> = rds_access::snapshots_of_stack(rds, &config.stack)
        .await?
        .into_iter()
        .map(|snapshot| retention::Snapshot {
            identifier: snapshot.identifier.into(),
            status: snapshot.status,
            tags: snapshot.tags,
        })
        .collect();
    let plan = retention::plan_snapshots(&snapshots, &config.stack, config.snapshots_to_keep);
    // The oldest goes first: the plan is newest first within a kind.
    for decision in plan.iter().rev().filter(|decision| decision.verdict == Verdict::Delete) {
        if pruned.may_delete(&decision.identifier, config.max_deletions) {
            let outcome = delete(rds, &decision.identifier).await;
            pruned.note(&decision.identifier, outcome);
        }
    }
    pruned.snapshots = plan;
    Ok(())
}

async fn delete(rds: &Rds, name: &str) -> Result<Deletion, Error> {
    match rds.delete_db_snapshot().db_snapshot_identifier(name).send().await {
        Ok(_) => Ok(Deletion::Begun),
        Err(error) => match error.as_service_error() {
            Some(e) if e.is_db_snapshot_not_found_fault() => Ok(Deletion::AlreadyGone),
            Some(e) if e.is_invalid_db_snapshot_state_fault() => Ok(Deletion::NotNow(code_and_message(e))),
            // IAM judges by the tags of what a call is about, so that the repetition of a deletion whose answer was lost
            // is refused as if it were forbidden.
            _ => match rds_access::snapshot(rds, name).await {
                Ok(None) => Ok(Deletion::AlreadyGone),
                _ => Err(fault(format!("deleting snapshot {name}"), &error)),
            },
        },
    }
}
