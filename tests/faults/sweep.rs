//! Every call that the functions make, with every fault that it can meet.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::thread;
use std::time::Duration;

use crate::calls::{Machine, Point};
use crate::lane::{Ended, Lane, Run, UNTOLD};
use crate::switches::Standing;
use crate::table::{self, Ending, Fault, Meanwhile};

/// One fault at one call.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The call.
    pub point: Point,
    /// The fault.
    pub fault: Fault,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The run succeeded as if nothing had happened.
    Survived,
    /// The run ended in the failure state with the right name, and the next run succeeded.
    FailedCleanly(String),
    /// Something was still running at the deadline.
    Hung(String),
    /// Something else than what had to happen.
    Lied(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survived => f.write_str("survived"),
            Self::FailedCleanly(name) => write!(f, "failed cleanly: {name}"),
            Self::Hung(what) => write!(f, "HUNG: {what}"),
            Self::Lied(what) => write!(f, "LIED: {what}"),
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:<34}", self.point, self.fault.word)
    }
}

impl Verdict {
    /// Whether it is one that may be.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Survived | Self::FailedCleanly(_))
    }
}

/// The pairs of these calls and their faults; not all of them unless `is_all`.
pub fn pairs(points: &[Point], is_all: bool) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (turn, point) in points.iter().enumerate() {
        let faults = table::faults(point).into_iter();
        let wanted = faults.filter(|fault| is_all || is_worth_a_trial(point, fault, turn));
        pairs.extend(wanted.map(|fault| Pair { point: point.clone(), fault }));
    }
    pairs
}

/// Slow answers are tried only where something is changed, and of the three faults that last and are tried again and again
/// each call meets one, in turn. What other sweeps try too, because it is the same function in another run or another
/// stack, is tried less.
fn is_worth_a_trial(point: &Point, fault: &Fault, turn: usize) -> bool {
    let tedious = ["throttled for ever", "broken for ever", "unreachable for ever"];
    let is_read = point.action.starts_with("Describe") || point.action == "GetSecretValue";
    let is_in_turn = match tedious.iter().position(|word| *word == fault.word) {
        Some(place) => place == turn % tedious.len() && !(point.machine.rolls_back() && is_read),
        None => !(is_read && fault.effect["effect"] == "slow"),
    };
    is_in_turn
        && match (point.machine, point.rotates) {
            (Machine::Source | Machine::Rollback, _) | (Machine::Destination, false) => true,
            (Machine::Destination, true) => fault.is_representative && !is_read,
            (Machine::Restoring, _) => fault.is_representative && fault.ending == Ending::Success,
        }
}

/// Trials of one run each.
///
/// A fault that a run has to survive leaves the rest of the run to be tried, so that each trial has several of these; if it ends otherwise, its pairs are tried again one by one. A fault that ends the run has a trial of its own.
pub fn trials(pairs: Vec<Pair>) -> Vec<Vec<Pair>> {
    let (survivable, fatal): (Vec<Pair>, Vec<Pair>) =
        pairs.into_iter().partition(|pair| pair.fault.ending == Ending::Success);
    // Both machines of a replication run in one run of the source; a rollback is a run of its own.
    let mut runs: BTreeMap<Machine, Vec<Pair>> = BTreeMap::new();
    for pair in survivable {
        let from = if pair.point.machine.rolls_back() { pair.point.machine } else { Machine::Source };
        runs.entry(from).or_default().push(pair);
    }
    let together = runs.into_values().flat_map(together);
    // What is tried again and again takes longest, so it comes first.
    let (tedious, short): (Vec<Pair>, Vec<Pair>) =
        fatal.into_iter().partition(|pair| pair.fault.word.ends_with("for ever"));
    let alone = |pairs: Vec<Pair>| pairs.into_iter().map(|pair| vec![pair]);
    alone(tedious).chain(together).chain(alone(short)).collect()
}

/// Trials of what one kind of run has to survive.
fn together(pairs: Vec<Pair>) -> Vec<Vec<Pair>> {
    let (slow, quick): (Vec<Pair>, Vec<Pair>) =
        pairs.into_iter().partition(|pair| pair.fault.effect["effect"] == "slow");
    let mut slow = VecDeque::from(slow);
    let mut queues: BTreeMap<(Machine, String), VecDeque<Pair>> = BTreeMap::new();
    for pair in quick {
        queues.entry(queue_of(&pair.point)).or_default().push_back(pair);
    }
    let mut together = Vec::new();
    while queues.values().any(|queue| !queue.is_empty()) || !slow.is_empty() {
        // At most one slow call in each, so that none takes much longer than the others.
        let mut trial: Vec<Pair> = slow.pop_front().into_iter().collect();
        let slow_queue = trial.first().map(|pair| queue_of(&pair.point));
        let others = queues.iter_mut().filter(|(queue, _)| Some(*queue) != slow_queue.as_ref());
        trial.extend(others.filter_map(|(_, queue)| queue.pop_front()));
        together.push(trial);
    }
    together
}

/// Of the calls in one queue, a run meets one with a fault: those of a task, or, where one task is all that is tried, those
/// that it makes to one service.
fn queue_of(point: &Point) -> (Machine, String) {
    let queue = if point.rotates { &point.service } else { &point.task };
    (point.machine, queue.clone())
}

/// Runs once with these faults, which all have to end alike, and judges.
///
/// > Whatever fault meets whatever call, a run succeeds or fails with a name and a cause and never hangs;
/// > the secret always names an available database, and the next run succeeds without an operator.
pub fn run(lane: &Lane<'_>, trial: &[Pair]) -> Verdict {
    let from = trial.iter().map(|pair| pair.point.machine).min().unwrap_or(Machine::Source);
    if let Err(wrong) = lane.prepare(from) {
        return Verdict::Lied(format!("before the trial: {wrong}"));
    }
    // An answer of the past must not be one of before the preparation, which no run would ever meet.
    let stale = trial.iter().map(|pair| &pair.fault.effect).filter(|effect| effect["effect"] == "stale");
    let ages = stale.filter_map(|effect| effect["age"].as_f64());
    thread::sleep(Duration::from_secs_f64(ages.fold(0.0, f64::max)));
    let standing: Vec<(Standing, &Pair)> = trial
        .iter()
        .map(|pair| {
            let mut order = pair.point.order(&lane.name);
            order.lasting = pair.fault.lasts;
            order.effect = pair.fault.effect.clone();
            (lane.switches.order(&order), pair)
        })
        .collect();
    let started = lane.start(from);
    let mut held: Vec<&(Standing, &Pair)> =
        standing.iter().filter(|(_, pair)| pair.fault.meanwhile.is_some()).collect();
    let run = lane.finish(started.clone(), || {
        held.retain(|(order, pair)| {
            let is_held = lane.switches.has_hit(order);
            match pair.fault.meanwhile {
                Some(Meanwhile::Kill) if is_held => {
                    let stack = lane.stack(pair.point.machine);
                    lane.switches.kill_functions(&format!("{stack}-{}Function-", pair.point.task));
                }
                Some(Meanwhile::Stop) if is_held => {
                    lane.stop_if_running(&lane.execution_of(pair.point.machine, &started));
                }
                _ => {}
            }
            !is_held
        });
    });
    let missed: Vec<String> = standing
        .iter()
        .filter(|(order, _)| !lane.switches.has_hit(order))
        .map(|(_, pair)| pair.to_string())
        .collect();
    for (order, _) in &standing {
        lane.switches.take_back(order);
    }
    let verdict = judge(lane, &run, &trial[0].fault.ending);
    let deleted = run.started.rollback.iter().try_for_each(|rollback| lane.check_nothing_deleted(rollback));
    let after = match &verdict {
        Verdict::Survived => deleted,
        _ => deleted.and_then(|()| lane.run_again(&run.started)),
    };
    match (verdict, after) {
        (Verdict::Survived | Verdict::FailedCleanly(_), Err(wrong)) => Verdict::Lied(wrong),
        (Verdict::Survived | Verdict::FailedCleanly(_), Ok(())) if !missed.is_empty() => {
            Verdict::Lied(format!("the run did not come to this call: {}", missed.join(", ")))
        }
        (verdict, _) => verdict,
    }
}

/// Whether a run ended as it had to.
pub fn judge(lane: &Lane<'_>, run: &Run, ending: &Ending) -> Verdict {
    let checked = match (&run.ended, ending) {
        (Ended::Hung(what), _) => return Verdict::Hung(what.clone()),
        (Ended::Success, Ending::Success) => lane.check_success(run).map(|()| Verdict::Survived),
        (Ended::Failure(execution), Ending::Failure(names)) if names.contains(&execution.error.as_str()) => {
            lane.check_failure(run, execution).map(|()| Verdict::FailedCleanly(execution.error.clone()))
        }
        (Ended::Failure(execution), Ending::UntoldFailure) if execution.error == UNTOLD => {
            lane.check_failure(run, execution).map(|()| Verdict::FailedCleanly(execution.error.clone()))
        }
        (Ended::Failure(execution), Ending::Stopped) => {
            lane.check_stopped(execution).map(|()| Verdict::FailedCleanly("stopped".to_owned()))
        }
        (Ended::NotStarted, Ending::DeadLetter) => lane
            .take_dead_letters(1)
            .map(|()| Verdict::FailedCleanly("the message is in the dead-letter queue".to_owned())),
        (Ended::Failure(execution), expected) => {
            Err(format!("it failed with {}, expected {expected:?}: {}", execution.error, execution.cause))
        }
        (ended, expected) => Err(format!("it ended {ended:?}, expected {expected:?}")),
    };
    checked.unwrap_or_else(Verdict::Lied)
}
