//! Facts to report. Pure; the report is the JSON document itself.

mod advice;
pub mod document;
pub mod fleets;
mod headline;
mod origins;
mod replications;
pub mod secret;
pub mod versions;

use std::collections::{BTreeMap, BTreeSet};

use replication::naming::arn_part;

use self::advice::Known;
use self::document::{Alarm, Database, Document, Hidden, OtherDatabase, Schedule, Secret, Standing, Warning};
use self::versions::{Held, Versions, not_managed, unserved_databases};
use crate::hints::Hints;
use crate::screen::timestamp;
use crate::status::facts::{self, Facts, Named, Read, Stack, Unreadable};

/// The number of the form of the document.
const FORMAT: u32 = 1;
/// What has to be readable for the destination account to count as read.
const NEEDED: [&str; 4] = ["secret", "versions", "destinationSnapshots", "destinationRuns"];

/// The report of these facts; `last` is how many replications and rollbacks it reports.
pub fn report(facts: &Facts, last: usize, hints: &Hints) -> Document {
    let hints_for = |stack: &Stack| {
        let one_of_several = if stack.pattern.is_empty() { String::new() } else { stack.database() };
        Hints { one_of_several, ..hints.clone() }
    };
    let of_one = |one: &facts::Database| database(facts, one, last, &hints_for(&one.stack));
    let databases: Vec<Database> = facts.databases.iter().map(of_one).collect();
    let fleets = facts.fleets.iter().map(|fleet| fleets::report(facts.now, fleet, &databases)).collect();
    Document {
        format: FORMAT,
        at: timestamp(facts.now),
        destination_account: facts.account.clone(),
        region: facts.region.clone(),
        fleets,
        one_database_command: (!facts.fleets.is_empty()).then(|| hints.status_of("NAME")),
        databases,
    }
}

/// Whether everything that decides what the destination account holds could be read.
pub fn is_complete(document: &Document) -> bool {
    let is_hidden = |name: &&str| document.databases.iter().any(|one| one.unreadable.get(name).is_some());
    !NEEDED.iter().any(is_hidden)
}

impl Hidden {
    /// The fact, or nothing and a note of what hides it.
    fn look<'f, T: ?Sized>(&mut self, name: &'static str, fact: Result<&'f T, &Unreadable>) -> Option<&'f T> {
        fact.map_err(|hidden| self.0.push((name, hidden.0.clone()))).ok()
    }
}

fn slice<T>(list: &Read<Vec<T>>) -> Result<&[T], &Unreadable> {
    list.as_deref()
}

fn database(facts: &Facts, database: &facts::Database, last: usize, hints: &Hints) -> Database {
    let mut hidden = Hidden::default();
    let (stack, source) = (&database.stack, database.source.as_ref());
    let secret = hidden.look("secret", database.secret.as_ref());
    let runs = hidden.look("destinationRuns", slice(&database.runs));
    let rollbacks = database.rollbacks.as_ref().and_then(|found| hidden.look("rollbacks", slice(found)));
    let alarms = hidden.look("alarms", slice(&database.alarms));
    let instances = hidden.look("versions", slice(&facts.instances));
    let schedule = hidden.look("schedule", source.and_then(|source| source.schedule.as_ref()));
    let snapshots = hidden.look("destinationSnapshots", slice(&facts.snapshots));
    let source_snapshots = hidden.look("sourceSnapshots", source.and_then(|source| slice(&source.snapshots)));
    let of_others = Held {
        now: facts.now,
        account: &facts.account,
        stack,
        secret,
        instances,
        snapshots,
        source_snapshots: None,
        runs: &[],
        rollbacks: &[],
    };
    let held = Held {
        source_snapshots,
        runs: runs.unwrap_or_default(),
        rollbacks: rollbacks.unwrap_or_default(),
        ..of_others
    };
    let versions = Versions::new(held, &stack.database());
    let rows = versions.rows();
    let source_runs = hidden.look("sourceRuns", source.and_then(|source| slice(&source.runs)));
    let found = replications::replications(facts.now, source_runs, runs, stack.created);
    let dead_letters =
        database.dead_letters.as_ref().and_then(|count| hidden.look("deadLetters", count.as_ref()));
    let mut document = Database {
        stack: stack.name.clone(),
        stack_status: stack.status.clone(),
        source_database: stack.parameter("SourceDBIdentifier").map(str::to_owned),
        prefix: prefix(stack, secret),
        source_account: some(arn_part(stack.parameter("SourceTopicArn").unwrap_or_default(), 4)),
        source_stack: source.ok().map(|source| source.stack.name.clone()),
        headline: String::new(),
        warnings: Vec::new(),
        secret: secret.map(|named| of_secret(stack, named)),
        live: rows.iter().flatten().find(|one| one.standing == Standing::Live).cloned(),
        versions: rows,
        restorable: versions.restorable(),
        restore_command: hints.rollback("VERSION", &stack.name),
        other_databases: other_databases(&of_others, hints),
        not_managed: not_managed(stack, instances.unwrap_or_default()),
        replications: found.map(|found| found.into_iter().take(last).collect()),
        rollbacks: rollbacks
            .map(|all| all.iter().take(last).map(|one| replications::rollback(facts.now, one)).collect()),
        source_snapshots: versions.source_snapshots(),
        destination_snapshots: versions.destination_snapshots(),
        schedule: schedule.map(schedule_row),
        alarms: alarms.map(|all| all.iter().map(alarm).collect()),
        dead_letter_messages: dead_letters.copied(),
        max_hours_without_replication: stack.number("MaxHoursWithoutReplication"),
        unreadable: hidden,
    };
    complete(&mut document, facts, database, &versions, hints);
    document
}

/// Adds what is made of the document itself: the headline and the warnings.
fn complete(
    document: &mut Database,
    facts: &Facts,
    database: &facts::Database,
    versions: &Versions<'_>,
    hints: &Hints,
) {
    document.headline = headline::headline(document);
    let own =
        database.source.as_ref().ok().and_then(|source| source.stack.parameter("DestinationAccountNumber"));
    let trusted: BTreeSet<&str> = [facts.account.as_str()].into_iter().chain(own).collect();
    let instances = facts.instances.as_deref().unwrap_or_default();
    let names_by_host: BTreeMap<&str, &str> =
        instances.iter().filter_map(|one| Some((one.seen.host.as_deref()?, one.identifier()))).collect();
    let (left, previous) = (versions.left(), versions.previous());
    let known = Known { names_by_host, left, previous, trusted, hints };
    let mut warnings = Vec::new();
    if let Err(Unreadable(code)) = &database.secret {
        let (arn, name) = (database.stack.output("SecretArn"), database.stack.output("SecretName"));
        warnings
            .extend(secret::unusable(code, arn, name).map(|text| Warning { name: "secretUnusable", text }));
    }
    let is_written_by_another = database.secret.as_ref().is_ok_and(Named::is_written_by_another);
    warnings.extend(advice::warnings(document, &known, is_written_by_another));
    document.warnings = warnings;
}

fn other_databases(held: &Held<'_>, hints: &Hints) -> Vec<OtherDatabase> {
    unserved_databases(held).into_iter().map(|name| other_database(held, name, hints)).collect()
}

/// What the stack still holds of a database that it no longer serves.
fn other_database(held: &Held<'_>, name: String, hints: &Hints) -> OtherDatabase {
    let versions = Versions::new(*held, &name);
    let serve_it = hints.deploy_destination(Some(&format!("SourceDBIdentifier={name}")), &held.stack.name);
    OtherDatabase {
        versions: versions.rows(),
        restorable: versions.restorable(),
        destination_snapshots: versions.destination_snapshots(),
        advice: format!(
            "they stay until an operator decides: {serve_it} makes the stack serve {name} again; otherwise delete the \
             instances and snapshots in the console or with aws rds"
        ),
        source_database: name,
    }
}

fn prefix(stack: &Stack, secret: Option<&Named>) -> Option<String> {
    some(stack.prefix()).or_else(|| some(&secret?.pointer.prefix))
}

fn of_secret(stack: &Stack, named: &Named) -> Secret {
    Secret {
        name: some(&secret::plain_name(stack.output("SecretName"))),
        arn: stack.outputs.get("SecretArn").cloned(),
        db_host: named.pointer.host.clone(),
        db_prefix: named.pointer.prefix.clone(),
    }
}

fn alarm(alarm: &facts::Alarm) -> Alarm {
    Alarm { name: alarm.name.clone(), state: alarm.state.clone(), since: alarm.since.map(timestamp) }
}

fn schedule_row(schedule: &facts::Schedule) -> Schedule {
    Schedule { expression: schedule.expression.clone(), state: schedule.state.clone() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
