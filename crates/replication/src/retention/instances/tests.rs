//! Tables and properties of the decision about instances.

use proptest::prelude::*;

use super::*;
use crate::lineage::{self, Tags};
use crate::observed;
use crate::progress::INSTANCE_STATUSES;
use crate::retention::testing::{DATABASE, STACK, host, instance, marked, verdicts};

use Verdict::{Delete, Keep, Later, Mark, Unmark};

fn decide(all: &[Instance], live_host: &str, keep: usize) -> Vec<Decision> {
    plan_instances(all, &InstanceRule::new(STACK, &DATABASE.parse().unwrap(), live_host, keep))
}

#[test]
fn the_live_version_and_n_older_ones_stay() {
    let mut all: Vec<Instance> = (1..=5).map(|v| instance(&format!("db-{v}"), v)).collect();
    all[0] = marked(all[0].clone());
    let plan = decide(&all, &host("db-5"), 2);
    assert_eq!(
        verdicts(&plan),
        [("db-5", Keep), ("db-4", Keep), ("db-3", Keep), ("db-2", Mark), ("db-1", Delete)]
    );
    assert_eq!(plan[0].to_string(), "keep db-5: the secret names it");
    assert_eq!(plan[3].to_string(), "mark db-2: older than the 2 versions kept for rolling back");
}

fn data_of(instance: Instance, day: u32) -> Instance {
    let tags = instance.tags.clone().with(lineage::DATA_TIME, format!("2026-11-{day:02}T00:00:00Z"));
    Instance { tags, ..instance }
}

/// > What is older is decided by the time of the data, so that what arrives late takes no place of what one can roll
/// > back to.
#[test]
fn a_late_version_is_old_although_its_number_is_new() {
    let all = [(1, 10), (2, 11), (3, 1), (4, 12)];
    let all = all.map(|(version, day)| data_of(instance(&format!("db-{version}"), version), day));
    let plan = decide(&all, &host("db-4"), 2);
    assert_eq!(verdicts(&plan), [("db-4", Keep), ("db-2", Keep), ("db-1", Keep), ("db-3", Mark)]);
    let plan = decide(&all, &host("db-1"), 0);
    assert_eq!(verdicts(&plan), [("db-4", Keep), ("db-2", Keep), ("db-1", Keep), ("db-3", Mark)]);
    let mut untimed = all;
    untimed[0].tags = instance("db-1", 1).tags;
    let plan = decide(&untimed, &host("db-4"), 0);
    assert_eq!(plan[3].to_string(), "keep db-1: the time of its data is not known");
}

/// > Versions that hold the same data take one place among those that stay, and the live one is never the one that goes.
#[test]
fn the_same_data_takes_one_place() {
    let all = [(1, 8), (2, 9), (3, 10), (4, 10), (5, 12), (6, 12)];
    let all = all.map(|(version, day)| data_of(instance(&format!("db-{version}"), version), day));
    let plan = decide(&all, &host("db-6"), 2);
    let expected =
        [("db-6", Keep), ("db-5", Mark), ("db-4", Keep), ("db-3", Mark), ("db-2", Keep), ("db-1", Mark)];
    assert_eq!(verdicts(&plan), expected);
    assert_eq!(plan[1].reason, "it holds the same data as db-6, which stays");
    // After a rollback what is not older than the live version stays, although it holds the same data.
    let plan = decide(&all, &host("db-3"), 1);
    let expected =
        [("db-6", Keep), ("db-5", Keep), ("db-4", Keep), ("db-3", Keep), ("db-2", Keep), ("db-1", Mark)];
    assert_eq!(verdicts(&plan), expected);
    // What a rollback has restored of a version is live, and the version itself was not usable any more.
    let id = |one: Instance, id: &str| Instance {
        tags: one.tags.clone().with(lineage::REPLICATION_ID, id),
        ..one
    };
    let mut broken = id(instance("db-3", 3), "20261110t000000z-aaaaaa");
    broken.status = "storage-full".into();
    let restored = id(instance("db-7", 7), "20261110t000000z-aaaaaa");
    let plan = decide(&[all[0].clone(), broken.clone(), restored], &host("db-7"), 2);
    assert_eq!(verdicts(&plan), [("db-7", Keep), ("db-3", Mark), ("db-1", Keep)]);
    // What one cannot roll back to takes no place of the same data that one can.
    let usable = id(instance("db-2", 2), "20261110t000000z-aaaaaa");
    let plan = decide(&[usable, broken, data_of(instance("db-8", 8), 20)], &host("db-8"), 1);
    assert_eq!(verdicts(&plan), [("db-8", Keep), ("db-3", Keep), ("db-2", Keep)]);
}

/// A version that has served readers may hold what they wrote, whatever its status says by now.
#[test]
fn what_has_served_readers_is_no_leftover_of_a_failed_restore() {
    let failed = Instance { status: "failed".into(), ..instance("db-1", 1) };
    let live = || instance("db-2", 2);
    let served = Instance {
        tags: failed.tags.clone().with(lineage::PROMOTED.0, lineage::PROMOTED.1),
        ..failed.clone()
    };
    assert_eq!(verdicts(&decide(&[failed, live()], &host("db-2"), 1)), [("db-2", Keep), ("db-1", Mark)]);
    assert_eq!(
        verdicts(&decide(&[served.clone(), live()], &host("db-2"), 1)),
        [("db-2", Keep), ("db-1", Keep)]
    );
    assert_eq!(verdicts(&decide(&[served, live()], &host("db-2"), 0)), [("db-2", Keep), ("db-1", Mark)]);
}

/// > With `FinalSnapshot=true` nothing that may hold data is deleted without a final snapshot.
#[test]
fn what_hinders_a_deletion_is_named_with_what_to_do() {
    let orders = DATABASE.parse().unwrap();
    let due = marked(instance("db-1", 1));
    let reason = |due: &Instance, final_snapshot: bool| {
        let live_host = host("db-2");
        let rule = InstanceRule { final_snapshot, ..InstanceRule::new(STACK, &orders, &live_host, 0) };
        plan_instances(&[due.clone(), instance("db-2", 2)], &rule)[1].to_string()
    };
    let replicated = Instance { read_replicas: vec!["reports".to_owned()], ..due.clone() };
    let stopped = Instance { status: "stopped".into(), ..due.clone() };
    let unknown = Instance { status: "a-word-of-next-year".into(), ..due.clone() };
    let begins = |text: String, start: &str| assert!(text.starts_with(start), "{text}");
    begins(reason(&due, true), "delete db-1: ");
    begins(reason(&unknown, true), "delete db-1: ");
    begins(reason(&stopped, false), "delete db-1: ");
    for (one, words) in
        [(&replicated, "the read replica reports: delete or"), (&stopped, "start it, or deploy")]
    {
        let text = reason(one, true);
        assert!(text.starts_with("delete later db-1: ") && text.contains(words), "{text}");
    }
    for word in
        ["failed", "incompatible-restore", "incompatible-network", "inaccessible-encryption-credentials"]
    {
        let broken = Instance { status: word.into(), ..due.clone() };
        let served = Instance {
            tags: due.tags.clone().with(lineage::PROMOTED.0, lineage::PROMOTED.1),
            ..broken.clone()
        };
        let text = reason(&served, true);
        assert!(text.starts_with("delete later db-1: ") && text.contains("no final snapshot"), "{text}");
        begins(reason(&served, false), "delete db-1: ");
        let is_leftover = broken.status.restored() == Restored::FailedRestore;
        begins(reason(&broken, true), if is_leftover { "delete db-1: " } else { "delete later db-1: " });
    }
    let running = "20261122t103400z-1f2e3d";
    let needed = Instance { tags: due.tags.clone().with(lineage::REPLICATION_ID, running), ..due };
    let live = data_of(instance("db-2", 2), 30);
    let live_host = host("db-2");
    let in_use = InUse::of_executions("mine", [running], []);
    let rule = InstanceRule { in_use, ..InstanceRule::new(STACK, &orders, &live_host, 0) };
    let text = plan_instances(&[needed, live], &rule)[1].to_string();
    assert!(text.starts_with("keep db-1: older than") && text.ends_with("is still running"), "{text}");
}

/// The original's first destructive case: it deletes what it has just restored.
#[test]
fn keeping_no_older_version_never_deletes_the_one_just_restored() {
    let all = [marked(instance("db-1", 1)), instance("db-2", 2)];
    let plan = decide(&all, &host("db-2"), 0);
    assert_eq!(verdicts(&plan), [("db-2", Keep), ("db-1", Delete)]);
}

/// The original's second destructive case: it looks for the version's digits anywhere in a name.
#[test]
fn digits_in_a_prefix_never_point_at_another_database() {
    let mut foreign = instance("app-1", 1);
    foreign.tags = Tags::default().with(lineage::DELETION_TAG.0, lineage::DELETION_TAG.1);
    let all = [instance("app3-3", 3), marked(instance("app3-2", 2)), foreign];
    let plan = decide(&all, &host("app3-3"), 0);
    assert_eq!(verdicts(&plan), [("app3-3", Keep), ("app3-2", Delete)]);
}

/// The original's third destructive case: it deletes everything that carries the deletion tag.
#[test]
fn an_instance_of_someone_else_with_the_mark_is_not_even_in_the_plan() {
    let mut foreign = marked(instance("db-1", 1));
    foreign.tags = foreign.tags.with(lineage::STACK, "another-stack");
    let plan = decide(&[foreign, instance("db-2", 2)], &host("db-2"), 0);
    assert_eq!(verdicts(&plan), [("db-2", Keep)]);
}

/// > What others restore or copy from our snapshots stays, although RDS copies our tags to it, even the deletion tag.
#[test]
fn what_an_operator_has_restored_from_a_snapshot_of_ours_stays() {
    let mut by_hand = marked(instance("db-1", 1));
    by_hand.identifier = "investigation-1".parse().unwrap();
    by_hand.host = Some(host("investigation-1"));
    let all = [by_hand, instance("db-2", 2), instance("db-1", 1)];
    let plan = decide(&all, &host("db-2"), 1);
    assert_eq!(verdicts(&plan), [("investigation-1", Keep), ("db-2", Keep), ("db-1", Keep)]);
    let plan = decide(&all, &host("investigation-1"), 0);
    assert!(plan.iter().all(|decision| decision.verdict == Keep), "the secret names nothing of ours");
}

#[test]
fn nothing_is_superseded_while_the_secret_names_nothing_of_ours() {
    let all = [instance("db-1", 1), instance("db-2", 2)];
    for live in ["", "elsewhere.example"] {
        let plan = decide(&all, live, 0);
        assert!(plan.iter().all(|decision| decision.verdict == Keep), "{live}");
    }
}

#[test]
fn a_version_that_is_live_again_or_kept_again_loses_its_mark() {
    let all = [marked(instance("db-1", 1)), marked(instance("db-2", 2))];
    let plan = decide(&all, &host("db-1"), 0);
    assert_eq!(verdicts(&plan), [("db-2", Unmark), ("db-1", Unmark)]);
}

#[test]
fn what_cannot_be_deleted_now_is_deleted_later() {
    let mut all: Vec<Instance> = (1..=4).map(|v| marked(instance(&format!("db-{v}"), v))).collect();
    all[0].status = "modifying".into();
    all[1].deletion_protection = true;
    all[2].status = "incompatible-restore".into();
    let plan = decide(&all, &host("db-4"), 0);
    assert_eq!(verdicts(&plan), [("db-4", Unmark), ("db-3", Delete), ("db-2", Later), ("db-1", Later)]);
}

#[test]
fn what_one_cannot_roll_back_to_takes_no_place_of_what_one_can() {
    let mut all: Vec<Instance> = (1..=6).map(|v| instance(&format!("db-{v}"), v)).collect();
    all[4].status = "creating".into();
    all[3].status = "restore-error".into();
    all[2].status = "stopped".into();
    let plan = decide(&all, &host("db-6"), 1);
    let expected =
        [("db-6", Keep), ("db-5", Keep), ("db-4", Mark), ("db-3", Keep), ("db-2", Mark), ("db-1", Mark)];
    assert_eq!(verdicts(&plan), expected);
}

fn any_instance() -> impl Strategy<Value = Instance> {
    let statuses = prop_oneof![
        6 => Just("available".to_owned()),
        2 => proptest::sample::select(INSTANCE_STATUSES).prop_map(|status| status.word.to_owned()),
        1 => Just("a-word-of-next-year".to_owned()),
    ];
    let stacks = prop_oneof![4 => Just(Some(STACK)), 1 => Just(Some("destination-2")), 1 => Just(None)];
    let versions = prop_oneof![
        12 => (1u32..12).prop_map(|version| Some(version.to_string())),
        1 => Just(None),
        1 => "[a-z0-9-]{0,3}".prop_map(Some),
    ];
    // Prefixes with digits and hyphens, and numbers that have nothing to do with the version's tag.
    let names = "[a-z][a-z0-9]{0,2}(-[a-z0-9]{1,2}){0,2}-[0-9]{1,2}";
    let made_under = prop_oneof![6 => Just(None), 1 => Just(Some("db-1")), 1 => Just(Some(""))];
    let of = (
        proptest::sample::select(&[DATABASE, DATABASE, DATABASE, "billing", ""][..]),
        proptest::option::weighted(0.9, 1u32..6),
        proptest::sample::select(&["", "", "", "reports"][..]),
    );
    (statuses, stacks, versions, any::<bool>(), any::<bool>(), names, any::<bool>(), made_under, of).prop_map(
        |(status, stack, version, marked, protected, identifier, has_host, made_under, of)| {
            let (database, day, replica) = of;
            let mut tags = Tags::default()
                .with(lineage::SOURCE_DATABASE, database)
                .with_some(lineage::DATA_TIME, day.map(|day| format!("2026-11-{day:02}T00:00:00Z")))
                .named(made_under.unwrap_or(&identifier));
            if let Some(stack) = stack {
                tags = tags.with(lineage::STACK, stack);
            }
            if let Some(version) = version {
                tags = tags.with(lineage::VERSION, version);
            }
            if marked {
                tags = tags.with(lineage::DELETION_TAG.0, lineage::DELETION_TAG.1);
            }
            Instance {
                host: has_host.then(|| host(&identifier)),
                status: status.as_str().into(),
                deletion_protection: protected,
                read_replicas: Some(replica.to_owned()).filter(|name| !name.is_empty()).into_iter().collect(),
                ..observed::testing::instance(&identifier, tags)
            }
        },
    )
}

fn fleet() -> impl Strategy<Value = (Vec<Instance>, String, usize)> {
    (proptest::collection::vec(any_instance(), 0..12), 0usize..14, 0usize..4).prop_map(
        |(mut all, live, keep)| {
            all.sort_by(|a, b| a.identifier.cmp(&b.identifier));
            all.dedup_by(|a, b| a.identifier == b.identifier);
            let host = all.get(live).and_then(|one| one.host.clone()).unwrap_or_default();
            (all, host, keep)
        },
    )
}

fn find<'a>(all: &'a [Instance], decision: &Decision) -> &'a Instance {
    all.iter().find(|one| one.identifier.as_str() == decision.identifier).unwrap()
}

fn superseded(decision: &Decision) -> bool {
    matches!(decision.verdict, Mark | Delete | Later)
}

/// The order of versions, said without the code that is tested.
fn age(one: &Instance) -> (Option<&str>, Option<crate::naming::Version>) {
    (one.tags.get(lineage::DATA_TIME), one.tags.version())
}

/// How many data some versions hold; those without a time are all different.
fn data_of_all<'a>(versions: impl Iterator<Item = &'a Instance>) -> usize {
    let (timed, untimed): (Vec<_>, Vec<_>) = versions.map(|one| age(one).0).partition(Option::is_some);
    timed.into_iter().collect::<std::collections::BTreeSet<_>>().len() + untimed.len()
}

fn is_older(one: &Instance, live: &Instance) -> bool {
    let is_known = age(one).0.is_some() || age(live).0.is_none();
    is_known && age(one) < age(live)
}

/// What one can roll back to, said without the code that is tested.
fn is_whole(instance: &Instance) -> bool {
    let whole =
        ["available", "backing-up", "storage-initialization", "storage-optimization", "stopped", "stopping"];
    whole.contains(&instance.status.as_str())
}

/// The fleet after the deletion tags of a plan were set and removed.
fn after_marking(all: &[Instance], plan: &[Decision]) -> Vec<Instance> {
    let mut all = all.to_vec();
    for decision in plan {
        let one = all.iter_mut().find(|one| one.identifier.as_str() == decision.identifier).unwrap();
        match decision.verdict {
            Mark => *one = marked(one.clone()),
            Unmark => {
                let rest = one.tags.iter().filter(|(key, _)| *key != lineage::DELETION_TAG.0);
                one.tags = rest.collect();
            }
            _ => {}
        }
    }
    all
}

proptest! {
    /// > Nothing that lacks this stack's tag is given the deletion tag or deleted, whatever its name, state
    /// > or tags.
    /// > The version that the secret names is never given the deletion tag or deleted.
    /// > Nothing that is not older than the live version is deleted.
    /// > The live version and the wanted number of older ones stay, each with data of its own, as long as they exist.
    /// > The plan for a source database names only what holds data of that database.
    #[test]
    fn the_promises_hold_for_any_fleet((all, live_host, keep) in fleet()) {
        let plan = decide(&all, &live_host, keep);
        let of_database = |one: &&Instance| one.tags.get(lineage::SOURCE_DATABASE) == Some(DATABASE);
        let live = all.iter().filter(of_database).find(|one| {
            !live_host.is_empty() && one.host.as_deref() == Some(&live_host) && one.is_of_stack(STACK)
        });
        let tagged = all.iter().filter(of_database).filter(|one| one.tags.get(lineage::STACK) == Some(STACK));
        prop_assert_eq!(plan.len(), tagged.count(), "everything with our tag is decided about, and nothing else");
        for decision in &plan {
            let one = find(&all, decision);
            prop_assert!(of_database(&one), "{} is of another database", decision);
            if decision.verdict != Keep {
                let name = one.tags.get(lineage::NAME);
                prop_assert_eq!(name, Some(one.identifier.as_str()), "{} is somebody else's", decision);
                prop_assert_eq!(one.tags.get(lineage::STACK), Some(STACK), "{} is not ours", decision);
            }
            if superseded(decision) {
                prop_assert!(live_host.is_empty() || one.host.as_deref() != Some(live_host.as_str()));
                prop_assert!(live.is_some_and(|live| is_older(one, live)), "{decision} is newer");
            }
            if decision.verdict == Delete {
                prop_assert!(one.tags.have_deletion_tag(), "{decision} was never marked");
                prop_assert!(!one.deletion_protection && one.status.is_deletable() && one.read_replicas.is_empty());
            }
        }
        if let Some(live) = live {
            let whole_and_older = |one: &&Instance| of_database(one) && one.is_of_stack(STACK) && is_whole(one)
                && one.tags.version().is_some() && is_older(one, live);
            // The same data as those of the live version are no older data.
            let has_own_data = |one: &&Instance| age(one).0.is_none() || age(one).0 != age(live).0;
            let existing = data_of_all(all.iter().filter(whole_and_older).filter(has_own_data));
            let staying: Vec<&Instance> = plan.iter().filter(|d| !superseded(d)).map(|d| find(&all, d))
                .filter(whole_and_older).collect();
            prop_assert_eq!(staying.len(), existing.min(keep));
            prop_assert_eq!(data_of_all(staying.iter().copied()), staying.len(), "each has data of its own");
            for decision in plan.iter().filter(|d| superseded(d)) {
                let one = find(&all, decision);
                if is_whole(one) && has_own_data(&one) {
                    // Its data stay in another one, or all that stays is newer.
                    let has_its_data = staying.iter().any(|kept| age(kept).0.is_some() && age(kept).0 == age(one).0);
                    prop_assert!(has_its_data || staying.iter().all(|kept| age(kept) >= age(one)));
                }
            }
        }
    }

    /// > Pruning twice is pruning once.
    #[test]
    fn pruning_twice_is_pruning_once((all, live_host, keep) in fleet()) {
        let all = after_marking(&all, &decide(&all, &live_host, keep));
        let plan = decide(&all, &live_host, keep);
        prop_assert!(plan.iter().all(|d| !matches!(d.verdict, Mark | Unmark)), "{:?}", plan);
        let deleted = |one: &Instance| plan.iter().any(|d| d.verdict == Delete && d.identifier == one.identifier.as_str());
        let left: Vec<Instance> = all.into_iter().filter(|one| !deleted(one)).collect();
        let again = decide(&left, &live_host, keep);
        prop_assert!(again.iter().all(|d| !matches!(d.verdict, Mark | Unmark | Delete)), "{:?}", again);
    }
}
