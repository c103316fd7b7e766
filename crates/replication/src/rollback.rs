//! Which instance or snapshot is the version that a person asks for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::naming::Version;
use crate::observed::{Instance, Snapshot};
use crate::progress::{Progress, Restored};
use crate::retention;
use crate::{Error, ErrorName};

/// The version that a person asks for: `7`, or `"previous"` for the next lower one than the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Wanted {
    /// The version of this number.
    Version(Version),
    /// The highest that is lower than the live one.
    Previous,
}

impl TryFrom<Value> for Wanted {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        let number = match &value {
            Value::String(text) if text == "previous" => return Ok(Self::Previous),
            // The console's input is typed by hand, and quotes are easily put.
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().and_then(|number| Version::try_from(number).ok()),
        };
        number.filter(|number| *number > 0).map(Self::Version).ok_or_else(|| {
            Error::new(ErrorName::InvalidInput, "reading the version to roll back to")
                .because(format!(r#"{value} is not a version: give its number, such as 7, or "previous""#))
        })
    }
}

/// Where a version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'i, 's> {
    /// An instance holds it.
    Instance(&'i Instance),
    /// Only a snapshot copy holds it; it has to be restored first.
    Snapshot(&'s Snapshot, Version),
}

/// How one can get at a version, as a list of the versions says it.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Snapshot,
    Instance,
}

/// Finds the version that is asked for among what exists.
///
/// A version whose instance cannot be used any more counts as gone where its snapshot is kept. A version that has been
/// restored from its snapshot before is found in the instance that it was restored to.
///
/// # Errors
/// [`ErrorName::VersionNotFound`], with the versions that exist.
pub fn find<'i, 's>(
    wanted: Wanted,
    stack: &str,
    live_host: &str,
    instances: &'i [Instance],
    snapshots: &'s [Snapshot],
) -> Result<Place<'i, 's>, Error> {
    let live = retention::live_instance(instances, stack, live_host).and_then(|live| live.tags.version());
    let instances: Vec<&Instance> = instances.iter().filter(|i| i.is_of_stack(stack)).collect();
    let snapshots: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|snapshot| snapshot.is_of_stack(stack))
        .filter(|s| s.status.progress() == Progress::Ready)
        .collect();
    let mut versions: BTreeMap<Version, Kept> = BTreeMap::new();
    for version in snapshots.iter().filter_map(|snapshot| snapshot.tags.version()) {
        versions.insert(version, Kept::Snapshot);
    }
    for version in instances.iter().filter(|i| !is_gone(i)).filter_map(|instance| instance.tags.version()) {
        versions.insert(version, Kept::Instance);
    }
    let not_found = |doing: String, because: &str| {
        Error::new(ErrorName::VersionNotFound, doing)
            .because(format!("{because}; the versions that exist: {}", list(&versions, live)))
            .advise("ask for one of these, or start a new replication")
    };
    let version = match (wanted, live) {
        (Wanted::Version(version), _) => version,
        (Wanted::Previous, Some(live)) => match versions.range(..live).next_back() {
            Some((version, _)) => *version,
            None => {
                let doing = "rolling back to the previous version".to_owned();
                return Err(not_found(doing, &format!("none is lower than the live version {live}")));
            }
        },
        (Wanted::Previous, None) => {
            let doing = "rolling back to the previous version".to_owned();
            return Err(not_found(doing, "the secret names no version of this stack"));
        }
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
    let snapshot = snapshots.iter().find(|snapshot| snapshot.tags.version() == Some(version));
    match (best, snapshot) {
        (Some(instance), _) => Ok(Place::Instance(instance)),
        (None, Some(snapshot)) => Ok(Place::Snapshot(snapshot, version)),
        (None, None) => {
            let because = match instances.iter().find(|instance| instance.tags.version() == Some(version)) {
                Some(broken) => format!("its instance is {}, and no snapshot of it is kept", broken.status),
                None => "there is neither an instance of it nor a snapshot".to_owned(),
            };
            Err(not_found(format!("rolling back to version {version}"), &because))
        }
    }
}

/// Whether an instance will never again answer anybody, so that the version is as good as gone.
fn is_gone(instance: &Instance) -> bool {
    matches!(instance.status.restored(), Restored::Deleting | Restored::FailedRestore | Restored::Broken)
}

fn list(versions: &BTreeMap<Version, Kept>, live: Option<Version>) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    let say = |(version, kept): (&Version, &Kept)| match kept {
        _ if Some(*version) == live => format!("{version} (live)"),
        Kept::Instance => version.to_string(),
        Kept::Snapshot => format!("{version} (its snapshot, to be restored)"),
    };
    versions.iter().rev().map(say).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage;
    use crate::retention::testing::{STACK, instance, snapshot};

    fn kept(version: Version) -> Snapshot {
        let id = format!("202611{version:02}t000000z-aaaaaa");
        let mut one = snapshot(&format!("copy-of-{version}"), &id, "available", true);
        one.tags = one.tags.with(lineage::VERSION, version.to_string());
        one
    }

    fn world() -> (Vec<Instance>, Vec<Snapshot>) {
        let instances = [3, 4, 6, 7].map(|v| instance(&format!("db-{v}"), v));
        (instances.into(), [2, 5, 7].map(kept).into())
    }

    fn found(wanted: Wanted, live: &str, world: &(Vec<Instance>, Vec<Snapshot>)) -> Result<String, Error> {
        find(wanted, STACK, live, &world.0, &world.1).map(|place| match place {
            Place::Instance(instance) => instance.identifier.to_string(),
            Place::Snapshot(snapshot, version) => {
                format!("{} as {version}", snapshot.identifier.as_str().split("-2026").next().unwrap())
            }
        })
    }

    #[test]
    fn a_version_is_its_instance_or_its_snapshot() {
        let world = world();
        for (wanted, place) in [
            (Wanted::Version(4), "db-4"),
            (Wanted::Version(7), "db-7"),
            (Wanted::Version(5), "copy-of-5 as 5"),
            (Wanted::Previous, "copy-of-5 as 5"),
        ] {
            assert_eq!(found(wanted, "db-6.c1.example", &world).unwrap(), place);
        }
        assert_eq!(found(Wanted::Previous, "db-4.c1.example", &world).unwrap(), "db-3");
    }

    /// > Asking for a version that does not exist lists those that do.
    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        let world = world();
        let because = |wanted, live| {
            let error = found(wanted, live, &world).unwrap_err();
            assert_eq!(error.name(), ErrorName::VersionNotFound);
            error.to_string()
        };
        let exist = "the versions that exist: 7, 6 (live), 5 (its snapshot, to be restored), 4, 3, \
                     2 (its snapshot, to be restored);";
        let missing = because(Wanted::Version(9), "db-6.c1.example");
        assert!(missing.starts_with("rolling back to version 9: there is neither"), "{missing}");
        assert!(missing.contains(exist), "{missing}");
        assert!(because(Wanted::Previous, "elsewhere.example").contains("names no version of this stack"));
        assert!(because(Wanted::Previous, "").contains("names no version of this stack"));
        let error = found(Wanted::Previous, "db-3.c1.example", &(world.0.clone(), vec![])).unwrap_err();
        assert!(error.to_string().contains("none is lower than the live version 3"), "{error}");
    }

    #[test]
    fn what_is_not_ours_is_no_version() {
        let mut foreign = world();
        for one in &mut foreign.0[..2] {
            one.tags = one.tags.clone().with(lineage::STACK, "another-stack");
        }
        for one in &mut foreign.0[2..] {
            one.identifier = format!("investigation-{}", one.identifier).parse().unwrap();
        }
        for one in &mut foreign.1 {
            one.identifier = format!("{}-for-good", one.identifier).parse().unwrap();
        }
        let error = found(Wanted::Version(4), "db-6.c1.example", &foreign).unwrap_err();
        assert!(error.to_string().contains("the versions that exist: none;"), "{error}");
    }

    #[test]
    fn a_broken_instance_is_as_good_as_gone_and_a_sleeping_one_is_not() {
        let mut world = world();
        world.0.push(Instance { status: "failed".into(), ..instance("db-5", 5) });
        assert_eq!(found(Wanted::Version(5), "", &world).unwrap(), "copy-of-5 as 5");
        world.0[1].status = "storage-full".into();
        let error = found(Wanted::Version(4), "", &world).unwrap_err();
        assert!(error.to_string().contains("its instance is storage-full, and no"), "{error}");
        world.0[1].status = "stopped".into();
        assert_eq!(found(Wanted::Version(4), "", &world).unwrap(), "db-4");
    }

    /// > A version that was restored from its snapshot is not restored a second time.
    #[test]
    fn a_version_that_was_restored_before_is_found_where_it_is() {
        let mut world = world();
        let mut again = instance("db-8", 8);
        again.tags = again.tags.with(lineage::RESTORED_VERSION, "5");
        world.0.push(again);
        assert_eq!(found(Wanted::Version(5), "db-6.c1.example", &world).unwrap(), "db-8");
        assert_eq!(found(Wanted::Version(8), "db-6.c1.example", &world).unwrap(), "db-8");
    }
}
