//! The report on one database in one line, which an operator reads first.

use super::advice::name;
use super::document::{Compared, Database, Outcome, Replication, Standing, Version};
use crate::screen::{age, count};

/// That line.
pub fn headline(document: &Database) -> String {
    let mut words = vec![live_words(document)];
    words.extend(document.versions.as_deref().map(|versions| versions_words(document, versions)));
    words.extend(replication_words(document));
    words.join(", ")
}

fn live_words(document: &Database) -> String {
    if document.secret.is_none() {
        return "live version not readable".to_owned();
    }
    let Some(live) = &document.live else {
        let is_known = document.versions.is_some();
        return if is_known { "NO LIVE VERSION" } else { "versions not readable" }.to_owned();
    };
    let mut said = format!("live {}", name(live));
    if let Some(version) = live.restored_version {
        said += &format!(" (data of version {version})");
    }
    if !live.is_ready {
        said += &format!(" is {}", live.rds_status.to_uppercase());
    }
    match live.data_age_seconds {
        Some(seconds) => format!("{said}, data {} old", age(seconds)),
        None => format!("{said}, data of unknown age"),
    }
}

fn versions_words(document: &Database, versions: &[Version]) -> String {
    let is_older = |compared: Option<Compared>| document.live.is_none() || compared == Some(Compared::Older);
    let older = || versions.iter().filter(|one| one.can_roll_back && is_older(one.compared_with_live));
    let kept = document.restorable.iter().flatten();
    let kept = kept.filter(|one| is_older(one.compared_with_live) && one.restored_as.is_empty()).count();
    let held_back = versions.iter().filter(|one| one.standing == Standing::HeldBack).count();
    let (number, marked) = (older().count(), older().filter(|one| one.marked).count());
    let mut said = match number {
        0 => "no older version to roll back to".to_owned(),
        _ => format!("{} to roll back to", count(number, "older version")),
    };
    if marked > 0 {
        said += &format!(" ({marked} of them marked to-be-deleted)");
    }
    if kept > 0 {
        said += &if number > 0 {
            format!(" and {kept} more to restore")
        } else {
            format!(" but {kept} to restore from a snapshot")
        };
    }
    if held_back > 0 {
        said += &format!(", {} held back", count(held_back, "newer version"));
    }
    said
}

fn replication_words(document: &Database) -> Vec<String> {
    let Some(replications) = &document.replications else {
        return vec!["replications not readable".to_owned()];
    };
    if replications.is_empty() {
        return vec!["no replication yet".to_owned()];
    }
    let running = replications.iter().find(|one| one.outcome.is_open());
    let finished: Vec<&Replication> = replications.iter().filter(|one| !one.outcome.is_open()).collect();
    let mut words: Vec<String> = running
        .map(|one| format!("a replication running since {}", age(one.age_seconds)))
        .into_iter()
        .collect();
    if let Some(last) = finished.first() {
        let which = if running.is_some() { "the one before" } else { "last replication" };
        words.push(format!("{which} {}", how_it_ended(last, &finished, document.live.as_ref())));
    }
    words
}

fn how_it_ended(last: &Replication, finished: &[&Replication], live: Option<&Version>) -> String {
    let ago = |one: &Replication| format!("{} ago", age(one.ended_age_seconds.unwrap_or_default()));
    let ended = ago(last);
    let said = match last.outcome {
        Outcome::Succeeded => {
            // What was held back may have been released since.
            let is_live = live.is_some_and(|live| Some(&live.instance) == last.instance.as_ref());
            let remark = match last.secret_outcome.as_deref() {
                Some("heldBack") if !is_live => " (held back)",
                Some("newerIsLive") if !is_live => " (a newer one was live)",
                _ => "",
            };
            return format!("succeeded {ended}{remark}");
        }
        Outcome::Superseded => {
            return format!("ended {ended} without a new version (newer or the same data was there)");
        }
        Outcome::Unknown => return format!("ended well in the source account {ended}"),
        Outcome::Failed => format!("FAILED {ended}: {}", last.error.as_deref().unwrap_or_default()),
        Outcome::Running | Outcome::OnItsWay | Outcome::NotArrived => {
            format!("DID NOT ARRIVE in the destination account ({ended})")
        }
    };
    match finished.iter().find(|one| one.outcome == Outcome::Succeeded) {
        Some(success) => format!("{said} (last success {})", ago(success)),
        None => said,
    }
}
