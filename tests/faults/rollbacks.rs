//! Rollbacks that are repeated, killed and doubled, and that run together with a replication, a deletion or a missing version.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use replication::naming::InstanceIdentifier;
use serde_json::json;

use crate::calls::{Machine, role_of};
use crate::checks::require;
use crate::holding::{Hold, while_held};
use crate::lane::{Ended, Lane, Run, SETTLE_LIMIT, Started};
use crate::rolling::Goal;
use crate::scenarios::{
    Scenario, all_functions_are_killed_again_and_again, every_invocation_happens_twice, invoke_twice,
    two_replications_arrive_at_once,
};
use crate::switches::Order;
use harness::waiting::wait_for;

/// Those of every lane.
pub const SCENARIOS: &[Scenario] = &[
    ("every invocation of a rollback happens twice", every_invocation_of_a_rollback_happens_twice),
    ("a rollback is killed again and again", a_rollback_is_killed_again_and_again),
    ("a rollback and a replication at the same time", a_rollback_and_a_replication_at_the_same_time),
    (
        "a rollback that restores takes the number of a replication",
        a_rollback_takes_the_number_of_a_replication,
    ),
    ("a rollback while prune checks its version", a_rollback_while_prune_checks_its_version),
    ("a rollback while its version is being deleted", a_rollback_while_its_version_is_being_deleted),
    ("a version is deleted while the secret moves to it", a_version_is_deleted_while_the_secret_moves_to_it),
    ("a rollback to a version that does not exist", a_rollback_to_a_version_that_does_not_exist),
    ("the secret changes while it moves", the_secret_changes_while_it_moves),
    ("two rollbacks at once", two_rollbacks_at_once),
    ("a snapshot is deleted while its version is written on it", a_snapshot_is_deleted_meanwhile),
];

/// Those of the lane in which every copy gets a new master password.
pub const WITH_NEW_PASSWORDS: &[Scenario] = &[
    ("rotate: every invocation happens twice", every_invocation_happens_twice),
    ("rotate: all functions are killed again and again", all_functions_are_killed_again_and_again),
    ("rotate: two replications arrive at once", two_replications_arrive_at_once),
    ("rotate: every invocation of a rollback happens twice", every_invocation_of_a_rollback_happens_twice),
    ("rotate: a rollback is killed again and again", a_rollback_is_killed_again_and_again),
    ("rotate: a rollback and a replication at the same time", a_rollback_and_a_replication_at_the_same_time),
    (
        "rotate: a version is deleted while the secret moves to it",
        a_version_is_deleted_while_the_secret_moves_to_it,
    ),
    ("rotate: the secret changes while it moves", the_secret_changes_while_it_moves),
    ("rotate: two rollbacks at once", two_rollbacks_at_once),
    ("rotate: two rollbacks to one version at once", two_rollbacks_to_one_version_at_once),
    ("rotate: the new password cannot be read for a moment", the_new_password_cannot_be_read_for_a_moment),
];

/// The call that moves the secret.
const MOVE: Hold = Hold::at_first("RotateSecret", "secretsmanager", "UpdateSecretVersionStage");

/// > A rollback may be called again at any time too: it deletes nothing, restores a version at most once, and what it
/// > makes live carries no deletion tag; the next replication takes the next free number and goes live.
fn every_invocation_of_a_rollback_happens_twice(lane: &Lane<'_>) -> Result<(), String> {
    for from in [Machine::Rollback, Machine::Restoring] {
        lane.prepare(from)?;
        let order = invoke_twice(lane);
        let run = lane.finish(lane.start(from), || {});
        lane.switches.take_back(&order);
        run.ended.require_success()?;
        lane.check_success(&run)?;
    }
    lane.clean_run(Machine::Destination)
}

fn a_rollback_is_killed_again_and_again(lane: &Lane<'_>) -> Result<(), String> {
    for from in [Machine::Rollback, Machine::Restoring] {
        lane.prepare(from)?;
        let mut kills = 0;
        let mut polls = 0;
        let run = lane.finish(lane.start(from), || {
            polls += 1;
            // A rollback takes half a second, and a retry gives a killed task six more chances.
            if polls % 3 == 0 && polls < 15 {
                kills += lane.switches.kill_functions(&format!("{}-", lane.name));
            }
        });
        run.ended.require_success()?;
        require(kills > 0, || "the rollback was over before anything was killed".to_owned())?;
        lane.check_success(&run)?;
    }
    lane.clean_run(Machine::Destination)
}

/// Each is held at each of its changes while the other runs from its beginning to its end.
///
/// > A rollback to a version that stays and a replication at the same time both end well, and the secret names one of the
/// > two copies.
fn a_rollback_and_a_replication_at_the_same_time(lane: &Lane<'_>) -> Result<(), String> {
    let changes = [
        ("Restore", "rds", "RestoreDBInstanceFromDBSnapshot"),
        ("RotateSecret", "secretsmanager", "UpdateSecretVersionStage"),
        ("RotateSecret", "rds", "AddTagsToResource"),
        ("Prune", "rds", "DeleteDBInstance"),
    ];
    for (task, service, action) in changes {
        // Without a deletion tag by hand: the replication is to set one.
        lane.clean_run(Machine::Destination)?;
        let hold = Hold::at_first(task, service, action);
        let rolled_back = |_: &Started| lane.finish(lane.start(Machine::Rollback), || {});
        let (replication, rollback) =
            while_held(lane, hold, || lane.start(Machine::Destination), rolled_back)?;
        let replication = lane.finish(replication, || {});
        both_have_ended_well(lane, &rollback, &replication)
            .map_err(|wrong| format!("with the replication held at {action}: {wrong}"))?;
    }
    let changes = [("secretsmanager", "UpdateSecretVersionStage"), ("rds", "RemoveTagsFromResource")];
    for (service, action) in changes {
        // From the newest to the one before, which stays when a newer one comes.
        lane.clean_run(Machine::Destination)?;
        lane.prepare(Machine::Rollback)?;
        lane.prepare(Machine::Destination)?;
        let hold = Hold::at_first("RotateSecret", service, action);
        let replicated = |_: &Started| lane.finish(lane.start(Machine::Destination), || {});
        let (rollback, replication) = while_held(lane, hold, || lane.start(Machine::Rollback), replicated)?;
        let rollback = lane.finish(rollback, || {});
        both_have_ended_well(lane, &rollback, &replication)
            .map_err(|wrong| format!("with the rollback held at {action}: {wrong}"))?;
    }
    lane.clean_run(Machine::Destination)
}

fn both_have_ended_well(lane: &Lane<'_>, rollback: &Run, replication: &Run) -> Result<(), String> {
    rollback.ended.require_success().map_err(|wrong| format!("the rollback: {wrong}"))?;
    replication.ended.require_success().map_err(|wrong| format!("the replication: {wrong}"))?;
    lane.settle()?;
    let live = lane.live_replication()?;
    require([rollback, replication].iter().any(|run| run.started.id.as_str() == live), || {
        format!("the secret names the copy of {live}, which neither of the two is about")
    })?;
    lane.check_deletion_tags()?;
    lane.check_readers()
}

/// Both have looked for the next free number before either has taken it; the replication takes it first.
fn a_rollback_takes_the_number_of_a_replication(lane: &Lane<'_>) -> Result<(), String> {
    // The newest snapshot is to be restored, because an older one may be gone once the replication has ended.
    lane.clean_run(Machine::Destination)?;
    lane.clean_run(Machine::Rollback)?;
    lane.prepare(Machine::Restoring)?;
    lane.prepare(Machine::Destination)?;
    let hold = Hold::at_first("Restore", "rds", "RestoreDBInstanceFromDBSnapshot");
    let replicated = |_: &Started| lane.finish(lane.start(Machine::Destination), || {});
    let (rollback, replication) = while_held(lane, hold, || lane.start(Machine::Restoring), replicated)?;
    let rollback = lane.finish(rollback, || {});
    both_have_ended_well(lane, &rollback, &replication)?;
    require(lane.live_replication()? == rollback.started.id.as_str(), || {
        "the rollback has ended last, and the secret names another version than it was asked for".to_owned()
    })?;
    lane.clean_run(Machine::Destination)
}

/// The version has the deletion tag and is due, and prune is about to read it for the last time.
fn a_rollback_while_prune_checks_its_version(lane: &Lane<'_>) -> Result<(), String> {
    let second = |service, action| Hold { nth: 2, ..Hold::at_first("Prune", service, action) };
    let until_it_ends = |rollback: &Started| wait_for_end(lane, rollback);
    with_prune_held(lane, second("secretsmanager", "GetSecretValue"), until_it_ends)?;
    with_prune_held(lane, second("rds", "DescribeDBInstances"), until_it_ends)
}

/// The version has the deletion tag and is due, prune has read it for the last time, and the deletion is being sent.
///
/// > A version whose deletion is under way never goes live: it survives, or the rollback to it fails with a name and the
/// > secret stays.
fn a_rollback_while_its_version_is_being_deleted(lane: &Lane<'_>) -> Result<(), String> {
    // The minute that a rollback waits after it has removed the tag lasts 0.6 s here.
    let for_less_than_that = |_: &Started| std::thread::sleep(Duration::from_millis(400));
    with_prune_held(lane, Hold::at_first("Prune", "rds", "DeleteDBInstance"), for_less_than_that)
}

/// A replication whose prune is held, and meanwhile a rollback to the version that prune is about: from its start for as
/// long as `wait` takes.
fn with_prune_held(lane: &Lane<'_>, at: Hold, wait: impl Fn(&Started)) -> Result<(), String> {
    lane.clean_run(Machine::Destination)?;
    // With the next replication the oldest version is superseded.
    let oldest = lane.own_instances().into_iter().min_by_key(|one| one.tags.version()).ok_or("no copy")?;
    let goal = Goal::of(&oldest.tags).ok_or("the oldest copy has no version")?;
    let roll_back = |_: &Started| {
        let replicated = lane.pointer();
        let rollback = lane.start_rollback(Machine::Rollback, goal);
        wait(&rollback);
        (replicated, rollback)
    };
    let (replication, (replicated, rollback)) =
        while_held(lane, at, || lane.start(Machine::Destination), roll_back)?;
    let rollback = lane.finish(rollback, || {});
    let moved_to = lane.pointer();
    let replication = lane.finish(replication, || {});
    let judged = match &rollback.ended {
        Ended::Success => {
            let is_there = require(Some(&moved_to.host) == oldest.host.as_ref(), || {
                format!("the rollback to {} has moved the secret to {}", oldest.identifier, moved_to.host)
            });
            is_there.and_then(|()| lane.settle())
        }
        Ended::Failure(execution) => lane.check_failure(&rollback, execution).and_then(|()| {
            require(lane.pointer() == replicated, || "the rollback failed and moved the secret".to_owned())
        }),
        other => Err(format!("it ended {other:?}")),
    };
    judged
        .and_then(|()| lane.check_readers())
        .and_then(|()| replication.ended.require_success())
        .map_err(|wrong| format!("with prune held at {}: {wrong}", at.action))?;
    lane.clean_run(Machine::Destination)
}

/// The rollback has seen its version for the last time, and the call that moves the secret is held up. Meanwhile a
/// replication supersedes the version and moves the secret: it deletes nothing while the rollback runs, and the rollback
/// decides again and moves the secret to its version. Then an operator deletes the version by hand.
///
/// > While a rollback runs, no replication deletes what it may go to.
///
/// > A rollback whose version is deleted at the very moment at which the secret moves fails, and the secret is taken back
/// > at once.
fn a_version_is_deleted_while_the_secret_moves_to_it(lane: &Lane<'_>) -> Result<(), String> {
    let superseded = |_: &InstanceIdentifier| {
        let replication = lane.finish(lane.start(Machine::Destination), || {});
        replication.ended.require_success()
    };
    let (rollback, version) = while_the_secret_moves(lane, &superseded)?;
    rollback.ended.require_success()?;
    let instances = lane.own_instances();
    require(instances.iter().any(|one| one.identifier == version), || format!("{version} is gone"))?;
    // Whichever of the two was held up least has moved it last.
    let newest = instances.iter().max_by_key(|one| one.tags.version()).map(|one| one.identifier.clone());
    let live = lane.live()?.identifier;
    require(live == version || Some(&live) == newest.as_ref(), || {
        format!("the secret names {live}, neither {version} nor the new version")
    })?;
    lane.check_readers()?;

    let before = RefCell::new(String::new());
    let by_hand = |version: &InstanceIdentifier| {
        *before.borrow_mut() = lane.live_replication()?;
        lane.destination.delete_instance(version.as_str());
        Ok(())
    };
    let (rollback, _) = while_the_secret_moves(lane, &by_hand)?;
    let Ended::Failure(execution) = &rollback.ended else {
        return Err(format!("it ended {:?}", rollback.ended));
    };
    lane.check_name(execution)?;
    require(lane.live_replication()? == before.into_inner(), || {
        format!("the secret names {}, not what is to be live", lane.pointer().host)
    })?;
    lane.check_readers()?;
    lane.clean_run(Machine::Destination)
}

/// A rollback to the oldest version, in which something happens while the secret is about to move; and that version.
fn while_the_secret_moves(
    lane: &Lane<'_>,
    something: &dyn Fn(&InstanceIdentifier) -> Result<(), String>,
) -> Result<(Run, InstanceIdentifier), String> {
    lane.clean_run(Machine::Destination)?;
    let oldest = lane.own_instances().into_iter().min_by_key(|one| one.tags.version()).ok_or("no copy")?;
    let goal = Goal::of(&oldest.tags).ok_or("the oldest copy has no version")?;
    lane.prepare(Machine::Destination)?;
    let start = || lane.start_rollback(Machine::Rollback, goal);
    let (rollback, happened) = while_held(lane, MOVE, start, |_| something(&oldest.identifier))?;
    // Nobody watches the secret meanwhile: for a moment it names what is deleted.
    wait_for_end(lane, &rollback);
    happened?;
    Ok((lane.finish(rollback, || {}), oldest.identifier))
}

/// Waits for the end of a rollback, and looks at nothing else.
fn wait_for_end(lane: &Lane<'_>, rollback: &Started) {
    let execution = lane.execution_of(Machine::Rollback, rollback);
    wait_for("the rollback ends", SETTLE_LIMIT, || {
        lane.destination.execution(&execution).filter(|found| found.status != ExecutionStatus::Running)
    });
}

/// The call that moves the secret is held up: an operator edits the secret, and a newer version goes live. What was decided
/// from what was read before is refused, and decided again.
///
/// > An edit of the secret that is made while it moves is kept, and so is a newer version that has gone live meanwhile.
fn the_secret_changes_while_it_moves(lane: &Lane<'_>) -> Result<(), String> {
    lane.clean_run(Machine::Destination)?;
    let start = || lane.start(Machine::Destination);
    let (replication, note) = while_held(lane, MOVE, start, |_| lane.edit_secret())?;
    let replication = lane.finish(replication, || {});
    replication.ended.require_success()?;
    require(lane.live_replication()? == replication.started.id.as_str(), || "it is not live".to_owned())?;
    require(lane.note_in_secret() == note, || "the edit is lost".to_owned())?;

    lane.prepare(Machine::Destination)?;
    lane.prepare(Machine::Destination)?;
    let (older, newer) = while_held(lane, MOVE, start, |_| lane.finish(start(), || {}))?;
    let older = lane.finish(older, || {});
    newer.ended.require_success()?;
    older.ended.require_success()?;
    require(lane.live_replication()? == newer.started.id.as_str(), || {
        format!("an older version took the place of the newer: {}", lane.pointer().host)
    })?;
    lane.check_readers()?;
    lane.clean_run(Machine::Destination)
}

fn a_rollback_to_a_version_that_does_not_exist(lane: &Lane<'_>) -> Result<(), String> {
    let topic = &lane.pair.destination["AlertTopicArn"];
    let alerts = lane.cloud.destination.subscribe_queue(&format!("{}-rollback-alerts", lane.name), topic);
    let live = lane.live()?;
    let goal =
        Goal { version: lane.highest_version() + 1, ..Goal::of(&live.tags).ok_or("no version is live")? };
    let run = lane.finish(lane.start_rollback(Machine::Rollback, goal), || {});
    let Ended::Failure(execution) = &run.ended else {
        return Err(format!("it ended {:?}", run.ended));
    };
    lane.check_failure(&run, execution)?;
    require(execution.error == "VersionNotFound" && lane.pointer() == run.started.before, || {
        format!("it failed with {}, and the secret names {}", execution.error, lane.pointer().host)
    })?;
    for instance in lane.own_instances() {
        let version = instance.tags.version().ok_or("a copy has no version")?;
        let listed = if instance.identifier == live.identifier {
            format!("{version} (live)")
        } else {
            version.to_string()
        };
        require(execution.cause.contains(&listed), || {
            format!("{listed} is not listed: {}", execution.cause)
        })?;
    }
    let alert = alerts.next_message();
    require(alert.contains(&execution.arn) && alert.contains("VersionNotFound"), || {
        format!("the alert does not say it: {alert}")
    })?;
    lane.clean_run(Machine::Rollback)
}

/// To different versions: both succeed, and the secret names one of them.
fn two_rollbacks_at_once(lane: &Lane<'_>) -> Result<(), String> {
    lane.clean_run(Machine::Destination)?;
    lane.prepare(Machine::Rollback)?;
    let live = lane.live()?.identifier;
    let others = lane.own_instances().into_iter().filter(|instance| instance.identifier != live);
    let goals: Vec<Goal> = others.filter_map(|instance| Goal::of(&instance.tags)).collect();
    require(goals.len() == 2, || format!("not two versions to roll back to: {goals:?}"))?;
    at_once(lane, goals)
}

/// The same operator, twice.
fn two_rollbacks_to_one_version_at_once(lane: &Lane<'_>) -> Result<(), String> {
    // Which of the two comes first differs.
    for _ in 0..4 {
        lane.prepare(Machine::Rollback)?;
        let goal = lane.goal(Machine::Rollback)?.ok_or("nothing to roll back to")?;
        at_once(lane, vec![goal.clone(), goal])?;
    }
    Ok(())
}

fn at_once(lane: &Lane<'_>, goals: Vec<Goal>) -> Result<(), String> {
    let asked: BTreeSet<String> = goals.iter().map(|goal| goal.id.to_string()).collect();
    let start = |goal: Goal| {
        let input = json!({"version": goal.version});
        lane.start_rollback_with(Machine::Rollback, goal, &input)
    };
    let started: Vec<_> = goals.into_iter().map(start).collect();
    let runs: Vec<Run> = started.into_iter().map(|started| lane.finish(started, || {})).collect();
    for run in &runs {
        run.ended.require_success()?;
        run.started.rollback.iter().try_for_each(|rollback| lane.check_nothing_deleted(rollback))?;
    }
    lane.settle()?;
    let live = lane.live_replication()?;
    require(asked.contains(&live), || {
        format!("the secret names the copy of {live}, which was not requested")
    })?;
    lane.check_deletion_tags()?;
    lane.check_readers()
}

/// Without the snapshot there is nothing to go back to, and nothing to write on.
fn a_snapshot_is_deleted_meanwhile(lane: &Lane<'_>) -> Result<(), String> {
    let hold = Hold::at_first("Restore", "rds", "AddTagsToResource");
    let delete = |replication: &Started| {
        lane.destination.delete_snapshot(&format!("{}{}", lane.pair.copies(), replication.id));
    };
    let (replication, ()) = while_held(lane, hold, || lane.start(Machine::Destination), delete)?;
    let run = lane.finish(replication, || {});
    run.ended.require_success()?;
    require(lane.live_replication()? == run.started.id.as_str(), || {
        "the new version is not live".to_owned()
    })?;
    lane.clean_run(Machine::Destination)
}

/// Secrets Manager shows the stored passwords late, once just after they were written and once when RDS has the password.
fn the_new_password_cannot_be_read_for_a_moment(lane: &Lane<'_>) -> Result<(), String> {
    for nth in [3, 5] {
        // On a busy machine a call may be made again by itself, and then another one is hit: the reading of what is current,
        // without which a run cannot go on.
        let mut tries = 1;
        while !the_new_password_is_not_there_at(lane, nth)? {
            tries += 1;
            require(tries <= 3, || "the reading of the password is never hit".to_owned())?;
        }
    }
    Ok(())
}

/// Whether it was the reading of the password that the fault has hit.
fn the_new_password_is_not_there_at(lane: &Lane<'_>, nth: u64) -> Result<bool, String> {
    let effect = json!({
        "effect": "error", "code": "ResourceNotFoundException", "httpStatus": 400, "message": "as ordered"});
    let late = lane.switches.order(&Order {
        service: "secretsmanager".to_owned(),
        action: "GetSecretValue".to_owned(),
        principal: role_of("RotateSecret", &lane.stack(Machine::Destination)),
        nth,
        effect,
        ..Order::default()
    });
    let run = lane.finish(lane.start(Machine::Destination), || {});
    let is_hit = lane.switches.has_hit(&late);
    lane.switches.take_back(&late);
    if let Ended::Failure(execution) = &run.ended
        && execution.error == "NotFound"
    {
        lane.check_failure(&run, execution)?;
        return Ok(false);
    }
    run.ended.require_success()?;
    require(is_hit, || format!("the secret is read less than {nth} times"))?;
    lane.check_success(&run)?;
    Ok(true)
}
