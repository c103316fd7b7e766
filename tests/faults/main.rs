//! What goes wrong in AWS, tried on the whole product: the shipped functions, machines and templates, in two accounts.
//!
//! A recorded good run says which calls the functions make. Each of them meets each fault that it can meet, and each run
//! has to succeed, or to end in the failure state with the right name; the secret always names a database that is there;
//! and the next run succeeds without a person. The trials run in lanes side by side, each with its own pair of stacks.
//!
//! `faults [WORD...]` tries what contains one of the words, in the machine, task, call or fault.

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
#[path = "../end_to_end/cloud.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod cloud;
mod lane;
#[path = "../end_to_end/pair.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod pair;
mod sweep;
mod switches;
mod table;
#[path = "../end_to_end/waiting.rs"]
mod waiting;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use calls::Machine;
use cloud::Cloud;
use lane::Lane;
use sweep::{Pair, Verdict};
use switches::Switches;

/// Trials mostly wait, so there are more lanes than processors.
const LANES: usize = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let started = Instant::now();
    let cloud = Cloud::start("faults", "0.01");
    let switches = Switches::new(&cloud);

    let first = Lane::deploy(&cloud, &switches, "lane-1");
    switches.forget_calls();
    first.clean_run(Machine::Source).unwrap();
    let points = calls::points(&switches.calls(), "lane-1");
    println!("\n{} calls were recorded ({:.0} s)", points.len(), started.elapsed().as_secs_f64());
    for point in &points {
        println!("{point}");
    }
    let trials: VecDeque<Vec<Pair>> = sweep::trials(&points)
        .into_iter()
        .map(|mut trial| {
            trial.retain(|pair| {
                let name = format!("{} {}", pair.point, pair.fault.word);
                words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
            });
            trial
        })
        .filter(|trial| !trial.is_empty())
        .collect();
    println!("{} trials", trials.len());

    let queue = Mutex::new(trials);
    let rows: Mutex<Vec<(Pair, Verdict)>> = Mutex::default();
    let work = |lane: &Lane<'_>| {
        while let Some(trial) = { queue.lock().unwrap().pop_front() } {
            let began = Instant::now();
            let verdict = sweep::run(lane, &trial);
            let is_good = matches!(verdict, Verdict::Survived | Verdict::FailedCleanly(_));
            if !is_good && trial.len() > 1 {
                println!("{verdict}: its {} faults are tried one by one", trial.len());
                let mut queue = queue.lock().unwrap();
                trial.into_iter().for_each(|pair| queue.push_front(vec![pair]));
                continue;
            }
            for pair in trial {
                println!("{} {:<36} {verdict} ({:.1} s)", pair.point, pair.fault.word, began.elapsed().as_secs_f64());
                rows.lock().unwrap().push((pair, verdict.clone()));
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 2..=LANES {
            let (cloud, switches, work) = (&cloud, &switches, &work);
            scope.spawn(move || work(&Lane::deploy(cloud, switches, &format!("lane-{number}"))));
        }
        let work = &work;
        scope.spawn(move || work(&first));
    });
    let rows = rows.into_inner().unwrap();
    let count = |is: fn(&Verdict) -> bool| rows.iter().filter(|(_, verdict)| is(verdict)).count();
    let (hung, lied) =
        (count(|v| matches!(v, Verdict::Hung(_))), count(|v| matches!(v, Verdict::Lied(_))));
    println!(
        "\n{} pairs tried, {} survived, {} failed cleanly, {hung} hung, {lied} lied ({:.0} s)",
        rows.len(),
        count(|v| matches!(v, Verdict::Survived)),
        count(|v| matches!(v, Verdict::FailedCleanly(_))),
        started.elapsed().as_secs_f64()
    );
    if hung + lied == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
