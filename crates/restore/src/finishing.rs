//! What is done to a restored instance before readers come, and to the snapshot it was restored from.

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::types::Tag;
use lambda_task::{code_and_message, fault};
use rds_access::Instance;
use replication::Error;
use replication::contract::{DbInstance, StageReport, Status};
use replication::lineage;
use replication::naming::SnapshotArn;
use replication::pacing::Stage;

use crate::Config;
use crate::target::MadeBy;

/// Finishes what this run has restored; what others have restored stays as it is.
pub async fn finish(
    rds: &Rds,
    config: &Config,
    instance: &Instance,
    made_by: Option<&MadeBy>,
    stage: &Stage,
    report: DbInstance,
) -> Result<DbInstance, Error> {
    let Some(made_by) = made_by.filter(|_| report.stage.status == Status::Available) else {
        return Ok(report);
    };
    if let Some(status) = change(rds, config, instance).await? {
        stage.check_deadline(
            &format!("database {} to take the stack's options", instance.identifier),
            &status,
        )?;
        return Ok(DbInstance { stage: StageReport::pending(stage, &status, None), ..report });
    }
    if let MadeBy::Replication(Some(snapshot)) = made_by {
        note_version(rds, snapshot, &report).await?;
    }
    Ok(report)
}

/// Changes what could not be chosen at the restore. The status in between, or nothing when all is as the stack wants it.
async fn change(rds: &Rds, config: &Config, instance: &Instance) -> Result<Option<String>, Error> {
    let request = rds.modify_db_instance().db_instance_identifier(instance.identifier.as_str());
    let Some(request) = config.options.to_change(instance, request) else {
        return Ok(None);
    };
    match request.send().await {
        Ok(_) => Ok(Some("modifying".to_owned())),
        Err(error) => match error.as_service_error() {
            Some(e) if e.is_invalid_db_instance_state_fault() => Ok(Some(code_and_message(e))),
            _ => Err(fault(format!("changing database {} after its restore", instance.identifier), &error)),
        },
    }
}

/// Writes the version on the snapshot that it was restored from, so that one can go back to the version when its
/// instance is gone.
async fn note_version(rds: &Rds, snapshot: &SnapshotArn, restored: &DbInstance) -> Result<(), Error> {
    let tag = Tag::builder().key(lineage::VERSION).value(restored.version.to_string()).build();
    let arn = snapshot.to_string();
    match rds.add_tags_to_resource().resource_name(&arn).tags(tag).send().await {
        Ok(_) => Ok(()),
        // Without the snapshot there is nothing to go back to.
        Err(_) if rds_access::snapshot_is_gone(rds, snapshot.identifier.as_str()).await => Ok(()),
        Err(error) => Err(fault(format!("writing the version on snapshot {}", snapshot.identifier), &error)),
    }
}
