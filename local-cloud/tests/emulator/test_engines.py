"""Other engines and versions, as the administrator calls them: what RDS takes of them in which call."""

from __future__ import annotations

import pytest

from accounts import Account, Admin, Server, refused

COMBINATION = "InvalidParameterCombination"
SQL_SERVER = ("sqlserver-se", "16.00.4165.4.v1")
ORACLE = "19.0.0.0.ru-2025-01.rur-2025-01.r1"
LARGE = {"DBInstanceClass": "db.m6i.large"}


def test_what_is_made_is_postgres_and_nothing_else(a: Account) -> None:
    with refused("InvalidParameterValue", "mysql"):
        a.create("wrong", Engine="mysql")


def test_an_engine_goes_along_with_its_snapshots_and_copies(
    a: Account, b: Account, admin: Admin, plain_snapshot: str
) -> None:
    admin.set_engine(plain_snapshot, "mysql", "8.0.42")
    a.share(plain_snapshot, b.number)
    copy = b.copy(plain_snapshot)
    found = b.snapshot(copy)
    assert (found["Engine"], found["EngineVersion"], found["LicenseModel"]) == (
        "mysql",
        "8.0.42",
        "general-public-license",
    )
    assert found["OptionGroupName"] == "default:mysql-8-0"
    b.restore("mine", copy)
    restored = b.until_instance("mine", "available")
    assert (restored["Engine"], restored["EngineVersion"]) == ("mysql", "8.0.42")
    assert restored["DBParameterGroups"][0]["DBParameterGroupName"] == "default.mysql8.0"
    assert [
        one["DBInstanceIdentifier"]
        for one in b.rds.describe_db_instances(Filters=[{"Name": "engine", "Values": ["mysql"]}])["DBInstances"]
    ] == ["mine"]
    for wrong, word in (
        ({"EnableCloudwatchLogsExports": ["postgresql"]}, "postgresql"),
        ({"LicenseModel": "postgresql-license"}, "postgresql-license"),
        ({"DBParameterGroupName": f"default.postgres{a.major_version}"}, "default.mysql8.0"[8:]),
    ):
        with refused(COMBINATION, word):
            b.restore("wrong", copy, **wrong)
    with refused(COMBINATION, "postgresql"):
        b.modify("mine", CloudwatchLogsExportConfiguration={"EnableLogTypes": ["postgresql"]})
    b.modify("mine", CloudwatchLogsExportConfiguration={"EnableLogTypes": ["slowquery"]})
    b.until_modified("mine")
    b.drop("mine")
    b.forget(copy)


@pytest.mark.parametrize(
    ("chosen", "code", "words"),
    [
        (
            {"MultiAZ": True},
            "InvalidParameterValue",
            "Mirroring cannot be applied to instances with backup retention set to zero.",
        ),
        ({"MultiAZ": False}, COMBINATION, "MultiAZ"),
        ({"AllocatedStorage": 100}, COMBINATION, "AllocatedStorage"),
        ({"StorageType": "gp3"}, COMBINATION, "StorageType"),
        ({"Iops": 3_000}, COMBINATION, "Iops"),
        ({"EnableIAMDatabaseAuthentication": True}, COMBINATION, "IAM Database Authentication is not supported"),
        ({"EngineLifecycleSupport": "open-source-rds-extended-support"}, COMBINATION, "EngineLifecycleSupport"),
        ({"DBInstanceClass": "db.t4g.micro"}, COMBINATION, "Engine=sqlserver-se"),
    ],
)
def test_sql_server_takes_less_in_a_restore(
    a: Account, admin: Admin, plain_snapshot: str, chosen: dict, code: str, words: str
) -> None:
    admin.set_engine(plain_snapshot, *SQL_SERVER)
    with refused(code, words):
        a.restore("wrong", plain_snapshot, **{**LARGE, **chosen})
    assert "wrong" not in a.instance_names()


def test_sql_server_gets_the_rest_by_a_modification(a: Account, admin: Admin, plain_snapshot: str) -> None:
    admin.set_engine(plain_snapshot, *SQL_SERVER)
    a.restore("server", plain_snapshot, Engine="sqlserver-se", BackupRetentionPeriod=0, **LARGE)
    assert a.until_instance("server", "available")["LicenseModel"] == "license-included"
    with refused("InvalidParameterValue", "Mirroring"):
        a.modify("server", MultiAZ=True)
    # Its gp3 storage has performance to choose at every size.
    a.modify("server", MultiAZ=True, BackupRetentionPeriod=1, Iops=4_000, StorageThroughput=250, ApplyImmediately=True)
    found = a.until_modified("server")
    assert (found["MultiAZ"], found["Iops"], found["StorageThroughput"]) == (True, 4_000, 250)
    with refused(COMBINATION, "16001"):
        a.modify("server", Iops=16_001)
    a.drop("server")


def test_oracle_with_containers_takes_no_engine(a: Account, admin: Admin, plain_snapshot: str) -> None:
    admin.set_engine(plain_snapshot, "oracle-ee-cdb", ORACLE)
    with refused(COMBINATION, "Engine"):
        a.restore("wrong", plain_snapshot, Engine="oracle-ee-cdb", **LARGE)
    a.restore("oracle", plain_snapshot, MultiAZ=True, **LARGE)
    assert a.until_instance("oracle", "available")["Engine"] == "oracle-ee-cdb"
    a.drop("oracle")
    admin.set_engine(plain_snapshot, "oracle-ee", ORACLE)
    with refused(COMBINATION, "less than 200"):
        a.restore("wrong", plain_snapshot, StorageType="gp3", Iops=12_000, AllocatedStorage=199, **LARGE)
    a.restore(
        "oracle-2", plain_snapshot, Engine="oracle-ee", StorageType="gp3", Iops=12_000, AllocatedStorage=200, **LARGE
    )
    a.until_instance("oracle-2", "available")
    a.drop("oracle-2")


def test_mysql_does_not_start_on_letters_of_another_case(a: Account, admin: Admin, plain_snapshot: str) -> None:
    admin.set_engine(plain_snapshot, "mysql", "8.0.42")
    with a.parameter_group("lower", "mysql8.0", lower_case_table_names="1"):
        a.restore("lower", plain_snapshot, DBParameterGroupName="lower")
        a.until_instance("lower", "incompatible-parameters")
        a.drop("lower")


def test_what_is_past_its_support_stays_at_a_price_or_is_upgraded(
    a: Account, admin: Admin, plain_snapshot: str
) -> None:
    enrolled, refusing = "open-source-rds-extended-support", "open-source-rds-extended-support-disabled"
    admin.set_engine(plain_snapshot, "postgres", "12.22")
    with refused("InvalidParameterValue", "EngineLifecycleSupport"):
        a.restore("wrong", plain_snapshot, EngineLifecycleSupport="always")
    for name, chosen, expected in (
        ("silent", {}, (enrolled, "12")),
        ("paying", {"EngineLifecycleSupport": enrolled}, (enrolled, "12")),
        ("upgraded", {"EngineLifecycleSupport": refusing}, (refusing, "14")),
    ):
        a.restore(name, plain_snapshot, **chosen)
        found = a.until_instance(name, "available")
        assert (found["EngineLifecycleSupport"], found["EngineVersion"].split(".")[0]) == expected
        a.drop(name)


def test_an_administrator_names_what_there_is(a: Account, admin: Admin, servers: dict[str, Server]) -> None:
    for engine, version in (("db9", "1"), ("mysql", "9.9")):
        with pytest.raises(Exception, match="400"):
            admin.set_engine(a.arn("db", "plain"), engine, version)
    with pytest.raises(Exception, match="404"):
        admin.set_engine(a.arn("db", "nothing"), "mysql", "8.0.42")
