//! RestoreDBInstanceFromDBSnapshot: a new server that starts from a snapshot's files.

use std::fs;
use std::io;
use std::sync::Arc;

use super::copying::seal_of;
use super::creating::{Born, hand_over, known_engine};
use super::{Call, Operation, RESTORE, add_instance, new_resource_id};
use crate::archive::Archive;
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::model::{Instance, Snapshot};
use crate::postgres::Server;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::{Settings, Taker};
use crate::xml::Xml;

pub async fn restore(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::RestoreDBInstanceFromDBSnapshot;
    let identifier = parameters.required("DBInstanceIdentifier")?;
    let snapshot_name = parameters.required("DBSnapshotIdentifier")?;
    let chosen = Settings::take(&mut parameters, Taker::Restore)?;
    let engine = parameters.text("Engine");
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;

    let snapshot_text = call.scope.resolve("snapshot", &snapshot_name);
    let instance_text = call.scope.resolve("db", &identifier);
    let mut checks = call.creation_checks(operation, &instance_text, &tags);
    checks.push(call.check(operation, &snapshot_text, &tags));
    // RDS asks about the default groups too when the request names none (service authorisation reference).
    checks.extend(call.group_checks(operation, &call.default_settings().overlaid(&chosen), &tags));
    if tags.is_empty() {
        let inherited = inherited_tags(call, &snapshot_text);
        if !inherited.is_empty() {
            checks.push(call.tag_check(&instance_text, &inherited, false));
        }
    }
    call.allow(&checks).await?;

    let identifier = rules::instance_identifier(&identifier)?;
    rules::tag_count(tags.len())?;
    known_engine(&call.emulator, engine.as_deref().unwrap_or("postgres"), None)?;
    let (snapshot, archive) = restorable(call, &snapshot_name, &snapshot_text)?;
    let inherited = snapshot.origin.settings.inherited_by(&chosen);
    let settings = call.with_windows(call.default_settings().overlaid(&inherited).overlaid(&chosen));
    settings.check_storage()?;
    if settings.number("AllocatedStorage") < snapshot.origin.settings.number("AllocatedStorage") {
        return Err(Refusal::invalid_value("AllocatedStorage cannot be less than that of the snapshot."));
    }
    if let Some(key) = &snapshot.key {
        call.find_key(&key.arn, "source snapshot").await?;
        call.allow_key(&key.arn, RESTORE, "source snapshot").await?;
    }

    let job = locked(&call.emulator.world).new_job();
    let instance = Instance {
        scope: call.scope.clone(),
        identifier,
        resource_id: new_resource_id()?,
        status: "creating".to_owned(),
        job,
        pending: Settings::default(),
        coming: Settings::default(),
        pending_password: None,
        pending_name: None,
        coming_name: None,
        replica_of: None,
        initialising: None,
        has_aws_backup: false,
        engine_version: call.emulator.postgres.version.clone(),
        master_username: snapshot.origin.master_username.clone(),
        database_name: snapshot.origin.database_name.clone(),
        created: clock::now(),
        key: snapshot.key.clone(),
        // Tags that are given replace those of the instance that the snapshot was made of (model).
        tags: if tags.is_empty() { snapshot.origin.tags.clone() } else { tags },
        port: None,
        settings,
    };
    let (arn, resource_id) = (instance.arn(), instance.resource_id.clone());
    let chosen_port = chosen.number("Port").and_then(|port| u16::try_from(port).ok());
    add_instance(call, instance)?;

    let (emulator, end_status, job_arn) = (Arc::clone(&call.emulator), call.end_status(), arn.clone());
    tokio::spawn(async move {
        let timing = emulator.timing();
        let done = clock::now() + timing.duration(timing.restore_seconds, archive.content_bytes);
        let port = chosen_port.unwrap_or(snapshot.origin.port);
        let started = start(&emulator, Arc::clone(&archive), &resource_id, port).await;
        clock::sleep_until(done).await;
        let born = Born { arn: job_arn, resource_id, job, restored_from: Some(archive) };
        hand_over(&emulator, born, started, &end_status).await;
    });
    Ok(call.instance_answer(&arn))
}

/// The tags that an instance takes over from that of the snapshot when the request gives none.
fn inherited_tags(call: &Call, snapshot: &str) -> Tags {
    let mut world = locked(&call.emulator.world);
    Arn::parse(snapshot)
        .and_then(|arn| world.snapshot(&arn))
        .filter(|snapshot| snapshot.is_visible_to(&call.scope.account))
        .map(|snapshot| snapshot.origin.tags.clone())
        .unwrap_or_default()
}

/// The snapshot and its data, if the caller may restore it as it is.
fn restorable(call: &Call, name: &str, text: &str) -> Result<(Snapshot, Arc<Archive>), Refusal> {
    let not_found = || Refusal::snapshot_not_found(name);
    let arn = Arn::parse(text).filter(|arn| arn.scope.region == call.scope.region).ok_or_else(not_found)?;
    let mut world = locked(&call.emulator.world);
    let visible = world.snapshot(&arn).filter(|snapshot| call.sees(snapshot));
    let snapshot = visible.ok_or_else(not_found)?;
    let archive = match (&snapshot.archive, snapshot.status.as_str()) {
        (Some(archive), "available") => Arc::clone(archive),
        _ => {
            let message =
                format!("Cannot restore from the snapshot {name}: it is not in the available state.");
            return Err(Refusal::snapshot_state(message));
        }
    };
    // Guide, sharing: what is both shared and encrypted is copied first.
    if snapshot.key.is_some() && snapshot.scope.account != call.scope.account {
        return Err(Refusal::snapshot_state(
            "A DB instance cannot be restored directly from a shared encrypted snapshot. Copy the snapshot first, and \
             restore from the copy.",
        ));
    }
    Ok((snapshot.clone(), archive))
}

/// Makes a server of an archive.
pub async fn start(
    emulator: &Arc<Emulator>,
    archive: Arc<Archive>,
    resource_id: &str,
    port: u16,
) -> io::Result<Server> {
    let directory = emulator.instance_directory(resource_id);
    fs::create_dir_all(&directory)?;
    let data = directory.join("data");
    let seal = seal_of(emulator, &archive).await?;
    let (worker, target) = (Arc::clone(emulator), data.clone());
    tokio::task::spawn_blocking(move || worker.postgres.unpack(&archive, &seal, &target)).await??;
    emulator.postgres.start(&data, Some(port)).await
}
