"""What is made of the facts: standings, ages, origins, outcomes, the headline and the warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timezone

import pytest

from console.screen import age, timestamp
from console.status.facts import Alarm, Pointer, Schedule, Unreadable, id_time, parse_time, version_in
from console.status.report import is_complete, report
from world import (
    DESTINATION,
    DESTINATION_STATES,
    A,
    B,
    ago,
    arn,
    copy_in_destination,
    destination_run,
    encrypted_copy,
    host,
    instance,
    replication_id,
    report_of,
    rollback,
    source_snapshot,
    warnings,
    world,
)

MARK = {"to-be-deleted": "True"}


# ------------------------------------------------------------------------------------------------------ small things


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (11100, "3 h 05 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 0 h"),
        (187200, "2 d 4 h"),
    ],
)
def test_ages_have_units(seconds: float, said: str) -> None:
    assert age(seconds) == said


def test_moments_are_utc_to_the_second_however_they_are_written() -> None:
    for text in (
        "2026-11-22T10:34:00Z",
        "2026-11-22T10:34:00.123456789Z",
        "2026-11-22 11:34:00+01:00",
        "2026-11-22t05:04:00-0530",
    ):
        assert timestamp(parse_time(text)) == "2026-11-22T10:34:00Z", text
    for text in (None, "", "yesterday", "2026-11-22", "2026-11-22T10:34:00", "2026-13-22T10:34:00Z"):
        assert parse_time(text) is None, text
    assert id_time("20261122t103400z-1f2e3d") == parse_time("2026-11-22T10:34:00Z").astimezone(timezone.utc)
    assert id_time("by-hand") is None and id_time("20269922t103400z-1f2e3d") is None


def test_digits_in_a_prefix_are_never_a_version() -> None:
    assert version_in("app3", "app3-7") == 7
    assert [version_in("app", name) for name in ("app3-7", "app-07", "app-7-final", "app-", "app")] == [None] * 5


# --------------------------------------------------------------------------------------------------- when all is well


def test_the_headline_is_what_a_person_reads_first() -> None:
    database = report_of(world())
    assert database["headline"] == (
        "live version 11, data 59 min old, 2 older versions to roll back to, last replication succeeded 46 min ago"
    )
    assert database["warnings"] == [] and database["unreadable"] == {}
    assert [(one["version"], one["standing"]) for one in database["versions"]] == [
        (11, "live"),
        (10, "older"),
        (9, "older"),
    ]
    assert database["live"] == database["versions"][0]
    assert database["live"]["ageSeconds"] == 20 * 60


def test_the_report_can_be_written_as_it_is_and_says_when() -> None:
    document = report(world())
    assert json.loads(json.dumps(document)) == document
    assert (document["format"], document["at"], document["destinationAccount"]) == (1, "2026-11-22T12:00:00Z", B)
    assert is_complete(document)


def test_a_replication_is_reported_with_both_runs_and_its_stages() -> None:
    newest = report_of(world())["replications"][0]
    assert (newest["id"], newest["outcome"], newest["version"]) == (replication_id(11), "succeeded", 11)
    assert newest["seconds"] == 14 * 60, "from the start in the source to the end in the destination"
    assert [(stage["stage"], stage["seconds"]) for stage in newest["destination"]["stages"]] == [
        ("copy in B", 60),
        ("restore", 60),
        ("secret", 60),
        ("prune in B", 60),
    ]
    assert len(report_of(world(), last=2)["replications"]) == 2


def test_a_loop_belongs_to_its_stage() -> None:
    looped = ("CopySharedSnapshotInTargetAccount",) * 3 + ("RestoreDBInstance",)
    run = destination_run(11, looped, status="RUNNING", seconds=100)
    stages = report_of(world(runs=[run]))["replications"][0]["destination"]["stages"]
    # The last stage has not ended, so it lasts until now: from 11:15.
    assert [stage["seconds"] for stage in stages] == [300, 45 * 60]


# ------------------------------------------------------------------------------------------- data time and the lineage


def test_the_age_of_the_data_is_the_tags_then_the_snapshots_and_never_the_copys() -> None:
    tagged = instance(11, tags={"rds-replication:data-time": "2026-11-22T08:00:00Z"})
    live = report_of(world(instances=[tagged]))["live"]
    assert (live["dataTime"], live["dataTimeFrom"], live["dataAgeSeconds"]) == ("2026-11-22T08:00:00Z", "tag", 4 * 3600)

    live = report_of(world())["live"]
    assert (live["dataTime"], live["dataTimeFrom"]) == ("2026-11-22T11:01:00Z", "snapshot")

    only_in_a = report_of(world(snapshots=[]))["live"]
    assert (only_in_a["dataTime"], only_in_a["dataTimeFrom"]) == ("2026-11-22T11:01:00Z", "snapshot")

    facts = world(snapshots=[], source_changes={"snapshots": []})
    live = report_of(facts)["live"]
    assert (live["dataTime"], live["dataTimeFrom"], live["dataAgeSeconds"]) == (None, None, None)
    assert "data of unknown age" in report_of(facts)["headline"]
    assert warnings(facts) == ["dataTimeUnknown"]


def test_a_tag_that_is_no_time_is_passed_over() -> None:
    odd = instance(11, tags={"rds-replication:data-time": "lunchtime"})
    assert report_of(world(instances=[odd]))["live"]["dataTimeFrom"] == "snapshot"


def test_the_source_snapshot_is_followed_as_far_as_tags_lead() -> None:
    def origin(**changes: object) -> dict:
        return report_of(world(**changes))["live"]["sourceSnapshot"]

    name = f"snap-{replication_id(11)}"
    assert origin() == {"arn": arn(A, name), "name": name, "isInSource": True, "exists": True}
    # Only B is readable: its copy says from which snapshot of A it was copied.
    assert origin(source=Unreadable("AccessDenied")) == {
        "arn": arn(A, f"{name}-copy-in"),
        "name": f"{name}-copy-in",
        "isInSource": True,
        "exists": None,
    }
    # A has pruned both; the tag still says which it was.
    assert origin(source_changes={"snapshots": []})["exists"] is False
    # The destination's copy is gone: the replication's id leads on.
    assert origin(snapshots=[]) == {"arn": arn(A, name), "name": name, "isInSource": True, "exists": True}
    # Nothing is left but the instance's own tag.
    own = origin(snapshots=[], source_changes={"snapshots": []})
    assert own == {
        "arn": arn(B, f"copy-{replication_id(11)}"),
        "name": f"copy-{replication_id(11)}",
        "isInSource": False,
        "exists": False,
    }
    bare = instance(11, tags={"rds-replication:source-snapshot": None, "rds-replication:id": None})
    bare = replace(bare, arn="arn:aws:rds:eu-west-1:222222222222:db:bare")
    assert report_of(world(instances=[bare], snapshots=[]))["live"]["sourceSnapshot"] is None


def test_tags_that_lead_in_a_circle_end() -> None:
    first = copy_in_destination(11, tags={"rds-replication:source-snapshot": arn(B, f"copy-{replication_id(10)}")})
    second = copy_in_destination(10, tags={"rds-replication:source-snapshot": arn(B, f"copy-{replication_id(11)}")})
    assert report_of(world(snapshots=[first, second]))["live"]["dataTime"] == "2026-11-22T11:01:00Z"


# -------------------------------------------------------------------------------------------------------- the versions


def test_what_is_newer_than_live_is_reported_apart_in_words() -> None:
    others = [
        instance(12),
        instance(13),
        instance(14, status="creating"),
        instance(15, status="incompatible-restore"),
        instance(16, status="storage-full"),
        instance(17),
    ]
    runs = [
        destination_run(11),
        destination_run(12, outcome="heldBack"),
        destination_run(13, DESTINATION_STATES[:2], status="FAILED", error="InstanceNotReady"),
        destination_run(17, DESTINATION_STATES[:2], status="RUNNING"),
    ]
    database = report_of(
        world(instances=[instance(10), instance(11), *others], runs=runs, parameters={"Promote": "manual"})
    )
    said = {one["version"]: (one["standing"], one["words"], one["canRollBack"]) for one in database["versions"]}
    assert said == {
        17: ("inProgress", "being made", True),
        16: ("broken", "cannot be used as it is", False),
        15: ("failed", "left by a restore that failed", False),
        14: ("inProgress", "being made", False),
        13: ("leftover", "left by a replication that failed", True),
        12: ("heldBack", "held back (Promote=manual)", True),
        11: ("live", "live", False),
        10: ("older", "older, to roll back to", True),
    }
    assert "1 newer version held back" in database["headline"]
    assert [warning["text"] for warning in database["warnings"] if warning["name"] == "leftover"] == [
        "version 16 (copy-16) is storage-full: cannot be used as it is",
        "version 15 (copy-15) is incompatible-restore: left by a restore that failed",
        "version 13 (copy-13) is available: left by a replication that failed",
    ]


def test_a_replication_that_failed_once_and_was_mended_by_hand_leaves_nothing_over() -> None:
    failed = destination_run(12, DESTINATION_STATES[:2], status="FAILED", error="ServiceFault")
    again = destination_run(12, name="again", minute=30, outcome="heldBack")
    database = report_of(world(instances=[instance(11), instance(12)], runs=[again, failed, destination_run(11)]))
    assert database["versions"][0]["standing"] == "heldBack"


def test_older_ones_that_cannot_be_rolled_back_to_now_are_not_counted() -> None:
    instances = [
        instance(11),
        instance(10, status="stopped"),
        instance(9, status="modifying"),
        instance(8, status="failed"),
        instance(7, status="deleting"),
        instance(6),
        instance(5, tags={"rds-replication:version": None}),
    ]
    database = report_of(world(instances=instances))
    assert [(one["version"], one["standing"]) for one in database["versions"]] == [
        (11, "live"),
        (10, "stopped"),
        (9, "busy"),
        (8, "failed"),
        (7, "deleting"),
        (6, "older"),
        (None, "unnumbered"),
    ]
    assert "1 older version to roll back to" in database["headline"]


def test_what_others_made_is_no_version() -> None:
    foreign = instance(12, tags={"rds-replication:stack": "another"})
    by_hand = instance(13, identifier="investigation-13")
    bare = replace(instance(14), tags={})
    database = report_of(world(instances=[instance(11), foreign, by_hand, bare]))
    assert [one["version"] for one in database["versions"]] == [11]


def test_a_rollback_that_is_running_is_making_its_version() -> None:
    restored = instance(12, tags={"rds-replication:restored-version": "9"})
    running = rollback(9, 12, status="RUNNING", made={"restoredVersion": 9})
    database = report_of(world(instances=[instance(11), restored], rollbacks=[running]))
    assert database["versions"][0]["standing"] == "inProgress"
    database = report_of(world(live=12, instances=[instance(11), restored], rollbacks=[]))
    assert database["headline"].startswith("live version 12 (data of version 9), data ")


def test_versions_that_exist_only_as_a_snapshot_can_be_restored() -> None:
    kept = [copy_in_destination(number, tags={"rds-replication:version": str(number)}) for number in (8, 9, 10, 11)]
    kept += [
        copy_in_destination(7, tags={"rds-replication:version": "7"}, status="creating"),
        copy_in_destination(6),
        # A person's snapshot of version 5 carries its tags, and is no copy of a snapshot of the source.
        copy_in_destination(5, tags={"rds-replication:version": "5"}, identifier="before-the-test", database="copy-5"),
    ]
    restored = instance(12, tags={"rds-replication:restored-version": "9"})
    database = report_of(world(instances=[instance(10, status="failed"), instance(11), restored], snapshots=kept))
    assert [(one["version"], one["restoredAs"]) for one in database["restorable"]] == [(10, []), (9, [12]), (8, [])]
    assert database["restorable"][0]["dataTime"] == "2026-11-22T10:01:00Z"
    assert "no older version to roll back to but 2 to restore from a snapshot" in database["headline"]
    database = report_of(world(instances=[instance(10), instance(11)], snapshots=kept))
    assert "1 older version to roll back to and 2 more to restore" in database["headline"]


# --------------------------------------------------------------------------------------------------------- the warnings


def test_a_secret_that_names_nothing_of_ours_is_said_and_how() -> None:
    def text(**changes: object) -> str:
        database = report_of(world(**changes))
        assert database["live"] is None and "NO LIVE VERSION" in database["headline"]
        return next(warning["text"] for warning in database["warnings"] if warning["name"] == "nothingLive")

    assert text(live=None) == "the secret names no database yet: db_host is empty"
    assert text(live=7) == "the secret names a database that is not in this account: copy-7.c1.example"
    other = replace(instance(7), identifier="reports", tags={})
    assert text(live=7, instances=[instance(11), other]) == (
        "the secret names reports, which this stack did not make (copy-7.c1.example)"
    )
    original = replace(instance(7), tags={})
    assert text(live=7, instances=[instance(11), original]).endswith(
        "; if the original of this project did, scripts/adopt --destination-stack destination-stack makes it a version"
    )
    versions = report_of(world(live=None))["versions"]
    assert {one["standing"] for one in versions} == {"kept"} and all(one["canRollBack"] for one in versions)


def test_a_live_instance_that_does_not_answer_is_in_the_headline() -> None:
    facts = world(instances=[instance(11, status="stopped", tags=MARK), instance(10)])
    assert "live version 11 is STOPPED" in report_of(facts)["headline"]
    assert warnings(facts) == ["liveNotAvailable", "liveMarked"]


def test_data_that_is_too_old_is_said_unless_nobody_wants_to_know() -> None:
    old = [instance(11, tags={"rds-replication:data-time": "2026-11-20T11:59:59Z"})]
    assert warnings(world(instances=old)) == ["dataTooOld"]
    assert warnings(world(instances=old, parameters={"MaxHoursWithoutReplication": "0"})) == []
    assert warnings(world(instances=[instance(11, tags={"rds-replication:data-time": "2026-11-20T12:00:00Z"})])) == []


@pytest.mark.parametrize(
    ("changes", "left", "reason"),
    [
        ({}, (), "the next replication deletes it"),
        ({"deletion_protection": True}, (), "it has deletion protection, so an operator has to decide"),
        ({"status": "modifying"}, (), "it is modifying; a later replication deletes it"),
        (
            {},
            ({"identifier": "copy-9", "reason": "3 deletions per run are allowed"},),
            "3 deletions per run are allowed",
        ),
    ],
)
def test_what_is_marked_and_still_exists_is_said_with_the_reason(changes: dict, left: tuple, reason: str) -> None:
    instances = [instance(11), instance(10), instance(9, tags=MARK, **changes)]
    database = report_of(world(instances=instances, runs=[destination_run(11, left=left)]))
    assert [warning["text"] for warning in database["warnings"] if warning["name"] == "markedStillExists"] == [
        f"version 9 (copy-9) is marked to-be-deleted and still exists: {reason}"
    ]


def test_what_is_being_deleted_or_kept_again_needs_no_warning() -> None:
    left = ({"identifier": "copy-9", "reason": "it was busy"},)
    for one in (instance(9, tags=MARK, status="deleting"), instance(9)):
        assert warnings(world(instances=[instance(11), one], runs=[destination_run(11, left=left)])) == []


def test_a_snapshot_that_a_prune_could_not_delete_is_said() -> None:
    left = ({"identifier": f"copy-{replication_id(9)}", "reason": "deleting it: AccessDenied"},)
    assert warnings(world(runs=[destination_run(11, left=left)])) == ["notDeleted"]


def test_sharing_with_anybody_else_is_said() -> None:
    assert warnings(world(source_changes={"snapshots": [encrypted_copy(11, shared_with=[B, "333333333333"])]})) == [
        "sharedWithOthers"
    ]
    assert warnings(world(source_changes={"snapshots": [source_snapshot(11, shared_with=["all"])]})) == [
        "sharedWithOthers"
    ]


def test_alarms_dead_letters_and_a_stack_that_is_not_whole_are_said() -> None:
    facts = world(
        alarms=[Alarm("StaleCopyAlarm", "ALARM", ago(hours=1)), Alarm("DeadLetterAlarm", "OK")], dead_letters=2
    )
    assert [warning["text"] for warning in report_of(facts)["warnings"]] == [
        "StaleCopyAlarm is in alarm since 2026-11-22T11:00:00Z",
        "2 messages that could not be handled in the dead-letter queue",
    ]
    [database] = facts.databases
    whole = replace(
        database, alarms=[], dead_letters=None, stack=replace(database.stack, status="UPDATE_ROLLBACK_COMPLETE")
    )
    assert warnings(replace(facts, databases=[whole])) == ["stackNotComplete"]


# ------------------------------------------------------------------------------------------------ what cannot be read


def test_without_account_a_everything_of_b_is_still_told() -> None:
    database = report_of(world(source=Unreadable("ExpiredToken")))
    assert database["unreadable"] == dict.fromkeys(("sourceSnapshots", "sourceRuns", "schedule"), "ExpiredToken")
    assert database["headline"] == report_of(world())["headline"]
    assert [one["source"] for one in database["replications"]] == [None] * 3
    assert (database["sourceSnapshots"], database["schedule"], database["sourceStack"]) == (None, None, None)
    assert is_complete(report(world(source=Unreadable("ExpiredToken"))))


def test_each_thing_that_cannot_be_read_is_said_and_the_rest_told() -> None:
    denied = Unreadable("AccessDenied")
    of_b = {
        "secret": world(pointer=denied),
        "destinationRuns": world(runs=denied),
        "versions": replace(world(), instances=denied),
        "destinationSnapshots": replace(world(), snapshots=denied),
    }
    for name, facts in of_b.items():
        assert report_of(facts)["unreadable"] == {name: "AccessDenied"}, name
        assert not is_complete(report(facts)), name
    others = {
        "alarms": world(alarms=denied),
        "deadLetters": world(dead_letters=denied),
        "rollbacks": world(rollbacks=denied),
        "schedule": world(source_changes={"schedule": denied}),
        "sourceSnapshots": world(source_changes={"snapshots": denied}),
        "sourceRuns": world(source_changes={"runs": denied}),
    }
    for name, facts in others.items():
        assert report_of(facts)["unreadable"] == {name: "AccessDenied"}, name
        assert is_complete(report(facts)), name


def test_which_version_is_live_is_not_guessed() -> None:
    database = report_of(world(pointer=Unreadable("AccessDeniedException")))
    assert database["live"] is None and database["secret"] is None
    assert database["headline"].startswith("live version not readable, ")
    assert {one["standing"] for one in database["versions"]} == {"kept"}
    assert database["warnings"] == []


def test_only_as_and_only_bs_runs_are_told_as_such() -> None:
    database = report_of(world(runs=Unreadable("AccessDenied")))
    assert {one["outcome"] for one in database["replications"]} == {"unknown"}
    assert "last replication ended well in the source account 55 min ago" in database["headline"]


def test_an_empty_account_is_no_failure() -> None:
    facts = world(live=None, instances=[], snapshots=[], runs=[], source_changes={"runs": [], "snapshots": []})
    database = report_of(facts)
    assert database["headline"] == "NO LIVE VERSION, no older version to roll back to, no replication yet"
    assert warnings(facts) == ["nothingLive"]
    assert (database["versions"], database["restorable"], database["replications"]) == ([], [], [])
    assert is_complete(report(replace(facts, databases=[])))


def test_only_what_belongs_to_the_stack_is_reported_of_it() -> None:
    [first] = world().databases
    second = replace(
        first,
        stack=replace(
            first.stack, name="reports-stack", parameters={**first.stack.parameters, "DatabaseName": "reports"}
        ),
        pointer=Pointer(host(3, "reports"), "reports"),
    )
    theirs = instance(3, host=host(3, "reports"), tags={"rds-replication:stack": "reports-stack"})
    facts = world(instances=[instance(11), theirs])
    both = report(replace(facts, databases=[first, second]))["databases"]
    assert [one["live"]["version"] for one in both] == [11, 3]
    assert both[1]["destinationSnapshots"] == [] and both[0]["stack"] == DESTINATION


def test_the_schedule_is_reported() -> None:
    facts = world(source_changes={"schedule": Schedule("rate(1 day)", "DISABLED")})
    assert report_of(facts)["schedule"] == {"expression": "rate(1 day)", "state": "DISABLED"}
