//! How long a machine waits before the next poll, and when it gives up.

pub mod history;
mod rule;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

pub use self::rule::{
    Known, LONGEST_WAIT_SECONDS, MOST_EXTRA_POLLS, SHORTEST_WAIT_SECONDS, Wait, next_wait, seed,
};
use crate::contract::StageReport;
use crate::{Error, ErrorName};

/// How many polls a task waits for something that must exist but is not shown, before it takes it for missing.
/// With the shortest wait that is five minutes. Polls are counted, because what a service shows lags behind what it has
/// accepted by a time that nobody promises.
pub const UNSEEN_POLLS: u32 = 20;
/// The wait before the poll that does what this one has chosen or planned, in seconds.
pub const INTENT_WAIT_SECONDS: u32 = 1;
/// The wait before the poll that is to confirm what this one has seen, in seconds.
pub const CONFIRMATION_WAIT_SECONDS: u32 = 15;

/// The stages that wait for RDS, each with a deadline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageName {
    /// The snapshot of the source database.
    Snapshot,
    /// A copy of a snapshot, in either account.
    Copy,
    /// The restored instance.
    Restore,
    /// The instance that the secret is to name: ready, and with its new master password if it gets one.
    Secret,
}

impl StageName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Copy => "copy",
            Self::Restore => "restore",
            Self::Secret => "secret",
        }
    }

    /// The stack parameter with its deadline.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Snapshot => "SnapshotDeadlineSeconds",
            Self::Copy => "CopyDeadlineSeconds",
            // What the secret waits for is the restored instance again.
            Self::Restore | Self::Secret => "RestoreDeadlineSeconds",
        }
    }
}

/// A stage of a run: when its first attempt was made, and how long it may take in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Which stage it is.
    pub name: StageName,
    /// The first attempt of the stage, carried from poll to poll in the stage's own result.
    pub started_at: OffsetDateTime,
    /// The time of this poll.
    pub now: OffsetDateTime,
    /// How long the stage may take, in seconds.
    pub deadline_seconds: u32,
    /// What earlier polls have found out.
    pub pace: Pace,
}

/// What the next wait goes by besides the time, carried from poll to poll in the stage's own result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// How long the stage is expected to take in all, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_seconds: Option<u32>,
    /// The highest progress that RDS has reported, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_percent: Option<i32>,
    /// When it was first reported, in seconds after the start of the stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risen_after_seconds: Option<u32>,
    /// How many polls the stage has had because of what is known.
    #[serde(default, skip_serializing_if = "crate::contract::is_zero")]
    pub extra_polls: u32,
    /// Of the execution; not in a document, because every poll knows it.
    #[serde(skip)]
    pub seed: u64,
}

impl Pace {
    /// Whether there is nothing in it to be written in a document.
    #[must_use]
    pub fn is_unwritten(&self) -> bool {
        Self { seed: 0, ..*self } == Self::default()
    }
}

impl Stage {
    /// The stage as a poll finds it: begun now, or by an earlier poll, whose report goes along. `execution` is the name or ARN
    /// of the execution.
    #[must_use]
    pub fn resume(
        name: StageName,
        earlier: Option<&StageReport>,
        now: OffsetDateTime,
        deadline_seconds: u32,
        execution: &str,
    ) -> Self {
        let pace = earlier.map_or_else(Pace::default, |earlier| earlier.pace);
        Self {
            name,
            started_at: earlier.map_or(now, |earlier| earlier.started_at),
            now,
            deadline_seconds,
            pace: Pace { seed: seed(execution), ..pace },
        }
    }

    /// The stage with what its last run says about how long it takes.
    #[must_use]
    pub fn expecting(self, seconds: Option<u32>) -> Self {
        Self { pace: Pace { expected_seconds: seconds.or(self.pace.expected_seconds), ..self.pace }, ..self }
    }

    /// Seconds to wait before the next poll, and what that poll has to know. The rule is [`next_wait`].
    #[must_use]
    pub fn wait(&self, percent: Option<i32>) -> (u32, Pace) {
        let spent = (self.now - self.started_at).whole_seconds();
        let mut pace = self.pace;
        if percent > pace.highest_percent {
            pace.highest_percent = percent;
            pace.risen_after_seconds = u32::try_from(spent).ok();
        }
        let wait = next_wait(&Known {
            spent,
            deadline: self.deadline_seconds.into(),
            expected: pace.expected_seconds,
            percent,
            stuck: spent - pace.risen_after_seconds.map_or(spent, i64::from),
            extra_polls: pace.extra_polls,
            seed: pace.seed,
        });
        pace.extra_polls += u32::from(wait.is_extra);
        (wait.seconds, pace)
    }

    /// Fails when the stage has used up its time.
    ///
    /// # Errors
    /// [`ErrorName::DeadlineExceeded`], naming the stage, what was waited for and its last status.
    pub fn check_deadline(&self, waiting_for: &str, last_status: &str) -> Result<(), Error> {
        let deadline = self.started_at + Duration::seconds(self.deadline_seconds.into());
        if self.now < deadline {
            return Ok(());
        }
        let (stage, parameter) = (self.name.as_str(), self.name.parameter());
        Err(Error::new(ErrorName::DeadlineExceeded, format!("stage {stage}, waiting for {waiting_for}"))
            .because(format!("still {last_status} after {} s", self.deadline_seconds))
            .advise(format!(
                "check it in the RDS console; raise the stack's {parameter} if it only needs more time"
            )))
    }
}
