//! Holding a run at one of its calls while something else happens.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::calls::{Machine, role_of};
use crate::lane::{Lane, SETTLE_LIMIT, Started};
use crate::scenarios::Scenario;
use crate::switches::Order;
use harness::waiting::wait_for;

/// Shorter than an attempt of a call may take (8 s), after which the function makes it again.
const HELD_SECONDS: f64 = 7.5;
/// Less than a call is held, by what it takes to notice that it is.
const MEANWHILE_LIMIT: Duration = Duration::from_secs(7);
/// How often a scenario is tried.
const TRIES: u32 = 3;
const TOO_BUSY: &str = "not brought about: the machine is so busy that what is to happen meanwhile takes longer than a call can be held";

/// The call at which a run is held.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// The task of the destination's machines whose call it is.
    pub task: &'static str,
    /// Its service, as [`Order`] has it.
    pub service: &'static str,
    /// Its operation.
    pub action: &'static str,
    /// Which of the task's calls of the operation, from 1.
    pub nth: u64,
}

impl Hold {
    /// At the first call of an operation.
    pub const fn at_first(task: &'static str, service: &'static str, action: &'static str) -> Self {
        Self { task, service, action, nth: 1 }
    }
}

/// Starts a run, holds it at a call before its effect, and lets it go on when `meanwhile` has ended.
///
/// # Errors
///
/// `meanwhile` took longer than a call can be held, so that it shows nothing; the run has ended by then. [`attempt`] tries
/// it again.
pub fn while_held<T>(
    lane: &Lane<'_>,
    at: Hold,
    start: impl FnOnce() -> Started,
    meanwhile: impl FnOnce(&Started) -> T,
) -> Result<(Started, T), String> {
    let hold = lane.switches.order(&Order {
        service: at.service.to_owned(),
        action: at.action.to_owned(),
        principal: role_of(at.task, &lane.stack(Machine::Destination)),
        nth: at.nth,
        effect: json!({"effect": "slow", "seconds": HELD_SECONDS}),
        ..Order::default()
    });
    let started = start();
    wait_for("the call is held", SETTLE_LIMIT, || lane.switches.has_hit(&hold).then_some(()));
    let held_since = Instant::now();
    let happened = meanwhile(&started);
    let took = held_since.elapsed();
    lane.switches.take_back(&hold);
    if took > MEANWHILE_LIMIT {
        lane.finish(started, || {});
        return Err(TOO_BUSY.to_owned());
    }
    Ok((started, happened))
}

/// Tries a scenario, and again what was not brought about.
///
/// # Errors
///
/// Those of the scenario.
pub fn attempt(lane: &Lane<'_>, (_, scenario): Scenario) -> Result<(), String> {
    let mut outcome = scenario(lane);
    for _ in 1..TRIES {
        if outcome != Err(TOO_BUSY.to_owned()) {
            break;
        }
        outcome = scenario(lane);
    }
    outcome
}
