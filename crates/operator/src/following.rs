//! Prints the states of one execution as they come.

use std::collections::BTreeSet;

use serde_json::Value;
use time::OffsetDateTime;

use crate::execution::{Entered, Execution, plain};
use crate::failure::Failure;
use crate::screen::duration;
use crate::status::observe::machines::Followed;
use crate::terminal::Terminal;

/// One execution that is followed.
pub struct Follower {
    role: &'static str,
    followed: Followed,
    stage: String,
    said: BTreeSet<String>,
}

impl Follower {
    /// An execution of this account.
    pub fn new(role: &'static str, followed: Followed) -> Self {
        Self { role, followed, stage: String::new(), said: BTreeSet::new() }
    }

    /// As it was last seen.
    pub fn execution(&self) -> &Execution {
        &self.followed.execution
    }

    /// The same, when it is followed no more.
    pub fn into_execution(self) -> Execution {
        self.followed.execution
    }

    /// Prints what is new, one line for a state that has not been said in this stage.
    ///
    /// # Errors
    /// A fault of Step Functions.
    pub async fn poll(&mut self, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
        let new = self.followed.poll().await?;
        let states = &self.followed.execution.states;
        for state in &states[states.len() - new..] {
            if state.kind == "Task" && state.name != self.stage {
                self.stage.clone_from(&state.name);
                self.said.clear();
            }
            // A loop of polling and waiting is one line; the live line shows its progress.
            if state.kind == "Choice" || !self.said.insert(state.name.clone()) {
                continue;
            }
            terminal.line(&format!("{:<11}  {}{}", self.role, state.name, self.remark(state)));
        }
        Ok(())
    }

    /// One line that says where the execution is.
    pub fn waiting_for(&self, now: OffsetDateTime) -> String {
        let execution = self.execution();
        let Some(state) = execution.states.last() else { return format!("{}: starting", self.role) };
        let mut words = vec![format!("{}: {}", self.role, execution.stage().unwrap_or(&state.name))];
        words.extend(progress(execution.newest_result()));
        if state.kind == "Wait" {
            words.push("waiting".to_owned());
        }
        let since = (now - stage_start(execution)).as_seconds_f64().max(0.0);
        words.push(format!("since {}", duration(since)));
        words.join(", ")
    }

    fn remark(&self, state: &Entered) -> String {
        let result = self.execution().newest_result();
        let words: Vec<String> = progress(result).into_iter().chain(copying(result)).collect();
        if state.kind != "Wait" || words.is_empty() {
            String::new()
        } else {
            format!("  ({})", words.join("; "))
        }
    }
}

fn stage_start(execution: &Execution) -> OffsetDateTime {
    let stage = execution.stage();
    let is_of_stage = |state: &&Entered| state.kind != "Task" || Some(state.name.as_str()) == stage;
    execution.states.iter().rev().take_while(is_of_stage).last().map_or(execution.started, |state| state.at)
}

/// What RDS says of a thing that is not ready.
fn progress(result: &Value) -> Vec<String> {
    if result["status"] != "NotAvailable" {
        return Vec::new();
    }
    let word = result.get("rdsStatus").map(plain).filter(|word| !word.is_empty());
    let percent = result.get("percentProgress").filter(|percent| !percent.is_null());
    word.into_iter().chain(percent.map(|percent| format!("{}%", plain(percent)))).collect()
}

/// Whether the whole database is copied or only what changed, and why.
fn copying(result: &Value) -> Option<String> {
    let copy = result.get("copy").filter(|copy| copy.is_object())?;
    Some(format!("{} copy expected: {}", plain(&copy["expected"]), plain(&copy["reason"])))
}
