//! How much waiting the machines add to a run, by a model: the real rule ([`replication::pacing`]) is asked poll by poll about
//! stages of known length, beside the original's fixed waits, a poll every minute, the rule before this one, and one that
//! knows the end. Nothing here measures time, so that the figures are the same on every machine.
//!
//! Prints the tables in Markdown, then a line of `---json---`, then all figures as JSON: `scripts/bench waiting` parts them.

use std::fmt::Write;

use harness::model::{self, Cost, Shape, polled, seconds};
use replication::pacing::{CONFIRMATION_WAIT_SECONDS, StageName};
use serde_json::{Value, json};

/// The grid: how long a stage takes, in seconds, and what the tables call it.
const GRID: [(i64, &str); 10] = [
    (30, "30 s"),
    (120, "2 min"),
    (300, "5 min"),
    (600, "10 min"),
    (1_200, "20 min"),
    (1_800, "30 min"),
    (3_600, "1 h"),
    (7_200, "2 h"),
    (14_400, "4 h"),
    (43_200, "12 h"),
];
/// Runs of each cell, with stages up to a fifth shorter or longer, so that no rule is favoured by where its polls fall.
const RUNS: u32 = 200;
/// The stages of a run, with the original's wait in seconds. The last is the restore, of which RDS shows no progress.
const STAGES: [(StageName, i64); 4] =
    [(StageName::Snapshot, 240), (StageName::Copy, 180), (StageName::Copy, 300), (StageName::Restore, 300)];

/// Dollars in us-east-1, list prices of November 2026: a state transition of a standard workflow, a request of Lambda, and
/// 300 ms of a function with 128 MB (x86).
const TRANSITION_DOLLARS: f64 = 0.025 / 1_000.0;
const REQUEST_DOLLARS: f64 = 0.20 / 1_000_000.0;
const POLL_DOLLARS: f64 = REQUEST_DOLLARS + 0.3 * 0.125 * 0.000_016_666_7;
/// A wait is three transitions: the task, the choice, the wait. What the two machines do besides is 14.
const TRANSITIONS_A_WAIT: f64 = 3.0;
const OTHER_TRANSITIONS: f64 = 14.0;

/// What the last run says.
#[derive(Clone, Copy)]
enum History {
    Missing,
    /// As long as this run, up to a fifth more or less.
    Right,
    /// So many times as long.
    Times(f64),
}

/// A rule of when to poll.
#[derive(Clone, Copy)]
enum Rule {
    Ideal,
    Original,
    EveryMinute,
    Before,
    Product(Shape, History),
}

struct Row {
    name: &'static str,
    rule: Rule,
    /// What the issue asks of it: eight times less waiting than the original, or no more.
    target: Option<f64>,
}

const fn row(name: &'static str, rule: Rule, target: Option<f64>) -> Row {
    Row { name, rule, target }
}

const KNOWN: Option<f64> = Some(8.0);
const UNKNOWN: Option<f64> = Some(1.0);

const ROWS: [Row; 21] = [
    row("ideal: polls once, at the end", Rule::Ideal, None),
    row("original: every 240, 180, 300, 300 s", Rule::Original, None),
    row("every 60 s", Rule::EveryMinute, None),
    row("before: a twentieth, 15 to 300 s", Rule::Before, None),
    row("**history, linear progress**", Rule::Product(Shape::Linear, History::Right), KNOWN),
    row("history, quick first", Rule::Product(Shape::QuickFirst, History::Right), KNOWN),
    row("history, slow first", Rule::Product(Shape::SlowFirst, History::Right), KNOWN),
    row("history, 95% at half time", Rule::Product(Shape::NearlyDoneAtHalf, History::Right), KNOWN),
    row("history, 10% until nine tenths", Rule::Product(Shape::StuckAtTen, History::Right), KNOWN),
    row("history, 0, 50, 90% only", Rule::Product(Shape::Jumps, History::Right), KNOWN),
    row("history, 100% at half time", Rule::Product(Shape::DoneAtHalf, History::Right), KNOWN),
    row("**history, no progress**", Rule::Product(Shape::Missing, History::Right), KNOWN),
    row("**linear progress, first run**", Rule::Product(Shape::Linear, History::Missing), KNOWN),
    row("95% at half time, first run", Rule::Product(Shape::NearlyDoneAtHalf, History::Missing), UNKNOWN),
    row("0, 50, 90% only, first run", Rule::Product(Shape::Jumps, History::Missing), UNKNOWN),
    row("100% at half time, first run", Rule::Product(Shape::DoneAtHalf, History::Missing), UNKNOWN),
    row("**nothing known**", Rule::Product(Shape::Missing, History::Missing), UNKNOWN),
    row("0% throughout, first run", Rule::Product(Shape::StuckAtZero, History::Missing), UNKNOWN),
    row("history 3 times too long, no progress", Rule::Product(Shape::Missing, History::Times(3.0)), UNKNOWN),
    row(
        "history 3 times too short, no progress",
        Rule::Product(Shape::Missing, History::Times(1.0 / 3.0)),
        UNKNOWN,
    ),
    row("history 3 times too long, linear", Rule::Product(Shape::Linear, History::Times(3.0)), UNKNOWN),
];

/// A sequence of numbers from 0 to 1 that is the same in every run (Knuth's linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + self.next() * (most - least)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a stage takes less than 2^63 seconds")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn transitions(cost: &Cost) -> f64 {
    TRANSITIONS_A_WAIT * cost.waits + OTHER_TRANSITIONS
}

fn dollars(cost: &Cost) -> f64 {
    transitions(cost) * TRANSITION_DOLLARS + cost.polls * POLL_DOLLARS
}

fn before(takes: i64) -> Cost {
    polled(takes, |at| (at / 20).clamp(15, 300))
}

/// One run of four stages of about this length.
fn run(rule: Rule, about: i64, number: u32, numbers: &mut Numbers) -> Cost {
    let mut all = Cost::default();
    let execution = format!("execution {number}");
    for (name, original) in STAGES {
        let takes = whole(seconds(about) * numbers.between(0.8, 1.2)).max(1);
        let variation = numbers.between(1.0 / 1.2, 1.2);
        all.add(match rule {
            Rule::Ideal => Cost { late: 0.0, waits: 1.0, polls: 2.0 },
            Rule::Original => polled(takes, |_| original),
            Rule::EveryMinute => polled(takes, |_| 60),
            Rule::Before => before(takes),
            Rule::Product(shape, history) => {
                let times = match history {
                    History::Missing => None,
                    History::Right => Some(variation),
                    History::Times(times) => Some(times),
                };
                let expected = times.and_then(|times| u32::try_from(whole(seconds(takes) * times)).ok());
                model::stage(name, takes, shape, expected, &execution)
            }
        });
    }
    // A restored instance counts as usable when a second poll has seen it so.
    match rule {
        Rule::Product(..) => {
            all.add(Cost { late: CONFIRMATION_WAIT_SECONDS.into(), waits: 1.0, polls: 1.0 });
        }
        // That poll came after one more wait of the rule.
        Rule::Before => all.add(Cost { late: seconds((about / 20).clamp(15, 300)), waits: 1.0, polls: 1.0 }),
        _ => {}
    }
    all
}

fn cell(rule: Rule, about: i64) -> Cost {
    let mut numbers = Numbers(20_261_126);
    let mut all = Cost::default();
    for number in 0..RUNS {
        all.add(run(rule, about, number, &mut numbers));
    }
    all.of_one(RUNS)
}

/// A table with a row for each rule and a column for each length, and one more.
fn table(
    title: &str,
    last: &str,
    costs: &[Vec<Cost>],
    text: impl Fn(&[Cost], usize) -> String,
    end: impl Fn(&[Cost]) -> String,
) -> String {
    let lengths: Vec<&str> = GRID.iter().map(|(_, name)| *name).collect();
    let mut lines =
        format!("| {title} | {} | {last} |\n|---|{}\n", lengths.join(" | "), "---:|".repeat(GRID.len() + 1));
    for (row, costs) in ROWS.iter().zip(costs) {
        let cells: Vec<String> = (0..GRID.len()).map(|column| text(costs, column)).collect();
        let _ = writeln!(lines, "| {} | {} | {} |", row.name, cells.join(" | "), end(costs));
    }
    lines
}

/// The ratio of two sums over the grid.
fn over_grid(original: &[Cost], costs: &[Cost]) -> f64 {
    let sum = |costs: &[Cost]| costs.iter().map(|cost| cost.late).sum::<f64>();
    sum(original) / sum(costs)
}

fn main() {
    let costs: Vec<Vec<Cost>> =
        ROWS.iter().map(|row| GRID.iter().map(|(about, _)| cell(row.rule, *about)).collect()).collect();
    let original = &costs[1];
    let ratio = |costs: &[Cost]| match over_grid(original, costs) {
        ratio if ratio.is_finite() => format!("{ratio:.1}"),
        _ => "-".to_owned(),
    };
    println!(
        "{}",
        table(
            "seconds added to a run",
            "the original's, times less",
            &costs,
            |costs, column| format!("{:.0}", costs[column].late),
            ratio
        )
    );
    let most = |costs: &[Cost]| {
        let shares = (0..GRID.len()).filter(|column| GRID[*column].0 >= 1_800);
        let most = shares.map(|column| costs[column].polls / original[column].polls).fold(0.0, f64::max);
        format!("{most:.1}")
    };
    println!(
        "{}",
        table(
            "polls of a run",
            "the original's, times, from 30 min on",
            &costs,
            |costs, column| format!("{:.0}", costs[column].polls),
            most
        )
    );
    let total = |costs: &[Cost]| format!("{:.0}", costs.iter().map(transitions).sum::<f64>());
    println!(
        "{}",
        table(
            "state transitions of a run",
            "sum",
            &costs,
            |costs, column| format!("{:.0}", transitions(&costs[column])),
            total
        )
    );
    let total = |costs: &[Cost]| format!("{:.2}", costs.iter().map(dollars).sum::<f64>());
    println!(
        "{}",
        table(
            "dollars of a run",
            "sum",
            &costs,
            |costs, column| format!("{:.4}", dollars(&costs[column])),
            total
        )
    );
    println!("{}", targets(&costs));
    println!("---json---\n{:#}", figures(&costs));
}

/// Which targets are met.
fn targets(costs: &[Vec<Cost>]) -> String {
    let original = &costs[1];
    let mut lines = "| added waiting against the original's | times less over the grid | least in a cell | met over the grid, in each cell |\n|---|---:|---:|---|\n".to_owned();
    for (row, costs) in ROWS.iter().zip(costs) {
        let Some(target) = row.target else { continue };
        let all = over_grid(original, costs);
        let least = original
            .iter()
            .zip(costs)
            .map(|(original, cost)| original.late / cost.late)
            .fold(f64::MAX, f64::min);
        let yes = |met| if met { "yes" } else { "no" };
        let _ = writeln!(
            lines,
            "| {}: {} | {all:.1} | {least:.1} | {}, {} |",
            row.name,
            if target > 1.0 { "an eighth at most" } else { "no more" },
            yes(all >= target),
            yes(least >= target)
        );
    }
    lines
}

fn figures(costs: &[Vec<Cost>]) -> Value {
    let rows = ROWS.iter().zip(costs).map(|(row, costs)| {
        let cells = GRID.iter().zip(costs).map(|((about, _), cost)| {
            json!({
                "stageSeconds": about, "addedSeconds": cost.late, "polls": cost.polls,
                "transitions": transitions(cost), "dollars": dollars(cost),
            })
        });
        json!({"rule": row.name.replace("**", ""), "target": row.target, "cells": cells.collect::<Vec<_>>()})
    });
    json!({"runsOfACell": RUNS, "rows": rows.collect::<Vec<_>>()})
}
