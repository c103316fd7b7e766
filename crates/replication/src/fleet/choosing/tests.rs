use proptest::prelude::*;

use super::super::children::{self, Past};
use super::*;

fn candidate(name: &str) -> Candidate {
    Candidate {
        database: name.parse().unwrap(),
        engine: "postgres".to_owned(),
        cluster: None,
        replica_of: None,
        status: "available".into(),
        storage: 20,
        tags: Tags::default().with("rds-replication", "true"),
    }
}

fn rule(by: By) -> Rule {
    Rule { by, read_replicas: false, continued: vec![] }
}

fn by_tag() -> Rule {
    rule(By::Tag("rds-replication".to_owned(), "true".to_owned()))
}

fn by_list(names: &[&str]) -> Rule {
    rule(By::List(names.iter().map(|name| name.parse().unwrap()).collect()))
}

fn names(databases: &[InstanceIdentifier]) -> Vec<&str> {
    databases.iter().map(InstanceIdentifier::as_str).collect()
}

fn choose_anew(candidates: &[Candidate], rule: &Rule) -> Result<Chosen, Error> {
    choose(candidates, rule, &History::default())
}

/// > A fleet replicates the databases with its tag, or with names of its pattern, or those that the input lists, and no other.
#[test]
fn databases_are_chosen_by_tag_by_pattern_or_by_list() {
    let tagged = |name: &str, value: &str| Candidate {
        tags: Tags::default().with("rds-replication", value),
        ..candidate(name)
    };
    let all = [
        tagged("orders-eu", "true"),
        tagged("orders-us", "false"),
        tagged("billing", "true"),
        tagged("foreign", ""),
    ];
    for (rule, chosen) in [
        (by_tag(), vec!["billing", "orders-eu"]),
        (rule(By::Pattern("orders-*".to_owned())), vec!["orders-eu", "orders-us"]),
        (rule(By::Pattern("*s".to_owned())), vec!["orders-us"]),
        (rule(By::Pattern("*er*-*u".to_owned())), vec!["orders-eu"]),
        (rule(By::Pattern("billing".to_owned())), vec!["billing"]),
        (by_list(&["Foreign", "orders-us"]), vec!["foreign", "orders-us"]),
    ] {
        assert_eq!(names(&choose_anew(&all, &rule).unwrap().databases), chosen, "{}", rule.by);
    }
    let error = choose_anew(&all, &rule(By::Pattern("order".to_owned()))).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotFound);
    assert!(
        error.to_string().contains("none of the 4 databases")
            && error.to_string().contains("FleetNamePattern"),
        "{error}"
    );
}

/// > What a fleet chooses and cannot replicate is left out with its reason: members of clusters, databases of other services,
/// > read replicas, restored versions, and what cannot be snapshotted now, which counts as failed.
#[test]
fn what_cannot_be_replicated_is_left_out_with_its_reason() {
    let with = |change: fn(&mut Candidate)| {
        let mut one = candidate("orders");
        change(&mut one);
        one
    };
    for (one, reason, error) in [
        (with(|one| one.engine = "neptune".to_owned()), "Amazon Neptune", None),
        (with(|one| one.engine = "docdb".to_owned()), "Amazon DocumentDB", None),
        (with(|one| one.cluster = Some("c1".to_owned())), "a member of cluster c1", None),
        (with(|one| one.replica_of = Some("primary".to_owned())), "a read replica of primary", None),
        (
            with(|one| one.tags = one.tags.clone().with(lineage::STACK, "copies")),
            "stack copies has restored",
            None,
        ),
        (with(|one| one.status = "deleting".into()), "it is deleting", None),
        (with(|one| one.status = "stopped".into()), "the database is stopped", Some("InstanceNotReady")),
        (with(|one| one.status = "storage-full".into()), "storage-full", Some("InstanceNotReady")),
    ] {
        let chosen = choose_anew(&[one], &by_tag()).unwrap();
        assert_eq!(chosen.databases, []);
        let [left_out] = chosen.left_out.as_slice() else { panic!("{chosen:?}") };
        assert!(left_out.reason.contains(reason), "{left_out:?}");
        assert_eq!(left_out.error.as_deref(), error);
    }
    let busy = with(|one| one.status = "modifying".into());
    assert_eq!(choose_anew(&[busy], &by_tag()).unwrap().databases.len(), 1, "its own run waits for it");
    let replica = with(|one| one.replica_of = Some("primary".to_owned()));
    let too = Rule { read_replicas: true, ..by_tag() };
    assert_eq!(choose_anew(&[replica], &too).unwrap().databases.len(), 1);
    let chosen = choose_anew(&[candidate("orders")], &by_list(&["orders", "orders", "nowhere"])).unwrap();
    assert_eq!(names(&chosen.databases), ["orders"]);
    let left_out: Vec<_> =
        chosen.left_out.iter().map(|one| (one.database.as_str(), one.error.as_deref())).collect();
    assert_eq!(left_out, [("orders", None), ("nowhere", Some("NotFound"))]);
}

/// > Databases of unknown duration start first, the largest before the others, then those that took longest.
#[test]
fn the_longest_start_first() {
    let sized = |name: &str, storage| Candidate { storage, ..candidate(name) };
    let past = |name: &str, seconds| Past { name: format!("20261122t103400z-1f2e3d4a5b-{name}"), seconds };
    let past = [past("quick", 5), past("slow", 900), past("slow", 1)];
    let all = [
        sized("quick", 900),
        sized("slow", 5),
        sized("small", 20),
        sized("large", 500),
        sized("also-small", 20),
    ];
    let chosen = choose(&all, &by_tag(), &History::of(&past)).unwrap();
    assert_eq!(names(&chosen.databases), ["large", "also-small", "small", "slow", "quick"]);
}

#[test]
fn too_many_for_one_run_are_refused() {
    let many: Vec<Candidate> = (0..=MOST_DATABASES).map(|at| candidate(&format!("db-{at}"))).collect();
    assert!(choose_anew(&many[1..], &by_tag()).is_ok());
    let error = choose_anew(&many, &by_tag()).unwrap_err();
    assert_eq!(error.name(), ErrorName::InvalidInput);
    assert!(error.to_string().contains("501 databases are chosen"), "{error}");
}

proptest! {
    /// > A run that continues another repeats nothing that this one has done, and every chosen database is in exactly one place.
    #[test]
    fn a_run_that_continues_repeats_nothing_that_is_done(done in proptest::collection::vec(any::<bool>(), 1..20)) {
        let run: ReplicationId = "20261122t103400z-1f2e3d4a5b".parse().unwrap();
        let all: Vec<Candidate> = (0..done.len()).map(|at| candidate(&format!("db-{at}"))).collect();
        let past: Vec<Past> = all
            .iter()
            .zip(&done)
            .filter(|(_, done)| **done)
            .map(|(one, _)| Past { name: children::name(&run, &one.database), seconds: 1 })
            .collect();
        let rule = Rule { continued: vec![run], ..by_tag() };
        let chosen = choose(&all, &rule, &History::of(&past)).unwrap();
        prop_assert_eq!(chosen.done_before.len(), past.len());
        prop_assert_eq!(chosen.databases.len() + chosen.done_before.len(), all.len());
        for (one, done) in all.iter().zip(&done) {
            prop_assert_eq!(chosen.done_before.contains(&one.database), *done);
            prop_assert_eq!(chosen.databases.contains(&one.database), !done);
        }
    }
}

/// > A database that a fleet has replicated and does not any more is named, whether it is gone or only no longer chosen.
#[test]
fn a_database_that_nobody_replicates_any_more_is_named() {
    let untagged = Candidate { tags: Tags::default(), ..candidate("former") };
    let stopped = Candidate { status: "stopped".into(), ..candidate("idle") };
    let all = [candidate("orders"), untagged, stopped];
    let snapshotted = ["orders", "former", "gone", "idle"].map(|name| name.parse().unwrap()).into();
    let named = |rule: &Rule| -> Vec<(String, String)> {
        let chosen = choose_anew(&all, rule).unwrap();
        let abandoned = abandoned(&all, rule, &chosen, &snapshotted);
        assert!(abandoned.iter().all(|one| one.error.is_none()), "it is no failure of this run");
        abandoned.into_iter().map(|one| (one.database.to_string(), one.reason)).collect()
    };
    let found = named(&by_tag());
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["former", "gone"]);
    assert!(found[0].1.contains("no longer chooses it") && found[1].1.contains("it is gone"), "{found:?}");
    assert!(named(&by_list(&["orders"])).is_empty());
}
