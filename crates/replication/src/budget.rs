//! How many copies and restores of one stack are on their way at once, where it replicates several databases: the source
//! account may announce any number of snapshots in one minute.

use crate::contract::StageReport;
use crate::observed::{Instance, Snapshot};
use crate::pacing::Stage;
use crate::progress::{Progress, Restored};
use crate::{Error, ErrorName};

/// What a stage says of itself while others are on their way.
const WAITING: &str = "waiting for its turn";
/// How many of the usual waits pass before the next poll of what waits for its turn: to count what is on its way takes
/// the more calls the more there is.
const WAITS: u32 = 4;

/// Whether a stage waits for its turn.
#[must_use]
pub fn is_waiting(report: &StageReport) -> bool {
    report.rds_status == WAITING
}

/// Whether what is on its way has to be counted before one more is begun. Each belongs to a run, so that there is no need
/// where fewer other runs than may be were running when this one began: of runs that go on at once, the last one has seen
/// all others.
#[must_use]
pub fn is_to_be_counted(others_running: Option<usize>, most: Option<usize>) -> bool {
    most.is_some_and(|most| others_running.is_none_or(|others| others >= most))
}

/// The copies of the stack that RDS is making.
#[must_use]
pub fn copies_on_the_way(snapshots: &[Snapshot], stack: &str) -> usize {
    let is_copied = |s: &&Snapshot| s.status.progress() == Progress::Pending && !s.status.is_deleting();
    snapshots.iter().filter(|s| s.is_of_stack(stack)).filter(is_copied).count()
}

/// The instances of the stack that RDS is restoring. One that was live before is busy for other reasons.
#[must_use]
pub fn restores_on_the_way(instances: &[Instance], stack: &str) -> usize {
    let is_restored = |i: &&Instance| i.status.restored() == Restored::Busy && !i.tags.are_promoted();
    instances.iter().filter(|i| i.is_of_stack(stack)).filter(is_restored).count()
}

/// The report of a poll that makes nothing, if as many are on their way as may be. Two runs that poll in the same second
/// may both begin: what must not be exceeded is a quota of RDS, and that is waited for too.
///
/// # Errors
/// [`ErrorName::DeadlineExceeded`].
pub fn wait(
    on_the_way: usize,
    most: Option<usize>,
    parameter: &str,
    stage: &Stage,
) -> Result<Option<StageReport>, Error> {
    let Some(most) = most.filter(|most| on_the_way >= *most) else { return Ok(None) };
    let waiting_for = format!("one of the {most} that {parameter} allows at once to end");
    stage.check_deadline(&waiting_for, WAITING).map_err(|error| match error.name() {
        ErrorName::DeadlineExceeded => error.advise(format!(
            "raise {parameter} or the deadline, or let fewer databases begin at once in the source account"
        )),
        _ => error,
    })?;
    let report = StageReport::pending(stage, WAITING, None);
    let left = (stage.started_at - stage.now).whole_seconds() + i64::from(stage.deadline_seconds);
    let longest = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
    Ok(Some(StageReport { wait_seconds: report.wait_seconds.saturating_mul(WAITS).min(longest), ..report }))
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::lineage::PROMOTED;
    use crate::pacing::{Pace, StageName};
    use crate::retention::testing;

    const NOW: OffsetDateTime = datetime!(2026-11-26 10:00 UTC);

    /// > No more copies and restores of one stack are on their way than it allows; the others wait.
    #[test]
    fn what_is_over_the_budget_waits() {
        let stage = |seconds: i64| Stage {
            name: StageName::Copy,
            started_at: NOW - time::Duration::seconds(seconds),
            now: NOW,
            deadline_seconds: 60,
            pace: Pace::default(),
        };
        let waits =
            |on_the_way, most| wait(on_the_way, most, "MaxCopiesAtOnce", &stage(1)).unwrap().is_some();
        assert!(waits(2, Some(2)) && waits(3, Some(2)));
        assert!(!waits(1, Some(2)) && !waits(9, None), "a stack for one database counts nothing");
        let waiting = wait(2, Some(2), "MaxCopiesAtOnce", &stage(1)).unwrap().unwrap();
        assert!(is_waiting(&waiting) && (40..=60).contains(&waiting.wait_seconds), "{waiting:?}");
        assert!(!is_waiting(&StageReport::pending(&stage(1), "creating", None)));
        let error = wait(2, Some(2), "MaxCopiesAtOnce", &stage(61)).unwrap_err();
        assert_eq!(error.name(), ErrorName::DeadlineExceeded);
        assert!(error.to_string().contains("raise MaxCopiesAtOnce"), "{error}");
    }

    /// > A run counts what is on its way only if there may be too much of it.
    #[test]
    fn a_run_that_has_few_others_beside_it_does_not_count() {
        for (others, most, counts) in [
            (Some(0), Some(2), false),
            (Some(1), Some(2), false),
            (Some(2), Some(2), true),
            (None, Some(2), true),
            (Some(9), None, false),
            (None, None, false),
        ] {
            assert_eq!(is_to_be_counted(others, most), counts, "{others:?} {most:?}");
        }
    }

    #[test]
    fn only_what_rds_is_making_for_the_stack_counts() {
        let copy = |status: &str| testing::snapshot("s", "20261101t000000z-aaaaaa", status, true);
        let copies = ["creating", "pending", "copying", "available", "failed", "deleting"].map(copy);
        assert_eq!(copies_on_the_way(&copies, testing::STACK), 3);
        assert_eq!(copies_on_the_way(&copies, "another"), 0);
        let restored = |status: &str| {
            let mut instance = testing::instance("db-1", 1);
            instance.status = status.into();
            instance
        };
        let mut live = restored("modifying");
        live.tags = live.tags.with(PROMOTED.0, PROMOTED.1);
        let instances = ["creating", "modifying", "available", "deleting", "stopped"].map(restored);
        assert_eq!(restores_on_the_way(&[&instances[..], &[live]].concat(), testing::STACK), 2);
        assert_eq!(restores_on_the_way(&instances, "another"), 0);
    }
}
