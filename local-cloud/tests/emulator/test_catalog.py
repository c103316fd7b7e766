"""What RDS offers: instance classes and storage by engine and version, parameter group families, support, and quotas."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import Account, Admin, Server, allow, refused


def options(a: Account, **wanted: Any) -> list[dict]:
    pages = a.rds.get_paginator("describe_orderable_db_instance_options").paginate(
        **wanted, PaginationConfig={"PageSize": 20}
    )
    return [option for page in pages for option in page["OrderableDBInstanceOptions"]]


def test_what_can_be_ordered_says_which_storage_and_how_fast(a: Account, servers: dict[str, Server]) -> None:
    version = servers["plain"].instance["EngineVersion"]
    found = {
        option["StorageType"]: option
        for option in options(a, Engine="postgres", EngineVersion=version, DBInstanceClass="db.m6i.large")
    }
    assert set(found) == {"standard", "gp2", "gp3", "io1", "io2"}
    assert {option["EngineVersion"] for option in found.values()} == {version}
    gp3, io1, standard = found["gp3"], found["io1"], found["standard"]
    assert (gp3["MinStorageSize"], gp3["MaxStorageSize"]) == (20, 65_536)
    assert (gp3["MinIopsPerDbInstance"], gp3["MaxIopsPerDbInstance"]) == (12_000, 64_000)
    assert (gp3["MinStorageThroughputPerDbInstance"], gp3["MaxStorageThroughputPerDbInstance"]) == (500, 4_000)
    assert gp3["MaxStorageThroughputPerIops"] == 0.25
    assert (io1["MinStorageSize"], io1["MinIopsPerGib"], io1["MaxIopsPerGib"]) == (100, 0.5, 50.0)
    assert io1["SupportsIops"] and not io1["SupportsStorageThroughput"] and io1["SupportsDedicatedLogVolume"]
    assert not standard["SupportsStorageAutoscaling"] and not standard["SupportsIops"]
    for name in (
        "MultiAZCapable",
        "SupportsStorageEncryption",
        "SupportsPerformanceInsights",
        "SupportsStorageAutoscaling",
    ):
        assert gp3[name] is True, name


def test_engines_versions_and_classes_differ(a: Account) -> None:
    old = options(a, Engine="postgres", EngineVersion="12.22", DBInstanceClass="db.t2.micro")
    assert old and not any(option["SupportsStorageEncryption"] for option in old)
    assert not options(a, Engine="postgres", EngineVersion="15.7", DBInstanceClass="db.t2.micro")
    assert not options(a, Engine="mysql", EngineVersion="8.0.42", DBInstanceClass="db.x99.large")
    server = options(a, Engine="sqlserver-se", EngineVersion="15.00", DBInstanceClass="db.m6i.large")
    gp3 = [option for option in server if option["StorageType"] == "gp3"]
    assert {option["MaxStorageSize"] for option in gp3} == {16_384}
    assert {option["MinIopsPerDbInstance"] for option in gp3} == {3_000}
    assert not any(option["SupportsIAMDatabaseAuthentication"] for option in server)
    assert not any(option["MultiAZCapable"] for option in options(a, Engine="sqlserver-ex", EngineVersion="15.00"))
    assert not options(a, Engine="oracle-ee", DBInstanceClass="db.m6g.large")
    assert not options(a, Engine="oracle-ee", LicenseModel="license-included")
    small = options(a, Engine="mysql", EngineVersion="8.0.42", DBInstanceClass="db.t4g.micro")
    assert not any(option["SupportsPerformanceInsights"] for option in small)
    with refused("InvalidParameterCombination", "Cannot find version 9.4 for postgres"):
        options(a, Engine="postgres", EngineVersion="9.4")
    with refused("InvalidParameterValue", "db9"):
        options(a, Engine="db9")


def test_pages_hold_all_that_can_be_ordered_once(a: Account) -> None:
    found = options(a, Engine="postgres", EngineVersion="15.7")
    keys = [(option["DBInstanceClass"], option["StorageType"]) for option in found]
    assert len(keys) == len(set(keys)) > 100
    one = a.rds.describe_orderable_db_instance_options(Engine="postgres", EngineVersion="15.7", MaxRecords=1000)
    assert one["OrderableDBInstanceOptions"] == found[:1000]
    assert "Marker" in one
    with refused("InvalidParameterValue", "MaxRecords"):
        a.rds.describe_orderable_db_instance_options(Engine="postgres", MaxRecords=1001)


def test_versions_name_their_family_and_their_upgrades(a: Account, servers: dict[str, Server]) -> None:
    version = servers["plain"].instance["EngineVersion"]
    found = a.rds.describe_db_engine_versions(Engine="postgres", EngineVersion=version)["DBEngineVersions"]
    assert [one["DBParameterGroupFamily"] for one in found] == [f"postgres{a.major_version}"]
    old = a.rds.describe_db_engine_versions(Engine="postgres", EngineVersion="12.19")["DBEngineVersions"][0]
    targets = {target["EngineVersion"]: target["IsMajorVersionUpgrade"] for target in old["ValidUpgradeTarget"]}
    assert targets["12.22"] is False and targets["17.4"] is True and "11.22" not in targets
    family = a.rds.describe_db_engine_versions(DBParameterGroupFamily="oracle-ee-cdb-19")["DBEngineVersions"]
    assert {(one["Engine"], one["MajorEngineVersion"]) for one in family} == {("oracle-ee-cdb", "19")}
    newest = a.rds.describe_db_engine_versions(Engine="mysql", DefaultOnly=True)["DBEngineVersions"]
    assert [one["EngineVersion"] for one in newest] == ["5.7.44", "8.0.42", "8.4.5"]
    logs = a.rds.describe_db_engine_versions(Engine="sqlserver-se", DefaultOnly=True)["DBEngineVersions"][0]
    assert logs["ExportableLogTypes"] == ["agent", "error"]


def test_major_versions_say_how_long_they_are_supported(a: Account) -> None:
    found = a.rds.describe_db_major_engine_versions(Engine="postgres", MajorEngineVersion="12")["DBMajorEngineVersions"]
    spans = {one["LifecycleSupportName"]: one for one in found[0]["SupportedEngineLifecycles"]}
    standard, extended = spans["open-source-rds-standard-support"], spans["open-source-rds-extended-support"]
    assert standard["LifecycleSupportEndDate"].date().isoformat() == "2025-02-28"
    assert extended["LifecycleSupportEndDate"] > standard["LifecycleSupportEndDate"]
    mariadb = a.rds.describe_db_major_engine_versions(Engine="mariadb")["DBMajorEngineVersions"]
    assert {len(one["SupportedEngineLifecycles"]) for one in mariadb} == {1}


@pytest.mark.parametrize(
    "action",
    [
        "DescribeOrderableDBInstanceOptions",
        "DescribeDBEngineVersions",
        "DescribeDBMajorEngineVersions",
        "DescribeAccountAttributes",
    ],
)
def test_what_rds_offers_is_no_resource_of_an_account(a: Account, action: str) -> None:
    calls = {
        "DescribeOrderableDBInstanceOptions": lambda rds: rds.describe_orderable_db_instance_options(Engine="postgres"),
        "DescribeDBEngineVersions": lambda rds: rds.describe_db_engine_versions(),
        "DescribeDBMajorEngineVersions": lambda rds: rds.describe_db_major_engine_versions(),
        "DescribeAccountAttributes": lambda rds: rds.describe_account_attributes(),
    }
    with refused("AccessDenied", f"rds:{action} on resource: *"):
        calls[action](a.role(allow(f"rds:{action}", resource=a.arn("*", "*"))))
    calls[action](a.role(allow(f"rds:{action}")))


def test_quotas_say_what_is_used(a: Account, admin: Admin, servers: dict[str, Server]) -> None:
    def quota(name: str) -> tuple[int, int]:
        found = {one["AccountQuotaName"]: one for one in a.rds.describe_account_attributes()["AccountQuotas"]}
        return found[name]["Used"], found[name]["Max"]

    used = quota("AllocatedStorage")[0]
    admin.quotas(allocatedStorage=used + 19, parameterGroups=1, optionGroups=1)
    assert quota("AllocatedStorage") == (used, used + 19)
    with refused("StorageQuotaExceeded"):
        a.create("too-large")
    with a.parameter_group("only"), refused("DBParameterGroupQuotaExceeded"):
        assert quota("DBParameterGroups") == (1, 1)
        a.rds.create_db_parameter_group(DBParameterGroupName="two", DBParameterGroupFamily="mysql8.0", Description="d")
    with a.option_group("only"), refused("OptionGroupQuotaExceededFault"):
        assert quota("OptionGroups") == (1, 1)
        a.rds.create_option_group(
            OptionGroupName="two", EngineName="mysql", MajorEngineVersion="8.0", OptionGroupDescription="d"
        )
