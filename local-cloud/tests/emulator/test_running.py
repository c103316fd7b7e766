"""What an operator may do to an instance: stop, start and reboot it, rename it, give it read replicas."""

from __future__ import annotations

from collections.abc import Iterator

import pg8000
import pytest

from accounts import Account, Admin, Server, allow, refused, tags, until

HUNG_UP = (pg8000.exceptions.InterfaceError, ConnectionError)


@pytest.fixture
def played(a: Account, snapshot: str, admin: Admin) -> Iterator[Server]:
    """An encrypted instance that a test does things to."""
    a.restore("played", snapshot, Tags=tags(team="red"))
    yield a.server("played")
    admin.reset()
    for name in ("played", "played-renamed", "played-replica"):
        if name in a.instance_names():
            until(lambda name=name: not admin.instance(a.arn("db", name))["busy"], "rest")
            a.drop(name)
            a.until_gone(name)


def test_a_stopped_instance_does_not_run_and_starts_with_its_data(a: Account, played: Server, admin: Admin) -> None:
    with played.connect() as database:
        database.run("CREATE TABLE kept AS SELECT 7 AS number")
    admin.timing(modifySeconds=0.5)
    assert a.rds.stop_db_instance(DBInstanceIdentifier="played")["DBInstance"]["DBInstanceStatus"] == "stopping"
    with refused("InvalidDBInstanceState"):
        a.drop("played")
    stopped = a.until_instance("played", "stopped")
    assert stopped["Endpoint"] == played.instance["Endpoint"]
    with pytest.raises(HUNG_UP), played.connect():
        pass
    for refused_call in (
        lambda: a.rds.create_db_snapshot(DBInstanceIdentifier="played", DBSnapshotIdentifier="of-stopped"),
        lambda: a.modify("played", CopyTagsToSnapshot=True),
        lambda: a.rds.stop_db_instance(DBInstanceIdentifier="played"),
        lambda: a.rds.reboot_db_instance(DBInstanceIdentifier="played"),
        lambda: a.rds.delete_db_instance(DBInstanceIdentifier="played", FinalDBSnapshotIdentifier="of-stopped"),
    ):
        with refused("InvalidDBInstanceState"):
            refused_call()
    assert a.rds.start_db_instance(DBInstanceIdentifier="played")["DBInstance"]["DBInstanceStatus"] == "starting"
    with a.server("played").connect() as database:
        assert database.run("SELECT number FROM kept") == [[7]]
    with refused("InvalidDBInstanceState"):
        a.rds.start_db_instance(DBInstanceIdentifier="played")


def test_a_stopped_instance_is_deleted(a: Account, played: Server) -> None:
    a.rds.stop_db_instance(DBInstanceIdentifier="played")
    a.until_instance("played", "stopped")
    a.drop("played")
    a.until_gone("played")


def test_starting_takes_the_key(a: Account, played: Server, key: str) -> None:
    role = a.role(allow("rds:*"))
    a.rds.stop_db_instance(DBInstanceIdentifier="played")
    a.until_instance("played", "stopped")
    with refused("KMSKeyNotAccessibleFault", key):
        role.start_db_instance(DBInstanceIdentifier="played")
    assert a.instance("played")["DBInstanceStatus"] == "stopped"
    a.role(allow("rds:*"), allow("kms:*", resource=key)).start_db_instance(DBInstanceIdentifier="played")
    a.until_instance("played", "available")


def test_a_reboot_interrupts(a: Account, played: Server, admin: Admin) -> None:
    with pytest.raises(HUNG_UP + (pg8000.exceptions.DatabaseError,)), played.connect() as database:
        assert a.rds.reboot_db_instance(DBInstanceIdentifier="played")["DBInstance"]["DBInstanceStatus"] == "rebooting"
        a.until_instance("played", "available")
        database.run("SELECT 1")
    with a.server("played").connect() as database:
        assert database.run("SELECT 1") == [[1]]
    with refused("InvalidParameterCombination", "Multi-AZ"):
        a.rds.reboot_db_instance(DBInstanceIdentifier="played", ForceFailover=True)


def test_a_renamed_instance_is_the_same_one(a: Account, played: Server, admin: Admin) -> None:
    with refused("DBInstanceAlreadyExists"):
        a.modify("played", NewDBInstanceIdentifier="Orders")
    with refused("InvalidParameterValue"):
        a.modify("played", NewDBInstanceIdentifier="a--b")
    # It waits for the maintenance window unless it is to be applied now.
    a.modify("played", NewDBInstanceIdentifier="Played-Renamed")
    waiting = a.until_modified("played")
    assert waiting["PendingModifiedValues"] == {"DBInstanceIdentifier": "played-renamed"}
    admin.timing(modifySeconds=0.5)
    a.modify("played", NewDBInstanceIdentifier="Played-Renamed", ApplyImmediately=True)
    a.until_instance("played", "renaming")
    until(lambda: "played-renamed" in a.instance_names(), "the new name")
    renamed = a.until_modified("played-renamed")
    assert "played" not in a.instance_names()
    assert renamed["DbiResourceId"] == waiting["DbiResourceId"]
    assert renamed["TagList"] == tags(team="red")
    assert renamed["DBInstanceArn"] == a.arn("db", "played-renamed")
    assert renamed["Endpoint"]["Address"].startswith("played-renamed.")
    assert renamed["PendingModifiedValues"] == {}
    with Server(renamed).connect() as database:
        assert database.run("SELECT 1") == [[1]]
    with refused("DBInstanceNotFound"):
        a.instance("played")


def replica(a: Account, source: str = "played", **parameters: object) -> dict:
    return a.rds.create_db_instance_read_replica(
        DBInstanceIdentifier="played-replica", SourceDBInstanceIdentifier=source, **parameters
    )["DBInstance"]


def test_a_read_replica_is_bound_to_its_source(a: Account, played: Server) -> None:
    a.until_modified("played")
    begun = replica(a, Tags=tags(kind="replica"))
    assert begun["ReadReplicaSourceDBInstanceIdentifier"] == "played"
    with a.server("played-replica").connect() as database:
        assert database.run("SELECT 1") == [[1]]
    found = a.instance("played-replica")
    assert (found["TagList"], found["BackupRetentionPeriod"]) == (tags(kind="replica"), 0)
    assert found["DbiResourceId"] != played.instance["DbiResourceId"]
    assert a.instance("played")["ReadReplicaDBInstanceIdentifiers"] == ["played-replica"]
    for name in ("played", "played-replica"):
        with refused("InvalidDBInstanceState", "replica"):
            a.rds.stop_db_instance(DBInstanceIdentifier=name)
    with refused("InvalidParameterCombination", "replica"):
        a.rds.delete_db_instance(DBInstanceIdentifier="played-replica", FinalDBSnapshotIdentifier="last")
    with refused("InvalidParameterCombination", "BackupRetentionPeriod"):
        a.modify("played", BackupRetentionPeriod=0)
    # Without its source it stands on its own.
    a.drop("played")
    a.until_gone("played")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in a.instance("played-replica")


def test_a_source_of_replicas_has_automated_backups(a: Account, played: Server) -> None:
    a.modify("played", BackupRetentionPeriod=0, ApplyImmediately=True)
    a.until_modified("played")
    with refused("InvalidDBInstanceState", "Automated backups"):
        replica(a)
    with refused("DBInstanceNotFound"):
        replica(a, source="nothing")


def test_storage_is_filled_after_a_restore(a: Account, played: Server, plain_snapshot: str, admin: Admin) -> None:
    admin.timing(storageSeconds=1)
    a.restore("filling", plain_snapshot)
    filling = a.until_instance("filling", "available")
    assert filling["StorageOperationStatus"] == "Initializing"
    assert 0 <= filling["StorageOperationPercentProgress"] < 100
    until(lambda: "StorageOperationStatus" not in a.instance("filling"), "the end")
    assert "StorageOperationPercentProgress" not in a.instance("filling")
    a.drop("filling")


# Automated snapshots


def test_an_instance_with_backups_has_an_automated_snapshot(a: Account, played: Server, admin: Admin) -> None:
    def automated(name: str = "played") -> list[dict]:
        found = a.rds.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="automated")["DBSnapshots"]
        return [one for one in found if one["Status"] == "available"]

    (one,) = until(automated, "the automated snapshot")
    name = one["DBSnapshotIdentifier"]
    assert name.startswith("rds:played-20")
    assert one["SnapshotType"] == "automated"
    # Who does not say which type sees it among the manual ones.
    assert name in [found["DBSnapshotIdentifier"] for found in a.rds.describe_db_snapshots()["DBSnapshots"]]
    assert name not in a.snapshot_names()
    used = {quota["AccountQuotaName"]: quota["Used"] for quota in a.rds.describe_account_attributes()["AccountQuotas"]}
    assert used["ManualSnapshots"] == len(a.snapshot_names())
    with refused("InvalidDBSnapshotState", "manual"):
        a.rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    with refused("InvalidDBSnapshotState", "automated"):
        a.share(name, "222222222222")
    copy = a.copy(name)
    assert a.snapshot(copy)["SnapshotType"] == "manual"
    a.restore("from-automated", name, BackupRetentionPeriod=0)
    with a.server("from-automated").connect() as database:
        assert database.run("SELECT 1") == [[1]]
    assert automated("from-automated") == []
    assert until(lambda: automated("plain"), "that of one that was created")
    a.drop("from-automated")
    # It goes with its instance; the copy stays.
    a.drop("played")
    a.until_gone("played")
    until(lambda: not automated(), "its end")
    assert copy in a.snapshot_names()
    a.forget(copy)


@pytest.mark.parametrize("kept", [True, False])
def test_automated_snapshots_stay_if_they_are_to(a: Account, played: Server, kept: bool) -> None:
    def automated() -> list[str]:
        return a.snapshot_names(SnapshotType="automated", DbiResourceId=played.instance["DbiResourceId"])

    assert until(automated, "the automated snapshot")
    if kept:
        a.rds.delete_db_instance(DBInstanceIdentifier="played", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
        a.until_gone("played")
        assert automated()
    else:
        a.modify("played", BackupRetentionPeriod=0, ApplyImmediately=True)
        a.until_modified("played")
        assert automated() == []


def test_without_the_switch_there_are_no_automated_snapshots(a: Account, plain_snapshot: str, admin: Admin) -> None:
    admin.switches(automatedSnapshots=False)
    a.restore("unbacked", plain_snapshot)
    instance = a.until_instance("unbacked", "available")
    assert a.snapshot_names(SnapshotType="automated", DbiResourceId=instance["DbiResourceId"]) == []
    a.drop("unbacked")


# Names of groups


def test_names_of_groups_are_stored_and_compared_in_lower_case(a: Account, b: Account, plain_snapshot: str) -> None:
    names = {"DBParameterGroupName": "Tuned-Group", "OptionGroupName": "Extra-Options"}
    with a.parameter_group("tuned-Group"), a.option_group("extra-Options"):
        a.restore("grouped", plain_snapshot, **names)
        found = a.until_instance("grouped", "available")
        assert found["DBParameterGroups"][0]["DBParameterGroupName"] == "tuned-group"
        assert found["OptionGroupMemberships"][0]["OptionGroupName"] == "extra-options"
        a.drop("grouped")
    # A policy that names it otherwise does not match.
    others = (
        allow("rds:*", resource=a.arn("db", "*")),
        allow("rds:*", resource=a.arn("snapshot", "*")),
        allow("rds:*", resource=a.arn("og", "*")),
        allow("rds:*", resource=a.arn("subgrp", "*")),
    )
    role = a.role(*others, allow("rds:*", resource=a.arn("pg", "Tuned-Group")))
    with refused("AccessDenied", a.arn("pg", "tuned-group")):
        role.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="grouped-2", DBSnapshotIdentifier=plain_snapshot, **names
        )
