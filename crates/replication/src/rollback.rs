//! Which instance or snapshot is the version that an operator asks for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::naming::Version;
use crate::observed::{Instance, Snapshot};
use crate::progress::{Progress, Restored};
use crate::versions::{Age, Live, Scope, World};
use crate::{Error, ErrorName};

/// The version that an operator asks for: `7`, or `"previous"` for the one whose data are next older than the live one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum RequestedVersion {
    /// The version of this number.
    Version(Version),
    /// The newest of those whose data are older than the live one's.
    Previous,
}

impl TryFrom<Value> for RequestedVersion {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        // The console's input is typed by hand, and quotes are easily put.
        let text = match &value {
            Value::String(text) if text == "previous" => return Ok(Self::Previous),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let error = Error::new(ErrorName::InvalidInput, "reading the version to roll back to");
        match text.parse() {
            Ok(0) => Err(error.because(format!("{value} is not a version: their numbers begin at 1"))),
            Ok(number) => Ok(Self::Version(number)),
            Err(_) if !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()) => Err(error
                .because(format!(
                    "{value} is larger than {}, the largest number of a version",
                    Version::MAX
                ))),
            Err(_) => Err(error
                .because(format!(r#"{value} is not a version: give its number, such as 7, or "previous""#))),
        }
    }
}

/// Where a version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionLocation<'w> {
    /// An instance holds it.
    Instance(&'w Instance),
    /// Only a snapshot copy holds it; it has to be restored first.
    Snapshot(&'w Snapshot, Version),
}

/// How one can get at a version, as a list of the versions says it.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Snapshot,
    Instance,
}

/// The versions that exist, with their age.
type Versions = BTreeMap<Version, (Kept, Age)>;

/// Finds the version that is asked for among what exists of the database.
///
/// A version whose instance cannot be used any more counts as gone where its snapshot is kept. A version that has been
/// restored from its snapshot before is found in the instance that it was restored to. Whoever `names_database` means
/// that database, so that a version of another one is an error of its own.
///
/// # Errors
/// [`ErrorName::VersionNotFound`], with the versions that exist; [`ErrorName::SourceMismatch`].
pub fn find<'w>(
    wanted: RequestedVersion,
    names_database: bool,
    scope: &Scope<'_>,
    world: &World<'w>,
) -> Result<VersionLocation<'w>, Error> {
    let instances: Vec<&Instance> = world.instances.iter().filter(|i| scope.owns(i)).collect();
    let snapshots = usable_snapshots(scope, world);
    let versions = versions(&instances, &snapshots);
    let version = match wanted {
        RequestedVersion::Version(version) => version,
        RequestedVersion::Previous => previous(scope, world, &versions)?,
    };
    let holds = |instance: &&&Instance| {
        instance.tags.version() == Some(version) || instance.tags.restored_version() == Some(version)
    };
    let usable = instances.iter().filter(holds).filter(|instance| !is_gone(instance));
    // The version itself before what was restored of it, and what is ready before what is not.
    let best = usable.max_by_key(|instance| {
        (
            instance.status.restored() == Restored::Usable,
            instance.tags.version() == Some(version),
            instance.tags.version(),
        )
    });
    if let Some(instance) = best {
        return Ok(VersionLocation::Instance(instance));
    }
    if let Some(snapshot) = snapshots.iter().find(|snapshot| snapshot.tags.version() == Some(version)) {
        return Ok(VersionLocation::Snapshot(snapshot, version));
    }
    let doing = format!("rolling back to version {version}");
    let other = world.other_database(scope, version);
    if let Some(other) = other.filter(|_| names_database) {
        return Err(Error::new(ErrorName::SourceMismatch, doing)
            .because(format!(
                "the input names database {}, and version {version} holds data of {other}",
                scope.database
            ))
            .advise(format!(
                "ask for one of the versions of {}, which are: {}",
                scope.database,
                list(&versions, live_version(scope, world))
            )));
    }
    let broken = instances.iter().find(|instance| instance.tags.version() == Some(version));
    let because = match (broken, other) {
        (Some(broken), _) => format!("its instance is {}, and no snapshot of it is kept", broken.status),
        (None, Some(other)) => {
            format!("it holds data of {other}, and this stack replicates {}", scope.database)
        }
        (None, None) => "there is neither an instance of it nor a snapshot".to_owned(),
    };
    Err(not_found(doing, &because, &versions, live_version(scope, world)))
}

fn usable_snapshots<'w>(scope: &Scope<'_>, world: &World<'w>) -> Vec<&'w Snapshot> {
    let owned = world.snapshots.iter().filter(|snapshot| scope.owns_snapshot(snapshot));
    owned.filter(|snapshot| snapshot.status.progress() == Progress::Ready).collect()
}

fn versions(instances: &[&Instance], snapshots: &[&Snapshot]) -> Versions {
    let mut versions = Versions::new();
    for snapshot in snapshots {
        if let Some(version) = snapshot.tags.version() {
            versions.insert(version, (Kept::Snapshot, Age::of_snapshot(snapshot)));
        }
    }
    for instance in instances.iter().filter(|i| !is_gone(i)) {
        if let Some(version) = instance.tags.version() {
            versions.insert(version, (Kept::Instance, Age::of_instance(instance)));
        }
    }
    versions
}

/// The version with the newest data that are older than those of the live one.
fn previous(scope: &Scope<'_>, world: &World<'_>, versions: &Versions) -> Result<Version, Error> {
    let doing = "rolling back to the previous version".to_owned();
    let live = live_version(scope, world);
    let age = world.live_age(scope);
    let is_older = |(version, (_, own)): &(&Version, &(Kept, Age))| match (&age, live) {
        // What a rollback has restored of a version is not older than it.
        (Some(age), _) => own < age && !own.is_of_same_data(age),
        // The instance and the snapshot of the live version are gone, so only its number is known.
        (None, Some(live)) => **version < live,
        (None, None) => false,
    };
    let older = versions.iter().filter(is_older).max_by(|(_, (_, a)), (_, (_, b))| a.cmp(b));
    older.map(|(version, _)| *version).ok_or_else(|| {
        let because = match live {
            Some(live) => format!("none is older than the live version {live}"),
            None => format!("the secret names no version of {} in this stack", scope.database),
        };
        not_found(doing, &because, versions, live)
    })
}

/// The number of the live version, also where its instance is gone.
fn live_version(scope: &Scope<'_>, world: &World<'_>) -> Option<Version> {
    match world.live(scope) {
        Live::Instance(live) => live.tags.version(),
        Live::Gone(version) => Some(version),
        Live::Nothing => None,
    }
}

fn not_found(doing: String, because: &str, versions: &Versions, live: Option<Version>) -> Error {
    Error::new(ErrorName::VersionNotFound, doing)
        .because(format!("{because}; the versions that exist: {}", list(versions, live)))
        .advise("ask for one of these, or start a new replication")
}

/// Whether an instance will never again answer anybody, so that the version is as good as gone.
fn is_gone(instance: &Instance) -> bool {
    matches!(instance.status.restored(), Restored::Deleting | Restored::FailedRestore | Restored::Broken)
}

fn list(versions: &Versions, live: Option<Version>) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    let say = |(version, (kept, _)): (&Version, &(Kept, Age))| match kept {
        _ if Some(*version) == live => format!("{version} (live)"),
        Kept::Instance => version.to_string(),
        Kept::Snapshot => format!("{version} (its snapshot, to be restored)"),
    };
    versions.iter().rev().map(say).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
