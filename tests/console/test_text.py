"""The report as text: what a person pastes into a ticket."""

from __future__ import annotations

from dataclasses import replace

from console.status.facts import Alarm, Facts, Unreadable
from console.status.report import report
from console.status.text import WIDTH, render
from world import (
    DESTINATION_STATES,
    SOURCE_STATES,
    ago,
    copy_in_destination,
    destination_run,
    encrypted_copy,
    instance,
    report_of,
    rollback,
    source_run,
    source_snapshot,
    world,
)

ALL_WELL = """\
status of the restored databases in account 222222222222, eu-west-1, at 2026-11-22T12:00:00Z

orders: live version 11, data 59 min old, 1 older version to roll back to and 1 more to restore, last replication succeeded 46 min ago
======================================================================================================================================

  from          source account 111111111111, stack source-stack
  to            stack destination-stack (CREATE_COMPLETE)
  secret        orders/read names copy-11.c1.example
  live          version 11, copy-11, available, made 2026-11-22T11:40:00Z (20 min ago)
  its data      as of 2026-11-22T11:01:00Z (59 min ago); more than 48 h is too old
  schedule      cron(0 * * * ? *) UTC, ENABLED
  alarms        DeadLetterAlarm OK, StaleCopyAlarm OK
  dead letters  0 messages

versions, newest first
  version  instance  RDS status  what it is              data as of              data age    size
  -------  --------  ----------  ----------------------  --------------------  ----------  ------
       11  copy-11   available   live                    2026-11-22T11:01:00Z      59 min  20 GiB
       10  copy-10   available   older, to roll back to  2026-11-22T10:01:00Z  1 h 59 min  20 GiB

where they came from
  version  replication              created               snapshot                      where
  -------  -----------------------  --------------------  ----------------------------  --------------------
       11  20261122t110000z-00000b  2026-11-22T11:40:00Z  snap-20261122t110000z-00000b  in source
       10  20261122t100000z-00000a  2026-11-22T10:40:00Z  copy-20261122t100000z-00000a  in destination, gone

versions that exist only as a snapshot in the destination account; scripts/rollback VERSION --destination-stack destination-stack restores one
  version  snapshot                      data as of              data age    size
  -------  ----------------------------  --------------------  ----------  ------
        9  copy-20261122t090000z-000009  2026-11-22T09:01:00Z  2 h 59 min  20 GiB

replications, newest first
  replication              started                      age  source     destination  version  secret
  -----------------------  --------------------  ----------  ---------  -----------  -------  ------
  20261122t110000z-00000b  2026-11-22T11:00:00Z  1 h 00 min  succeeded  succeeded         11  moved

how long their stages took
  replication              snapshot  copy in A  share  notify  prune in A  copy in B  restore  secret  prune in B  in all
  -----------------------  --------  ---------  -----  ------  ----------  ---------  -------  ------  ----------  ------
  20261122t110000z-00000b      60 s       60 s   60 s    60 s        60 s       60 s     60 s    60 s        60 s  14 min

snapshots in the source account
  snapshot                              kind             status       size  encrypted  data as of            data age  shared with
  ------------------------------------  ---------------  ---------  ------  ---------  --------------------  --------  ------------
  snap-20261122t110000z-00000b-copy-in  encrypted copy   available  20 GiB  yes        2026-11-22T11:01:00Z    59 min  222222222222
  snap-20261122t110000z-00000b          of the database  available  20 GiB  no         2026-11-22T11:01:00Z    59 min  nobody

snapshots in the destination account
  snapshot                      kind  status       size  encrypted  data as of              data age  version
  ----------------------------  ----  ---------  ------  ---------  --------------------  ----------  -------
  copy-20261122t110000z-00000b  copy  available  20 GiB  yes        2026-11-22T11:01:00Z      59 min       11
  copy-20261122t090000z-000009  copy  available  20 GiB  yes        2026-11-22T09:01:00Z  2 h 59 min        9
"""


def text(facts: Facts, last: int = 5) -> str:
    return render(report(facts, last))


def rows_of(shown: str, title: str) -> list[str]:
    """The rows of the table under a title, without its head."""
    block = shown.split(f"\n{title}\n")[1].split("\n\n")[0]
    return block.rstrip("\n").split("\n")[2:]


def test_all_of_it() -> None:
    kept = [copy_in_destination(number, tags={"rds-replication:version": str(number)}) for number in (9, 11)]
    facts = world(
        instances=[instance(10, tags={"rds-replication:data-time": "2026-11-22T10:01:00Z"}), instance(11)],
        snapshots=kept,
        runs=[destination_run(11)],
        source_changes={"snapshots": [source_snapshot(11), encrypted_copy(11)]},
    )
    assert text(facts) == ALL_WELL


def test_what_went_wrong_comes_right_after_the_headline() -> None:
    cause = "restoring snapshot copy-20261122t110000z-00000b as database copy-11: it is incompatible-restore. " * 3
    failed = destination_run(11, DESTINATION_STATES[:2], status="FAILED", error="RestoreFailed", cause=cause)
    marked = instance(9, tags={"to-be-deleted": "True"})
    facts = world(
        live=10,
        instances=[marked, instance(10), instance(11, status="incompatible-restore")],
        runs=[failed, destination_run(10)],
        alarms=[Alarm("StaleCopyAlarm", "ALARM", ago(hours=2))],
        rollbacks=Unreadable("AccessDeniedException"),
        source=Unreadable("ProfileNotFound"),
    )
    lines = text(facts).splitlines()
    assert lines[2].startswith(
        "orders: live version 10, data 1 h 59 min old, 1 older version to roll back to (1 of them "
    )
    assert set(lines[4]) == {"="}
    shown = "\n".join(lines)
    assert (
        "\nwarning: the last replication 20261122t110000z-00000b failed in the destination account, restore: RestoreFailed: restoring"
        in shown
    )
    assert (
        "\nwarning: version 9 (copy-9) is marked to-be-deleted and still exists: the next replication deletes it\n"
        in shown
    )
    assert "\nwarning: StaleCopyAlarm is in alarm since 2026-11-22T10:00:00Z\n" in shown
    assert "\nthe rollbacks: not readable with these credentials (AccessDeniedException)\n" in shown
    assert (
        "\nthe source account: not readable with these credentials (ProfileNotFound: there is no such profile)\n"
        in shown
    )
    assert "  20261122t110000z-00000b  2026-11-22T11:10:00Z      50 min  not readable  FAILED: restore" in shown
    assert "  20261122t110000z-00000b: RestoreFailed: restoring snapshot" in shown
    assert max(map(len, lines)) <= WIDTH


def test_every_state_of_a_replication_has_a_word() -> None:
    lost, by_hand = source_run(8), destination_run(9, name="typed")
    running = source_run(11, SOURCE_STATES[:2], status="RUNNING")
    failed = source_run(10, SOURCE_STATES[:1], status="FAILED", error="SnapshotFailed")
    facts = world(runs=[by_hand], source_changes={"runs": [running, failed, source_run(9), lost]})
    rows = [row.split(maxsplit=2)[-1] for row in rows_of(text(facts), "replications, newest first")]
    assert [" ".join(row.split()) for row in rows] == [
        "1 h 00 min running: copy in A no run -",
        "2 h 00 min FAILED: snapshot no run -",
        "3 h 00 min succeeded succeeded, by hand 9 moved",
        "4 h 00 min succeeded DID NOT ARRIVE -",
        "SnapshotFailed",
    ]


def test_rollbacks_are_told() -> None:
    restored = rollback("previous", 12, made={"restoredVersion": 9})
    failed = rollback(99, 12, status="FAILED", error="VersionNotFound", cause="the versions that exist: 11 (live), 10")
    shown = text(world(rollbacks=[failed, restored]))
    assert [" ".join(row.split()) for row in rows_of(shown, "rollbacks, newest first")] == [
        "2026-11-22T11:50:00Z 10 min 99 FAILED: secret 12 copy-12 moved 60 s 60 s",
        "2026-11-22T11:50:00Z 10 min previous succeeded 12 copy-12 snapshot of version 9 moved 60 s 60 s",
        "2026-11-22T11:50:00Z: VersionNotFound: the versions that exist: 11 (live), 10",
    ]


def test_names_are_never_cut_and_no_other_line_is_too_long() -> None:
    long = "the-database-of-the-department-with-the-longest-name-of-all"
    kept = [replace(copy_in_destination(9), identifier=f"{long}-{'again-' * 15}20261122t090000z-000009")]
    lines = text(world(instances=[replace(instance(11), identifier=long)], snapshots=kept)).splitlines()
    assert f"  {kept[0].identifier}" in lines
    assert [line for line in lines if len(line) > WIDTH and kept[0].identifier not in line] == []
    assert any(long in line for line in lines)


def test_text_of_others_cannot_move_the_cursor() -> None:
    failed = destination_run(11, DESTINATION_STATES[:1], status="FAILED", error="Rejected\x1b[2J", cause="a\nb\x07c")
    shown = text(world(runs=[failed]))
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert "a b?c" in shown


def test_an_account_without_a_stack_is_said() -> None:
    assert text(replace(world(), databases=[])).endswith("\n\nno destination stack was found here\n")


def test_text_and_json_come_from_the_same_report() -> None:
    database = report_of(world())
    assert database["headline"] in text(world())
