"""What answers leave out: as recorded answers of RDS, or more."""

from __future__ import annotations

import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from accounts import Account, Admin, B, Server, refused, tags, until
from local_cloud import Cloud
from test_protocol import emulator_command

TIMES = ("SnapshotCreateTime", "OriginalSnapshotCreateTime", "SnapshotDatabaseTime")
# The switches as the server starts.
HARDER = {**Admin.SWITCHES, "availableFlaps": True}


def test_only_describe_and_list_tags_show_tags(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    given = tags(team="red")
    instance, snapshot, copy = a.arn("db", "untold"), a.arn("snapshot", "untold"), a.arn("snapshot", "untold-copy")
    made = a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="untold", Tags=given)[
        "DBSnapshot"
    ]
    assert a.snapshot("untold")["TagList"] == given
    a.until_snapshot("untold")
    parameters = {"SourceDBSnapshotIdentifier": "untold", "TargetDBSnapshotIdentifier": "untold-copy"}
    copied = a.rds.copy_db_snapshot(**parameters, Tags=given)["DBSnapshot"]
    assert a.snapshot("untold-copy")["TagList"] == given
    restored = a.restore("untold", "untold", Tags=given)
    assert a.instance("untold")["TagList"] == given
    a.until_snapshot("untold-copy")
    a.until_instance("untold", "available")
    modified = a.modify("untold", CopyTagsToSnapshot=True)
    a.until_modified("untold")
    created = a.create("untold-new", Tags=given)
    for arn in (instance, snapshot, copy, a.arn("db", "untold-new")):
        assert a.rds.list_tags_for_resource(ResourceName=arn)["TagList"] == given
    a.until_instance("untold-new", "available")
    deleted = [
        a.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)["DBInstance"]
        for name in ("untold", "untold-new")
    ]
    gone = [a.rds.delete_db_snapshot(DBSnapshotIdentifier=name)["DBSnapshot"] for name in (snapshot, copy)]
    for answer in (made, copied, restored, modified, created, *deleted, *gone):
        assert "TagList" not in answer, answer


def test_what_is_not_complete_tells_no_time(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.timing(snapshotSeconds=0.5, copySeconds=0.5)
    begun = [a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="timed")["DBSnapshot"]]
    begun.append(a.snapshot("timed"))
    original = a.until_snapshot("timed")
    parameters = {"SourceDBSnapshotIdentifier": "timed", "TargetDBSnapshotIdentifier": "timed-copy"}
    begun.append(a.rds.copy_db_snapshot(**parameters)["DBSnapshot"])
    begun.append(a.snapshot("timed-copy"))
    copy = a.until_snapshot("timed-copy")
    for snapshot in begun:
        assert snapshot["Status"] == "creating"
        assert not [name for name in (*TIMES, "FullSnapshotSizeInBytes") if name in snapshot], snapshot
    for snapshot in (original, copy):
        assert snapshot["FullSnapshotSizeInBytes"] > 20_000_000
        # No recorded answer for PostgreSQL has it; the switch shows it.
        assert "SnapshotDatabaseTime" not in snapshot
    assert (
        copy["OriginalSnapshotCreateTime"] == original["OriginalSnapshotCreateTime"] == original["SnapshotCreateTime"]
    )
    assert copy["SnapshotCreateTime"] > original["SnapshotCreateTime"]
    # Inside one account and Region a copy does not tell its source (model).
    assert "SourceDBSnapshotIdentifier" not in copy
    admin.switches(snapshotDatabaseTime=True)
    assert a.snapshot("timed-copy")["SnapshotDatabaseTime"] == a.snapshot("timed")["SnapshotDatabaseTime"]
    a.forget("timed", "timed-copy")
    a.until_instance("plain", "available")


def test_a_failed_snapshot_tells_no_time(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.timing(copySeconds=30)
    source = a.take_snapshot("plain")
    a.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier="timeless")
    a.forget(source)
    failed = a.until_snapshot("timeless", "failed")
    assert not [name for name in TIMES if name in failed]
    a.forget("timeless")


def test_every_instance_has_a_resource_id_of_its_own(a: Account, plain_snapshot: str) -> None:
    seen = {a.instance(name)["DbiResourceId"] for name in ("orders", "plain")}
    for _turn in range(2):
        begun = a.restore("again", plain_snapshot)
        assert begun["DbiResourceId"] == a.until_instance("again", "available")["DbiResourceId"]
        assert begun["DbiResourceId"] not in seen
        seen.add(begun["DbiResourceId"])
        ended = a.rds.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)["DBInstance"]
        assert ended["DbiResourceId"] == begun["DbiResourceId"]
        a.until_gone("again")
    assert len(seen) == 4
    assert all(identifier.startswith("db-") and identifier[3:].isalnum() for identifier in seen)


def test_encryption_is_told_by_its_type(a: Account, snapshot: str, plain_snapshot: str) -> None:
    assert [a.snapshot(one)["StorageEncryptionType"] for one in (snapshot, plain_snapshot)] == ["sse-kms", "none"]
    assert [a.instance(one)["StorageEncryptionType"] for one in ("orders", "plain")] == ["sse-kms", "none"]


# What faults on order hide


def always(admin: Admin, action: str, effect: str, **more: object) -> None:
    admin.fault(action, effect, times=1_000_000, **more)


def test_tags_are_hidden_from_one_action_and_not_from_another(a: Account, plain_snapshot: str, admin: Admin) -> None:
    instance = a.arn("db", "plain")
    a.rds.add_tags_to_resource(ResourceName=instance, Tags=tags(team="red"))
    always(admin, "DescribeDBInstances", "hideTags")
    assert "TagList" not in a.instance("plain")
    assert a.rds.list_tags_for_resource(ResourceName=instance)["TagList"] == tags(team="red")
    assert a.snapshot(plain_snapshot)["TagList"] == []
    always(admin, "ListTagsForResource", "hideTags")
    assert a.rds.list_tags_for_resource(ResourceName=instance)["TagList"] == []
    admin.call("DELETE", "faults")
    assert a.instance("plain")["TagList"] == tags(team="red")
    a.rds.remove_tags_from_resource(ResourceName=instance, TagKeys=["team"])


def test_reads_are_as_old_as_ordered(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="older")
    a.until_snapshot("older")
    a.until_instance("plain", "available")
    always(admin, "DescribeDBSnapshots", "stale", age=2)
    always(admin, "DescribeDBInstances", "stale", age=2)
    a.rds.add_tags_to_resource(ResourceName=a.arn("db", "plain"), Tags=tags(team="red"))
    a.rds.delete_db_snapshot(DBSnapshotIdentifier="older")
    gone_at = datetime.now(timezone.utc)

    def found() -> bool:
        return any(one["DBSnapshotIdentifier"] == "older" for one in a.rds.describe_db_snapshots()["DBSnapshots"])

    assert a.instance("plain")["TagList"] == []
    until(found, "the time at which it was there")
    until(lambda: not found(), "the time at which it was gone")
    assert datetime.now(timezone.utc) - gone_at > timedelta(seconds=1.8)
    until(lambda: a.instance("plain")["TagList"] == tags(team="red"), "the tag to be seen")
    # Whoever acts meets the present.
    a.rds.remove_tags_from_resource(ResourceName=a.arn("db", "plain"), TagKeys=["team"])
    with refused("DBSnapshotNotFound"):
        a.rds.delete_db_snapshot(DBSnapshotIdentifier="older")


def test_new_things_are_seen_late(a: Account, b: Account, snapshot: str, key_of_b: str, admin: Admin) -> None:
    always(admin, "*", "late", age=1.5)
    until(lambda: a.snapshot_names(DBInstanceIdentifier="orders"), "the snapshot")
    a.restore("unseen", snapshot)
    with refused("DBInstanceNotFound"):
        a.instance("unseen")
    with refused("DBInstanceNotFound"):
        a.rds.list_tags_for_resource(ResourceName=a.arn("db", "unseen"))
    with refused("DBInstanceAlreadyExists"):
        a.restore("unseen", snapshot)
    a.share(snapshot, B)
    copy = {"SourceDBSnapshotIdentifier": snapshot, "TargetDBSnapshotIdentifier": "unseen", "KmsKeyId": key_of_b}
    with refused("DBSnapshotNotFound"):
        b.snapshot(snapshot, IncludeShared=True)
    with refused("DBSnapshotNotFound"):
        b.rds.copy_db_snapshot(**copy)
    assert b.rds.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"] == []
    until(lambda: b.rds.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"], "the shared snapshot")
    b.rds.copy_db_snapshot(**copy)
    until(lambda: "unseen" in a.instance_names(), "the instance")
    admin.call("DELETE", "faults")
    a.until_instance("unseen", "available")
    a.drop("unseen")
    b.until_snapshot("unseen")
    b.forget("unseen")
    a.until_gone("unseen")


# What a restored instance does before it rests


def statuses(a: Account, name: str, last: int) -> list[tuple[str, bool]]:
    """The statuses that an instance goes through, so many, and whether it has an endpoint in each."""
    seen: list[tuple[str, bool]] = []

    def look() -> bool:
        found = a.instance(name)
        now = (found["DBInstanceStatus"], "Endpoint" in found)
        if not seen or seen[-1] != now:
            seen.append(now)
        return len(seen) == last

    until(look, f"{last} statuses of {name}")
    return seen


def test_available_flaps_after_a_restore(a: Account, plain_snapshot: str, admin: Admin) -> None:
    admin.timing(restoreSeconds=0.3, flapSeconds=0.4, backingUpSeconds=0.4)
    admin.switches(availableFlaps=True, flapStatus="rebooting")
    a.restore("flapping", plain_snapshot)
    expected = ["creating", "available", "rebooting", "backing-up", "available"]
    assert statuses(a, "flapping", 5) == [(status, status != "creating") for status in expected]
    a.drop("flapping")
    a.until_gone("flapping")


def test_what_is_done_in_the_meantime_is_not_undone(a: Account, plain_snapshot: str, admin: Admin) -> None:
    admin.timing(flapSeconds=0.3, deleteSeconds=1)
    admin.switches(availableFlaps=True)
    a.restore("overtaken", plain_snapshot)
    a.until_instance("overtaken", "available")
    a.drop("overtaken")
    assert statuses(a, "overtaken", 1) == [("deleting", True)]
    a.until_gone("overtaken")


def test_a_status_on_order_stays(a: Account, plain_snapshot: str, admin: Admin) -> None:
    admin.timing(flapSeconds=0.2)
    admin.switches(availableFlaps=True)
    a.restore("ordered", plain_snapshot)
    a.until_instance("ordered", "available")
    admin.set_status(a.arn("db", "ordered"), "available")
    ended = time.monotonic() + 0.8
    while time.monotonic() < ended:
        assert a.instance("ordered")["DBInstanceStatus"] == "available"
    a.drop("ordered")
    a.until_gone("ordered")


def test_backing_up_lasts_long_and_can_be_used(a: Account, plain_snapshot: str, admin: Admin) -> None:
    admin.timing(backingUpSeconds=30)
    a.restore("copying-itself", plain_snapshot)
    with Server(a.until_instance("copying-itself", "backing-up")).connect() as database:
        assert database.run("SELECT 1") == [[1]]
    with refused("InvalidDBInstanceState"):
        a.drop("copying-itself")
    admin.set_status(a.arn("db", "copying-itself"), "available")
    a.drop("copying-itself")
    # Without automated backups there is nothing to back up.
    a.restore("quiet", plain_snapshot, BackupRetentionPeriod=0)
    assert [status for status, _ in statuses(a, "quiet", 2)] == ["creating", "available"]
    a.drop("quiet")


def test_the_harder_way_is_the_default(cloud: Cloud, tmp_path: Path) -> None:
    """Another emulator, started with an option for a quota."""
    command = [*emulator_command(cloud, tmp_path / "data", "127.0.0.1:0"), "--manual-snapshots", "7"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        other = Admin(Cloud(tmp_path, {**cloud.state, "rds": {"url": url}}))
        switches, quotas = other.call("GET", "switches"), other.call("GET", "quotas")
    finally:
        process.kill()
        process.wait(timeout=20)
    assert switches == HARDER
    assert quotas["manualSnapshots"] == 7
    wrong = subprocess.run([*command, "--colour", "red"], capture_output=True, text=True, timeout=20, check=False)
    assert wrong.returncode != 0
    assert "--colour is not an option" in wrong.stderr
