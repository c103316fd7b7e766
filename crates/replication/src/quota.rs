//! What it means that RDS refuses one more snapshot for a quota.

use crate::contract::StageReport;
use crate::observed::{Instance, Snapshot};
use crate::pacing::Stage;
use crate::{Error, ErrorName};

/// How many manual snapshots the account has in the Region, and how many it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotQuota {
    /// How many it has.
    pub used: i64,
    /// How many it may have.
    pub max: i64,
}

/// What to do about a refusal for a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is room: too many copies run at the moment, so the call is made again later.
    TooManyCopies,
    /// There is no room for a snapshot.
    Full(Error),
}

/// How many polls a full quota is waited for while nothing is being deleted: what RDS counts and what it shows lag behind what
/// it has begun to delete.
pub const ROOM_POLLS: u32 = 8;

/// What a stage says of itself while a full quota is waited for.
const WAITING_FOR_ROOM: &str = "waiting for room";

/// What a poll does that has found a full quota, which is a named error only when nothing frees room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// It is waited for: what this stack has begun to delete still counts, and that takes minutes.
    Awaited {
        /// How many polls in a row have found the full quota while nothing of the stack was being deleted, with this one.
        polls: u32,
    },
    /// Nothing frees room.
    Full,
}

impl Room {
    /// Decides; `polls` is the count before this poll, and `is_something_leaving` is whether RDS is deleting a thing of the
    /// stack that counts.
    fn after(polls: u32, is_something_leaving: bool) -> Self {
        match polls {
            _ if is_something_leaving => Self::Awaited { polls: 0 },
            polls if polls < ROOM_POLLS => Self::Awaited { polls: polls + 1 },
            _ => Self::Full,
        }
    }
}

/// The report of a poll that has found a full quota; `full` once nothing frees room any more. `polls` is how many have found it
/// before while nothing was being deleted, and `is_something_leaving` is whether RDS is deleting a thing of the stack that counts.
///
/// # Errors
/// `full`; [`ErrorName::DeadlineExceeded`].
pub fn no_room(
    full: Error,
    waiting_for: &str,
    stage: &Stage,
    polls: u32,
    is_something_leaving: bool,
) -> Result<StageReport, Error> {
    match Room::after(polls, is_something_leaving) {
        Room::Awaited { polls } => {
            stage.check_deadline(waiting_for, WAITING_FOR_ROOM)?;
            Ok(StageReport::unseen(stage, WAITING_FOR_ROOM, polls))
        }
        Room::Full => Err(full),
    }
}

/// Whether RDS is deleting a snapshot of the stack.
#[must_use]
pub fn is_snapshot_leaving(snapshots: &[Snapshot], stack: &str) -> bool {
    snapshots.iter().any(|snapshot| snapshot.is_of_stack(stack) && snapshot.status.is_deleting())
}

/// Whether RDS is deleting an instance of the stack.
#[must_use]
pub fn is_instance_leaving(instances: &[Instance], stack: &str) -> bool {
    instances.iter().any(|instance| instance.is_of_stack(stack) && instance.is_leaving())
}

/// Judges a refusal of a copy. RDS has one code for "too many manual snapshots" and for "too many copies at a time" (20 to
/// one Region, RDS User Guide, "Copying a DB snapshot"). `quota` is nothing where RDS does not say it.
#[must_use]
pub fn judge(doing: &str, said: &str, quota: Option<SnapshotQuota>) -> Refused {
    if quota.is_some_and(|quota| quota.used < quota.max) {
        Refused::TooManyCopies
    } else {
        Refused::Full(full(doing, said, quota))
    }
}

/// The error of a quota that is used up, with its numbers.
#[must_use]
pub fn full(doing: &str, said: &str, quota: Option<SnapshotQuota>) -> Error {
    let numbers = quota.map_or_else(String::new, |SnapshotQuota { used, max }| {
        format!("; the account has {used} of {max} manual snapshots")
    });
    Error::new(ErrorName::QuotaExceeded, doing).because(format!("{said}{numbers}")).advise(
        "delete manual snapshots that are no longer needed, or ask AWS for a larger quota of manual snapshots",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::testing;

    /// > Too many copies at a time are waited for, and a full quota of snapshots is an error with its numbers.
    #[test]
    fn one_code_of_rds_has_two_meanings() {
        let judge = |quota| judge("copying snapshot s", "SnapshotQuotaExceeded", quota);
        assert_eq!(judge(Some(SnapshotQuota { used: 99, max: 100 })), Refused::TooManyCopies);
        let Refused::Full(error) = judge(Some(SnapshotQuota { used: 100, max: 100 })) else {
            panic!("it is full");
        };
        assert_eq!(error.name(), ErrorName::QuotaExceeded);
        assert!(error.to_string().contains("has 100 of 100 manual snapshots"), "{error}");
        assert!(matches!(judge(None), Refused::Full(_)));
    }

    /// > A full quota is waited for as long as RDS is deleting something of the stack, and for some polls more.
    #[test]
    fn a_full_quota_is_an_error_when_nothing_makes_room() {
        let leaving = [true, true, false, true];
        let mut polls = 0;
        for is_leaving in leaving.into_iter().chain([false; ROOM_POLLS as usize]) {
            let Room::Awaited { polls: now } = Room::after(polls, is_leaving) else { panic!("{polls}") };
            polls = now;
        }
        assert_eq!(Room::after(polls, false), Room::Full);
        assert_eq!(Room::after(polls, true), Room::Awaited { polls: 0 });
    }

    #[test]
    fn only_what_is_deleted_of_the_stack_makes_room() {
        let mut snapshot = testing::snapshot("s", "20261101t000000z-aaaaaa", "deleting", true);
        let mut instance = testing::instance("db-1", 1);
        assert!(!is_instance_leaving(&[instance.clone()], testing::STACK));
        instance.status = "deleting".into();
        assert!(is_instance_leaving(&[instance.clone()], testing::STACK));
        assert!(!is_instance_leaving(&[instance], "another"));
        assert!(is_snapshot_leaving(&[snapshot.clone()], testing::STACK));
        assert!(!is_snapshot_leaving(&[snapshot.clone()], "another"));
        snapshot.status = "available".into();
        assert!(!is_snapshot_leaving(&[snapshot], testing::STACK));
    }
}
