//! Carrying out the deletion of one instance.

use aws_sdk_rds::Client as Rds;
use rds_access::{Deleted, Instance, Refusal};
use replication::destination::Replicated;
use replication::naming::{InstanceIdentifier, SnapshotIdentifier};
use replication::{Error, lineage, naming};

use crate::destination::{Clients, Config};
use crate::report::Deletion;

/// Deletes an instance after one more observation of it and of the secret: somebody may have rolled back to it since the
/// decision. A rollback removes the deletion tag first, so that this sees it before the secret does.
pub async fn delete(
    clients: &Clients,
    config: &Config,
    replicated: &Replicated,
    instance: &Instance,
) -> Deletion {
    let rds = &clients.rds;
    let still_due = async {
        let live_host = secret_access::read(&clients.secrets, &replicated.secret).await?.pointer.host;
        if instance.host.as_deref() == Some(live_host.as_str()) {
            return Ok(Some(Deletion::NotNow("the secret names it now".to_owned())));
        }
        Ok::<_, Error>(match rds_access::instance(rds, &instance.identifier).await? {
            None => Some(Deletion::AlreadyGone),
            Some(now) if !(now.tags.have_deletion_tag() && now.is_of_stack(&replicated.stack)) => {
                Some(not_marked())
            }
            Some(_) => None,
        })
    };
    match still_due.await {
        Err(error) => Deletion::Refused(error),
        Ok(Some(settled)) => settled,
        Ok(None) => delete_now(rds, config, instance).await.unwrap_or_else(Deletion::Refused),
    }
}

async fn delete_now(rds: &Rds, config: &Config, instance: &Instance) -> Result<Deletion, Error> {
    let name = &instance.identifier;
    let final_snapshot = if config.final_snapshot && instance.status.takes_final_snapshot() {
        let id = instance.tags.get(lineage::REPLICATION_ID).unwrap_or_default();
        Some(naming::final_snapshot(name, id)?)
    } else {
        None
    };
    let refused = match rds_access::delete_instance(rds, name, final_snapshot.as_ref()).await {
        Ok(deleted) => {
            let untagged = tag(rds, config, instance, final_snapshot.as_ref()).await.err();
            let notes: Vec<String> = about_backups(name, deleted).into_iter().chain(untagged).collect();
            return Ok(Deletion::Begun((!notes.is_empty()).then(|| notes.join("; "))));
        }
        Err(refused) => refused,
    };
    match refused {
        Refusal::Gone(_) => Ok(Deletion::AlreadyGone),
        Refusal::NotNow(said) => Ok(Deletion::NotNow(said)),
        Refusal::AlreadyThere => Ok(Deletion::NotNow("its final snapshot exists already".to_owned())),
        // IAM judges by the tags at that moment, so it refuses an instance without the deletion tag with AccessDenied.
        refused => match rds_access::instance(rds, name).await {
            Ok(Some(now)) if !now.tags.have_deletion_tag() => Ok(not_marked()),
            _ => Err(refused.into_error(format!("deleting database {name}"))),
        },
    }
}

/// What there is to say of the automated backups.
fn about_backups(name: &InstanceIdentifier, deleted: Deleted) -> Option<String> {
    (deleted == Deleted::BackupsStay).then(|| {
        format!(
            "{name} is deleted and its automated backups stay, because RDS refused to delete both: AWS Backup protects \
             it too"
        )
    })
}

/// Gives a final snapshot the stack's tags. The call that deletes an instance takes none (API model, `DeleteDBInstance`), so
/// that they come after it; with `CopyTagsToSnapshot` it has them of the instance from the start. Deleting goes on without.
async fn tag(
    rds: &Rds,
    config: &Config,
    instance: &Instance,
    final_snapshot: Option<&SnapshotIdentifier>,
) -> Result<(), String> {
    let Some(snapshot) = final_snapshot.filter(|_| !config.extra_tags.is_empty()) else { return Ok(()) };
    let of_instance = format!(":db:{}", instance.identifier);
    let arn = instance.arn.replace(&of_instance, &format!(":snapshot:{snapshot}"));
    let tagged = rds_access::add_tags(rds, &arn, &config.extra_tags).await;
    tagged.map_err(|refused| {
        format!(
            "{snapshot} is without the tags of ExtraTags: {}",
            refused.into_error(format!("tagging {snapshot}"))
        )
    })
}

/// Somebody has rolled back to it.
fn not_marked() -> Deletion {
    Deletion::NotNow("its deletion tag was taken off".to_owned())
}
