//! CopyDBSnapshot: a copy of the bytes, under the same key or another, from this account or one that shares.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::snapshotting::key_error;
use super::{COPY_FROM, COPY_TO, Call, Operation, add_snapshot};
use crate::archive::{Archive, Seal};
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::groups::OptionGroup;
use crate::model::{Copied, Job, Snapshot, StorageKey};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules::{self, CopyKind};
use crate::switches::ViaRegion;
use crate::timing::Progress;
use crate::xml::Xml;

pub async fn copy(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CopyDBSnapshot;
    let source_name = parameters.required("SourceDBSnapshotIdentifier")?;
    let identifier = parameters.required("TargetDBSnapshotIdentifier")?;
    let key_name = parameters.text("KmsKeyId");
    let tags = parameters.tags()?;
    let copy_tags = parameters.flag("CopyTags")?.unwrap_or(false);
    let option_group = parameters.text("OptionGroupName");
    let copy_option_group = parameters.flag("CopyOptionGroup")?.unwrap_or(false);
    // It matters in GovCloud only and is ignored elsewhere (model).
    parameters.text("PreSignedUrl");
    parameters.finish(&operation.name())?;

    let source_text = call.scope.resolve("snapshot", &source_name);
    let target_text = call.scope.resolve("snapshot", &identifier);
    // Tags that are given stand in place of those of the source; they are never merged.
    let inherited = if copy_tags && tags.is_empty() { own_tags(call, &source_text) } else { Tags::new() };
    let mut checks = vec![call.check(operation, &source_text, &tags)];
    checks.extend(call.creation_checks(operation, &target_text, &tags));
    if !inherited.is_empty() {
        checks.push(call.tag_check(&target_text, &inherited, false));
    }
    for check in &mut checks {
        check.keys.insert("rds:CopyOptionGroup", copy_option_group.to_string());
    }
    call.allow(&checks).await?;

    let identifier = rules::snapshot_identifier(&identifier, "TargetDBSnapshotIdentifier")?;
    let mut all_tags = inherited;
    all_tags.extend(tags);
    rules::tag_count(all_tags.len())?;
    let not_found = || Refusal::snapshot_not_found(&source_name);
    let source_arn = Arn::parse(&source_text).ok_or_else(not_found)?;
    let source = available_source(call, &source_arn).ok_or_else(not_found)??;
    let crosses_accounts = source_arn.scope.account != call.scope.account;
    if copy_option_group && (!crosses_accounts || option_group.is_some()) {
        return Err(Refusal::invalid_combination(
            "CopyOptionGroup can be used only in copies across accounts, and not with OptionGroupName.",
        ));
    }
    let option_group = target_options(call, &source, option_group, copy_option_group)?;
    let key = target_key(call, &source, key_name.as_deref()).await?;
    let (arn, job) = begin(call, begun(call, &source, identifier, key, all_tags, option_group))?;
    let (emulator, end_status, target) = (Arc::clone(&call.emulator), call.end_status(), arn.clone());
    tokio::spawn(async move {
        // The copies of one instance's snapshots into one Region are made one after the other (guide, copying).
        let queue = emulator.copy_queue(&target.scope, &source.origin.resource_id);
        let _turn = queue.lock().await;
        let made = make(&emulator, &source_arn, &target, job).await;
        finish(&emulator, &target, job, made, &end_status);
    });
    Ok(call.snapshot_answer(&arn))
}

/// The option group of the copy, which must have those options that cannot be taken away.
fn target_options(
    call: &Call,
    source: &Snapshot,
    chosen: Option<String>,
    copies: bool,
) -> Result<String, Refusal> {
    let mut world = locked(&call.emulator.world);
    let origin = world.region(&source.scope);
    let (own, permanent) = (
        origin.option_groups.get(&source.option_group).cloned(),
        origin.permanent_options(&source.option_group),
    );
    let region = world.region(&call.scope);
    let group = match chosen {
        Some(given) => given.to_ascii_lowercase(),
        None if source.scope == call.scope => return Ok(source.option_group.clone()),
        None if copies => {
            // It comes along, bound to no VPC of this account yet.
            if let Some(own) = own {
                let copied = OptionGroup { vpc: None, tags: Tags::new(), ..own };
                region.option_groups.entry(copied.name.clone()).or_insert(copied);
            }
            return Ok(source.option_group.clone());
        }
        None => source.origin.release.default_options(),
    };
    region.check_option_group(&group, &source.origin.release, None)?;
    let has = region.permanent_options(&group);
    if !permanent.iter().all(|option| has.contains(option)) {
        // Recorded.
        return Err(Refusal::invalid_value(format!(
            "The snapshot requires a target option group with the following options: [{}]",
            permanent.join(", ")
        )));
    }
    Ok(group)
}

/// A copy at the moment at which it is asked for.
fn begun(
    call: &Call,
    source: &Snapshot,
    identifier: String,
    key: Option<StorageKey>,
    tags: Tags,
    option_group: String,
) -> Snapshot {
    let mut origin = source.origin.clone();
    if source.scope.account != call.scope.account {
        // The tags of the instance are its account's own.
        origin.tags = Tags::new();
    }
    let is_near = source.scope.region == call.scope.region;
    Snapshot {
        scope: call.scope.clone(),
        identifier,
        status: if is_near { "creating" } else { "pending" }.to_owned(),
        job: None,
        progress: None,
        created: clock::now(),
        keys: source.keys_of_copy(key.as_ref().map(|key| key.arn.as_str())),
        key,
        tags,
        shared_with: BTreeMap::new(),
        option_group,
        source: Some(source.arn()),
        is_automated: false,
        copied: None,
        origin,
        full_bytes: None,
        archive: None,
    }
}

/// Keeps a copy that begins, unless there are too many.
fn begin(call: &Call, mut copy: Snapshot) -> Result<(Arn, Job), Refusal> {
    let limit = call.emulator.quotas().copies;
    let mut world = locked(&call.emulator.world);
    copy.job = world.new_job();
    let (arn, job) = (copy.arn(), copy.job);
    let region = world.region(&call.scope);
    if !region.snapshots.contains_key(&copy.identifier) && region.running_copies() >= limit {
        let message = format!("You have reached the limit of {limit} snapshot copies at a time.");
        return Err(Refusal::snapshot_quota(message));
    }
    add_snapshot(call, region, copy)?;
    Ok((arn, job))
}

/// The tags of a snapshot of the caller's own; those of another account's stay at home.
fn own_tags(call: &Call, source: &str) -> Tags {
    let arn = Arn::parse(source).filter(|arn| arn.scope.account == call.scope.account);
    let mut world = locked(&call.emulator.world);
    arn.and_then(|arn| world.snapshot(&arn).map(|snapshot| snapshot.tags.clone())).unwrap_or_default()
}

/// The source, if the caller may see it, and if it can be copied now.
fn available_source(call: &Call, arn: &Arn) -> Option<Result<Snapshot, Refusal>> {
    let mut world = locked(&call.emulator.world);
    let source = world.snapshot(arn).filter(|snapshot| call.sees(snapshot))?;
    if source.status != "available" {
        let message = format!("Cannot copy the snapshot {arn}: it is not in the available state.");
        return Some(Err(Refusal::snapshot_state(message)));
    }
    Some(Ok(source.clone()))
}

/// The key of the copy, after the caller was found to have the rights on it and on that of the source.
async fn target_key(
    call: &Call,
    source: &Snapshot,
    name: Option<&str>,
) -> Result<Option<StorageKey>, Refusal> {
    let Some(source_key) = &source.key else {
        return match name {
            Some(name) => call.storage_key(name, COPY_TO, "target snapshot").await.map(Some),
            None => Ok(None),
        };
    };
    // The default of a copy is the key of its source, which another account or Region cannot use for that (model).
    let name = match name {
        Some(name) => name,
        None if source.scope == call.scope => &source_key.arn,
        None => {
            let message = "Must specify new KMS key: KmsKeyId is required when you copy an encrypted snapshot from another \
                           account or Region.";
            // The code is known for copies across Regions.
            return Err(if source.scope.region == call.scope.region {
                Refusal::invalid_combination(message)
            } else {
                Refusal::invalid_value(message)
            });
        }
    };
    let found = call.find_key(&source_key.arn, "source snapshot").await?;
    let crosses = source.scope.region != call.scope.region;
    let switches = call.emulator.switches();
    if crosses && source.scope.account != call.scope.account && !switches.shared_crosses_regions {
        return Err(Refusal::invalid_combination(
            "You can copy a shared DB snapshot across Regions only if it is not encrypted.",
        ));
    }
    let via = match switches.via_region {
        _ if !crosses => vec![&call.scope.region],
        // An account copies what is under its default key into other Regions, and the policy of that key names its own only.
        _ if found.is_default => vec![&source.scope.region],
        ViaRegion::Source => vec![&source.scope.region],
        ViaRegion::Destination => vec![&call.scope.region],
        ViaRegion::Both => vec![&source.scope.region, &call.scope.region],
    };
    for region in via {
        call.allow_key_via(region, &source_key.arn, COPY_FROM, "source snapshot").await?;
    }
    call.storage_key(name, COPY_TO, "target snapshot").await.map(Some)
}

/// Moves the bytes, and lets the time pass that this takes.
async fn make(emulator: &Arc<Emulator>, source: &Arn, target: &Arn, job: Job) -> io::Result<Archive> {
    let rule = emulator.switches().incremental_rule;
    let (archive, key, resource_id, kind, reason, held) = {
        let mut world = locked(&emulator.world);
        let source = world.snapshot(source).cloned().ok_or_else(|| io::Error::other("the source is gone"))?;
        let archive = source.archive.clone().ok_or_else(|| io::Error::other("the source has no data"))?;
        let copy =
            world.snapshot_in(target, job).ok_or_else(|| io::Error::other("the copy was cancelled"))?;
        let key = copy.key.as_ref().map(|key| key.arn.clone());
        let (kind, reason, held) = world.region(&target.scope).copy_kind(rule, &source, key.as_deref());
        (archive, key, source.origin.resource_id, kind, reason, held)
    };
    let bytes = match (&held, kind) {
        (Some(held), CopyKind::Incremental) => archive.bytes_missing_from(held),
        _ => archive.content_bytes,
    };
    let timing = emulator.timing();
    let progress = Progress { started: clock::now(), duration: timing.duration(timing.copy_seconds, bytes) };
    if let Some(copy) = locked(&emulator.world).snapshot_in(target, job) {
        copy.progress = Some(progress);
        // Recorded answers: a copy from another Region is pending first; one inside a Region is creating all the time.
        if copy.status == "pending" {
            copy.status = "copying".to_owned();
        }
        copy.copied = Some(Copied { kind, reason, bytes });
    }
    let regions = (source.scope.region.clone(), target.scope.region.clone());
    *locked(&emulator.world).moved.entry(regions).or_default() += bytes;

    let source_seal = seal_of(emulator, &archive).await?;
    let held = match held {
        Some(held) => Some((seal_of(emulator, &held).await?, held)),
        None => None,
    };
    let (seal, data_key) = match key {
        Some(key) => {
            let (plain, sealed) = emulator.keys.generate(&key, &resource_id).await.map_err(key_error)?;
            (Seal::new(Some(&plain)), Some(sealed))
        }
        None => (Seal::new(None), None),
    };
    let path = emulator.archive_path()?;
    let copied = tokio::task::spawn_blocking(move || {
        let held = held.as_ref().map(|(seal, archive)| (&**archive, seal));
        archive.copy(&source_seal, held, &path, &seal, data_key)
    })
    .await??;
    clock::sleep_until(progress.end()).await;
    Ok(copied)
}

/// The seal of a stored archive, which its KMS key must still open.
pub async fn seal_of(emulator: &Emulator, archive: &Archive) -> io::Result<Seal> {
    match &archive.data_key {
        Some(sealed) => Ok(Seal::new(Some(&emulator.keys.open(sealed).await.map_err(key_error)?))),
        None => Ok(Seal::new(None)),
    }
}

fn finish(emulator: &Emulator, target: &Arn, job: Job, made: io::Result<Archive>, end_status: &str) {
    let mut world = locked(&emulator.world);
    let Some(copy) = world.snapshot_in(target, job) else {
        // Its source or it itself was deleted meanwhile; what was made goes with `made`.
        return;
    };
    copy.progress = None;
    copy.job = None;
    match made {
        Ok(archive) => {
            copy.full_bytes = Some(archive.content_bytes);
            copy.archive = Some(Arc::new(archive));
            copy.status = end_status.to_owned();
            let (resource_id, keys) = (copy.origin.resource_id.clone(), copy.keys.clone());
            if end_status == "available" {
                world.region(&target.scope).copy_completed(&resource_id, &keys, &target.name);
            }
        }
        Err(error) => {
            tracing::error!(arn = %target, %error, "a copy has failed");
            copy.status = "failed".to_owned();
        }
    }
}
