//! CreateDBInstance: a new, empty PostgreSQL server.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::placing::{self, Placed};
use super::{Call, ENCRYPT, Operation, add_instance, automated, new_resource_id};
use crate::archive::Archive;
use crate::arn::Arn;
use crate::clock;
use crate::cloud::LogGroups;
use crate::emulator::{Emulator, locked};
use crate::kms::DEFAULT_KEY;
use crate::model::{Instance, Job, StorageKey};
use crate::postgres::Server;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::{Settings, Taker};
use crate::timing::Progress;
use crate::xml::Xml;

pub async fn create(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CreateDBInstance;
    let identifier = parameters.required("DBInstanceIdentifier")?;
    let chosen = Settings::take(&mut parameters, Taker::Create)?;
    let engine = parameters.required("Engine")?;
    let engine_version = parameters.text("EngineVersion");
    let master_username = parameters.required("MasterUsername")?;
    let password = parameters.required("MasterUserPassword")?;
    let database_name = parameters.text("DBName");
    let encrypted = parameters.flag("StorageEncrypted")?;
    let key_name = parameters.text("KmsKeyId");
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;

    let arn = call.scope.resolve("db", &identifier);
    let mut checks = call.creation_checks(operation, &arn, &tags);
    let release = call.emulator.postgres.release.clone();
    let settings = call.with_windows(call.default_settings(&release).overlaid(&chosen));
    checks.extend(call.group_checks(operation, &settings, &tags));
    call.allow(&checks).await?;

    let identifier = rules::instance_identifier(&identifier)?;
    rules::master_username(&master_username)?;
    rules::master_password(&password)?;
    rules::tag_count(tags.len())?;
    database_name.as_deref().map(rules::database_name).transpose()?;
    for required in ["DBInstanceClass", "AllocatedStorage"] {
        if chosen.text(required).is_none() && chosen.number(required).is_none() {
            return Err(Refusal::missing(required));
        }
    }
    known_engine(&call.emulator, &engine, engine_version.as_deref())?;
    settings.check_growth(release.engine)?;
    let key = new_key(call, encrypted, key_name).await?;
    let placed = placing::place(call, release, settings, &chosen, key.is_some()).await?;
    let instance = Instance {
        key,
        // Recorded answers: it waits to be set.
        pending_password: Some(password.clone()),
        master_username,
        database_name,
        tags,
        ..unborn(call, identifier, placed)?
    };
    add_instance(call, instance.clone())?;

    let answer = call.instance_answer(&instance.arn());
    let (emulator, end_status) = (Arc::clone(&call.emulator), call.end_status());
    tokio::spawn(async move {
        let done = clock::now() + emulator.timing().duration(emulator.timing().create_instance_seconds, 0);
        let started = initialise(&emulator, &instance, &password).await;
        clock::sleep_until(done).await;
        let born = Born::of(&instance, None);
        hand_over(&emulator, born, started, &end_status).await;
    });
    Ok(answer)
}

/// An instance that is about to be made, and is nothing yet but its name and settings.
pub fn unborn(call: &Call, identifier: String, placed: Placed) -> Result<Instance, Refusal> {
    let Placed { release, settings, vpc, applied } = placed;
    Ok(Instance {
        scope: call.scope.clone(),
        identifier,
        resource_id: new_resource_id()?,
        status: "creating".to_owned(),
        job: locked(&call.emulator.world).new_job(),
        settings,
        pending: Settings::default(),
        coming: Settings::default(),
        pending_password: None,
        pending_name: None,
        coming_name: None,
        replica_of: None,
        initialising: None,
        is_settling: false,
        has_aws_backup: false,
        release,
        applied,
        vpc,
        master_username: String::new(),
        database_name: None,
        created: clock::now(),
        key: None,
        tags: Tags::new(),
        port: None,
    })
}

/// The key of a new instance, if it is to be encrypted.
async fn new_key(
    call: &Call,
    encrypted: Option<bool>,
    name: Option<String>,
) -> Result<Option<StorageKey>, Refusal> {
    match (encrypted, name) {
        (Some(false), Some(_)) => {
            Err(Refusal::invalid_combination("KmsKeyId cannot be given when StorageEncrypted is false."))
        }
        (Some(true), None) => call.storage_key(DEFAULT_KEY, ENCRYPT, "specified").await.map(Some),
        (_, Some(name)) => call.storage_key(&name, ENCRYPT, "specified").await.map(Some),
        (_, None) => Ok(None),
    }
}

/// Makes the server of a new instance.
async fn initialise(emulator: &Emulator, instance: &Instance, password: &str) -> io::Result<Server> {
    let directory = emulator.instance_directory(&instance.resource_id);
    let port = instance.settings.number("Port").and_then(|port| u16::try_from(port).ok());
    fs::create_dir_all(&directory)?;
    emulator.postgres.initialise(&directory.join("data")).await?;
    let server = emulator.postgres.start(&directory.join("data"), port, &instance.applied.values).await?;
    let (user, database) = (&instance.master_username, instance.database_name.as_deref());
    emulator.postgres.prepare(server.port, user, password, database).await?;
    Ok(server)
}

/// Refuses an engine or a version that is not the one that is installed.
fn known_engine(emulator: &Emulator, engine: &str, version: Option<&str>) -> Result<(), Refusal> {
    let installed = &emulator.postgres.version;
    if engine != "postgres" {
        let message =
            format!("Invalid DB engine: {engine}. The local RDS supports postgres {installed} only.");
        return Err(Refusal::invalid_value(message));
    }
    match version {
        Some(other) if other != installed && other != emulator.postgres.release.line.major => {
            Err(Refusal::invalid_combination(format!(
                "Cannot find version {other} for postgres; installed is {installed}."
            )))
        }
        _ => Ok(()),
    }
}

/// An instance whose server is about to start.
pub struct Born {
    pub arn: Arn,
    pub resource_id: String,
    pub job: Job,
    /// The data that it was restored from.
    pub restored_from: Option<Arc<Archive>>,
}

impl Born {
    pub fn of(instance: &Instance, restored_from: Option<Arc<Archive>>) -> Self {
        let resource_id = instance.resource_id.clone();
        Self { arn: instance.arn(), resource_id, job: instance.job, restored_from }
    }
}

/// Gives a started server to its instance, or says that it has failed, and lets the instance settle. A server that no one
/// waits for any more is stopped.
pub async fn hand_over(emulator: &Arc<Emulator>, born: Born, started: io::Result<Server>, end_status: &str) {
    let timing = emulator.timing();
    let unwanted = {
        let mut world = locked(&emulator.world);
        let instance = world.instance(&born.arn).filter(|instance| instance.resource_id == born.resource_id);
        match (instance, started) {
            (None, started) => started.ok(),
            (Some(instance), Ok(server)) => {
                instance.port = Some(server.port);
                instance.pending_password = None;
                instance.is_settling = born.restored_from.is_some();
                instance.initialising = born.restored_from.as_ref().map(|_| Progress {
                    started: clock::now(),
                    duration: timing.duration(timing.storage_seconds, 0),
                });
                world.servers.insert(born.resource_id.clone(), server);
                None
            }
            (Some(instance), Err(error)) => {
                tracing::error!(arn = %born.arn, %error, "an instance has failed");
                // An administrator may have given it another status meanwhile, which it keeps.
                if instance.job == born.job {
                    instance.status = instance.failure().to_owned();
                    instance.job = None;
                }
                None
            }
        }
    };
    if let Some(server) = unwanted {
        emulator.postgres.stop(server).await;
    }
    make_log_groups(emulator, &born.arn).await;
    settle(emulator, &born, end_status).await;
}

/// Has RDS make the log groups of what an instance publishes. They stay when it goes.
pub async fn make_log_groups(emulator: &Emulator, arn: &Arn) {
    let logs = locked(&emulator.world)
        .instance(arn)
        .map(|instance| instance.settings.names("EnableCloudwatchLogsExports").to_vec())
        .unwrap_or_default();
    if logs.is_empty() {
        return;
    }
    let names = logs.iter().map(|log| format!("/aws/rds/instance/{}/{log}", arn.name)).collect();
    let groups = LogGroups { account: &arn.scope.account, region: &arn.scope.region, names };
    if let Err(refusal) = emulator.cloud.make_log_groups(&groups).await {
        tracing::error!(%arn, ?refusal, "the log groups of an instance were not made");
    }
}

/// Lets an instance whose server runs become `available`: a restored one may be busy once more after it, and one with
/// automated backups is `backing-up` for a while.
async fn settle(emulator: &Arc<Emulator>, born: &Born, end_status: &str) {
    let (timing, switches) = (emulator.timing(), emulator.switches());
    let backs_up = locked(&emulator.world)
        .instance_in(&born.arn, born.job)
        .is_some_and(|found| found.settings.number("BackupRetentionPeriod").is_some_and(|days| days > 0));
    if backs_up && switches.automated_snapshots {
        automated::begin(emulator, &born.arn, born.restored_from.as_ref());
    }
    // What is given a status on order goes there directly.
    let is_usual = end_status == "available";
    let backing_up = timing.duration(timing.backing_up_seconds, 0);
    if is_usual && born.restored_from.is_some() && switches.available_flaps {
        rest(emulator, &born.arn, born.job, end_status);
        let flap = timing.duration(timing.flap_seconds, 0);
        clock::sleep(flap).await;
        if once_more(emulator, born, &switches.flap_status, flap).await && backs_up && !backing_up.is_zero() {
            once_more(emulator, born, "backing-up", backing_up).await;
        }
        fill(emulator, born, switches.storage_status).await;
        if let Some(instance) = locked(&emulator.world).instance_in(&born.arn, None) {
            instance.is_settling = false;
        }
        return;
    }
    if is_usual && backs_up && !backing_up.is_zero() {
        if let Some(instance) = locked(&emulator.world).instance_in(&born.arn, born.job) {
            instance.status = "backing-up".to_owned();
        }
        clock::sleep(backing_up).await;
    }
    rest(emulator, &born.arn, born.job, end_status);
    if is_usual {
        fill(emulator, born, switches.storage_status).await;
    }
}

/// Lets an instance whose storage is still filled say so by its status, if it is to.
async fn fill(emulator: &Arc<Emulator>, born: &Born, by_status: bool) {
    let filled = locked(&emulator.world)
        .instance_in(&born.arn, None)
        .and_then(|instance| instance.initialising)
        .map(|progress| progress.end() - clock::now());
    if let (true, Some(left)) = (by_status, filled) {
        let pause = Duration::try_from(left).unwrap_or_default();
        once_more(emulator, born, "storage-initialization", pause).await;
    }
}

/// Ends a job of an instance.
fn rest(emulator: &Emulator, arn: &Arn, job: Job, status: &str) {
    if let Some(instance) = locked(&emulator.world).instance_in(arn, job) {
        instance.status = status.to_owned();
        instance.job = None;
    }
}

/// Makes an instance that has just become `available` busy once more, unless something else is done to it; whether it
/// was.
async fn once_more(emulator: &Emulator, born: &Born, status: &str, pause: Duration) -> bool {
    let job = {
        let mut world = locked(&emulator.world);
        let job = world.new_job();
        // An administrator's word, too, ends it.
        let Some(instance) = world.instance_in(&born.arn, None) else { return false };
        let is_same = instance.resource_id == born.resource_id && instance.status == "available";
        if !instance.is_settling || !is_same {
            return false;
        }
        instance.status = status.to_owned();
        instance.job = job;
        job
    };
    clock::sleep(pause).await;
    rest(emulator, &born.arn, job, "available");
    true
}
