"""Sharing: who sees another account's snapshots, and which may be shared at all."""

from __future__ import annotations

import pytest

from accounts import Account, B, refused, tags


def test_a_shared_snapshot_is_seen_by_those_who_ask_for_it(a: Account, b: Account, snapshot: str) -> None:
    a.rds.add_tags_to_resource(ResourceName=snapshot, Tags=tags(secret="name"))
    with refused("DBSnapshotNotFound"):
        b.snapshot(snapshot, IncludeShared=True)
    a.share(snapshot, B)

    seen = b.snapshot(snapshot, IncludeShared=True)
    assert (seen["SnapshotType"], seen["DBSnapshotIdentifier"], seen["TagList"]) == ("shared", snapshot, [])
    assert snapshot in [
        one["DBSnapshotArn"] for one in b.rds.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]
    ]
    assert snapshot not in [one["DBSnapshotArn"] for one in b.rds.describe_db_snapshots()["DBSnapshots"]]
    # Its name is its ARN, and who does not say that it is shared does not find it.
    for lookup in (
        {"DBSnapshotIdentifier": snapshot},
        {"DBSnapshotIdentifier": snapshot.split(":")[-1], "IncludeShared": True},
    ):
        with refused("DBSnapshotNotFound"):
            b.rds.describe_db_snapshots(**lookup)

    a.rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=snapshot, AttributeName="restore", ValuesToRemove=[B])
    with refused("DBSnapshotNotFound"):
        b.snapshot(snapshot, IncludeShared=True)


def test_attributes_tell_who_it_is_shared_with(a: Account, b: Account, snapshot: str) -> None:
    a.share(snapshot, B)
    a.share(snapshot, B)
    result = a.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier=snapshot)["DBSnapshotAttributesResult"]
    assert result["DBSnapshotAttributes"] == [{"AttributeName": "restore", "AttributeValues": [B]}]
    with refused("DBSnapshotNotFound"):
        b.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier=snapshot)
    with refused("DBSnapshotNotFound"):
        b.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AttributeName": "copy", "ValuesToAdd": [B]}, "InvalidParameterValue"),
        ({"AttributeName": "restore", "ValuesToAdd": ["me"]}, "InvalidParameterValue"),
        ({"AttributeName": "restore", "ValuesToAdd": ["all"]}, "InvalidDBSnapshotState"),
        ({"AttributeName": "restore", "ValuesToAdd": [f"{n:012}" for n in range(21)]}, "SharedSnapshotQuotaExceeded"),
    ],
)
def test_what_cannot_be_shared_is_refused(a: Account, snapshot: str, change: dict, code: str) -> None:
    with refused(code):
        a.rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=snapshot, **change)


def test_a_snapshot_under_the_default_key_cannot_be_shared(a: Account, b: Account, plain_snapshot: str) -> None:
    copy = a.copy(plain_snapshot, KmsKeyId="alias/aws/rds")
    assert a.snapshot(copy)["Encrypted"]
    with refused("InvalidDBSnapshotState", "default key"):
        a.share(copy, B)
    a.forget(copy)


def test_a_shared_encrypted_snapshot_must_be_copied_first(a: Account, b: Account, snapshot: str) -> None:
    a.share(snapshot, B)
    with refused("InvalidDBSnapshotState", "Copy the snapshot first"):
        b.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="direct", DBSnapshotIdentifier=snapshot)


def test_a_shared_plain_snapshot_can_be_restored_directly(a: Account, b: Account, plain_snapshot: str) -> None:
    with refused("DBSnapshotNotFound"):
        b.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="direct", DBSnapshotIdentifier=plain_snapshot)
    a.share(plain_snapshot, B)
    b.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="direct", DBSnapshotIdentifier=plain_snapshot)
    with b.server("direct").connect() as database:
        assert database.run("SELECT current_database()") == [["shop"]]
    b.drop("direct")


def test_a_public_snapshot_is_seen_by_everyone_who_asks(a: Account, b: Account, plain_snapshot: str) -> None:
    a.share(plain_snapshot, "all")
    assert b.snapshot(plain_snapshot, IncludePublic=True)["SnapshotType"] == "public"
    with refused("DBSnapshotNotFound"):
        b.snapshot(plain_snapshot, IncludeShared=True)
