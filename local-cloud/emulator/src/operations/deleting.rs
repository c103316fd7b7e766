//! DeleteDBInstance and DeleteDBSnapshot: the server stops, the disk is free.

use std::fs;
use std::io;
use std::sync::Arc;

use super::{Call, Operation, add_snapshot, automated, snapshotting};
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::model::{Instance, Job};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::xml::Xml;

pub async fn delete_instance(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DeleteDBInstance;
    let name = parameters.required("DBInstanceIdentifier")?;
    let skip_snapshot = parameters.flag("SkipFinalSnapshot")?.unwrap_or(false);
    let final_snapshot = parameters.text("FinalDBSnapshotIdentifier");
    let deletes_backups = parameters.flag("DeleteAutomatedBackups")?.unwrap_or(true);
    parameters.finish(&operation.name())?;

    // A final snapshot takes the same rights as any other (service authorisation reference, DeleteDBInstance).
    let instance_text = call.scope.resolve("db", &name);
    let mut checks = vec![call.check(operation, &instance_text, &Tags::new())];
    if let Some(identifier) = &final_snapshot {
        let snapshot_text = call.scope.resolve("snapshot", identifier);
        checks.extend(call.snapshot_checks(&instance_text, &snapshot_text, &Tags::new()));
    }
    call.allow(&checks).await?;

    let final_snapshot = final_snapshot_name(skip_snapshot, final_snapshot)?;
    let not_found = || Refusal::instance_not_found(&name);
    let arn = call.own("db", &name).ok_or_else(not_found)?;
    if final_snapshot.is_some() {
        let key = locked(&call.emulator.world).instance(&arn).and_then(|instance| instance.key.clone());
        if let Some(key) = key {
            call.find_key(&key.arn, "specified").await?;
        }
    }
    let (job, snapshot_arn, resource_id) = {
        let mut world = locked(&call.emulator.world);
        let job = world.new_job();
        let instance = world.instance(&arn).ok_or_else(not_found)?;
        may_be_deleted(instance, final_snapshot.is_some(), deletes_backups)?;
        let resource_id = instance.resource_id.clone();
        let snapshot = final_snapshot
            .map(|identifier| snapshotting::begun(&call.emulator, instance, identifier, Tags::new(), job));
        let snapshot_arn = snapshot.as_ref().map(|snapshot| snapshot.arn());
        if let Some(snapshot) = snapshot {
            add_snapshot(call, world.region(&call.scope), snapshot)?;
        }
        if let Some(instance) = world.instance(&arn) {
            instance.status = "deleting".to_owned();
            instance.job = job;
        }
        (job, snapshot_arn, resource_id)
    };
    let answer = call.instance_answer(&arn);
    let (emulator, end_status) = (Arc::clone(&call.emulator), call.end_status.clone());
    tokio::spawn(async move {
        if let Some(snapshot) = snapshot_arn
            && !keeps(&emulator, &arn, &snapshot, job).await
        {
            return;
        }
        let timing = emulator.timing();
        clock::sleep(timing.duration(timing.delete_seconds, 0)).await;
        if let Err(error) = remove(&emulator, &arn, job, end_status).await {
            tracing::error!(%arn, %error, "the disk of an instance was not freed");
        }
        // They stay for a while where the request asks for it (model, DeleteAutomatedBackups).
        if deletes_backups && locked(&emulator.world).instance(&arn).is_none() {
            automated::end(&emulator, &arn, &resource_id);
        }
    });
    Ok(answer)
}

/// The name of the snapshot that is to be made before, if there is to be one.
fn final_snapshot_name(is_skipped: bool, given: Option<String>) -> Result<Option<String>, Refusal> {
    match (is_skipped, given) {
        (true, Some(_)) => Err(Refusal::invalid_combination(
            "FinalDBSnapshotIdentifier can not be specified when deleting a DB Instance with SkipFinalSnapshot.",
        )),
        (false, None) => Err(Refusal::invalid_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )),
        (_, given) => {
            given.map(|name| rules::snapshot_identifier(&name, "FinalDBSnapshotIdentifier")).transpose()
        }
    }
}

/// Makes the final snapshot. Without it what was to be kept is not kept, so nothing is deleted.
async fn keeps(emulator: &Arc<Emulator>, arn: &Arn, snapshot: &Arn, job: Job) -> bool {
    let is_kept = snapshotting::take(emulator, arn, snapshot, job, "available").await;
    if !is_kept && let Some(instance) = locked(&emulator.world).instance_in(arn, job) {
        instance.status = "available".to_owned();
        instance.job = None;
    }
    is_kept
}

/// Refuses the deletion of an instance in a state, or under a protection, that does not allow it.
fn may_be_deleted(instance: &Instance, with_snapshot: bool, deletes_backups: bool) -> Result<(), Refusal> {
    let status = instance.status.as_str();
    if rules::is_busy(status) || (with_snapshot && rules::can_only_be_dropped(status)) {
        let message = format!("Instance {} is currently {status} - try again later.", instance.identifier);
        return Err(Refusal::instance_state(message));
    }
    if with_snapshot && instance.replica_of.is_some() {
        return Err(Refusal::invalid_combination(
            "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance",
        ));
    }
    if instance.settings.flag("DeletionProtection") == Some(true) {
        return Err(Refusal::invalid_combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ));
    }
    if instance.has_aws_backup && deletes_backups {
        return Err(Refusal::invalid_combination(
            "The automated backups of the DB instance are managed by AWS Backup and cannot be deleted with it. Set \
             DeleteAutomatedBackups to false and try again.",
        ));
    }
    Ok(())
}

/// Stops the server, frees the disk, and forgets the instance.
async fn remove(emulator: &Arc<Emulator>, arn: &Arn, job: Job, end_status: Option<String>) -> io::Result<()> {
    let (server, directory) = {
        let mut world = locked(&emulator.world);
        let Some(instance) = world.instance_in(arn, job) else { return Ok(()) };
        if let Some(status) = end_status {
            instance.status = status;
            instance.job = None;
            return Ok(());
        }
        let resource_id = instance.resource_id.clone();
        (world.servers.remove(&resource_id), emulator.instance_directory(&resource_id))
    };
    if let Some(server) = server {
        emulator.postgres.stop(server).await;
    }
    // An instance that failed early has no directory.
    let freed = if directory.exists() { fs::remove_dir_all(&directory) } else { Ok(()) };
    let mut world = locked(&emulator.world);
    let region = world.region(&arn.scope);
    if let Some(removed) = region.instances.remove(&arn.name) {
        // Guide, read replicas: without their source they stand on their own.
        for replica in region.instances.values_mut() {
            replica.replica_of.take_if(|source| *source == removed.resource_id);
        }
    }
    freed
}

pub async fn delete_snapshot(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DeleteDBSnapshot;
    let name = parameters.required("DBSnapshotIdentifier")?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("snapshot", &name), &Tags::new())]).await?;

    let not_found = || Refusal::snapshot_not_found(&name);
    let arn = call.own("snapshot", &name).ok_or_else(not_found)?;
    let mut world = locked(&call.emulator.world);
    let snapshot = world.snapshot(&arn).ok_or_else(not_found)?;
    if snapshot.is_automated {
        return Err(Refusal::snapshot_state(format!(
            "Cannot delete {name}: only manual snapshots may be deleted."
        )));
    }
    if !rules::snapshot_may_be_deleted(&snapshot.status) && !snapshot.is_running_copy() {
        let message = format!("Cannot delete the snapshot {name}: it is {}.", snapshot.status);
        return Err(Refusal::snapshot_state(message));
    }
    let mut xml = Xml::default();
    if let Some(mut removed) = world.region(&call.scope).remove_snapshot(&arn.name) {
        world.fail_copies_of(&arn);
        removed.status = "deleted".to_owned();
        xml.within("DBSnapshot", |xml| crate::answers::snapshot(xml, &removed, &call.view(false)));
    }
    Ok(xml)
}
