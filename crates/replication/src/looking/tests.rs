use proptest::prelude::*;

use super::*;
use crate::lineage;
use crate::retention::testing::{self, DATABASE, STACK, host};
use crate::retention::{InstanceRule, Verdict, plan_instances};

const ID: &str = "20261122t103400z-1f2e3d";

fn look<'a>(prefix: &'a InstanceIdentifier, hosts: &'a [&'a str], snapshots: &'a [Snapshot]) -> Look<'a> {
    Look {
        scope: Scope { stack: STACK, prefix, database: Box::leak(Box::new(DATABASE.parse().unwrap())) },
        hosts,
        live_prefix: "",
        snapshots,
        // Not one of those that read everything.
        execution: "run",
        needs_all: false,
    }
}

fn copy_of(prefix: &str, version: Version) -> Snapshot {
    let mut copy = testing::snapshot(prefix, ID, "available", true);
    copy.tags = copy.tags.with(lineage::VERSION, version.to_string());
    copy
}

#[test]
fn the_names_around_what_is_known_are_asked_for() {
    let prefix = "db".parse().unwrap();
    let live = host("db-30");
    let (hosts, snapshots) = ([live.as_str()], [copy_of("db", 200), copy_of("old", 7)]);
    let look = look(&prefix, &hosts, &snapshots);
    let names = look.names(&[]);
    let has = |name: &str| names.iter().any(|one| one.as_str() == name);
    for name in ["db-30", "db-21", "db-39", "db-131", "db-200", "db-210", "old-7", "old-17", "old-1"] {
        assert!(has(name), "{name}");
    }
    for name in ["db-20", "db-40", "db-130", "db-211", "old-18", "old-0", "orders"] {
        assert!(!has(name), "{name}");
    }
    let more = look.names(&[testing::instance("db-210", 210)]);
    assert!(more.iter().any(|one| one.as_str() == "db-220"), "it goes on from what it has found");
    assert!(look.could_be_version("old-3") && !look.could_be_version("orders-3"));
}

/// > The first run of a database, and one in sixteen after it, reads every instance of the account.
#[test]
fn some_runs_read_everything() {
    let prefix = "db".parse().unwrap();
    assert!(look(&prefix, &[""], &[]).reads_all(), "nothing is known yet");
    assert!(look(&prefix, &["elsewhere.example"], &[copy_of("db", 1)][..0]).reads_all());
    let live = host("db-30");
    let hosts = [live.as_str()];
    let known = look(&prefix, &hosts, &[]);
    assert!(!known.reads_all() && Look { needs_all: true, ..known }.reads_all());
    let executions: Vec<String> = (0..1600).map(|n| format!("arn:aws:states:::execution:m:{n:06}")).collect();
    let all = executions.iter().filter(|execution| Look { execution, ..known }.reads_all()).count();
    assert!((60..140).contains(&all), "{all} of 1600");
}

proptest! {
    /// > What a poll has not read makes it delete less, never more and never anything else.
    #[test]
    fn what_is_not_seen_deletes_nothing_else(
        versions in proptest::collection::btree_set(1u32..40, 0..20),
        hidden in proptest::collection::btree_set(1u32..40, 0..20),
        live in 1u32..40,
        keep in 0usize..4,
        marked in any::<bool>(),
    ) {
        let make = |version: &u32| {
            let one = testing::instance(&format!("db-{version}"), *version);
            if marked { testing::marked(one) } else { one }
        };
        let all: Vec<Instance> = versions.iter().map(make).collect();
        let seen: Vec<Instance> = versions.difference(&hidden).map(make).collect();
        let (database, live_host) = (DATABASE.parse().unwrap(), host(&format!("db-{live}")));
        let goes = |instances: &[Instance]| -> BTreeSet<String> {
            let plan = plan_instances(instances, &InstanceRule::new(STACK, &database, &live_host, keep));
            let is_superseded = |verdict| !matches!(verdict, Verdict::Keep | Verdict::Unmark);
            plan.into_iter().filter(|one| is_superseded(one.verdict)).map(|one| one.identifier).collect()
        };
        prop_assert!(goes(&seen).is_subset(&goes(&all)));
    }

    /// > The names that a poll asks for never leave the prefixes of the database, but for what the secret names.
    #[test]
    fn only_own_names_are_asked_for(version in 0u32.., live in 1u32..) {
        let prefix: InstanceIdentifier = "copy-orders".parse().unwrap();
        let live = host(&format!("copy-orders-{live}"));
        let hosts = [live.as_str()];
        let found = [testing::instance(&format!("copy-orders-{}", version.max(1)), version)];
        for name in look(&prefix, &hosts, &[]).names(&found) {
            prop_assert!(naming::version_of("copy-orders", name.as_str()).is_some(), "{name}");
        }
    }
}
