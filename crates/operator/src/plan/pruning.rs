//! What a run deletes, at either end of it.

use std::collections::BTreeSet;

use replication::lineage::{self, DELETION_TAG, Tags};
use replication::machines::{Machine, Stage};
use replication::observed::{Instance, Snapshot};
use replication::retention::{self, Decision, First, Planned, Verdict};

use super::journal::{Journal, MANUAL_SNAPSHOTS};

/// What there is, and what was decided about it.
#[derive(Debug, Default)]
pub struct Things<'a> {
    pub instances: &'a [Instance],
    pub snapshots: &'a [Snapshot],
    pub about_instances: Vec<Decision>,
    pub about_snapshots: Vec<Decision>,
}

impl Things<'_> {
    fn tags(&self, identifier: &str) -> Option<&Tags> {
        let instance = self.instances.iter().find(|one| one.identifier.as_str() == identifier);
        let snapshot = || self.snapshots.iter().find(|one| one.identifier.as_str() == identifier);
        instance.map(|one| &one.tags).or_else(|| snapshot().map(|one| &one.tags))
    }

    fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.about_instances.iter().chain(&self.about_snapshots)
    }

    fn reason(&self, thing: &Planned) -> String {
        let about = self.decisions().find(|decision| decision.identifier == thing.identifier());
        about.map(|decision| decision.reason.clone()).unwrap_or_default()
    }
}

/// How many deletions a run may make, and how many it has planned at its other end.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub most: usize,
    pub before: usize,
}

/// Enters the state, and notes what is deleted in it. `delete` notes the calls of one instance. Answers what is deleted.
pub fn prune(
    journal: &mut Journal,
    (machine, state): (Machine, &Stage),
    first: First,
    things: &Things<'_>,
    allowance: Allowance,
    delete: impl Fn(&mut Journal, &Instance, String),
) -> Vec<Planned> {
    journal.enter(machine, state);
    let was_undeleted = |thing: &Planned| {
        let tags = things.tags(thing.identifier());
        tags.is_some_and(|tags| tags.get(lineage::UNDELETED).is_some())
    };
    let due =
        retention::due_but_for(first, &things.about_instances, &things.about_snapshots, &[], was_undeleted);
    let (planned, later) = retention::plan_deletions(due, allowance.most, allowance.before);
    for thing in &planned {
        let reason = things.reason(thing);
        match thing {
            Planned::Snapshot(name) => {
                journal.call("rds:DeleteDBSnapshot", name, reason);
                if let Some(one) = things.snapshots.iter().find(|one| one.identifier.as_str() == name) {
                    journal.uses(MANUAL_SNAPSHOTS, &one.arn.region, -1);
                }
            }
            Planned::Instance(name) => {
                if let Some(one) = things.instances.iter().find(|one| one.identifier.as_str() == name) {
                    delete(journal, one, reason);
                }
            }
        }
    }
    for thing in &later {
        let most = allowance.most;
        journal.note(format!(
            "{} stays until a later run: {most} deletions per run are allowed (MaxDeletionsPerRun)",
            thing.identifier()
        ));
    }
    if let Some(state) = journal.state() {
        state.decisions = things.decisions().cloned().collect();
        state.polls = Some(if planned.is_empty() { 1 } else { 2 });
    }
    planned
}

/// Notes what a run does about what it cannot delete: it counts, and alerts operators once.
pub fn count_undeleted(journal: &mut Journal, machine: Machine, alert: &Stage, things: &Things<'_>) {
    let mut told = Vec::new();
    for hindered in things.decisions().filter(|decision| decision.verdict == Verdict::Later) {
        let tag = things.tags(&hindered.identifier).and_then(|tags| tags.get(lineage::UNDELETED));
        let counted = retention::count_undeleted(tag, journal.id.as_str());
        if let Some(value) = &counted.tag {
            let why = format!("{}={value}: {}", lineage::UNDELETED, hindered.reason);
            journal.call("rds:AddTagsToResource", &hindered.identifier, why);
        }
        told.extend(counted.alert_text(&hindered.identifier, &hindered.reason, None));
    }
    if !told.is_empty() {
        journal.enter(machine, alert);
        journal.call("sns:Publish", "the alert topic", told.join("; "));
    }
}

/// Notes the deletion tags that are set before a run makes anything; answers the instances with them.
pub fn mark(journal: &mut Journal, about: &[Decision], instances: &[Instance]) -> Vec<Instance> {
    let due = about.iter().filter(|decision| decision.verdict == Verdict::Mark);
    let mut marked = BTreeSet::new();
    for decision in due {
        let why = format!("{}={}: {}", DELETION_TAG.0, DELETION_TAG.1, decision.reason);
        journal.call("rds:AddTagsToResource", &decision.identifier, why);
        marked.insert(decision.identifier.as_str());
    }
    let tagged = |one: &Instance| {
        let mut one = one.clone();
        if marked.contains(one.identifier.as_str()) {
            one.tags = one.tags.with(DELETION_TAG.0, DELETION_TAG.1);
        }
        one
    };
    instances.iter().map(tagged).collect()
}

/// What is left of the snapshots once these are deleted.
pub fn snapshots_without(snapshots: &[Snapshot], deleted: &[Planned]) -> Vec<Snapshot> {
    let is_gone = |one: &Snapshot| deleted.contains(&Planned::Snapshot(one.identifier.to_string()));
    snapshots.iter().filter(|one| !is_gone(one)).cloned().collect()
}

/// What is left of the instances once these are deleted.
pub fn instances_without(instances: &[Instance], deleted: &[Planned]) -> Vec<Instance> {
    let is_gone = |one: &Instance| deleted.contains(&Planned::Instance(one.identifier.to_string()));
    instances.iter().filter(|one| !is_gone(one)).cloned().collect()
}
