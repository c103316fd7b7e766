"""Copies: keys and rights, queues, what moves, and what ends a copy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from refusals import refused

from accounts import A, Account, Admin, B, Database, allow, until
from local_cloud import Cloud

USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"]


@pytest.fixture
def shared(a: Account, b: Account, snapshot: str) -> Iterator[str]:
    """An encrypted snapshot of A that B may copy; the copies of B go with it."""
    a.share(snapshot, B)
    yield snapshot
    b.forget(*b.snapshot_names())


def test_a_copy_in_another_account_has_the_rows_under_another_key(
    a: Account, b: Account, orders: Database, key: str, key_of_b: str
) -> None:
    orders.run("DROP TABLE IF EXISTS item")
    orders.run("CREATE TABLE item AS SELECT generate_series(1, 1000) AS id")
    source = a.take_snapshot("orders")
    a.share(source, B)
    copy = b.copy(source, KmsKeyId=key_of_b)
    found = b.snapshot(copy)
    assert found["KmsKeyId"] == key_of_b
    assert found["SourceDBSnapshotIdentifier"] == source
    original = a.snapshot(source)
    assert found["OriginalSnapshotCreateTime"] == original["OriginalSnapshotCreateTime"]
    assert found["SnapshotCreateTime"] > original["SnapshotCreateTime"]
    # The copy stands on its own: neither its source nor the source's key is needed any more.
    a.forget(source)
    b.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="arrived", DBSnapshotIdentifier=copy)
    with b.server("arrived").connect() as database:
        assert database.run("SELECT count(*), sum(id) FROM item") == [[1000, 500500]]
    b.drop("arrived")
    b.forget(copy)


def test_what_is_stored_is_encrypted(a: Account, cloud: Cloud, plain: Database, admin: Admin, key: str) -> None:
    plain.run("CREATE TABLE IF NOT EXISTS note AS SELECT 'a needle in the archive'::text AS words")
    snapshot = a.take_snapshot("plain")

    def has_needle(archive: Path) -> bool:
        # What other tests have deleted goes in its own time.
        with contextlib.suppress(FileNotFoundError):
            return b"a needle in the archive" in archive.read_bytes()
        return False

    def files_with_needle() -> int:
        return sum(map(has_needle, (cloud.data_directory / "snapshots").iterdir()))

    assert files_with_needle() == 1
    copy = a.copy(snapshot, KmsKeyId=key)
    assert files_with_needle() == 1
    opened, sealed = (admin.snapshot(arn) for arn in (snapshot, a.arn("snapshot", copy)))
    assert sealed["contentBytes"] == opened["contentBytes"] > 20_000_000
    # A seal is longer than what it seals. What is there twice is stored once.
    assert opened["contentBytes"] > sealed["storedBytes"] > opened["storedBytes"] > 10_000_000
    a.forget(snapshot)
    assert files_with_needle() == 0
    a.forget(copy)
    plain.run("DROP TABLE note")


@pytest.mark.parametrize("missing", ["kms:CreateGrant", "kms:DescribeKey", "kms:Decrypt"])
def test_without_a_right_on_the_source_key_there_is_no_copy(
    a: Account, b: Account, plain_snapshot: str, key_of_b: str, missing: str
) -> None:
    key = a.make_key(shared_with=B, actions=[action for action in USE if action != missing])
    source = a.copy(plain_snapshot, KmsKeyId=key)
    a.share(source, B)
    with refused("KMSKeyNotAccessibleFault", "source snapshot", key):
        b.copy(a.arn("snapshot", source), KmsKeyId=key_of_b)
    assert b.snapshot_names() == []
    a.forget(source)


def test_a_role_needs_the_rights_on_both_keys_itself(b: Account, shared: str, key: str, key_of_b: str) -> None:
    copying = allow("rds:CopyDBSnapshot", "rds:AddTagsToResource")
    arguments = {"SourceDBSnapshotIdentifier": shared, "TargetDBSnapshotIdentifier": "by-role", "KmsKeyId": key_of_b}
    with refused("KMSKeyNotAccessibleFault", "source snapshot"):
        b.role(copying, allow("kms:*", resource=key_of_b)).copy_db_snapshot(**arguments)
    with refused("KMSKeyNotAccessibleFault", "target snapshot"):
        b.role(copying, allow("kms:*", resource=key)).copy_db_snapshot(**arguments)
    b.role(copying, allow(*USE, resource=key), allow(*USE, resource=key_of_b)).copy_db_snapshot(**arguments)
    b.until_snapshot("by-role")


def test_a_key_that_is_disabled_cannot_be_used(a: Account, plain_snapshot: str, admin: Admin) -> None:
    key = a.make_key()
    copy = a.copy(plain_snapshot, KmsKeyId=key)
    a.kms.disable_key(KeyId=key)
    with refused("KMSKeyNotAccessibleFault"):
        a.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="locked", DBSnapshotIdentifier=copy)
    with refused("KMSKeyNotAccessibleFault", "target snapshot"):
        a.copy(plain_snapshot, KmsKeyId=key)
    a.forget(copy)


def test_copies_are_asked_for_correctly(a: Account, b: Account, shared: str, key: str, key_of_b: str) -> None:
    def copy(target: str = "wrong", source: str = shared, **parameters: object) -> None:
        b.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=target, **parameters)

    with refused("InvalidParameterCombination", "KmsKeyId"):
        copy()
    with refused("InvalidParameterValue"):
        copy(target="a--b", KmsKeyId=key_of_b)
    with refused("DBSnapshotNotFound"):
        copy(source=shared.split(":")[-1], KmsKeyId=key_of_b)
    with refused("KMSKeyNotAccessibleFault", "target snapshot"):
        copy(KmsKeyId="alias/none")
    with refused("InvalidParameterCombination", "SnapshotTarget"):
        copy(KmsKeyId=key_of_b, SnapshotTarget="outposts")
    copy(target="twice", KmsKeyId=key_of_b)
    with refused("DBSnapshotAlreadyExists"):
        copy(target="twice", KmsKeyId=key_of_b)
    b.until_snapshot("twice")
    # Inside the account, the key of the source is the default; an encrypted snapshot never becomes a plain one.
    again = a.copy(shared)
    assert a.snapshot(again)["KmsKeyId"] == key
    with refused("InvalidParameterCombination", "CopyOptionGroup"):
        a.copy(shared, CopyOptionGroup=True)
    a.forget(again)


def test_an_option_group_comes_along_across_accounts_only(
    a: Account, b: Account, orders: Database, key_of_b: str
) -> None:
    with a.option_group("extras"), a.option_group("mine"), b.option_group("mine", major=a.major_version):
        default = a.instance("orders")["OptionGroupMemberships"][0]["OptionGroupName"]
        a.modify("orders", OptionGroupName="extras")
        a.until_modified("orders")
        source = a.take_snapshot("orders")
        a.share(source, B)
        assert a.snapshot(source)["OptionGroupName"] == "extras"
        with refused("InvalidParameterCombination", "CopyOptionGroup"):
            b.copy(source, KmsKeyId=key_of_b, CopyOptionGroup=True, OptionGroupName="mine")
        for group, code in (
            ("nowhere", "OptionGroupNotFoundFault"),
            ("default:mysql-8-0", "InvalidParameterCombination"),
        ):
            with refused(code, group):
                b.copy(source, KmsKeyId=key_of_b, OptionGroupName=group)

        expected = {"left behind": {}, "copied": {"CopyOptionGroup": True}, "chosen": {"OptionGroupName": "mine"}}
        copies = {b.copy(source, KmsKeyId=key_of_b, **options): name for name, options in expected.items()}
        found = {name: b.snapshot(copy)["OptionGroupName"] for copy, name in copies.items()}
        assert found == {"left behind": default, "copied": "extras", "chosen": "mine"}
        assert b.rds.describe_option_groups(OptionGroupName="extras")["OptionGroupsList"]
        within = [a.copy(source), a.copy(source, OptionGroupName="mine")]
        assert [a.snapshot(copy)["OptionGroupName"] for copy in within] == ["extras", "mine"]
        a.forget(source, *within)
        b.forget(*copies)
        b.rds.delete_option_group(OptionGroupName="extras")
        a.modify("orders", OptionGroupName=default)
        a.until_modified("orders")


def test_every_copy_tells_the_moment_of_the_data(
    a: Account, b: Account, snapshot: str, key_of_b: str, admin: Admin
) -> None:
    admin.switches(snapshotDatabaseTime=True)
    original = a.snapshot(snapshot)
    within = a.copy(snapshot)
    a.share(a.arn("snapshot", within), B)
    across = b.copy(a.arn("snapshot", within), KmsKeyId=key_of_b)
    again = b.copy(across)
    copies = [a.snapshot(within), b.snapshot(across), b.snapshot(again)]
    for earlier, later in zip([original, *copies], copies):
        for name in ("SnapshotDatabaseTime", "OriginalSnapshotCreateTime", "InstanceCreateTime", "DbiResourceId"):
            assert later[name] == original[name], name
        assert later["SnapshotCreateTime"] > earlier["SnapshotCreateTime"]
    a.forget(within)
    b.forget(across, again)


def test_by_the_older_rule_a_copy_is_incremental_only_while_the_newest_one_is_there_under_the_same_key(
    a: Account, b: Account, orders: Database, admin: Admin, key_of_b: str
) -> None:
    admin.switches(incrementalRule="older")

    def copied(key: str) -> tuple[str, dict]:
        snapshot = a.take_snapshot("orders")
        a.share(snapshot, B)
        copy = b.copy(snapshot, KmsKeyId=key)
        a.forget(snapshot)
        return copy, admin.snapshot(b.arn("snapshot", copy))

    first, full = copied(key_of_b)
    assert full["copyKind"] == "full"
    assert full["copiedBytes"] == full["contentBytes"]
    orders.run("CREATE TABLE IF NOT EXISTS change (id int)")
    second, changed = copied(key_of_b)
    assert changed["copyKind"] == "incremental"
    assert 0 < changed["copiedBytes"] < full["copiedBytes"] / 2
    # What did not move is there all the same.
    b.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="whole", DBSnapshotIdentifier=second)
    with b.server("whole").connect() as database:
        assert database.run("SELECT count(*) FROM change") == [[0]]
    b.drop("whole")

    other, rekeyed = copied(b.make_key())
    assert (rekeyed["copyKind"], rekeyed["reason"]) == (
        "full",
        "the copies of this instance here are under another key",
    )
    b.forget(other)
    third, deleted = copied(key_of_b)
    assert (deleted["copyKind"], deleted["reason"]) == ("full", "the newest copy of this instance was deleted")
    again = b.copy(third)
    assert admin.snapshot(b.arn("snapshot", again))["reason"] == "the source is itself a copy"
    b.forget(first, second, third, again)


def test_by_the_newer_rule_a_copy_of_a_copy_is_incremental_where_one_like_it_is_there(
    a: Account, b: Account, orders: Database, admin: Admin, key_of_b: str
) -> None:
    shared_key, other_key = a.make_key(shared_with=B), a.make_key(shared_with=B)
    made: list[tuple[Account, str]] = []

    def chain(key: str = shared_key) -> list[str]:
        """How the copies within the account and then across are made."""
        snapshot = a.take_snapshot("orders")
        within = a.copy(snapshot, KmsKeyId=key)
        arn = a.arn("snapshot", within)
        a.share(arn, B)
        across = b.copy(arn, KmsKeyId=key_of_b)
        made.extend([(a, snapshot), (a, within), (b, across)])
        return [admin.snapshot(found)["copyKind"] for found in (arn, b.arn("snapshot", across))]

    assert chain() == ["full", "full"]
    assert chain() == ["incremental", "incremental"]
    # Under another key it is full the first time, and so is what is copied from it.
    assert chain(other_key) == ["full", "full"]
    assert chain(other_key) == ["incremental", "incremental"]
    assert chain() == ["incremental", "incremental"]
    last = admin.snapshot(b.arn("snapshot", made[-1][1]))
    assert last["copiedBytes"] < last["contentBytes"] / 2
    b.restore("from-chain", made[-1][1])
    with b.server("from-chain").connect() as database:
        assert database.run("SELECT 1") == [[1]]
    b.drop("from-chain")
    # A copy that was made in fewer steps is not one like it.
    direct = a.take_snapshot("orders")
    a.share(direct, B)
    copy = b.copy(direct, KmsKeyId=key_of_b)
    assert admin.snapshot(b.arn("snapshot", copy))["copyKind"] == "full"
    # Without the newest one the next is full.
    b.forget(made[-1][1])
    assert chain() == ["incremental", "full"]
    a.forget(direct)
    b.forget(copy)
    for account, name in made:
        account.forget(name)


def test_what_is_encrypted_while_it_is_copied_is_copied_in_full(
    a: Account, plain: Database, admin: Admin, key: str
) -> None:
    copies = []
    for _ in range(2):
        snapshot = a.take_snapshot("plain")
        copies.append(a.copy(snapshot, KmsKeyId=key))
        a.forget(snapshot)
        measured = admin.snapshot(a.arn("snapshot", copies[-1]))
        assert measured["copyKind"] == "full"
        assert "encrypted while it is copied" in measured["reason"]
    a.forget(*copies)


def test_copies_of_one_instance_are_made_one_after_the_other(
    b: Account, shared: str, admin: Admin, key_of_b: str
) -> None:
    admin.timing(copySeconds=0.6)
    for name in ("queued-1", "queued-2"):
        b.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=shared, TargetDBSnapshotIdentifier=name, KmsKeyId=key_of_b)
    until(lambda: b.snapshot("queued-1")["PercentProgress"] > 0, "progress of the first")
    waiting = b.snapshot("queued-2")
    assert (waiting["Status"], waiting["PercentProgress"]) == ("creating", 0)
    b.until_snapshot("queued-2")
    assert b.snapshot("queued-1")["Status"] == "available"


def test_the_number_of_copies_at_a_time_is_limited(b: Account, shared: str, admin: Admin, key_of_b: str) -> None:
    admin.quotas(copies=1)
    admin.timing(copySeconds=30)
    copy = {"SourceDBSnapshotIdentifier": shared, "KmsKeyId": key_of_b}
    b.rds.copy_db_snapshot(TargetDBSnapshotIdentifier="limit-1", **copy)
    with refused("SnapshotQuotaExceeded", "at a time"):
        b.rds.copy_db_snapshot(TargetDBSnapshotIdentifier="limit-2", **copy)
    # Deleting a copy that is being made cancels it.
    b.rds.delete_db_snapshot(DBSnapshotIdentifier="limit-1")
    assert b.snapshot_names() == []


def test_deleting_the_source_fails_the_copy(
    a: Account, b: Account, orders: Database, admin: Admin, key_of_b: str
) -> None:
    source = a.take_snapshot("orders")
    a.share(source, B)
    admin.timing(copySeconds=30)
    b.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier="orphan", KmsKeyId=key_of_b)
    a.rds.delete_db_snapshot(DBSnapshotIdentifier=source)
    failed = b.snapshot("orphan")
    assert (failed["Status"], failed["PercentProgress"]) == ("failed", 0)
    with refused("InvalidDBSnapshotState"):
        b.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="orphan", DBSnapshotIdentifier="orphan")
    b.forget("orphan")


def test_a_snapshot_can_be_copied_into_another_region(cloud: Cloud, a: Account, snapshot: str, admin: Admin) -> None:
    admin.timing(copySeconds=0.8)
    region = "eu-west-1"
    rds, kms = a.client("rds", region_name=region), cloud.client("kms", A, region_name=region)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    copy = {"SourceDBSnapshotIdentifier": snapshot, "TargetDBSnapshotIdentifier": "far-away"}
    with refused("InvalidParameterValue", "Must specify new KMS key"):
        rds.copy_db_snapshot(**copy)
    # The SDK signs a request of its own for the source Region, which RDS ignores outside GovCloud.
    begun = rds.copy_db_snapshot(**copy, KmsKeyId=key, SourceRegion="us-east-1")["DBSnapshot"]
    assert begun["Status"] == "pending"
    status = lambda: rds.describe_db_snapshots(DBSnapshotIdentifier="far-away")["DBSnapshots"][0]["Status"]  # noqa: E731
    until(lambda: status() == "copying", "the copy to begin")
    found = until(
        lambda: rds.describe_db_snapshots(Filters=[{"Name": "db-snapshot-id", "Values": ["far-away"]}])["DBSnapshots"],
        "the copy",
    )
    assert (found[0]["SourceRegion"], found[0]["KmsKeyId"]) == ("us-east-1", key)
    until(
        lambda: rds.describe_db_snapshots(DBSnapshotIdentifier="far-away")["DBSnapshots"][0]["Status"] == "available",
        "it",
    )
    rds.delete_db_snapshot(DBSnapshotIdentifier="far-away")
