use proptest::prelude::*;

use super::*;
use crate::lineage;
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
    decide(&orders(), &world(instances, &[], live), &announced, &RULES)
}

const RULES: Rules = Rules { most_ahead: 3, promotes: true };

/// A version with the data of a day, restored from a copy of the snapshot of this ARN under the id of that day.
fn restored(version: u32, day: u32, source: &SnapshotArn) -> (Instance, Snapshot) {
    let copy = kept(&orders(), version, day);
    let copy =
        Snapshot { tags: copy.tags.clone().with(lineage::SOURCE_SNAPSHOT, source.to_string()), ..copy };
    let one = instance(&orders(), version, day);
    let tags = one.tags.clone().with(lineage::SOURCE_SNAPSHOT, copy.arn.to_string());
    (Instance { tags, ..one }, copy)
}

/// > Data that a version holds already, restored from the same snapshot, are not copied again under another id, unless that
/// > version was never live and is to go live by itself.
#[test]
fn the_same_data_are_not_copied_again() {
    let arn = |name: &str| SnapshotArn { identifier: name.parse().unwrap(), ..kept(&orders(), 1, 9).arn };
    let (announced_arn, other) = (arn("announced"), arn("another"));
    let promoted = |one: Instance| Instance {
        tags: one.tags.clone().with(lineage::PROMOTED.0, lineage::PROMOTED.1),
        ..one
    };
    let with_status = |one: Instance, status: &str| Instance { status: status.into(), ..one };
    let ((fourth, copy), (of_other, copy_of_other)) =
        (restored(4, 5, &announced_arn), restored(4, 5, &other));
    for (case, (holder, copy), live, promotes, standing) in [
        ("live", (fourth.clone(), Some(&copy)), 4, true, Some("is live")),
        ("live and busy", (with_status(fourth.clone(), "modifying"), Some(&copy)), 4, true, Some("is live")),
        ("live and broken", (with_status(fourth.clone(), "storage-full"), Some(&copy)), 4, true, None),
        ("rolled back from", (promoted(fourth.clone()), Some(&copy)), 3, true, Some("was live before")),
        ("of a run that failed", (fourth.clone(), Some(&copy)), 3, true, None),
        ("waiting", (fourth.clone(), Some(&copy)), 3, false, Some("waits to be made live")),
        ("waiting, nothing is live", (fourth.clone(), Some(&copy)), 0, false, Some("waits to be made live")),
        (
            "waiting and still restoring",
            (with_status(fourth.clone(), "creating"), Some(&copy)),
            3,
            false,
            None,
        ),
        ("of another snapshot of the same time", (of_other, Some(&copy_of_other)), 4, true, None),
        ("its copy is gone", (fourth, None), 4, true, None),
    ] {
        let instances = [instance(&orders(), 3, 3), holder];
        let snapshots: Vec<Snapshot> = copy.into_iter().cloned().collect();
        let live_host = if live == 0 { String::new() } else { host(live) };
        let shared = Snapshot { arn: announced_arn.clone(), ..shared(5) };
        let announced = Announced { id: &id(9), arn: &announced_arn, shared: Some(&shared), unseen: 0 };
        let rules = Rules { promotes, ..RULES };
        let step = decide(&orders(), &world(&instances, &snapshots, &live_host), &announced, &rules).unwrap();
        match (standing, step) {
            (None, Step::Copy) => {}
            (Some(standing), Step::Superseded(by)) => {
                assert!(
                    by.reason.contains("version db-4") && by.reason.ends_with(standing),
                    "{case}: {}",
                    by.reason
                );
                assert_eq!((by.host, by.snapshot_database_time.as_str()), (host(4), "2026-11-05T00:00:00Z"));
            }
            (_, step) => panic!("{case}: {step:?}"),
        }
    }
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

/// > A shared snapshot that is not visible yet is polled for a bounded number of times.
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
    // RDS shows no time, so the id decides.
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

proptest! {
    /// Whatever versions there are, only a complete snapshot of this database is copied, and never one whose data are older
    /// than what readers have; more versions than are allowed do not pile up in front of them.
    #[test]
    fn nothing_older_incomplete_or_foreign_is_copied(
        days in prop::collection::vec(1_u32..9, 0..6), live in 0_usize..6, day in 1_u32..9, of_shop: bool,
        status in "available|creating|failed", most_ahead in 1_usize..4, promotes: bool,
    ) {
        let versions = days.iter().zip(1..);
        let instances: Vec<Instance> = versions.map(|(day, version)| instance(&orders(), version, *day)).collect();
        let live_version = days.get(live).map(|day| (u32::try_from(live).unwrap() + 1, *day));
        let live_host = live_version.map(|(version, _)| host(version)).unwrap_or_default();
        let scope = if of_shop { shop() } else { orders() };
        let shared = Snapshot { status: status.as_str().into(), ..kept(&scope, 1, day) };
        let announced = Announced { id: &id(day), arn: &shared.arn, shared: Some(&shared), unseen: 0 };
        let rules = Rules { most_ahead, promotes };
        let step = decide(&orders(), &world(&instances, &[], &live_host), &announced, &rules);
        if let Ok(Step::Copy) = step {
            prop_assert!(status == "available" && !of_shop);
            prop_assert!(live_version.is_none_or(|(_, live)| live <= day));
            let is_ahead = |other: &&u32| **other != day && live_version.is_none_or(|(_, live)| **other > live);
            prop_assert!(days.iter().filter(is_ahead).count() < most_ahead);
        }
    }
}

/// > A destination whose copy may outlive the shared snapshot in another Region is refused before it copies, with the number that
/// > would be right.
/// > A machine that is started by hand for a pair of Regions that AWS cannot copy between ends before it copies, with the reason.
#[test]
fn another_region_is_reached_only_where_aws_and_the_deadlines_allow_it() {
    const TEN_HOURS: u32 = 36_000;
    for (partition, from, into, hours, deadline, words) in [
        ("aws", "us-east-1", "eu-west-1", Some(12), TEN_HOURS, None),
        ("aws", "us-east-1", "eu-west-1", Some(10), TEN_HOURS, None),
        ("aws", "us-east-1", "eu-west-1", None, TEN_HOURS, None),
        ("aws", "us-east-1", "us-east-1", Some(0), TEN_HOURS, None),
        ("aws", "us-east-1", "eu-west-1", Some(9), TEN_HOURS, Some("SharedSnapshotHours=10 or more")),
        ("aws", "us-east-1", "eu-west-1", Some(9), TEN_HOURS, Some("CopyDeadlineSeconds=32400 or less")),
        ("aws", "us-east-1", "eu-west-1", Some(12), 172_800, Some("SharedSnapshotHours=48 or more")),
        ("aws-us-gov", "us-gov-west-1", "us-gov-east-1", None, TEN_HOURS, Some("signed for both")),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1", None, TEN_HOURS, None),
        ("aws", "us-east-1", "cn-north-1", None, TEN_HOURS, Some("nothing between partitions")),
    ] {
        let arn = format!("arn:{partition}:rds:{from}:111122223333:snapshot:nightly").parse().unwrap();
        let own = Place::of_arn("arn:aws:states:x:444455556666:execution:m:n").in_region(into);
        let checked = check_reach(&arn, &own, hours, deadline);
        match words {
            None => assert_eq!(checked, Ok(()), "{from} {into} {hours:?}"),
            Some(words) => {
                let error = checked.unwrap_err().to_string();
                assert!(error.contains(words), "{words} in {error}");
            }
        }
    }
}
