use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::contract::Status;
use crate::copying::Expectation;
use crate::lineage::{self, Tags};
use crate::pacing::{Pace, StageName};
use crate::quota::ROOM_POLLS;
use crate::versions::testing::{STACK, id, kept, orders};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/shared";

fn stage(seconds: i64) -> Stage {
    let started_at = datetime!(2026-11-22 10:00 UTC);
    let now = started_at + time::Duration::seconds(seconds);
    Stage { name: StageName::Copy, started_at, now, deadline_seconds: 3_600, pace: Pace::default() }
}

fn source(key: Option<&str>) -> SourceDbSnapshot {
    let of = kept(&orders(), 1, 9);
    SourceDbSnapshot {
        identifier: of.identifier,
        arn: Some(of.arn),
        source_db_identifier: of.source_database,
        stage: StageReport::available(&stage(0), "available"),
        encrypted: key.is_some(),
        kms_key_id: key.map(str::to_owned),
        engine: None,
        engine_version: None,
        allocated_storage: None,
        snapshot_database_time: None,
        source_tags: Tags::default(),
        overrides: crate::overrides::Overrides::default(),
        left_out: vec![],
    }
}

/// The copy of the run, in a status.
fn copy(status: &str) -> Snapshot {
    Snapshot { status: status.into(), ..kept(&orders(), 1, 9) }
}

/// What the poll before has reported.
fn earlier(was_seen: bool, unseen: u32) -> TargetDbSnapshot {
    let of = kept(&orders(), 1, 9);
    TargetDbSnapshot {
        identifier: of.identifier,
        arn: was_seen.then_some(of.arn),
        stage: StageReport::unseen(&stage(0), "creating", unseen),
        copy: Expectation::shared_directly(),
    }
}

/// The decision about the copy of the replication of day 9, in short.
fn decided(
    found: Option<&Snapshot>,
    earlier: Option<&TargetDbSnapshot>,
    seconds: i64,
) -> Result<String, ErrorName> {
    let (source, name, id) = (source(None), kept(&orders(), 1, 9).identifier, id(9));
    let run = Run { stack: STACK, id: &id, source: &source, name: &name, stage: stage(seconds), earlier };
    let say = |step| match step {
        Step::Follow(report) => format!("follow {:?} {}", report.status, report.rds_status),
        Step::Await(report) => format!("await {} {}", report.rds_status, report.unseen),
        Step::Begin => "begin".to_owned(),
    };
    run.decide(found).map(say).map_err(|error| error.name())
}

/// > A run makes one copy: what it has seen is waited for, and never copied again.
#[test]
fn a_copy_that_was_seen_is_not_made_again() {
    let untagged = Snapshot { tags: Tags::default(), ..copy("creating") };
    let foreign = Snapshot { tags: Tags::default().with("team", "data"), ..copy("available") };
    let of_another_run = kept(&orders(), 1, 8);
    let most = UNSEEN_POLLS;
    for (found, before, seconds, expected) in [
        (None, None, 0, Ok("begin")),
        (None, Some(earlier(false, 3)), 0, Ok("begin")),
        (None, Some(earlier(true, 0)), 0, Ok("await not shown 1")),
        (None, Some(earlier(true, most - 1)), 0, Ok("await not shown 20")),
        (None, Some(earlier(true, most)), 0, Err(ErrorName::NotFound)),
        (None, Some(earlier(true, 0)), 3_600, Err(ErrorName::DeadlineExceeded)),
        (Some(copy("creating")), None, 0, Ok("follow NotAvailable creating")),
        (Some(copy("creating")), Some(earlier(true, 0)), 3_600, Err(ErrorName::DeadlineExceeded)),
        (Some(copy("available")), Some(earlier(true, 0)), 3_600, Ok("follow Available available")),
        (Some(copy("failed")), None, 0, Err(ErrorName::CopyFailed)),
        (Some(untagged.clone()), Some(earlier(true, 0)), 0, Ok("await creating 1")),
        (Some(untagged), Some(earlier(true, most)), 0, Err(ErrorName::NameTaken)),
        (Some(foreign), None, 0, Err(ErrorName::NameTaken)),
        (Some(of_another_run), None, 0, Err(ErrorName::NameTaken)),
    ] {
        let decision = decided(found.as_ref(), before.as_ref(), seconds);
        assert_eq!(decision.as_deref(), expected.as_ref().copied(), "{found:?} after {before:?}");
    }
}

#[test]
fn what_is_under_the_shared_key_is_shared_as_it_is() {
    let (name, id) = (kept(&orders(), 1, 9).identifier, id(9));
    for (key, is_shared) in [(Some(KEY), true), (Some("another"), false), (None, false)] {
        let source = source(key);
        let run = Run { stack: STACK, id: &id, source: &source, name: &name, stage: stage(0), earlier: None };
        let begin = run.begin(KEY);
        match begin {
            Begin::ShareSource(report) => assert!(is_shared && report.status == Status::Available),
            Begin::Copy => assert!(!is_shared, "{key:?}"),
        }
    }
}

#[test]
fn a_source_that_is_not_shown_is_waited_for_and_then_gone() {
    let (source, name, id) = (source(None), kept(&orders(), 1, 9).identifier, id(9));
    let gone = || Error::new(ErrorName::NotFound, "copying");
    for (unseen, is_waited_for) in [(0, true), (UNSEEN_POLLS - 1, true), (UNSEEN_POLLS, false)] {
        let before = earlier(false, unseen);
        let run = Run {
            stack: STACK,
            id: &id,
            source: &source,
            name: &name,
            stage: stage(0),
            earlier: Some(&before),
        };
        let report = run.source_not_shown(gone());
        assert_eq!(report.is_ok_and(|report| report.unseen == unseen + 1), is_waited_for, "{unseen}");
    }
}

#[test]
fn a_full_quota_is_waited_for_while_something_makes_room() {
    let name = kept(&orders(), 1, 9).identifier;
    let full = || Error::new(ErrorName::QuotaExceeded, "copying");
    for (polls, is_leaving, is_waited_for) in
        [(0, false, true), (ROOM_POLLS, false, false), (ROOM_POLLS, true, true)]
    {
        let report = no_room(full(), &name, &stage(0), polls, is_leaving);
        assert_eq!(report.is_ok(), is_waited_for, "{polls} {is_leaving}");
    }
    assert_eq!(not_started(&name, &stage(0)).unwrap().status, Status::NotAvailable);
    assert_eq!(not_started(&name, &stage(3_600)).unwrap_err().name(), ErrorName::DeadlineExceeded);
}

proptest! {
    /// A run makes at most one snapshot copy, and follows only its own.
    #[test]
    fn a_run_makes_its_copy_once(
        is_there: bool, stack in prop::option::of("destination|another"), status in "available|creating|copying|failed",
        polled: bool, was_seen: bool, unseen in 0..2 * UNSEEN_POLLS,
    ) {
        let of = copy(&status);
        let tags = match &stack {
            Some(stack) => of.tags.clone().with(lineage::STACK, stack.as_str()),
            None => Tags::default(),
        };
        let (found, before) = (Snapshot { tags, ..of }, earlier(was_seen, unseen));
        let (source, id, name) = (source(None), id(9), kept(&orders(), 1, 9).identifier);
        let before = polled.then_some(&before);
        let run = Run { stack: STACK, id: &id, source: &source, name: &name, stage: stage(60), earlier: before };
        match run.decide(is_there.then_some(&found)) {
            Ok(Step::Begin) => prop_assert!(!(is_there || polled && was_seen)),
            Ok(Step::Follow(_)) => prop_assert!(is_there && stack.as_deref() == Some(STACK) && status != "failed"),
            Ok(Step::Await(report)) => prop_assert!(report.unseen <= UNSEEN_POLLS, "the patience ends"),
            Err(_) => {}
        }
    }
}
