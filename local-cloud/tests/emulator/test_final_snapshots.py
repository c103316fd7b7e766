"""The snapshot that is made before an instance is deleted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from accounts import Account, Admin, Database, Server, allow, refused, tags, until


@pytest.fixture
def goner(a: Account, plain_snapshot: str, admin: Admin) -> Iterator[Server]:
    """An instance that a test deletes, and whatever is left of it."""
    a.restore("goner", plain_snapshot, Tags=tags(team="red"))
    yield a.server("goner")
    admin.reset()
    if "goner" in a.instance_names():
        if a.instance("goner")["DBInstanceStatus"] != "deleting":
            a.drop("goner")
        a.until_gone("goner")
    a.forget("goner-final")


def delete(a: Account, name: str = "goner-final") -> dict:
    return a.rds.delete_db_instance(DBInstanceIdentifier="goner", FinalDBSnapshotIdentifier=name)["DBInstance"]


@pytest.mark.parametrize(("copies_tags", "expected"), [(True, tags(team="red")), (False, [])])
def test_a_final_snapshot_has_the_rows_and_the_tags_if_they_are_passed_on(
    a: Account, goner: Server, admin: Admin, copies_tags: bool, expected: list
) -> None:
    with goner.connect() as database:
        database.run("CREATE TABLE last_words AS SELECT 'farewell'::text AS words")
    if copies_tags:
        a.modify("goner", CopyTagsToSnapshot=True)
        a.until_modified("goner")
    admin.timing(snapshotSeconds=1)
    assert delete(a)["DBInstanceStatus"] == "deleting"
    assert a.snapshot("goner-final")["Status"] == "creating"
    # The instance stays until the snapshot is made.
    with goner.connect() as database:
        assert database.run("SELECT count(*) FROM last_words") == [[1]]
    final = a.until_snapshot("goner-final")
    assert (final["SnapshotType"], final["TagList"], final["DBInstanceIdentifier"]) == ("manual", expected, "goner")
    a.until_gone("goner")

    a.restore("risen", "goner-final")
    with a.server("risen").connect() as database:
        assert database.run("SELECT words FROM last_words") == [["farewell"]]
    a.drop("risen")


def test_a_name_that_is_taken_deletes_nothing(a: Account, goner: Server, plain_snapshot: str) -> None:
    taken = plain_snapshot.rpartition(":")[2]
    for name in (taken, taken.upper()):
        with refused("DBSnapshotAlreadyExists", taken):
            delete(a, name)
    with refused("InvalidParameterValue", "FinalDBSnapshotIdentifier"):
        delete(a, "ends-with-")
    with refused("InvalidParameterCombination", "SkipFinalSnapshot"):
        a.rds.delete_db_instance(
            DBInstanceIdentifier="goner", FinalDBSnapshotIdentifier="goner-final", SkipFinalSnapshot=True
        )
    assert a.instance("goner")["DBInstanceStatus"] == "available"
    with goner.connect() as database:
        assert database.run("SELECT 1") == [[1]]


def test_the_quota_of_snapshots_deletes_nothing(a: Account, goner: Server, admin: Admin) -> None:
    admin.quotas(manualSnapshots=len(a.snapshot_names()))
    with refused("SnapshotQuotaExceeded"):
        delete(a)
    assert a.instance("goner")["DBInstanceStatus"] == "available"


@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "incompatible-network"])
def test_what_is_broken_is_deleted_without_a_final_snapshot_only(
    a: Account, goner: Server, admin: Admin, status: str
) -> None:
    admin.set_status(a.arn("db", "goner"), status)
    with refused("InvalidDBInstanceState", status):
        delete(a)
    with refused("DBSnapshotNotFound"):
        a.snapshot("goner-final")
    a.drop("goner")
    a.until_gone("goner")


def test_without_its_snapshot_an_instance_is_not_deleted(a: Account, goner: Server) -> None:
    directory = a.cloud.data_directory / "instances" / goner.instance["DbiResourceId"]
    os.kill(int((directory / "data" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    delete(a)
    a.until_snapshot("goner-final", "failed")
    a.until_instance("goner", "available")
    # Whoever tries again needs the name.
    with refused("DBSnapshotAlreadyExists"):
        delete(a)


def test_a_key_that_cannot_be_used_deletes_nothing(a: Account, plain_snapshot: str) -> None:
    key = a.make_key()
    copy = a.copy(plain_snapshot, KmsKeyId=key)
    a.restore("locked", copy)
    a.until_instance("locked", "available")
    a.kms.disable_key(KeyId=key)
    with refused("KMSKeyNotAccessibleFault", key):
        a.rds.delete_db_instance(DBInstanceIdentifier="locked", FinalDBSnapshotIdentifier="locked-final")
    assert a.instance("locked")["DBInstanceStatus"] == "available"
    a.drop("locked")
    a.until_gone("locked")
    a.forget(copy)


def test_a_final_snapshot_takes_the_rights_of_any_snapshot(a: Account, goner: Server, plain: Database) -> None:
    instance, snapshot = a.arn("db", "goner"), a.arn("snapshot", "goner-final")
    deleting, creating = allow("rds:DeleteDBInstance", resource=instance), "rds:CreateDBSnapshot"

    def try_with(*statements: dict) -> None:
        a.role(deleting, *statements).delete_db_instance(
            DBInstanceIdentifier="goner", FinalDBSnapshotIdentifier="goner-final"
        )

    with refused("AccessDenied", creating, instance):
        try_with()
    with refused("AccessDenied", creating, snapshot):
        try_with(allow(creating, resource=instance))
    a.modify("goner", CopyTagsToSnapshot=True)
    a.until_modified("goner")
    both = (allow(creating, resource=instance), allow(creating, resource=snapshot))
    with refused("AccessDenied", "rds:AddTagsToResource", snapshot):
        try_with(*both)
    # A policy that only lets a request give tags does not let an instance pass its tags on.
    with refused("AccessDenied", "rds:AddTagsToResource"):
        try_with(*both, allow("rds:AddTagsToResource", Bool={"rds:TagsFromRequest": "true"}))
    assert a.instance("goner")["DBInstanceStatus"] == "available"
    try_with(*both, allow("rds:AddTagsToResource", resource=snapshot, Bool={"rds:TagsFromRequest": "false"}))
    a.until_gone("goner")
    assert until(lambda: a.snapshot("goner-final")["TagList"], "the tags") == tags(team="red")
