//! The run as far as it is thought through: the states that it enters, and what it calls in each.

use replication::contract::{self, LeftOut};
use replication::copying::Expectation;
use replication::machines::{Machine, Stage as State};
use replication::naming::ReplicationId;
use replication::pacing::{Stage, StageName};
use replication::retention::Decision;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

/// A call that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The service and the operation, as IAM names them.
    pub action: String,
    /// What it is about.
    pub resource: String,
    /// What it does, and why.
    pub why: String,
}

/// A state of a machine that the run enters.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entered {
    /// The machine.
    pub machine: Machine,
    /// The state.
    pub state: &'static str,
    /// What it makes, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub makes: Option<String>,
    /// The calls that change something, in their order.
    pub calls: Vec<Call>,
    /// What RDS is expected to copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<Expectation>,
    /// What it decides about each thing that there is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// How long it takes by the last run, in seconds; nothing where no run says so.
    pub expected_seconds: Option<u32>,
    /// How often its function is called by that.
    pub polls: Option<u32>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What it takes of quotas and gives back, in the order of its calls.
    #[serde(skip)]
    pub uses: Vec<Use>,
}

/// How RDS calls its quota of manual snapshots.
pub const MANUAL_SNAPSHOTS: &str = "ManualSnapshots";
/// How it calls that of instances.
pub const INSTANCES: &str = "DBInstances";

/// What a call takes of a quota, or gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The quota.
    pub name: &'static str,
    /// The Region whose quota it is.
    pub region: String,
    /// One more or one less.
    pub by: i64,
}

/// A run that is thought through.
#[derive(Debug)]
pub struct Journal {
    /// Its id, with the time of now.
    pub id: ReplicationId,
    /// The ARN of an execution that began now.
    pub execution: String,
    /// When it would begin.
    pub began: OffsetDateTime,
    /// When it would be where it is.
    pub now: OffsetDateTime,
    /// The states that it has entered.
    pub states: Vec<Entered>,
}

impl Journal {
    /// A run that begins now. `execution` is the ARN of an execution that nobody has started.
    pub fn new(now: OffsetDateTime, execution: String) -> Self {
        let id = ReplicationId::new(now, &execution);
        Self { id, execution, began: now, now, states: Vec::new() }
    }

    /// The execution, as its functions hear of it.
    pub fn execution(&self) -> contract::Execution {
        contract::Execution { id: self.execution.clone(), name: self.id.to_string(), started_at: self.began }
    }

    /// Enters a state whose function is called once.
    pub fn enter(&mut self, machine: Machine, state: &State) {
        self.states.push(Entered {
            machine,
            state: state.state,
            makes: None,
            calls: Vec::new(),
            copy: None,
            decisions: Vec::new(),
            expected_seconds: Some(0),
            polls: Some(1),
            notes: Vec::new(),
            uses: Vec::new(),
        });
    }

    /// The beginning of a stage that waits for RDS.
    pub fn stage(&self, name: StageName, deadline_seconds: u32) -> Stage {
        Stage::resume(name, None, self.now, deadline_seconds, &self.execution)
    }

    /// The stage takes as long as in the last run; `beside` is how many polls have effects of their own.
    pub fn take(&mut self, stage: Stage, expected: Option<u32>, beside: u32) {
        let taken = expected.map(|seconds| polls(stage.expecting(expected), seconds));
        if let Some((_, seconds)) = taken {
            self.now += Duration::seconds(seconds);
        }
        if let Some(state) = self.states.last_mut() {
            state.expected_seconds = taken.map(|(_, seconds)| u32::try_from(seconds).unwrap_or(u32::MAX));
            state.polls = taken.map(|(polls, _)| polls + beside);
        }
    }

    /// What the state calls.
    pub fn call(&mut self, action: &str, resource: impl std::fmt::Display, why: impl Into<String>) {
        if let Some(state) = self.states.last_mut() {
            state.calls.push(Call {
                action: action.to_owned(),
                resource: resource.to_string(),
                why: why.into(),
            });
        }
    }

    /// What the call takes of a quota (1), or gives back (-1).
    pub fn uses(&mut self, name: &'static str, region: &str, by: i64) {
        if let Some(state) = self.states.last_mut() {
            state.uses.push(Use { name, region: region.to_owned(), by });
        }
    }

    /// The state itself.
    pub fn state(&mut self) -> Option<&mut Entered> {
        self.states.last_mut()
    }

    /// What else there is to say of the state.
    pub fn note(&mut self, note: impl Into<String>) {
        if let Some(state) = self.states.last_mut() {
            state.notes.push(note.into());
        }
    }

    /// What the state could not judge, or leaves out.
    pub fn note_left_out(&mut self, what: &str, left_out: &[LeftOut]) {
        for one in left_out {
            self.note(format!("{what}: {}: {}", one.what, one.because));
        }
    }
}

/// How many polls a stage has that takes so many seconds, and after how many seconds the last one notices it.
fn polls(mut stage: Stage, seconds: u32) -> (u32, i64) {
    let mut polls = 1;
    loop {
        let spent = (stage.now - stage.started_at).whole_seconds();
        if spent >= i64::from(seconds) {
            return (polls, spent);
        }
        let (wait, pace) = stage.wait(None);
        stage.now += Duration::seconds(wait.max(1).into());
        stage.pace = pace;
        polls += 1;
    }
}

/// The state of a machine that a function does; of two the one at the beginning, or the one at the end.
pub fn state_of(machine: Machine, task: &str, is_last: bool) -> &'static State {
    let mut of_task = machine.stages().iter().filter(|stage| stage.task == task);
    let found = if is_last { of_task.next_back() } else { of_task.next() };
    found.unwrap_or(&machine.stages()[0])
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_stage_is_polled_as_the_pace_says() {
        let mut journal = Journal::new(datetime!(2026-11-26 12:00 UTC), "arn:execution".to_owned());
        assert!(journal.id.as_str().starts_with("20261126t120000z-"));
        journal.enter(Machine::Source, state_of(Machine::Source, "snapshot", false));
        let stage = journal.stage(StageName::Snapshot, 3600);
        journal.take(stage, Some(600), 2);
        let state = journal.state().unwrap();
        let (polls, seconds) = (state.polls.unwrap(), state.expected_seconds.unwrap());
        assert!((20..80).contains(&polls), "{polls}");
        assert!((600..640).contains(&seconds), "{seconds}");
        journal.take(stage, None, 0);
        assert_eq!(journal.state().unwrap().polls, None, "nobody knows how long the first run takes");
        assert_eq!(journal.now, datetime!(2026-11-26 12:00 UTC) + Duration::seconds(seconds.into()));
    }

    #[test]
    fn a_machine_prunes_at_both_ends() {
        let state = |is_last| state_of(Machine::Source, "prune", is_last).state;
        assert_ne!(state(false), state(true));
    }
}
