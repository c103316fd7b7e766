//! A random mix of faults, kills, repeated messages, stopped and concurrent runs, over many replications.
//!
//! The seed repeats the choices, though not their timing. After each round nothing may be running,
//! and the secret has to name an available database that is not older than the newest completed replication. At the end
//! one run without a fault has to leave nothing behind, and what is not ours has to be as it was.

use std::time::Instant;

use rds_access::Instance;
use replication::lineage;
use time::OffsetDateTime;

use crate::calls::{Machine, Point};
use crate::lane::{Ended, Lane, Run, Started};
use crate::random::Random;
use crate::scenarios::invoke_twice;
use crate::switches::{Order, Standing};
use crate::table;

/// Soaks a lane until the deadline; how many runs there were, or what was wrong and in which round.
///
/// > Whatever mix of faults, kills and repetitions a database has seen, one good run leaves nothing behind
/// > that is not live, kept or tagged for deletion, and what is not ours is as it was.
pub fn soak(lane: &Lane<'_>, points: &[Point], seed: u64, deadline: Instant) -> Result<usize, String> {
    let mut random = Random::new(seed);
    let foreign = lane.foreign_things();
    let mut newest = None;
    let (mut rounds, mut runs) = (0, 0);
    while Instant::now() < deadline {
        rounds += 1;
        let mut events = Vec::new();
        let ended = round(lane, points, &mut random, &mut events)?;
        runs += ended.len();
        let judged = ended.iter().try_for_each(|run| judge(lane, run));
        let made = lane.own_instances();
        for run in ended.iter().filter(|run| matches!(run.ended, Ended::Success)) {
            // One that newer data have superseded has made nothing.
            let made = made
                .iter()
                .filter(|one| one.tags.get(lineage::REPLICATION_ID) == Some(run.started.id.as_str()));
            newest = newest.max(made.map(age).max());
        }
        if ended.iter().any(|run| run.started.from.rolls_back()) {
            // An operator may go back to older data.
            newest = Some(age(&lane.live()?));
        }
        println!("{} round {rounds}: {}", lane.name, events.join(", "));
        judged
            .and_then(|()| lane.check_secret())
            .and_then(|()| is_not_older(&age(&lane.live()?), newest.as_ref()))
            .map_err(|wrong| format!("round {rounds} ({}): {wrong}", events.join(", ")))?;
    }
    lane.clean_run(Machine::Source)?;
    if foreign == lane.foreign_things() {
        Ok(runs + 1)
    } else {
        Err("something that is not ours has changed".to_owned())
    }
}

/// One to three runs with up to four faults.
fn round(
    lane: &Lane<'_>,
    points: &[Point],
    random: &mut Random,
    events: &mut Vec<String>,
) -> Result<Vec<Run>, String> {
    let from = *random.choose(&[Machine::Source, Machine::Destination]);
    let back = random.percent(30).then(|| *random.choose(&[Machine::Rollback, Machine::Restoring]));
    if let Some(back) = back {
        lane.prepare(back).map_err(|wrong| format!("preparing a rollback: {wrong}"))?;
    }
    let mut standing: Vec<Standing> = Vec::new();
    for _ in 0..random.below(5) {
        let point = random.choose(points);
        let faults = table::faults(point);
        let fault = random.choose(&faults);
        if fault.meanwhile.is_some() || (fault.lasts && random.percent(70)) {
            continue;
        }
        let effect = fault.effect.clone();
        events.push(format!(
            "{} {}",
            point.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
            fault.word
        ));
        standing.push(lane.switches.order(&Order {
            effect,
            lasting: fault.lasts,
            ..point.order(&lane.name)
        }));
    }
    let twice = random.percent(20).then(|| {
        events.push("every invocation twice".to_owned());
        invoke_twice(lane)
    });
    standing.extend(twice);

    let from_message = from == Machine::Destination;
    let mut started: Vec<Started> = back.into_iter().map(|back| lane.start(back)).collect();
    events.extend(back.map(|back| format!("{} at the same time", back.word())));
    started.insert(0, lane.start(from));
    let message = from_message.then(|| lane.message_of(&started[0].id));
    if random.percent(25) {
        events.push("two runs at once".to_owned());
        started.push(lane.start(from));
    }
    if let Some(message) = message.filter(|_| random.percent(30)) {
        events.push("the message twice".to_owned());
        lane.publish(&message);
    }
    let kill_at = random.percent(30).then(|| random.below(20));
    let stop_at = random.percent(15).then(|| random.below(20));
    let mut polls = 0;
    let to_stop = started[random.below(started.len())].clone();
    let to_stop = lane.execution_of(to_stop.from, &to_stop);
    let runs = started
        .into_iter()
        .map(|one| {
            lane.finish(one, || {
                polls += 1;
                if Some(polls) == kill_at {
                    events.push("functions killed".to_owned());
                    lane.switches.kill_functions(&format!("{}-", lane.name));
                }
                if Some(polls) == stop_at {
                    events.push("execution stopped".to_owned());
                    lane.stop_if_running(&to_stop);
                }
            })
        })
        .collect();
    for order in &standing {
        lane.switches.take_back(order);
    }
    Ok(runs)
}

/// Any end is good but one that hangs, or fails without a name of ours.
fn judge(lane: &Lane<'_>, run: &Run) -> Result<(), String> {
    lane.check_nothing_twice(&run.started.id)?;
    match &run.ended {
        Ended::Success => lane.check_readers(),
        Ended::NotStarted => lane.take_dead_letters(1),
        Ended::Hung(what) => Err(format!("still running: {what}")),
        Ended::Failure(execution) if execution.status.as_str() == "ABORTED" => lane.check_stopped(execution),
        Ended::Failure(execution) => lane.check_name(execution),
    }
}

/// How new the data of a version are, and of which replication they are.
type Age = (Option<OffsetDateTime>, String);

fn age(version: &Instance) -> Age {
    (version.tags.data_time(), version.tags.get(lineage::REPLICATION_ID).unwrap_or_default().to_owned())
}

fn is_not_older(live: &Age, newest: Option<&Age>) -> Result<(), String> {
    if Some(live) >= newest { Ok(()) } else { Err(format!("{live:?} is live, and {newest:?} is complete")) }
}
