"""What is made of the executions: replications and rollbacks, and how they ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from world import (
    DESTINATION_STATES,
    NOW,
    SOURCE_STATES,
    ago,
    destination_run,
    execution,
    instance,
    replication_id,
    report_of,
    rollback,
    source_run,
    warnings,
    world,
)

MARK = {"to-be-deleted": "True"}


# ----------------------------------------------------------------------------------------------------- the replications


def test_a_failure_in_b_is_named_with_its_stage_and_cause() -> None:
    failed = destination_run(
        11, DESTINATION_STATES[:2], status="FAILED", error="RestoreFailed", cause="restoring copy-11: ..."
    )
    facts = world(
        live=10, instances=[instance(9), instance(10)], runs=[failed, destination_run(10), destination_run(9)]
    )
    database = report_of(facts)
    newest = database["replications"][0]
    assert (newest["outcome"], newest["error"], newest["failedIn"], newest["failedStage"]) == (
        "failed",
        "RestoreFailed",
        "destination",
        "restore",
    )
    # The time in which operators are alerted is no stage.
    assert [stage["stage"] for stage in newest["destination"]["stages"]] == ["copy in B", "restore"]
    assert database["headline"].endswith(
        "last replication FAILED 47 min ago: RestoreFailed (last success 1 h 46 min ago)"
    )
    assert database["warnings"][0]["text"] == (
        f"the last replication {replication_id(11)} failed in the destination account, restore: RestoreFailed: restoring copy-11: ..."
    )


def test_a_failure_in_a_has_no_run_in_b() -> None:
    failed = source_run(11, SOURCE_STATES[:2], status="FAILED", error="KeyNotAccessible", cause="copying: no")
    facts = world(runs=[destination_run(10)], source_changes={"runs": [failed, source_run(10)]})
    newest = report_of(facts)["replications"][0]
    assert (newest["outcome"], newest["failedIn"], newest["failedStage"]) == ("failed", "source", "copy in A")
    assert newest["destination"] is None
    assert warnings(facts) == ["lastReplicationFailed"]


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
def test_an_end_without_an_error_is_named_by_its_status(status: str) -> None:
    stopped = destination_run(11, DESTINATION_STATES[:1], status=status)
    assert f"FAILED 49 min ago: {status}" in report_of(world(runs=[stopped]))["headline"]


def test_a_prune_that_failed_in_a_after_b_had_succeeded_is_still_a_failure() -> None:
    failed = source_run(11, status="FAILED", error="PruneIncomplete")
    newest = report_of(world(source_changes={"runs": [failed]}))["replications"][0]
    assert (newest["outcome"], newest["failedIn"], newest["version"]) == ("failed", "source", 11)


def test_a_message_that_never_arrived_is_said_after_a_while() -> None:
    facts = world(runs=[destination_run(10)], source_changes={"runs": [source_run(11), source_run(10)]})
    assert report_of(facts)["replications"][0]["outcome"] == "notArrived"
    assert "DID NOT ARRIVE in the destination account" in report_of(facts)["headline"]
    assert warnings(facts) == ["notArrived"]
    soon = replace(facts, now=NOW.replace(hour=11, minute=10))
    assert report_of(soon)["replications"][0]["outcome"] == "onItsWay"
    assert warnings(soon) == []


def test_a_replication_that_runs_is_said_beside_the_one_before() -> None:
    running = destination_run(11, DESTINATION_STATES[:2], status="RUNNING")
    database = report_of(
        world(live=10, runs=[running, destination_run(10)], instances=[instance(10), instance(11, status="creating")])
    )
    assert database["headline"] == (
        "live version 10, data 1 h 59 min old, no older version to roll back to, a replication running since 1 h 00 min, "
        "the one before succeeded 1 h 46 min ago"
    )
    assert database["replications"][0]["endedAt"] is None and database["warnings"] == []


def test_a_run_that_was_started_by_hand_in_b_is_a_row_of_its_own() -> None:
    failed = destination_run(11, DESTINATION_STATES[:1], status="FAILED", error="KeyNotAccessible")
    again = destination_run(11, name="again", minute=30)
    database = report_of(world(runs=[again, failed]))
    rows = [
        (one["id"], one["startedByHandInB"], one["outcome"], one["source"] is not None)
        for one in database["replications"]
    ]
    assert rows[:2] == [(replication_id(11), True, "succeeded", False), (replication_id(11), False, "failed", True)]
    assert "last replication succeeded 26 min ago" in database["headline"]
    assert database["warnings"] == []


def test_a_run_that_was_started_by_hand_for_a_lost_message_belongs_to_its_replication() -> None:
    database = report_of(world(runs=[destination_run(11, name="for-the-lost-message", minute=30)]))
    [only] = database["replications"]
    assert (only["startedByHandInB"], only["outcome"], only["seconds"]) == (True, "succeeded", 34 * 60)
    assert database["warnings"] == []


def test_a_run_in_b_whose_source_is_unknown_is_reported_too() -> None:
    original = destination_run(8)
    facts = world(runs=[destination_run(11), original], source_changes={"runs": [source_run(11)]})
    database = report_of(facts)
    last = database["replications"][-1]
    assert (last["id"], last["source"], last["startedByHandInB"]) == (replication_id(8), None, False)


def test_input_without_a_message_has_no_id() -> None:
    from console.status.facts import Run

    odd = Run(
        "",
        execution(
            "destination", "typed", ago(minutes=5), DESTINATION_STATES[:1], status="FAILED", error="InvalidInput"
        ),
    )
    newest = report_of(world(runs=[odd]))["replications"][0]
    assert (newest["id"], newest["startedByHandInB"], newest["error"]) == (None, True, "InvalidInput")


def test_what_the_secret_did_not_follow_is_said() -> None:
    runs = [destination_run(11, outcome="heldBack")]
    assert report_of(world(live=10, runs=runs))["headline"].endswith(
        "1 newer version held back, last replication succeeded 46 min ago (held back)"
    )
    assert report_of(world(live=11, runs=runs))["headline"].endswith("last replication succeeded 46 min ago"), (
        "it was released"
    )


def test_what_the_next_replication_deletes_is_counted_apart() -> None:
    instances = [instance(11), instance(10), instance(9, tags=MARK)]
    assert (
        ", 2 older versions to roll back to (1 of them marked to-be-deleted), "
        in report_of(world(instances=instances))["headline"]
    )


def test_rollbacks_are_a_list_of_their_own() -> None:
    restored = rollback("previous", 12, made={"restoredVersion": 9})
    failed = rollback(
        99, 12, status="FAILED", error="VersionNotFound", cause="rolling back: the versions that exist: 11, 10"
    )
    database = report_of(world(rollbacks=[failed, restored]))
    rows = [(one["wanted"], one["status"], one["restoredVersion"], one["error"]) for one in database["rollbacks"]]
    assert rows == [(99, "FAILED", None, "VersionNotFound"), ("previous", "SUCCEEDED", 9, None)]
    assert [stage["stage"] for stage in database["rollbacks"][1]["stages"]] == ["restore", "secret"]
    assert report_of(world(rollbacks=None))["rollbacks"] is None
