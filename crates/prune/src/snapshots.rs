//! Carrying out the decision about snapshots.

use aws_sdk_rds::Client as Rds;
use lambda_task::{code_and_message, fault};
use replication::Error;
use replication::retention::{self, SnapshotRule, Verdict};

use crate::{Config, Deletion, Pruned};

pub async fn prune(
    rds: &Rds,
    config: &Config,
    rule: &SnapshotRule,
    pruned: &mut Pruned,
) -> Result<(), Error> {
    let snapshots = rds_access::snapshots_of_stack(rds, &config.stack).await?;
    let plan = retention::plan_snapshots(&snapshots, &config.stack, rule);
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
            _ if rds_access::snapshot_is_gone(rds, name).await => Ok(Deletion::AlreadyGone),
            _ => Err(fault(format!("deleting snapshot {name}"), &error)),
        },
    }
}
