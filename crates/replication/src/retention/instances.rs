//! The decision about instances.

use crate::naming::InstanceIdentifier;
use crate::observed::Instance;
use crate::progress::Restored;

use super::{Decision, InUse, Verdict, not_created_by_us};

/// What a stack wants to keep of the instances of one source database.
#[derive(Debug, Clone)]
pub struct InstanceRule<'a> {
    /// The stack.
    pub stack: &'a str,
    /// The source database; of others nothing is decided.
    pub database: &'a InstanceIdentifier,
    /// The endpoint address that the secret names.
    pub live_host: &'a str,
    /// How many older versions stay, each with data of its own.
    pub keep: usize,
    /// Whether a final snapshot is made of an instance before it goes.
    pub final_snapshot: bool,
    /// What running executions may still need.
    pub in_use: InUse,
}

impl<'a> InstanceRule<'a> {
    /// A rule without final snapshots, where nothing is known to run.
    #[must_use]
    pub fn new(stack: &'a str, database: &'a InstanceIdentifier, live_host: &'a str, keep: usize) -> Self {
        Self { stack, database, live_host, keep, final_snapshot: false, in_use: InUse::default() }
    }
}

/// The instance of the stack that the secret names, if it names one.
#[must_use]
pub fn live_instance<'a>(instances: &'a [Instance], stack: &str, live_host: &str) -> Option<&'a Instance> {
    instances.iter().find(|instance| instance.is_of_stack(stack) && is_live(instance, live_host))
}

fn is_live(instance: &Instance, live_host: &str) -> bool {
    !live_host.is_empty() && instance.host.as_deref() == Some(live_host)
}

/// Decides about every instance of one database with the stack's tag, newest data first.
#[must_use]
pub fn plan_instances(instances: &[Instance], rule: &InstanceRule<'_>) -> Vec<Decision> {
    let InstanceRule { stack, keep, .. } = *rule;
    let of_database = instances.iter().filter(|instance| instance.is_of_database(rule.database));
    let tagged = of_database.filter(|instance| instance.tags.tagged_with_stack(stack));
    let (mut ours, others): (Vec<&Instance>, Vec<&Instance>) =
        tagged.partition(|instance| instance.is_of_stack(stack));
    ours.sort_by(|one, other| other.tags.age_order().cmp(&one.tags.age_order()));
    let live = ours.iter().copied().find(|instance| is_live(instance, rule.live_host));

    // Each of them holds data of its own that one can roll back to: the live version, and the older ones that stay.
    let mut kept: Vec<&Instance> = live.into_iter().collect();
    let mut plan: Vec<Decision> =
        others.into_iter().map(|instance| not_created_by_us(&instance.identifier)).collect();
    for instance in ours {
        let older_kept = kept.len().saturating_sub(1);
        let same_data = kept.iter().find(|kept| kept.tags.are_of_same_data(&instance.tags));
        let (verdict, reason) = match (standing(instance, live), same_data) {
            (Standing::Kept(reason), _) => stay(instance, reason),
            (Standing::Deleting, _) => (Verdict::Keep, "it is already being deleted".to_owned()),
            // It would take the place of other data.
            (Standing::Older | Standing::Unready, Some(same_data)) => remove(
                instance,
                rule,
                &format!("it holds the same data as {}, which stays", same_data.identifier),
            ),
            (Standing::Older, None) if older_kept < keep => {
                kept.push(instance);
                let number = older_kept + 1;
                stay(instance, format!("older version {number} of {keep} kept for rolling back"))
            }
            // It must not take the place of a version that one can roll back to.
            (Standing::Unready, None) if older_kept < keep => stay(
                instance,
                format!("it is {}, and no newer {keep} can be rolled back to", instance.status),
            ),
            (Standing::Older | Standing::Unready, None) => {
                remove(instance, rule, &format!("older than the {keep} versions kept for rolling back"))
            }
            (Standing::FailedRestore, _) => {
                remove(instance, rule, &format!("it is {} and a newer version is live", instance.status))
            }
        };
        plan.push(Decision { identifier: instance.identifier.to_string(), verdict, reason });
    }
    plan
}

enum Standing {
    /// It is not superseded; the text says why.
    Kept(String),
    /// Its data is older than that of the live version, and one can roll back to it.
    Older,
    /// Its data is older than that of the live version, and one cannot roll back to it as it is.
    Unready,
    /// It is older than the live version, and what a failed restore left.
    FailedRestore,
    /// It is older than the live version and on its way out.
    Deleting,
}

fn standing(instance: &Instance, live: Option<&Instance>) -> Standing {
    let kept_because = |reason: String| Standing::Kept(reason);
    let Some(live) = live else {
        return kept_because(
            "the secret names no version of this database, so nothing is superseded".to_owned(),
        );
    };
    let (tags, of_live) = (&instance.tags, &live.tags);
    if instance.identifier == live.identifier {
        return kept_because("the secret names it".to_owned());
    }
    if tags.version().is_none() {
        return kept_because("it has no version".to_owned());
    }
    if tags.data_time().is_none() && of_live.data_time().is_some() {
        return kept_because("the time of its data is not known".to_owned());
    }
    if tags.age_order() >= of_live.age_order() {
        return kept_because(format!(
            "its data is not older than that of the live version {}",
            live.identifier
        ));
    }
    match instance.status.restored() {
        Restored::Deleting => Standing::Deleting,
        // A stopped instance is whole: an operator has stopped it.
        Restored::Stopped | Restored::Usable => Standing::Older,
        // It has served readers, so that what they wrote may be in it.
        Restored::FailedRestore if tags.are_promoted() => Standing::Unready,
        Restored::FailedRestore => Standing::FailedRestore,
        // Busy, or waiting for an operator who can bring it back, such as storage-full.
        Restored::Busy | Restored::Broken => Standing::Unready,
    }
}

fn stay(instance: &Instance, reason: String) -> (Verdict, String) {
    let verdict = if instance.tags.have_deletion_tag() { Verdict::Unmark } else { Verdict::Keep };
    (verdict, reason)
}

fn remove(instance: &Instance, rule: &InstanceRule<'_>, reason: &str) -> (Verdict, String) {
    if let Some(needed) = rule.in_use.reason(&instance.tags) {
        return (Verdict::Keep, format!("{reason}; {needed}"));
    }
    if !instance.tags.have_deletion_tag() {
        return (Verdict::Mark, reason.to_owned());
    }
    match hindrance(instance, rule.final_snapshot) {
        None => (Verdict::Delete, reason.to_owned()),
        Some(hindrance) => (Verdict::Later, format!("{reason}; {hindrance}")),
    }
}

/// What keeps an instance from being deleted now, and how an operator ends that.
fn hindrance(instance: &Instance, final_snapshot: bool) -> Option<String> {
    let status = &instance.status;
    if instance.deletion_protection {
        return Some("it has deletion protection: take that off, or keep the instance".to_owned());
    }
    if !instance.read_replicas.is_empty() {
        let replicas = instance.read_replicas.join(", ");
        return Some(format!("it has the read replica {replicas}: delete or promote that first"));
    }
    if final_snapshot && status.restored() == Restored::Stopped {
        let advice = "start it, or deploy the stack with FinalSnapshot=false";
        return Some(format!(
            "it is {status}, and a final snapshot can only be made while it runs: {advice}"
        ));
    }
    // What a failed restore has left that no secret has named, nobody can have written into.
    let may_hold_data = status.restored() != Restored::FailedRestore || instance.tags.are_promoted();
    if final_snapshot && may_hold_data && !status.takes_final_snapshot() {
        let advice = "mend it, make sure that nobody needs its data and delete it by hand, or deploy the stack with FinalSnapshot=false";
        return Some(format!("it is {status}, and RDS can make no final snapshot of it: {advice}"));
    }
    (!status.is_deletable()).then(|| format!("it is {status} now, so a later run deletes it"))
}

#[cfg(test)]
mod tests;
