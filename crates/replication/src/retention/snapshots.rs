//! The decision about snapshots.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use crate::lineage;
use crate::naming::InstanceIdentifier;
use crate::observed::Snapshot;
use crate::progress::Progress;

use super::{Decision, InUse, Verdict, not_created_by_us};

/// What a stack wants to keep of the snapshots of one source database.
#[derive(Debug, Clone)]
pub struct SnapshotRule<'a> {
    /// The stack.
    pub stack: &'a str,
    /// The source database; of others nothing is decided.
    pub database: &'a InstanceIdentifier,
    /// How many of the newest that are available stay of each kind; at least one stays.
    pub keep: usize,
    /// How long a snapshot stays that is shared with another account; nothing where none is shared.
    pub sharing: Option<Sharing>,
    /// What running executions may still need.
    pub in_use: InUse,
}

/// How long a shared snapshot stays, because deleting it would end the copy that the other account makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// The time of the decision.
    pub now: OffsetDateTime,
    /// How long one stays after it was shared.
    pub stays: Duration,
}

impl<'a> SnapshotRule<'a> {
    /// A rule for an account that shares nothing, where nothing is known to run.
    #[must_use]
    pub fn new(stack: &'a str, database: &'a InstanceIdentifier, keep: usize) -> Self {
        Self { stack, database, keep, sharing: None, in_use: InUse::default() }
    }
}

/// Decides about every snapshot of one database with the stack's tag, newest first within its kind.
///
/// The snapshots of one kind (made of the database, or copied) are judged together. Where none is shared, which is in the
/// destination account, age is the time of the data, as it is of versions: a message may arrive late, or twice under two
/// ids. Where they are shared, it is the replication id, which begins with the time: there runs begin in that order.
#[must_use]
pub fn plan_snapshots(snapshots: &[Snapshot], rule: &SnapshotRule<'_>) -> Vec<Decision> {
    let of_database = snapshots.iter().filter(|snapshot| snapshot.is_of_database(rule.database));
    let tagged = of_database.filter(|snapshot| snapshot.tags.tagged_with_stack(rule.stack));
    let (ours, others): (Vec<&Snapshot>, Vec<&Snapshot>) =
        tagged.partition(|snapshot| snapshot.is_of_stack(rule.stack));
    let (copies, made): (Vec<&Snapshot>, Vec<&Snapshot>) =
        ours.into_iter().partition(|snapshot| snapshot.tags.get(lineage::SOURCE_SNAPSHOT).is_some());
    let copy_of: BTreeMap<&str, &Snapshot> = copies.iter().map(|copy| (id(copy), *copy)).collect();

    let mut plan: Vec<Decision> =
        others.iter().map(|snapshot| not_created_by_us(&snapshot.identifier)).collect();
    plan.extend(plan_one_kind(made, rule, |snapshot| copy_of.get(id(snapshot)).copied()));
    plan.extend(plan_one_kind(copies, rule, |_| None));
    plan
}

fn id(snapshot: &Snapshot) -> &str {
    snapshot.tags.get(lineage::REPLICATION_ID).unwrap_or_default()
}

/// The order of the destination's copies. Of those that hold the same data the one comes first that a version was restored
/// from, because one can go back to that version as long as it stays.
fn age_order(snapshot: &Snapshot) -> impl Ord + use<'_> {
    (snapshot.time_of_data(), snapshot.tags.version().is_some(), id(snapshot))
}

/// Whether both are copies of one snapshot, or of one point in time.
fn are_of_same_data(one: &Snapshot, other: &Snapshot) -> bool {
    let source = one.tags.get(lineage::SOURCE_SNAPSHOT);
    (source.is_some() && source == other.tags.get(lineage::SOURCE_SNAPSHOT))
        || (one.data_time.is_some() && one.data_time == other.data_time)
}

fn plan_one_kind<'a>(
    mut snapshots: Vec<&'a Snapshot>,
    rule: &SnapshotRule<'_>,
    copy_of: impl Fn(&Snapshot) -> Option<&'a Snapshot>,
) -> Vec<Decision> {
    let keep = rule.keep.max(1);
    if rule.sharing.is_some() {
        snapshots.sort_by(|one, other| id(other).cmp(id(one)));
    } else {
        snapshots.sort_by(|one, other| age_order(other).cmp(&age_order(one)));
    }
    let mut staying: Vec<&Snapshot> = Vec::new();
    let mut has_evidence = false;
    let mut plan = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let status = &snapshot.status;
        let needed =
            || rule.in_use.reason(&snapshot.tags).or_else(|| still_shared(snapshot, copy_of(snapshot), rule));
        let kept = staying.len();
        let same_data =
            staying.iter().find(|kept| rule.sharing.is_none() && are_of_same_data(kept, snapshot));
        let (verdict, reason) = match status.progress() {
            Progress::Ready if kept < keep && same_data.is_none() => {
                staying.push(snapshot);
                (Verdict::Keep, format!("number {} of the {keep} newest, which stay", kept + 1))
            }
            Progress::Ready => match (needed(), same_data) {
                (Some(needed), _) => (Verdict::Keep, needed),
                (None, Some(same_data)) => (
                    Verdict::Delete,
                    format!("it holds the same data as {}, which stays", same_data.identifier),
                ),
                (None, None) => (Verdict::Delete, format!("older than the {keep} newest")),
            },
            Progress::Failed if status.is_deleting() => {
                (Verdict::Keep, "it is already being deleted".to_owned())
            }
            // Until a newer one is there, a failed one is evidence of a run that somebody may be looking into.
            Progress::Failed if kept == 0 && !has_evidence => {
                has_evidence = true;
                (Verdict::Keep, format!("it is {status} and nothing newer exists yet"))
            }
            Progress::Failed => match rule.in_use.reason(&snapshot.tags) {
                Some(needed) => (Verdict::Keep, needed),
                None => (Verdict::Delete, format!("it is {status} and a newer one exists")),
            },
            Progress::Pending => (Verdict::Keep, format!("it is {status}")),
        };
        plan.push(Decision { identifier: snapshot.identifier.to_string(), verdict, reason });
    }
    plan
}

/// Why a snapshot stays because it is shared, or may come to be; nothing if it is not.
///
/// Of a replication one snapshot is shared: the copy under the shared key where there is one, else the snapshot of the
/// database itself. One that does not say when it was shared was shared by an earlier release, or its run has not come to
/// that yet, or has failed before: then the time counts from the start of its replication.
fn still_shared(snapshot: &Snapshot, copy: Option<&Snapshot>, rule: &SnapshotRule<'_>) -> Option<String> {
    let Sharing { now, stays } = rule.sharing?;
    let shared_at = snapshot.tags.shared_at();
    if let (Some(copy), None) = (copy, shared_at) {
        let is_copying = copy.status.progress() == Progress::Pending;
        return is_copying.then(|| "its copy under the shared key is still being made".to_owned());
    }
    let since = shared_at.or_else(|| snapshot.tags.replicated_at())?;
    let hours = stays.whole_hours();
    let how = if shared_at.is_some() { "shared" } else { "made" };
    (since + stays > now)
        .then(|| format!("{how} less than {hours} hours ago, so the other account may still have to copy it"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{DATABASE, STACK, snapshot, verdicts};
    use super::*;
    use crate::lineage::Tags;
    use crate::observed;
    use crate::progress::SNAPSHOT_STATUSES;

    use Verdict::{Delete, Keep};

    fn decide(all: &[Snapshot], keep: usize, sharing: Option<Sharing>) -> Vec<Decision> {
        let database = DATABASE.parse().unwrap();
        plan_snapshots(all, &SnapshotRule { sharing, ..SnapshotRule::new(STACK, &database, keep) })
    }

    #[test]
    fn the_newest_snapshots_of_each_kind_stay() {
        let all = [
            snapshot("s1", "20261101t000000z-aaaaaa", "available", false),
            snapshot("s2", "20261102t000000z-aaaaaa", "failed", false),
            snapshot("s3", "20261103t000000z-aaaaaa", "available", false),
            snapshot("s4", "20261104t000000z-aaaaaa", "available", false),
            snapshot("s5", "20261105t000000z-aaaaaa", "creating", false),
            snapshot("c3", "20261103t000000z-aaaaaa", "available", true),
            snapshot("c4", "20261104t000000z-aaaaaa", "failed", true),
        ];
        assert_eq!(
            verdicts(&decide(&all, 2, None)),
            [
                ("s5", Keep),
                ("s4", Keep),
                ("s3", Keep),
                ("s2", Delete),
                ("s1", Delete),
                ("c4", Keep),
                ("c3", Keep)
            ]
        );
    }

    /// > In the destination account snapshots are kept by the time of their data, and those of the same data take one place.
    #[test]
    fn copies_are_kept_by_the_time_of_their_data_and_once() {
        let copy = |name: &str, id_day: u32, data_day: u32, source: &str| {
            let one = snapshot(name, &format!("202611{id_day:02}t000000z-aaaaaa"), "available", true);
            let data_time = Some(format!("2026-11-{data_day:02}T00:00:00Z"));
            Snapshot { tags: one.tags.clone().with(lineage::SOURCE_SNAPSHOT, source), data_time, ..one }
        };
        let restored = |one: Snapshot| Snapshot { tags: one.tags.clone().with(lineage::VERSION, "3"), ..one };
        let all = [
            copy("late", 9, 1, "arn-1"),
            copy("old", 2, 2, "arn-2"),
            restored(copy("restored", 3, 3, "arn-3")),
            copy("again", 8, 3, "arn-3"),
            copy("same-time", 7, 3, "arn-4"),
            copy("new", 6, 6, "arn-6"),
        ];
        let plan = decide(&all, 3, None);
        let expected = [
            ("new", Keep),
            ("restored", Keep),
            ("again", Delete),
            ("same-time", Delete),
            ("old", Keep),
            ("late", Delete),
        ];
        assert_eq!(verdicts(&plan), expected);
        assert!(plan[2].reason.starts_with("it holds the same data as restored-"), "{}", plan[2]);
    }

    #[test]
    fn what_the_other_account_may_still_be_copying_stays() {
        let at = |hour: u32| format!("20261101t{hour:02}0000z-aaaaaa");
        let shared = |hour: u32, shared_at: Option<u32>| {
            let one = snapshot(&format!("c{hour}"), &at(hour), "available", true);
            let shared_at = shared_at.map(|hour| format!("2026-11-01T{hour:02}:30:00Z"));
            Snapshot { tags: one.tags.clone().with_some(lineage::SHARED_AT, shared_at), ..one }
        };
        let mut copying = shared(5, None);
        copying.status = "creating".into();
        let all = [
            shared(1, Some(4)),
            shared(2, Some(2)),
            shared(3, None),
            shared(4, None),
            copying,
            shared(6, Some(6)),
            snapshot("s1", &at(1), "available", false),
            snapshot("s5", &at(5), "available", false),
            snapshot("s6", &at(6), "available", false),
            snapshot("s7", &at(7), "available", false),
        ];
        let now = time::macros::datetime!(2026-11-01 07:00 UTC);
        let plan = decide(&all, 1, Some(Sharing { now, stays: Duration::hours(4) }));
        let expected = [
            ("s7", Keep),
            ("s6", Delete),
            ("s5", Keep),
            ("s1", Delete),
            ("c6", Keep),
            ("c5", Keep),
            ("c4", Keep),
            ("c3", Delete),
            ("c2", Delete),
            ("c1", Keep),
        ];
        assert_eq!(verdicts(&plan), expected);
        let reasons: Vec<&str> = [2, 6, 9].into_iter().map(|n| plan[n].reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "its copy under the shared key is still being made",
                "made less than 4 hours ago, so the other account may still have to copy it",
                "shared less than 4 hours ago, so the other account may still have to copy it",
            ]
        );
    }

    #[test]
    fn what_a_running_replication_needs_stays() {
        let all: Vec<Snapshot> = (1..=4)
            .map(|day| {
                snapshot(&format!("c{day}"), &format!("2026110{day}t000000z-aaaaaa"), "available", true)
            })
            .collect();
        let database = DATABASE.parse().unwrap();
        let in_use = InUse::of_executions("mine", ["20261102t000000z-aaaaaa"], []);
        let rule = SnapshotRule { in_use, ..SnapshotRule::new(STACK, &database, 1) };
        let plan = plan_snapshots(&all, &rule);
        assert_eq!(verdicts(&plan), [("c4", Keep), ("c3", Delete), ("c2", Keep), ("c1", Delete)]);
    }

    /// > A snapshot that an operator makes of a version, and the final one, stay, although they may carry this stack's tags.
    #[test]
    fn an_operators_snapshot_of_a_version_is_never_pruned() {
        let mut by_hand = snapshot("orders-copy-1", "20261101t000000z-aaaaaa", "available", true);
        by_hand.identifier = "before-the-upgrade".parse().unwrap();
        let mut all = vec![by_hand];
        for day in 2..=4 {
            all.push(snapshot(
                &format!("c{day}"),
                &format!("2026110{day}t000000z-aaaaaa"),
                "available",
                true,
            ));
        }
        let plan = decide(&all, 1, None);
        assert_eq!(
            verdicts(&plan),
            [("before-the-upgrade", Keep), ("c4", Keep), ("c3", Delete), ("c2", Delete)]
        );
    }

    fn any_snapshot() -> impl Strategy<Value = Snapshot> {
        let statuses = prop_oneof![
            5 => Just("available".to_owned()),
            2 => proptest::sample::select(SNAPSHOT_STATUSES).prop_map(|(word, _)| word.to_owned()),
            1 => Just("a-word-of-next-year".to_owned()),
        ];
        let stacks = prop_oneof![4 => Just(Some(STACK)), 1 => Just(Some("destination-2")), 1 => Just(None)];
        let ids = prop_oneof![
            9 => (1u32..30).prop_map(|day| Some(format!("202611{day:02}t000000z-aaaaaa"))),
            1 => Just(None),
        ];
        let sources = proptest::sample::select(&["orders", "orders", "orders-2"][..]);
        let names = prop_oneof![5 => Just(true), 1 => Just(false)];
        (statuses, stacks, ids, sources, any::<bool>(), names).prop_map(
            |(status, stack, id, source, copy, is_own_name)| {
                let mut tags = Tags::default().with(lineage::SOURCE_DATABASE, source);
                tags = tags.with_some(lineage::STACK, stack.map(str::to_owned));
                let source = format!("arn of {}", id.as_deref().unwrap_or_default());
                tags = tags.with_some(lineage::REPLICATION_ID, id);
                tags = tags.with_some(lineage::SOURCE_SNAPSHOT, copy.then_some(source));
                // The names come later; an operator's things say that they were made under another.
                let tags = if is_own_name { tags } else { tags.named("orders-copy-1") };
                observed::testing::snapshot("unnamed", &status, tags)
            },
        )
    }

    proptest! {
        /// > The newest available snapshot of each kind stays, because the next incremental copy
        /// > needs it.
        /// > A shared snapshot stays as long as the other account may still be copying it.
        /// > The plan for a source database names only snapshots of that database.
        #[test]
        fn the_newest_and_the_young_snapshots_of_a_kind_stay(
            all in proptest::collection::vec((any_snapshot(), proptest::option::of(1u32..30)), 0..16),
            keep in 0usize..4,
            young_from in proptest::option::of(2u32..30),
        ) {
            let all: Vec<Snapshot> = all.into_iter().enumerate().map(|(n, (one, shared))| {
                let id = one.tags.get(lineage::REPLICATION_ID).unwrap_or("without");
                let identifier = format!("s{n}-{id}");
                let is_named = one.tags.get(lineage::NAME).is_some();
                let tags = if is_named { one.tags } else { one.tags.named(&identifier) };
                let tags = tags.with_some(lineage::SHARED_AT, shared.map(|day| format!("2026-11-{day:02}T00:00:00Z")));
                Snapshot { identifier: identifier.parse().unwrap(), tags, ..one }
            }).collect();
            // What is shared on this day or later is young.
            let now = time::macros::datetime!(2026-11-30 00:00 UTC);
            let stays = |day: u32| Duration::days(30 - i64::from(day)) + Duration::SECOND;
            let sharing = young_from.map(|day| Sharing { now, stays: stays(day) });
            let plan = decide(&all, keep, sharing);
            for decision in &plan {
                let one = all.iter().find(|s| s.identifier.as_str() == decision.identifier).unwrap();
                prop_assert_eq!(one.tags.get(lineage::SOURCE_DATABASE), Some(DATABASE));
            }
            let id = |s: &Snapshot| s.tags.get(lineage::REPLICATION_ID).map(str::to_owned);
            let goes = |s: &Snapshot| plan.iter().any(|d| d.identifier == s.identifier.as_str() && d.verdict == Delete);
            for one in all.iter().filter(|s| goes(s)) {
                prop_assert_eq!(one.tags.get(lineage::STACK), Some(STACK), "{} is not ours", one.identifier);
                prop_assert_eq!(one.tags.get(lineage::NAME), Some(one.identifier.as_str()));
                let shared_on = one.tags.get(lineage::SHARED_AT).map(|at| at[8..10].parse::<u32>().unwrap());
                let is_young = young_from.is_some_and(|from| shared_on.is_some_and(|day| day >= from));
                prop_assert!(!(is_young && one.status.as_str() == "available"), "{} may be copied", one.identifier);
                prop_assert!(one.status.progress() != Progress::Pending);
            }
            for copy in [false, true] {
                let of_kind = |s: &&Snapshot| s.is_of_stack(STACK) && s.status.as_str() == "available" && id(s).is_some()
                    && s.tags.get(lineage::SOURCE_DATABASE) == Some(DATABASE) && s.tags.get(lineage::SOURCE_SNAPSHOT).is_some() == copy;
                let staying: Vec<&Snapshot> = all.iter().filter(of_kind).filter(|s| !goes(s)).collect();
                // In the destination account those of one source count once.
                let counts_once = copy && sharing.is_none();
                let there = if counts_once {
                    all.iter().filter(of_kind).map(id).collect::<std::collections::BTreeSet<_>>().len()
                } else {
                    all.iter().filter(of_kind).count()
                };
                prop_assert!(staying.len() >= there.min(keep.max(1)));
                if sharing.is_none() {
                    prop_assert_eq!(staying.len(), there.min(keep.max(1)));
                }
                prop_assert_eq!(staying.iter().filter_map(|s| id(s)).max(), all.iter().filter(of_kind).filter_map(id).max());
            }
            let left: Vec<Snapshot> = all.iter().filter(|s| !goes(s)).cloned().collect();
            let again = decide(&left, keep, sharing);
            // The snapshot of a database counts as shared once its copy is gone, and a failed copy goes.
            prop_assert!(again.iter().all(|d| d.verdict != Delete));
        }
    }
}
