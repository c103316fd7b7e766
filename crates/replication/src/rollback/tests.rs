use super::*;
use crate::lineage;
use crate::versions::testing::{host, instance, kept, orders, shop, world};

type Things = (Vec<Instance>, Vec<Snapshot>);

fn things() -> Things {
    let instances = [3, 4, 6, 7].map(|n| instance(&orders(), n, n));
    (instances.into(), [2, 5, 7].map(|n| kept(&orders(), n, n)).into())
}

fn found(wanted: RequestedVersion, live: &str, things: &Things) -> Result<String, Error> {
    let place = find(wanted, false, &orders(), &world(&things.0, &things.1, live))?;
    Ok(match place {
        VersionLocation::Instance(instance) => instance.identifier.to_string(),
        VersionLocation::Snapshot(_, version) => format!("the snapshot of {version}"),
    })
}

#[test]
fn a_version_is_its_instance_or_its_snapshot() {
    let things = things();
    for (wanted, place) in [
        (RequestedVersion::Version(4), "db-4"),
        (RequestedVersion::Version(7), "db-7"),
        (RequestedVersion::Version(5), "the snapshot of 5"),
        (RequestedVersion::Previous, "the snapshot of 5"),
    ] {
        assert_eq!(found(wanted, &host(6), &things).unwrap(), place);
    }
    assert_eq!(found(RequestedVersion::Previous, &host(4), &things).unwrap(), "db-3");
}

/// > The previous version is the one whose data are next older, whatever its number.
#[test]
fn previous_goes_by_the_time_of_the_data() {
    let mut things = things();
    // Version 8 arrived late, with old data; a rollback has restored version 5 as version 9.
    things.0.push(instance(&orders(), 8, 1));
    let mut again = instance(&orders(), 9, 5);
    again.tags = again.tags.with(lineage::RESTORED_VERSION, "5");
    things.0.push(again);
    for (live, previous) in [(7, "db-6"), (6, "db-9"), (9, "db-4"), (4, "db-3"), (3, "the snapshot of 2")] {
        assert_eq!(
            found(RequestedVersion::Previous, &host(live), &things).unwrap(),
            previous,
            "live is {live}"
        );
    }
    let error = found(RequestedVersion::Previous, &host(8), &things).unwrap_err();
    assert!(error.to_string().contains("none is older than the live version 8"), "{error}");
}

/// > A live instance that was deleted by hand still decides what is previous to it.
#[test]
fn previous_is_found_when_the_live_instance_is_gone() {
    let mut things = things();
    things.0.pop();
    assert_eq!(found(RequestedVersion::Previous, &host(7), &things).unwrap(), "db-6", "its snapshot is kept");
    things.1.pop();
    assert_eq!(found(RequestedVersion::Previous, &host(7), &things).unwrap(), "db-6", "by its number");
    assert_eq!(found(RequestedVersion::Previous, &host(4_000), &things).unwrap(), "db-6");
    let error = found(RequestedVersion::Previous, &host(2), &things).unwrap_err();
    assert!(error.to_string().contains("none is older than the live version 2"), "{error}");
}

/// > Asking for a version that does not exist lists those that do.
#[test]
fn what_does_not_exist_is_refused_with_what_does() {
    let things = things();
    let because = |wanted, live: &str| {
        let error = found(wanted, live, &things).unwrap_err();
        assert_eq!(error.name(), ErrorName::VersionNotFound);
        error.to_string()
    };
    let exist = "the versions that exist: 7, 6 (live), 5 (its snapshot, to be restored), 4, 3, \
                 2 (its snapshot, to be restored);";
    let missing = because(RequestedVersion::Version(9), &host(6));
    assert!(missing.starts_with("rolling back to version 9: there is neither"), "{missing}");
    assert!(missing.contains(exist), "{missing}");
    assert!(because(RequestedVersion::Previous, "elsewhere.example").contains("names no version of orders"));
    assert!(because(RequestedVersion::Previous, "").contains("names no version of orders"));
}

/// > A rollback goes to data of the database that is meant, and to no other.
#[test]
fn a_version_of_another_database_is_refused_and_both_are_named() {
    let things = (vec![instance(&shop(), 1, 1), instance(&orders(), 2, 2)], vec![kept(&shop(), 3, 3)]);
    let live = host(2);
    let ask = |version, names_database| {
        let seen = world(&things.0, &things.1, &live);
        find(RequestedVersion::Version(version), names_database, &orders(), &seen).unwrap_err()
    };
    for version in [1, 3] {
        let error = ask(version, true);
        assert_eq!(error.name(), ErrorName::SourceMismatch);
        assert!(error.to_string().contains("names database orders, and version"), "{error}");
        assert!(error.to_string().contains("holds data of shop"), "{error}");
        let error = ask(version, false);
        assert_eq!(error.name(), ErrorName::VersionNotFound);
        assert!(error.to_string().contains("the versions that exist: 2 (live)"), "{error}");
    }
    assert_eq!(ask(9, true).name(), ErrorName::VersionNotFound);
}

#[test]
fn what_is_not_ours_is_no_version() {
    let mut foreign = things();
    for one in &mut foreign.0[..2] {
        one.tags = one.tags.clone().with(lineage::STACK, "another-stack");
    }
    for one in &mut foreign.0[2..] {
        one.identifier = format!("investigation-{}", one.identifier).parse().unwrap();
    }
    for one in &mut foreign.1 {
        one.identifier = format!("{}-for-good", one.identifier).parse().unwrap();
    }
    let error = found(RequestedVersion::Version(4), &host(6), &foreign).unwrap_err();
    assert!(error.to_string().contains("the versions that exist: none;"), "{error}");
}

#[test]
fn a_broken_instance_is_as_good_as_gone_and_a_stopped_one_is_not() {
    let mut things = things();
    things.0.push(Instance { status: "failed".into(), ..instance(&orders(), 5, 5) });
    assert_eq!(found(RequestedVersion::Version(5), "", &things).unwrap(), "the snapshot of 5");
    things.0[1].status = "storage-full".into();
    let error = found(RequestedVersion::Version(4), "", &things).unwrap_err();
    assert!(error.to_string().contains("its instance is storage-full, and no"), "{error}");
    things.0[1].status = "stopped".into();
    assert_eq!(found(RequestedVersion::Version(4), "", &things).unwrap(), "db-4");
}

/// > A version that was restored from its snapshot is not restored a second time.
#[test]
fn a_version_that_was_restored_before_is_found_where_it_is() {
    let mut things = things();
    let mut again = instance(&orders(), 8, 5);
    again.tags = again.tags.with(lineage::RESTORED_VERSION, "5");
    things.0.push(again);
    assert_eq!(found(RequestedVersion::Version(5), &host(6), &things).unwrap(), "db-8");
    assert_eq!(found(RequestedVersion::Version(8), &host(6), &things).unwrap(), "db-8");
}
