//! The lines of a recording, as the questions want them.

use std::collections::BTreeMap;

use replication::progress::{self, AVAILABLE, InstanceStatus, Progress, SnapshotStatus};
use serde_json::Value;

/// A recording.
#[derive(Debug)]
pub struct Recording<'v> {
    lines: Vec<&'v Value>,
}

/// The statuses of one thing, each with the seconds after which it was first seen.
pub type History = Vec<(f64, String)>;

/// An instance that was restored.
#[derive(Debug)]
pub struct Restored<'v> {
    /// Whether the functions have restored it; otherwise the trial has, and nobody else does anything to it.
    pub is_version: bool,
    /// Its statuses.
    pub history: History,
    /// It, as it was described.
    pub polled: Vec<&'v Value>,
}

impl Restored<'_> {
    /// Its statuses until it was deleted.
    pub fn until_deleted(&self) -> Vec<String> {
        let statuses = self.history.iter().map(|(_, status)| status.clone());
        let is_there = |status: &String| {
            InstanceStatus::from(status.as_str()).restored() != progress::Restored::Deleting
        };
        statuses.take_while(is_there).collect()
    }

    /// Whether another status came after the first `available`, before it was deleted.
    pub fn has_left_available(&self) -> bool {
        self.until_deleted()
            .iter()
            .skip_while(|status| *status != AVAILABLE)
            .any(|status| status != AVAILABLE)
    }
}

impl<'v> Recording<'v> {
    /// The lines that are about a call: the first one is about the recording.
    pub fn of(lines: &'v [Value]) -> Self {
        Self { lines: lines.iter().filter(|line| line["operation"].is_string()).collect() }
    }

    /// The lines of an operation.
    pub fn asked(&self, operation: &str) -> impl Iterator<Item = &'v Value> {
        self.lines.iter().copied().filter(move |line| line["operation"] == operation)
    }

    /// Those that were not refused.
    pub fn answered(&self, operation: &str) -> impl Iterator<Item = &'v Value> {
        self.asked(operation).filter(|line| is_answered(line))
    }

    /// What AWS has said to the first call that `is_it`: its answer, or the code with which it refused what was asked. A call that
    /// was throttled, failed in AWS or lacked a right says nothing of either.
    pub fn said(
        &self,
        operation: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Option<(&'v Value, Option<&'v str>)> {
        self.asked(operation).filter(|line| is_it(line)).find_map(|line| match line["code"].as_str() {
            _ if is_answered(line) => Some((line, None)),
            Some(code)
                if line["status"].as_u64().is_some_and(|status| status < 500) && !says_nothing(code) =>
            {
                Some((line, Some(code)))
            }
            _ => None,
        })
    }

    /// Everything that an account's answers describe, with when.
    fn described(&self, account: Option<&str>, kind: &str) -> Vec<(f64, &'v Value)> {
        let of_account =
            self.lines.iter().filter(|line| account.is_none_or(|account| line["account"] == account));
        let all = of_account.flat_map(|line| {
            let at = line["at"].as_f64().unwrap_or_default();
            things(line, kind).into_iter().map(move |thing| (at, thing))
        });
        all.collect()
    }

    /// The instances that were restored, in the order in which they came.
    pub fn restored(&self) -> Vec<Restored<'v>> {
        let own: Vec<&Value> = self
            .answered("RestoreDBInstanceFromDBSnapshot")
            .map(|line| &line["asked"]["DBInstanceIdentifier"])
            .collect();
        let mut found: Vec<Restored<'v>> = Vec::new();
        for account in ["source", "destination"] {
            let is_version = account == "destination";
            let described = self.described(Some(account), "DBInstance");
            let mut names: Vec<&Value> = Vec::new();
            for name in described.iter().map(|(_, one)| &one["DBInstanceIdentifier"]) {
                if !names.contains(&name) && (is_version || own.contains(&name)) {
                    names.push(name);
                }
            }
            for name in names {
                let polled: Vec<(f64, &Value)> = described
                    .iter()
                    .filter(|(_, one)| one["DBInstanceIdentifier"] == *name)
                    .copied()
                    .collect();
                let history = history(&polled, "DBInstanceStatus");
                let polled = polled.into_iter().map(|(_, one)| one).collect();
                found.push(Restored { is_version, history, polled });
            }
        }
        found
    }

    /// The snapshots of an account by their names, as its own answers describe them until they are deleted.
    fn named_snapshots(&self, account: &str) -> BTreeMap<&'v str, Vec<(f64, &'v Value)>> {
        let mut found: BTreeMap<&str, Vec<(f64, &Value)>> = BTreeMap::new();
        for (at, one) in self.described(Some(account), "DBSnapshot") {
            // What the other account shares is called by its ARN.
            let name = one["DBSnapshotIdentifier"].as_str().filter(|name| !name.starts_with("arn:"));
            let is_there = !SnapshotStatus::from(one["Status"].as_str().unwrap_or_default()).is_deleting();
            if let Some(name) = name.filter(|_| is_there) {
                found.entry(name).or_default().push((at, one));
            }
        }
        found
    }

    /// Every description of an account's snapshots. Those of the destination account are copies; of those of the source account
    /// RDS does not say in one Region which are.
    pub fn snapshots(&self, account: &str) -> Vec<&'v Value> {
        self.named_snapshots(account).into_values().flatten().map(|(_, one)| one).collect()
    }

    /// The statuses of each of them.
    pub fn snapshot_histories(&self, account: &str) -> Vec<Vec<String>> {
        let statuses = |polled: Vec<(f64, &Value)>| {
            history(&polled, "Status").into_iter().map(|(_, status)| status).collect()
        };
        self.named_snapshots(account).into_values().map(statuses).collect()
    }

    /// How long the copies in the destination account were seen in progress, in seconds, in the order in which they began.
    pub fn copying_seconds(&self) -> Vec<f64> {
        let copies = self.named_snapshots("destination");
        let mut found: Vec<(f64, f64)> = copies
            .values()
            .filter_map(|polled| {
                let history = history(polled, "Status");
                let is_ready = |status: &str| SnapshotStatus::from(status).progress() == Progress::Ready;
                let began = history.first().filter(|(_, status)| !is_ready(status))?.0;
                let ended = history.iter().find(|(_, status)| is_ready(status))?.0;
                Some((began, ended - began))
            })
            .collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        found.into_iter().map(|(_, took)| took).collect()
    }

    /// The values of a field of every thing of a kind.
    pub fn values(&self, kind: &str, field: &str) -> Vec<String> {
        let described = self.described(None, kind);
        distinct(described.iter().map(|(_, one)| one), field)
    }

    /// How many seconds after its start each execution was first listed.
    pub fn listed_after_seconds(&self) -> Vec<f64> {
        let mut seen: Vec<(&str, f64)> = Vec::new();
        for line in self.answered("ListExecutions") {
            let at = line["at"].as_f64().unwrap_or_default();
            for one in line["answer"]["executions"].as_array().into_iter().flatten() {
                let (Some(arn), Some(started)) = (one["executionArn"].as_str(), one["startDate"].as_f64())
                else {
                    continue;
                };
                if !seen.iter().any(|(other, _)| *other == arn) {
                    seen.push((arn, at - started));
                }
            }
        }
        seen.into_iter().map(|(_, after)| after).collect()
    }

    /// The codes with which each operation was refused.
    pub fn codes(&self) -> BTreeMap<&'v str, Vec<&'v str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in &self.lines {
            let (Some(operation), Some(code)) = (line["operation"].as_str(), line["code"].as_str()) else {
                continue;
            };
            let codes = found.entry(operation).or_default();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        found
    }
}

/// The things of a kind that an answer describes: one, or a list of them, in which one stands alone.
pub fn things<'v>(line: &'v Value, kind: &str) -> Vec<&'v Value> {
    let answer = &line["answer"];
    let found = [&answer[format!("{kind}s")][kind], &answer[kind]].into_iter().find(|found| !found.is_null());
    match found {
        Some(Value::Array(all)) => all.iter().filter(|one| one.is_object()).collect(),
        Some(one) if one.is_object() => vec![one],
        _ => Vec::new(),
    }
}

/// Whether it has tags; an empty list is written down as an empty text.
pub fn has_tags(thing: &Value) -> bool {
    thing["TagList"].as_object().is_some_and(|tags| !tags.is_empty())
        || thing["TagList"].as_array().is_some_and(|tags| !tags.is_empty())
}

fn history(polled: &[(f64, &Value)], field: &str) -> History {
    let mut found: History = Vec::new();
    for (at, one) in polled {
        let Some(status) = one[field].as_str() else { continue };
        if found.last().is_none_or(|(_, last)| last != status) {
            found.push((*at, status.to_owned()));
        }
    }
    found
}

/// The values of a field that are there, each once, in the order in which they came.
pub fn distinct<'a, 'v: 'a>(things: impl Iterator<Item = &'a &'v Value>, field: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for value in things.map(|one| &one[field]) {
        let word = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// In which statuses a field is there.
pub fn presence(things: &[&Value], field: &str, status: &str) -> String {
    let of = |has: bool| {
        let chosen: Vec<&Value> = things.iter().copied().filter(|one| one[field].is_null() != has).collect();
        distinct(chosen.iter(), status)
    };
    let (with, without) = (of(true), of(false));
    match (with.is_empty(), without.is_empty()) {
        (true, _) => "never".to_owned(),
        (false, true) => "always".to_owned(),
        (false, false) => format!("when {}, not when {}", with.join(" or "), without.join(" or ")),
    }
}

/// Sequences of statuses, each with how many things have shown it; none if there are none.
pub fn sequences(all: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for words in all.filter(|statuses| !statuses.is_empty()).map(|statuses| statuses.join(" > ")) {
        match found.iter_mut().find(|(other, _)| *other == words) {
            Some((_, number)) => *number += 1,
            None => found.push((words, 1)),
        }
    }
    let words: Vec<String> =
        found.iter().map(|(words, number)| format!("{words} ({number} of them)")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn is_answered(line: &Value) -> bool {
    line["status"].as_u64().is_some_and(|status| (200..300).contains(&status))
}

/// Whether a code is about who asks and how often, and not about what is asked.
fn says_nothing(code: &str) -> bool {
    const WORDS: [&str; 10] = [
        "Throttl",
        "LimitExceeded",
        "AccessDenied",
        "AuthorizationError",
        "UnauthorizedOperation",
        "Expired",
        "InvalidClientToken",
        "SignatureDoesNotMatch",
        "RequestTimeout",
        "ServiceUnavailable",
    ];
    WORDS.iter().any(|word| code.contains(word))
}
