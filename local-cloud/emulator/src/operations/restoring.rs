//! RestoreDBInstanceFromDBSnapshot: a new server that starts from a snapshot's files.

use std::fs;
use std::io;
use std::sync::Arc;

use super::copying::seal_of;
use super::creating::{Born, hand_over, unborn};
use super::{Call, Operation, RESTORE, add_instance, placing};
use crate::archive::Archive;
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::engines::{self, Brand, Release};
use crate::groups::Applied;
use crate::model::{Instance, Snapshot};
use crate::parameters::LETTER_CASE;
use crate::postgres::Server;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::{Settings, Taker, WITHOUT_EXTENDED_SUPPORT, wrong_size};
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
    let defaults = call.default_settings(&release_of(call, &snapshot_text));
    checks.extend(call.group_checks(operation, &defaults.overlaid(&chosen), &tags));
    if tags.is_empty() {
        let inherited = inherited_tags(call, &snapshot_text);
        if !inherited.is_empty() {
            checks.push(call.tag_check(&instance_text, &inherited, false));
        }
    }
    call.allow(&checks).await?;

    let identifier = rules::instance_identifier(&identifier)?;
    rules::tag_count(tags.len())?;
    let (snapshot, archive) = restorable(call, &snapshot_name, &snapshot_text)?;
    check_engine(engine.as_deref(), &snapshot.origin.release, &chosen)?;
    let release = restored_release(&snapshot, &chosen);
    let settings = call.with_windows(restored_settings(call, &snapshot, &release, &chosen));
    let size = settings.number("AllocatedStorage").unwrap_or_default();
    if snapshot.origin.settings.number("AllocatedStorage").is_some_and(|least| size < least) {
        return Err(wrong_size(release.engine, settings.text("StorageType").unwrap_or_default(), size));
    }
    let placed = placing::place(call, release, settings, &chosen, snapshot.key.is_some()).await?;
    if let Some(key) = &snapshot.key {
        call.find_key(&key.arn, "source snapshot").await?;
        call.allow_key(&key.arn, RESTORE, "source snapshot").await?;
    }

    let instance = Instance {
        master_username: snapshot.origin.master_username.clone(),
        database_name: snapshot.origin.database_name.clone(),
        key: snapshot.key.clone(),
        // Tags that are given replace those of the instance that the snapshot was made of (model).
        tags: if tags.is_empty() { snapshot.origin.tags.clone() } else { tags },
        ..unborn(call, identifier, placed)?
    };
    let chosen_port = chosen.number("Port").and_then(|port| u16::try_from(port).ok());
    add_instance(call, instance.clone())?;

    let answer = call.instance_answer(&instance.arn());
    let usual_end = end_of(&snapshot, &instance);
    let end_status = call.end_status.clone().unwrap_or_else(|| usual_end.to_owned());
    let emulator = Arc::clone(&call.emulator);
    tokio::spawn(async move {
        let timing = emulator.timing();
        let done = clock::now() + timing.duration(timing.restore_seconds, archive.content_bytes);
        let port = chosen_port.unwrap_or(snapshot.origin.port);
        let started = start(&emulator, Arc::clone(&archive), &instance, port).await;
        clock::sleep_until(done).await;
        hand_over(&emulator, Born::of(&instance, Some(archive)), started, &end_status).await;
    });
    Ok(answer)
}

/// The release of a snapshot that the caller sees, else the one of which most are.
fn release_of(call: &Call, snapshot: &str) -> Release {
    let mut world = locked(&call.emulator.world);
    Arn::parse(snapshot)
        .and_then(|arn| world.snapshot(&arn))
        .filter(|snapshot| snapshot.is_visible_to(&call.scope.account))
        .map_or_else(|| call.emulator.postgres.release.clone(), |snapshot| snapshot.origin.release.clone())
}

/// What this call does not take of an engine, and any engine but that of the snapshot. The refusals are known from the
/// handlers of CloudFormation, most of their words are not.
fn check_engine(wanted: Option<&str>, release: &Release, chosen: &Settings) -> Result<(), Refusal> {
    let engine = release.engine;
    if let Some(wanted) = wanted.map(engines::named).transpose()? {
        if wanted.name != engine.name {
            return Err(Refusal::invalid_combination(format!(
                "The engine {} can't be used to restore a DB snapshot of the engine {}.",
                wanted.name, engine.name
            )));
        }
        if engine.brand == Brand::OracleContainer {
            return Err(not_taken("Engine", engine.name));
        }
    }
    if engine.brand == Brand::SqlServer {
        // Recorded.
        if chosen.flag("MultiAZ") == Some(true) {
            return Err(Refusal::invalid_value(
                "Mirroring cannot be applied to instances with backup retention set to zero.",
            ));
        }
        let refused = ["MultiAZ", "AllocatedStorage", "StorageType", "Iops", "StorageThroughput"];
        if let Some(parameter) = refused.iter().find(|parameter| chosen.has(&[parameter])) {
            return Err(not_taken(parameter, engine.name));
        }
    }
    Ok(())
}

fn not_taken(parameter: &str, engine: &str) -> Refusal {
    let of = format!("when you restore a DB snapshot of the engine {engine}");
    Refusal::invalid_combination(format!("{parameter} can't be specified {of}."))
}

/// The release that a restored instance has: RDS upgrades one that is past its standard support and may not enter the
/// extended one (model, EngineLifecycleSupport).
fn restored_release(snapshot: &Snapshot, chosen: &Settings) -> Release {
    let release = snapshot.origin.release.clone();
    match chosen.text("EngineLifecycleSupport") {
        Some(WITHOUT_EXTENDED_SUPPORT) => release.without_extended_support(clock::now()),
        _ => release,
    }
}

/// What a restored instance is to have. The option group is that of the snapshot (guide, option groups), where there is
/// one of its name.
fn restored_settings(call: &Call, snapshot: &Snapshot, release: &Release, chosen: &Settings) -> Settings {
    let mut defaults = call.default_settings(release);
    let mut world = locked(&call.emulator.world);
    if world.region(&call.scope).option_groups.contains_key(&snapshot.option_group) {
        defaults = defaults.with_text("OptionGroupName", snapshot.option_group.clone());
    }
    let inherited = snapshot.origin.settings.inherited_by(chosen);
    defaults.overlaid(&inherited).overlaid(chosen)
}

/// How a restore ends: MySQL 8 does not start on data that was written with another case of letters.
fn end_of(snapshot: &Snapshot, instance: &Instance) -> &'static str {
    let case = |applied: &Applied| applied.values.get(LETTER_CASE).cloned().unwrap_or_else(|| "0".to_owned());
    let release = &instance.release;
    let is_bound = release.engine.brand == Brand::MySql && release.line.major.starts_with('8');
    if is_bound && case(&snapshot.origin.applied) != case(&instance.applied) {
        return "incompatible-parameters";
    }
    "available"
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
    instance: &Instance,
    port: u16,
) -> io::Result<Server> {
    let directory = emulator.instance_directory(&instance.resource_id);
    fs::create_dir_all(&directory)?;
    let data = directory.join("data");
    let seal = seal_of(emulator, &archive).await?;
    let (worker, target) = (Arc::clone(emulator), data.clone());
    tokio::task::spawn_blocking(move || worker.postgres.unpack(&archive, &seal, &target)).await??;
    emulator.postgres.start(&data, Some(port), &instance.applied.values).await
}
