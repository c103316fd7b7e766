use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use super::*;
use crate::lineage::Tags;
use crate::naming::{instance, version_of};
use crate::observed::{Snapshot, testing};
use crate::retention::{self, InstanceRule, SnapshotRule};
use crate::versions::{Live, World};

fn destination(databases: &str, secret: &str) -> Destination {
    Destination {
        stack: "stack".to_owned(),
        databases: databases.parse().unwrap(),
        database_name: "copy".parse().unwrap(),
        secret: secret.to_owned(),
    }
}

fn named(destination: &Destination, database: Option<&str>) -> Result<(String, LiveSecret), ErrorName> {
    let database = database.map(|database| database.parse().unwrap());
    let found = destination.of(database.as_ref(), "copying");
    found.map(|found| (found.prefix.to_string(), found.secret)).map_err(|error| error.name())
}

#[test]
fn one_database_has_the_names_of_the_stack() {
    let one = destination("orders", "arn:secret");
    let own = ("copy".to_owned(), LiveSecret { id: "arn:secret".to_owned(), is_made_by_run: false });
    assert_eq!(named(&one, None), Ok(own.clone()));
    assert_eq!(named(&one, Some("orders")), Ok(own));
    assert_eq!(named(&one, Some("orders-2")), Err(ErrorName::SourceMismatch));
}

#[test]
fn each_of_many_has_names_and_a_secret_of_its_own() {
    let many = destination("orders*", "dev/db/read");
    let secret = LiveSecret { id: "dev/db/read/orders-2".to_owned(), is_made_by_run: true };
    assert_eq!(named(&many, Some("orders-2")), Ok(("copy-orders-2".to_owned(), secret)));
    assert_eq!(named(&many, Some("shop")), Err(ErrorName::SourceMismatch));
    assert_eq!(named(&many, None), Err(ErrorName::SourceMismatch));
    let longest = format!("orders{}", "x".repeat(45));
    assert_eq!(named(&many, Some(&longest)).unwrap().0.len(), 56);
    assert_eq!(named(&many, Some(&format!("{longest}x"))), Err(ErrorName::InvalidInput));
}

#[test]
fn a_pattern_stands_for_what_it_says() {
    for (pattern, matching, others) in [
        ("*", &["a", "orders"][..], &[][..]),
        ("orders-*", &["orders-1", "orders-1-2"], &["orders", "my-orders-1"]),
        ("*-prod", &["shop-prod"], &["shop-prod-2", "prod"]),
        ("a*b*c", &["abc", "a1b2c", "abbcc"], &["ab", "acb", "ac"]),
        ("a*a", &["aa", "aba"], &["a"]),
    ] {
        let databases: SourceDatabases = pattern.parse().unwrap();
        for name in matching {
            assert!(databases.include(&name.parse().unwrap()), "{pattern} {name}");
        }
        for name in others {
            assert!(!databases.include(&name.parse().unwrap()), "{pattern} {name}");
        }
    }
    for wrong in ["orders_*", "or ders*", "*{}", "", "orders?"] {
        assert!(wrong.parse::<SourceDatabases>().is_err(), "{wrong}");
    }
}

/// > Names that another stack gives too are refused before anything is copied.
#[test]
fn names_that_meet_those_of_another_stack_are_refused() {
    let of = |stack: &str, name: &str| testing::instance(name, Tags::default().with(lineage::STACK, stack));
    let many = destination("*", "read").of(Some(&"a".parse().unwrap()), "copying").unwrap();
    let ours = [
        of("stack", "copy-a-1"),
        of("another", "copy-ab-1"),
        of("another", "copy-a"),
        of("another", "copy-a-b-1"),
    ];
    assert!(many.check_names(&ours, "copying").is_ok());
    let untagged = testing::instance("copy-a-2", Tags::default());
    assert!(many.check_names(&[untagged], "copying").is_ok(), "its number is passed");
    let error = many.check_names(&[of("another", "copy-a-7")], "copying").unwrap_err();
    assert_eq!(error.name(), ErrorName::NameTaken);
    assert!(error.to_string().contains("copy-a-7 is of stack another"), "{error}");
    let one = destination("a", "arn:secret").of(None, "copying").unwrap();
    assert!(one.check_names(&[of("another", "copy-7")], "copying").is_ok());
}

/// The versions of a database: their instances and the snapshots that they were restored from.
fn versions_of(replicated: &Replicated, versions: &BTreeSet<u32>) -> (Vec<Instance>, Vec<Snapshot>) {
    let id = |version: u32| format!("202611{version:02}t000000z-aaaaaa").parse().unwrap();
    let tags = |version: u32| {
        let tags = Tags::of_replication("stack", &id(version), &replicated.database);
        tags.with(lineage::VERSION, version.to_string())
    };
    let instances = versions.iter().map(|version| {
        let name = instance(&replicated.prefix, *version).unwrap();
        testing::instance(name.as_str(), tags(*version).named(name.as_str()))
    });
    let snapshots = versions.iter().map(|version| {
        let name = naming::destination_copy(replicated.prefix.as_str(), &id(*version)).unwrap();
        testing::snapshot(name.as_str(), "available", tags(*version).named(name.as_str()))
    });
    (instances.collect(), snapshots.collect())
}

proptest! {
    /// > No name of one database is that of another, and every name begins with the stack's own prefix.
    #[test]
    fn the_names_of_two_databases_never_meet(
        one in "[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,2}", other in "[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,2}",
        version in 1_u32..30,
    ) {
        prop_assume!(one != other);
        let many = destination("*", "secret");
        let of = |database: &str| many.of(Some(&database.parse().unwrap()), "copying").unwrap();
        let (one, other) = (of(&one), of(&other));
        let name = instance(&one.prefix, version).unwrap();
        prop_assert!(name.as_str().starts_with("copy-"));
        prop_assert_eq!(version_of(one.prefix.as_str(), name.as_str()), Some(version));
        // A database can be called as a version of another one is; its own versions have one number more.
        prop_assert_eq!(version_of(other.prefix.as_str(), name.as_str()), None);
        prop_assert_ne!(one.secret.id, other.secret.id);
    }

    /// > Two stacks with patterns that overlap never both make versions of one name: the second one is refused by name.
    #[test]
    fn patterns_that_overlap_are_refused(
        database in "[ab]{1,3}(-[ab]{1,2}){0,1}", one in "[ab]{0,2}\\*[ab]{0,1}", other in "[ab]{0,2}\\*[ab]{0,1}",
        version in 1_u32..30,
    ) {
        let stack = |name: &str, pattern: &str| {
            Destination { stack: name.to_owned(), ..destination(pattern, "secret") }
        };
        let database: InstanceIdentifier = database.parse().unwrap();
        let of = |name: &str, pattern: &str| stack(name, pattern).of(Some(&database), "copying").ok();
        if let (Some(first), Some(second)) = (of("first", &one), of("second", &other)) {
            let name = instance(&first.prefix, version).unwrap();
            let made = [testing::instance(name.as_str(), Tags::default().with(lineage::STACK, "first"))];
            prop_assert!(first.check_names(&made, "copying").is_ok());
            let refused = second.check_names(&made, "copying").unwrap_err();
            prop_assert_eq!(refused.name(), ErrorName::NameTaken);
        }
    }

    /// > For any fleet the plan of one database names only its own things, and its versions are counted by themselves.
    #[test]
    fn the_plan_of_one_database_names_only_its_own_things(
        fleet in btree_map("[ab](-[ab12]){0,2}", (btree_set(1_u32..9, 0..5), 0_usize..5), 1..5),
        keep in 0_usize..3,
    ) {
        let many = destination("*", "secret");
        let of = |database: &str| many.of(Some(&database.parse().unwrap()), "copying").unwrap();
        let (mut instances, mut snapshots) = (Vec::new(), Vec::new());
        for (database, (versions, _)) in &fleet {
            let (its_instances, its_snapshots) = versions_of(&of(database), versions);
            instances.extend(its_instances);
            snapshots.extend(its_snapshots);
        }
        for (database, (versions, live)) in &fleet {
            let replicated = of(database);
            let begins = format!("{}-", replicated.prefix);
            let live = versions.iter().nth(*live).copied();
            let live_host = live.map_or_else(String::new, |version| {
                testing::host(instance(&replicated.prefix, version).unwrap().as_str())
            });
            let rule = InstanceRule::new("stack", &replicated.database, &live_host, keep);
            for decision in retention::plan_instances(&instances, &rule) {
                prop_assert!(version_of(replicated.prefix.as_str(), &decision.identifier).is_some());
            }
            let rule = SnapshotRule::new("stack", &replicated.database, 2);
            for decision in retention::plan_snapshots(&snapshots, &rule) {
                prop_assert!(decision.identifier.starts_with(&begins));
                prop_assert!(naming::is_snapshot_of(replicated.prefix.as_str(), &decision.identifier));
            }
            let world = World {
                instances: &instances, snapshots: &snapshots, live_host: &live_host, live_prefix: "",
            };
            let scope = replicated.scope();
            prop_assert_eq!(world.next_version(&scope).unwrap(), versions.last().map_or(1, |last| last + 1));
            for version in 1..9 {
                prop_assert_eq!(world.other_database(&scope, version), None);
            }
            for one in world.ahead(&scope, &"20261130t000000z-aaaaaa".parse().unwrap()) {
                prop_assert!(version_of(replicated.prefix.as_str(), one.identifier.as_str()).is_some());
            }
            prop_assert_eq!(live.is_some(), matches!(world.live(&scope), Live::Instance(_)));
            prop_assert!(replicated.check_names(&instances, "copying").is_ok());
        }
    }
}
