//! What a program reads at the end of a trial, as help.txt describes it.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::Running;
use super::answers::{self, Question};
use super::state::State;
use super::tape;
use crate::execution::tenths;
use crate::failure::Failure;

/// Raised when a field changes its meaning or goes.
const FORMAT: u32 = 1;

/// Something in one of the accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// `source` or `destination`.
    pub account: &'static str,
    /// What it is, in plain words.
    pub kind: &'static str,
    /// Its name, or an ARN.
    pub name: String,
}

/// How a step has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Well, after so many seconds.
    Succeeded(f64),
    /// Badly, after so many seconds, and why.
    Failed(f64, String),
    /// An earlier one has failed.
    NotBegun,
}

/// The same as a program reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Word {
    Succeeded,
    Failed,
    NotBegun,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub struct Report {
    steps: Vec<(String, Outcome)>,
    created: Vec<Thing>,
    stays: Vec<(Thing, String)>,
    /// What could not be destroyed, and why.
    pub left: Vec<String>,
    /// How often rows were compared.
    pub compared: u32,
}

/// What the report alone does not know.
#[derive(Debug)]
pub struct Around<'a> {
    /// The trial.
    pub state: &'a State,
    /// Where the recording is.
    pub recording: &'a str,
    /// Seconds from the beginning to the end.
    pub seconds: f64,
    /// Why it has failed, if it has.
    pub failure: Option<&'a Failure>,
    /// What the recording answers; nothing where only an earlier trial was destroyed.
    pub answers: &'a [(Question, Option<String>)],
}

impl Report {
    /// A step has ended, or will not be begun.
    pub fn step(&mut self, words: &str, outcome: Outcome) {
        self.steps.push((words.to_owned(), outcome));
    }

    /// Something was created or, if nobody has seen how, found.
    pub fn created(&mut self, account: &'static str, kind: &'static str, name: impl Into<String>) {
        let thing = Thing { account, kind, name: name.into() };
        if !self.created.contains(&thing) {
            self.created.push(thing);
        }
    }

    /// Something stays after all was destroyed, and how long.
    pub fn stays(&mut self, account: &'static str, kind: &'static str, name: &str, why: String) {
        self.stays.push((Thing { account, kind, name: name.to_owned() }, why));
    }

    /// The document.
    pub fn document(&self, around: &Around<'_>) -> Value {
        let steps = self.steps.iter().map(|(words, outcome)| {
            let (word, seconds, failure) = match outcome {
                Outcome::Succeeded(seconds) => (Word::Succeeded, Some(tenths(*seconds)), None),
                Outcome::Failed(seconds, why) => (Word::Failed, Some(tenths(*seconds)), Some(why)),
                Outcome::NotBegun => (Word::NotBegun, None, None),
            };
            json!({"step": words, "outcome": word, "seconds": seconds, "failure": failure})
        });
        let created = self.created.iter().map(Thing::document);
        let stays = self.stays.iter().map(|(thing, why)| {
            let mut stays = thing.document();
            stays["why"] = why.as_str().into();
            stays
        });
        let side = |role: &str| {
            let side = around.state.side(role);
            json!({"account": side.account, "region": side.region})
        };
        json!({
            "format": FORMAT,
            "id": around.state.id,
            "failure": around.failure.map(|failure| &failure.text),
            "isDestroyed": around.state.is_destroyed,
            "isLocal": around.state.local.is_some(),
            "source": side("source"),
            "destination": side("destination"),
            "seconds": tenths(around.seconds),
            "steps": steps.collect::<Vec<_>>(),
            "rowsCompared": self.compared,
            "created": created.collect::<Vec<_>>(),
            "left": self.left,
            "stays": stays.collect::<Vec<_>>(),
            "recording": around.recording,
            "answers": if around.answers.is_empty() { json!([]) } else { answers::document(around.answers) },
        })
    }
}

impl Thing {
    fn document(&self) -> Value {
        json!({"account": self.account, "kind": self.kind, "name": self.name})
    }
}

impl Running<'_, '_> {
    /// Says what the recording answers and where it is; what a program reads about all of it.
    pub(super) fn conclusion(&mut self, recording: &Path, ended: &Result<(), Failure>) -> Value {
        let is_trial = self.given.resume_destroy.is_none();
        let answers = if is_trial { answers::answers(&tape::read(recording)) } else { Vec::new() };
        if is_trial {
            let whose = if self.state.local.is_some() { "the local cloud, which is not AWS," } else { "AWS" };
            for line in answers::text(&answers, whose) {
                self.terminal.plain(&line);
            }
            self.terminal.plain(&format!(
                "the recording is in {}; docs/trial.md says what to do with it",
                recording.display()
            ));
        }
        self.report.document(&Around {
            state: &self.state,
            recording: &recording.display().to_string(),
            seconds: self.terminal.elapsed(),
            failure: ended.as_ref().err(),
            answers: &answers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Side;
    use super::*;

    /// > `scripts/trial --json` prints what was created, how each step has ended, what is left, and the recording.
    #[test]
    fn the_document_is_as_the_help_describes_it() {
        let side = |account: &str| Side {
            account: account.to_owned(),
            region: "eu-west-1".to_owned(),
            ..Side::default()
        };
        let state = State {
            id: "x".to_owned(),
            local: None,
            source: side("1"),
            destination: side("2"),
            is_destroyed: true,
        };
        let mut report = Report { compared: 2, ..Report::default() };
        report.step("create", Outcome::Succeeded(1.26));
        report.step("deploy", Outcome::Failed(2.0, "refused".to_owned()));
        report.step("replicate", Outcome::NotBegun);
        for _ in 0..2 {
            report.created("source", "database", "d");
        }
        report.stays("source", "KMS key", "k", "KMS deletes it in 7 days".to_owned());
        report.left.push("source account: no".to_owned());
        let failure = Failure::new("deploy: refused");
        let around = Around {
            state: &state,
            recording: "r.jsonl",
            seconds: 3.0,
            failure: Some(&failure),
            answers: &[],
        };
        let document = report.document(&around);
        assert_eq!(
            document,
            json!({
                "format": 1, "id": "x", "failure": "deploy: refused", "isDestroyed": true, "isLocal": false,
                "source": {"account": "1", "region": "eu-west-1"},
                "destination": {"account": "2", "region": "eu-west-1"},
                "seconds": 3.0,
                "steps": [
                    {"step": "create", "outcome": "succeeded", "seconds": 1.3, "failure": null},
                    {"step": "deploy", "outcome": "failed", "seconds": 2.0, "failure": "refused"},
                    {"step": "replicate", "outcome": "notBegun", "seconds": null, "failure": null},
                ],
                "rowsCompared": 2,
                "created": [{"account": "source", "kind": "database", "name": "d"}],
                "left": ["source account: no"],
                "stays": [{"account": "source", "kind": "KMS key", "name": "k", "why": "KMS deletes it in 7 days"}],
                "recording": "r.jsonl",
                "answers": [],
            })
        );
        let help = include_str!("help.txt");
        for field in document.as_object().unwrap().keys() {
            assert!(
                help.contains(&format!("    {field}")) || help.contains(&format!(", {field} ")),
                "{field}"
            );
        }
    }
}
