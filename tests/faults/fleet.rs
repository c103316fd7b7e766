//! Whether a database of a fleet costs the same however many there are: runs of 1, 10 and so many small databases, while a
//! fifth of the RDS calls is throttled and four copies may be on their way at once.
//!
//! `faults fleet [--databases N]`

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use harness::aws::Aws;
use harness::cloud::Cloud;
use harness::fleet::Fleet;
use harness::pair::password;
use harness::waiting::wait_for;
use serde_json::json;

use crate::switches::{Order, Switches};

/// The sizes that the largest fleet is compared with.
const SMALLER: [usize; 2] = [1, 10];
/// How much a number of a larger fleet may be above that of the smallest.
const MOST_GROWTH: f64 = 1.2;
/// One call of so many is throttled.
const THROTTLED: u32 = 5;
/// How many databases are made at once: each is a PostgreSQL that starts.
const MADE_AT_ONCE: usize = 8;
/// How long one run may take. A hundred databases take a few minutes on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_hours(1);
/// Waits are short, but longer than what is waited for: how often something is polled must not follow from how busy the
/// machine is.
const WAIT_SCALE: &str = "0.1";

/// What one database has cost.
struct Cost {
    databases: usize,
    rds_calls: f64,
    transitions: f64,
    function_milliseconds: f64,
    by_action: BTreeMap<String, f64>,
}

/// Runs fleets of all sizes; whether all databases were replicated, and none cost more than in the smallest fleet.
pub fn run(options: &[String]) -> bool {
    let databases = match options {
        [] => 100,
        [option, number] if option == "--databases" => number.parse().unwrap(),
        _ => panic!("usage: fleet [--databases N]"),
    };
    let cloud = Cloud::start("fleet", WAIT_SCALE);
    let switches = Switches::new(&cloud);
    let mut sizes: Vec<usize> = SMALLER.into_iter().filter(|size| *size < databases).collect();
    sizes.push(databases);
    let costs: Vec<Cost> = sizes.into_iter().map(|size| replicate(&cloud, &switches, size)).collect();
    println!("\nfor each database:  RDS calls  transitions  function ms");
    for cost in &costs {
        let Cost { databases, rds_calls, transitions, function_milliseconds, .. } = cost;
        println!(
            "{databases:>5} databases    {rds_calls:>9.1}  {transitions:>11.1}  {function_milliseconds:>11.0}"
        );
    }
    print_calls(&costs);
    print_needs(cloud.directory());
    let grown = grown(&costs);
    for line in &grown {
        println!("{line}");
    }
    grown.is_empty()
}

/// Replicates so many databases in stacks of their own.
fn replicate(cloud: &Cloud, switches: &Switches, size: usize) -> Cost {
    let name = format!("fleet{size}");
    let for_source = [("MaxReplicationsAtOnce", "4"), ("SharedSnapshotHours", "0")];
    let mut fleet = Fleet::deploy(cloud, &name, &for_source, &[("MaxCopiesAtOnce", "4")]);
    fleet.patience = PATIENCE;
    let databases: Vec<String> = (1..=size).map(|number| format!("{name}-{number:03}")).collect();
    make(&Aws::new(&cloud.source), &databases);
    println!("{size} databases are there");
    switches.forget_calls();
    let throttling = switches.order(&Order {
        service: "rds".to_owned(),
        action: "*".to_owned(),
        // Those of functions, and not of those who watch them.
        principal: ":assumed-role/".to_owned(),
        lasting: true,
        effect: json!({"effect": "error", "code": "Throttling", "message": "Rate exceeded", "every": THROTTLED}),
        ..Order::default()
    });
    let began = Instant::now();
    let run = fleet.run(&[]);
    assert_eq!(run.status, ExecutionStatus::Succeeded, "{}: {}", run.error, run.cause);
    fleet.wait_for_arrivals(size);
    let seconds = began.elapsed().as_secs();
    switches.take_back(&throttling);
    assert_eq!(fleet.failed_arrivals(), []);
    for database in &databases {
        assert_eq!(fleet.current(database).1, format!("{}1", fleet.copies(database)));
    }
    println!("{size} databases are replicated, in {seconds} s");
    measure(&fleet, switches, &name, size)
}

/// Makes small databases.
fn make(account: &Aws, databases: &[String]) {
    let password = password();
    for some in databases.chunks(MADE_AT_ONCE) {
        for database in some {
            account.create_instance(database, &password, None, None);
        }
        wait_for("some databases are available", PATIENCE, || {
            some.iter().all(|database| account.available(database).is_some()).then_some(())
        });
    }
}

/// What the calls, the histories and the invocations of a fleet say of one database.
fn measure(fleet: &Fleet<'_>, switches: &Switches, name: &str, size: usize) -> Cost {
    #[expect(clippy::cast_precision_loss, reason = "nobody has so many databases")]
    let of_one = |number: usize| number as f64 / size as f64;
    let (role, function) = (format!(":assumed-role/{name}-"), format!(":function:{name}-"));
    let calls = switches.calls();
    let of_rds: Vec<_> =
        calls.iter().filter(|call| call.service == "rds" && call.principal_arn.contains(&role)).collect();
    let mut by_action = BTreeMap::new();
    for call in &of_rds {
        *by_action.entry(call.action.clone()).or_default() += of_one(1);
    }
    let invocations =
        calls.iter().filter(|call| call.action == "Invoke" && call.resource.contains(&function));
    let seconds: f64 = invocations.filter_map(|call| call.seconds).sum();
    Cost {
        databases: size,
        rds_calls: of_one(of_rds.len()),
        transitions: of_one(fleet.transitions()),
        function_milliseconds: seconds * 1000.0 * of_one(1),
        by_action,
    }
}

/// What has grown by more than it may.
fn grown(costs: &[Cost]) -> Vec<String> {
    let kinds = ["RDS calls", "transitions", "function milliseconds"];
    let numbers = |cost: &Cost| [cost.rds_calls, cost.transitions, cost.function_milliseconds];
    let mut lines = Vec::new();
    for cost in &costs[1..] {
        for ((kind, number), of_smallest) in kinds.into_iter().zip(numbers(cost)).zip(numbers(&costs[0])) {
            let growth = number / of_smallest;
            if growth > MOST_GROWTH {
                lines.push(format!(
                    "GROWN: {kind} of each of {} databases are {growth:.2} times those of {}",
                    cost.databases, costs[0].databases
                ));
            }
        }
    }
    lines
}

fn print_calls(costs: &[Cost]) {
    let mut actions: Vec<&String> = costs.iter().flat_map(|cost| cost.by_action.keys()).collect();
    actions.sort();
    actions.dedup();
    for action in actions {
        let numbers: Vec<String> = costs
            .iter()
            .map(|cost| format!("{:>7.1}", cost.by_action.get(action).copied().unwrap_or_default()))
            .collect();
        println!("  {action:<32}{}", numbers.join(""));
    }
}

/// What the local cloud takes of the machine while all databases are there: processes share much of their memory, of which
/// each has its part here.
fn print_needs(directory: &Path) {
    let mark = format!("LOCAL_CLOUD_DIRECTORY={}", directory.display());
    let is_ours = |process: &Path| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let all: Vec<_> =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path())).collect();
    let marked: Vec<_> = all.iter().filter(|process| is_ours(process)).collect();
    // PostgreSQL writes what its children do over their environment.
    let is_child = |process: &Path| {
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        parent.is_some_and(|parent| marked.iter().any(|one| one.ends_with(parent)))
    };
    let kilobytes = |process: &Path| -> Option<u64> {
        let rollup = std::fs::read_to_string(process.join("smaps_rollup")).ok()?;
        rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok())
    };
    let ours = all.iter().filter(|process| is_ours(process) || is_child(process));
    let parts: Vec<u64> = ours.filter_map(|one| kilobytes(one)).collect();
    let disk = Command::new("du").args(["--summarize", "--block-size=1M"]).arg(directory).output().unwrap();
    let disk = String::from_utf8_lossy(&disk.stdout);
    println!(
        "the local cloud has {} processes, {} MB of memory and {} MB of disk",
        parts.len(),
        parts.iter().sum::<u64>() / 1024,
        disk.split_whitespace().next().unwrap_or_default()
    );
}
