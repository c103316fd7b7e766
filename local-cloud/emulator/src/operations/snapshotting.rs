//! CreateDBSnapshot: a physical base backup of a running server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use time::OffsetDateTime;

use super::{Call, Operation, add_snapshot};
use crate::archive::{Archive, Seal};
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::kms::Unusable;
use crate::model::{Instance, Job, Snapshot};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::timing::Progress;
use crate::xml::Xml;

pub async fn create(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CreateDBSnapshot;
    let identifier = parameters.required("DBSnapshotIdentifier")?;
    let instance_name = parameters.required("DBInstanceIdentifier")?;
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;

    let instance_text = call.scope.resolve("db", &instance_name);
    let checks = call.snapshot_checks(&instance_text, &call.scope.resolve("snapshot", &identifier), &tags);
    call.allow(&checks).await?;

    let identifier = rules::snapshot_identifier(&identifier, "DBSnapshotIdentifier")?;
    rules::tag_count(tags.len())?;
    let not_found = || Refusal::instance_not_found(&instance_name);
    let instance_arn = call.own("db", &instance_name).ok_or_else(not_found)?;
    let (arn, job) = {
        let mut world = locked(&call.emulator.world);
        let job = world.new_job();
        let instance = world.instance(&instance_arn).ok_or_else(not_found)?;
        // The status does not tell yet of a modification that is about to begin.
        if !rules::may_be_snapshotted(&instance.status) || instance.job.is_some() {
            let message =
                format!("Instance {} is not currently in the available state.", instance.identifier);
            return Err(Refusal::instance_state(message));
        }
        let snapshot = begun(&call.emulator, instance, identifier, tags, job);
        let arn = snapshot.arn();
        add_snapshot(call, world.region(&call.scope), snapshot)?;
        if let Some(instance) = world.instance(&instance_arn) {
            instance.status = "backing-up".to_owned();
            instance.job = job;
        }
        (arn, job)
    };
    let (emulator, end_status, snapshot_arn) = (Arc::clone(&call.emulator), call.end_status(), arn.clone());
    tokio::spawn(async move {
        take(&emulator, &instance_arn, &snapshot_arn, job, &end_status).await;
        if let Some(instance) = locked(&emulator.world).instance_in(&instance_arn, job) {
            instance.status = "available".to_owned();
            instance.job = None;
        }
    });
    Ok(call.snapshot_answer(&arn))
}

/// The snapshot of an instance at the moment at which it is asked for.
pub fn begun(emulator: &Emulator, instance: &Instance, identifier: String, tags: Tags, job: Job) -> Snapshot {
    let now = clock::now();
    let timing = emulator.timing();
    // Tags that are given stand in place of the instance's, even if the instance passes its tags on (guide, tagging).
    let inherits = tags.is_empty() && instance.settings.flag("CopyTagsToSnapshot") == Some(true);
    Snapshot {
        scope: instance.scope.clone(),
        identifier,
        status: "creating".to_owned(),
        job,
        progress: Some(Progress { started: now, duration: timing.duration(timing.snapshot_seconds, 0) }),
        created: now,
        key: instance.key.clone(),
        tags: if inherits { instance.tags.clone() } else { tags },
        shared_with: BTreeMap::new(),
        option_group: instance.settings.text("OptionGroupName").unwrap_or_default().to_owned(),
        source: None,
        keys: vec![instance.key.as_ref().map(|key| key.arn.clone())],
        is_automated: false,
        copied: None,
        origin: instance.as_origin(now),
        full_bytes: None,
        archive: None,
    }
}

/// Backs up the instance into its begun snapshot, which then ends in `end_status`, or in `failed`. Says whether the
/// snapshot holds the data.
pub async fn take(
    emulator: &Arc<Emulator>,
    instance: &Arn,
    snapshot: &Arn,
    job: Job,
    end_status: &str,
) -> bool {
    let backed_up = back_up(emulator, instance, snapshot, job).await;
    let mut world = locked(&emulator.world);
    let Some(snapshot) = world.snapshot_in(snapshot, job) else { return false };
    snapshot.progress = None;
    snapshot.job = None;
    match backed_up {
        Ok((archive, moment)) => {
            snapshot.full_bytes = Some(archive.content_bytes);
            snapshot.archive = Some(archive);
            snapshot.origin.database_time = Some(moment);
            snapshot.status = end_status.to_owned();
            true
        }
        Err(error) => {
            tracing::error!(arn = %snapshot.arn(), %error, "a snapshot has failed");
            snapshot.status = "failed".to_owned();
            false
        }
    }
}

async fn back_up(
    emulator: &Arc<Emulator>,
    instance: &Arn,
    snapshot: &Arn,
    job: Job,
) -> io::Result<(Arc<Archive>, OffsetDateTime)> {
    let started = clock::now();
    let (archive, moment) = pack(emulator, instance).await?;
    let timing = emulator.timing();
    let progress =
        Progress { started, duration: timing.duration(timing.snapshot_seconds, archive.content_bytes) };
    if let Some(snapshot) = locked(&emulator.world).snapshot_in(snapshot, job) {
        snapshot.progress = Some(progress);
    }
    clock::sleep_until(progress.end()).await;
    Ok((Arc::new(archive), moment))
}

/// Backs up a running server, and says before which moment everything committed is in the archive.
pub async fn pack(emulator: &Arc<Emulator>, instance: &Arn) -> io::Result<(Archive, OffsetDateTime)> {
    let (port, key, resource_id) = {
        let mut world = locked(&emulator.world);
        let instance = world.instance(instance).ok_or_else(|| io::Error::other("the instance is gone"))?;
        let (key, resource_id) = (instance.key.clone(), instance.resource_id.clone());
        let server = world.servers.get(&resource_id);
        let server = server.ok_or_else(|| io::Error::other("the instance does not run"))?;
        (server.port, key, resource_id)
    };
    let (seal, data_key) = match key {
        Some(key) => {
            let (plain, sealed) = emulator.keys.generate(&key.arn, &resource_id).await.map_err(key_error)?;
            (Seal::new(Some(&plain)), Some(sealed))
        }
        None => (Seal::new(None), None),
    };
    let path = emulator.archive_path()?;
    let worker = Arc::clone(emulator);
    tokio::task::spawn_blocking(move || worker.postgres.back_up(port, &path, &seal, data_key)).await?
}

/// A key that cannot be used, among the reasons why work in the background fails.
pub fn key_error(Unusable(reason): Unusable) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}
