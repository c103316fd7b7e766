"""Options of an instance: which calls take them, how they are shown, and what they need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts import A, Account, Admin, Server, allow, refused, until

COMBINATION = "InvalidParameterCombination"


def make_role(a: Account, name: str, service: str) -> str:
    """A role that the service may assume; its ARN."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    return a.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


@pytest.fixture(scope="module")
def monitor(a: Account) -> str:
    return make_role(a, "monitor", "monitoring.rds.amazonaws.com")


@pytest.fixture(scope="module")
def directory_role(a: Account) -> Iterator[str]:
    make_role(a, "directory", "rds.amazonaws.com")
    yield "directory"


@pytest.fixture(scope="module")
def kept(a: Account, servers: dict[str, Server]) -> Iterator[str]:
    """A database whose options the tests change."""
    a.create("kept")
    a.until_instance("kept", "available")
    yield "kept"
    a.drop("kept")


# The network type, and the volume for the log


def test_both_protocols_need_subnets_that_have_both(a: Account, admin: Admin, plain_snapshot: str) -> None:
    assert a.instance("plain")["NetworkType"] == "IPV4"
    with refused("NetworkTypeNotSupported", "DUAL"):
        a.restore("wrong", plain_snapshot, NetworkType="DUAL")
    with refused("InvalidParameterValue", "IPV6"):
        a.restore("wrong", plain_snapshot, NetworkType="IPV6")
    admin.switches(dualStack=True)
    a.restore("both", plain_snapshot, NetworkType="DUAL")
    found = a.until_instance("both", "available")
    assert found["NetworkType"] == "DUAL"
    assert found["DBSubnetGroup"]["SupportedNetworkTypes"] == ["IPV4", "DUAL"]
    a.modify("both", NetworkType="IPV4")
    assert a.until_modified("both")["NetworkType"] == "IPV4"
    admin.switches(dualStack=False)
    with refused("NetworkTypeNotSupported"):
        a.modify("both", NetworkType="DUAL")
    a.drop("both")


def test_a_volume_for_the_log_needs_provisioned_storage_and_is_not_inherited(a: Account, plain_snapshot: str) -> None:
    with refused(COMBINATION, "dedicated log volume", "gp3"):
        a.restore("wrong", plain_snapshot, DedicatedLogVolume=True)
    storage = {"StorageType": "io2", "Iops": 3_000, "AllocatedStorage": 100}
    a.restore("logging", plain_snapshot, DedicatedLogVolume=True, **storage)
    assert a.until_instance("logging", "available")["DedicatedLogVolume"] is True
    with refused(COMBINATION, "dedicated log volume"):
        a.modify("logging", StorageType="gp3")
    a.modify("logging", StorageType="gp3", DedicatedLogVolume=False, ApplyImmediately=True)
    found = a.until_modified("logging")
    assert (found["StorageType"], found["Iops"]) == ("gp3", 3_000)
    a.modify("logging", DedicatedLogVolume=True, ApplyImmediately=True, **storage)
    a.until_modified("logging")
    snapshot = a.take_snapshot("logging")
    assert a.snapshot(snapshot)["DedicatedLogVolume"] is True
    a.restore("logging-2", snapshot)
    assert a.until_instance("logging-2", "available")["DedicatedLogVolume"] is False
    a.drop("logging-2")
    a.drop("logging")
    a.forget(snapshot)


# Directories


def test_a_directory_comes_with_its_role(a: Account, plain_snapshot: str, directory_role: str) -> None:
    member = {"Domain": "d-0123456789", "DomainIAMRoleName": directory_role}
    with refused(COMBINATION, "DomainIAMRoleName"):
        a.restore("wrong", plain_snapshot, Domain="d-0123456789")
    with refused("DomainNotFoundFault", "corp"):
        a.restore("wrong", plain_snapshot, **{**member, "Domain": "corp"})
    with refused("InvalidParameterValue", "IAM role ARN value is invalid"):
        a.restore("wrong", plain_snapshot, **{**member, "DomainIAMRoleName": "nobody"})
    with refused("AccessDenied", "iam:PassRole", f"arn:aws:iam::{A}:role/{directory_role}"):
        a.role(allow("rds:*")).restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="wrong", DBSnapshotIdentifier=plain_snapshot, **member
        )
    a.restore("member", plain_snapshot, **member)
    found = a.until_instance("member", "available")["DomainMemberships"]
    assert [(one["Domain"], one["IAMRoleName"], one["Status"]) for one in found] == [
        ("d-0123456789", directory_role, "joined")
    ]
    by_domain = a.rds.describe_db_instances(Filters=[{"Name": "domain", "Values": ["d-0123456789"]}])["DBInstances"]
    assert [one["DBInstanceIdentifier"] for one in by_domain] == ["member"]
    # A restore does not inherit it.
    snapshot = a.take_snapshot("member")
    assert a.restore("stranger", snapshot)["DomainMemberships"] == []
    a.until_instance("stranger", "available")
    a.modify("member", Domain="none")
    assert a.until_modified("member")["DomainMemberships"] == []
    a.drop("stranger")
    a.drop("member")
    a.forget(snapshot)


def test_a_directory_of_ones_own_is_for_sql_server(a: Account, admin: Admin, plain_snapshot: str) -> None:
    own = {
        "DomainFqdn": "corp.example.com",
        "DomainOu": "OU=db,DC=corp,DC=example,DC=com",
        "DomainAuthSecretArn": f"arn:aws:secretsmanager:us-east-1:{A}:secret:join-AbCdEf",
        "DomainDnsIps": ["10.0.0.1", "10.0.0.2"],
    }
    with refused(COMBINATION, "DomainFqdn"):
        a.restore("wrong", plain_snapshot, **own)
    admin.set_engine(plain_snapshot, "sqlserver-se", "16.00.4165.4.v1")
    restore: dict[str, Any] = {"DBInstanceClass": "db.m6i.large"}
    for wrong in ({"DomainOu": ""}, {"DomainFqdn": ""}):
        with refused(COMBINATION, "DomainFqdn, DomainOu, DomainAuthSecretArn, DomainDnsIps together"):
            a.restore("wrong", plain_snapshot, **restore, **{**own, **wrong})
    with refused("InvalidParameterValue", "two IP addresses"):
        a.restore("wrong", plain_snapshot, **restore, **{**own, "DomainDnsIps": ["10.0.0.1"]})
    with refused(COMBINATION, "Domain and DomainIAMRoleName can't"):
        a.restore("wrong", plain_snapshot, **restore, **own, Domain="d-0123456789")
    a.restore("joined", plain_snapshot, **restore, **own)
    found = a.until_instance("joined", "available")["DomainMemberships"][0]
    assert (found["FQDN"], found["OU"], found["DnsIps"]) == (own["DomainFqdn"], own["DomainOu"], own["DomainDnsIps"])
    assert found["AuthSecretArn"] == own["DomainAuthSecretArn"]
    a.drop("joined")


# What only a modification takes after a restore


@pytest.mark.parametrize(
    "chosen",
    [
        {"EnablePerformanceInsights": "true"},
        {"MonitoringInterval": "30"},
        {"MonitoringRoleArn": f"arn:aws:iam::{A}:role/monitor"},
    ],
)
def test_a_restore_takes_neither_insights_nor_monitoring(a: Account, plain_snapshot: str, chosen: dict) -> None:
    def send(params: dict, **_: Any) -> None:
        params["body"].update(chosen)

    rds = a.client("rds")
    rds.meta.events.register("before-call.rds.RestoreDBInstanceFromDBSnapshot", send)
    with refused(COMBINATION, *chosen):
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="wrong", DBSnapshotIdentifier=plain_snapshot)


def test_insights_have_a_key_and_a_time(a: Account, kept: str, key: str) -> None:
    assert a.instance(kept)["PerformanceInsightsEnabled"] is False
    with refused(COMBINATION, "Performance Insights"):
        a.modify(kept, PerformanceInsightsRetentionPeriod=7)
    for days in (8, 30, 744):
        with refused("InvalidParameterValue", str(days)):
            a.modify(kept, EnablePerformanceInsights=True, PerformanceInsightsRetentionPeriod=days)
    with refused("KMSKeyNotAccessibleFault"):
        a.modify(kept, EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId="alias/none")
    a.modify(kept, EnablePerformanceInsights=True)
    found = a.until_modified(kept)
    assert (found["PerformanceInsightsEnabled"], found["PerformanceInsightsRetentionPeriod"]) == (True, 7)
    assert ":key/" in found["PerformanceInsightsKMSKeyId"]
    a.modify(kept, PerformanceInsightsRetentionPeriod=93)
    assert a.until_modified(kept)["PerformanceInsightsRetentionPeriod"] == 93
    a.modify(kept, EnablePerformanceInsights=False)
    assert "PerformanceInsightsKMSKeyId" not in a.until_modified(kept)
    a.modify(
        kept, EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId=key, PerformanceInsightsRetentionPeriod=731
    )
    found = a.until_modified(kept)
    assert (found["PerformanceInsightsKMSKeyId"], found["PerformanceInsightsRetentionPeriod"]) == (key, 731)
    a.modify(kept, EnablePerformanceInsights=False)
    a.until_modified(kept)


def test_the_smallest_mysql_has_no_insights(a: Account, admin: Admin, plain_snapshot: str) -> None:
    admin.set_engine(plain_snapshot, "mysql", "8.0.42")
    a.restore("small", plain_snapshot, DBInstanceClass="db.t4g.micro")
    a.until_instance("small", "available")
    with refused(COMBINATION, "Performance Insights not supported for this configuration."):
        a.modify("small", EnablePerformanceInsights=True)
    a.drop("small")


def test_monitoring_has_a_role_that_the_service_may_assume(
    a: Account, kept: str, monitor: str, directory_role: str
) -> None:
    without = "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
    with refused(COMBINATION, without):
        a.modify(kept, MonitoringInterval=30)
    with refused(
        COMBINATION,
        "You must specify a MonitoringInterval value other than 0 when you specify a MonitoringRoleARN value.",
    ):
        a.modify(kept, MonitoringRoleArn=monitor)
    with refused("InvalidParameterValue", "31"):
        a.modify(kept, MonitoringInterval=31, MonitoringRoleArn=monitor)
    for other in (
        f"arn:aws:iam::{A}:role/{directory_role}",
        f"arn:aws:iam::{A}:role/nobody",
        "arn:aws:iam::222222222222:role/monitor",
    ):
        with refused(
            "InvalidParameterValue",
            "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
        ):
            a.modify(kept, MonitoringInterval=30, MonitoringRoleArn=other)
    order = {"DBInstanceIdentifier": kept, "MonitoringInterval": 30, "MonitoringRoleArn": monitor}
    with refused("AccessDenied", "iam:PassRole", monitor):
        a.role(allow("rds:*")).modify_db_instance(**order)
    passed = {"StringEquals": {"iam:PassedToService": "monitoring.rds.amazonaws.com"}}
    a.role(allow("rds:*"), allow("iam:PassRole", resource=monitor, **passed)).modify_db_instance(**order)
    found = a.until_modified(kept)
    assert (found["MonitoringInterval"], found["MonitoringRoleArn"]) == (30, monitor)
    a.modify(kept, MonitoringInterval=0)
    assert "MonitoringRoleArn" not in a.until_modified(kept)


# Storage that is filled after a restore


def test_storage_that_is_filled_may_show_in_the_status_too(a: Account, admin: Admin, plain_snapshot: str) -> None:
    admin.timing(storageSeconds=1.5)
    admin.switches(storageStatus=True)
    a.restore("filling", plain_snapshot)
    found = a.until_instance("filling", "storage-initialization")
    assert found["StorageOperationStatus"] == "Initializing" and found["Endpoint"]["Port"]
    with refused("InvalidDBInstanceState"):
        a.drop("filling")
    a.until_instance("filling", "available")
    until(lambda: "StorageOperationStatus" not in a.instance("filling"), "the end")
    a.drop("filling")
