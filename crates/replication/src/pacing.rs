//! How long a machine waits before the next poll, and when it gives up.

use time::{Duration, OffsetDateTime};

use crate::{Error, ErrorName};

/// The shortest wait between two polls, in seconds.
pub const SHORTEST_WAIT_SECONDS: i64 = 15;
/// The longest wait between two polls, in seconds.
pub const LONGEST_WAIT_SECONDS: i64 = 300;

/// How many polls a task waits for something that must exist but is not shown, before it takes it for missing.
/// With the shortest wait that is five minutes. Polls are counted, because what a service shows lags behind what it has
/// accepted by a time that nobody promises.
pub const UNSEEN_POLLS: u32 = 20;
/// The wait before the poll that does what this one has chosen or planned, in seconds.
pub const INTENT_WAIT_SECONDS: u32 = 1;

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
}

impl Stage {
    /// Seconds to wait before the next poll: a twentieth of the time already spent, 15 to 300.
    ///
    /// So the lag behind RDS is at most 15 s or 5% of what the operation took, whichever is more, and the number
    /// of polls grows with the logarithm of the time until the longest wait is reached.
    #[must_use]
    pub fn wait_seconds(&self) -> u32 {
        let spent = (self.now - self.started_at).whole_seconds();
        let wait = (spent / 20).clamp(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS);
        u32::try_from(wait).unwrap_or(u32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64) -> Stage {
        let started_at = OffsetDateTime::UNIX_EPOCH;
        Stage {
            name: StageName::Snapshot,
            started_at,
            now: started_at + Duration::seconds(seconds),
            deadline_seconds: 86_400,
        }
    }

    #[test]
    fn waits_grow_with_the_time_spent() {
        for (spent, wait) in
            [(0, 15), (299, 15), (320, 16), (1_000, 50), (6_000, 300), (80_000, 300), (-50, 15)]
        {
            assert_eq!(after(spent).wait_seconds(), wait, "{spent} s");
        }
    }

    #[test]
    fn a_day_of_waiting_takes_few_polls() {
        let (mut spent, mut polls) = (0, 0);
        while spent < 7_200 {
            spent += i64::from(after(spent).wait_seconds());
            polls += 1;
        }
        assert!(polls < 100, "{polls} polls in two hours");
    }

    /// > A stage that is over its deadline ends with its name, the thing and its last status.
    #[test]
    fn the_deadline_names_the_stage_the_thing_and_its_status() {
        assert!(after(86_399).check_deadline("snapshot s", "creating").is_ok());
        let error = after(86_400).check_deadline("snapshot s", "creating").unwrap_err();
        assert_eq!(error.name(), ErrorName::DeadlineExceeded);
        assert!(
            error
                .to_string()
                .starts_with("stage snapshot, waiting for snapshot s: still creating after 86400 s")
        );
    }
}
