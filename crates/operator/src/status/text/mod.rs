//! The report as it is printed: plain text, to be pasted into a ticket. Pure.

mod fleet;
mod runs;
mod things;

use std::collections::BTreeSet;

use self::runs::{replications, rollbacks, stages};
use self::things::{origins, restorable, snapshots, versions};
use super::report::document::{Database, Document};
use super::report::secret::{CREATED_ANEW, DELETED, INVALID, SCHEDULED_FOR_DELETION, WITHOUT_VALUE};
use crate::screen::{age, length, printable, table_within, wrapped};

/// The most columns of a line.
pub const WIDTH: usize = 140;

/// What can be unreadable, as it is printed.
const SECTIONS: [(&str, &str); 10] = [
    ("secret", "the secret"),
    ("versions", "the databases of the destination account"),
    ("destinationSnapshots", "the snapshots of the destination account"),
    ("destinationRuns", "the executions of the destination account"),
    ("rollbacks", "the rollbacks"),
    ("alarms", "the alarms"),
    ("deadLetters", "the dead-letter queue"),
    ("sourceSnapshots", "the snapshots of the source account"),
    ("sourceRuns", "the executions of the source account"),
    ("schedule", "the schedule"),
];
/// Those that are all of the source account.
const OF_SOURCE: [&str; 3] = ["sourceSnapshots", "sourceRuns", "schedule"];
/// Codes of our own, which AWS does not explain.
const CODES: [(&str, &str); 5] = [
    ("OtherAccount", "the credentials are of another account than the topic"),
    (
        "StackNotFound",
        "no stack of the source account has the destination's SourceTopicArn as its output TopicArn",
    ),
    (INVALID, "the secret is not a JSON object in text form with db_host and db_prefix as texts"),
    ("ProfileNotFound", "there is no such profile"),
    (
        "NoCredentialsError",
        "there is neither a profile of its name nor are there credentials in the environment",
    ),
];
/// Codes that have nothing to do with credentials; a warning says what to do.
const OF_THE_SECRET: [(&str, &str); 4] = [
    (SCHEDULED_FOR_DELETION, "it is scheduled for deletion"),
    (CREATED_ANEW, "it was deleted and created anew"),
    (DELETED, "it does not exist any more"),
    (WITHOUT_VALUE, "it has no value"),
];

/// The report as text in so many columns; of many databases one line each, unless it is about one of them.
pub fn render(document: &Document, source_db: &str, width: usize) -> String {
    let Document { destination_account, region, at, databases, fleets, .. } = document;
    let mut lines =
        vec![format!("status of the restored databases in account {destination_account}, {region}, at {at}")];
    if databases.is_empty() {
        lines.extend([String::new(), "no destination stack was found here".to_owned()]);
    }
    for fleet in fleets {
        let rows: Vec<_> = fleet
            .databases
            .iter()
            .filter(|row| source_db.is_empty() || row.source_database == source_db)
            .collect();
        lines.push(String::new());
        lines.extend(fleet::render(fleet, &rows, width));
    }
    let in_fleets: BTreeSet<&str> = if source_db.is_empty() {
        fleets.iter().flat_map(|fleet| &fleet.databases).map(|row| row.source_database.as_str()).collect()
    } else {
        BTreeSet::new()
    };
    if let Some(command) = document.one_database_command.as_ref().filter(|_| !in_fleets.is_empty()) {
        lines.extend([String::new(), format!("{command} shows one database")]);
    }
    for database in databases {
        if database.lower_name().is_some_and(|name| in_fleets.contains(name.as_str())) {
            continue;
        }
        // Several stacks can hold versions of one database.
        let same = databases.iter().filter(|other| other.source_database == database.source_database).count();
        let stack = if same > 1 { format!(", stack {}", database.stack) } else { String::new() };
        lines.push(String::new());
        lines.extend(of_database(database, &stack, width));
    }
    lines.iter().map(|line| printable(line).trim_end().to_owned() + "\n").collect()
}

fn of_database(database: &Database, stack: &str, width: usize) -> Vec<String> {
    let name = database.source_database.as_ref().unwrap_or(&database.stack);
    let title = format!("{name}{stack}: {}", database.headline);
    let mut lines = wrapped(&title, width, "", "  ");
    lines.push("=".repeat(length(&title).min(width)));
    for warning in &database.warnings {
        lines.extend(wrapped(&format!("warning: {}", warning.text), width, "", "         "));
    }
    lines.extend(unreadable(database, width));
    lines.push(String::new());
    lines.extend(summary(database));
    let only_as_snapshot = format!(
        "versions that exist only as a snapshot in the destination account; {} restores one",
        database.restore_command
    );
    let sections = [
        ("versions, newest first", versions(database.versions.as_deref(), width)),
        ("where they came from", origins(database.versions.as_deref(), width)),
        (only_as_snapshot.as_str(), restorable(database.restorable.as_deref(), width)),
        ("replications, newest first", replications(database, width)),
        ("how long their stages took", stages(database, width)),
        ("rollbacks, newest first", rollbacks(database, width)),
        ("snapshots in the source account", snapshots(database.source_snapshots.as_deref(), width)),
        ("snapshots in the destination account", snapshots(database.destination_snapshots.as_deref(), width)),
    ];
    for (title, found) in sections.into_iter().filter(|(_, found)| !found.is_empty()) {
        lines.extend([String::new(), title.to_owned()]);
        lines.extend(found);
    }
    for other in &database.other_databases {
        lines.push(String::new());
        lines.push(format!("held of {}, which this stack does not serve any more", other.source_database));
        lines.extend(versions(other.versions.as_deref(), width));
        lines.extend(restorable(other.restorable.as_deref(), width));
        lines.extend(snapshots(other.destination_snapshots.as_deref(), width));
        lines.extend(wrapped(&other.advice, width, "  ", "  "));
    }
    lines
}

/// What could not be read; the source account as one if nothing of it could.
fn unreadable(database: &Database, width: usize) -> Vec<String> {
    let of_source = OF_SOURCE.map(|name| database.unreadable.get(name));
    let whole = of_source[0].filter(|code| of_source.iter().all(|other| *other == Some(*code)));
    let codes = database.unreadable.0.iter().map(|(name, code)| (*name, code.as_str()));
    let codes = codes.filter(|(name, _)| whole.is_none() || !OF_SOURCE.contains(name));
    codes
        .map(|(name, code)| (look_up(&SECTIONS, name).unwrap_or(name), code))
        .chain(whole.map(|code| ("the source account", code)))
        .flat_map(|(section, code)| {
            let hidden = match (look_up(&OF_THE_SECRET, code), look_up(&CODES, code)) {
                (Some(words), _) => format!("not readable: {words}"),
                (None, Some(words)) => format!("not readable with these credentials ({code}: {words})"),
                (None, None) => format!("not readable with these credentials ({code})"),
            };
            wrapped(&format!("{section}: {hidden}"), width, "", "  ")
        })
        .collect()
}

fn look_up<'t>(words: &[(&str, &'t str)], name: &str) -> Option<&'t str> {
    words.iter().find(|(known, _)| *known == name).map(|(_, words)| *words)
}

/// The single facts, one a line.
fn summary(database: &Database) -> Vec<String> {
    let or_unknown = |text: &Option<String>| text.as_deref().unwrap_or("unknown").to_owned();
    let mut rows = vec![
        (
            "from",
            format!(
                "source account {}, stack {}",
                or_unknown(&database.source_account),
                or_unknown(&database.source_stack)
            ),
        ),
        ("to", format!("stack {} ({})", database.stack, database.stack_status)),
    ];
    if let Some(secret) = &database.secret {
        let name = secret.name.as_ref().or(secret.arn.as_ref()).map_or("None", String::as_str);
        let host = if secret.db_host.is_empty() { "nothing" } else { &secret.db_host };
        rows.push(("secret", format!("{name} names {host}")));
    }
    if let Some(live) = &database.live {
        let made = when(live.created_at.as_deref(), live.age_seconds).map(|when| format!(", made {when}"));
        let version = or_dash(live.version);
        let version = if version == "-" { "None".to_owned() } else { version };
        rows.push((
            "live",
            format!("version {version}, {}, {}{}", live.instance, live.rds_status, made.unwrap_or_default()),
        ));
        let data = when(live.data_time.as_deref(), live.data_age_seconds);
        let data = data.map_or_else(|| "of unknown age".to_owned(), |when| format!("as of {when}"));
        let limit = database.max_hours_without_replication.filter(|hours| *hours > 0);
        let limit = limit.map(|hours| format!("; more than {hours} h is too old")).unwrap_or_default();
        rows.push(("its data", data + &limit));
    }
    if let Some(schedule) = &database.schedule {
        rows.push(("schedule", format!("{} UTC, {}", schedule.expression, schedule.state)));
    }
    if let Some(alarms) = &database.alarms {
        let states: Vec<String> = alarms.iter().map(|one| format!("{} {}", one.name, one.state)).collect();
        rows.push(("alarms", if states.is_empty() { "none".to_owned() } else { states.join(", ") }));
    }
    if let Some(messages) = database.dead_letter_messages {
        rows.push(("dead letters", format!("{messages} messages")));
    }
    rows.into_iter().map(|(name, value)| format!("  {name:<12}  {value}")).collect()
}

/// An indented table without the columns that say nothing. The first row has the heads.
fn indented(rows: &[Vec<String>], right: &[usize], keep_empty: bool, width: usize) -> Vec<String> {
    if rows.len() < 2 {
        return Vec::new();
    }
    let columns = 0..rows[0].len();
    let is_used = |column: &usize| keep_empty || rows[1..].iter().any(|row| !row[*column].is_empty());
    let used: Vec<usize> = columns.filter(is_used).collect();
    let right: Vec<usize> = (0..used.len()).filter(|place| right.contains(&used[*place])).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| used.iter().map(|column| row[*column].clone()).collect()).collect();
    table_within(width - 2, &rows, &right).iter().map(|line| format!("  {line}")).collect()
}

fn heads(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn when(moment: Option<&str>, seconds: Option<i64>) -> Option<String> {
    moment.map(|moment| format!("{moment} ({} ago)", age(seconds.unwrap_or_default())))
}

fn age_or_dash(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), age)
}

fn gib(size: Option<i32>) -> String {
    size.map_or_else(|| "-".to_owned(), |size| format!("{size} GiB"))
}

fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn mark(is_marked: bool) -> String {
    if is_marked { "to-be-deleted" } else { "" }.to_owned()
}
