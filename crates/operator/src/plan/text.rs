//! The plan as text.

use replication::copying::{Expectation, Kind};
use replication::retention::Verdict;

use super::costs::Costs;
use super::destination::Outcome;
use super::document::{Document, Duration, Fleet, Place, Plan, Quota};
use super::journal::Entered;
use crate::screen::{age, count, printable, table, table_within, wrapped};

/// The most columns of a line.
pub const WIDTH: usize = 118;

/// All of it, in so many columns.
pub fn render(document: &Document, width: usize) -> String {
    let mut lines = Vec::new();
    let place = |place: &Place| format!("{} in account {}, {}", place.stack, place.account, place.region);
    lines.push(format!("source       {}", place(&document.source)));
    lines.push(format!("destination  {}", place(&document.destination)));
    lines.push(String::new());
    match &document.fleet {
        Some(fleet) => lines.extend(of_fleet(fleet, document, width)),
        None => lines.extend(document.databases.iter().flat_map(|plan| of_plan(plan, width))),
    }
    lines.push(String::new());
    lines.extend(wrapped(&format!("Prices: {}.", document.prices), width, "", ""));
    let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    lines.join("\n") + "\n"
}

fn of_plan(plan: &Plan, width: usize) -> Vec<String> {
    let mut lines = wrapped(&headline(plan), width, "", "  ");
    let names =
        format!("Names have the id {} of a run that begins now; a run has its own.", plan.replication_id);
    lines.extend(wrapped(&names, width, "", "  "));
    for state in &plan.states {
        lines.extend(of_state(state, width));
    }
    lines.push(String::new());
    lines.push(format!("duration  {}", duration(plan.duration)));
    if let Some(costs) = &plan.costs {
        lines.extend(of_costs(costs));
    }
    lines.extend(plan.quotas.iter().map(of_quota));
    lines
}

/// A line for each database; one of them in full is what `--source-db` is for.
fn of_fleet(fleet: &Fleet, document: &Document, width: usize) -> Vec<String> {
    if let Some(ends) = &fleet.ends {
        let text =
            format!("the run of the fleet would end with {} in {}: {}", ends.error, ends.state, ends.cause);
        return wrapped(&text, width, "", "  ");
    }
    let heads = ["database", "the run", "copies", "deletes", "takes", "a run", "a month"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(document.databases.iter().map(row));
    let (by, at_once) = (&fleet.by, fleet.at_once);
    let mut lines = vec![format!("{}, chosen by {by}, {at_once} at once", count(rows.len() - 1, "database"))];
    lines.push(String::new());
    lines.extend(table_within(width, &rows, &[3, 4, 5, 6]));
    lines.push(String::new());
    for one in &fleet.left_out {
        lines.extend(wrapped(&format!("left out: {}: {}", one.database, one.reason), width, "", "  "));
    }
    lines.extend(fleet.room.iter().flat_map(|room| wrapped(room, width, "", "  ")));
    let totals = &document.totals;
    let at_least = if totals.is_complete { "" } else { "at least " };
    lines.push(format!(
        "together  {} that change something, {}; {at_least}${:.4} a run, ${:.2} a month",
        count(totals.calls, "call"),
        count(totals.deletions, "deletion"),
        totals.dollars_of_run,
        totals.dollars_of_month
    ));
    lines.push("One database in full: scripts/plan --source-db NAME".to_owned());
    lines
}

fn row(plan: &Plan) -> Vec<String> {
    let outcome = match (&plan.ends, plan.outcome) {
        (Some(ends), _) => format!("ends with {} in {}", ends.error, ends.state),
        (None, Some(Outcome::Live)) => "a new version goes live".to_owned(),
        (None, Some(Outcome::HeldBack)) => "a new version is held back".to_owned(),
        (None, Some(Outcome::NewerIsLive)) => "newer data stay live".to_owned(),
        (None, Some(Outcome::Superseded)) => "nothing is copied".to_owned(),
        (None, None) => "cannot be read".to_owned(),
    };
    let copies = plan.states.iter().filter_map(|state| state.copy.as_ref()).map(|copy| match copy.expected {
        Kind::None => "none",
        Kind::Incremental => "incremental",
        Kind::Full => "full",
    });
    let calls = plan.states.iter().flat_map(|state| &state.calls);
    let deletions = calls.filter(|call| call.action.starts_with("rds:Delete")).count();
    let takes = if plan.duration.is_complete { age(plan.duration.seconds.into()) } else { "?".to_owned() };
    let dollars = |of: fn(&Costs) -> String| plan.costs.as_ref().map_or_else(|| "?".to_owned(), of);
    vec![
        plan.source_database.clone(),
        outcome,
        copies.collect::<Vec<_>>().join(", "),
        deletions.to_string(),
        takes,
        dollars(|costs| format!("${:.4}", costs.run.dollars)),
        dollars(|costs| format!("${:.2}", costs.month.dollars)),
    ]
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

fn of_state(state: &Entered, width: usize) -> Vec<String> {
    let machine = serde_json::to_value(state.machine).ok();
    let machine = machine.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    let mut lines = vec![String::new(), format!("{machine}  {}", state.state)];
    if let Some(copy) = &state.copy {
        lines.extend(wrapped(&of_copy(copy), width, "  ", "    "));
    }
    for call in &state.calls {
        lines.extend(wrapped(
            &format!("{} {}: {}", call.action, call.resource, call.why),
            width,
            "  - ",
            "      ",
        ));
    }
    let stays = state.decisions.iter().filter(|one| !matches!(one.verdict, Verdict::Delete | Verdict::Mark));
    for decision in stays {
        lines.extend(wrapped(&decision.to_string(), width, "    ", "      "));
    }
    for note in &state.notes {
        lines.extend(wrapped(note, width, "  ", "    "));
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
