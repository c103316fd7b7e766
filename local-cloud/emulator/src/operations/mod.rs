//! The operations. Each reads its parameters, asks whether its caller may, checks the rules and changes the world in
//! one step, and leaves what takes time to a job in the background.

mod account;
mod automated;
mod catalog;
mod copying;
mod creating;
mod deleting;
mod describing;
mod modifying;
mod operation;
mod option_groups;
mod parameter_groups;
mod placing;
mod replicas;
mod restoring;
mod running;
mod sharing;
mod snapshotting;
mod subnet_groups;
mod tagging;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use crate::answers::{self, View};
use crate::arn::{Arn, Scope};
use crate::clock;
use crate::cloud::{Check, Received};
use crate::emulator::{Emulator, locked};
use crate::engines::Release;
use crate::faults::Veil;
use crate::kms::{Key, Unusable};
use crate::model::{Instance, Snapshot, StorageKey};
use crate::network::network_types;
use crate::query::Tags;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::xml::Xml;
pub use operation::Operation;
use operation::Operation::{AddTagsToResource, CreateDBSnapshot};

/// A request of a known caller.
pub struct Call {
    pub emulator: Arc<Emulator>,
    pub request: Received,
    /// The caller's account, and the Region that was asked.
    pub scope: Scope,
    /// The status in which a fault on order lets the work of this call end, in place of the good one.
    pub end_status: Option<String>,
    /// What faults on order hide from this call.
    pub veil: Veil,
    /// Whether the local cloud has been asked about this request, and so has verified its signature.
    pub is_verified: AtomicBool,
}

/// What a caller needs on a key to have new storage encrypted under it (guide, encryption; KMS, grants for services).
const ENCRYPT: &[&str] = &["kms:DescribeKey", "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"];
/// What a caller needs on the key of a snapshot to have it copied (guide, sharing).
const COPY_FROM: &[&str] = &["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:ReEncryptFrom"];
/// What a caller needs on the key of a copy.
const COPY_TO: &[&str] =
    &["kms:DescribeKey", "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptTo"];
/// The service that sends what enhanced monitoring measures.
const MONITORING: &str = "monitoring.rds.amazonaws.com";
/// What a caller needs on the key of a snapshot to have an instance made of it.
const RESTORE: &[&str] = &["kms:DescribeKey", "kms:CreateGrant"];

impl Call {
    /// Refuses the call unless its caller may do every one of `checks`.
    async fn allow(&self, checks: &[Check]) -> Result<(), Refusal> {
        self.is_verified.store(true, Ordering::Relaxed);
        self.emulator.cloud.authorise(&self.request, checks).await.map(|_| ())
    }

    /// The question whether the caller may `operation` on the resource `arn`, with tags that are given along.
    fn check(&self, operation: Operation, arn: &str, request_tags: &Tags) -> Check {
        // The tags of another account's resources are not to be seen, so no policy decides by them.
        let own = Arn::parse(arn).filter(|arn| arn.scope.account == self.scope.account);
        let resource_tags =
            own.and_then(|arn| locked(&self.emulator.world).tags(&arn).cloned()).unwrap_or_default();
        Check {
            action: format!("rds:{}", operation.name()),
            resource: arn.to_owned(),
            resource_tags,
            request_tags: request_tags.clone(),
            keys: BTreeMap::new(),
        }
    }

    /// The questions about a resource that `operation` makes: giving it tags is a right of its own.
    fn creation_checks(&self, operation: Operation, arn: &str, tags: &Tags) -> Vec<Check> {
        let mut checks = vec![self.check(operation, arn, tags)];
        if !tags.is_empty() {
            checks.push(self.tag_check(arn, tags, true));
        }
        checks
    }

    /// The question whether the caller may give a resource these tags. A policy may tell tags that the request names from
    /// those that a new resource takes over from another (service authorisation reference, rds:TagsFromRequest).
    fn tag_check(&self, arn: &str, tags: &Tags, from_request: bool) -> Check {
        let mut check = self.check(AddTagsToResource, arn, tags);
        check.keys.insert("rds:TagsFromRequest", from_request.to_string());
        check
    }

    /// The questions about a snapshot that a request makes of an instance. RDS asks about both, and when it is to take
    /// over the tags of the instance, about these too (service authorisation reference, CreateDBSnapshot).
    fn snapshot_checks(&self, instance_arn: &str, snapshot_arn: &str, tags: &Tags) -> Vec<Check> {
        let mut checks = vec![self.check(CreateDBSnapshot, instance_arn, tags)];
        checks.extend(self.creation_checks(CreateDBSnapshot, snapshot_arn, tags));
        let inherited = Arn::parse(instance_arn).and_then(|arn| {
            let mut world = locked(&self.emulator.world);
            let instance = world.instance(&arn).filter(|_| arn.scope == self.scope)?;
            let copies = tags.is_empty() && instance.settings.flag("CopyTagsToSnapshot") == Some(true);
            copies.then(|| instance.tags.clone())
        });
        checks.extend(inherited.map(|inherited| self.tag_check(snapshot_arn, &inherited, false)));
        checks
    }

    /// The questions about the groups that an instance is to be in, and about the roles that it is given: those are passed
    /// to the service (service authorisation reference, dependent actions).
    fn group_checks(&self, operation: Operation, settings: &Settings, tags: &Tags) -> Vec<Check> {
        let groups =
            [("subgrp", "DBSubnetGroupName"), ("pg", "DBParameterGroupName"), ("og", "OptionGroupName")];
        let mut checks: Vec<Check> = groups
            .iter()
            .filter_map(|(kind, parameter)| Some((kind, settings.text(parameter)?)))
            .map(|(kind, name)| self.check(operation, &self.scope.resolve(kind, name), tags))
            .collect();
        checks.extend(self.roles(settings).into_iter().map(|(role, service)| Check {
            action: "iam:PassRole".to_owned(),
            resource: role,
            resource_tags: Tags::new(),
            request_tags: Tags::new(),
            keys: BTreeMap::from([("iam:PassedToService", service.to_owned())]),
        }));
        checks
    }

    /// Finds a key that can encrypt storage here. `which` says in the refusal whose key it is.
    async fn find_key(&self, name: &str, which: &str) -> Result<Key, Refusal> {
        let refuse = |Unusable(reason)| {
            tracing::info!(key = name, reason, "a key cannot be used");
            Refusal::key_not_accessible(which, name)
        };
        let key = self.emulator.keys.find(&self.scope, name).await.map_err(refuse)?;
        Ok(key)
    }

    /// Refuses the call unless its caller may do `actions` with a key.
    async fn allow_key(&self, key_arn: &str, actions: &[&str], which: &str) -> Result<(), Refusal> {
        self.allow_key_via(&self.scope.region, key_arn, actions, which).await
    }

    /// The same through the RDS of a Region.
    async fn allow_key_via(
        &self,
        region: &str,
        key_arn: &str,
        actions: &[&str],
        which: &str,
    ) -> Result<(), Refusal> {
        let check = |action: &&str| Check {
            action: (*action).to_owned(),
            resource: key_arn.to_owned(),
            resource_tags: Tags::new(),
            request_tags: Tags::new(),
            keys: BTreeMap::from([("kms:ViaService", format!("rds.{region}.amazonaws.com"))]),
        };
        let checks: Vec<Check> = actions.iter().map(check).collect();
        self.allow(&checks).await.map_err(|refusal| match refusal.code.as_str() {
            "AccessDenied" => {
                tracing::info!(key = key_arn, reason = refusal.message, "a key may not be used");
                Refusal::key_not_accessible(which, key_arn)
            }
            _ => refusal,
        })
    }

    /// The key under which new storage of this Region is to be encrypted, after the caller was found to have the right.
    async fn storage_key(&self, name: &str, actions: &[&str], which: &str) -> Result<StorageKey, Refusal> {
        let key = self.find_key(name, which).await?;
        if key.scope.region != self.scope.region {
            return Err(Refusal::key_not_accessible(which, name));
        }
        self.allow_key(&key.arn, actions, which).await?;
        Ok(StorageKey { arn: key.arn, is_default: key.is_default })
    }

    /// What an instance has when nothing is chosen for it.
    fn default_settings(&self, release: &Release) -> Settings {
        Settings::defaults(release, &self.scope.region)
    }

    /// Settings with the windows that RDS picks where none was chosen.
    fn with_windows(&self, settings: Settings) -> Settings {
        let switches = self.emulator.switches();
        settings.with_windows(switches.fixed_backup_window(), crate::postgres::random_below)
    }

    /// The ARN of a resource of the caller's own, named by its identifier or ARN.
    fn own(&self, kind: &str, name: &str) -> Option<Arn> {
        Arn::parse(&self.scope.resolve(kind, name))
            .filter(|arn| arn.scope == self.scope && arn.kind == kind && !self.is_too_new(arn))
    }

    /// Whether something of the caller's own was made so short a time ago that this call does not see it yet.
    fn is_too_new(&self, arn: &Arn) -> bool {
        let mut world = locked(&self.emulator.world);
        let made = world.instance(arn).map(|instance| instance.created);
        made.or_else(|| world.snapshot(arn).map(|snapshot| snapshot.created))
            .is_some_and(|made| !self.knows_since(made))
    }

    /// Whether this call sees what has been so since `since`.
    fn knows_since(&self, since: OffsetDateTime) -> bool {
        since + seconds(self.veil.late) <= clock::now()
    }

    /// Whether this call sees a snapshot, be it the caller's own, a shared or a public one.
    fn sees(&self, snapshot: &Snapshot) -> bool {
        let account = &self.scope.account;
        let since = match snapshot.shared_with.get(account).or_else(|| snapshot.shared_with.get("all")) {
            _ if snapshot.scope.account == *account => Some(&snapshot.created),
            shared => shared,
        };
        since.is_some_and(|since| self.knows_since(*since))
    }

    /// As of when a Describe answers.
    fn moment(&self) -> OffsetDateTime {
        clock::now() - seconds(self.veil.stale)
    }

    /// How the caller sees what an answer tells.
    fn view(&self, with_tags: bool) -> View<'_> {
        View {
            viewer: &self.scope.account,
            moment: self.moment(),
            with_tags: with_tags && !self.veil.hides_tags,
            with_database_time: self.emulator.switches().snapshot_database_time,
            network_types: network_types(&self.emulator.switches()),
        }
    }

    /// The status in which the work of this call ends when nothing goes wrong.
    fn end_status(&self) -> String {
        self.end_status.clone().unwrap_or_else(|| "available".to_owned())
    }

    /// The `DBInstance` of an answer to a call that changes something.
    fn instance_answer(&self, arn: &Arn) -> Xml {
        let mut xml = Xml::default();
        let mut world = locked(&self.emulator.world);
        let region = &*world.region(&self.scope);
        if let Some(instance) = region.instances.get(&arn.name) {
            xml.within("DBInstance", |xml| answers::instance(xml, instance, Some(region), &self.view(false)));
        }
        xml
    }

    /// The `DBSnapshot` of an answer to a call that changes something.
    fn snapshot_answer(&self, arn: &Arn) -> Xml {
        let mut xml = Xml::default();
        if let Some(snapshot) = locked(&self.emulator.world).snapshot(arn) {
            xml.within("DBSnapshot", |xml| answers::snapshot(xml, snapshot, &self.view(false)));
        }
        xml
    }
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

/// An identifier that no other instance ever had, in the form of RDS.
fn new_resource_id() -> Result<String, Refusal> {
    let digits = crate::postgres::random_hex(13).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        Refusal::internal()
    })?;
    Ok(format!("db-{}", digits.to_ascii_uppercase()))
}

/// Keeps a new instance, unless the rules of its Region forbid it.
fn add_instance(call: &Call, instance: Instance) -> Result<(), Refusal> {
    let quotas = call.emulator.quotas();
    let mut world = locked(&call.emulator.world);
    let region = world.region(&call.scope);
    if region.instances.contains_key(&instance.identifier) {
        return Err(Refusal::instance_exists());
    }
    if region.instances.len() >= quotas.instances {
        return Err(Refusal::instance_quota(quotas.instances));
    }
    let wanted = instance.settings.number("AllocatedStorage").unwrap_or_default();
    if region.storage_gib() + wanted > quotas.allocated_storage {
        return Err(Refusal::storage_quota(quotas.allocated_storage));
    }
    region.bind_option_group(instance.settings.text("OptionGroupName").unwrap_or_default(), &instance.vpc);
    region.instances.insert(instance.identifier.clone(), instance);
    Ok(())
}

/// Keeps a new snapshot, unless the rules of its Region forbid it.
fn add_snapshot(call: &Call, region: &mut crate::model::Region, snapshot: Snapshot) -> Result<(), Refusal> {
    let limit = call.emulator.quotas().manual_snapshots;
    if region.snapshots.contains_key(&snapshot.identifier) {
        return Err(Refusal::snapshot_exists(&snapshot.identifier));
    }
    if region.manual_snapshots() >= limit {
        let message = format!("Manual snapshot quota exceeded: {limit} snapshots are allowed.");
        return Err(Refusal::snapshot_quota(message));
    }
    region.snapshots.insert(snapshot.identifier.clone(), snapshot);
    Ok(())
}
