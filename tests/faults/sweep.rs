//! Every call that the functions make, with every fault that it can meet.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

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

/// The pairs of these calls and their faults.
///
/// Not all of them unless `is_all`: slow answers only where something is changed, and each call meets one of the three
/// faults that last and are tried again and again, in turn.
pub fn pairs(points: &[Point], is_all: bool) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (turn, point) in points.iter().enumerate() {
        let tedious = ["throttled for ever", "broken for ever", "unreachable for ever"];
        let is_read = ["Describe", "Get"].iter().any(|verb| point.action.starts_with(verb));
        let wanted = table::faults(point).into_iter().filter(|fault| {
            is_all
                || match tedious.iter().position(|word| *word == fault.word) {
                    Some(place) => place == turn % tedious.len(),
                    None => !(is_read && fault.effect["effect"] == "slow"),
                }
        });
        pairs.extend(wanted.map(|fault| Pair { point: point.clone(), fault }));
    }
    pairs
}

/// Trials of one run each.
///
/// A fault that a run has to survive leaves the rest of the run to be tried, so that each trial has one such fault for
/// each task; if it ends otherwise, its pairs are tried again one by one. A fault that ends the run has a trial of its own.
pub fn trials(pairs: Vec<Pair>) -> Vec<Vec<Pair>> {
    let (survivable, fatal): (Vec<Pair>, Vec<Pair>) =
        pairs.into_iter().partition(|pair| pair.fault.ending == Ending::Success);
    let (slow, quick): (Vec<Pair>, Vec<Pair>) =
        survivable.into_iter().partition(|pair| pair.fault.effect["effect"] == "slow");
    let mut slow = VecDeque::from(slow);
    let mut queues: BTreeMap<(Machine, String), VecDeque<Pair>> = BTreeMap::new();
    for pair in quick {
        queues.entry((pair.point.machine, pair.point.task.clone())).or_default().push_back(pair);
    }
    let mut together = Vec::new();
    while queues.values().any(|queue| !queue.is_empty()) || !slow.is_empty() {
        // At most one slow call in each, so that none takes much longer than the others.
        let mut trial: Vec<Pair> = slow.pop_front().into_iter().collect();
        let slow_task = trial.first().map(|pair| (pair.point.machine, pair.point.task.clone()));
        let others = queues.iter_mut().filter(|(task, _)| Some(*task) != slow_task.as_ref());
        trial.extend(others.filter_map(|(_, queue)| queue.pop_front()));
        together.push(trial);
    }
    // What is tried again and again takes longest, so it comes first.
    let (tedious, short): (Vec<Pair>, Vec<Pair>) =
        fatal.into_iter().partition(|pair| pair.fault.word.ends_with("for ever"));
    let alone = |pairs: Vec<Pair>| pairs.into_iter().map(|pair| vec![pair]);
    alone(tedious).chain(together).chain(alone(short)).collect()
}

/// Runs once with these faults, which all have to end alike, and judges.
///
/// > Whatever fault meets whatever call, a run succeeds or fails with a name and a cause and never hangs;
/// > the secret always names an available database, and the next run succeeds without a person.
pub fn run(lane: &Lane<'_>, trial: &[Pair]) -> Verdict {
    let from = trial.iter().map(|pair| pair.point.machine).min().unwrap_or(Machine::Source);
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
    let id = started.id.clone();
    let source = started.source.clone();
    let mut held: Vec<&(Standing, &Pair)> =
        standing.iter().filter(|(_, pair)| pair.fault.meanwhile.is_some()).collect();
    let run = lane.finish(started, || {
        held.retain(|(order, pair)| {
            let is_held = lane.switches.has_hit(order);
            match pair.fault.meanwhile {
                Some(Meanwhile::Kill) if is_held => {
                    let stack = lane.stack(pair.point.machine);
                    lane.switches.kill_functions(&format!("{stack}-{}Function-", pair.point.task));
                }
                Some(Meanwhile::Stop) if is_held => match (pair.point.machine, &source) {
                    (Machine::Source, Some(execution)) => lane.source.stop(execution),
                    _ => lane.destination.stop(&lane.destination_execution(&id)),
                },
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
    let after = match &verdict {
        Verdict::Survived => Ok(()),
        _ => lane.clean_run(from),
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
