//! What the instances and snapshots of one stack and database are: live, older, held back, left over.

use std::collections::{BTreeMap, BTreeSet};

use replication::lineage::{self, Tags};
use replication::naming::{self, InstanceIdentifier, Version as Number};
use replication::observed;
use replication::progress::{Progress, Restored};
use replication::rollback::{RequestedVersion, VersionLocation, find};
use replication::secret::Pointer;
use replication::versions::{Scope, World};
use time::OffsetDateTime;

use super::document::{Compared, Kind, NotManaged, Restorable, Snapshot as SnapshotRow, Standing, Version};
use super::origins::Origins;
use crate::execution::Execution;
use crate::screen::timestamp;
use crate::status::facts::{Instance, Named, Order, Run, Snapshot, Stack, includes, seconds_between};

/// What is known of the things of a stack; what could not be read is `None`.
#[derive(Clone, Copy)]
pub struct Held<'f> {
    pub now: OffsetDateTime,
    pub account: &'f str,
    pub stack: &'f Stack,
    pub secret: Option<&'f Named>,
    pub instances: Option<&'f [Instance]>,
    pub snapshots: Option<&'f [Snapshot]>,
    pub source_snapshots: Option<&'f [Snapshot]>,
    pub runs: &'f [Run],
    pub rollbacks: &'f [Execution],
}

/// The instances that a destination stack holds of one database, and the snapshots that they came from and can be restored
/// from. What is reported of a list that could not be read is `None` too.
pub struct Versions<'f> {
    held: Held<'f>,
    database: String,
    instances: Option<Vec<&'f Instance>>,
    snapshots: Option<Vec<&'f Snapshot>>,
    live: Option<&'f Instance>,
    left: BTreeMap<String, String>,
}

/// The databases of which the stack still holds versions although it serves another one by now.
pub fn unserved_databases(held: &Held<'_>) -> BTreeSet<String> {
    let stack = held.stack;
    if stack.database().is_empty() {
        return BTreeSet::new();
    }
    let of_instances =
        held.instances.unwrap_or_default().iter().filter(|one| one.is_of(&stack.name)).map(Instance::tags);
    let of_snapshots =
        held.snapshots.unwrap_or_default().iter().filter(|one| one.is_of(&stack.name)).map(Snapshot::tags);
    let names = of_instances.chain(of_snapshots).filter_map(|tags| tags.get(lineage::SOURCE_DATABASE));
    // Of several databases each is reported by itself.
    let is_unserved =
        |name: &&str| !name.is_empty() && **name != stack.database() && !includes(&stack.pattern, name);
    names.filter(is_unserved).map(str::to_owned).collect()
}

/// What is named like a version of the stack and is not: no function ever touches it.
pub fn not_managed(stack: &Stack, instances: &[Instance]) -> Vec<NotManaged> {
    let named_like =
        instances.iter().filter(|one| naming::version_of(stack.prefix(), one.identifier()).is_some());
    // What another stack has made is reported there.
    let found =
        named_like.filter(|one| !one.tags().get(lineage::STACK).is_some_and(|stack| one.is_of(stack)));
    found
        .map(|one| NotManaged {
            instance: one.identifier().to_owned(),
            rds_status: one.seen.status.to_string(),
            reason: why_not_managed(one, stack),
        })
        .collect()
}

fn why_not_managed(instance: &Instance, stack: &Stack) -> String {
    match instance.tags().get(lineage::STACK) {
        None => "it has no tags of this stack".to_owned(),
        Some(other) if other != stack.name => {
            format!("its tags name the stack {other}, and it was not made under this name")
        }
        Some(_) if instance.has_broken_seal() => {
            "its tags are those of an earlier instance of this name".to_owned()
        }
        Some(_) => "its tags are those of another instance".to_owned(),
    }
}

impl<'f> Versions<'f> {
    /// Those of this database.
    pub fn new(held: Held<'f>, database: &str) -> Self {
        let is_served = database == held.stack.database();
        let is_of_database = |tags: &Tags| {
            let said = tags.get(lineage::SOURCE_DATABASE).unwrap_or_default();
            said == database || (is_served && (said.is_empty() || database.is_empty()))
        };
        let instances: Option<Vec<&Instance>> = held.instances.map(|all| {
            all.iter().filter(|one| one.is_of(&held.stack.name) && is_of_database(one.tags())).collect()
        });
        let names: BTreeSet<&str> = instances.iter().flatten().map(|one| one.identifier()).collect();
        // Ours by tag, or of an instance of ours: a final snapshot need not carry our tags.
        let belongs = |one: &&Snapshot| {
            if one.tags().get(lineage::STACK).is_some() {
                return one.tags().tagged_with_stack(&held.stack.name) && is_of_database(one.tags());
            }
            let of = one.seen.source_database.as_str();
            let is_of_version = naming::version_of(held.stack.prefix(), of).is_some();
            (is_served && one.is_final() && is_of_version) || names.contains(of)
        };
        let snapshots = held.snapshots.map(|all| all.iter().filter(belongs).collect());
        let live_host = held.secret.map(|named| named.pointer.host.as_str()).filter(|host| !host.is_empty());
        let is_live = |one: &&&Instance| live_host.is_some() && one.seen.host.as_deref() == live_host;
        let live = instances.iter().flatten().find(is_live).copied();
        let pruned = held.runs.iter().map(|run| &run.execution).filter(|execution| execution.has_pruned());
        // Of several that began at once the first.
        let newest = pruned.rev().max_by_key(|execution| execution.started);
        let left = newest.map(Execution::left).unwrap_or_default();
        Self { held, database: database.to_owned(), instances, snapshots, live, left }
    }

    /// What the newest prune wanted to delete and could not: its reasons by identifier.
    pub fn left(&self) -> &BTreeMap<String, String> {
        &self.left
    }

    /// Every instance, the one with the newest data first.
    pub fn rows(&self) -> Option<Vec<Version>> {
        let mut ordered = self.instances.clone()?;
        ordered.sort_by_key(|one| std::cmp::Reverse((one.order(), one.identifier())));
        Some(ordered.into_iter().map(|one| self.row(one)).collect())
    }

    /// The versions that only a snapshot of the destination account holds, newest first.
    pub fn restorable(&self) -> Option<Vec<Restorable>> {
        let (instances, snapshots) = (self.instances.as_ref()?, self.snapshots.as_ref()?);
        let present: BTreeSet<_> =
            instances.iter().filter(|one| !is_gone(one)).filter_map(|one| one.tags().version()).collect();
        let is_kept = |one: &&&Snapshot| {
            one.tags().version().is_some_and(|version| version > 0 && !present.contains(&version))
                && is_ready(one)
                && self.kind_in_destination(one) == Kind::Copy
        };
        let mut kept: Vec<&Snapshot> = snapshots.iter().filter(is_kept).copied().collect();
        kept.sort_by(|one, other| other.order().cmp(&one.order()));
        Some(kept.into_iter().filter_map(|one| self.restorable_row(one, instances)).collect())
    }

    fn restorable_row(&self, one: &Snapshot, instances: &[&Instance]) -> Option<Restorable> {
        let version = one.tags().version()?;
        let made_of_it = instances.iter().filter(|each| each.tags().restored_version() == Some(version));
        let restored_as: BTreeSet<_> = made_of_it.filter_map(|each| each.tags().version()).collect();
        Some(Restorable {
            version,
            snapshot: one.identifier().to_owned(),
            data_time: one.data_time().map(timestamp),
            data_age_seconds: one.data_time().map(|at| seconds_between(at, self.held.now)),
            replication_id: own(one.tags(), lineage::REPLICATION_ID),
            size_gib: one.seen.allocated_storage,
            restored_as: restored_as.into_iter().collect(),
            compared_with_live: self.compared(one.order()),
        })
    }

    /// The version that a rollback to the previous one goes to, as the machine finds it, or the next one if that cannot be used
    /// as it is.
    pub fn previous(&self) -> Option<Number> {
        let Pointer { host, prefix } = &self.held.secret?.pointer;
        let named = [self.held.stack.prefix(), prefix].into_iter().find(|prefix| !prefix.is_empty())?;
        let own: InstanceIdentifier = named.parse().ok()?;
        let database: InstanceIdentifier = self.database.parse().ok()?;
        let seen: Vec<&observed::Instance> = self.held.instances?.iter().map(|one| &one.seen).collect();
        let is_usable = |one: &observed::Instance| one.status.restored() == Restored::Usable;
        let unusable: BTreeSet<Number> = self
            .instances
            .iter()
            .flatten()
            .filter(|one| !is_usable(&one.seen) && !is_gone(one))
            .filter_map(|one| one.tags().version())
            .collect();
        let instances: Vec<observed::Instance> =
            seen.into_iter().filter(|one| is_usable(one)).cloned().collect();
        let snapshots = self.held.snapshots.unwrap_or_default().iter().map(|one| one.seen.clone());
        // A version is restored only if its instance is as good as gone.
        let is_free = |one: &observed::Snapshot| one.tags.version().is_none_or(|n| !unusable.contains(&n));
        let snapshots: Vec<observed::Snapshot> = snapshots.filter(is_free).collect();
        let scope = Scope { stack: &self.held.stack.name, prefix: &own, database: &database };
        let world =
            World { instances: &instances, snapshots: &snapshots, live_host: host, live_prefix: prefix };
        match find(RequestedVersion::Previous, false, &scope, &world).ok()? {
            VersionLocation::Instance(instance) => instance.tags.version(),
            VersionLocation::Snapshot(_, version) => Some(version),
        }
    }

    /// The snapshots of the source account, newest first.
    pub fn source_snapshots(&self) -> Option<Vec<SnapshotRow>> {
        let kind = |one: &Snapshot| match one.is_of_replication() {
            false => Kind::Other,
            true if one.tags().get(lineage::SOURCE_SNAPSHOT).is_some() => Kind::EncryptedCopy,
            true => Kind::OfDatabase,
        };
        Some(self.snapshot_rows(self.held.source_snapshots?.iter(), kind))
    }

    /// The snapshots of the destination account, newest first.
    pub fn destination_snapshots(&self) -> Option<Vec<SnapshotRow>> {
        Some(
            self.snapshot_rows(self.snapshots.as_ref()?.iter().copied(), |one| self.kind_in_destination(one)),
        )
    }

    fn row(&self, instance: &Instance) -> Version {
        let (standing, words) = self.standing(instance);
        let origins = Origins::of(&self.held, self.snapshots.as_deref(), instance);
        let (data_time, data_time_from) = origins.data_time().unzip();
        let (tags, seen, now) = (instance.tags(), &instance.seen, self.held.now);
        let is_ready = seen.status.restored() == Restored::Usable;
        Version {
            version: tags.version(),
            instance: instance.identifier().to_owned(),
            rds_status: seen.status.to_string(),
            resource_id: seen.resource_id.clone(),
            standing,
            words,
            can_roll_back: !matches!(standing, Standing::Live | Standing::NotServed)
                && tags.version().is_some()
                && is_ready,
            marked: tags.have_deletion_tag(),
            deletion_protection: seen.deletion_protection,
            not_deleted: self.why_not_deleted(instance),
            created_at: instance.created.map(timestamp),
            age_seconds: instance.created.map(|at| seconds_between(at, now)),
            data_time: data_time.map(timestamp),
            data_time_from,
            data_age_seconds: data_time.map(|at| seconds_between(at, now)),
            source_snapshot: origins.farthest(),
            replication_id: own(tags, lineage::REPLICATION_ID),
            size_gib: seen.allocated_storage,
            restored_version: tags.restored_version(),
            compared_with_live: self.compared_instance(instance),
            is_ready,
        }
    }

    fn is_the_live_one(&self, instance: &Instance) -> bool {
        self.live.is_some_and(|live| live.identifier() == instance.identifier())
    }

    fn compared_instance(&self, instance: &Instance) -> Option<Compared> {
        if self.is_the_live_one(instance) { Some(Compared::Live) } else { self.compared(instance.order()) }
    }

    fn compared(&self, order: Order<'_>) -> Option<Compared> {
        let live = self.live?;
        Some(if order < live.order() { Compared::Older } else { Compared::Newer })
    }

    fn standing(&self, instance: &Instance) -> (Standing, String) {
        let word = instance.seen.status.as_str();
        let meaning = instance.seen.status.restored();
        let (standing, words) = match meaning {
            _ if self.is_the_live_one(instance) => (Standing::Live, "live"),
            Restored::Deleting => (Standing::Deleting, "being deleted"),
            Restored::Stopped => {
                return (Standing::Stopped, format!("{word}; start it before rolling back to it"));
            }
            Restored::FailedRestore => (Standing::Failed, "left by a restore that failed"),
            Restored::Broken => (Standing::Broken, "cannot be used as it is"),
            _ if instance.tags().version().is_none() => (Standing::Unnumbered, "without a version number"),
            _ if self.database != self.held.stack.database() => {
                (Standing::NotServed, "kept, of a database that is not served")
            }
            _ if self.held.secret.is_none() => (Standing::Kept, "kept"),
            Restored::Usable | Restored::Busy => {
                self.standing_of_usable(instance, meaning == Restored::Usable)
            }
        };
        (standing, words.to_owned())
    }

    fn standing_of_usable(&self, instance: &Instance, is_ready: bool) -> (Standing, &'static str) {
        let is_older = self.compared_instance(instance) == Some(Compared::Older);
        if self.is_being_rolled_back_to(instance) {
            return (Standing::InProgress, "being made");
        }
        match (is_ready, is_older) {
            (false, true) => (Standing::Busy, "older, busy at the moment"),
            (false, false) => (Standing::InProgress, "being made"),
            _ if self.live.is_none_or(|live| live.tags().version().is_none()) => {
                (Standing::Kept, "kept; nothing of this stack is live")
            }
            (true, true) => (Standing::Older, "older, to roll back to"),
            (true, false) => self.standing_of_newer(instance),
        }
    }

    /// Of an instance that is ready and newer than the live one: why it is not live itself.
    fn standing_of_newer(&self, instance: &Instance) -> (Standing, &'static str) {
        let id = instance.tags().get(lineage::REPLICATION_ID);
        let own = self.held.runs.iter().filter(|run| Some(run.replication.as_str()) == id);
        match own.map(|run| &run.execution).rev().max_by_key(|execution| execution.started) {
            Some(run) if run.is_running() => (Standing::InProgress, "being made"),
            Some(run) if !run.has_succeeded() && !run.has_passed("rotate-secret") => {
                (Standing::Leftover, "left by a replication that failed")
            }
            _ if self.held.stack.parameter("Promote") == Some("manual") => {
                (Standing::HeldBack, "held back (Promote=manual)")
            }
            _ => (Standing::HeldBack, "held back, newer than live"),
        }
    }

    fn is_being_rolled_back_to(&self, instance: &Instance) -> bool {
        let running = self.held.rollbacks.iter().filter(|execution| execution.is_running());
        running.into_iter().any(|execution| {
            execution.of_destination("restore")["db_instance_identifier"] == instance.identifier()
        })
    }

    /// Why something that is marked is still there.
    fn why_not_deleted(&self, instance: &Instance) -> Option<String> {
        if !instance.tags().have_deletion_tag() || instance.seen.is_leaving() {
            return None;
        }
        let said = self.what_keeps(instance);
        let times = instance.times_undeleted();
        Some(if times > 1 { format!("{said} ({times} replications could not delete it)") } else { said })
    }

    fn what_keeps(&self, instance: &Instance) -> String {
        let is_planned =
            |run: &Run| run.execution.is_running() && run.execution.planned().contains(instance.identifier());
        if instance.seen.deletion_protection {
            "it has deletion protection, so an operator has to decide".to_owned()
        } else if let Some(reason) = self.left.get(instance.identifier()) {
            reason.clone()
        } else if self.held.runs.iter().any(is_planned) {
            "the replication that runs deletes it".to_owned()
        } else if instance.seen.status.restored() == Restored::Busy {
            format!("it is {}; a later replication deletes it", instance.seen.status)
        } else {
            "the next replication deletes it".to_owned()
        }
    }

    fn kind_in_destination(&self, snapshot: &Snapshot) -> Kind {
        if snapshot.seen.is_of_stack(&self.held.stack.name) {
            Kind::Copy
        } else if snapshot.is_final() {
            Kind::Final
        } else {
            Kind::Other
        }
    }

    fn snapshot_rows<'s>(
        &self,
        snapshots: impl Iterator<Item = &'s Snapshot>,
        kind: impl Fn(&Snapshot) -> Kind,
    ) -> Vec<SnapshotRow> {
        let row = |one: &Snapshot| SnapshotRow {
            name: one.identifier().to_owned(),
            kind: kind(one),
            status: one.seen.status.to_string(),
            percent: one.seen.percent_progress,
            size_gib: one.seen.allocated_storage,
            encrypted: one.seen.encrypted,
            data_time: one.data_time().map(timestamp),
            data_age_seconds: one.data_time().map(|at| seconds_between(at, self.held.now)),
            source_database: own(one.tags(), lineage::SOURCE_DATABASE)
                .or_else(|| Some(one.seen.source_database.to_string())),
            replication_id: own(one.tags(), lineage::REPLICATION_ID),
            version: one.tags().version(),
            marked: one.tags().have_deletion_tag(),
            shared_with: one.shared_with.clone(),
            is_ready: is_ready(one),
        };
        let mut rows: Vec<SnapshotRow> = snapshots.map(row).collect();
        rows.sort_by(|one, other| {
            (&other.replication_id, &other.name).cmp(&(&one.replication_id, &one.name))
        });
        rows
    }
}

/// A tag that is there.
fn own(tags: &Tags, key: &str) -> Option<String> {
    tags.get(key).map(str::to_owned)
}

/// Whether the instance will never again answer anybody, so that its version is as good as gone.
fn is_gone(instance: &Instance) -> bool {
    matches!(instance.seen.status.restored(), Restored::Deleting | Restored::FailedRestore | Restored::Broken)
}

fn is_ready(snapshot: &Snapshot) -> bool {
    snapshot.seen.status.progress() == Progress::Ready
}
