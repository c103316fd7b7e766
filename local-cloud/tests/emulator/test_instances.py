"""Instances: real servers with the lifecycle and the rules of RDS."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone

import pytest

from accounts import PASSWORD, A, Account, Admin, Database, Server, refused, tags, until
from local_cloud import Cloud


def test_an_instance_is_a_database_that_can_be_used(servers: dict[str, Server], orders: Database, a: Account) -> None:
    instance = servers["orders"].instance
    assert instance["DBInstanceArn"] == a.arn("db", "orders")
    assert instance["Endpoint"]["Address"].startswith("orders.")
    assert instance["Endpoint"]["Address"].endswith(".us-east-1.rds.localhost")
    orders.run("CREATE TABLE IF NOT EXISTS item (id bigint)")
    assert orders.run("SELECT current_user, current_database()") == [["owner", "shop"]]
    assert orders.run("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [[True]]


def test_servers_listen_on_the_loopback_address_only(servers: dict[str, Server], orders: Database) -> None:
    assert orders.run("SHOW listen_addresses") == [["127.0.0.1"]]
    assert orders.run("SHOW unix_socket_directories") == [[""]]


def test_an_instance_is_created_before_it_is_available(a: Account, admin: Admin) -> None:
    admin.timing(createInstanceSeconds=1.5)
    created = a.create("slowly", MasterUsername="Maria", Tags=tags(team="red"), DeletionProtection=False)
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    assert "InstanceCreateTime" not in created
    assert created["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    with refused("DBInstanceAlreadyExists"):
        a.create("Slowly")
    with refused("InvalidDBInstanceState"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="slowly", DBSnapshotIdentifier="too-early")
    with refused("InvalidDBInstanceState"):
        a.drop("slowly")
    server = a.server("slowly")
    age = datetime.now(timezone.utc) - server.instance["InstanceCreateTime"]
    assert age.total_seconds() >= 1.5
    assert server.instance["TagList"] == tags(team="red")
    assert server.instance["PendingModifiedValues"] == {}
    with server.connect() as database:
        assert database.run("SELECT current_user") == [["Maria"]]
    a.drop("slowly")
    a.until_gone("slowly")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"Engine": "mysql"}, "InvalidParameterValue"),
        ({"EngineVersion": "9.6"}, "InvalidParameterCombination"),
        ({"DBInstanceIdentifier": "1abc"}, "InvalidParameterValue"),
        ({"DBInstanceIdentifier": "a--b"}, "InvalidParameterValue"),
        ({"DBInstanceClass": "large"}, "InvalidParameterValue"),
        ({"DBInstanceClass": "db.m99.huge"}, "InvalidParameterValue"),
        ({"DBInstanceClass": "db.t4g.24xlarge"}, "InvalidParameterValue"),
        ({"Tags": tags(**{"semi;colon": "x"})}, "InvalidParameterValue"),
        ({"Tags": tags(mine="a,b")}, "InvalidParameterValue"),
        ({"Tags": tags(mine="v" * 257)}, "InvalidParameterValue"),
        ({"Tags": tags(**{"k" * 129: "x"})}, "InvalidParameterValue"),
        ({"AllocatedStorage": 5}, "InvalidParameterCombination"),
        ({"AllocatedStorage": 4}, "InvalidParameterValue"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"DBName": "1shop"}, "InvalidParameterValue"),
        ({"Port": 80}, "InvalidParameterValue"),
        ({"StorageType": "io1"}, "InvalidParameterCombination"),
        ({"StorageType": "io2", "Iops": 3000, "AllocatedStorage": 99}, "InvalidParameterCombination"),
        ({"StorageType": "gp3", "Iops": 3000}, "InvalidParameterCombination"),
        ({"StorageType": "gp3", "StorageThroughput": 125}, "InvalidParameterCombination"),
        ({"MaxAllocatedStorage": 20}, "InvalidParameterCombination"),
        ({"PreferredMaintenanceWindow": "sun"}, "InvalidParameterValue"),
        ({"CACertificateIdentifier": "my-ca"}, "CertificateNotFound"),
        ({"EnableCloudwatchLogsExports": ["diary"]}, "InvalidParameterCombination"),
        ({"DBSubnetGroupName": "nowhere"}, "DBSubnetGroupNotFoundFault"),
        ({"StorageEncrypted": True, "KmsKeyId": "alias/none"}, "KMSKeyNotAccessibleFault"),
        ({"StorageEncrypted": False, "KmsKeyId": "alias/none"}, "InvalidParameterCombination"),
        ({"Tags": tags(**{"aws:mine": "x"})}, "InvalidParameterValue"),
        ({"Tags": tags(mine="aws:x")}, "InvalidParameterValue"),
        ({"Tags": tags(**{f"key-{number}": "x" for number in range(51)})}, "InvalidParameterValue"),
        # Known to the model, not to this server: refused, and named.
        ({"TdeCredentialArn": "x"}, "InvalidParameterCombination"),
        ({"ManageMasterUserPassword": True}, "InvalidParameterCombination"),
    ],
)
def test_wrong_parameters_are_refused(a: Account, wrong: dict, code: str) -> None:
    name = wrong.pop("DBInstanceIdentifier", "wrong")
    with refused(code, *(key for key in wrong if key in ("TdeCredentialArn", "ManageMasterUserPassword"))):
        a.create(name, **wrong)
    assert name not in a.instance_names()


def test_required_parameters_are_asked_for(a: Account) -> None:
    with refused("MissingParameter", "AllocatedStorage"):
        a.rds.create_db_instance(
            DBInstanceIdentifier="x",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            MasterUsername="o",
            MasterUserPassword=PASSWORD,
        )


def test_the_quota_of_instances_is_kept(a: Account, admin: Admin, servers: dict[str, Server]) -> None:
    admin.quotas(instances=len(a.instance_names()))
    with refused("InstanceQuotaExceeded"):
        a.create("one-too-many")


def test_what_does_not_exist_is_not_found(a: Account, b: Account, servers: dict[str, Server]) -> None:
    with refused("DBInstanceNotFound", "nothing"):
        a.instance("nothing")
    with refused("DBInstanceNotFound"):
        b.instance("orders")
    with refused("DBInstanceNotFound"):
        b.instance(a.arn("db", "orders"))
    assert a.instance("ORDERS")["DBInstanceIdentifier"] == "orders"
    assert a.instance(a.arn("db", "orders"))["DBInstanceIdentifier"] == "orders"


def test_filters_choose_instances(a: Account, servers: dict[str, Server]) -> None:
    chosen = a.rds.describe_db_instances(Filters=[{"Name": "db-instance-id", "Values": ["plain", "nothing"]}])
    assert [instance["DBInstanceIdentifier"] for instance in chosen["DBInstances"]] == ["plain"]
    for known in ("domain", "db-cluster-id"):
        assert a.rds.describe_db_instances(Filters=[{"Name": known, "Values": ["x"]}])["DBInstances"] == []
    with refused("InvalidParameterValue", "colour"):
        a.rds.describe_db_instances(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_modifications_wait_or_take_effect(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    modify = a.rds.modify_db_instance
    modify(DBInstanceIdentifier="plain", DBInstanceClass="db.r6g.large", CopyTagsToSnapshot=True)
    later = a.until_modified("plain")
    assert later["DBInstanceClass"] == "db.t4g.micro"
    assert later["CopyTagsToSnapshot"] is True
    assert later["PendingModifiedValues"]["DBInstanceClass"] == "db.r6g.large"

    admin.timing(modifySeconds=1)
    logs = {"EnableLogTypes": ["postgresql"]}
    begun = modify(DBInstanceIdentifier="plain", ApplyImmediately=True, CloudwatchLogsExportConfiguration=logs)[
        "DBInstance"
    ]
    # As on RDS, the answer tells what waits, and the status tells it some time later.
    assert begun["DBInstanceStatus"] == "available"
    assert begun["PendingModifiedValues"]["DBInstanceClass"] == "db.r6g.large"
    with refused("InvalidDBInstanceState"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="between")
    a.until_instance("plain", "modifying")
    with refused("InvalidDBInstanceState"):
        modify(DBInstanceIdentifier="plain", MultiAZ=True)
    done = a.until_modified("plain")
    assert done["DBInstanceClass"] == "db.r6g.large"
    assert done["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert done["PendingModifiedValues"] == {}
    modify(DBInstanceIdentifier="plain", CopyTagsToSnapshot=False)
    a.until_modified("plain")


def test_growth_and_the_maintenance_window_are_set_afterwards(a: Account, servers: dict[str, Server]) -> None:
    assert "MaxAllocatedStorage" not in a.instance("plain")
    a.modify("plain", MaxAllocatedStorage=50, PreferredMaintenanceWindow="tue:15:00-tue:16:00")
    done = a.until_modified("plain")
    assert (done["MaxAllocatedStorage"], done["PreferredMaintenanceWindow"]) == (50, "tue:15:00-tue:16:00")
    for wrong, words in (
        ({"MaxAllocatedStorage": 21}, "10 percent"),
        ({"PreferredMaintenanceWindow": "tue:05:00"}, "tue"),
    ):
        code = "InvalidParameterValue" if "PreferredMaintenanceWindow" in wrong else "InvalidParameterCombination"
        with refused(code, words):
            a.modify("plain", **wrong)
    # The present size as the limit ends the growth.
    a.modify("plain", MaxAllocatedStorage=20)
    assert "MaxAllocatedStorage" not in a.until_modified("plain")


def test_general_purpose_storage_tells_its_baseline(a: Account, servers: dict[str, Server]) -> None:
    plain = a.instance("plain")
    assert (plain["StorageType"], plain["Iops"], plain["StorageThroughput"]) == ("gp3", 3000, 125)


def test_deleting_stops_the_server_and_frees_the_disk(a: Account, cloud: Cloud, admin: Admin) -> None:
    admin.timing(deleteSeconds=0.5)
    a.create("short-lived", DeletionProtection=True)
    server = a.server("short-lived")
    directory = cloud.data_directory / "instances" / server.instance["DbiResourceId"]
    process = int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])

    with refused("InvalidParameterCombination", "protected"):
        a.drop("short-lived")
    a.rds.modify_db_instance(DBInstanceIdentifier="short-lived", DeletionProtection=False)
    a.until_modified("short-lived")
    with refused("InvalidParameterCombination", "FinalDBSnapshotIdentifier"):
        a.rds.delete_db_instance(DBInstanceIdentifier="short-lived")
    deleting = a.rds.delete_db_instance(DBInstanceIdentifier="short-lived", FinalDBSnapshotIdentifier="last-words")
    assert deleting["DBInstance"]["DBInstanceStatus"] == "deleting"
    with refused("InvalidDBInstanceState"):
        a.drop("short-lived")
    a.until_gone("short-lived")
    assert not directory.exists()
    assert not os.path.exists(f"/proc/{process}")
    assert a.until_snapshot("last-words")["DBInstanceIdentifier"] == "short-lived"
    a.forget("last-words")


def test_servers_do_not_run_as_root(servers: dict[str, Server], cloud: Cloud) -> None:
    directory = cloud.data_directory / "instances" / servers["orders"].instance["DbiResourceId"] / "data"
    process = (directory / "postmaster.pid").read_text().splitlines()[0]
    owner = subprocess.run(["ps", "-o", "uid=", "-p", process], capture_output=True, text=True, check=True)
    assert int(owner.stdout) != 0


def test_every_account_and_region_is_its_own(cloud: Cloud, a: Account, servers: dict[str, Server]) -> None:
    elsewhere = cloud.client("rds", A, region_name="eu-west-1")
    assert elsewhere.describe_db_instances()["DBInstances"] == []
    group = {"DBSubnetGroupName": "here", "DBSubnetGroupDescription": "d", "SubnetIds": ["subnet-1", "subnet-2"]}
    made = elsewhere.create_db_subnet_group(**group)["DBSubnetGroup"]
    assert made["DBSubnetGroupArn"] == a.arn("subgrp", "here", "eu-west-1")
    with refused("DBSubnetGroupNotFoundFault"):
        a.rds.describe_db_subnet_groups(DBSubnetGroupName="here")
    until(lambda: elsewhere.describe_db_subnet_groups(DBSubnetGroupName="HERE")["DBSubnetGroups"], "the group")
