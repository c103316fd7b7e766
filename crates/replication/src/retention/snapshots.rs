//! The decision about snapshots.

use std::collections::BTreeMap;

use crate::lineage;
use crate::observed::Snapshot;
use crate::progress::Progress;

use super::{Decision, Verdict, of_a_person};

/// What a stack wants to keep of its snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRule {
    /// How many of the newest that are available stay of each kind; at least one stays.
    pub keep: usize,
    /// Replications from here on are so young that the other account may still be copying what they have shared: the
    /// beginning of an id, or nothing where snapshots are not shared.
    pub copied_from: Option<String>,
}

/// Decides about every snapshot with the stack's tag, newest first within its kind.
///
/// The snapshots of one database and one kind (made of the database, or copied) are judged together. Age is the
/// replication id, which begins with the time.
#[must_use]
pub fn plan_snapshots(snapshots: &[Snapshot], stack: &str, rule: &SnapshotRule) -> Vec<Decision> {
    let mut kinds: BTreeMap<(Option<&str>, bool), Vec<&Snapshot>> = BTreeMap::new();
    let mut plan = Vec::new();
    for snapshot in snapshots.iter().filter(|snapshot| snapshot.tags.name_stack(stack)) {
        if snapshot.is_of_stack(stack) {
            let is_copy = snapshot.tags.get(lineage::SOURCE_SNAPSHOT).is_some();
            kinds.entry((snapshot.tags.get(lineage::SOURCE_DATABASE), is_copy)).or_default().push(snapshot);
        } else {
            plan.push(of_a_person(&snapshot.identifier));
        }
    }
    plan.extend(kinds.into_values().flat_map(|kind| plan_one_kind(kind, rule)));
    plan
}

fn plan_one_kind(mut snapshots: Vec<&Snapshot>, rule: &SnapshotRule) -> Vec<Decision> {
    let keep = rule.keep.max(1);
    let id = |snapshot: &Snapshot| snapshot.tags.get(lineage::REPLICATION_ID).unwrap_or_default().to_owned();
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse(id(snapshot)));
    let mut kept = 0;
    let mut plan = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let status = &snapshot.status;
        let may_be_copied = rule.copied_from.as_ref().is_some_and(|from| id(snapshot) >= *from);
        let (verdict, reason) = match status.progress() {
            _ if id(snapshot).is_empty() => (Verdict::Keep, "it has no replication id".to_owned()),
            Progress::Ready if kept < keep => {
                kept += 1;
                (Verdict::Keep, format!("number {kept} of the {keep} newest, which stay"))
            }
            Progress::Ready if may_be_copied => {
                (Verdict::Keep, "so young that the other account may still be copying it".to_owned())
            }
            Progress::Ready => (Verdict::Delete, format!("older than the {keep} newest")),
            Progress::Failed if status.is_deleting() => {
                (Verdict::Keep, "it is already being deleted".to_owned())
            }
            // Until a newer one is there, a failed one is evidence of a run that somebody may be looking into.
            Progress::Failed if kept > 0 => {
                (Verdict::Delete, format!("it is {status} and a newer one exists"))
            }
            Progress::Failed => (Verdict::Keep, format!("it is {status} and nothing newer exists yet")),
            Progress::Pending => (Verdict::Keep, format!("it is {status}")),
        };
        plan.push(Decision { identifier: snapshot.identifier.to_string(), verdict, reason });
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{STACK, snapshot, verdicts};
    use super::*;
    use crate::lineage::Tags;
    use crate::naming;
    use crate::observed;
    use crate::progress::SNAPSHOT_STATUSES;

    use Verdict::{Delete, Keep};

    fn newest(keep: usize) -> SnapshotRule {
        SnapshotRule { keep, copied_from: None }
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
            verdicts(&plan_snapshots(&all, STACK, &newest(2))),
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

    #[test]
    fn what_the_other_account_may_still_be_copying_stays() {
        let all: Vec<Snapshot> = (1..=4)
            .map(|hour| {
                snapshot(&format!("s{hour}"), &format!("20261101t0{hour}0000z-aaaaaa"), "available", true)
            })
            .collect();
        let from = naming::id_stamp(time::macros::datetime!(2026-11-01 02:00 UTC));
        let rule = SnapshotRule { keep: 2, copied_from: Some(from) };
        let plan = plan_snapshots(&all, STACK, &rule);
        assert_eq!(verdicts(&plan), [("s4", Keep), ("s3", Keep), ("s2", Keep), ("s1", Delete)]);
        assert_eq!(
            plan[2].to_string(),
            "keep s2-20261101t020000z-aaaaaa: so young that the other account may still be copying it"
        );
    }

    /// > A snapshot that a person makes of a copy, and the final one, stay, although they may carry this stack's tags.
    #[test]
    fn a_persons_snapshot_of_a_copy_is_never_pruned() {
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
        let plan = plan_snapshots(&all, STACK, &newest(1));
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
                tags = tags.with_some(lineage::REPLICATION_ID, id);
                tags = tags.with_some(lineage::SOURCE_SNAPSHOT, copy.then(|| "arn".to_owned()));
                // The names come later; a person's things say that they were made under another.
                let tags = if is_own_name { tags } else { tags.named("orders-copy-1") };
                observed::testing::snapshot("unnamed", &status, tags)
            },
        )
    }

    proptest! {
        /// > The newest available snapshot of each kind stays, because the next incremental copy
        /// > needs it.
        /// > A shared snapshot stays as long as the other account may still be copying it.
        #[test]
        fn the_newest_and_the_young_snapshots_of_a_kind_stay(
            all in proptest::collection::vec(any_snapshot(), 0..16),
            keep in 0usize..4,
            young_from in proptest::option::of(1u32..30),
        ) {
            let all: Vec<Snapshot> = all.into_iter().enumerate().map(|(n, one)| {
                let id = one.tags.get(lineage::REPLICATION_ID).unwrap_or("without");
                let identifier = format!("s{n}-{id}");
                let is_named = one.tags.get(lineage::NAME).is_some();
                let tags = if is_named { one.tags } else { one.tags.named(&identifier) };
                Snapshot { identifier: identifier.parse().unwrap(), tags, ..one }
            }).collect();
            let from = young_from.map(|day| format!("202611{day:02}t000000z"));
            let rule = SnapshotRule { keep, copied_from: from.clone() };
            let plan = plan_snapshots(&all, STACK, &rule);
            let id = |s: &Snapshot| s.tags.get(lineage::REPLICATION_ID).map(str::to_owned);
            let goes = |s: &Snapshot| plan.iter().any(|d| d.identifier == s.identifier.as_str() && d.verdict == Delete);
            for one in all.iter().filter(|s| goes(s)) {
                prop_assert_eq!(one.tags.get(lineage::STACK), Some(STACK), "{} is not ours", one.identifier);
                prop_assert_eq!(one.tags.get(lineage::NAME), Some(one.identifier.as_str()));
                let is_young = from.as_ref().is_some_and(|from| id(one).as_deref() >= Some(from));
                prop_assert!(!(is_young && one.status.as_str() == "available"), "{} may be copied", one.identifier);
                prop_assert!(one.status.progress() != Progress::Pending);
            }
            for source in ["orders", "orders-2"] {
                for copy in [false, true] {
                    let of_kind = |s: &&Snapshot| s.is_of_stack(STACK) && s.status.as_str() == "available" && id(s).is_some()
                        && s.tags.get(lineage::SOURCE_DATABASE) == Some(source) && s.tags.get(lineage::SOURCE_SNAPSHOT).is_some() == copy;
                    let there = all.iter().filter(of_kind).count();
                    let staying: Vec<&Snapshot> = all.iter().filter(of_kind).filter(|s| !goes(s)).collect();
                    prop_assert!(staying.len() >= there.min(keep.max(1)));
                    if from.is_none() {
                        prop_assert_eq!(staying.len(), there.min(keep.max(1)));
                    }
                    prop_assert_eq!(staying.iter().filter_map(|s| id(s)).max(), all.iter().filter(of_kind).filter_map(id).max());
                }
            }
            let left: Vec<Snapshot> = all.iter().filter(|s| !goes(s)).cloned().collect();
            prop_assert!(plan_snapshots(&left, STACK, &rule).iter().all(|d| d.verdict != Delete));
        }
    }
}
