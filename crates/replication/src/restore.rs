//! Which instance a run brings up, under which name, and when readers may come: the decisions of `restore`.
//!
//! A name is chosen by one poll, written in the execution's document, and restored by the next. So the identifier that
//! a run asks RDS for is always the one in its document, even if RDS does not show it yet: at most one restore of an execution
//! succeeds.

mod finishing;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::contract::{DbInstance, DbSnapshot, StageReport};
use crate::lineage::{self, Tags};
use crate::naming::{self, InstanceIdentifier, ReplicationId, SnapshotArn, SnapshotIdentifier, Version};
use crate::observed::{Instance, Snapshot};
use crate::pacing::{Stage, UNSEEN_POLLS};
use crate::progress::{InstanceStatus, Restored};
use crate::rollback::{self, RequestedVersion, VersionLocation};
use crate::versions::{Scope, World};
use crate::{Error, ErrorName};

pub use finishing::{AfterRestore, Change, Finish, finish, sealing};

/// What the machine is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// A new version from this replication's own copy.
    Replicate {
        /// The replication.
        id: &'a ReplicationId,
        /// Its snapshot copy.
        copy: &'a DbSnapshot,
        /// How many versions may be newer than the live one.
        most_ahead: usize,
    },
    /// A version that exists.
    RollBack {
        /// Which one.
        wanted: RequestedVersion,
        /// Whether the operator has named the database.
        names_database: bool,
    },
}

/// What a poll of the restore has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'w> {
    /// The instance is there: wait for it, and finish it if this run has restored it.
    Follow {
        /// The instance.
        instance: &'w Instance,
        /// What has restored it, if this run may finish it.
        restored_by: Option<RestoredBy>,
    },
    /// Nothing is there: this name is to be restored by the next poll. Nothing is created now.
    Choose(Choice),
    /// Restore exactly this.
    Restore(Choice),
    /// What RDS has accepted before is not shown yet.
    Await {
        /// How many polls in a row have not seen it, with this one.
        polls: u32,
    },
}

/// Which machine has restored an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoredBy {
    /// A replication, from this snapshot copy of its own.
    Replication(Option<SnapshotArn>),
    /// A rollback.
    Rollback,
}

/// An instance to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its identifier.
    pub identifier: InstanceIdentifier,
    /// Its version.
    pub version: Version,
    /// What it is restored from.
    pub origin: Origin,
}

/// What an instance is restored from, and the tags that say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The snapshot.
    pub snapshot: SnapshotIdentifier,
    tags: Tags,
}

impl Choice {
    /// Our tags of the instance.
    #[must_use]
    pub fn tags(&self) -> Tags {
        let version = self.version.to_string();
        self.origin.tags.clone().with(lineage::VERSION, version).named(self.identifier.as_str())
    }

    /// The version whose data a rollback restores.
    #[must_use]
    pub fn restored_version(&self) -> Option<Version> {
        self.origin.tags.restored_version()
    }
}

impl Origin {
    /// The replication's own copy.
    fn of_copy(scope: &Scope<'_>, id: &ReplicationId, copy: &DbSnapshot) -> Self {
        let tags = Tags::of_replication(scope.stack, id, &copy.source_db_identifier)
            .with_some(lineage::SOURCE_SNAPSHOT, copy.arn.as_ref().map(ToString::to_string))
            .with_some(lineage::DATA_TIME, copy.snapshot_database_time.clone());
        Self { snapshot: copy.identifier.clone(), tags }
    }

    /// The kept snapshot of a version. The data are those of the snapshot's replication, and so is their age.
    fn of_version(snapshot: &Snapshot, version: Version) -> Self {
        let of_snapshot = |key| snapshot.tags.get(key).map(|value| (key, value.to_owned()));
        let tags = [lineage::STACK, lineage::REPLICATION_ID, lineage::SOURCE_DATABASE]
            .into_iter()
            .filter_map(of_snapshot)
            .collect::<Tags>()
            .with(lineage::SOURCE_SNAPSHOT, snapshot.arn.to_string())
            .with(lineage::RESTORED_VERSION, version.to_string())
            .with_some(lineage::DATA_TIME, snapshot.data_time.clone());
        Self { snapshot: snapshot.identifier.clone(), tags }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow { instance, restored_by: Some(_) } => {
                write!(f, "follow {}: this run has restored it", instance.identifier)
            }
            Self::Follow { instance, restored_by: None } => {
                write!(f, "follow {}: it is the version that is asked for", instance.identifier)
            }
            Self::Choose(choice) => write!(f, "choose {}: the number is free", choice.identifier),
            Self::Restore(choice) => write!(
                f,
                "restore {} as {}: an earlier poll has chosen it",
                choice.origin.snapshot, choice.identifier
            ),
            Self::Await { polls } => {
                write!(f, "wait: RDS has accepted it and {polls} polls have not seen it")
            }
        }
    }
}

/// Decides what a poll does; `earlier` is what the execution's document says of the poll before.
///
/// # Errors
/// [`ErrorName::NameTaken`], [`ErrorName::NotFound`], [`ErrorName::TooManyVersionsAhead`],
/// [`ErrorName::VersionsExhausted`], [`ErrorName::VersionNotFound`], [`ErrorName::SourceMismatch`].
pub fn decide<'w>(
    scope: &Scope<'_>,
    purpose: &Purpose<'_>,
    earlier: Option<&DbInstance>,
    world: &World<'w>,
) -> Result<Step<'w>, Error> {
    match purpose {
        Purpose::Replicate { id, copy, most_ahead } => {
            if let Some(instance) = own(scope, id, earlier, world) {
                let restored_by = Some(RestoredBy::Replication(copy.arn.clone()));
                return Ok(Step::Follow { instance, restored_by });
            }
            let origin = Origin::of_copy(scope, id, copy);
            let step = begin(scope, origin, earlier, world)?;
            if matches!(step, Step::Choose(_) | Step::Restore(_)) {
                let doing = format!("restoring snapshot {}", copy.identifier);
                world.check_ahead(scope, id, *most_ahead, &doing)?;
            }
            Ok(step)
        }
        Purpose::RollBack { wanted, names_database } => {
            roll_back(scope, *wanted, *names_database, earlier, world)
        }
    }
}

/// The instance that this replication has restored, known by its tags, not by its number.
fn own<'w>(
    scope: &Scope<'_>,
    id: &ReplicationId,
    earlier: Option<&DbInstance>,
    world: &World<'w>,
) -> Option<&'w Instance> {
    let is_own = |instance: &&Instance| {
        scope.owns(instance)
            && instance.is_of_replication(scope.stack, id)
            // A rollback hands the replication's id on to what it restores from the same copy.
            && instance.tags.restored_version().is_none()
    };
    let is_of_document =
        |instance: &Instance| earlier.is_some_and(|earlier| earlier.identifier == instance.identifier);
    let owned = world.instances.iter().filter(is_own);
    owned.min_by_key(|instance| (!is_of_document(instance), instance.tags.version()))
}

fn roll_back<'w>(
    scope: &Scope<'_>,
    wanted: RequestedVersion,
    names_database: bool,
    earlier: Option<&DbInstance>,
    world: &World<'w>,
) -> Result<Step<'w>, Error> {
    let Some(earlier) = earlier else {
        return match rollback::find(wanted, names_database, scope, world)? {
            VersionLocation::Instance(instance) => Ok(Step::Follow { instance, restored_by: None }),
            VersionLocation::Snapshot(snapshot, version) => {
                choose(scope, Origin::of_version(snapshot, version), world)
            }
        };
    };
    if let Some(instance) = chosen_before(scope, earlier, world) {
        let restored_by = instance.tags.restored_version().map(|_| RestoredBy::Rollback);
        return Ok(Step::Follow { instance, restored_by });
    }
    check_tags(earlier, world)?;
    let Some(version) = earlier.restored_version else {
        // The instance of the version was there and is gone, so that nothing was created yet.
        let wanted = RequestedVersion::Version(earlier.version);
        return roll_back(scope, wanted, names_database, None, world);
    };
    if !earlier.chosen {
        return unseen(earlier, world);
    }
    // Previous to what is live was judged once; what is live may have changed since.
    match rollback::find(RequestedVersion::Version(version), names_database, scope, world)? {
        // A concurrent rollback to the same version has already restored it.
        VersionLocation::Instance(instance) => Ok(Step::Follow { instance, restored_by: None }),
        VersionLocation::Snapshot(snapshot, version) => {
            begin(scope, Origin::of_version(snapshot, version), Some(earlier), world)
        }
    }
}

/// The instance that an earlier poll of this run has chosen or has begun to restore: it stays the choice. A replication
/// may already have taken its number, so the number alone does not make it the one.
fn chosen_before<'w>(scope: &Scope<'_>, earlier: &DbInstance, world: &World<'w>) -> Option<&'w Instance> {
    world.instances.iter().find(|instance| {
        instance.identifier == earlier.identifier
            && scope.owns(instance)
            && instance.tags.version() == Some(earlier.version)
            && instance.tags.restored_version() == earlier.restored_version
    })
}

/// Chooses a name in the first poll, and restores under this name in the next.
fn begin<'w>(
    scope: &Scope<'_>,
    origin: Origin,
    earlier: Option<&DbInstance>,
    world: &World<'w>,
) -> Result<Step<'w>, Error> {
    let Some(earlier) = earlier else {
        return choose(scope, origin, world);
    };
    check_tags(earlier, world)?;
    if !earlier.chosen {
        return unseen(earlier, world);
    }
    if shown(earlier, world).is_some() {
        // Somebody else has taken the name, so that nothing was created under it: RDS takes a name once.
        return choose(scope, origin, world);
    }
    if earlier.stage.unseen >= UNSEEN_POLLS {
        return Err(not_shown(earlier));
    }
    let DbInstance { identifier, version, .. } = earlier;
    Ok(Step::Restore(Choice { identifier: identifier.clone(), version: *version, origin }))
}

fn choose<'w>(scope: &Scope<'_>, origin: Origin, world: &World<'w>) -> Result<Step<'w>, Error> {
    let version = world.next_version(scope)?;
    let identifier = naming::instance(scope.prefix, version)?;
    Ok(Step::Choose(Choice { identifier, version, origin }))
}

fn shown<'w>(earlier: &DbInstance, world: &World<'w>) -> Option<&'w Instance> {
    world.instances.iter().find(|instance| instance.identifier == earlier.identifier)
}

/// Refuses to continue where an instance of the document's name exists without tags: it may be the one that this run has
/// restored, so that another name would make a second one.
fn check_tags(earlier: &DbInstance, world: &World<'_>) -> Result<(), Error> {
    match shown(earlier, world) {
        Some(instance) if instance.tags.is_empty() => Err(name_taken(earlier, "it has no tags")),
        _ => Ok(()),
    }
}

/// What RDS has accepted in an earlier poll and does not show under our tags.
fn unseen<'w>(earlier: &DbInstance, world: &World<'w>) -> Result<Step<'w>, Error> {
    if shown(earlier, world).is_some() {
        return Err(name_taken(earlier, "its tags are not those that this run has given it"));
    }
    match earlier.stage.unseen + 1 {
        polls if polls > UNSEEN_POLLS => Err(not_shown(earlier)),
        polls => Ok(Step::Await { polls }),
    }
}

fn name_taken(earlier: &DbInstance, because: &str) -> Error {
    Error::new(ErrorName::NameTaken, format!("finding database {} of this run", earlier.identifier))
        .because(format!("a database of this name exists, and {because}"))
        .advise(
            "see who removes or changes tags; put them back or delete the database if it is not needed, then start the \
             source execution again",
        )
}

fn not_shown(earlier: &DbInstance) -> Error {
    Error::new(ErrorName::NotFound, format!("waiting for database {}", earlier.identifier))
        .because(format!(
            "RDS was asked to restore it and has not shown it in {UNSEEN_POLLS} polls: {}",
            earlier.stage.rds_status
        ))
        .advise(
            "see the events in the RDS console, and who may have deleted it; then start the execution again",
        )
}

/// The progress of an instance. One that was restored a moment ago counts as usable when two polls in a row say so, because
/// RDS may still leave `available` again for a while after the first time; and, where `loaded` is wanted, when its storage
/// is loaded from the snapshot.
///
/// # Errors
/// [`ErrorName::RestoreFailed`], [`ErrorName::InstanceNotReady`], [`ErrorName::DeadlineExceeded`].
pub fn progress(
    found: &Instance,
    earlier: Option<&DbInstance>,
    is_new: bool,
    loaded: bool,
    stage: &Stage,
) -> Result<StageReport, Error> {
    let name = &found.identifier;
    let waiting = || format!("waiting for database {name}");
    match (found.status.restored(), &found.host) {
        (Restored::Usable, _) if loaded && is_new && found.is_initializing() => {
            let status = found.storage_operation.as_deref().unwrap_or(found.status.as_str());
            stage.check_deadline(&format!("the storage of database {name} to be loaded"), status)?;
            Ok(StageReport::pending(stage, found.status.as_str(), found.storage_percent_progress))
        }
        (Restored::Usable, Some(_)) if !is_new || earlier.is_some_and(|e| was_usable(e, name)) => {
            Ok(StageReport::available(stage, found.status.as_str()))
        }
        (Restored::Stopped, _) => Err(Error::new(ErrorName::InstanceNotReady, waiting())
            .because(format!("it is {}", found.status))
            .advise("start it in the RDS console, then start the execution again")),
        (Restored::Deleting | Restored::FailedRestore | Restored::Broken, _) => Err(Error::new(
            ErrorName::RestoreFailed,
            waiting(),
        )
        .because(format!("it is {}", found.status))
        .advise(
            "see its events in the RDS console; the next replication restores a new version and a later \
                     prune deletes this one",
        )),
        (Restored::Usable, Some(_)) => {
            stage.check_deadline(&format!("database {name}"), found.status.as_str())?;
            Ok(StageReport::confirming(stage, found.status.as_str()))
        }
        // An instance has no endpoint until RDS has given it one (API model).
        (Restored::Usable | Restored::Busy, _) => {
            stage.check_deadline(&format!("database {name}"), found.status.as_str())?;
            Ok(StageReport::pending(stage, found.status.as_str(), None))
        }
    }
}

/// Whether the poll before has seen it usable too.
fn was_usable(earlier: &DbInstance, name: &InstanceIdentifier) -> bool {
    let status = InstanceStatus::from(earlier.stage.rds_status.as_str());
    earlier.identifier == *name
        && !earlier.chosen
        && earlier.host.is_some()
        && status.restored() == Restored::Usable
}
