use proptest::prelude::*;

use super::testing::{foreign, host, id, instance, kept, orders, shop, world};
use super::*;

#[test]
fn the_next_version_passes_what_exists() {
    let next = |instances: &[Instance], snapshots: &[Snapshot], live: &str| {
        world(instances, snapshots, live).next_version(&orders()).unwrap()
    };
    assert_eq!(next(&[], &[], ""), 1);
    assert_eq!(next(&[], &[], "db-4.c1.example"), 5, "the secret names one that is gone");
    assert_eq!(next(&[instance(&orders(), 2, 2)], &[kept(&orders(), 6, 6)], "db-4.c1.example"), 7);
    let taken = ["db-3", "db-4", "db-9", "dbs-5"].map(foreign);
    assert_eq!(next(&[&taken[..], &[instance(&orders(), 2, 2)]].concat(), &[], "elsewhere.example"), 5);
}

/// > No version gets the number of one that exists under the same names, of any database of the stack, or that the secret names.
#[test]
fn no_number_is_used_for_two_databases() {
    let next = |instances: &[Instance], snapshots: &[Snapshot], live: &str| {
        world(instances, snapshots, live).next_version(&orders()).unwrap()
    };
    let of_shop = [instance(&shop(), 8, 8), instance(&shop(), 9, 9)];
    assert_eq!(next(&of_shop, &[], ""), 10);
    assert_eq!(
        next(&of_shop, &[kept(&shop(), 12, 12)], ""),
        13,
        "the instance is gone, its snapshot is kept"
    );
    assert_eq!(next(&of_shop, &[], &host(9)), 10);
    assert_eq!(next(&[], &[], &host(20)), 21, "nothing is left but what the secret names");
    assert_eq!(next(&[instance(&orders(), 2, 2)], &[kept(&shop(), 12, 12)], &host(20)), 21);
    let other_stack = foreign("db-40");
    assert_eq!(next(&[other_stack], &[], ""), 1, "what is not the stack's only blocks its own name");
}

/// > A secret that was there before the stack is gone on from: the number in it counts, also under another prefix.
#[test]
fn the_number_in_an_adopted_secret_goes_on() {
    let next = |instances: &[Instance], live_host: &str, live_prefix: &str| {
        let snapshots = [];
        World { instances, snapshots: &snapshots, live_host, live_prefix }.next_version(&orders()).unwrap()
    };
    assert_eq!(next(&[], "old-copy-7.c1.example", "old-copy"), 8);
    let named = [foreign("old-copy-7")];
    assert_eq!(next(&named, "old-copy-7.c1.example", "old-copy"), 8, "of somebody else, and there");
    assert_eq!(next(&[instance(&orders(), 9, 9)], "old-copy-7.c1.example", "old-copy"), 10);
    for (host, prefix) in [
        ("production.c1.example", ""),
        ("production-2024.c1.example", "copy"),
        ("", "copy"),
        ("old-copy-07.c1.example", "old-copy"),
    ] {
        assert_eq!(next(&[], host, prefix), 1, "{host} {prefix}");
    }
}

/// > The live version and what is newer are counted for each source database by itself.
#[test]
fn a_database_that_the_stack_no_longer_serves_counts_for_nothing() {
    let instances = [instance(&shop(), 8, 8), instance(&shop(), 9, 9), instance(&shop(), 1, 1)];
    let (snapshots, live) = ([kept(&shop(), 12, 12)], host(9));
    let seen = world(&instances, &snapshots, &live);
    assert_eq!(seen.live(&orders()), Live::Nothing);
    assert!(matches!(seen.live(&shop()), Live::Instance(one) if one.identifier.as_str() == "db-9"));
    assert!(seen.ahead(&orders(), &id(20)).is_empty());
    let gone = host(12);
    assert_eq!(
        world(&instances, &snapshots, &gone).live(&orders()),
        Live::Nothing,
        "12 is the other database's"
    );
    assert_eq!(seen.other_database(&orders(), 12), Some("shop"));
    assert_eq!(seen.other_database(&shop(), 12), None);
}

/// > A version number at the end of its range is a named error at once.
#[test]
fn the_end_of_the_range_is_named() {
    let end = Version::MAX;
    let host = format!("db-{end}.c1.example");
    let last = [instance(&orders(), end, 3)];
    let kept = [kept(&orders(), end, 3)];
    for seen in [world(&last, &[], ""), world(&[], &kept, ""), world(&[], &[], &host)] {
        let error = seen.next_version(&orders()).unwrap_err();
        assert_eq!(error.name(), ErrorName::VersionsExhausted);
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
    let before = [instance(&orders(), end - 1, 3), foreign(&format!("db-{end}"))];
    assert_eq!(
        world(&before, &[], "").next_version(&orders()).unwrap_err().name(),
        ErrorName::VersionsExhausted
    );
    assert_eq!(world(&before[..1], &[], "").next_version(&orders()).unwrap(), end);
}

/// > No more than MaxVersionsAhead restored versions are newer than the live one; then a run ends before it copies.
#[test]
fn only_so_many_versions_are_newer_than_the_live_one() {
    let late = Instance { ..instance(&orders(), 9, 1) };
    let again = |version, day| {
        let mut one = instance(&orders(), version, day);
        one.tags = one.tags.with(crate::lineage::RESTORED_VERSION, "4");
        one
    };
    let instances = [4, 5, 6]
        .map(|n| instance(&orders(), n, n))
        .into_iter()
        .chain([late, again(7, 4)])
        .collect::<Vec<_>>();
    let check = |live: &str, this: u32, most: usize| {
        world(&instances, &[], live).check_ahead(&orders(), &id(this), most, "copying")
    };
    assert!(check(&host(4), 20, 3).is_ok(), "5 and 6 are newer; 9 is late, 7 has the same data");
    let error = check(&host(4), 20, 2).unwrap_err();
    assert_eq!(error.name(), ErrorName::TooManyVersionsAhead);
    for said in [
        "2 versions of orders are newer than the live version db-4 and were never live: db-5, db-6",
        "MaxVersionsAhead",
    ] {
        assert!(error.to_string().contains(said), "{error}");
    }
    assert!(check(&host(4), 6, 2).is_ok(), "what this replication has restored does not count");
    let mut left_by_rollback = instances.clone();
    left_by_rollback[1].tags =
        left_by_rollback[1].tags.clone().with(crate::lineage::PROMOTED.0, crate::lineage::PROMOTED.1);
    let live = host(4);
    let after_rollback = world(&left_by_rollback, &[], &live);
    assert!(after_rollback.check_ahead(&orders(), &id(20), 2, "copying").is_ok(), "5 was live once");
    assert!(check(&host(6), 20, 1).is_ok());
    assert!(check(&host(7), 20, 2).is_err(), "a rollback to 4 is as old as 4");
    let error = check("", 20, 5).unwrap_err();
    assert!(error.to_string().contains("the secret names no version of orders, and 5 wait"), "{error}");
    // The name is the same and the host is not, so that it is not the one.
    assert!(check("db-5.c2.example", 20, 6).is_ok());
    // The instance is gone, so its snapshot or its number decides.
    let gone = host(3);
    let old = [kept(&orders(), 3, 3)];
    let ahead = |snapshots: &[Snapshot]| world(&instances, snapshots, &gone).ahead(&orders(), &id(20)).len();
    assert_eq!((ahead(&old), ahead(&[])), (4, 5));
}

proptest! {
    #[test]
    fn the_next_name_is_free_and_newer(
        ours in proptest::collection::vec(1u32..40, 0..8),
        former in proptest::collection::vec(1u32..40, 0..4),
        others in proptest::collection::vec(1u32..40, 0..8),
    ) {
        let mut all: Vec<Instance> = ours.iter().map(|n| instance(&orders(), *n, 1)).collect();
        all.extend(former.iter().map(|n| instance(&shop(), *n, 1)));
        all.extend(others.iter().map(|n| foreign(&format!("db-{n}"))));
        let next = world(&all, &[], "").next_version(&orders()).unwrap();
        prop_assert!(ours.iter().chain(&former).all(|n| *n < next));
        prop_assert!(!others.contains(&next));
        prop_assert!(!(ours.is_empty() && former.is_empty() && !others.contains(&1)) || next == 1);
    }
}
