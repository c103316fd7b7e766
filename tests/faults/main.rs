//! What goes wrong in AWS, tried on the whole product: the shipped functions, machines and templates, in two accounts.
//!
//! A recorded good run says which calls the functions make. Each of them meets each fault that it can meet, and each run
//! has to succeed, or to end in the failure state with the right name; the secret always names a database that is there;
//! and the next run succeeds without an operator. Then come whole runs that are repeated, killed, stopped and doubled, and
//! invalid messages. The trials run in lanes side by side, each with its own pair of stacks.
//!
//! `faults [--all] [WORD...]`  what contains one of the words in the machine, task, call or fault; with `--all` also
//!                             what takes long and adds little: every way to be slow or to fail for ever, at every call
//! `faults soak [--seed N] [--minutes M]`  a random mix over many replications
//! `faults fleet [--databases N]`  what each of many databases costs
//! `faults true-speed`             whether one run without scaled waits waits as the model says

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a trial fails by panicking, and it watches a world that has its own clock"
)]

mod announcing;
mod calls;
mod checks;
mod fleet;
mod foreign;
mod holding;
mod lane;
mod messages;
mod random;
mod report;
mod rollbacks;
mod rolling;
mod scenarios;
mod soak;
mod sweep;
mod switches;
mod table;
mod true_speed;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use calls::{Machine, Point};
use harness::cloud::Cloud;
use lane::Lane;
use report::Report;
use scenarios::Scenario;
use sweep::{Pair, Verdict};
use switches::Switches;
use time::OffsetDateTime;

/// Trials mostly wait, so there are more lanes than processors.
const LANES: usize = 6;
/// Those whose copies get new master passwords.
const LANES_WITH_NEW_PASSWORDS: usize = 2;
/// Side by side in a soak, where a run seldom waits.
const SOAKING_LANES: usize = 3;

/// What one lane does at a time.
enum Job {
    /// One run with faults.
    Trial(Vec<Pair>),
    /// A whole scenario.
    Scenario(Scenario),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_good = match arguments.split_first() {
        Some((word, options)) if word == "soak" => soak_lanes(options),
        Some((word, [])) if word == "true-speed" => true_speed::run(),
        Some((word, options)) if word == "fleet" => fleet::run(options),
        _ => sweep_lanes(&arguments),
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries everything that the arguments ask for; whether all went as it has to.
fn sweep_lanes(arguments: &[String]) -> bool {
    let is_all = arguments.iter().any(|argument| argument == "--all");
    let words: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let cloud = Cloud::start("faults", "0.01");
    let switches = Switches::new(&cloud);
    let first = Lane::deploy(&cloud, &switches, lane::FIRST, false);
    let points = record(&first, &[Machine::Source, Machine::Rollback, Machine::Restoring]);

    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    // Scenarios first: they take longest.
    let jobs = |scenarios: &[&[Scenario]], points: &[Point]| {
        let scenarios = scenarios.concat().into_iter().filter(|(name, _)| is_wanted(name)).map(Job::Scenario);
        let pairs = sweep::pairs(points, is_all).into_iter().filter(|pair| is_wanted(&pair.to_string()));
        let trials = sweep::trials(pairs.collect()).into_iter().map(Job::Trial);
        Mutex::new(scenarios.chain(trials).collect::<VecDeque<Job>>())
    };
    let queue = jobs(&[scenarios::SCENARIOS, rollbacks::SCENARIOS, messages::SCENARIOS], &points);
    let report = Report::default();
    std::thread::scope(|scope| {
        let (cloud, switches, report, jobs) = (&cloud, &switches, &report, &jobs);
        // The other stacks' functions make calls of their own, so that they have lanes and jobs of their own.
        scope.spawn(move || {
            let first = Lane::deploy(cloud, switches, "rotate-1", true);
            let mut points = record(&first, &[Machine::Source, Machine::Rollback]);
            points.retain(|point| point.machine != Machine::Source && point.task == "RotateSecret");
            work_off(
                &first,
                LANES_WITH_NEW_PASSWORDS,
                &jobs(&[rollbacks::WITH_NEW_PASSWORDS], &points),
                report,
            );
        });
        work_off(&first, LANES, &queue, report);
    });
    report.print()
}

/// Does all jobs in so many lanes, of which the first is there already.
fn work_off(first: &Lane<'_>, lanes: usize, queue: &Mutex<VecDeque<Job>>, report: &Report) {
    std::thread::scope(|scope| {
        let (cloud, switches, rotates) = (first.cloud, first.switches, first.rotates);
        let (kind, _) = first.name.rsplit_once('-').unwrap();
        for number in 2..=lanes {
            let name = format!("{kind}-{number}");
            scope.spawn(move || {
                // With little to do, the first lane is done before another one is there.
                if queue.lock().unwrap().len() > number {
                    work(&Lane::deploy(cloud, switches, &name, rotates), queue, report);
                }
            });
        }
        work(first, queue, report);
    });
}

/// The calls of good runs in a lane, of one that begins at each of these machines.
fn record(lane: &Lane<'_>, runs: &[Machine]) -> Vec<Point> {
    let mut points = Vec::new();
    for from in runs {
        lane.prepare(*from).unwrap();
        let since = OffsetDateTime::now_utc();
        lane.clean_run(*from).unwrap();
        let mut calls = lane.switches.calls();
        calls.retain(|call| call.time >= since);
        points.extend(calls::points(&calls, &lane.name, *from, lane.rotates));
    }
    println!(
        "{}: recorded {} calls that functions make or that are made of functions",
        lane.name,
        points.len()
    );
    points
}

/// Takes one job after the other until there is none.
fn work(lane: &Lane<'_>, queue: &Mutex<VecDeque<Job>>, report: &Report) {
    while let Some(job) = { queue.lock().unwrap().pop_front() } {
        let began = Instant::now();
        match job {
            Job::Scenario(scenario) => {
                let verdict = attempt(lane, || {
                    holding::attempt(lane, scenario).map_or_else(Verdict::Lied, |()| Verdict::Survived)
                });
                recover(lane, &verdict);
                report.scenario(scenario.0, verdict, began.elapsed());
            }
            Job::Trial(pairs) => {
                let verdict = attempt(lane, || sweep::run(lane, &pairs));
                recover(lane, &verdict);
                if verdict.is_good() || pairs.len() == 1 {
                    report.trial(pairs, &verdict, began.elapsed());
                } else {
                    println!("{} faults in one run: {verdict}; now one by one", pairs.len());
                    let alone = pairs.into_iter().map(|pair| Job::Trial(vec![pair]));
                    queue.lock().unwrap().extend(alone);
                }
            }
        }
    }
}

/// Replicates once more after what went wrong, so that it is not the next trial that is blamed for it.
fn recover(lane: &Lane<'_>, verdict: &Verdict) {
    if !verdict.is_good() {
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| lane.run_unwatched()));
    }
}

/// What a trial says, also when it gave up by panicking.
fn attempt(lane: &Lane<'_>, trial: impl FnOnce() -> Verdict) -> Verdict {
    std::panic::catch_unwind(AssertUnwindSafe(trial)).unwrap_or_else(|panic| {
        lane.switches.take_back_of(&format!("{}-", lane.name));
        let text = panic.downcast_ref::<String>().cloned();
        Verdict::Hung(text.unwrap_or_else(|| "the trial gave up".to_owned()))
    })
}

/// Soaks several lanes; whether the invariants held in each.
fn soak_lanes(options: &[String]) -> bool {
    let option = |name: &str, otherwise: u64| {
        let given = options.iter().position(|option| option == name).and_then(|place| options.get(place + 1));
        given.map_or(otherwise, |value| value.parse().unwrap())
    };
    let (seed, minutes) = (option("--seed", 1), option("--minutes", 5));
    let cloud = Cloud::start("faults", "0.01");
    let switches = Switches::new(&cloud);
    let first = Lane::deploy(&cloud, &switches, lane::FIRST, false);
    let points = record(&first, &[Machine::Source, Machine::Rollback, Machine::Restoring]);
    println!("seed {seed}, {minutes} minutes");
    let deadline = Instant::now() + Duration::from_secs(60 * minutes);
    let soak = |lane: &Lane<'_>, number: usize| {
        lane.make_foreign_things();
        let ended = soak::soak(lane, &points, seed.wrapping_mul(1000) + number as u64, deadline);
        match &ended {
            Ok(runs) => println!("{}: {runs} runs, every invariant held", lane.name),
            Err(wrong) => println!("{}: FAILED in {wrong}", lane.name),
        }
        ended.is_ok()
    };
    std::thread::scope(|scope| {
        let (cloud, switches, soak) = (&cloud, &switches, &soak);
        let others: Vec<_> = (2..=SOAKING_LANES)
            .map(|number| {
                // The copies of the last one get new master passwords.
                let rotates = number == SOAKING_LANES;
                let deploy = move || Lane::deploy(cloud, switches, &format!("lane-{number}"), rotates);
                scope.spawn(move || soak(&deploy(), number))
            })
            .collect();
        let first = scope.spawn(move || soak(&first, 1));
        let all = others.into_iter().chain([first]).map(|lane| lane.join().is_ok_and(|held| held));
        // Every lane is waited for, whatever became of the others.
        all.collect::<Vec<bool>>().iter().all(|held| *held)
    })
}
