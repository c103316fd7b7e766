//! What stays, what is marked, what is deleted: one pure decision for instances and one for snapshots.
//!
//! What must hold for any names, versions, tags, states and settings, and is tested for arbitrary ones:
//! nothing without our stack's tag appears in a plan; what the secret names stays; what is newer than the live
//! version stays; the live version and `keep` older ones stay as long as they exist; the newest snapshot of each
//! kind stays, because the next incremental copy needs it and the other account may be copying it; planning again
//! after the plan was carried out deletes nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::lineage::{self, Tags};
use crate::naming::Version;
use crate::progress::{self, Progress};

/// What is to be done with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It stays, and carries no mark.
    Keep,
    /// It stays, and a mark from earlier is taken off.
    Unmark,
    /// It is marked now and deleted by a later prune, because it cannot be deleted in its present state.
    Mark,
    /// It is marked, if it is not yet, and deleted.
    Delete,
}

/// A decision about one thing, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The identifier of the instance or snapshot.
    pub identifier: String,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why, for a person.
    pub reason: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verdict {
            Verdict::Keep => "keep",
            Verdict::Unmark => "unmark",
            Verdict::Mark => "mark",
            Verdict::Delete => "delete",
        };
        write!(f, "{verb} {}: {}", self.identifier, self.reason)
    }
}

/// An instance as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its identifier.
    pub identifier: String,
    /// Its `DBInstanceStatus`.
    pub status: String,
    /// Its endpoint address, if it has one yet.
    pub host: Option<String>,
    /// Whether RDS refuses to delete it.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A manual snapshot as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its identifier.
    pub identifier: String,
    /// Its `Status`.
    pub status: String,
    /// Its tags.
    pub tags: Tags,
}

/// Decides about every instance of the stack, newest version first.
///
/// `live_host` is the endpoint address that the secret names; `keep` is the number of older versions that stay.
#[must_use]
pub fn plan_instances(instances: &[Instance], stack: &str, live_host: &str, keep: usize) -> Vec<Decision> {
    let mut ours: Vec<&Instance> = instances.iter().filter(|i| i.tags.are_of_stack(stack)).collect();
    ours.sort_by_key(|instance| std::cmp::Reverse(instance.tags.version()));
    let is_live = |instance: &Instance| !live_host.is_empty() && instance.host.as_deref() == Some(live_host);
    let live_version = ours.iter().find(|i| is_live(i)).and_then(|live| live.tags.version());

    let mut older_kept = 0;
    let mut plan = Vec::with_capacity(ours.len());
    for instance in ours {
        let stay = |reason: String| {
            let verdict = if instance.tags.are_marked() { Verdict::Unmark } else { Verdict::Keep };
            (verdict, reason)
        };
        let (verdict, reason) = if is_live(instance) {
            stay("the secret names it".to_owned())
        } else {
            match standing(instance, live_version) {
                Standing::Stays(reason) => stay(reason),
                Standing::Older if older_kept < keep => {
                    older_kept += 1;
                    stay(format!("older version {older_kept} of {keep} kept for rolling back"))
                }
                Standing::Older => {
                    remove(instance, &format!("older than the {keep} versions kept for rolling back"))
                }
                Standing::Broken => {
                    remove(instance, &format!("it is {} and a newer version is live", instance.status))
                }
                Standing::Leaving => (Verdict::Keep, "it is already being deleted".to_owned()),
            }
        };
        plan.push(Decision { identifier: instance.identifier.clone(), verdict, reason });
    }
    plan
}

enum Standing {
    Stays(String),
    Older,
    Broken,
    Leaving,
}

fn standing(instance: &Instance, live_version: Option<Version>) -> Standing {
    let Some(live_version) = live_version else {
        return Standing::Stays(
            "the secret names no version of this stack, so nothing is superseded".to_owned(),
        );
    };
    match instance.tags.version() {
        None => Standing::Stays("it has no version".to_owned()),
        Some(version) if version >= live_version => {
            Standing::Stays(format!("not older than the live version {live_version}"))
        }
        Some(_) if instance.status == "deleting" => Standing::Leaving,
        // A stopped copy is a whole one that a person has put to sleep; what RDS calls failed is not a copy.
        Some(_)
            if progress::of_restored_instance(&instance.status) == Progress::Failed
                && !instance.status.starts_with("stop") =>
        {
            Standing::Broken
        }
        Some(_) => Standing::Older,
    }
}

fn remove(instance: &Instance, reason: &str) -> (Verdict, String) {
    if instance.deletion_protection {
        (Verdict::Mark, format!("{reason}; it has deletion protection, so a person has to decide"))
    } else if progress::instance_is_deletable(&instance.status) {
        (Verdict::Delete, reason.to_owned())
    } else {
        (Verdict::Mark, format!("{reason}; it is {} now, so a later run deletes it", instance.status))
    }
}

/// Decides about every snapshot of the stack, newest first within its kind.
///
/// The snapshots of one database and one kind (made from the database, or copied) are judged together: the newest
/// `keep` that are available stay, at least one. Age is the replication id, which begins with the time.
#[must_use]
pub fn plan_snapshots(snapshots: &[Snapshot], stack: &str, keep: usize) -> Vec<Decision> {
    let keep = keep.max(1);
    let mut kinds: BTreeMap<(Option<&str>, bool), Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in snapshots.iter().filter(|s| s.tags.are_of_stack(stack)) {
        let is_copy = snapshot.tags.get(lineage::SOURCE_SNAPSHOT).is_some();
        kinds.entry((snapshot.tags.get(lineage::SOURCE_DATABASE), is_copy)).or_default().push(snapshot);
    }
    kinds.into_values().flat_map(|kind| plan_one_kind(kind, keep)).collect()
}

fn plan_one_kind(mut snapshots: Vec<&Snapshot>, keep: usize) -> Vec<Decision> {
    let age = |snapshot: &Snapshot| snapshot.tags.get(lineage::REPLICATION_ID).map(str::to_owned);
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse(age(snapshot)));
    let mut kept = 0;
    let mut plan = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let (verdict, reason) = match progress::of_snapshot(&snapshot.status) {
            _ if age(snapshot).is_none() => (Verdict::Keep, "it has no replication id".to_owned()),
            Progress::Ready if kept < keep => {
                kept += 1;
                (Verdict::Keep, format!("number {kept} of the {keep} newest, which stay"))
            }
            Progress::Ready => (Verdict::Delete, format!("older than the {keep} newest")),
            Progress::Failed if snapshot.status.starts_with("delet") => {
                (Verdict::Keep, "it is already being deleted".to_owned())
            }
            // Until a newer one is there, a failed one is evidence of a run that somebody may be looking into.
            Progress::Failed if kept > 0 => {
                (Verdict::Delete, format!("it is {} and a newer one exists", snapshot.status))
            }
            Progress::Failed => {
                (Verdict::Keep, format!("it is {} and nothing newer exists yet", snapshot.status))
            }
            Progress::Pending => (Verdict::Keep, format!("it is {}", snapshot.status)),
        };
        plan.push(Decision { identifier: snapshot.identifier.clone(), verdict, reason });
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STACK: &str = "destination";

    fn instance(name: &str, version: Version) -> Instance {
        Instance {
            identifier: name.to_owned(),
            status: "available".to_owned(),
            host: Some(format!("{name}.c1.example")),
            deletion_protection: false,
            tags: Tags::default().with(lineage::STACK, STACK).with(lineage::VERSION, version.to_string()),
        }
    }

    fn host(name: &str) -> String {
        format!("{name}.c1.example")
    }

    fn verdicts(plan: &[Decision]) -> Vec<(&str, Verdict)> {
        plan.iter().map(|decision| (decision.identifier.as_str(), decision.verdict)).collect()
    }

    #[test]
    fn the_live_version_and_n_older_ones_stay() {
        let all: Vec<Instance> = (1..=5).map(|v| instance(&format!("db-{v}"), v)).collect();
        let plan = plan_instances(&all, STACK, &host("db-5"), 2);
        use Verdict::{Delete, Keep};
        assert_eq!(
            verdicts(&plan),
            [("db-5", Keep), ("db-4", Keep), ("db-3", Keep), ("db-2", Delete), ("db-1", Delete)]
        );
        assert_eq!(plan[0].to_string(), "keep db-5: the secret names it");
        assert_eq!(plan[4].to_string(), "delete db-1: older than the 2 versions kept for rolling back");
    }

    #[test]
    fn keeping_no_older_version_never_deletes_the_one_just_restored() {
        let all = [instance("db-1", 1), instance("db-2", 2)];
        let plan = plan_instances(&all, STACK, &host("db-2"), 0);
        assert_eq!(verdicts(&plan), [("db-2", Verdict::Keep), ("db-1", Verdict::Delete)]);
    }

    #[test]
    fn digits_in_a_prefix_never_point_at_another_database() {
        let mut foreign = instance("app-1", 1);
        foreign.tags = Tags::default().with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
        let all = [instance("app3-3", 3), instance("app3-2", 2), foreign];
        let plan = plan_instances(&all, STACK, &host("app3-3"), 0);
        assert_eq!(verdicts(&plan), [("app3-3", Verdict::Keep), ("app3-2", Verdict::Delete)]);
    }

    #[test]
    fn an_instance_of_someone_else_with_the_mark_is_not_even_in_the_plan() {
        let mut foreign = instance("db-1", 1);
        foreign.tags = Tags::default()
            .with(lineage::STACK, "another-stack")
            .with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
        let plan = plan_instances(&[foreign, instance("db-2", 2)], STACK, &host("db-2"), 0);
        assert_eq!(verdicts(&plan), [("db-2", Verdict::Keep)]);
    }

    #[test]
    fn nothing_is_deleted_while_the_secret_names_nothing_of_ours() {
        let all = [instance("db-1", 1), instance("db-2", 2)];
        for live in ["", "elsewhere.example"] {
            let plan = plan_instances(&all, STACK, live, 0);
            assert!(plan.iter().all(|decision| decision.verdict == Verdict::Keep), "{live}");
        }
    }

    #[test]
    fn a_version_that_is_live_again_or_kept_again_loses_its_mark() {
        let mut all = [instance("db-1", 1), instance("db-2", 2)];
        for one in &mut all {
            one.tags = one.tags.clone().with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
        }
        let plan = plan_instances(&all, STACK, &host("db-1"), 0);
        assert_eq!(verdicts(&plan), [("db-2", Verdict::Unmark), ("db-1", Verdict::Unmark)]);
    }

    #[test]
    fn what_cannot_be_deleted_now_is_marked_for_later() {
        let mut all = [instance("db-1", 1), instance("db-2", 2), instance("db-3", 3), instance("db-4", 4)];
        all[0].status = "modifying".into();
        all[1].deletion_protection = true;
        all[2].status = "incompatible-restore".into();
        let plan = plan_instances(&all, STACK, &host("db-4"), 0);
        assert_eq!(
            verdicts(&plan),
            [
                ("db-4", Verdict::Keep),
                ("db-3", Verdict::Delete),
                ("db-2", Verdict::Mark),
                ("db-1", Verdict::Mark)
            ]
        );
    }

    fn snapshot(name: &str, id: &str, status: &str, copy: bool) -> Snapshot {
        let tags = Tags::default()
            .with(lineage::STACK, STACK)
            .with(lineage::REPLICATION_ID, id)
            .with(lineage::SOURCE_DATABASE, "orders");
        let tags = if copy { tags.with(lineage::SOURCE_SNAPSHOT, "arn") } else { tags };
        Snapshot { identifier: name.to_owned(), status: status.to_owned(), tags }
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
        use Verdict::{Delete, Keep};
        assert_eq!(
            verdicts(&plan_snapshots(&all, STACK, 2)),
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

    fn any_instance() -> impl Strategy<Value = Instance> {
        let statuses = prop_oneof![
            4 => Just("available"), 1 => Just("modifying"), 1 => Just("failed"), 1 => Just("deleting"),
            1 => Just("stopped"), 1 => Just("a-new-word"),
        ];
        let stacks = prop_oneof![3 => Just(Some(STACK)), 1 => Just(Some("other")), 1 => Just(None)];
        let versions = proptest::option::weighted(0.9, 1u32..12);
        (statuses, stacks, versions, any::<bool>(), any::<bool>(), "[a-z]{1,3}[0-9]{0,2}-[0-9]{1,2}")
            .prop_map(|(status, stack, version, marked, protected, identifier)| {
                let mut tags = Tags::default();
                if let Some(stack) = stack {
                    tags = tags.with(lineage::STACK, stack);
                }
                if let Some(version) = version {
                    tags = tags.with(lineage::VERSION, version.to_string());
                }
                if marked {
                    tags = tags.with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
                }
                Instance {
                    host: Some(format!("{identifier}.c1.example")),
                    identifier,
                    status: status.to_owned(),
                    deletion_protection: protected,
                    tags,
                }
            })
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
        all.iter().find(|one| one.identifier == decision.identifier).unwrap()
    }

    proptest! {
        /// > Nothing that lacks this stack's tag is marked or deleted, whatever its name, state or
        /// > marks.
        /// > The copy that the secret names is never marked or deleted.
        /// > Nothing that is not older than the live version is deleted.
        /// > The live version and the wanted number of older ones stay, as long as they exist.
        #[test]
        fn the_promises_hold_for_any_fleet((all, live_host, keep) in fleet()) {
            let plan = plan_instances(&all, STACK, &live_host, keep);
            let live = all.iter().find(|one| one.host.as_deref() == Some(&live_host) && one.tags.are_of_stack(STACK));
            let removed = |d: &&Decision| matches!(d.verdict, Verdict::Delete | Verdict::Mark);
            for decision in plan.iter().filter(removed) {
                let one = find(&all, decision);
                prop_assert!(one.tags.are_of_stack(STACK), "{decision} is not ours");
                prop_assert_ne!(one.host.as_deref(), Some(live_host.as_str()));
                prop_assert!(one.tags.version() < live.and_then(|live| live.tags.version()), "{decision} is newer");
            }
            for decision in plan.iter().filter(|d| d.verdict == Verdict::Delete) {
                let one = find(&all, decision);
                prop_assert!(!one.deletion_protection && progress::instance_is_deletable(&one.status));
            }
            if let Some(live) = live {
                let whole_and_older = |one: &&Instance| one.tags.are_of_stack(STACK)
                    && one.tags.version() < live.tags.version() && one.tags.version().is_some()
                    && !matches!(one.status.as_str(), "failed" | "deleting");
                let existing = all.iter().filter(whole_and_older).count();
                let staying = plan.iter().filter(|d| !removed(d)).map(|d| find(&all, d)).filter(whole_and_older).count();
                prop_assert_eq!(staying, existing.min(keep));
            }
        }

        /// > Pruning twice is pruning once.
        #[test]
        fn pruning_twice_is_pruning_once((all, live_host, keep) in fleet()) {
            let plan = plan_instances(&all, STACK, &live_host, keep);
            let deleted = |one: &Instance| plan.iter().any(|d| d.verdict == Verdict::Delete && d.identifier == one.identifier);
            let left: Vec<Instance> = all.into_iter().filter(|one| !deleted(one)).collect();
            let again = plan_instances(&left, STACK, &live_host, keep);
            prop_assert!(again.iter().all(|d| d.verdict != Verdict::Delete), "{:?}", again);
        }

        /// > The newest available snapshot of each kind stays, because the next incremental copy
        /// > needs it.
        #[test]
        fn the_newest_available_snapshot_of_a_kind_stays(
            all in proptest::collection::vec(
                (0u32..30, prop_oneof![Just("available"), Just("failed"), Just("copying")], any::<bool>()), 0..12),
            keep in 0usize..4,
        ) {
            let all: Vec<Snapshot> = all.iter().enumerate()
                .map(|(n, (day, status, copy))| snapshot(&format!("s{n}"), &format!("202611{day:02}t000000z-aaaaaa"), status, *copy))
                .collect();
            let plan = plan_snapshots(&all, STACK, keep);
            for copy in [false, true] {
                let of_kind = |s: &&Snapshot| s.tags.get(lineage::SOURCE_SNAPSHOT).is_some() == copy && s.status == "available";
                let stays = |s: &Snapshot| plan.iter().any(|d| d.identifier == s.identifier && d.verdict == Verdict::Keep);
                let staying: Vec<&Snapshot> = all.iter().filter(of_kind).filter(|s| stays(s)).collect();
                prop_assert_eq!(staying.len(), all.iter().filter(of_kind).count().min(keep.max(1)));
                let newest = all.iter().filter(of_kind).filter_map(|s| s.tags.get(lineage::REPLICATION_ID)).max();
                prop_assert_eq!(staying.iter().filter_map(|s| s.tags.get(lineage::REPLICATION_ID)).max(), newest);
            }
        }
    }
}
