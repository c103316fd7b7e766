//! What in the report needs an operator's attention, the worst first.

use std::collections::{BTreeMap, BTreeSet};

use replication::contract::Outcome as SecretOutcome;
use replication::lineage::DATA_TIME;
use replication::naming::{self, Version as Number, instance_of_endpoint};

use super::document::{Compared, Database, Outcome, Secret, Standing, Version, Warning};
use crate::hints::Hints;
use crate::screen::{age, count};

/// What the warnings need beside the document.
pub struct Known<'f> {
    /// The identifiers of all instances of the destination account, by address.
    pub names_by_host: BTreeMap<&'f str, &'f str>,
    /// Why the newest prune could not delete what it wanted to, by identifier.
    pub left: &'f BTreeMap<String, String>,
    /// The version that a rollback to the previous one goes to.
    pub previous: Option<Number>,
    /// The accounts that a snapshot may be shared with.
    pub trusted: BTreeSet<&'f str>,
    /// What commands to run next have to be given.
    pub hints: &'f Hints,
}

/// Names and texts of what an operator should check.
pub fn warnings(document: &Database, known: &Known<'_>, is_secret_written_by_another: bool) -> Vec<Warning> {
    let mut found = about_live(document, known);
    if is_secret_written_by_another {
        found.extend(about_a_secret_moved_back(document, known.hints));
    }
    found.extend(about_replications(document));
    found.extend(about_what_was_told(document, known.left));
    found.extend(about_leftovers(document, known.left));
    found.extend(about_what_is_not_served(document));
    found.extend(about_sharing(document, &known.trusted));
    found.extend(about_the_stack(document));
    found
}

fn warning(name: &'static str, text: impl Into<String>) -> Warning {
    Warning { name, text: text.into() }
}

fn about_live(document: &Database, known: &Known<'_>) -> Vec<Warning> {
    let mut found = Vec::new();
    let Some(live) = &document.live else {
        if let (Some(secret), Some(_)) = (&document.secret, &document.versions) {
            found.push(warning("nothingLive", why_nothing_is_live(document, secret, known)));
        }
        return found;
    };
    let name = named(live);
    if !live.is_ready {
        found.push(warning("liveNotAvailable", format!("the live {name} is {}", live.rds_status)));
    }
    if live.marked {
        found.push(warning("liveMarked", format!("the live {name} is marked to-be-deleted")));
    }
    if live.data_time.is_none() {
        found.push(warning(
            "dataTimeUnknown",
            format!("how old the data of the live {name} is is unknown: it has no tag {DATA_TIME} and its snapshot is gone"),
        ));
    }
    let hours = document.max_hours_without_replication.filter(|hours| *hours > 0);
    if let (Some(hours), Some(seconds)) = (hours, live.data_age_seconds)
        && i128::from(seconds) > i128::from(hours) * 3600
    {
        found.push(warning(
            "dataTooOld",
            format!(
                "the live data is {} old, more than MaxHoursWithoutReplication ({hours} h)",
                age(seconds)
            ),
        ));
    }
    found
}

fn why_nothing_is_live(document: &Database, secret: &Secret, known: &Known<'_>) -> String {
    let host = secret.db_host.as_str();
    if host.is_empty() {
        return "the secret names no database yet: db_host is empty".to_owned();
    }
    if let Some(name) = known.names_by_host.get(host) {
        let is_it = |one: &Version| one.instance == *name;
        let unserved =
            document.other_databases.iter().find(|other| other.versions.iter().flatten().any(is_it));
        if let Some(other) = unserved {
            return format!(
                "the secret names {name}, a version of {}, which this stack no longer serves ({host})",
                other.source_database
            );
        }
        let said = format!("the secret names {name}, which this stack did not make ({host})");
        return if document.not_managed.iter().any(|one| one.instance == *name) {
            format!(
                "{said}; if the original of this project did, {} makes it a version",
                known.hints.adopt(&document.stack)
            )
        } else {
            said
        };
    }
    let said = format!("the secret names a database that is not in this account: {host}");
    let prefixes = [document.prefix.as_deref(), Some(secret.db_prefix.as_str())];
    let mut numbers = prefixes
        .into_iter()
        .flatten()
        .filter(|prefix| !prefix.is_empty())
        .filter_map(|prefix| naming::version_of(prefix, instance_of_endpoint(host)));
    let Some((gone, previous)) = numbers.next().zip(known.previous) else { return said };
    let command = known.hints.rollback(&previous.to_string(), &document.stack);
    format!(
        "{said}; it was version {gone}. To fix this: {command} makes the version with the next older data live, or start a \
         replication"
    )
}

/// What our functions moved the secret to last and what it names now, if something else has put an older version back.
fn about_a_secret_moved_back(document: &Database, hints: &Hints) -> Option<Warning> {
    let live = document.live.as_ref()?;
    let replications = document.replications.as_deref()?;
    if document.unreadable.get("rollbacks").is_some() {
        return None;
    }
    let of_replications = replications.iter().map(|one| (&one.ended_at, &one.instance, &one.secret_outcome));
    let of_rollbacks = document
        .rollbacks
        .iter()
        .flatten()
        .map(|one| (&one.run.ended_at, &one.instance, &one.secret_outcome));
    let moves = of_replications.chain(of_rollbacks).filter_map(|(ended_at, instance, outcome)| {
        let outcome: SecretOutcome = serde_json::from_value(outcome.as_deref()?.into()).ok()?;
        outcome.has_moved().then_some((ended_at.as_ref()?, instance.as_ref()?))
    });
    let (_, moved_to) = moves.max()?;
    let newer = document.versions.iter().flatten().find(|one| one.instance == *moved_to)?;
    let version = newer.version.filter(|_| newer.compared_with_live == Some(Compared::Newer))?;
    Some(warning(
        "secretMovedBack",
        format!(
            "the secret was moved to {} and names the older {} again; something else than these functions wrote it since, \
             such as a rotation that had read it before. To fix this: {} moves it forward",
            name(newer),
            name(live),
            hints.rollback(&version.to_string(), &document.stack)
        ),
    ))
}

fn about_replications(document: &Database) -> Vec<Warning> {
    let replications = document.replications.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    let last = replications.iter().find(|one| !one.outcome.is_open());
    if let Some(last) = last.filter(|last| last.outcome == Outcome::Failed) {
        let id = last.id.iter().map(|id| format!(" {id}")).collect::<String>();
        let role = last.failed_in.map_or("", |role| role.words());
        let stage = last.failed_stage.iter().map(|stage| format!(", {stage}")).collect::<String>();
        let error = last.error.as_deref().unwrap_or_default();
        let cause = last.cause.iter().map(|cause| format!(": {cause}")).collect::<String>();
        found.push(warning(
            "lastReplicationFailed",
            format!("the last replication{id} failed in {role}{stage}: {error}{cause}"),
        ));
    }
    for (role, failure) in replications.first().iter().flat_map(|newest| &newest.room_failures) {
        found.push(warning(
            "roomNotMade",
            format!(
                "the newest replication could delete nothing in {} before it began, and went on: {failure}",
                role.words()
            ),
        ));
    }
    for one in replications.iter().filter(|one| one.outcome == Outcome::NotArrived) {
        found.push(warning(
            "notArrived",
            format!(
                "replication {} ended well in the source account, but the destination account has no run of it",
                one.id.as_deref().unwrap_or("None")
            ),
        ));
    }
    found
}

/// What operators were alerted about, unless it is reported with its version or snapshot.
fn about_what_was_told(document: &Database, left: &BTreeMap<String, String>) -> Vec<Warning> {
    let undeleted = document.versions.iter().flatten().filter(|one| one.not_deleted.is_some());
    let said: Vec<&str> =
        undeleted.map(|one| one.instance.as_str()).chain(left.keys().map(String::as_str)).collect();
    let newest = document.replications.iter().flatten().next();
    let told = newest.into_iter().flat_map(|newest| &newest.told_operators);
    let is_said = |text: &&String| said.iter().any(|name| text.contains(name));
    told.filter(|text| !is_said(text)).map(|text| warning("undeleted", text)).collect()
}

fn about_leftovers(document: &Database, left: &BTreeMap<String, String>) -> Vec<Warning> {
    let versions: Vec<&Version> = document.versions.iter().flatten().collect();
    let marked = versions.iter().filter(|one| one.standing != Standing::Live);
    let marked = by_reason(marked.filter_map(|one| Some((named(one), one.not_deleted.as_deref()?))));
    let snapshots = document.destination_snapshots.iter().flatten();
    let snapshots =
        by_reason(snapshots.filter_map(|one| Some((one.name.clone(), left.get(&one.name)?.as_str()))));

    let mut found = Vec::new();
    for one in versions {
        let name = named(one);
        // Where the first of them has its place.
        for (names, reason) in marked.iter().filter(|(names, _)| names[0] == name) {
            let are = match names.len() {
                1 => "is marked to-be-deleted and still exists",
                _ => "are marked to-be-deleted and still exist",
            };
            found.push(warning("markedStillExists", format!("{} {are}: {reason}", names.join(", "))));
        }
        if matches!(one.standing, Standing::Failed | Standing::Broken | Standing::Leftover) {
            found.push(warning("leftover", format!("{name} is {}: {}", one.rds_status, one.words)));
        }
    }
    for (names, reason) in snapshots {
        let (noun, were) = match names.len() {
            1 => ("snapshot", "was to be deleted and still exists"),
            _ => ("snapshots", "were to be deleted and still exist"),
        };
        found.push(warning("notDeleted", format!("{noun} {} {were}: {reason}", names.join(", "))));
    }
    found
}

/// What stays for the same reason, in the order of the first of each: a backlog of deletions has one cause, and is one warning.
fn by_reason<'a>(things: impl Iterator<Item = (String, &'a str)>) -> Vec<(Vec<String>, &'a str)> {
    let mut groups: Vec<(Vec<String>, &str)> = Vec::new();
    for (name, reason) in things {
        match groups.iter_mut().find(|(_, of)| *of == reason) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], reason)),
        }
    }
    groups
}

fn about_what_is_not_served(document: &Database) -> Vec<Warning> {
    let mut found = Vec::new();
    for other in &document.other_databases {
        let numbers = [
            (other.versions.as_ref().map_or(0, Vec::len), "instance"),
            (other.destination_snapshots.as_ref().map_or(0, Vec::len), "snapshot"),
        ];
        let counts: Vec<String> = numbers
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| count(*number, noun))
            .collect();
        found.push(warning(
            "otherDatabase",
            format!(
                "this stack serves {} and still holds {} of {}; {}",
                document.source_database.as_deref().unwrap_or_default(),
                counts.join(" and "),
                other.source_database,
                other.advice
            ),
        ));
    }
    for one in &document.not_managed {
        found.push(warning(
            "notManaged",
            format!(
                "{} ({}) is named like a version and is none: {}; no function rolls back to it or deletes it",
                one.instance, one.rds_status, one.reason
            ),
        ));
    }
    found
}

fn about_sharing(document: &Database, trusted: &BTreeSet<&str>) -> Vec<Warning> {
    let mut found = Vec::new();
    for one in document.source_snapshots.iter().flatten() {
        let accounts = one.shared_with.iter().flatten().map(String::as_str);
        let others: Vec<&str> = accounts.filter(|account| !trusted.contains(account)).collect();
        if !others.is_empty() {
            found.push(warning(
                "sharedWithOthers",
                format!("snapshot {} in the source account is shared with {}", one.name, others.join(", ")),
            ));
        }
    }
    found
}

fn about_the_stack(document: &Database) -> Vec<Warning> {
    let mut found = Vec::new();
    for alarm in document.alarms.iter().flatten().filter(|alarm| alarm.state == "ALARM") {
        let since = alarm.since.iter().map(|since| format!(" since {since}")).collect::<String>();
        found.push(warning("alarm", format!("{} is in alarm{since}", alarm.name)));
    }
    let messages =
        document.dead_letter_messages.and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    if messages > 0 {
        found.push(warning(
            "deadLetters",
            format!("{} that could not be handled in the dead-letter queue", count(messages, "message")),
        ));
    }
    if !["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&document.stack_status.as_str()) {
        found.push(warning(
            "stackNotComplete",
            format!("the stack {} is {}", document.stack, document.stack_status),
        ));
    }
    found
}

/// A version in words.
pub fn name(version: &Version) -> String {
    version
        .version
        .map_or_else(|| "an instance without a version".to_owned(), |number| format!("version {number}"))
}

fn named(version: &Version) -> String {
    format!("{} ({})", name(version), version.instance)
}
