use super::*;
use crate::observed::Instance;
use crate::versions::testing::{host, id, instance, kept, orders, shop, world};

/// The shared snapshot of a day.
fn shared(day: u32) -> Snapshot {
    kept(&orders(), 1, day)
}

fn decided(
    instances: &[Instance],
    live: &str,
    shared: Option<&Snapshot>,
    unseen: u32,
) -> Result<Step, Error> {
    let arn = kept(&orders(), 1, 9).arn;
    let announced = Announced { id: &id(9), arn: &arn, shared, unseen };
    decide(&orders(), &world(instances, &[], live), &announced, 3)
}

#[test]
fn what_is_shared_is_copied_when_it_is_complete() {
    let fleet = [instance(&orders(), 1, 1)];
    assert_eq!(decided(&fleet, &host(1), Some(&shared(9)), 0), Ok(Step::Copy));
    let of_status = |status: &str| Snapshot { status: status.into(), ..shared(9) };
    assert_eq!(decided(&fleet, &host(1), Some(&of_status("creating")), 0), Ok(Step::Wait));
    let failed = decided(&fleet, &host(1), Some(&of_status("deleting")), 0).unwrap_err();
    assert_eq!(failed.name(), ErrorName::CopyFailed);
    let other = Snapshot { source_database: "shop".parse().unwrap(), ..shared(9) };
    assert_eq!(decided(&fleet, &host(1), Some(&other), 0).unwrap_err().name(), ErrorName::SourceMismatch);
}

/// > A shared snapshot that is not visible yet is looked for again for a bounded number of polls.
#[test]
fn what_is_not_shared_yet_is_awaited_for_so_many_polls() {
    let mut unseen = 0;
    while let Ok(Step::Await { polls }) = decided(&[], "", None, unseen) {
        assert_eq!(polls, unseen + 1);
        unseen = polls;
    }
    assert_eq!(unseen, UNSEEN_POLLS);
    let error = decided(&[], "", None, unseen).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotFound);
    assert!(error.to_string().contains("DestinationAccountNumber"), "{error}");
}

/// > A message whose data are older than the live version's ends before anything is copied.
#[test]
fn what_is_older_than_the_live_version_is_not_copied() {
    let mut fleet = vec![instance(&orders(), 1, 3), instance(&orders(), 2, 5), instance(&shop(), 7, 20)];
    let step = decided(&fleet, &host(2), Some(&shared(4)), 0).unwrap();
    let Step::Superseded(live) = step else { panic!("{step:?}") };
    assert_eq!((live.host, live.snapshot_database_time.as_str()), (host(2), "2026-11-05T00:00:00Z"));
    for time in ["2026-11-04T00:00:00Z", "2026-11-05T00:00:00Z"] {
        assert!(live.reason.contains(time), "{}", live.reason);
    }
    // The same data again, newer ones, after a rollback, and where only another database has newer ones.
    for (live, day) in [(2, 5), (2, 6), (1, 4), (7, 4)] {
        assert_eq!(decided(&fleet, &host(live), Some(&shared(day)), 0), Ok(Step::Copy), "{live} {day}");
    }
    // RDS shows no time, so that the id tells.
    fleet.push(instance(&orders(), 3, 10));
    let untimed = Snapshot { data_time: None, tags: crate::lineage::Tags::default(), ..shared(20) };
    assert!(matches!(decided(&fleet, &host(3), Some(&untimed), 0), Ok(Step::Superseded(_))));
    assert_eq!(decided(&fleet, &host(2), Some(&untimed), 0), Ok(Step::Copy));
}

#[test]
fn what_the_restore_would_refuse_is_refused_before_the_copy() {
    let fleet = [2, 3, 4, 5].map(|n| instance(&orders(), n, n));
    for (shared, unseen) in [(Some(&shared(9)), 0), (None, 0)] {
        let error = decided(&fleet, &host(2), shared, unseen).unwrap_err();
        assert_eq!(error.name(), ErrorName::TooManyVersionsAhead);
    }
    assert!(matches!(decided(&fleet, &host(5), Some(&shared(4)), 0), Ok(Step::Superseded(_))));
    let last = [instance(&orders(), u32::MAX, 2)];
    let error = decided(&last, &host(u32::MAX), Some(&shared(9)), 0).unwrap_err();
    assert_eq!(error.name(), ErrorName::VersionsExhausted);
}
