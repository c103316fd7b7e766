//! Carrying out the decision about instances.

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::types::Tag;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{code_and_message, fault};
use rds_access::Instance;
use replication::Error;
use replication::lineage::DELETION_MARK;
use replication::retention::{self, Verdict};

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
    let candidates: Vec<retention::Instance> = instances.iter().map(candidate).collect();
    let plan = retention::plan_instances(&candidates, &config.stack, &live_host, versions.older_to_keep);

    // The oldest goes first: the plan is newest first.
    for decision in plan.iter().rev() {
        let Some(instance) = instances.iter().find(|i| i.identifier.as_str() == decision.identifier) else {
            continue;
        };
        let name = instance.identifier.as_str();
        match decision.verdict {
            Verdict::Keep => {}
            Verdict::Unmark => {
                if let Err(error) = unmark(rds, instance).await {
                    pruned.note(name, unless_gone(rds, instance, error).await);
                }
            }
            Verdict::Mark => match mark(rds, instance).await {
                Ok(()) => {
                    pruned.left.push(Left { identifier: name.to_owned(), reason: decision.reason.clone() })
                }
                Err(error) => pruned.note(name, unless_gone(rds, instance, error).await),
            },
            Verdict::Delete => {
                if let Err(error) = mark(rds, instance).await {
                    pruned.note(name, unless_gone(rds, instance, error).await);
                } else if pruned.may_delete(name, config.max_deletions) {
                    let outcome = delete_unless_live(rds, secrets, versions, instance).await;
                    pruned.note(name, outcome);
                }
            }
        }
    }
    pruned.instances = plan;
    Ok(())
}

fn candidate(instance: &Instance) -> retention::Instance {
    retention::Instance {
        identifier: instance.identifier.to_string(),
        status: instance.status.clone(),
        host: instance.host.clone(),
        deletion_protection: instance.deletion_protection,
        tags: instance.tags.clone(),
    }
}

async fn mark(rds: &Rds, instance: &Instance) -> Result<(), Error> {
    if instance.tags.are_marked() {
        return Ok(());
    }
    let (key, value) = DELETION_MARK;
    let tag = Tag::builder().key(key).value(value).build();
    rds.add_tags_to_resource()
        .resource_name(&instance.arn)
        .tags(tag)
        .send()
        .await
        .map(drop)
        .map_err(|error| fault(format!("marking database {}", instance.identifier), &error))
}

async fn unmark(rds: &Rds, instance: &Instance) -> Result<(), Error> {
    rds.remove_tags_from_resource()
        .resource_name(&instance.arn)
        .tag_keys(DELETION_MARK.0)
        .send()
        .await
        .map(drop)
        .map_err(|error| fault(format!("taking the mark off database {}", instance.identifier), &error))
}

/// Deletes an instance after one more look at the secret: somebody may have rolled back to it since the decision.
async fn delete_unless_live(
    rds: &Rds,
    secrets: &Secrets,
    versions: &Versions,
    instance: &Instance,
) -> Result<Deletion, Error> {
    let live_host = secret_access::read(secrets, &versions.secret_arn).await?.pointer.host;
    if instance.host.as_deref() == Some(live_host.as_str()) {
        return Ok(Deletion::NotNow("the secret names it now".to_owned()));
    }
    let answer = rds
        .delete_db_instance()
        .db_instance_identifier(instance.identifier.as_str())
        .skip_final_snapshot(true)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(Deletion::Begun),
        Err(error) => match error.as_service_error() {
            Some(e) if e.is_db_instance_not_found_fault() => Ok(Deletion::AlreadyGone),
            Some(e) if e.is_invalid_db_instance_state_fault() => Ok(Deletion::NotNow(code_and_message(e))),
            _ => {
                let error = fault(format!("deleting database {}", instance.identifier), &error);
                unless_gone(rds, instance, error).await
            }
        },
    }
}

/// A refusal does not matter when the instance is gone. IAM judges by the tags of what a call is about, so that a call
/// about what is gone, such as the repetition of a deletion whose answer was lost, is refused as if it were forbidden.
async fn unless_gone(rds: &Rds, instance: &Instance, error: Error) -> Result<Deletion, Error> {
    match rds_access::instance(rds, &instance.identifier).await {
        Ok(None) => Ok(Deletion::AlreadyGone),
        _ => Err(error),
    }
}
