"""Parameter groups and option groups: their families, versions and VPCs, and what keeps them from going."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import Account, B, Server, allow, refused, tags

OLD = "postgres12"


def families(a: Account, **wanted: Any) -> dict[str, str]:
    found = a.rds.describe_db_parameter_groups(**wanted)["DBParameterGroups"]
    return {group["DBParameterGroupName"]: group["DBParameterGroupFamily"] for group in found}


def test_parameter_groups_have_a_family_and_default_ones_are_there(a: Account, servers: dict[str, Server]) -> None:
    with a.parameter_group("Old-One", OLD):
        assert families(a, DBParameterGroupName="old-one") == {"old-one": OLD}
        found = families(a)
        assert found["old-one"] == OLD and found["default.mysql8.0"] == "mysql8.0"
        with refused("DBParameterGroupAlreadyExists"):
            a.rds.create_db_parameter_group(DBParameterGroupName="old-one", DBParameterGroupFamily=OLD, Description="d")
    with refused("DBParameterGroupNotFound", "old-one"):
        families(a, DBParameterGroupName="old-one")
    for wrong in (
        {"DBParameterGroupFamily": "postgres9"},
        {"DBParameterGroupName": "a--b"},
        {"DBParameterGroupName": "default.postgres15"},
    ):
        with refused("InvalidParameterValue"):
            a.rds.create_db_parameter_group(
                **{"DBParameterGroupName": "x", "DBParameterGroupFamily": OLD, "Description": "d", **wrong}
            )


def test_a_parameter_group_of_another_family_is_refused(a: Account, plain_snapshot: str) -> None:
    words = (
        f"The parameter group old with DBParameterGroupFamily {OLD} can't be used for this instance.",
        f"Use a parameter group with DBParameterGroupFamily postgres{a.major_version}.",
    )
    with a.parameter_group("old", OLD):
        with refused("InvalidParameterCombination", *words):
            a.restore("wrong", plain_snapshot, DBParameterGroupName="old")
        with refused("InvalidParameterCombination", *words):
            a.modify("plain", DBParameterGroupName="old")
    with refused("DBParameterGroupNotFound", "old"):
        a.restore("wrong", plain_snapshot, DBParameterGroupName="old")
    with refused("InvalidParameterCombination", "default.mysql8.0"):
        a.restore("wrong", plain_snapshot, DBParameterGroupName="default.mysql8.0")
    assert "wrong" not in a.instance_names()


def test_an_option_group_of_another_engine_or_version_is_refused(a: Account, plain_snapshot: str) -> None:
    with a.option_group("other", "mysql", "8.0"), a.option_group("older", major="12"):
        for group, whose in (("other", "mysql 8.0"), ("older", "postgres 12")):
            words = f"The option group {group} is for {whose}, and your DB instance is postgres {a.major_version}."
            with refused("InvalidParameterCombination", words):
                a.restore("wrong", plain_snapshot, OptionGroupName=group)
            with refused("InvalidParameterCombination", words):
                a.modify("plain", OptionGroupName=group)
            with refused("InvalidParameterCombination", words):
                a.copy(plain_snapshot, OptionGroupName=group)
        found = a.rds.describe_option_groups(EngineName="mysql", MajorEngineVersion="8.0")["OptionGroupsList"]
        assert {group["OptionGroupName"] for group in found} == {"other", "default:mysql-8-0"}
    with refused("OptionGroupNotFoundFault", "older"):
        a.restore("wrong", plain_snapshot, OptionGroupName="older")
    with refused("InvalidParameterCombination", "Cannot find major version 9.4 for postgres"):
        a.rds.create_option_group(
            OptionGroupName="x", EngineName="postgres", MajorEngineVersion="9.4", OptionGroupDescription="d"
        )
    with refused("InvalidParameterCombination"):
        a.rds.describe_option_groups(MajorEngineVersion="8.0")


def test_groups_in_use_cannot_be_deleted(a: Account, plain_snapshot: str) -> None:
    with a.parameter_group("used"), a.option_group("used"):
        a.restore("user", plain_snapshot, DBParameterGroupName="used", OptionGroupName="used")
        with refused("InvalidDBParameterGroupState"):
            a.rds.delete_db_parameter_group(DBParameterGroupName="used")
        with refused("InvalidOptionGroupStateFault", "The option group 'used' cannot be deleted because it is in use."):
            a.rds.delete_option_group(OptionGroupName="used")
        a.until_instance("user", "available")
        a.drop("user")


def test_an_option_group_is_bound_to_the_vpc_of_its_first_instance(a: Account, plain_snapshot: str) -> None:
    ec2 = a.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for number, zone in enumerate("ab")
    ]
    made = a.rds.create_db_subnet_group(DBSubnetGroupName="bound", DBSubnetGroupDescription="d", SubnetIds=subnets)
    assert made["DBSubnetGroup"]["VpcId"] == vpc
    with a.option_group("binding"):
        a.restore("bound", plain_snapshot, OptionGroupName="binding")
        described = a.rds.describe_option_groups(OptionGroupName="binding")["OptionGroupsList"][0]
        assert described["VpcId"] == a.instance("bound")["DBSubnetGroup"]["VpcId"] != vpc
        with refused(
            "InvalidParameterCombination",
            "The option group binding is associated with a different VPC than the request.",
        ):
            a.restore("elsewhere", plain_snapshot, OptionGroupName="binding", DBSubnetGroupName="bound")
        # The snapshot of such an instance names it too.
        a.until_instance("bound", "available")
        snapshot = a.take_snapshot("bound")
        with refused("InvalidParameterCombination", "different VPC"):
            a.restore("elsewhere", snapshot, DBSubnetGroupName="bound")
        a.restore("again", snapshot)
        assert a.instance("again")["OptionGroupMemberships"][0]["OptionGroupName"] == "binding"
        a.until_instance("again", "available")
        a.drop("again")
        a.drop("bound")
        a.forget(snapshot)


def test_permanent_options_go_where_their_group_goes(
    a: Account, b: Account, servers: dict[str, Server], key_of_b: str
) -> None:
    needed = "The snapshot requires a target option group with the following options: [Timezone]"
    with a.option_group("zoned", options=("Timezone",)), a.option_group("sealed", options=("TDE",)):
        with (
            b.option_group("plain", major=a.major_version),
            b.option_group("ready", major=a.major_version, options=("Timezone",)),
        ):
            copies, sources = [], []
            for group in ("sealed", "zoned"):
                a.modify("orders", OptionGroupName=group)
                a.until_modified("orders")
                sources.append(a.take_snapshot("orders"))
            with refused("InvalidDBSnapshotState", "TDE"):
                a.share(sources[0], B)
            a.share(sources[1], B)
            for wrong in ({}, {"OptionGroupName": "plain"}):
                with refused("InvalidParameterValue", needed):
                    b.copy(sources[1], KmsKeyId=key_of_b, **wrong)
            copies.append(b.copy(sources[1], KmsKeyId=key_of_b, OptionGroupName="ready"))
            copies.append(b.copy(sources[1], KmsKeyId=key_of_b, CopyOptionGroup=True))
            assert [b.snapshot(copy)["OptionGroupName"] for copy in copies] == ["ready", "zoned"]
            with refused("InvalidParameterCombination", "permanent"):
                a.rds.modify_option_group(OptionGroupName="zoned", OptionsToRemove=["Timezone"])
            b.forget(*copies)
            a.forget(*sources)
            b.rds.delete_option_group(OptionGroupName="zoned")
            a.modify(
                "orders", OptionGroupName=servers["orders"].instance["OptionGroupMemberships"][0]["OptionGroupName"]
            )
            a.until_modified("orders")


@pytest.mark.parametrize(("kind", "name"), [("pg", "DBParameterGroup"), ("og", "OptionGroup")])
def test_groups_are_resources_of_their_own(a: Account, servers: dict[str, Server], kind: str, name: str) -> None:
    own = a.arn(kind, "mine")
    role = a.role(
        allow(f"rds:Describe{name}s", f"rds:Create{name}", f"rds:Modify{name}", f"rds:Delete{name}", resource=own),
        allow("rds:AddTagsToResource", resource=own),
    )
    create = {
        "pg": lambda group, **more: role.create_db_parameter_group(
            DBParameterGroupName=group, DBParameterGroupFamily="mysql8.0", Description="d", **more
        ),
        "og": lambda group, **more: role.create_option_group(
            OptionGroupName=group, EngineName="mysql", MajorEngineVersion="8.0", OptionGroupDescription="d", **more
        ),
    }[kind]
    describe = role.describe_db_parameter_groups if kind == "pg" else role.describe_option_groups
    delete = role.delete_db_parameter_group if kind == "pg" else role.delete_option_group
    with refused("AccessDenied", a.arn(kind, "yours")):
        create("yours")
    create("mine", Tags=tags(team="red"))
    assert a.rds.list_tags_for_resource(ResourceName=own)["TagList"] == tags(team="red")
    assert describe(**{f"{name}Name": "mine"})
    with refused("AccessDenied", a.arn(kind, "*")):
        describe()
    delete(**{f"{name}Name": "mine"})
