//! The admin API, for tests and demonstrations: what was called, faults, quotas, timing, and what copies have moved.
//! It asks for no credentials and is reachable from this machine only.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::arn::Arn;
use crate::cloud::Received;
use crate::emulator::{Emulator, locked};
use crate::engines;
use crate::faults::Fault;
use crate::groups::Applied;
use crate::http::Answer;
use crate::query::Tags;
use crate::settings::Settings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceStatus {
    arn: String,
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResourceEngine {
    arn: String,
    engine: String,
    engine_version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceTags {
    arn: String,
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Crowd {
    arn: String,
    count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protection {
    arn: String,
    protected: bool,
}

/// Answers a request below `/_emulator/`.
pub fn answer(emulator: &Emulator, request: &Received) -> Answer {
    let (http_status, body) = match carry_out(emulator, request) {
        Ok(Some(value)) => (200, value),
        Ok(None) => (404, json!({"error": "no such resource or address"})),
        Err(message) => (400, json!({"error": message})),
    };
    Answer { http_status, content_type: "application/json", body: body.to_string() }
}

fn carry_out(emulator: &Emulator, request: &Received) -> Result<Option<Value>, String> {
    let done = Ok(Some(json!({})));
    match (request.method.as_str(), request.path.trim_start_matches("/_emulator/")) {
        ("GET", "health") => Ok(Some(json!({"status": "ok", "postgres": emulator.postgres.version}))),
        ("GET", "calls") => Ok(Some(json!(locked(&emulator.calls).recorded))),
        ("DELETE", "calls") => {
            locked(&emulator.calls).recorded.clear();
            done
        }
        ("GET", "faults") => Ok(Some(json!(locked(&emulator.faults).standing()))),
        ("POST", "faults") => {
            let fault: Fault = read(request)?;
            Ok(Some(json!(locked(&emulator.faults).add(fault))))
        }
        ("DELETE", "faults") => {
            locked(&emulator.faults).clear();
            done
        }
        ("DELETE", path) if path.starts_with("faults/") => {
            let id = path.trim_start_matches("faults/").parse();
            Ok(id.is_ok_and(|id| locked(&emulator.faults).remove(id)).then(|| json!({})))
        }
        ("GET", "timing") => Ok(Some(json!(emulator.timing()))),
        ("PUT", "timing") => {
            let timing: crate::timing::Timing = overlaid(json!(emulator.timing()), request)?;
            timing.check()?;
            locked(&emulator.config).timing = timing;
            done
        }
        ("GET", "quotas") => Ok(Some(json!(emulator.quotas()))),
        ("PUT", "quotas") => {
            locked(&emulator.config).quotas = overlaid(json!(emulator.quotas()), request)?;
            done
        }
        ("GET", "switches") => Ok(Some(json!(emulator.switches()))),
        ("PUT", "switches") => {
            locked(&emulator.config).switches = overlaid(json!(emulator.switches()), request)?;
            done
        }
        ("GET", "snapshots") => Ok(Some(snapshots(emulator))),
        ("GET", "moved") => Ok(Some(moved(emulator))),
        ("GET", "instances") => Ok(Some(instances(emulator))),
        ("POST", "resources/aws-backup") => {
            Ok(protect(emulator, &read::<Protection>(request)?).then(|| json!({})))
        }
        ("POST", "resources/crowd") => Ok(crowd(emulator, &read(request)?).then(|| json!({}))),
        ("POST", "resources/engine") => {
            Ok(set_engine(emulator, &read::<ResourceEngine>(request)?)?.then(|| json!({})))
        }
        ("POST", "resources/status") => Ok(set_status(emulator, &read(request)?).then(|| json!({}))),
        ("POST", "resources/tags") => Ok(add_tags(emulator, read(request)?).then(|| json!({}))),
        _ => Ok(None),
    }
}

/// How many bytes copies have moved, one entry for each pair of Regions.
fn moved(emulator: &Emulator) -> Value {
    let world = locked(&emulator.world);
    let entry =
        |((from, to), bytes): (&(String, String), &u64)| json!({"from": from, "to": to, "bytes": bytes});
    world.moved.iter().map(entry).collect()
}

fn read<T: DeserializeOwned>(request: &Received) -> Result<T, String> {
    serde_json::from_str(&request.body).map_err(|error| error.to_string())
}

/// The fields of the request in place of those of `current`.
fn overlaid<T: DeserializeOwned>(mut current: Value, request: &Received) -> Result<T, String> {
    let given: serde_json::Map<String, Value> = read(request)?;
    if let Value::Object(fields) = &mut current {
        fields.extend(given);
    }
    serde_json::from_value(current).map_err(|error| error.to_string())
}

fn snapshots(emulator: &Emulator) -> Value {
    let world = locked(&emulator.world);
    world
        .snapshots()
        .map(|snapshot| {
            json!({
                "arn": snapshot.arn().to_string(),
                "status": snapshot.status,
                "automated": snapshot.is_automated,
                "contentBytes": snapshot.archive.as_ref().map(|archive| archive.content_bytes),
                "storedBytes": snapshot.archive.as_ref().map(|archive| archive.stored_bytes),
                "copiedBytes": snapshot.copied.as_ref().map(|copied| copied.bytes),
                "copyKind": snapshot.copied.as_ref().map(|copied| copied.kind.word()),
                "reason": snapshot.copied.as_ref().map(|copied| copied.reason),
            })
        })
        .collect()
}

/// The instances, and whether something is done to them, which their status may not tell yet.
fn instances(emulator: &Emulator) -> Value {
    let world = locked(&emulator.world);
    world
        .instances()
        .map(|instance| {
            json!({
                "arn": instance.arn().to_string(),
                "resourceId": instance.resource_id,
                "status": instance.status,
                "busy": instance.job.is_some(),
                "awsBackup": instance.has_aws_backup,
            })
        })
        .collect()
}

/// Calls an instance or a snapshot one of another engine or version. Its data stays PostgreSQL's; what goes with the engine
/// becomes that of an instance for which nothing was chosen.
fn set_engine(emulator: &Emulator, wanted: &ResourceEngine) -> Result<bool, String> {
    let engine = engines::named(&wanted.engine).map_err(|refusal| refusal.message)?;
    let release = engine
        .release(&wanted.engine_version)
        .ok_or_else(|| format!("{} has no version {}", wanted.engine, wanted.engine_version))?;
    let Some(arn) = Arn::parse(&wanted.arn) else { return Ok(false) };
    let settings = Settings::of_release(&release);
    let applied = Applied { group: release.default_parameters(), ..Applied::default() };
    let mut world = locked(&emulator.world);
    if let Some(instance) = world.instance(&arn) {
        instance.settings = instance.settings.without_release().overlaid(&settings);
        (instance.release, instance.applied) = (release, applied);
    } else if let Some(snapshot) = world.snapshot(&arn) {
        snapshot.option_group = release.default_options();
        snapshot.origin.settings = snapshot.origin.settings.without_release().overlaid(&settings);
        (snapshot.origin.release, snapshot.origin.applied) = (release, applied);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Puts an instance under the protection of AWS Backup, or takes it away.
fn protect(emulator: &Emulator, wanted: &Protection) -> bool {
    let Some(arn) = Arn::parse(&wanted.arn) else { return false };
    let mut world = locked(&emulator.world);
    world.instance(&arn).map(|instance| instance.has_aws_backup = wanted.protected).is_some()
}

/// Puts many others beside an instance or a snapshot that are described as it is, without its tags. Nothing answers at them and
/// nothing is in them: they are only there to be listed.
fn crowd(emulator: &Emulator, wanted: &Crowd) -> bool {
    let Some(arn) = Arn::parse(&wanted.arn) else { return false };
    let mut world = locked(&emulator.world);
    let (instance, snapshot) = (world.instance(&arn).cloned(), world.snapshot(&arn).cloned());
    let region = world.region(&arn.scope);
    for number in 0..wanted.count {
        let name = format!("crowd-{number}");
        if let Some(mut one) = instance.clone() {
            one.resource_id = format!("{}-{number}", one.resource_id);
            (one.identifier, one.job, one.port) = (name.clone(), None, None);
            one.tags.clear();
            region.instances.insert(name.clone(), one);
        }
        if let Some(mut one) = snapshot.clone() {
            one.origin.identifier.clone_from(&name);
            (one.identifier, one.job, one.archive) = (name.clone(), None, None);
            one.tags.clear();
            region.snapshots.insert(name, one);
        }
    }
    instance.is_some() || snapshot.is_some()
}

/// Gives a resource tags of any kind, such as those with `aws:` that services of AWS give and no client can.
fn add_tags(emulator: &Emulator, wanted: ResourceTags) -> bool {
    let Some(arn) = Arn::parse(&wanted.arn) else { return false };
    let mut world = locked(&emulator.world);
    world.tags(&arn).map(|tags| tags.extend(wanted.tags)).is_some()
}

/// Gives a resource a status from now on; what ran on it no longer changes it.
fn set_status(emulator: &Emulator, wanted: &ResourceStatus) -> bool {
    let Some(arn) = Arn::parse(&wanted.arn) else { return false };
    let mut world = locked(&emulator.world);
    if let Some(instance) = world.instance(&arn) {
        instance.status.clone_from(&wanted.status);
        instance.job = None;
        instance.is_settling = false;
    } else if let Some(snapshot) = world.snapshot(&arn) {
        snapshot.status.clone_from(&wanted.status);
        snapshot.job = None;
        snapshot.progress = None;
    } else {
        return false;
    }
    true
}
