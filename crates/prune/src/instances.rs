//! Carrying out the decision about instances.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{code_and_message, fault};
use rds_access::Instance;
use replication::lineage;
use replication::retention::{self, Verdict};
use replication::{Error, naming};

use crate::{Config, Deletion, Left, Pruned, Versions};

pub async fn prune(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    versions: &Versions,
    pruned: &mut Pruned,
) -> Result<(), Error> {
    let live_host = secret_access::read(secrets, &versions.secret_arn).await?.pointer.host;
    let instances = rds_access::instances(rds).await?;
    let plan = retention::plan_instances(&instances, &config.stack, &live_host, versions.older_to_keep);

    // The oldest goes first: the plan is newest first.
    for decision in plan.iter().rev() {
        let name = &decision.identifier;
        match decision.verdict {
            // Marks are set and taken off where the secret is moved.
            Verdict::Keep | Verdict::Unmark | Verdict::Mark => {}
            Verdict::Later => {
                pruned.left.push(Left { identifier: name.clone(), reason: decision.reason.clone() })
            }
            Verdict::Delete => {
                if pruned.may_delete(name, config.max_deletions)
                    && let Some(instance) = instances.iter().find(|i| i.identifier.as_str() == name)
                {
                    let outcome = delete_if_still_due(rds, secrets, config, versions, instance).await;
                    pruned.note(name, outcome);
                }
            }
        }
    }
    pruned.instances = plan;
    Ok(())
}

/// Deletes an instance after one more look at it and at the secret: somebody may have rolled back to it since the
/// decision. A rollback takes the mark off first, so that this look sees it before the secret does.
async fn delete_if_still_due(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    versions: &Versions,
    instance: &Instance,
) -> Result<Deletion, Error> {
    let live_host = secret_access::read(secrets, &versions.secret_arn).await?.pointer.host;
    if instance.host.as_deref() == Some(live_host.as_str()) {
        return Ok(Deletion::NotNow("the secret names it now".to_owned()));
    }
    match rds_access::instance(rds, &instance.identifier).await? {
        None => Ok(Deletion::AlreadyGone),
        Some(now) if !(now.tags.are_marked() && now.is_of_stack(&config.stack)) => Ok(not_marked()),
        Some(_) => delete(rds, versions, instance).await,
    }
}

async fn delete(rds: &Rds, versions: &Versions, instance: &Instance) -> Result<Deletion, Error> {
    let name = &instance.identifier;
    let request = rds.delete_db_instance().db_instance_identifier(name.as_str());
    let request = if versions.final_snapshot && instance.status.takes_final_snapshot() {
        let id = instance.tags.get(lineage::REPLICATION_ID).unwrap_or_default();
        request
            .skip_final_snapshot(false)
            .final_db_snapshot_identifier(naming::final_snapshot(name, id)?.as_str())
    } else {
        request.skip_final_snapshot(true)
    };
    let error = match request.send().await {
        Ok(_) => return Ok(Deletion::Begun),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(e) if e.is_db_instance_not_found_fault() => Ok(Deletion::AlreadyGone),
        Some(e) if e.is_invalid_db_instance_state_fault() || e.is_db_snapshot_already_exists_fault() => {
            Ok(Deletion::NotNow(code_and_message(e)))
        }
        // IAM judges by the tags at that moment: what is gone and what carries no mark any more is refused alike.
        _ => match rds_access::instance(rds, name).await {
            Ok(None) => Ok(Deletion::AlreadyGone),
            Ok(Some(now)) if !now.tags.are_marked() => Ok(not_marked()),
            _ => Err(fault(format!("deleting database {name}"), &error)),
        },
    }
}

/// Somebody has rolled back to it.
fn not_marked() -> Deletion {
    Deletion::NotNow("its mark was taken off".to_owned())
}
