"""Whose an instance or snapshot is, of which database, and in which order versions are; and a secret that went astray."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.hints import Hints
from console.status.facts import Facts, Pointer, Unreadable
from console.status.report import report
from console.status.text import render
from world import (
    DESTINATION,
    DESTINATION_STATES,
    NOW,
    SOURCE_STATES,
    B,
    copy_in_destination,
    destination_run,
    host,
    instance,
    replication_id,
    report_of,
    rollback,
    source_run,
    warnings,
    world,
)

OF_BILLING = {"rds-replication:source-db": "billing"}


def texts(facts: Facts, name: str) -> list[str]:
    return [warning["text"] for warning in report_of(facts)["warnings"] if warning["name"] == name]


# -------------------------------------------------------------------------------------------------------- what is ours


def test_an_instance_is_ours_by_its_seal_where_it_has_one() -> None:
    seal = {"rds-replication:resource-id": "db-ABC"}
    sealed, unsealed = instance(11, tags=seal, resource_id="db-ABC"), instance(10, resource_id="db-DEF")
    # A person has restored it anew under its old name, and RDS has copied the tags.
    anew = instance(9, tags=seal, resource_id="db-GHI")
    database = report_of(world(instances=[sealed, unsealed, anew]))
    assert [one["version"] for one in database["versions"]] == [11, 10]
    assert [one["instance"] for one in database["notManaged"]] == ["copy-9"]
    assert database["notManaged"][0]["reason"] == "its tags are those of an earlier instance of this name"


def test_what_is_only_named_like_a_version_is_listed_apart() -> None:
    others = [
        replace(instance(12), tags={}),
        replace(instance(13), identifier="reports-13", tags={}),
        replace(instance(14), identifier="copy-tests", tags={}),
        instance(15, tags={"rds-replication:stack": "another"}),
        instance(16, tags={"rds-replication:name": "copy-4"}),
    ]
    facts = world(instances=[instance(11), *others])
    found = {one["instance"]: one["reason"] for one in report_of(facts)["notManaged"]}
    assert found == {"copy-12": "it has no tags of this stack", "copy-16": "its tags are those of another instance"}
    assert texts(facts, "notManaged")[0] == (
        "copy-12 (available) is named like a version and is none: it has no tags of this stack; no function rolls back to it or deletes it"
    )


def test_an_operators_snapshot_that_is_named_like_the_instance_is_no_copy() -> None:
    """RDS has copied the tags of the instance, the name among them, and the person chose the same name."""
    by_hand = copy_in_destination(
        9,
        identifier="copy-9",
        database="copy-9",
        tags={"rds-replication:name": "copy-9", "rds-replication:version": "9"},
    )
    database = report_of(world(instances=[instance(11)], snapshots=[copy_in_destination(11), by_hand]))
    assert {one["name"]: one["kind"] for one in database["destinationSnapshots"]}["copy-9"] == "other"
    assert database["restorable"] == []


def test_snapshots_are_told_by_kind() -> None:
    by_hand = copy_in_destination(11, identifier="before-the-test", database="copy-11")
    final = replace(
        copy_in_destination(8),
        identifier=f"copy-8-final-{replication_id(11)}",
        database="copy-8",
        tags={},
        data_time=None,
    )
    foreign = replace(final, identifier="reports-3-final", database="reports-3")
    theirs = copy_in_destination(7, tags={"rds-replication:stack": "another"})
    database = report_of(world(snapshots=[copy_in_destination(11), by_hand, final, foreign, theirs]))
    assert {one["name"]: one["kind"] for one in database["destinationSnapshots"]} == {
        f"copy-{replication_id(11)}": "copy",
        "before-the-test": "other",
        f"copy-8-final-{replication_id(11)}": "final",
    }
    kinds = [(one["kind"], one["sharedWith"], one["encrypted"]) for one in database["sourceSnapshots"][:2]]
    assert kinds == [("encryptedCopy", [B], True), ("ofDatabase", [], False)]


# ----------------------------------------------------------------------------------------------- the order of versions


def data_of(hour: int) -> dict:
    return {"rds-replication:data-time": f"2026-11-22T{hour:02}:00:00Z"}


def test_versions_are_in_the_order_of_their_data() -> None:
    # Version 10 came late: its data is older than that of version 9. Version 12 holds what version 8 held.
    instances = [
        instance(9, tags=data_of(9)),
        instance(10, tags=data_of(7)),
        instance(11, tags=data_of(11)),
        instance(12, tags=data_of(8) | {"rds-replication:restored-version": "8"}),
    ]
    database = report_of(world(live=9, instances=instances))
    said = [(one["version"], one["comparedWithLive"]) for one in database["versions"]]
    assert said == [(11, "newer"), (9, "live"), (12, "older"), (10, "older")]
    assert "2 older versions to roll back to" in database["headline"]
    kept = [copy_in_destination(number, tags={"rds-replication:version": str(number)}) for number in (5, 8)]
    kept[0] = replace(kept[0], data_time=NOW.replace(hour=10))
    database = report_of(world(live=9, instances=[instance(9, tags=data_of(9))], snapshots=kept))
    assert [(one["version"], one["comparedWithLive"]) for one in database["restorable"]] == [(5, "newer"), (8, "older")]


# --------------------------------------------------------------------------------------------------- another database


def of_both() -> Facts:
    theirs = [instance(number, tags=OF_BILLING) for number in (4, 5)]
    kept = [copy_in_destination(3, tags=OF_BILLING | {"rds-replication:version": "3"}), copy_in_destination(11)]
    return world(instances=[instance(10), instance(11), *theirs], snapshots=kept)


def test_versions_of_a_database_that_is_not_served_any_more_are_told_under_their_own() -> None:
    database = report_of(of_both())
    assert [one["version"] for one in database["versions"]] == [11, 10]
    assert database["restorable"] == [] and len(database["destinationSnapshots"]) == 1
    assert "1 older version to roll back to, " in database["headline"]
    [other] = database["otherDatabases"]
    assert other["sourceDatabase"] == "billing"
    assert [(one["version"], one["standing"], one["canRollBack"]) for one in other["versions"]] == [
        (5, "notServed", False),
        (4, "notServed", False),
    ]
    assert [one["version"] for one in other["restorable"]] == [3]
    [said] = texts(of_both(), "otherDatabase")
    assert said.startswith(
        "this stack serves orders and still holds 2 instances and 1 snapshot of billing; they stay until an operator decides: "
    )
    assert (
        f"scripts/deploy destination --stack-name {DESTINATION} --parameter SourceDBIdentifier=billing makes the stack serve"
        in said
    )
    shown = render(report(of_both()))
    assert "\nheld of billing, which this stack does not serve any more\n" in shown


def test_a_secret_that_still_names_the_database_from_before_is_reported() -> None:
    database = report_of(world(live=5, instances=[instance(5, tags=OF_BILLING)]))
    assert database["live"] is None
    [other] = database["otherDatabases"]
    assert other["versions"][0]["standing"] == "live"
    assert texts(world(live=5, instances=[instance(5, tags=OF_BILLING)]), "nothingLive") == [
        f"the secret names copy-5, a version of billing, which this stack no longer serves ({host(5)})"
    ]


def test_what_an_older_release_made_without_a_database_belongs_to_the_one_that_is_served() -> None:
    facts = world(instances=[instance(11), instance(10, tags={"rds-replication:source-db": None})])
    assert [one["version"] for one in report_of(facts)["versions"]] == [11, 10] and report_of(facts)[
        "otherDatabases"
    ] == []


def test_stacks_of_one_database_are_told_apart() -> None:
    facts = world()
    [first] = facts.databases
    second = replace(first, stack=replace(first.stack, name="second-stack"))
    shown = render(report(replace(facts, databases=[first, second])))
    assert (
        "\norders, stack destination-stack: live version 11" in shown
        and "\norders, stack second-stack: NO LIVE VERSION" in shown
    )


# ---------------------------------------------------------------------------------------- what was before the stack was


def created_at(facts: Facts, moment: Any) -> Facts:
    [database] = facts.databases
    return replace(facts, databases=[replace(database, stack=replace(database.stack, created=moment))])


def test_what_began_before_the_stack_was_created_is_left_out() -> None:
    running = source_run(11, SOURCE_STATES[:2], status="RUNNING")
    before = world(runs=[], source_changes={"runs": [running, source_run(10), source_run(9)]})
    assert warnings(before).count("notArrived") == 2
    new = created_at(before, NOW - timedelta(minutes=30))
    assert report_of(new)["replications"] == [] and "no replication yet" in report_of(new)["headline"]
    assert warnings(new) == []
    # What has arrived is reported whenever it began, and what began since and has not arrived is still news.
    arrived = created_at(
        world(runs=[destination_run(10)], source_changes={"runs": [source_run(11), source_run(10)]}),
        NOW.replace(hour=10, minute=30),
    )
    assert [one["outcome"] for one in report_of(arrived)["replications"]] == ["notArrived", "succeeded"]


# ---------------------------------------------------------------------------------------------------------- the secret


def moved_back(version_id: str = "rotation-of-another", **changes: Any) -> Facts:
    return world(pointer=Pointer(host(10), "copy", version_id), **changes)


def test_a_secret_that_another_function_has_put_back_is_reported_with_the_way_forward() -> None:
    [said] = texts(moved_back(), "secretMovedBack")
    assert said.startswith("the secret was moved to version 11 and names the older version 10 again; ")
    assert said.endswith(f"To fix this: scripts/rollback 11 --destination-stack {DESTINATION} moves it forward")
    document = report(moved_back(), 5, Hints(destination_profile="b"))["databases"][0]
    assert f"scripts/rollback 11 --destination-stack {DESTINATION} --destination-profile b moves" in str(
        document["warnings"]
    )


def test_a_secret_that_went_back_as_it_was_asked_to_is_no_news() -> None:
    assert warnings(moved_back("rds-replication-0123456789abcdef0123456789abcdef")) == [], "our functions wrote it"
    assert warnings(moved_back("")) == [], "who wrote it is not known"
    assert warnings(moved_back(rollbacks=[rollback(10, 10)])) == [], (
        "a rotation since the rollback kept what it had moved to"
    )
    assert "secretMovedBack" not in warnings(moved_back(rollbacks=Unreadable("AccessDenied")))
    forward = world(pointer=Pointer(host(11), "copy", "by-hand"), runs=[destination_run(10)])
    assert warnings(forward) == [], "it names a newer one"
    held_back = moved_back(runs=[destination_run(11, outcome="heldBack"), destination_run(10)])
    assert warnings(held_back) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "SecretScheduledForDeletion",
            "orders/read is scheduled for deletion: no function can read or move it; to fix this: restore it with ",
        ),
        ("SecretCreatedAnew", "orders/read was deleted and created anew: the functions hold the ARN of the old one"),
        ("SecretDeleted", "orders/read does not exist any more"),
        (
            "SecretWithoutValue",
            'to fix this: give it a value, {"db_host":"","db_prefix":""} before the first replication',
        ),
    ],
)
def test_a_secret_that_no_function_can_use_is_reported_with_what_to_do(code: str, said: str) -> None:
    facts = world(pointer=Unreadable(code))
    [text] = texts(facts, "secretUnusable")
    assert said in text
    shown = render(report(facts))
    assert "\nthe secret: not readable: it " in shown and "the secret: not readable with these credentials" not in shown


def test_a_live_instance_that_was_deleted_by_hand_is_reported_with_the_next_lower_version() -> None:
    [said] = texts(
        world(live=8, instances=[instance(6), instance(7, status="stopped"), instance(9)], snapshots=[]), "nothingLive"
    )
    assert said == (
        f"the secret names a database that is not in this account: {host(8)}; it was version 8. To fix this: scripts/rollback 6 "
        f"--destination-stack {DESTINATION} makes the next lower version live, or start a replication"
    )


# ------------------------------------------------------------------------------------------------- prunes and their ends


def test_a_run_that_newer_data_has_overtaken_is_no_failure_and_made_nothing() -> None:
    run = destination_run(11, DESTINATION_STATES[:1])
    run.execution.document["DBSnapshot"] = {"status": "Superseded"}
    facts = world(live=10, instances=[instance(10)], runs=[run, destination_run(10)])
    database = report_of(facts)
    assert [one["outcome"] for one in database["replications"]] == ["superseded", "succeeded"]
    assert database["headline"].endswith(
        "last replication ended 49 min ago without a new version (newer or the same data was there)"
    )
    assert database["warnings"] == []
    assert "  succeeded  no newer data" in render(report(facts))


def test_room_is_a_stage_of_its_own_in_each_account() -> None:
    facts = world(
        runs=[destination_run(11, ("MakeRoom", *DESTINATION_STATES))],
        source_changes={"runs": [source_run(11, ("MakeRoom", *SOURCE_STATES))]},
    )
    shown = render(report(facts))
    [head] = [line for line in shown.splitlines() if "room A" in line]
    assert head.split()[1:4] == ["room", "A", "snapshot"] and " notify  prune in A  room B  copy in B " in head
    assert max(map(len, shown.splitlines())) <= 140
    reported = destination_run(11, (*DESTINATION_STATES, "NotifyUndeleted"))
    assert [stage["stage"] for stage in report_of(world(runs=[reported]))["replications"][0]["destination"]["stages"]][
        -1
    ] == "prune in B"


def test_room_that_could_not_be_made_is_reported_although_the_run_went_on() -> None:
    run = source_run(11)
    run.execution.document["roomFailure"] = {"Error": "AccessDenied", "Cause": "listing snapshots: no"}
    assert texts(world(source_changes={"runs": [run]}), "roomNotMade") == [
        "the newest replication could delete nothing in the source account before it began, and went on: AccessDenied: listing snapshots: no"
    ]


def test_what_stays_undeleted_is_reported_once_with_how_often_it_was_tried() -> None:
    marked = {"to-be-deleted": "True", "rds-replication:undeleted": f"4:{replication_id(11)}"}
    run = destination_run(11, left=({"identifier": "copy-9", "reason": "it has a read replica"},))
    run.execution.document["prune"]["tell"] = ["copy-9 stays: it has a read replica", "snapshot x stays: refused"]
    facts = world(instances=[instance(11), instance(9, tags=marked)], runs=[run])
    assert texts(facts, "markedStillExists") == [
        "version 9 (copy-9) is marked to-be-deleted and still exists: it has a read replica (4 replications could not delete it)"
    ]
    assert texts(facts, "undeleted") == ["snapshot x stays: refused"]


def test_what_a_running_replication_plans_to_delete_is_reported_so() -> None:
    run = destination_run(11, ("MakeRoom",), status="RUNNING")
    run.execution.document["room"] = {"status": "NotAvailable", "planned": ["copy-8", {"identifier": "copy-9"}]}
    marked = [instance(number, tags={"to-be-deleted": "True"}) for number in (8, 9)]
    facts = world(live=10, instances=[instance(10), *marked], runs=[run, destination_run(10)])
    assert {text.split(": ")[-1] for text in texts(facts, "markedStillExists")} == {
        "the replication that runs deletes it"
    }
