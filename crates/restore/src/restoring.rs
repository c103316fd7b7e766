//! The one call that makes an instance.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{code_and_message, fault};
use rds_access::{Instance, Snapshot};
use replication::contract::{DbInstance, StageReport};
use replication::lineage;
use replication::naming::{self, InstanceIdentifier, Version};
use replication::pacing::Stage;
use replication::{Error, ErrorName};

use crate::target::Origin;
use crate::{Config, report};

pub async fn restore(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    instances: &[Instance],
    origin: &Origin,
    stage: &Stage,
) -> Result<DbInstance, Error> {
    let snapshots = rds_access::snapshots_of_stack(rds, &config.stack).await?;
    let version = next_version(secrets, config, instances, &snapshots).await?;
    let name = naming::instance(&config.prefix, version)?;
    let doing = format!("restoring snapshot {} as database {name}", origin.snapshot);
    let from = snapshots.iter().find(|snapshot| snapshot.identifier == origin.snapshot);
    config.options.check_growth(&doing, from.and_then(|snapshot| snapshot.allocated_storage))?;
    let ours = origin.tags.clone().with(lineage::VERSION, version.to_string()).named(name.as_str());
    let tags = config.options.tags(ours, &origin.of_source);
    let request = rds
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(name.as_str())
        .db_snapshot_identifier(origin.snapshot.as_str())
        .set_tags(Some(rds_access::to_rds_tags(&tags)));
    let not_started = |status: &str| not_started(&name, version, origin, stage, status);
    let error = match config.options.apply(request).send().await {
        Ok(answer) => {
            return match answer.db_instance() {
                Some(created) => report(&rds_access::read_instance(created)?, stage),
                None => not_started("creating"),
            };
        }
        Err(error) => error,
    };
    match error.as_service_error() {
        // A twin of this call was quicker, or somebody took the name since the look: look again and go on from there.
        Some(e) if e.is_db_instance_already_exists_fault() => not_started("name taken"),
        Some(e) if e.is_invalid_db_snapshot_state_fault() => not_started("snapshot busy"),
        Some(e)
            if e.is_instance_quota_exceeded_fault()
                || e.is_storage_quota_exceeded_fault()
                || e.is_insufficient_db_instance_capacity_fault() =>
        {
            Err(Error::new(ErrorName::QuotaExceeded, doing)
                .because(code_and_message(e))
                .advise("delete databases that nobody needs, ask AWS for a larger quota, or choose another DBInstanceClass"))
        }
        Some(e) if e.is_db_snapshot_not_found_fault() => Err(Error::new(ErrorName::NotFound, doing)
            .because(code_and_message(e))
            .advise("start the source execution again")),
        Some(e) if e.is_kms_key_not_accessible_fault() => Err(Error::new(ErrorName::KeyNotAccessible, doing)
            .because(code_and_message(e))
            .advise("let this account and role use the key of the snapshot copy, the stack's KMSKey")),
        _ => Err(fault(doing, &error)),
    }
}

/// A number that nothing of ours has had: not what the secret names, no instance, and no snapshot that one could roll
/// back to.
async fn next_version(
    secrets: &Secrets,
    config: &Config,
    instances: &[Instance],
    snapshots: &[Snapshot],
) -> Result<Version, Error> {
    let live = secret_access::read(secrets, &config.secret_arn).await?.pointer;
    let of_instances = instances.iter().map(|instance| &instance.tags);
    let ours = of_instances
        .chain(snapshots.iter().map(|snapshot| &snapshot.tags))
        .filter(|tags| tags.name_stack(&config.stack))
        .filter_map(lineage::Tags::version);
    let taken = instances.iter().map(|instance| instance.identifier.as_str());
    Ok(naming::next_version(&config.prefix, &live.host, ours, taken))
}

fn not_started(
    name: &InstanceIdentifier,
    version: Version,
    origin: &Origin,
    stage: &Stage,
    status: &str,
) -> Result<DbInstance, Error> {
    stage.check_deadline(&format!("database {name} to be created"), status)?;
    Ok(DbInstance {
        identifier: name.clone(),
        version,
        restored_version: origin.tags.restored_version(),
        host: None,
        stage: StageReport::pending(stage, status, None),
    })
}
