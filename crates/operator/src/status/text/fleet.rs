//! Many databases on one screen.

use super::{heads, indented, or_dash};
use crate::screen::{age, length};
use crate::status::report::fleets::{FleetReport, Row, State};

/// The report on a fleet, with these of its databases.
pub fn render(fleet: &FleetReport, rows: &[&Row], width: usize) -> Vec<String> {
    let title = format!("fleet of stack {}", fleet.stack);
    if let Some(code) = &fleet.unreadable {
        return vec![format!("{title}: not readable with these credentials ({code})")];
    }
    let Some(run) = &fleet.run else { return vec![format!("{title}: no run yet")] };
    let number = |state: State| rows.iter().filter(|row| row.state == state).count();
    let counts =
        State::ALL.iter().map(|state| (number(*state), words(*state))).filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts.map(|(number, words)| format!("{number} {words}")).collect();
    let counts = if counts.is_empty() { "no databases".to_owned() } else { counts.join(", ") };
    let began = age(run.age_seconds.unwrap_or_default());
    let title = format!("{title}: run {} {}, began {began} ago; {counts}", run.name, run.status);
    let rule = "=".repeat(length(&title).min(width));
    let mut lines = vec![title, rule];
    if let Some(error) = run.error.as_ref().filter(|_| rows.is_empty()) {
        let line = format!("  {error}: {}", run.cause.as_deref().unwrap_or_default());
        lines.push(line.trim_end_matches([':', ' ']).to_owned());
    }
    lines.extend(run.quota.iter().map(|quota| format!("warning: {quota}")));
    if !rows.is_empty() {
        lines.push(String::new());
        lines.extend(of_rows(rows, width));
    }
    for row in rows {
        if let Some(cause) = &row.cause {
            let error = row.error.as_deref().unwrap_or("left out");
            lines.push(format!("  {}: {error}: {cause}", row.source_database));
        }
    }
    if fleet.left_out_beside > 0 {
        lines.push(format!(
            "  {} more were left out: the log of the function report names them",
            fleet.left_out_beside
        ));
    }
    lines
}

fn of_rows(rows: &[&Row], width: usize) -> Vec<String> {
    let mut cells = vec![heads(&[
        "database",
        "state",
        "error",
        "took",
        "last sent",
        "version",
        "data age",
        "held",
        "warnings",
    ])];
    #[expect(clippy::cast_possible_truncation, reason = "no run takes longer than a year")]
    let took = |row: &Row| row.seconds.map(|seconds| age(seconds as i64));
    cells.extend(rows.iter().map(|row| {
        vec![
            row.source_database.clone(),
            words(row.state).to_owned(),
            row.error.clone().unwrap_or_default(),
            or_dash(took(row)),
            or_dash(row.last_sent_age_seconds.map(|seconds| format!("{} ago", age(seconds)))),
            or_dash(row.version),
            or_dash(row.data_age_seconds.map(age)),
            or_dash(row.versions),
            if row.warnings > 0 { row.warnings.to_string() } else { String::new() },
        ]
    }));
    indented(&cells, &[3, 4, 5, 6, 7, 8], true, width)
}

fn words(state: State) -> &'static str {
    match state {
        State::Failed => "FAILED",
        State::FailedInDestination => "FAILED in destination",
        State::NotArrived => "DID NOT ARRIVE",
        State::NotStarted => "NOT STARTED",
        State::Running => "running",
        State::Waiting => "to be started",
        State::Sent => "sent",
        State::Replicated => "replicated",
        State::SentBefore => "sent by an earlier run",
        State::LeftOut => "left out",
    }
}
