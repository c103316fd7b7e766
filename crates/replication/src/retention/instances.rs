//! The decision about instances.

use crate::naming::Version;
use crate::observed::Instance;
use crate::progress::Restored;

use super::{Decision, Verdict, of_a_person};

/// The instance of the stack that the secret names, if it names one.
#[must_use]
pub fn live_instance<'a>(instances: &'a [Instance], stack: &str, live_host: &str) -> Option<&'a Instance> {
    instances.iter().find(|instance| instance.is_of_stack(stack) && is_live(instance, live_host))
}

fn is_live(instance: &Instance, live_host: &str) -> bool {
    !live_host.is_empty() && instance.host.as_deref() == Some(live_host)
}

/// Decides about every instance with the stack's tag, newest version first.
///
/// `live_host` is the endpoint address that the secret names; `keep` is the number of older versions that stay.
#[must_use]
pub fn plan_instances(instances: &[Instance], stack: &str, live_host: &str, keep: usize) -> Vec<Decision> {
    let live_version =
        live_instance(instances, stack, live_host).and_then(|instance| instance.tags.version());
    let tagged = instances.iter().filter(|instance| instance.tags.name_stack(stack));
    let (mut ours, of_people): (Vec<&Instance>, Vec<&Instance>) =
        tagged.partition(|instance| instance.is_of_stack(stack));
    ours.sort_by_key(|instance| std::cmp::Reverse(instance.tags.version()));

    let mut older_kept = 0;
    let mut plan: Vec<Decision> =
        of_people.into_iter().map(|instance| of_a_person(&instance.identifier)).collect();
    for instance in ours {
        let (verdict, reason) = match standing(instance, live_host, live_version) {
            Standing::Stays(reason) => stay(instance, reason),
            Standing::Older if older_kept < keep => {
                older_kept += 1;
                stay(instance, format!("older version {older_kept} of {keep} kept for rolling back"))
            }
            // It must not take the place of a copy that one can roll back to.
            Standing::Unready if older_kept < keep => stay(
                instance,
                format!("it is {}, and no newer {keep} can be rolled back to", instance.status),
            ),
            Standing::Older | Standing::Unready => {
                remove(instance, &format!("older than the {keep} versions kept for rolling back"))
            }
            Standing::NeverWas => {
                remove(instance, &format!("it is {} and a newer version is live", instance.status))
            }
            Standing::Leaving => (Verdict::Keep, "it is already being deleted".to_owned()),
        };
        plan.push(Decision { identifier: instance.identifier.to_string(), verdict, reason });
    }
    plan
}

enum Standing {
    /// It is not superseded; the text says why.
    Stays(String),
    /// It is older than the live version, and one can roll back to it.
    Older,
    /// It is older than the live version, and one cannot roll back to it as it is.
    Unready,
    /// It is older than the live version, and what a failed restore left.
    NeverWas,
    /// It is older than the live version and on its way out.
    Leaving,
}

fn standing(instance: &Instance, live_host: &str, live_version: Option<Version>) -> Standing {
    if is_live(instance, live_host) {
        return Standing::Stays("the secret names it".to_owned());
    }
    let Some(live_version) = live_version else {
        return Standing::Stays(
            "the secret names no version of this stack, so nothing is superseded".to_owned(),
        );
    };
    match instance.tags.version() {
        None => return Standing::Stays("it has no version".to_owned()),
        Some(version) if version >= live_version => {
            return Standing::Stays(format!("not older than the live version {live_version}"));
        }
        Some(_) => {}
    }
    match instance.status.restored() {
        Restored::Deleting => Standing::Leaving,
        // A stopped instance is whole: an operator has stopped it.
        Restored::Stopped | Restored::Usable => Standing::Older,
        Restored::FailedRestore => Standing::NeverWas,
        // Busy, or waiting for an operator who can bring it back, such as storage-full.
        Restored::Busy | Restored::Broken => Standing::Unready,
    }
}

fn stay(instance: &Instance, reason: String) -> (Verdict, String) {
    let verdict = if instance.tags.are_marked() { Verdict::Unmark } else { Verdict::Keep };
    (verdict, reason)
}

fn remove(instance: &Instance, reason: &str) -> (Verdict, String) {
    if !instance.tags.are_marked() {
        (Verdict::Mark, reason.to_owned())
    } else if instance.deletion_protection {
        (Verdict::Later, format!("{reason}; it has deletion protection, so a person has to decide"))
    } else if instance.status.is_deletable() {
        (Verdict::Delete, reason.to_owned())
    } else {
        (Verdict::Later, format!("{reason}; it is {} now, so a later run deletes it", instance.status))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{STACK, host, instance, marked, verdicts};
    use super::*;
    use crate::lineage::{self, Tags};
    use crate::observed;
    use crate::progress::INSTANCE_STATUSES;

    use Verdict::{Delete, Keep, Later, Mark, Unmark};

    #[test]
    fn the_live_version_and_n_older_ones_stay() {
        let mut all: Vec<Instance> = (1..=5).map(|v| instance(&format!("db-{v}"), v)).collect();
        all[0] = marked(all[0].clone());
        let plan = plan_instances(&all, STACK, &host("db-5"), 2);
        assert_eq!(
            verdicts(&plan),
            [("db-5", Keep), ("db-4", Keep), ("db-3", Keep), ("db-2", Mark), ("db-1", Delete)]
        );
        assert_eq!(plan[0].to_string(), "keep db-5: the secret names it");
        assert_eq!(plan[3].to_string(), "mark db-2: older than the 2 versions kept for rolling back");
    }

    /// The original's first destructive case: it deletes what it has just restored.
    #[test]
    fn keeping_no_older_version_never_deletes_the_one_just_restored() {
        let all = [marked(instance("db-1", 1)), instance("db-2", 2)];
        let plan = plan_instances(&all, STACK, &host("db-2"), 0);
        assert_eq!(verdicts(&plan), [("db-2", Keep), ("db-1", Delete)]);
    }

    /// The original's second destructive case: it looks for the version's digits anywhere in a name.
    #[test]
    fn digits_in_a_prefix_never_point_at_another_database() {
        let mut foreign = instance("app-1", 1);
        foreign.tags = Tags::default().with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
        let all = [instance("app3-3", 3), marked(instance("app3-2", 2)), foreign];
        let plan = plan_instances(&all, STACK, &host("app3-3"), 0);
        assert_eq!(verdicts(&plan), [("app3-3", Keep), ("app3-2", Delete)]);
    }

    /// The original's third destructive case: it deletes whatever carries the mark.
    #[test]
    fn an_instance_of_someone_else_with_the_mark_is_not_even_in_the_plan() {
        let mut foreign = marked(instance("db-1", 1));
        foreign.tags = foreign.tags.with(lineage::STACK, "another-stack");
        let plan = plan_instances(&[foreign, instance("db-2", 2)], STACK, &host("db-2"), 0);
        assert_eq!(verdicts(&plan), [("db-2", Keep)]);
    }

    /// > What people restore or copy from our snapshots stays, although RDS gives it our tags and even the deletion mark.
    #[test]
    fn what_a_person_has_restored_from_a_snapshot_of_ours_stays() {
        let mut by_hand = marked(instance("db-1", 1));
        by_hand.identifier = "investigation-1".parse().unwrap();
        by_hand.host = Some(host("investigation-1"));
        let all = [by_hand, instance("db-2", 2), instance("db-1", 1)];
        let plan = plan_instances(&all, STACK, &host("db-2"), 1);
        assert_eq!(verdicts(&plan), [("investigation-1", Keep), ("db-2", Keep), ("db-1", Keep)]);
        let plan = plan_instances(&all, STACK, &host("investigation-1"), 0);
        assert!(plan.iter().all(|decision| decision.verdict == Keep), "the secret names nothing of ours");
    }

    #[test]
    fn nothing_is_superseded_while_the_secret_names_nothing_of_ours() {
        let all = [instance("db-1", 1), instance("db-2", 2)];
        for live in ["", "elsewhere.example"] {
            let plan = plan_instances(&all, STACK, live, 0);
            assert!(plan.iter().all(|decision| decision.verdict == Keep), "{live}");
        }
    }

    #[test]
    fn a_version_that_is_live_again_or_kept_again_loses_its_mark() {
        let all = [marked(instance("db-1", 1)), marked(instance("db-2", 2))];
        let plan = plan_instances(&all, STACK, &host("db-1"), 0);
        assert_eq!(verdicts(&plan), [("db-2", Unmark), ("db-1", Unmark)]);
    }

    #[test]
    fn what_cannot_be_deleted_now_is_deleted_later() {
        let mut all: Vec<Instance> = (1..=4).map(|v| marked(instance(&format!("db-{v}"), v))).collect();
        all[0].status = "modifying".into();
        all[1].deletion_protection = true;
        all[2].status = "incompatible-restore".into();
        let plan = plan_instances(&all, STACK, &host("db-4"), 0);
        assert_eq!(verdicts(&plan), [("db-4", Unmark), ("db-3", Delete), ("db-2", Later), ("db-1", Later)]);
    }

    #[test]
    fn what_one_cannot_roll_back_to_takes_no_place_of_what_one_can() {
        let mut all: Vec<Instance> = (1..=6).map(|v| instance(&format!("db-{v}"), v)).collect();
        all[4].status = "creating".into();
        all[3].status = "restore-error".into();
        all[2].status = "stopped".into();
        let plan = plan_instances(&all, STACK, &host("db-6"), 1);
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
        (statuses, stacks, versions, any::<bool>(), any::<bool>(), names, any::<bool>(), made_under).prop_map(
            |(status, stack, version, marked, protected, identifier, has_host, made_under)| {
                let mut tags = Tags::default().with("team", "data").named(made_under.unwrap_or(&identifier));
                if let Some(stack) = stack {
                    tags = tags.with(lineage::STACK, stack);
                }
                if let Some(version) = version {
                    tags = tags.with(lineage::VERSION, version);
                }
                if marked {
                    tags = tags.with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
                }
                Instance {
                    host: has_host.then(|| host(&identifier)),
                    status: status.as_str().into(),
                    deletion_protection: protected,
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

    /// What one can roll back to, said without the code that is tested.
    fn is_whole(instance: &Instance) -> bool {
        let whole = [
            "available",
            "backing-up",
            "storage-initialization",
            "storage-optimization",
            "stopped",
            "stopping",
        ];
        whole.contains(&instance.status.as_str())
    }

    /// The fleet after the marks of a plan were set and taken off.
    fn after_marking(all: &[Instance], plan: &[Decision]) -> Vec<Instance> {
        let mut all = all.to_vec();
        for decision in plan {
            let one = all.iter_mut().find(|one| one.identifier.as_str() == decision.identifier).unwrap();
            match decision.verdict {
                Mark => *one = marked(one.clone()),
                Unmark => {
                    let rest = one.tags.iter().filter(|(key, _)| *key != lineage::DELETION_MARK.0);
                    one.tags = rest.collect();
                }
                _ => {}
            }
        }
        all
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
            let live = all.iter().find(|one| {
                !live_host.is_empty() && one.host.as_deref() == Some(&live_host) && one.is_of_stack(STACK)
            });
            let tagged = all.iter().filter(|one| one.tags.get(lineage::STACK) == Some(STACK)).count();
            prop_assert_eq!(plan.len(), tagged, "everything with our tag is decided about, and nothing else");
            for decision in &plan {
                let one = find(&all, decision);
                if decision.verdict != Keep {
                    let name = one.tags.get(lineage::NAME);
                    prop_assert_eq!(name, Some(one.identifier.as_str()), "{} is a person's", decision);
                    prop_assert_eq!(one.tags.get(lineage::STACK), Some(STACK), "{} is not ours", decision);
                }
                if superseded(decision) {
                    prop_assert!(live_host.is_empty() || one.host.as_deref() != Some(live_host.as_str()));
                    prop_assert!(one.tags.version() < live.and_then(|live| live.tags.version()), "{decision} is newer");
                }
                if decision.verdict == Delete {
                    prop_assert!(one.tags.are_marked(), "{decision} was never marked");
                    prop_assert!(!one.deletion_protection && one.status.is_deletable());
                }
            }
            if let Some(version) = live.and_then(|live| live.tags.version()) {
                let whole_and_older = |one: &&Instance| one.is_of_stack(STACK) && is_whole(one)
                    && one.tags.version().is_some_and(|own| own < version);
                let existing = all.iter().filter(whole_and_older).count();
                let staying: Vec<Version> = plan.iter().filter(|d| !superseded(d)).map(|d| find(&all, d))
                    .filter(whole_and_older).filter_map(|one| one.tags.version()).collect();
                prop_assert_eq!(staying.len(), existing.min(keep));
                for decision in plan.iter().filter(|d| superseded(d)) {
                    let one = find(&all, decision);
                    if is_whole(one) {
                        prop_assert!(staying.iter().all(|kept| Some(*kept) >= one.tags.version()));
                    }
                }
            }
        }

        /// > Pruning twice is pruning once.
        #[test]
        fn pruning_twice_is_pruning_once((all, live_host, keep) in fleet()) {
            let all = after_marking(&all, &plan_instances(&all, STACK, &live_host, keep));
            let plan = plan_instances(&all, STACK, &live_host, keep);
            prop_assert!(plan.iter().all(|d| !matches!(d.verdict, Mark | Unmark)), "{:?}", plan);
            let deleted = |one: &Instance| plan.iter().any(|d| d.verdict == Delete && d.identifier == one.identifier.as_str());
            let left: Vec<Instance> = all.into_iter().filter(|one| !deleted(one)).collect();
            let again = plan_instances(&left, STACK, &live_host, keep);
            prop_assert!(again.iter().all(|d| !matches!(d.verdict, Mark | Unmark | Delete)), "{:?}", again);
        }
    }
}
