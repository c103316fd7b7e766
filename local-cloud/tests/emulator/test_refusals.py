"""What restores and modifications are refused for before anything is made: class, storage, engine, network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts import Account, Admin, Server, refused

COMBINATION = "InvalidParameterCombination"


@pytest.fixture(scope="module")
def large(a: Account, servers: dict[str, Server]) -> Iterator[str]:
    """A snapshot of a database with 400 GiB of storage, from which on gp3 has performance to choose."""
    a.create("large", AllocatedStorage=400)
    arn = a.take_snapshot("large")
    yield arn
    a.drop("large")
    a.forget(arn)


def test_a_class_that_does_not_run_the_version_is_refused(
    a: Account, servers: dict[str, Server], plain_snapshot: str
) -> None:
    version = servers["plain"].instance["EngineVersion"]
    words = (
        "RDS does not support creating a DB instance with the following combination: DBInstanceClass=db.m4.large, "
        f"Engine=postgres, EngineVersion={version}, LicenseModel=postgresql-license."
    )
    with refused(COMBINATION, words):
        a.restore("wrong", plain_snapshot, DBInstanceClass="db.m4.large")
    with refused(COMBINATION, words):
        a.modify("plain", DBInstanceClass="db.m4.large")
    with refused(COMBINATION, words):
        a.create("wrong", DBInstanceClass="db.m4.large")


GP3, IO1, IO2 = ({"StorageType": kind} for kind in ("gp3", "io1", "io2"))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({**GP3, "Iops": 11_999}, "Invalid iops value for engine name postgres and storage type gp3: 11999"),
        ({**GP3, "Iops": 64_001}, "64001"),
        ({**GP3, "Iops": 12_000, "StorageThroughput": 499}, "throughput"),
        ({**GP3, "Iops": 12_000, "StorageThroughput": 3_001}, "Invalid storage throughput to iops ratio"),
        ({**GP3, "AllocatedStorage": 300}, "Invalid storage size for engine name postgres and storage type gp3: 300"),
        ({**IO1, "Iops": 100}, "Invalid iops value"),
        (
            {**IO1, "Iops": 20_001},
            "Invalid iops to max storage (GB) ratio for engine name postgres and storage type io1: 50.0025",
        ),
        ({**IO1}, "requires iops to be specified"),
        ({**IO2, "Iops": 3_000, "StorageThroughput": 500}, "You can't specify StorageThroughput"),
        ({"StorageType": "gp2", "Iops": 3_000}, "You can't specify Iops"),
        ({"StorageType": "standard", "AllocatedStorage": 4_000}, "standard: 4000"),
    ],
)
def test_storage_outside_its_limits_is_refused(a: Account, large: str, chosen: dict, words: str) -> None:
    with refused(COMBINATION, words):
        a.restore("wrong", large, **chosen)


def test_storage_within_its_limits_is_taken(a: Account, large: str) -> None:
    for number, chosen in enumerate(
        ({**GP3, "Iops": 12_000, "StorageThroughput": 3_000}, {**IO2, "Iops": 256_000}, {**IO1, "Iops": 20_000})
    ):
        a.restore(f"fits-{number}", large, **chosen)
        found = a.until_instance(f"fits-{number}", "available")
        assert {name: found[name] for name in chosen} == chosen
        if chosen["StorageType"] != "gp3":
            with refused(COMBINATION, "You must specify both the storage size and iops"):
                a.modify(f"fits-{number}", Iops=5_000)
        a.drop(f"fits-{number}")


def test_room_to_grow_is_limited(a: Account, large: str) -> None:
    a.restore("grows", large)
    a.until_instance("grows", "available")
    for limit, words in ((439, "at least 10 percent"), (399, "must be greater than")):
        with refused(COMBINATION, words):
            a.modify("grows", MaxAllocatedStorage=limit)
    a.modify("grows", MaxAllocatedStorage=440)
    assert a.until_modified("grows")["MaxAllocatedStorage"] == 440
    a.drop("grows")
    with refused(COMBINATION, "standard"):
        a.create("magnetic", StorageType="standard", MaxAllocatedStorage=100)


def test_another_engine_than_that_of_the_snapshot_is_refused(a: Account, plain_snapshot: str) -> None:
    with refused(COMBINATION, "mysql", "postgres"):
        a.restore("wrong", plain_snapshot, Engine="mysql")
    with refused("InvalidParameterValue", "nosql"):
        a.restore("wrong", plain_snapshot, Engine="nosql")
    assert "wrong" not in a.instance_names()


def test_a_class_without_encryption_takes_no_encrypted_snapshot(
    a: Account, admin: Admin, snapshot: str, plain_snapshot: str
) -> None:
    for arn in (snapshot, plain_snapshot):
        admin.set_engine(arn, "postgres", "12.22")
    with refused(COMBINATION, "DB Instance class db.t2.micro does not support encryption at rest"):
        a.restore("wrong", snapshot, DBInstanceClass="db.t2.micro")
    a.restore("open", plain_snapshot, DBInstanceClass="db.t2.micro")
    assert a.until_instance("open", "available")["EngineVersion"] == "12.22"
    a.drop("open")


# The network


def network(account: Account, octet: int) -> dict[str, Any]:
    """A VPC beside the default one, with two subnets and a security group."""
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=f"10.{octet}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{octet}.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")[
            "Subnet"
        ]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(VpcId=vpc, GroupName=f"group-{octet}", Description="d")["GroupId"]
    return {"vpc": vpc, "subnets": subnets, "group": group}


def test_a_security_group_of_another_vpc_is_refused(a: Account, plain_snapshot: str) -> None:
    other = network(a, 2)
    default = a.instance("plain")["DBSubnetGroup"]["VpcId"]
    words = (
        "The DB instance and EC2 security group are in different VPCs. "
        f"The DB instance is in {default} and the EC2 security group is in {other['vpc']}"
    )
    with refused(COMBINATION, words):
        a.restore("wrong", plain_snapshot, VpcSecurityGroupIds=[other["group"]])
    with refused(COMBINATION, words):
        a.modify("plain", VpcSecurityGroupIds=[other["group"]])
    a.rds.create_db_subnet_group(DBSubnetGroupName="second", DBSubnetGroupDescription="d", SubnetIds=other["subnets"])
    a.restore("second", plain_snapshot, DBSubnetGroupName="second", VpcSecurityGroupIds=[other["group"]])
    found = a.until_instance("second", "available")
    assert found["DBSubnetGroup"]["VpcId"] == other["vpc"]
    zones = [subnet["SubnetAvailabilityZone"]["Name"] for subnet in found["DBSubnetGroup"]["Subnets"]]
    assert zones == ["us-east-1a", "us-east-1b"]
    default_group = a.rds.describe_db_instances(DBInstanceIdentifier="plain")["DBInstances"][0]["VpcSecurityGroups"]
    assert default_group[0]["VpcSecurityGroupId"].startswith("sg-")
    with refused(COMBINATION, "different VPCs"):
        a.restore(
            "wrong",
            plain_snapshot,
            DBSubnetGroupName="second",
            VpcSecurityGroupIds=[default_group[0]["VpcSecurityGroupId"]],
        )
    a.drop("second")


def test_groups_of_subnets_lie_in_one_vpc_and_two_zones(a: Account, admin: Admin) -> None:
    one, other = network(a, 3), network(a, 4)

    def create(*subnets: str) -> None:
        a.rds.create_db_subnet_group(DBSubnetGroupName="wrong", DBSubnetGroupDescription="d", SubnetIds=list(subnets))

    with refused("InvalidSubnet", one["vpc"], other["vpc"]):
        create(one["subnets"][0], other["subnets"][1])
    with refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        create(one["subnets"][0])
    with refused("InvalidSubnet", "net-1"):
        create("net-1", "net-2")
    admin.switches(unknownNetworkRefused=True)
    with refused("InvalidSubnet", "subnet-1"):
        create("subnet-1", "subnet-2")


def test_without_a_default_vpc_a_subnet_group_must_be_named(
    b: Account, a: Account, admin: Admin, plain_snapshot: str
) -> None:
    # Nobody has restored anything in this Region yet, so that there is no default group of subnets.
    away = a.client("rds", region_name="eu-west-3")
    create = {
        "DBInstanceIdentifier": "away",
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": 20,
        "MasterUsername": "owner",
        "MasterUserPassword": "correct-horse",
    }
    admin.switches(defaultVpc=False)
    with refused(
        "InvalidSubnet", "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets."
    ):
        away.create_db_instance(**create)
    # Where there is such a group, its VPC may have gone.
    with refused("InvalidVPCNetworkStateFault", "associated with the default subnet group does not exist"):
        a.restore("wrong", plain_snapshot)
    with refused("DBSubnetGroupNotFoundFault", "nowhere"):
        a.restore("wrong", plain_snapshot, DBSubnetGroupName="nowhere")
    admin.switches(defaultVpc=True)
    # The same for an account that has deleted its own.
    ec2 = a.client("ec2", region_name="eu-west-3")
    default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [default]}])["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=default)
    ec2.delete_vpc(VpcId=default)
    with refused("InvalidSubnet", "No default subnet detected in VPC."):
        away.create_db_instance(**create)


def test_security_groups_that_nobody_made_are_refused_on_order(a: Account, admin: Admin, plain_snapshot: str) -> None:
    admin.switches(unknownNetworkRefused=True)
    with refused("InvalidParameterValue", "sg-0123abcd"):
        a.restore("wrong", plain_snapshot, VpcSecurityGroupIds=["sg-0123abcd"])
