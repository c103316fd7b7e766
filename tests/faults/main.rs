//! What goes wrong in AWS, tried on the whole product: the shipped functions, machines and templates, in two accounts.
//!
//! A recorded good run says which calls the functions make. Each of them meets each fault that it can meet, and each run
//! has to succeed, or to end in the failure state with the right name; the secret always names a database that is there;
//! and the next run succeeds without a person. Then come whole runs that are repeated, killed, stopped and doubled, and
//! messages that nobody should send. The trials run in lanes side by side, each with its own pair of stacks.
//!
//! `faults [--all] [WORD...]`  what contains one of the words in the machine, task, call or fault; with `--all` also
//!                             what takes long and adds little: every way to be slow or to fail for ever, at every call
//! `faults soak [--seed N] [--minutes M]`  a random mix over many replications

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a trial fails by panicking, and it watches a world that has its own clock"
)]

#[path = "../end_to_end/account.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod account;
mod aws;
mod calls;
mod checks;
#[path = "../end_to_end/cloud.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod cloud;
mod foreign;
mod lane;
mod messages;
#[path = "../end_to_end/pair.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod pair;
mod random;
mod report;
mod scenarios;
mod soak;
mod sweep;
mod switches;
mod table;
#[path = "../end_to_end/waiting.rs"]
mod waiting;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use calls::{Machine, Point};
use cloud::Cloud;
use lane::Lane;
use report::Report;
use scenarios::Scenario;
use sweep::{Pair, Verdict};
use switches::Switches;

/// Trials mostly wait, so there are more lanes than processors.
const LANES: usize = 5;
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
    let (first, points) = record(&cloud, &switches);
    println!("recorded {} calls that functions make or that are made of functions", points.len());

    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let scenarios = scenarios::SCENARIOS.iter().chain(messages::SCENARIOS);
    let scenarios = scenarios.copied().filter(|(name, _)| is_wanted(name)).map(Job::Scenario);
    let pairs = sweep::pairs(&points, is_all).into_iter().filter(|pair| is_wanted(&pair.to_string()));
    // Scenarios first: they take longest.
    let trials = sweep::trials(pairs.collect()).into_iter().map(Job::Trial);
    let queue = Mutex::new(scenarios.chain(trials).collect::<VecDeque<Job>>());
    let report = Report::default();
    std::thread::scope(|scope| {
        let (cloud, switches, queue, report) = (&cloud, &switches, &queue, &report);
        for number in 2..=LANES {
            scope.spawn(move || {
                // With little to do, the first lane is done before another one is there.
                if queue.lock().unwrap().len() > number {
                    work(&Lane::deploy(cloud, switches, &format!("lane-{number}")), queue, report);
                }
            });
        }
        scope.spawn(move || work(&first, queue, report));
    });
    report.print()
}

/// The first lane, and the calls of a good run in it.
fn record<'a>(cloud: &'a Cloud, switches: &'a Switches) -> (Lane<'a>, Vec<Point>) {
    let lane = Lane::deploy(cloud, switches, "lane-1");
    switches.forget_calls();
    lane.clean_run(Machine::Source).unwrap();
    let points = calls::points(&switches.calls(), &lane.name);
    (lane, points)
}

/// Takes one job after the other until there is none.
fn work(lane: &Lane<'_>, queue: &Mutex<VecDeque<Job>>, report: &Report) {
    while let Some(job) = { queue.lock().unwrap().pop_front() } {
        let began = Instant::now();
        match job {
            Job::Scenario((name, scenario)) => {
                let verdict =
                    attempt(lane, || scenario(lane).map_or_else(Verdict::Lied, |()| Verdict::Survived));
                report.scenario(name, verdict, began.elapsed());
            }
            Job::Trial(pairs) => {
                let verdict = attempt(lane, || sweep::run(lane, &pairs));
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
    let (first, points) = record(&cloud, &switches);
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
                scope.spawn(move || soak(&Lane::deploy(cloud, switches, &format!("lane-{number}")), number))
            })
            .collect();
        let first = scope.spawn(move || soak(&first, 1));
        let all = others.into_iter().chain([first]).map(|lane| lane.join().is_ok_and(|held| held));
        // Every lane is waited for, whatever became of the others.
        all.collect::<Vec<bool>>().iter().all(|held| *held)
    })
}
