//! The plan as text.

use replication::copying::{Expectation, Kind};
use replication::retention::Verdict;

use super::costs::Costs;
use super::destination::Outcome;
use super::document::{Document, Duration, Place, Plan, Quota};
use super::journal::Entered;
use crate::screen::{age, count, printable, table, wrapped};

/// The most columns of a line.
const WIDTH: usize = 118;

/// All of it.
pub fn render(document: &Document) -> String {
    let mut lines = Vec::new();
    let place = |place: &Place| format!("{} in account {}, {}", place.stack, place.account, place.region);
    lines.push(format!("source       {}", place(&document.source)));
    lines.push(format!("destination  {}", place(&document.destination)));
    for plan in &document.databases {
        lines.push(String::new());
        lines.extend(of_plan(plan));
    }
    lines.push(String::new());
    lines.extend(wrapped(&format!("Prices: {}.", document.prices), WIDTH, "", ""));
    let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    lines.join("\n") + "\n"
}

fn of_plan(plan: &Plan) -> Vec<String> {
    let mut lines = wrapped(&headline(plan), WIDTH, "", "  ");
    let names =
        format!("Names have the id {} of a run that begins now; a run has its own.", plan.replication_id);
    lines.push(names);
    for state in &plan.states {
        lines.extend(of_state(state));
    }
    lines.push(String::new());
    lines.push(format!("duration  {}", duration(plan.duration)));
    if let Some(costs) = &plan.costs {
        lines.extend(of_costs(costs));
    }
    lines.extend(plan.quotas.iter().map(of_quota));
    lines
}

fn headline(plan: &Plan) -> String {
    let database = &plan.source_database;
    if let Some(ends) = &plan.ends {
        return format!(
            "{database}: the run would end with {} in {}: {}",
            ends.error, ends.state, ends.cause
        );
    }
    let makes = |what: &str| {
        plan.states.iter().rev().find(|state| state.calls.iter().any(|call| call.action == what))
    };
    let version = makes("rds:RestoreDBInstanceFromDBSnapshot").and_then(|state| state.makes.clone());
    let version = version.unwrap_or_default();
    match plan.outcome {
        Some(Outcome::Live) => {
            format!("{database}: a run would make {version}, and readers would come to it")
        }
        Some(Outcome::HeldBack) => {
            format!("{database}: a run would make {version} and hold it back (Promote=manual)")
        }
        Some(Outcome::NewerIsLive) => {
            format!("{database}: a run would make {version}, and newer data would stay live")
        }
        Some(Outcome::Superseded) => {
            format!("{database}: a run would copy nothing, because newer or the same data are there")
        }
        None => format!(
            "{database}: {}",
            plan.unreadable.as_deref().unwrap_or("it is not known what a run would do")
        ),
    }
}

fn of_state(state: &Entered) -> Vec<String> {
    let machine = serde_json::to_value(state.machine).ok();
    let machine = machine.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    let mut lines = vec![String::new(), format!("{machine}  {}", state.state)];
    if let Some(copy) = &state.copy {
        lines.extend(wrapped(&of_copy(copy), WIDTH, "  ", "    "));
    }
    for call in &state.calls {
        lines.extend(wrapped(
            &format!("{} {}: {}", call.action, call.resource, call.why),
            WIDTH,
            "  - ",
            "      ",
        ));
    }
    let stays = state.decisions.iter().filter(|one| !matches!(one.verdict, Verdict::Delete | Verdict::Mark));
    for decision in stays {
        lines.extend(wrapped(&decision.to_string(), WIDTH, "    ", "      "));
    }
    for note in &state.notes {
        lines.extend(wrapped(note, WIDTH, "  ", "    "));
    }
    if lines.len() == 2 {
        lines.push("  changes nothing".to_owned());
    }
    lines
}

fn of_copy(copy: &Expectation) -> String {
    let expected = match copy.expected {
        Kind::None => "nothing is copied",
        Kind::Incremental => "an incremental copy",
        Kind::Full => "a full copy",
    };
    format!("{expected}: {}", copy.reason)
}

fn duration(duration: Duration) -> String {
    let known = age(duration.seconds.into());
    if duration.is_complete {
        format!("about {known}, by the last runs")
    } else {
        format!("not known: at least {known}, and no run says how long some stages take")
    }
}

fn of_costs(costs: &Costs) -> Vec<String> {
    let Costs { run, month } = costs;
    let at_least = |is_complete: bool| if is_complete { "" } else { "at least " };
    let mut lines = vec![format!(
        "a run     {}${:.4}: {} state transitions, {} calls of functions in {:.1} s",
        at_least(run.is_complete),
        run.dollars,
        run.transitions,
        run.function_calls,
        run.function_seconds
    )];
    let class = month.class.as_deref().unwrap_or("an unknown class");
    let instances = month.dollars_of_instances;
    let instances = instances.map_or_else(|| "price unknown".to_owned(), |dollars| format!("${dollars:.2}"));
    let runs = month
        .runs
        .map_or_else(|| "no schedule is on; see --runs-per-month".to_owned(), |runs| format!("{runs} runs"));
    let rows = vec![
        vec!["a month".to_owned(), "of".to_owned(), "dollars".to_owned()],
        vec!["runs".to_owned(), runs, format!("${:.2}", month.dollars_of_runs)],
        vec![
            "instances".to_owned(),
            format!("{} of class {class}", count(month.instances, "version")),
            instances,
        ],
        vec![
            "storage".to_owned(),
            format!("{} GiB", month.storage_gib),
            format!("${:.2}", month.dollars_of_storage),
        ],
        vec![
            "snapshots".to_owned(),
            format!("{}, at most {} GiB", count(month.snapshots, "snapshot"), month.snapshot_gib),
            format!("${:.2}", month.dollars_of_snapshots),
        ],
        vec![
            "together".to_owned(),
            at_least(month.is_complete).trim().to_owned(),
            format!("${:.2}", month.dollars),
        ],
    ];
    lines.push(String::new());
    lines.extend(table(&rows, &[2]));
    lines.push(String::new());
    lines
}

fn of_quota(quota: &Quota) -> String {
    let Quota { name, used, needed, max, account, region, .. } = quota;
    format!(
        "quota     {name} of account {account} in {region}: {used} of {max} used, {needed} during the run"
    )
}
