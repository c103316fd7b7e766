//! One run at true speed: whether the machines wait as the model of `scripts/bench waiting` says that they do.
//!
//! `faults true-speed`: about ten minutes, in which nothing is done but polling.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use harness::aws::Aws;
use harness::cloud::{Cloud, ask};
use harness::model::{self, Shape, polled, seconds};
use harness::pair::{Pair, password};
use replication::contract::Execution as ContextExecution;
use replication::naming::ReplicationId;
use replication::pacing::{CONFIRMATION_WAIT_SECONDS, StageName};
use serde_json::json;
use time::OffsetDateTime;

/// What RDS is told to take for each stage, in seconds.
const STAGE_SECONDS: u32 = 120;
/// The stages: what begins and polls each, and how long the original waits there.
const STAGES: [(&str, StageName, &str, i64); 4] = [
    ("snapshot", StageName::Snapshot, "CreateLatestSnapshot", 240),
    ("copy in the source account", StageName::Copy, "CopyEncryptedSnapshot", 180),
    ("copy in the destination account", StageName::Copy, "CopySharedSnapshotInTargetAccount", 300),
    ("restore", StageName::Restore, "RestoreDBInstance", 300),
];
/// Between two looks at what RDS has finished.
const LOOK: Duration = Duration::from_millis(250);
/// A run takes four stages and a little.
const PATIENCE: Duration = Duration::from_mins(20);
/// The rule mixes the name of the execution into its waits, so that the model has many answers.
const RUNS: u32 = 200;
/// How far a measured stage may be outside of what the model says of all runs, in seconds: the machine rounds times, and a
/// function has to start.
const TOLERANCE: f64 = 3.0;

/// What a stage has come to.
struct Measured {
    takes: f64,
    late: f64,
    polls: usize,
}

/// Runs once; whether every stage was as late as the model says.
pub fn run() -> bool {
    let cloud = Cloud::start("true-speed", "1");
    let rds = cloud.source.variable("AWS_ENDPOINT_URL_RDS");
    let timing = json!({
        "createInstanceSeconds": 1, "snapshotSeconds": STAGE_SECONDS, "copySeconds": STAGE_SECONDS,
        "restoreSeconds": STAGE_SECONDS, "storageSeconds": 0, "backingUpSeconds": 0, "bytesPerSecond": 1e12,
    });
    ask(rds, "PUT", "/_emulator/timing", &timing);
    // What it takes to be available for good is then one time.
    ask(rds, "PUT", "/_emulator/switches", &json!({"availableFlaps": false}));
    let pair = Pair::deploy(&cloud, "true-speed", &[], &[]);
    cloud.source.create_database(&pair.database(), &password(), &[]);
    let measured = measure(&cloud, &pair);
    println!(
        "\n| stage | RDS takes, s | added, s | by the model: mean (least to most) | polls | by the model | the original adds, s |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let mut holds = true;
    let (mut all, mut by_model, mut by_original) = (0.0, 0.0, 0.0);
    for ((title, name, _, original), found) in STAGES.into_iter().zip(&measured) {
        #[expect(clippy::cast_possible_truncation, reason = "it is a few minutes")]
        let takes = found.takes.round() as i64;
        let runs: Vec<model::Cost> = (0..RUNS).map(|number| modelled(name, takes, number)).collect();
        let late = |pick: fn(f64, f64) -> f64, start| runs.iter().map(|run| run.late).fold(start, pick);
        let (least, most) = (late(f64::min, f64::MAX), late(f64::max, 0.0));
        let mut sum = model::Cost::default();
        for run in &runs {
            sum.add(*run);
        }
        let mean = sum.of_one(RUNS);
        let fixed = polled(takes, |_| original).late;
        println!(
            "| {title} | {:.1} | {:.1} | {:.1} ({least:.0} to {most:.0}) | {} | {:.1} | {fixed:.0} |",
            found.takes, found.late, mean.late, found.polls, mean.polls
        );
        holds &= (least - TOLERANCE..=most + TOLERANCE).contains(&found.late);
        all += found.late;
        by_model += mean.late;
        by_original += fixed;
    }
    println!("| all | | {all:.1} | {by_model:.1} | | | {by_original:.0} |");
    if !holds {
        println!("\nFAILED: a stage was later or earlier than the model says");
    }
    holds
}

/// A stage by the model, as it is in a first run: the local cloud reports progress that is linear, and none of a restore.
fn modelled(name: StageName, takes: i64, number: u32) -> model::Cost {
    let mut cost = model::stage(name, takes, Shape::Linear, None, &format!("execution {number}"));
    if name == StageName::Restore {
        let confirmed = seconds(CONFIRMATION_WAIT_SECONDS.into());
        cost.add(model::Cost { late: confirmed, waits: 1.0, polls: 1.0 });
    }
    cost
}

/// Replicates once, and looks beside it when RDS has finished each thing.
fn measure(cloud: &Cloud, pair: &Pair<'_>) -> Vec<Measured> {
    let (source, destination) = (Aws::new(&cloud.source), Aws::new(&cloud.destination));
    let execution = source.start(&pair.source["StateMachineArn"], &json!({}));
    let started_at = source.execution(&execution).unwrap().started_at;
    let id: ReplicationId =
        ContextExecution { id: execution.clone(), name: String::new(), started_at }.replication_id();
    let machine = pair.destination["StateMachineArn"].replace(":stateMachine:", ":execution:");
    let arrival = format!("{machine}:{id}");
    let (source_stack, destination_stack) = (pair.stack(&cloud.source), pair.stack(&cloud.destination));
    let mut finished: BTreeMap<OffsetDateTime, String> = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    while destination.execution(&arrival).is_none_or(|found| found.status == ExecutionStatus::Running) {
        let now = OffsetDateTime::now_utc();
        let snapshots = source.snapshots(&source_stack).into_iter();
        let snapshots = snapshots.chain(destination.snapshots(&destination_stack));
        let things = snapshots.map(|one| (one.arn.to_string(), one.status.to_string()));
        let instances = destination.instances().into_iter().filter(|one| one.is_of_stack(&destination_stack));
        let instances = instances.map(|one| (one.arn.clone(), one.status.to_string()));
        for (name, status) in things.chain(instances) {
            if status == "available" && !finished.values().any(|known| *known == name) {
                println!("{now}: {name} is available");
                finished.insert(now, name);
            }
        }
        assert!(Instant::now() < deadline, "{arrival} runs after {} s", PATIENCE.as_secs());
        thread::sleep(LOOK);
    }
    let found = destination.execution(&arrival).unwrap();
    assert_eq!(found.status, ExecutionStatus::Succeeded, "{}: {}", found.error, found.cause);
    let entered: Vec<_> =
        source.entered(&execution).into_iter().chain(destination.entered(&arrival)).collect();
    assert_eq!(finished.len(), STAGES.len(), "{finished:?}");
    let stages = STAGES.iter().zip(finished.into_keys()).map(|((title, _, state, _), finished)| {
        let polls: Vec<OffsetDateTime> =
            entered.iter().filter(|(name, _)| name == state).map(|(_, time)| *time).collect();
        let (Some(first), Some(last)) = (polls.first(), polls.last()) else { panic!("{title} has no poll") };
        let (takes, late) = (finished - *first, *last - finished);
        Measured { takes: takes.as_seconds_f64(), late: late.as_seconds_f64(), polls: polls.len() }
    });
    stages.collect()
}
