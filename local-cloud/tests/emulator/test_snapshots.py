"""Snapshots and what is restored from them."""

from __future__ import annotations

import socket
from datetime import datetime, timezone

import pytest

from accounts import Account, Admin, Database, Server, refused, tags, until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_snapshot_is_made_while_its_instance_backs_up(a: Account, orders: Database, admin: Admin) -> None:
    admin.timing(snapshotSeconds=1.5)
    admin.switches(snapshotDatabaseTime=True)
    before = datetime.now(timezone.utc)
    made = a.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="Words", Tags=tags(run="1"))[
        "DBSnapshot"
    ]
    assert (made["DBSnapshotIdentifier"], made["Status"], made["SnapshotType"]) == ("words", "creating", "manual")
    assert a.instance("orders")["DBInstanceStatus"] == "backing-up"
    with refused("InvalidDBInstanceState"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="another")
    with refused("InvalidDBSnapshotState"):
        a.rds.delete_db_snapshot(DBSnapshotIdentifier="words")
    with refused("InvalidDBSnapshotState"):
        a.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="early", DBSnapshotIdentifier="words")
    between = until(lambda: 0 < a.snapshot("words")["PercentProgress"] < 100, "progress")
    assert between
    done = a.until_snapshot("words")
    assert done["PercentProgress"] == 100
    assert before <= done["SnapshotDatabaseTime"] <= datetime.now(timezone.utc)
    assert done["OriginalSnapshotCreateTime"] == done["SnapshotCreateTime"]
    assert done["TagList"] == tags(run="1")
    a.until_instance("orders", "available")
    with refused("DBSnapshotAlreadyExists"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="words")
    assert a.rds.delete_db_snapshot(DBSnapshotIdentifier="words")["DBSnapshot"]["Status"] == "deleted"
    with refused("DBSnapshotNotFound"):
        a.snapshot("words")


def test_the_quota_of_snapshots_is_kept(a: Account, snapshot: str, admin: Admin) -> None:
    admin.quotas(manualSnapshots=len(a.snapshot_names()))
    with refused("SnapshotQuotaExceeded"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="one-too-many")
    with refused("SnapshotQuotaExceeded"):
        a.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=snapshot, TargetDBSnapshotIdentifier="one-too-many")


def test_a_restore_has_the_rows_of_the_moment_of_the_snapshot(a: Account, orders: Database, admin: Admin) -> None:
    orders.run("DROP TABLE IF EXISTS sale")
    orders.run("CREATE TABLE sale AS SELECT generate_series(1, 5000) AS id")
    snapshot = a.take_snapshot("orders")
    orders.run("DELETE FROM sale")

    admin.timing(restoreSeconds=1)
    begun = a.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="orders-1", DBSnapshotIdentifier=snapshot)
    assert begun["DBInstance"]["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in begun["DBInstance"]
    server = a.server("orders-1")
    # It is an instance of its own, which was created when it was restored.
    taken, source = a.snapshot(snapshot), a.instance("orders")
    assert server.instance["InstanceCreateTime"] > taken["SnapshotCreateTime"] > source["InstanceCreateTime"]
    assert taken["InstanceCreateTime"] == source["InstanceCreateTime"]
    assert (server.instance["MasterUsername"], server.instance["AllocatedStorage"]) == ("owner", 20)
    assert server.instance["KmsKeyId"] == a.instance("orders")["KmsKeyId"]
    with server.connect() as copy:
        assert copy.run("SELECT count(*), sum(id) FROM sale") == [[5000, 12502500]]
        copy.run("INSERT INTO sale VALUES (1)")
    assert orders.run("SELECT count(*) FROM sale") == [[0]]
    with refused("DBInstanceAlreadyExists"):
        a.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="orders-1", DBSnapshotIdentifier=snapshot)
    a.drop("orders-1")
    a.forget(snapshot)
    a.until_gone("orders-1")


def test_what_a_restore_is_told_is_what_it_gets(a: Account, plain_snapshot: str) -> None:
    a.rds.create_db_subnet_group(
        DBSubnetGroupName="Private", DBSubnetGroupDescription="d", SubnetIds=["subnet-1", "subnet-2"]
    )
    chosen = {
        "DBInstanceClass": "db.m6i.large",
        "MultiAZ": True,
        "PubliclyAccessible": True,
        "AutoMinorVersionUpgrade": False,
        "StorageType": "io2",
        "Iops": 3000,
        "AllocatedStorage": 100,
        "BackupRetentionPeriod": 7,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": True,
        "CACertificateIdentifier": "rds-ca-ecc384-g1",
    }
    port = free_port()
    with a.parameter_group("tuned"), a.option_group("extras"):
        a.restore(
            "chosen",
            plain_snapshot,
            Engine="postgres",
            Port=port,
            DBSubnetGroupName="private",
            VpcSecurityGroupIds=["sg-1", "sg-2"],
            DBParameterGroupName="tuned",
            OptionGroupName="extras",
            EnableIAMDatabaseAuthentication=True,
            EnableCloudwatchLogsExports=["postgresql"],
            Tags=tags(version="7"),
            **chosen,
        )
        check_chosen(a, chosen, port)


def check_chosen(a: Account, chosen: dict, port: int) -> None:
    instance = a.server("chosen").instance
    assert {name: instance[name] for name in chosen} == chosen
    assert instance["DBSubnetGroup"]["DBSubnetGroupName"] == "private"
    assert [group["VpcSecurityGroupId"] for group in instance["VpcSecurityGroups"]] == ["sg-1", "sg-2"]
    assert instance["DBParameterGroups"][0]["DBParameterGroupName"] == "tuned"
    assert instance["OptionGroupMemberships"][0]["OptionGroupName"] == "extras"
    assert instance["Endpoint"]["Port"] == port
    assert instance["IAMDatabaseAuthenticationEnabled"] is True
    assert instance["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert instance["TagList"] == tags(version="7")
    larger = a.take_snapshot("chosen")
    with refused(
        "InvalidParameterCombination", "Invalid storage size for engine name postgres and storage type gp3: 30"
    ):
        a.restore("smaller", larger, AllocatedStorage=30, StorageType="gp3")
    # Another type of storage begins with its own performance.
    with refused("InvalidParameterCombination", "requires iops"):
        a.restore("without-iops", larger, StorageType="io1")
    a.restore("other-storage", larger, StorageType="gp3")
    restored = a.until_instance("other-storage", "available")
    assert (restored["StorageType"], restored["Iops"], restored["StorageThroughput"]) == ("gp3", 3000, 125)
    a.drop("other-storage")
    a.forget(larger)
    a.rds.modify_db_instance(DBInstanceIdentifier="chosen", DeletionProtection=False)
    a.until_modified("chosen")
    a.drop("chosen")


def test_a_restore_told_nothing_begins_from_the_defaults(a: Account, plain_snapshot: str) -> None:
    source = a.instance("plain")
    restore = a.rds.restore_db_instance_from_db_snapshot
    instance = restore(DBInstanceIdentifier="defaults", DBSnapshotIdentifier=plain_snapshot)["DBInstance"]
    assert instance["DBInstanceClass"] == source["DBInstanceClass"]
    assert instance["DBParameterGroups"][0]["DBParameterGroupName"].startswith("default.postgres")
    assert (instance["MultiAZ"], instance["PubliclyAccessible"]) == (False, False)
    a.until_instance("defaults", "available")
    a.drop("defaults")


@pytest.mark.parametrize("extra", [{"DBName": "x"}, {"DBClusterSnapshotIdentifier": "x"}, {"TdeCredentialArn": "x"}])
def test_what_a_restore_cannot_do_is_refused(a: Account, plain_snapshot: str, extra: dict) -> None:
    with refused("InvalidParameterCombination", *extra):
        a.restore("refused", plain_snapshot, **extra)


def test_a_certificate_and_a_log_have_to_exist(a: Account, plain_snapshot: str) -> None:
    with refused("CertificateNotFound"):
        a.restore("refused", plain_snapshot, CACertificateIdentifier="my-ca")
    with refused("InvalidParameterCombination", "diary"):
        a.restore("refused", plain_snapshot, EnableCloudwatchLogsExports=["diary"])


def test_tags_follow_where_rds_lets_them(a: Account, servers: dict[str, Server], plain: Database) -> None:
    add, remove = a.rds.add_tags_to_resource, a.rds.remove_tags_from_resource
    add(ResourceName=a.arn("db", "plain"), Tags=tags(team="red", stage="test"))
    remove(ResourceName=a.arn("db", "plain"), TagKeys=["stage"])
    assert a.rds.list_tags_for_resource(ResourceName=a.arn("db", "plain"))["TagList"] == tags(team="red")
    snapshot = a.take_snapshot("plain", Tags=tags(own="yes"))
    assert a.snapshot(snapshot)["TagList"] == tags(own="yes")
    given = tags(given="yes")
    copies = [a.copy(snapshot, CopyTags=True), a.copy(snapshot), a.copy(snapshot, CopyTags=True, Tags=given)]
    # Tags that are given are never merged with those of the source.
    assert [a.snapshot(copy)["TagList"] for copy in copies] == [tags(own="yes"), [], given]
    # Without tags of its own, a restore gets those that the instance had.
    a.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="tagged", DBSnapshotIdentifier=snapshot)
    assert a.until_instance("tagged", "available")["TagList"] == tags(team="red")
    a.drop("tagged")
    a.forget(snapshot, *copies)
    remove(ResourceName=a.arn("db", "plain"), TagKeys=["team"])
    with refused("DBSnapshotNotFound"):
        add(ResourceName=a.arn("snapshot", "nothing"), Tags=tags(a="b"))
    with refused("InvalidParameterValue"):
        add(ResourceName="plain", Tags=tags(a="b"))


def test_an_instance_passes_its_tags_on_unless_a_snapshot_has_its_own(a: Account, servers: dict[str, Server]) -> None:
    instance = a.arn("db", "plain")
    a.rds.add_tags_to_resource(ResourceName=instance, Tags=tags(team="red"))
    without = a.take_snapshot("plain")
    a.modify("plain", CopyTagsToSnapshot=True)
    a.until_modified("plain")
    inherited, own = a.take_snapshot("plain"), a.take_snapshot("plain", Tags=tags(own="yes"))
    assert [a.snapshot(one)["TagList"] for one in (without, inherited, own)] == [[], tags(team="red"), tags(own="yes")]
    a.modify("plain", CopyTagsToSnapshot=False)
    a.until_modified("plain")
    a.rds.remove_tags_from_resource(ResourceName=instance, TagKeys=["team"])
    a.forget(without, inherited, own)


def test_a_resource_has_at_most_fifty_tags(a: Account, plain_snapshot: str, admin: Admin) -> None:
    add = a.rds.add_tags_to_resource
    add(ResourceName=plain_snapshot, Tags=tags(**{f"key-{number}": "x" for number in range(50)}))
    add(ResourceName=plain_snapshot, Tags=tags(**{"key-0": "y"}))
    with refused("InvalidParameterValue", "50"):
        add(ResourceName=plain_snapshot, Tags=tags(more="x"))
    for reserved in ("aws:mine", "AWS:mine", "rds:mine"):
        with refused("InvalidParameterValue", reserved):
            add(ResourceName=plain_snapshot, Tags=tags(**{reserved: "x"}))


def test_a_service_of_aws_gives_tags_that_no_client_can_give(
    a: Account, servers: dict[str, Server], admin: Admin
) -> None:
    instance, key = a.arn("db", "plain"), "aws:cloudformation:stack-name"
    admin.add_tags(instance, **{key: "shop"})
    assert a.instance("plain")["TagList"] == tags(**{key: "shop"})
    a.rds.remove_tags_from_resource(ResourceName=instance, TagKeys=[key])


def test_snapshots_are_found_by_instance_type_and_filter(a: Account, snapshot: str, plain_snapshot: str) -> None:
    def names(**parameters: object) -> list[str]:
        found = a.rds.describe_db_snapshots(**parameters)["DBSnapshots"]
        return [one["DBSnapshotArn"] for one in found if one["SnapshotType"] != "automated"]

    assert names(DBInstanceIdentifier="plain") == [plain_snapshot]
    assert {snapshot, plain_snapshot} <= set(names(SnapshotType="manual"))
    assert names(Filters=[{"Name": "db-instance-id", "Values": [a.arn("db", "orders")]}]) == [snapshot]
    assert names(DbiResourceId=a.instance("plain")["DbiResourceId"]) == [plain_snapshot]
    with refused("InvalidParameterValue"):
        names(SnapshotType="blue")
