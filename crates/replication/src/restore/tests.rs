use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::contract::{LeftOut, Status};
use crate::copying::Expectation;
use crate::pacing::{Pace, StageName};
use crate::settings::{Settings, Value};
use crate::versions::testing::{STACK, foreign, host, id, instance, kept, orders, shop, world};

const MOST_AHEAD: usize = 3;

fn stage() -> Stage {
    let now = datetime!(2026-11-22 10:00 UTC);
    Stage { name: StageName::Restore, started_at: now, now, deadline_seconds: 86_400, pace: Pace::default() }
}

/// The copy of a day.
fn copy(day: u32) -> DbSnapshot {
    let of = kept(&orders(), 1, day);
    DbSnapshot {
        identifier: of.identifier,
        arn: Some(of.arn),
        source_db_identifier: of.source_database,
        stage: StageReport::available(&stage(), "available"),
        copy: Expectation::shared_directly(),
        snapshot_database_time: of.data_time,
        superseded_by: None,
        not_checked: vec![],
    }
}

/// What the document says of an instance.
fn document(version: Version, restored_version: Option<Version>, chosen: bool) -> DbInstance {
    DbInstance {
        identifier: format!("db-{version}").parse().unwrap(),
        version,
        restored_version,
        host: None,
        resource_id: None,
        chosen,
        changing: None,
        left_out: vec![],
        stage: StageReport::pending(&stage(), if chosen { "chosen" } else { "creating" }, None),
    }
}

fn unseen(document: DbInstance, polls: u32) -> DbInstance {
    DbInstance { stage: StageReport::unseen(&stage(), "creating", polls), ..document }
}

fn untagged(mut instance: Instance) -> Instance {
    instance.tags = Tags::default();
    instance
}

/// The step of the replication of day 9, as text.
fn replicated(earlier: Option<&DbInstance>, instances: &[Instance]) -> Result<String, ErrorName> {
    let (id, copy) = (id(9), copy(9));
    let purpose = Purpose::Replicate { id: &id, copy: &copy, most_ahead: MOST_AHEAD };
    let live = host(1);
    let step = decide(&orders(), &purpose, earlier, &world(instances, &[], &live));
    step.map(|step| step.to_string()).map_err(|error| error.name())
}

/// The step of a rollback to a version, as text.
fn rolled_back(
    wanted: Version,
    earlier: Option<&DbInstance>,
    instances: &[Instance],
) -> Result<String, ErrorName> {
    let purpose = Purpose::RollBack { wanted: RequestedVersion::Version(wanted), names_database: false };
    let (snapshots, live) = ([kept(&orders(), 2, 2), kept(&orders(), 5, 5)], host(3));
    let step = decide(&orders(), &purpose, earlier, &world(instances, &snapshots, &live));
    step.map(|step| step.to_string()).map_err(|error| error.name())
}

/// > A name is written in the document before RDS is asked for it.
#[test]
fn a_replication_chooses_and_then_restores_what_it_has_chosen() {
    let fleet = [instance(&orders(), 1, 1), instance(&shop(), 2, 2)];
    let mine = instance(&orders(), 3, 9);
    let with = |more: Instance| [&fleet[..], &[more]].concat();
    let chosen = document(3, None, true);
    let accepted = document(3, None, false);
    for (what, earlier, instances, step) in [
        ("nothing", None, fleet.to_vec(), Ok("choose db-3: the number is free")),
        ("chosen", Some(&chosen), fleet.to_vec(), Ok("restore db-20261109t000000z-aaaaaa as db-3: an")),
        ("there", Some(&accepted), with(mine.clone()), Ok("follow db-3: this run has restored it")),
        ("its answer was lost", Some(&chosen), with(mine.clone()), Ok("follow db-3")),
        ("its document was lost", None, with(mine.clone()), Ok("follow db-3")),
        ("not shown yet", Some(&accepted), fleet.to_vec(), Ok("wait: RDS has accepted it and 1 polls")),
        ("somebody else's", Some(&chosen), with(foreign("db-3")), Ok("choose db-4")),
        ("another replication's", Some(&chosen), with(instance(&orders(), 3, 8)), Ok("choose db-4")),
        ("a rollback's", Some(&chosen), with(restored(3, 9, 1)), Ok("choose db-4")),
        ("whose?", Some(&chosen), with(untagged(mine.clone())), Err(ErrorName::NameTaken)),
        ("without tags", Some(&accepted), with(untagged(mine)), Err(ErrorName::NameTaken)),
        ("other tags", Some(&accepted), with(foreign("db-3")), Err(ErrorName::NameTaken)),
    ] {
        assert_starts(what, &replicated(earlier, &instances), step);
    }
    let late = unseen(accepted, UNSEEN_POLLS);
    assert_eq!(replicated(Some(&late), &fleet), Err(ErrorName::NotFound));
    let hidden = unseen(chosen, UNSEEN_POLLS);
    assert_eq!(replicated(Some(&hidden), &fleet), Err(ErrorName::NotFound), "taken and never shown");
}

/// An instance that a rollback has restored from the data of a day.
fn restored(version: Version, day: u32, of: Version) -> Instance {
    let mut one = instance(&orders(), version, day);
    one.tags = one.tags.with(lineage::RESTORED_VERSION, of.to_string());
    one
}

fn assert_starts(what: &str, step: &Result<String, ErrorName>, expected: Result<&str, ErrorName>) {
    match (step, expected) {
        (Ok(step), Ok(expected)) => assert!(step.starts_with(expected), "{what}: {step}"),
        (Err(name), Err(expected)) => assert_eq!(*name, expected, "{what}"),
        _ => panic!("{what}: {step:?}, expected {expected:?}"),
    }
}

#[test]
fn a_replication_restores_no_version_more_than_may_be_ahead() {
    let mut fleet: Vec<Instance> = (1..=4).map(|n| instance(&orders(), n, n)).collect();
    assert_eq!(replicated(None, &fleet), Err(ErrorName::TooManyVersionsAhead));
    let chosen = document(5, None, true);
    assert_eq!(replicated(Some(&chosen), &fleet), Err(ErrorName::TooManyVersionsAhead));
    fleet.push(instance(&orders(), 5, 9));
    assert_starts("its own is followed", &replicated(Some(&chosen), &fleet), Ok("follow db-5"));
}

#[test]
fn a_rollback_follows_what_is_there_and_restores_what_is_not() {
    let fleet = [instance(&orders(), 3, 3), instance(&orders(), 4, 4)];
    let with = |more: Instance| [&fleet[..], &[more]].concat();
    let chosen = document(6, Some(2), true);
    let accepted = document(6, Some(2), false);
    let (is, began) = (Ok("follow db-4: it is the version"), Ok("follow db-6: this run has restored it"));
    for (what, wanted, earlier, instances, step) in [
        ("there", 4, None, fleet.to_vec(), is),
        ("a snapshot", 2, None, fleet.to_vec(), Ok("choose db-6")),
        ("chosen", 2, Some(&chosen), fleet.to_vec(), Ok("restore db-20261102t000000z-aaaaaa as db-6")),
        ("made", 2, Some(&accepted), with(restored(6, 2, 2)), began),
        ("its answer was lost", 2, Some(&chosen), with(restored(6, 2, 2)), began),
        ("taken", 2, Some(&chosen), with(instance(&orders(), 6, 8)), Ok("choose db-7")),
        ("by another rollback", 2, Some(&chosen), with(restored(6, 5, 5)), Ok("choose db-7")),
        ("restored elsewhere", 2, Some(&chosen), with(restored(7, 2, 2)), Ok("follow db-7: it is the")),
        ("not shown yet", 2, Some(&accepted), fleet.to_vec(), Ok("wait: RDS")),
        ("without tags", 2, Some(&accepted), with(untagged(restored(6, 2, 2))), Err(ErrorName::NameTaken)),
        ("whose?", 2, Some(&chosen), with(untagged(restored(6, 2, 2))), Err(ErrorName::NameTaken)),
        ("other tags", 2, Some(&accepted), with(foreign("db-6")), Err(ErrorName::NameTaken)),
        ("nowhere", 9, None, fleet.to_vec(), Err(ErrorName::VersionNotFound)),
    ] {
        assert_starts(what, &rolled_back(wanted, earlier, &instances), step);
    }
    // The instance that was followed is gone, and its snapshot is kept.
    let followed = document(5, None, false);
    assert_starts("gone", &rolled_back(5, Some(&followed), &fleet), Ok("choose db-6"));
    let hidden = untagged(instance(&orders(), 5, 5));
    assert_eq!(rolled_back(5, Some(&followed), &with(hidden)), Err(ErrorName::NameTaken));
}

#[test]
fn a_restored_version_has_the_replication_and_the_time_of_its_data() {
    let purpose = Purpose::RollBack { wanted: RequestedVersion::Version(5), names_database: true };
    let snapshots = [kept(&orders(), 5, 5)];
    let step = decide(&orders(), &purpose, None, &world(&[], &snapshots, "")).unwrap();
    let Step::Choose(choice) = step else { panic!("{step:?}") };
    let tags = choice.tags();
    for (key, value) in [
        (lineage::STACK, STACK),
        (lineage::NAME, "db-6"),
        (lineage::VERSION, "6"),
        (lineage::RESTORED_VERSION, "5"),
        (lineage::REPLICATION_ID, "20261105t000000z-aaaaaa"),
        (lineage::SOURCE_DATABASE, "orders"),
        (lineage::DATA_TIME, "2026-11-05T00:00:00Z"),
    ] {
        assert_eq!(tags.get(key), Some(value));
    }
    assert_eq!(choice.restored_version(), Some(5));
}

/// > A new version is available when two polls in a row have seen it usable, with its endpoint.
#[test]
fn available_is_believed_when_it_is_seen_twice() {
    let of_status = |status: &str| Instance { status: status.into(), ..instance(&orders(), 3, 9) };
    let seen = |status: &str, has_host: bool| {
        let stage = StageReport::pending(&stage(), status, None);
        DbInstance { host: has_host.then(|| host(3)), stage, ..document(3, None, false) }
    };
    let other = DbInstance { identifier: "db-2".parse().unwrap(), ..seen("available", true) };
    for (now, before, is_new, is_available) in [
        ("available", None, true, false),
        ("available", Some(seen("creating", false)), true, false),
        ("available", Some(seen("available", false)), true, false),
        ("available", Some(seen("modifying", true)), true, false),
        ("available", Some(other), true, false),
        ("available", Some(seen("available", true)), true, true),
        ("backing-up", Some(seen("available", true)), true, true),
        ("available", Some(seen("backing-up", true)), true, true),
        ("storage-initialization", Some(seen("available", true)), true, true),
        ("modifying", Some(seen("available", true)), true, false),
        ("available", None, false, true),
    ] {
        let report = progress(&of_status(now), before.as_ref(), is_new, false, &stage()).unwrap();
        assert_eq!(report.status == Status::Available, is_available, "{now} after {before:?}");
    }
    // What is only to be confirmed does not wait as long as a restore that goes on.
    let late = Stage { now: stage().now + time::Duration::hours(2), ..stage() };
    let waits = |status| progress(&of_status(status), None, true, false, &late).unwrap().wait_seconds;
    assert_eq!((waits("available"), waits("creating")), (15, 200));
    let hostless = Instance { host: None, ..of_status("available") };
    let report = progress(&hostless, Some(&seen("available", true)), true, false, &stage()).unwrap();
    assert_eq!(report.status, Status::NotAvailable);
    for (status, name) in [
        ("stopped", ErrorName::InstanceNotReady),
        ("incompatible-restore", ErrorName::RestoreFailed),
        ("deleting", ErrorName::RestoreFailed),
    ] {
        let error = progress(&of_status(status), None, true, false, &stage()).unwrap_err();
        assert_eq!(error.name(), name, "{status}");
    }
}

/// > With RequireInitialized the secret does not move to a new version before RDS has loaded all of its storage.
#[test]
fn a_version_waits_for_its_storage_where_that_is_wanted() {
    let seen = DbInstance { host: Some(host(3)), ..document(3, None, false) };
    let seen = DbInstance { stage: StageReport::pending(&stage(), "available", None), ..seen };
    let loading = |status: &str, operation: Option<&str>| Instance {
        status: status.into(),
        storage_operation: operation.map(str::to_owned),
        storage_percent_progress: Some(40),
        ..instance(&orders(), 3, 9)
    };
    for (status, operation, is_new, loaded, is_available) in [
        ("available", Some("Initializing"), true, true, false),
        ("available", Some("Initializing"), true, false, true),
        ("available", Some("Initializing"), false, true, true),
        ("available", Some("Optimizing"), true, true, true),
        ("storage-initialization", None, true, true, false),
        ("available", None, true, true, true),
    ] {
        let found = loading(status, operation);
        let report = progress(&found, Some(&seen), is_new, loaded, &stage()).unwrap();
        assert_eq!(report.status == Status::Available, is_available, "{status} {operation:?}");
        assert_eq!(report.percent_progress, (!is_available).then_some(40));
    }
    let late = Stage { now: stage().now + time::Duration::days(2), ..stage() };
    let found = loading("available", Some("Initializing"));
    let error = progress(&found, Some(&seen), true, true, &late).unwrap_err();
    assert_eq!(error.name(), ErrorName::DeadlineExceeded);
    assert!(error.to_string().contains("the storage of database db-3 to be loaded"), "{error}");
}

/// > What this run has restored gets its resource id as a tag, which distinguishes it from what inherits its tags.
#[test]
fn the_seal_is_written_before_anything_else() {
    let by = RestoredBy::Rollback;
    let wanted = AfterRestore::of(&[("MaxAllocatedStorage", Value::Number(200))].into());
    let new = instance(&orders(), 3, 9);
    let seal = Tags::default().with(lineage::RESOURCE_ID, "db-DB-3");
    for is_usable in [false, true] {
        assert_eq!(finish(&new, Some(&by), is_usable, &wanted, None), Finish::Seal(seal.clone()));
    }
    assert_eq!(finish(&new, None, true, &wanted, None), Finish::Done, "others have restored it");
    assert_eq!(finish(&new, None, false, &wanted, None), Finish::Wait);
    let without = Instance { resource_id: None, ..new };
    assert_eq!(finish(&without, Some(&by), false, &wanted, None), Finish::Wait);
}

/// > A tag that is refused, or accepted and never shown, is written a bounded number of times, and then the run ends.
#[test]
fn a_seal_that_never_appears_ends_the_run() {
    let new = instance(&orders(), 3, 9);
    let refused = || Error::new(ErrorName::AccessDenied, "tagging database db-3");
    for (refusal, name) in [(None, ErrorName::RestoreFailed), (Some(refused()), ErrorName::AccessDenied)] {
        let mut earlier = document(3, None, false);
        for poll in 1..=UNSEEN_POLLS {
            let report = sealing(&new, refusal.clone(), Some(&earlier), &stage()).unwrap();
            assert_eq!((report.status, report.unseen), (Status::NotAvailable, poll));
            earlier.stage = report;
        }
        let error = sealing(&new, refusal, Some(&earlier), &stage()).unwrap_err();
        assert_eq!(error.name(), name);
    }
}

/// > What RDS refuses after the restore is reported and ends no run; what would change nothing is not asked.
#[test]
fn changes_come_one_by_one_and_a_refused_one_is_left_out() {
    let mut new = instance(&orders(), 3, 9);
    new.tags = new.tags.with(lineage::RESOURCE_ID, "db-DB-3");
    let role = ("MonitoringRoleArn", Value::Text("its ARN".to_owned()));
    let monitored: Settings = [("MonitoringInterval", Value::Number(15)), role].into();
    let growth: Settings = [("MaxAllocatedStorage", Value::Number(200))].into();
    let wanted = AfterRestore::of(&growth.clone().into_iter().chain(monitored.clone()).collect());
    let snapshot = copy(9).arn.unwrap();
    let by = RestoredBy::Replication(Some(snapshot.clone()));
    let next = |instance: &Instance, earlier: Option<&DbInstance>| match finish(
        instance,
        Some(&by),
        true,
        &wanted,
        earlier,
    ) {
        Finish::Change(change) => change.name(),
        Finish::AwaitChange(change, polls) => format!("{} awaited {polls}", change.name()),
        Finish::NoteVersion(noted) => {
            assert_eq!(*noted, snapshot);
            "done".to_owned()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(finish(&new, Some(&by), false, &wanted, None), Finish::Wait);
    assert_eq!(next(&new, None), "MaxAllocatedStorage");
    let asked = DbInstance { changing: Some("MaxAllocatedStorage".to_owned()), ..document(3, None, false) };
    assert_eq!(next(&new, Some(&asked)), "MaxAllocatedStorage awaited 1");
    assert_eq!(next(&new, Some(&unseen(asked.clone(), 4))), "MaxAllocatedStorage", "asked again");
    new.settings = growth.clone();
    let both = "MonitoringInterval, MonitoringRoleArn";
    assert_eq!(next(&new, Some(&asked)), both);
    let refused = LeftOut { what: both.to_owned(), because: "the role is not trusted".to_owned() };
    let left_out = DbInstance { left_out: vec![refused], ..document(3, None, false) };
    assert_eq!(next(&new, Some(&left_out)), "done");
    new.settings = growth.into_iter().chain(monitored).collect();
    assert_eq!(next(&new, None), "done");
}

/// A small RDS that shows what it likes, with other actors.
struct Rds {
    instances: Vec<Instance>,
    restores: usize,
    dice: std::vec::IntoIter<u8>,
}

impl Rds {
    fn chance(&mut self, of_256: u8) -> bool {
        self.dice.next().is_some_and(|dice| dice < of_256)
    }

    /// What a description shows: some things not at all, others without their tags.
    fn shown(&mut self) -> Vec<Instance> {
        let all = self.instances.clone();
        all.into_iter().filter_map(|one| self.show(one)).collect()
    }

    fn show(&mut self, one: Instance) -> Option<Instance> {
        if self.chance(60) {
            return None;
        }
        Some(if self.chance(20) { untagged(one) } else { one })
    }

    fn has(&self, name: &InstanceIdentifier) -> bool {
        self.instances.iter().any(|one| one.identifier == *name)
    }

    /// Somebody else takes a name.
    fn interfere(&mut self) {
        let version = Version::from(self.dice.next().unwrap_or_default() % 8) + 1;
        let one = match self.dice.next().unwrap_or_default() % 3 {
            0 => instance(&orders(), version, 8),
            1 => instance(&shop(), version, 9),
            _ => foreign(&format!("db-{version}")),
        };
        if !self.has(&one.identifier) {
            self.instances.push(one);
        }
    }

    /// One call of the function; nothing if the run has ended with an error.
    fn poll(
        &mut self,
        purpose: &Purpose<'_>,
        earlier: Option<DbInstance>,
        snapshots: &[Snapshot],
    ) -> Option<DbInstance> {
        let mut instances = self.shown();
        for is_second in [false, true] {
            let seen = world(&instances, snapshots, "");
            let choice = match decide(&orders(), purpose, earlier.as_ref(), &seen).ok()? {
                Step::Follow { instance, .. } => {
                    let made =
                        self.instances.iter().find(|one| one.identifier == instance.identifier).unwrap();
                    assert!(is_of(purpose, made), "adopted {made:?}");
                    return Some(document(made.tags.version().unwrap(), made.tags.restored_version(), false));
                }
                Step::Choose(choice) => {
                    let name = &choice.identifier;
                    assert!(instances.iter().all(|one| one.identifier != *name), "{name} is taken");
                    return Some(document(choice.version, choice.restored_version(), true));
                }
                Step::Await { polls } => return earlier.map(|earlier| unseen(earlier, polls)),
                Step::Restore(choice) => choice,
            };
            let intent = earlier.clone().unwrap();
            assert!(intent.chosen && intent.identifier == choice.identifier, "restored what was not chosen");
            if !self.has(&choice.identifier) {
                let made = instance(&orders(), choice.version, 1);
                self.instances.push(Instance { tags: choice.tags(), ..made });
                self.restores += 1;
                // Where the answer is lost, the function is called again with the same document.
                return Some(if self.chance(100) { intent } else { DbInstance { chosen: false, ..intent } });
            }
            let found = self.instances.iter().find(|one| one.identifier == choice.identifier).cloned();
            match found.and_then(|one| self.show(one)) {
                Some(one) if !is_second => instances.push(one),
                _ => {
                    return Some(DbInstance {
                        chosen: true,
                        ..unseen(intent.clone(), intent.stage.unseen + 1)
                    });
                }
            }
        }
        earlier
    }
}

fn is_of(purpose: &Purpose<'_>, instance: &Instance) -> bool {
    match purpose {
        Purpose::Replicate { id, .. } => orders().owns(instance) && instance.is_of_replication(STACK, id),
        Purpose::RollBack { .. } => orders().owns(instance),
    }
}

proptest! {
    /// > At most one restore of an execution succeeds, whatever RDS shows and whoever takes its names, and nothing is taken for its own that is not.
    #[test]
    fn no_execution_restores_twice(dice in proptest::collection::vec(any::<u8>(), 400), rolls_back in any::<bool>()) {
        let (id, copy) = (id(9), copy(9));
        let purpose = if rolls_back {
            Purpose::RollBack { wanted: RequestedVersion::Version(2), names_database: false }
        } else {
            Purpose::Replicate { id: &id, copy: &copy, most_ahead: 30 }
        };
        let snapshots = [kept(&orders(), 2, 2)];
        let mut rds = Rds { instances: vec![instance(&orders(), 1, 1)], restores: 0, dice: dice.into_iter() };
        let mut document = None;
        for _ in 0..30 {
            if rds.chance(60) {
                rds.interfere();
            }
            match rds.poll(&purpose, document, &snapshots) {
                Some(next) => document = Some(next),
                None => break,
            }
            prop_assert!(rds.restores <= 1, "{} restores", rds.restores);
        }
    }
}
