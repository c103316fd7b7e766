//! Each check by one thing that is broken, with the remedy that is named.

mod between;
mod destination;
mod source;
mod world;

use std::collections::BTreeSet;

use replication::lineage;
use replication::preflight::Quota;
use time::{Duration, OffsetDateTime};

use self::world::whole;
use super::findings;
use crate::doctor::facts::{Ended, Facts};
use crate::doctor::finding::{Check, Finding, Place, Severity};
use crate::hints::Hints;

/// What is broken, and what is said of it: the check, its severity and place, and words of what and of the remedy.
type Case = (fn(&mut Facts), Check, Severity, Place, &'static str, &'static str);

fn of(facts: &Facts) -> Vec<Finding> {
    findings(facts, &Hints::default())
}

#[test]
fn nothing_is_said_against_what_is_as_it_should_be() {
    let all = of(&whole());
    let wrong: Vec<&Finding> = all.iter().filter(|one| one.severity != Severity::Ok).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let checked: BTreeSet<Check> = all.iter().map(|one| one.check).collect();
    assert_eq!(checked, Check::ALL.iter().copied().collect());
    assert!(all.iter().all(|one| one.remedy.is_none()));
}

/// > The alarm about a stale copy is no warning before the first run, because it begins in alarm.
#[test]
fn the_alarm_of_a_fresh_stack_is_no_warning() {
    let mut facts = whole();
    let destination = world::of_destination(&mut facts);
    let alarm = &mut destination.alarms.as_mut().unwrap()[0].alarm;
    alarm.name = "StaleCopyAlarm".to_owned();
    alarm.state = "ALARM".to_owned();
    assert!(of(&facts).iter().any(|one| one.severity != Severity::Ok));
    world::of_destination(&mut facts).common.runs.insert("destination", Ok(None));
    assert!(of(&facts).iter().all(|one| one.severity == Severity::Ok));
}

fn try_all(cases: &[Case]) -> BTreeSet<Check> {
    let usual = of(&whole()).len();
    for (place, (breaking, check, severity, where_, what, remedy)) in cases.iter().enumerate() {
        let mut facts = whole();
        breaking(&mut facts);
        let all = of(&facts);
        let found: Vec<&Finding> = all.iter().filter(|one| one.severity != Severity::Ok).collect();
        let is_it = |one: &&&Finding| {
            (one.check, one.severity, one.place) == (*check, *severity, *where_)
                && one.what.contains(what)
                && one.remedy.as_ref().is_some_and(|text| text.contains(remedy))
        };
        assert!(found.iter().any(|one| is_it(&one)), "case {place}, {check:?}, of {usual}: {found:#?}");
        assert!(all.iter().all(|one| one.remedy.is_some() == (one.severity != Severity::Ok)), "{all:#?}");
    }
    cases.iter().map(|case| case.1).collect()
}

/// > Every check of the doctor names what is broken, and what to do about it.
#[test]
fn every_check_finds_what_is_broken_and_names_the_remedy() {
    let mut tried = try_all(source::CASES);
    tried.extend(try_all(destination::CASES));
    tried.extend(try_all(between::CASES));
    assert_eq!(tried, Check::ALL.iter().copied().collect(), "a check without a test that breaks it");
}

/// What is said of an instance of the destination stack in this state, where the secret names these.
fn of_instance(status: &str, live: Option<&[&str]>, promoted: bool) -> Finding {
    let mut facts = whole();
    let common = &mut world::of_destination(&mut facts).common;
    let mut instance = world::instance("copy-1", "orders-destination", status);
    if promoted {
        let (tag, yes) = lineage::PROMOTED;
        instance.seen.tags = instance.seen.tags.with(tag, yes);
    }
    common.instances = Ok(vec![instance]);
    common.live = live.map(|live| live.iter().map(|name| (*name).to_owned()).collect());
    let mut wrong = of(&facts).into_iter().filter(|one| one.severity != Severity::Ok);
    let finding = wrong.next().unwrap();
    assert_eq!((finding.check, wrong.next()), (Check::Leftovers, None));
    finding
}

/// A command that deletes an instance is named only if its restore has failed and no secret has ever named it.
#[test]
fn only_what_never_served_is_to_be_deleted() {
    let is_deleted = |finding: &Finding| {
        format!("{} {}", finding.what, finding.remedy.as_deref().unwrap()).contains("delete")
    };
    for status in ["storage-full", "insufficient-capacity", "incompatible-parameters", "modify-failed"] {
        for live in [None, Some(&["copy-1"][..]), Some(&[][..])] {
            let finding = of_instance(status, live, false);
            assert!(!is_deleted(&finding), "{finding:?}");
            assert!(finding.remedy.unwrap().contains("increase its storage"));
        }
    }
    for status in ["failed", "incompatible-restore"] {
        assert!(is_deleted(&of_instance(status, Some(&["copy-2"]), false)));
        assert!(!is_deleted(&of_instance(status, Some(&["copy-2"]), true)), "it has served readers");
        assert!(!is_deleted(&of_instance(status, None, false)), "the secret may name it");
        let live = of_instance(status, Some(&["copy-1"]), false);
        assert!(!is_deleted(&live) && live.remedy.unwrap().contains("scripts/rollback"));
    }
}

/// What somebody restores from a snapshot of ours, or makes of an instance of ours, has our tags and is not ours.
#[test]
fn what_others_made_is_nobodys_leftover() {
    let mut facts = whole();
    let common = &mut world::of_destination(&mut facts).common;
    let mut restored = world::instance("copy-1", "another", "available");
    restored.seen.identifier = "theirs".parse().unwrap();
    let mut by_hand = world::snapshot("copy-x", "another", "available");
    by_hand.seen.identifier = "before-upgrade".parse().unwrap();
    let mut failed = world::snapshot("copy-y", "orders-destination", "failed");
    failed.seen.identifier = "by-hand".parse().unwrap();
    common.instances = Ok(vec![restored]);
    common.snapshots = Ok(vec![by_hand, failed]);
    assert!(of(&facts).iter().all(|one| one.severity == Severity::Ok), "{:#?}", of(&facts));
    let common = &mut world::of_destination(&mut facts).common;
    common.instances.as_mut().unwrap().push(world::instance("copy-2", "another", "available"));
    let all = of(&facts);
    let finding = all.iter().find(|one| one.severity != Severity::Ok).unwrap();
    assert!(finding.remedy.as_ref().unwrap().ends_with("delete these: copy-2"), "{finding:?}");
}

/// A command acts on the account, Region and stack that it is about, and not on those that it would find by itself.
#[test]
fn commands_name_the_account_the_region_and_the_stack() {
    let text = |text: &str| Some(text.to_owned());
    let hints = Hints {
        source_profile: text("a"),
        source_region: text("eu-west-1"),
        destination_profile: text("b"),
        destination_region: text("eu-west-2"),
        ..Hints::default()
    };
    let mut tried = 0;
    for case in [source::CASES, destination::CASES, between::CASES].concat() {
        let mut facts = whole();
        case.0(&mut facts);
        let is_there = |role: &str| match role {
            "source" => facts.source.as_ref().is_some_and(|side| side.found().is_some()),
            _ => true,
        };
        for finding in findings(&facts, &hints) {
            let remedy = finding.remedy.unwrap_or_default();
            for (role, profile) in [("source", "--profile a"), ("destination", "--profile b")] {
                let other = finding.place == Place::Source && role == "destination";
                if remedy.contains(&format!("scripts/deploy {role}")) && is_there(role) && !other {
                    tried += 1;
                    let named =
                        format!("scripts/deploy {role} --stack-name orders-{role} {profile} --region");
                    assert!(remedy.contains(&named), "{remedy}");
                }
                if remedy.contains(&format!("in the {role} account: aws ")) {
                    tried += 1;
                    assert!(remedy.contains(profile) && remedy.contains("--region eu-west-"), "{remedy}");
                }
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

/// With `source-copies` one of the two snapshots of a run is in the other Region, whose quota is another.
#[test]
fn a_copy_in_another_region_takes_no_room_here() {
    let mut facts = whole();
    let common = &mut world::of_source(&mut facts).common;
    common.quotas = Ok(vec![Quota { name: "ManualSnapshots".to_owned(), used: 99, max: 100 }]);
    common.copies_into = Some("eu-west-2".to_owned());
    let all = of(&facts);
    let is_it = |one: &&Finding| one.check == Check::Quotas && one.place == Place::Source;
    let found = all.iter().find(is_it).unwrap();
    assert_eq!(found.severity, Severity::Ok);
    assert!(found.what.contains("eu-west-2") && found.what.contains("not read"), "{found:?}");
}

/// A rollback or a run of a fleet that failed is past when a run has succeeded since then, and not before.
#[test]
fn a_failure_that_a_later_run_has_gone_past_is_a_warning() {
    let at = |seconds| Some(OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds));
    for (ended, severity) in [(10, Severity::Warning), (30, Severity::Error)] {
        let mut facts = whole();
        let runs = &mut world::of_destination(&mut facts).common.runs;
        let run = |status, error, seconds| Ended { at: at(seconds), ..world::ended(status, error, "busy") };
        runs.insert("destination", Ok(Some(run("SUCCEEDED", "", 20))));
        runs.insert("rollback", Ok(Some(run("FAILED", "Throttled", ended))));
        let all = of(&facts);
        let found = all.iter().find(|one| one.severity != Severity::Ok).unwrap();
        assert_eq!((found.check, found.severity), (Check::LastRun, severity), "{found:?}");
        assert_eq!(found.what.contains("1970-01-01T00:00:10Z"), severity == Severity::Warning, "{found:?}");
    }
}
