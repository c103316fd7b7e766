//! What exists: the instances, snapshots and subnet groups of every account and Region.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::archive::Archive;
use crate::arn::{Arn, Scope};
use crate::engines::Release;
use crate::groups::{Applied, OptionGroup, ParameterGroup};
use crate::postgres::Server;
use crate::query::Tags;
use crate::rules::{self, CopyHistory, CopyKind, IncrementalRule};
use crate::settings::Settings;
use crate::timing::Progress;

/// Everything that exists.
#[derive(Default)]
pub struct World {
    regions: BTreeMap<Scope, Region>,
    /// The servers that run, by the resource ID of their instance.
    pub servers: BTreeMap<String, Server>,
    /// How many bytes copies have moved, by the Regions of source and target.
    pub moved: BTreeMap<(String, String), u64>,
    last_job: u64,
}

/// One Region of one account. Resources are kept by identifier.
#[derive(Default)]
pub struct Region {
    pub instances: BTreeMap<String, Instance>,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub subnet_groups: BTreeMap<String, SubnetGroup>,
    pub parameter_groups: BTreeMap<String, ParameterGroup>,
    pub option_groups: BTreeMap<String, OptionGroup>,
    /// The newest completed copy of each instance (by its resource ID) that was made into this Region.
    newest_copies: BTreeMap<String, NewestCopy>,
    /// The same for each way that copies of an instance come about: by the key of every snapshot on it.
    newest_alike: BTreeMap<(String, Keys), NewestCopy>,
}

/// The keys of a snapshot and of all those that it was copied from, oldest first.
pub type Keys = Vec<Option<String>>;

/// An operation that runs in the background. What it does to its resource counts only while it is the resource's job:
/// whoever overtakes it (a deletion, an administrator) takes that away.
pub type Job = Option<u64>;

/// A database instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub scope: Scope,
    pub identifier: String,
    pub resource_id: String,
    pub status: String,
    pub job: Job,
    pub settings: Settings,
    /// What waits for the maintenance window.
    pub pending: Settings,
    /// What a running modification gives it in the end.
    pub coming: Settings,
    /// The master password that the server is about to get.
    pub pending_password: Option<String>,
    /// The name that it is to get, at the next maintenance or now.
    pub pending_name: Option<String>,
    pub coming_name: Option<String>,
    /// The instance (by its resource ID) of which it is a read replica.
    pub replica_of: Option<String>,
    /// How its storage is filled from a snapshot, which goes on when it is available.
    pub initialising: Option<Progress>,
    /// Whether it may become busy once more after it was `available`, because it was just restored.
    pub is_settling: bool,
    /// Whether AWS Backup protects it too, which then keeps its automated backups.
    pub has_aws_backup: bool,
    pub release: Release,
    /// What its server has of its parameter group.
    pub applied: Applied,
    /// The VPC that it is in.
    pub vpc: String,
    pub master_username: String,
    pub database_name: Option<String>,
    pub created: OffsetDateTime,
    pub key: Option<StorageKey>,
    pub tags: Tags,
    /// Where its server listens. Absent until it has run, and so is its endpoint.
    pub port: Option<u16>,
}

/// The KMS key under which storage is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageKey {
    pub arn: String,
    /// The default key of the account.
    pub is_default: bool,
}

/// A snapshot.
#[derive(Clone)]
pub struct Snapshot {
    pub scope: Scope,
    pub identifier: String,
    pub status: String,
    pub job: Job,
    pub progress: Option<Progress>,
    pub created: OffsetDateTime,
    pub key: Option<StorageKey>,
    pub tags: Tags,
    /// The accounts that may see and copy it, and since when; `all` is everyone.
    pub shared_with: BTreeMap<String, OffsetDateTime>,
    pub option_group: String,
    /// Where it was copied from.
    pub source: Option<Arn>,
    /// The keys under which its data has come here, its own last.
    pub keys: Keys,
    /// Whether RDS has made it by itself.
    pub is_automated: bool,
    /// What copying it cost, which RDS does not tell.
    pub copied: Option<Copied>,
    /// What it says about the instance of which it was made.
    pub origin: Origin,
    /// What it holds, in bytes. Absent until it is complete.
    pub full_bytes: Option<u64>,
    pub archive: Option<Arc<Archive>>,
}

/// The instance of a snapshot, as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    pub identifier: String,
    pub resource_id: String,
    pub created: OffsetDateTime,
    pub release: Release,
    pub applied: Applied,
    pub vpc: String,
    pub master_username: String,
    pub database_name: Option<String>,
    pub port: u16,
    pub settings: Settings,
    pub tags: Tags,
    /// When the first snapshot of this data was made; copies keep it.
    pub snapshot_created: OffsetDateTime,
    /// The point in time of the data.
    pub database_time: Option<OffsetDateTime>,
}

/// How a copy was made.
#[derive(Debug, Clone)]
pub struct Copied {
    pub kind: CopyKind,
    pub reason: &'static str,
    pub bytes: u64,
}

struct NewestCopy {
    identifier: String,
    exists: bool,
}

/// A DB subnet group.
pub struct SubnetGroup {
    pub name: String,
    pub description: String,
    pub vpc: String,
    pub subnets: Vec<Subnet>,
    pub tags: Tags,
}

/// A subnet of such a group.
pub struct Subnet {
    pub name: String,
    pub zone: String,
}

impl World {
    /// The Region of `scope`, which exists as soon as someone speaks of it.
    pub fn region(&mut self, scope: &Scope) -> &mut Region {
        self.regions.entry(scope.clone()).or_default()
    }

    /// A job that no other resource has.
    #[expect(clippy::unnecessary_wraps, reason = "as resources hold it")]
    pub fn new_job(&mut self) -> Job {
        self.last_job += 1;
        Some(self.last_job)
    }

    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.regions.values().flat_map(|region| region.instances.values())
    }

    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.regions.values().flat_map(|region| region.snapshots.values())
    }

    pub fn instance(&mut self, arn: &Arn) -> Option<&mut Instance> {
        let found = self.regions.get_mut(&arn.scope)?.instances.get_mut(&arn.name)?;
        (arn.kind == "db").then_some(found)
    }

    pub fn snapshot(&mut self, arn: &Arn) -> Option<&mut Snapshot> {
        let found = self.regions.get_mut(&arn.scope)?.snapshots.get_mut(&arn.name)?;
        (arn.kind == "snapshot").then_some(found)
    }

    /// The instance, while `job` is still what happens to it.
    pub fn instance_in(&mut self, arn: &Arn, job: Job) -> Option<&mut Instance> {
        self.instance(arn).filter(|instance| instance.job == job)
    }

    /// The snapshot, while `job` is still what happens to it.
    pub fn snapshot_in(&mut self, arn: &Arn, job: Job) -> Option<&mut Snapshot> {
        self.snapshot(arn).filter(|snapshot| snapshot.job == job)
    }

    /// The tags of the resource, by which a policy may decide; none when it does not exist.
    pub fn tags(&mut self, arn: &Arn) -> Option<&mut Tags> {
        match arn.kind.as_str() {
            "db" => self.instance(arn).map(|instance| &mut instance.tags),
            "snapshot" => self.snapshot(arn).map(|snapshot| &mut snapshot.tags),
            kind => {
                let region = self.regions.get_mut(&arn.scope)?;
                match kind {
                    "subgrp" => region.subnet_groups.get_mut(&arn.name).map(|group| &mut group.tags),
                    "pg" => region.parameter_groups.get_mut(&arn.name).map(|group| &mut group.tags),
                    "og" => region.option_groups.get_mut(&arn.name).map(|group| &mut group.tags),
                    _ => None,
                }
            }
        }
    }

    /// Ends the copies that are being made of a snapshot that goes. They have failed.
    pub fn fail_copies_of(&mut self, source: &Arn) {
        let snapshots = self.regions.values_mut().flat_map(|region| region.snapshots.values_mut());
        for copy in snapshots.filter(|copy| copy.is_running_copy() && copy.source.as_ref() == Some(source)) {
            copy.status = "failed".to_owned();
            copy.job = None;
            copy.progress = None;
        }
    }
}

impl Region {
    /// The read replicas of an instance.
    pub fn replicas<'a>(&'a self, resource_id: &'a str) -> impl Iterator<Item = &'a Instance> {
        self.instances.values().filter(move |one| one.replica_of.as_deref() == Some(resource_id))
    }

    /// Gives an instance another name, under which it keeps its resource ID, unless that was taken meanwhile.
    pub fn rename(&mut self, name: &str, new_name: String) {
        if !self.instances.contains_key(&new_name)
            && let Some(mut instance) = self.instances.remove(name)
        {
            instance.identifier.clone_from(&new_name);
            self.instances.insert(new_name, instance);
        }
    }

    /// The instance with this resource ID.
    pub fn by_resource_id(&self, resource_id: &str) -> Option<&Instance> {
        self.instances.values().find(|instance| instance.resource_id == resource_id)
    }

    /// How much storage the instances have, in GiB.
    pub fn storage_gib(&self) -> u32 {
        let size = |instance: &Instance| instance.settings.number("AllocatedStorage");
        self.instances.values().filter_map(size).sum()
    }

    /// How many manual snapshots there are, finished or not.
    pub fn manual_snapshots(&self) -> usize {
        self.snapshots.values().filter(|snapshot| !snapshot.is_automated).count()
    }

    /// How many copies are being made into this Region.
    pub fn running_copies(&self) -> usize {
        self.snapshots.values().filter(|snapshot| snapshot.is_running_copy()).count()
    }

    /// Remembers that the copy `identifier` of an instance is complete.
    pub fn copy_completed(&mut self, resource_id: &str, keys: &Keys, identifier: &str) {
        let newest = || NewestCopy { identifier: identifier.to_owned(), exists: true };
        self.newest_copies.insert(resource_id.to_owned(), newest());
        self.newest_alike.insert((resource_id.to_owned(), keys.clone()), newest());
    }

    /// Takes a snapshot away. If it was the newest copy of its instance, the next copy will be full.
    pub fn remove_snapshot(&mut self, identifier: &str) -> Option<Snapshot> {
        let removed = self.snapshots.remove(identifier)?;
        for newest in self.newest_copies.values_mut().chain(self.newest_alike.values_mut()) {
            if newest.identifier == identifier {
                newest.exists = false;
            }
        }
        Some(removed)
    }

    /// Takes the automated snapshots of an instance away.
    pub fn remove_automated(&mut self, resource_id: &str) -> Vec<Snapshot> {
        let of_it =
            |snapshot: &&Snapshot| snapshot.is_automated && snapshot.origin.resource_id == resource_id;
        let names: Vec<_> =
            self.snapshots.values().filter(of_it).map(|snapshot| snapshot.identifier.clone()).collect();
        names.iter().filter_map(|name| self.remove_snapshot(name)).collect()
    }

    /// Decides how the copy of `source` into this Region is made, and against which copy that is already here.
    pub fn copy_kind(
        &self,
        rule: IncrementalRule,
        source: &Snapshot,
        key: Option<&str>,
    ) -> (CopyKind, &'static str, Option<Arc<Archive>>) {
        let resource_id = &source.origin.resource_id;
        let newest = self.newest_copies.get(resource_id);
        let alike = self.newest_alike.get(&(resource_id.clone(), source.keys_of_copy(key)));
        let copies = self.snapshots.values().filter(|snapshot| {
            snapshot.origin.resource_id == *resource_id
                && snapshot.source.is_some()
                && snapshot.archive.is_some()
        });
        let history = CopyHistory {
            source_is_copy: source.source.is_some(),
            source_is_encrypted: source.key.is_some(),
            newest_exists: newest.map(|copy| copy.exists),
            newest_alike_exists: alike.map(|copy| copy.exists),
            keys: copies.map(|copy| copy.key.as_ref().map(|key| key.arn.as_str())).collect(),
            key,
        };
        let (kind, reason) = rules::copy_kind(rule, &history);
        let against = match rule {
            IncrementalRule::Newer => alike,
            IncrementalRule::Older => newest,
        };
        let held = against
            .filter(|_| kind == CopyKind::Incremental)
            .and_then(|newest| self.snapshots.get(&newest.identifier)?.archive.clone());
        (kind, reason, held)
    }
}

impl Instance {
    pub fn arn(&self) -> Arn {
        Arn { scope: self.scope.clone(), kind: "db".to_owned(), name: self.identifier.clone() }
    }

    /// What it ends in when its server does not start: RDS blames its parameters, if it has any of its own.
    pub fn failure(&self) -> &'static str {
        if self.applied.values.is_empty() { "failed" } else { "incompatible-parameters" }
    }

    /// What a snapshot made now says about this instance.
    pub fn as_origin(&self, now: OffsetDateTime) -> Origin {
        Origin {
            identifier: self.identifier.clone(),
            resource_id: self.resource_id.clone(),
            created: self.created,
            release: self.release.clone(),
            applied: self.applied.clone(),
            vpc: self.vpc.clone(),
            master_username: self.master_username.clone(),
            database_name: self.database_name.clone(),
            port: self.port.unwrap_or_default(),
            settings: self.settings.clone(),
            tags: self.tags.clone(),
            snapshot_created: now,
            database_time: None,
        }
    }
}

impl Snapshot {
    pub fn arn(&self) -> Arn {
        Arn { scope: self.scope.clone(), kind: "snapshot".to_owned(), name: self.identifier.clone() }
    }

    /// The keys of a copy of it under `key`.
    pub fn keys_of_copy(&self, key: Option<&str>) -> Keys {
        let own = std::iter::once(key.map(str::to_owned));
        self.keys.iter().cloned().chain(own).collect()
    }

    /// Whether it is a copy that is not complete yet.
    pub fn is_running_copy(&self) -> bool {
        self.source.is_some() && self.job.is_some()
    }

    /// Whether a client sees no difference between the two. Both are the same snapshot, at two moments.
    pub fn is_like(&self, other: &Self) -> bool {
        let started = |one: &Self| one.progress.map(|progress| progress.started);
        self.created == other.created
            && self.status == other.status
            && self.tags == other.tags
            && self.shared_with == other.shared_with
            && self.origin.release == other.origin.release
            && self.full_bytes == other.full_bytes
            && started(self) == started(other)
    }

    /// What a client sees of it, which keeps no file on the disk.
    pub fn without_data(&self) -> Self {
        Self { archive: None, ..self.clone() }
    }

    /// Whether another account was given the right to see and copy it.
    pub fn is_shared_with(&self, account: &str) -> bool {
        self.scope.account != account && self.shared_with.contains_key(account)
    }

    pub fn is_public(&self) -> bool {
        self.shared_with.contains_key("all")
    }

    /// Whether the account may name it at all.
    pub fn is_visible_to(&self, account: &str) -> bool {
        self.scope.account == account || self.is_shared_with(account) || self.is_public()
    }
}
