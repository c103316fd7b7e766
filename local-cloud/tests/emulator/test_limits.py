"""Quotas, capacity, and what keeps an instance from being deleted."""

from __future__ import annotations

import pytest

from accounts import Account, Admin, allow, refused


def quotas(rds: object) -> dict[str, tuple[int, int]]:
    found = rds.describe_account_attributes()["AccountQuotas"]
    return {quota["AccountQuotaName"]: (quota["Used"], quota["Max"]) for quota in found}


def test_account_attributes_tell_what_is_used_and_allowed(a: Account, plain_snapshot: str, admin: Admin) -> None:
    admin.quotas(manualSnapshots=30, instances=7)
    snapshots = a.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    role = a.role(allow("rds:DescribeAccountAttributes"))
    told = quotas(role)
    assert told["ManualSnapshots"] == (len(snapshots), 30)
    assert told["DBInstances"] == (len(a.instance_names()), 7)
    assert told["AllocatedStorage"] == (
        sum(a.instance(name)["AllocatedStorage"] for name in a.instance_names()),
        100_000,
    )
    with refused("AccessDenied", "rds:DescribeAccountAttributes"):
        quotas(a.role(allow("rds:DescribeDBInstances")))


def test_one_code_means_too_many_snapshots_and_too_many_copies(a: Account, plain_snapshot: str, admin: Admin) -> None:
    def copy(name: str) -> None:
        a.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=plain_snapshot, TargetDBSnapshotIdentifier=name)

    admin.timing(copySeconds=30)
    admin.quotas(copies=2)
    copy("many-1")
    copy("many-2")
    with refused("SnapshotQuotaExceeded", "at a time"):
        copy("many-3")
    # Only the attributes tell the one from the other.
    used, most = quotas(a.rds)["ManualSnapshots"]
    assert used < most
    admin.quotas(copies=20, manualSnapshots=used)
    with refused("SnapshotQuotaExceeded", "quota"):
        copy("many-3")
    assert quotas(a.rds)["ManualSnapshots"] == (used, used)
    a.forget("many-1", "many-2")


def test_a_lack_of_capacity_passes(a: Account, plain_snapshot: str, admin: Admin) -> None:
    code = "InsufficientDBInstanceCapacity"
    admin.fault("RestoreDBInstanceFromDBSnapshot", "error", code=code, message="none is free", times=2)
    for _ in range(2):
        with refused(code):
            a.restore("patient", plain_snapshot)
        assert "patient" not in a.instance_names()
    a.restore("patient", plain_snapshot)
    a.until_instance("patient", "available")
    a.drop("patient")


@pytest.fixture
def spare(a: Account, plain_snapshot: str) -> str:
    a.restore("spare", plain_snapshot)
    a.until_instance("spare", "available")
    return "spare"


def test_what_aws_backup_protects_keeps_its_backups(a: Account, spare: str, admin: Admin) -> None:
    admin.aws_backup(a.arn("db", spare), True)
    for parameters in ({}, {"DeleteAutomatedBackups": True}):
        with refused("InvalidParameterCombination", "AWS Backup", "DeleteAutomatedBackups"):
            a.rds.delete_db_instance(DBInstanceIdentifier=spare, SkipFinalSnapshot=True, **parameters)
    assert a.instance(spare)["DBInstanceStatus"] == "available"
    a.rds.delete_db_instance(DBInstanceIdentifier=spare, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    a.until_gone(spare)


def test_rds_decides_about_a_state_that_nobody_knows(a: Account, spare: str, admin: Admin) -> None:
    for busy in ("upgrading", "configuring-something-new", "stopping"):
        admin.set_status(a.arn("db", spare), busy)
        with refused("InvalidDBInstanceState", busy):
            a.drop(spare)
    admin.set_status(a.arn("db", spare), "something-new")
    a.drop(spare)
    a.until_gone(spare)


@pytest.mark.parametrize("status", ["stopped", "incompatible-credentials", "upgrade-failed", "restore-error"])
def test_a_final_snapshot_needs_a_server_that_works(a: Account, spare: str, admin: Admin, status: str) -> None:
    admin.set_status(a.arn("db", spare), status)
    with refused("InvalidDBInstanceState", status):
        a.rds.delete_db_instance(DBInstanceIdentifier=spare, FinalDBSnapshotIdentifier="spare-final")
    a.drop(spare)
    a.until_gone(spare)
