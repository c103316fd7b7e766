//! What a run costs, and what a month of them does with what they leave.

use replication::machines::Machine;
use replication::observed::Snapshot;
use serde::Serialize;

use super::journal::Entered;
use super::prices;
use crate::functions::Function;

/// States that a machine enters once after its last task: whether something is undeleted, and the end.
const LAST_STATES: u32 = 2;
/// MB of a GB, as Lambda counts them.
const MB_OF_GB: f64 = 1024.0;

/// What it costs, in dollars.
#[derive(Debug, Clone, Serialize)]
pub struct Costs {
    pub run: Run,
    pub month: Month,
}

/// One run.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub transitions: u32,
    pub function_calls: u32,
    pub function_seconds: f64,
    pub dollars: f64,
    /// Whether every stage is in it; not where nobody knows how long one takes, which is counted as one poll.
    pub is_complete: bool,
}

/// A month, with what stays.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Month {
    /// How many runs; nothing without a schedule or a number that was given.
    pub runs: Option<u64>,
    pub dollars_of_runs: f64,
    pub snapshots: usize,
    /// All of the storage of each snapshot, which is the most that they can take.
    pub snapshot_gib: i64,
    pub dollars_of_snapshots: f64,
    pub instances: usize,
    pub class: Option<String>,
    /// Nothing for a class that is not in the table.
    pub dollars_of_instances: Option<f64>,
    pub storage_gib: i64,
    pub dollars_of_storage: f64,
    /// Without what has no price here.
    pub dollars: f64,
    /// Whether everything has a price.
    pub is_complete: bool,
}

/// What is there between two runs.
#[derive(Debug, Clone)]
pub struct Kept<'a> {
    pub snapshots: Vec<&'a Snapshot>,
    /// The storage of each instance, in GiB.
    pub instances: Vec<i32>,
    pub class: Option<String>,
    pub multi_az: bool,
    /// Whether the table of prices is about them.
    pub is_in_table: bool,
}

/// The costs of a run through these states. `function` is one of the stacks', which are all alike.
pub fn of(states: &[Entered], function: &Function, runs: Option<u64>, kept: &Kept<'_>) -> Costs {
    let run = of_run(states, function);
    let month = of_month(&run, runs, kept);
    Costs { run, month }
}

fn of_run(states: &[Entered], function: &Function) -> Run {
    let polls = |state: &Entered| state.polls.unwrap_or(1);
    // A poll that waits is three states, and the last one of a stage two; what is called once has no choice after it.
    let transitions = |state: &Entered| if is_polled(state) { 3 * polls(state) - 1 } else { 1 };
    let machines = [Machine::Source, Machine::Destination];
    let entered = machines.iter().filter(|machine| states.iter().any(|state| state.machine == **machine));
    let ends = LAST_STATES * u32::try_from(entered.count()).unwrap_or_default();
    let transitions = states.iter().map(transitions).sum::<u32>() + ends;
    // The function that starts the destination machine is called once too.
    let function_calls = states.iter().map(polls).sum::<u32>() + 1;
    let function_seconds = f64::from(function_calls) * prices::FUNCTION_SECONDS;
    #[expect(clippy::cast_precision_loss, reason = "a function has some thousand MB at most")]
    let gigabytes = function.memory as f64 / MB_OF_GB;
    let second = if function.is_arm() { prices::FUNCTION_GB_SECOND_ARM } else { prices::FUNCTION_GB_SECOND };
    let dollars = f64::from(transitions) * prices::TRANSITION
        + f64::from(function_calls) * prices::FUNCTION_CALL
        + function_seconds * gigabytes * second;
    let is_complete = states.iter().all(|state| state.polls.is_some());
    Run { transitions, function_calls, function_seconds, dollars, is_complete }
}

/// Whether a state is one of those that are entered again until their status is the last one.
fn is_polled(state: &Entered) -> bool {
    let stages = state.machine.stages().iter();
    let task = stages.clone().find(|stage| stage.state == state.state).map(|stage| stage.task);
    !matches!(task, Some("share" | "notify"))
}

fn of_month(run: &Run, runs: Option<u64>, kept: &Kept<'_>) -> Month {
    let snapshot_gib: i64 =
        kept.snapshots.iter().filter_map(|one| one.allocated_storage).map(i64::from).sum();
    let storage_gib: i64 = kept.instances.iter().copied().map(i64::from).sum();
    let hour = kept
        .class
        .as_deref()
        .filter(|_| kept.is_in_table)
        .and_then(|class| prices::instance_hour(class, kept.multi_az));
    let number = kept.instances.len();
    let dollars_of_runs = runs.map_or(0.0, |runs| float(runs) * run.dollars);
    let dollars_of_snapshots = gib(snapshot_gib) * prices::SNAPSHOT_GIB_MONTH;
    let hours = f64::from(prices::HOURS_OF_MONTH) * float(u64::try_from(number).unwrap_or_default());
    let dollars_of_instances = hour.map(|hour| hour * hours);
    let copies = if kept.multi_az { 2.0 } else { 1.0 };
    let dollars_of_storage = gib(storage_gib) * prices::STORAGE_GIB_MONTH * copies;
    Month {
        runs,
        dollars_of_runs,
        snapshots: kept.snapshots.len(),
        snapshot_gib,
        dollars_of_snapshots,
        instances: number,
        class: kept.class.clone(),
        dollars_of_instances,
        storage_gib,
        dollars_of_storage,
        dollars: dollars_of_runs
            + dollars_of_snapshots
            + dollars_of_instances.unwrap_or_default()
            + dollars_of_storage,
        is_complete: runs.is_some() && (number == 0 || dollars_of_instances.is_some()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no account has so much")]
fn gib(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "no account has so much")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::journal::{Journal, state_of};
    use super::*;

    /// The run of which every stage is over at once: the source machine has 18 states then, which the story counts too.
    #[test]
    fn a_run_costs_its_transitions_and_its_functions() {
        let mut journal = Journal::new(datetime!(2026-11-26 12:00 UTC), "arn:execution".to_owned());
        for (task, is_last) in [
            ("prune", false),
            ("snapshot", false),
            ("copy", false),
            ("share", false),
            ("notify", false),
            ("prune", true),
        ] {
            journal.enter(Machine::Source, state_of(Machine::Source, task, is_last));
        }
        let function = Function { memory: 128, ..Function::default() };
        let kept = Kept {
            snapshots: vec![],
            instances: vec![20, 20],
            class: Some("db.m6i.large".to_owned()),
            multi_az: false,
            is_in_table: true,
        };
        let Costs { run, month } = of(&journal.states, &function, Some(30), &kept);
        assert_eq!((run.transitions, run.function_calls), (4 * 2 + 2 + 2, 7));
        assert!(run.is_complete && (0.000_3..0.000_35).contains(&run.dollars), "{run:?}");
        assert_eq!(month.dollars_of_instances, Some(0.178 * 730.0 * 2.0));
        assert!(month.is_complete && month.storage_gib == 40, "{month:?}");
        journal.states[1].polls = None;
        let elsewhere = Kept { is_in_table: false, ..kept.clone() };
        let month = of(&journal.states, &function, Some(30), &elsewhere).month;
        assert!(
            !month.is_complete && month.dollars_of_instances.is_none(),
            "another engine or storage: {month:?}"
        );
        let unknown = Kept { class: Some("db.unheard.of".to_owned()), ..kept };
        let Costs { run, month } = of(&journal.states, &function, None, &unknown);
        assert!(!run.is_complete && !month.is_complete, "what nobody knows is said");
        assert_eq!(month.dollars_of_instances, None);
    }
}
