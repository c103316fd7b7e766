use proptest::prelude::*;

use super::*;
use crate::contract::{DbSnapshot, SourceDbSnapshot, TargetDbSnapshot};
use crate::copying::Expectation;
use crate::lineage::{self, Tags};
use crate::observed::Snapshot;
use crate::observed::testing::snapshot;

/// A stage that has gone on for so many seconds.
fn after(seconds: i64) -> Stage {
    let started_at = OffsetDateTime::UNIX_EPOCH;
    Stage {
        name: StageName::Snapshot,
        started_at,
        now: started_at + Duration::seconds(seconds),
        deadline_seconds: 86_400,
        pace: Pace::default(),
    }
}

/// What is known of such a stage of a day at most: how long it took last time, and how far it is.
fn known(spent: i64, expected: Option<u32>, percent: Option<i32>) -> Known {
    Known { spent, deadline: 86_400, expected, percent, stuck: 0, extra_polls: 0, seed: 0 }
}

/// The rule that was in force before anything else than the time was asked.
fn earlier_rule(spent: i64) -> i64 {
    (spent / 20).clamp(15, 300)
}

/// Whether last run and progress agree on how long the stage takes, as far as whole percents tell.
fn agree(known: &Known) -> bool {
    let (Some(expected), Some(percent)) = (known.expected.map(i64::from), known.percent.map(i64::from))
    else {
        return false;
    };
    let (least, most) = (expected * 4 / 5, expected * 5 / 4);
    known.stuck * 25 <= expected
        && (1..=100).contains(&percent)
        && known.spent * 100 <= (most + 1) * (percent + 1)
        && known.spent * 100 >= least * percent
}

prop_compose! {
    fn anything()(
        spent in -5_i64..200_000, deadline in 60_i64..129_600, expected in prop::option::of(0_u32..200_000),
        percent in prop::option::of(-5_i32..110), stuck in 0_i64..100_000, extra_polls in 0_u32..600, seed: u64,
    ) -> Known {
        Known { spent, deadline, expected, percent, stuck: stuck.min(spent.max(0)), extra_polls, seed }
    }
}

proptest! {
    /// > Where the last run or the progress is wrong, stands still or is missing, no wait is longer than without them.
    #[test]
    fn no_wait_is_longer_unless_progress_and_history_agree(known in anything()) {
        let wait = i64::from(next_wait(&known).seconds);
        prop_assert!(wait >= 9, "{wait}");
        prop_assert!(wait <= earlier_rule(known.spent) || agree(&known), "{wait}");
    }

    /// > A long wait ends before four fifths of what the stage took last time, and before what is left by the progress.
    #[test]
    fn a_long_wait_ends_before_the_stage_can(known in anything()) {
        let wait = i64::from(next_wait(&known).seconds);
        if wait > earlier_rule(known.spent) {
            let (expected, percent) = (i64::from(known.expected.unwrap()), i64::from(known.percent.unwrap()));
            prop_assert!((known.spent + wait) * 5 <= expected * 4);
            prop_assert!((known.spent + wait) * (percent + 1) <= known.spent * 100);
            prop_assert!(known.spent + wait <= known.deadline);
        }
    }

    /// > Waits that are scattered are shorter by a tenth at most, and never longer.
    #[test]
    fn scattering_only_shortens(known in anything()) {
        let (scattered, even) = (next_wait(&known), next_wait(&Known { seed: 0, ..known }));
        prop_assert!(scattered.seconds <= even.seconds && scattered.seconds * 10 >= even.seconds * 9);
        prop_assert_eq!(scattered.is_extra, even.is_extra);
    }

    /// > An execution has at most 2,700 polls, whatever RDS reports and the last run says.
    #[test]
    fn no_execution_has_more_polls_than_its_history_holds(
        deadline in 600_u32..700_000, expected in prop::option::of(0_u32..200_000),
        percents in prop::collection::vec(prop::option::of(0_i32..=101), 1..40), seed: u64,
    ) {
        let stage = Stage {
            deadline_seconds: deadline, pace: Pace { expected_seconds: expected, seed, ..Pace::default() }, ..after(0)
        };
        let never = |with: &Stage, percents: &[Option<i32>]| polls_until_given_up(*with, percents);
        // The destination machine waits in three stages; that of the secret knows nothing but the time.
        let plain = Stage { pace: Pace::default(), ..stage };
        let all = 2 * never(&stage, &percents) + never(&plain, &[None]);
        prop_assert!(all <= 2_690, "{all}");
    }
}

/// How many polls a stage has that never ends and reports this progress, over and over.
fn polls_until_given_up(mut stage: Stage, percents: &[Option<i32>]) -> usize {
    let mut polls = 0;
    for percent in percents.iter().cycle() {
        polls += 1;
        if stage.check_deadline("snapshot s", "creating").is_err() {
            break;
        }
        let (seconds, pace) = stage.wait(*percent);
        stage = Stage { now: stage.now + Duration::seconds(seconds.into()), pace, ..stage };
    }
    polls
}

/// > The first run goes by the time spent, and by RDS's progress where it says that the end is near.
#[test]
fn waits_follow_what_is_known() {
    let table = [
        // The time alone, or a progress that says nothing.
        (0, None, None, 15),
        (299, None, None, 15),
        (320, None, None, 16),
        (1_000, None, Some(0), 50),
        (6_000, None, None, 200),
        (80_000, None, None, 200),
        (-50, None, None, 15),
        // The progress alone: three quarters of what is left, then short waits.
        (1_000, None, Some(40), 50),
        (1_000, None, Some(95), 30),
        (1_000, None, Some(99), 10),
        (40_000, None, Some(99), 20),
        (1_000, None, Some(100), 10),
        // The last run alone: a poll at four fifths, short waits up to five quarters, then growing ones.
        (1_000, Some(3_600), None, 50),
        (2_860, Some(3_600), None, 23),
        (2_880, Some(3_600), None, 24),
        (4_499, Some(3_600), None, 24),
        (4_700, Some(3_600), None, 44),
        (9_000, Some(3_600), None, 200),
        (1, Some(0), None, 15),
        // Both agree: nothing is missed, so the wait is long.
        (36, Some(3_600), Some(1), 1_323),
        (1_359, Some(3_600), Some(37), 1_140),
        // They do not agree.
        (36, Some(36_000), Some(1), 15),
        (1_800, Some(3_600), Some(10), 90),
        (1_800, Some(3_600), Some(95), 56),
        // Last time has passed, and the progress says that there is more left: the plain wait.
        (3_000, Some(3_600), Some(10), 24),
        (3_000, Some(3_600), Some(70), 150),
    ];
    for (spent, expected, percent, wait) in table {
        let wanted = known(spent, expected, percent);
        assert_eq!(next_wait(&wanted).seconds, wait, "{spent} s, {expected:?}, {percent:?} %");
    }
}

#[test]
fn a_progress_that_stands_still_brings_fewer_and_fewer_polls() {
    let at = |stuck| next_wait(&Known { stuck, ..known(20_000, None, Some(99)) }).seconds;
    assert_eq!([0, 400, 1_000, 4_000, 10_000].map(at), [20, 20, 50, 200, 200]);
    let agreed = |stuck| next_wait(&Known { stuck, ..known(1_359, Some(3_600), Some(37)) }).seconds;
    assert_eq!([0, 144, 145].map(agreed), [1_140, 1_140, 67], "it may have stopped for good");
    let used_up = Known { extra_polls: MOST_EXTRA_POLLS, ..known(20_000, None, Some(99)) };
    assert_eq!(next_wait(&used_up), Wait { seconds: 200, is_extra: false });
}

#[test]
fn what_a_poll_has_seen_is_known_to_the_next() {
    let first = after(100).expecting(Some(600));
    let report = StageReport::pending(&first, "creating", Some(30));
    assert_eq!((report.pace.highest_percent, report.pace.risen_after_seconds), (Some(30), Some(100)));
    let now = first.now + Duration::seconds(50);
    let second = Stage::resume(StageName::Snapshot, Some(&report), now, 86_400, "an execution");
    let report = StageReport::pending(&second, "creating", Some(20));
    assert_eq!((report.pace.highest_percent, report.pace.risen_after_seconds), (Some(30), Some(100)));
    assert_eq!((report.started_at, report.pace.expected_seconds), (first.started_at, Some(600)));
    let written = serde_json::to_value(&report).unwrap();
    let expected =
        serde_json::json!({"expectedSeconds": 600, "highestPercent": 30, "risenAfterSeconds": 100});
    assert_eq!(written["pace"], expected);
}

/// > Databases whose runs begin at the same second do not poll in step.
#[test]
fn runs_that_begin_together_do_not_stay_together() {
    let polls = |execution: &str| {
        let mut stage = Stage::resume(StageName::Copy, None, OffsetDateTime::UNIX_EPOCH, 86_400, execution);
        let began = stage.now;
        for _ in 0..60 {
            let (seconds, pace) = stage.wait(None);
            stage = Stage { now: stage.now + Duration::seconds(seconds.into()), pace, ..stage };
        }
        (stage.now - began).whole_seconds()
    };
    let ends: std::collections::BTreeSet<i64> =
        (0..50).map(|run| polls(&format!("execution {run}"))).collect();
    assert!(ends.len() > 20, "{ends:?}");
    assert_eq!(polls("execution 1"), polls("execution 1"), "a poll that is repeated says the same");
}

/// > A stage that is over its deadline ends with its name, the thing and its last status.
#[test]
fn the_deadline_names_the_stage_the_thing_and_its_status() {
    assert!(after(86_399).check_deadline("snapshot s", "creating").is_ok());
    let error = after(86_400).check_deadline("snapshot s", "creating").unwrap_err();
    assert_eq!(error.name(), ErrorName::DeadlineExceeded);
    assert!(
        error.to_string().starts_with("stage snapshot, waiting for snapshot s: still creating after 86400 s")
    );
}

/// A snapshot of a run at this hour, with the tag of how long its stages took.
fn of_run(hour: u8, stages: &str) -> Snapshot {
    let id = format!("20261122t{hour:02}0000z-1f2e3d");
    let name = format!("nightly-{id}");
    let tags = Tags::of_replication("stack", &id.parse().unwrap(), &"orders".parse().unwrap())
        .named(&name)
        .with(lineage::STAGE_SECONDS, stages.replace("ID", &id));
    Snapshot { allocated_storage: Some(100), ..snapshot(&name, "available", tags) }
}

fn expected(snapshots: &[Snapshot], stage: StageName, now: Option<&Snapshot>) -> Option<u32> {
    history::expected_seconds(snapshots, "stack", &"orders".parse().unwrap(), stage, now)
}

/// > How long a stage takes is expected by the newest run whose own snapshot says so.
#[test]
fn the_newest_run_that_says_so_of_itself_counts() {
    let snapshots = [
        of_run(10, "ID snapshot=300 copy=1200"),
        of_run(12, "ID snapshot=400"),
        // RDS has handed the tag on.
        of_run(13, "20261122t100000z-1f2e3d snapshot=300 copy=1200"),
        of_run(14, "ID"),
        of_run(15, "ID snapshot=many copy"),
        of_run(16, ""),
    ];
    assert_eq!(expected(&snapshots, StageName::Snapshot, None), Some(400));
    assert_eq!(expected(&snapshots, StageName::Copy, None), Some(1_200));
    assert_eq!(expected(&snapshots, StageName::Restore, None), None);
    assert_eq!(expected(&[], StageName::Copy, None), None);
    let mine = |stack| {
        history::expected_seconds(&snapshots, stack, &"users".parse().unwrap(), StageName::Copy, None)
    };
    assert_eq!((mine("stack"), mine("another")), (None, None), "another database, another stack");
}

#[test]
fn what_a_run_writes_is_what_the_next_one_reads() {
    let id: crate::naming::ReplicationId = "20261122t100000z-1f2e3d".parse().unwrap();
    let report = |seconds| StageReport {
        started_at: after(seconds).now,
        ..StageReport::available(&after(0), "available")
    };
    let source = |name: &str| SourceDbSnapshot {
        identifier: name.parse().unwrap(),
        arn: None,
        source_db_identifier: "orders".parse().unwrap(),
        stage: report(0),
        encrypted: true,
        kms_key_id: None,
        engine: None,
        engine_version: None,
        allocated_storage: None,
        snapshot_database_time: None,
        source_tags: Tags::default(),
        overrides: crate::overrides::Overrides::default(),
        left_out: Vec::new(),
    };
    let target = TargetDbSnapshot {
        identifier: "nightly-copy-in".parse().unwrap(),
        arn: None,
        stage: report(300),
        copy: Expectation::shared_directly(),
    };
    let written =
        |source: Option<&SourceDbSnapshot>| history::of_source(&id, source, &target, after(1_500).now);
    let copied = written(Some(&source("nightly"))).unwrap();
    assert_eq!(copied, "20261122t100000z-1f2e3d snapshot=300 copy=1200");
    assert!(lineage::refusal(lineage::STAGE_SECONDS, &copied).is_none(), "RDS takes it");
    assert_eq!(expected(&[of_run(10, &copied)], StageName::Copy, None), Some(1_200));
    // Without a copy nothing is said of one.
    assert_eq!(written(Some(&source("nightly-copy-in"))).unwrap(), "20261122t100000z-1f2e3d snapshot=300");
    assert_eq!(written(None), None);

    let copy = DbSnapshot {
        identifier: "orders-copy".parse().unwrap(),
        arn: None,
        source_db_identifier: "orders".parse().unwrap(),
        stage: report(0),
        copy: Expectation::not_copied(),
        snapshot_database_time: None,
        superseded_by: None,
        not_checked: vec![],
    };
    let restored = history::of_destination(&id, &copy, after(700).now, after(1_700).now);
    assert_eq!(restored, "20261122t100000z-1f2e3d copy=700 restore=1000");
    assert_eq!(expected(&[of_run(10, &restored)], StageName::Restore, None), Some(1_000));
}

#[test]
fn what_has_grown_takes_longer() {
    let before = [of_run(10, "ID copy=1200")];
    let grown = |bytes: Option<i64>, storage| Snapshot {
        full_bytes: bytes,
        allocated_storage: storage,
        ..of_run(11, "")
    };
    let now = |bytes, storage| expected(&before, StageName::Copy, Some(&grown(bytes, storage)));
    assert_eq!(now(None, Some(150)), Some(1_800));
    assert_eq!((now(None, Some(10_000)), now(None, Some(1))), (Some(4_800), Some(300)));
    assert_eq!(
        (now(Some(7), Some(100)), now(None, None), now(None, Some(0))),
        (Some(1_200), Some(1_200), Some(1_200))
    );
    let with_bytes = [Snapshot { full_bytes: Some(1 << 30), ..of_run(10, "ID copy=1200") }];
    let grown = grown(Some(1 << 31), Some(100));
    assert_eq!(expected(&with_bytes, StageName::Copy, Some(&grown)), Some(2_400));
}
