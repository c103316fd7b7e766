//! Which of the deletions that are due a run takes on.

use serde::{Deserialize, Serialize};

use super::{Decision, Verdict};

/// The fewest deletions that a stack may allow its runs. In the destination a run makes one instance and one snapshot, in the
/// source one snapshot and a copy of it: with fewer, what is to go would grow with every run and cost more and more.
pub const FEWEST_DELETIONS: usize = 2;

/// A thing that a run means to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Planned {
    /// An instance, by its identifier.
    Instance(String),
    /// A snapshot, by its identifier.
    Snapshot(String),
}

impl Planned {
    /// Its identifier.
    #[must_use]
    pub fn identifier(&self) -> &str {
        match self {
            Self::Instance(identifier) | Self::Snapshot(identifier) => identifier,
        }
    }
}

/// What is deleted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Instances, which cost most.
    Instances,
    /// Snapshots, where a run is about to need room for one.
    Snapshots,
}

/// Everything that is due, in the order in which it goes: within its kind the oldest first, because the plans are newest
/// first.
#[must_use]
pub fn due(first: First, instances: &[Decision], snapshots: &[Decision]) -> Vec<Planned> {
    let of = |plan: &[Decision], planned: fn(String) -> Planned| -> Vec<Planned> {
        let due = plan.iter().rev().filter(|decision| decision.verdict == Verdict::Delete);
        due.map(|decision| planned(decision.identifier.clone())).collect()
    };
    let (instances, snapshots) = (of(instances, Planned::Instance), of(snapshots, Planned::Snapshot));
    match first {
        First::Instances => [instances, snapshots].concat(),
        First::Snapshots => [snapshots, instances].concat(),
    }
}

/// Everything that is due at one end of a run, in the order in which it goes, without what was refused at the other end. What
/// earlier runs could not delete comes last, so that it does not keep the rest from going.
#[must_use]
pub fn due_but_for(
    first: First,
    instances: &[Decision],
    snapshots: &[Decision],
    refused: &[&str],
    was_undeleted: impl Fn(&Planned) -> bool,
) -> Vec<Planned> {
    let mut due = due(first, instances, snapshots);
    due.retain(|thing| !refused.contains(&thing.identifier()));
    due.sort_by_key(was_undeleted);
    due
}

/// Parts what is due into what this run takes on and what a later one does: a run deletes at most `at_most` things, and
/// has planned so many before.
#[must_use]
pub fn plan_deletions(
    mut due: Vec<Planned>,
    at_most: usize,
    planned_before: usize,
) -> (Vec<Planned>, Vec<Planned>) {
    let later = due.split_off(due.len().min(at_most.saturating_sub(planned_before)));
    (due, later)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(names: &[(&str, Verdict)]) -> Vec<Decision> {
        let decision = |(name, verdict): &(&str, Verdict)| Decision {
            identifier: (*name).to_owned(),
            verdict: *verdict,
            reason: String::new(),
        };
        names.iter().map(decision).collect()
    }

    #[test]
    fn the_oldest_goes_first_and_what_is_planned_before_counts() {
        let instances =
            plan(&[("db-4", Verdict::Keep), ("db-3", Verdict::Delete), ("db-2", Verdict::Delete)]);
        let snapshots = plan(&[("s2", Verdict::Delete), ("s1", Verdict::Later)]);
        let names =
            |planned: &[Planned]| planned.iter().map(|one| one.identifier().to_owned()).collect::<Vec<_>>();
        let all = due(First::Instances, &instances, &snapshots);
        assert_eq!(names(&all), ["db-2", "db-3", "s2"]);
        assert_eq!(names(&due(First::Snapshots, &instances, &snapshots)), ["s2", "db-2", "db-3"]);
        for (at_most, before, taken) in [(2, 0, 2), (3, 2, 1), (2, 5, 0), (0, 0, 0), (9, 0, 3)] {
            let (planned, later) = plan_deletions(all.clone(), at_most, before);
            assert_eq!((planned.len(), later.len()), (taken, 3 - taken), "{at_most} {before}");
        }
        let late =
            due_but_for(First::Instances, &instances, &snapshots, &["s2"], |one| one.identifier() == "db-2");
        assert_eq!(names(&late), ["db-3", "db-2"]);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, r#"[{"instance":"db-2"},{"instance":"db-3"},{"snapshot":"s2"}]"#);
        assert_eq!(serde_json::from_str::<Vec<Planned>>(&text).unwrap(), all);
    }
}
