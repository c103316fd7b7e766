"""Faults on order, and the record of calls."""

from __future__ import annotations

import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from refusals import refused

from accounts import A, Account, Admin, Server

HUNG_UP = (ConnectionClosedError, EndpointConnectionError)


def test_the_nth_matching_call_fails_with_the_code_given(
    a: Account, b: Account, servers: dict[str, Server], admin: Admin
) -> None:
    admin.fault(
        "DescribeDBInstances", "error", account=A, resource=":db:orders", nth=2, code="Throttling", message="slow down"
    )
    a.instance("orders")
    a.instance("plain")
    b.rds.describe_db_instances()
    with refused("Throttling", "slow down"):
        a.instance("orders")
    a.instance("orders")


def test_a_server_error_has_its_status(a: Account, admin: Admin) -> None:
    admin.fault("*", "error", code="InternalFailure", httpStatus=500)
    with pytest.raises(a.rds.exceptions.ClientError) as caught:
        a.rds.describe_db_snapshots()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_a_call_is_lost_before_its_effect(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.fault("CreateDBSnapshot", "dropBefore")
    with pytest.raises(HUNG_UP):
        a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="lost")
    with refused("DBSnapshotNotFound"):
        a.snapshot("lost")


def test_an_answer_is_lost_after_the_effect(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.fault("CreateDBSnapshot", "dropAfter")
    with pytest.raises(HUNG_UP):
        a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="done")
    a.until_snapshot("done")
    assert admin.calls("CreateDBSnapshot")[-1]["outcome"] == "ConnectionClosed"
    a.until_instance("plain", "available")
    a.forget("done")


def test_a_call_is_slow(a: Account, admin: Admin) -> None:
    admin.fault("DescribeDBSnapshots", "slow", seconds=0.5)
    begun = time.monotonic()
    a.rds.describe_db_snapshots()
    assert time.monotonic() - begun >= 0.5


def test_a_call_is_held_until_its_order_is_taken_back(a: Account, admin: Admin) -> None:
    admin.fault("DescribeDBSnapshots", "slow", seconds=60)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(a.rds.describe_db_snapshots)
        time.sleep(0.3)
        assert not held.done()
        admin.call("DELETE", "faults")
        held.result(timeout=10)


def test_work_ends_in_the_status_given(
    a: Account, servers: dict[str, Server], admin: Admin, plain_snapshot: str
) -> None:
    admin.fault("CreateDBSnapshot", "endStatus", status="failed")
    a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="broken")
    a.until_snapshot("broken", "failed")
    a.forget("broken")
    admin.fault("RestoreDBInstanceFromDBSnapshot", "endStatus", status="incompatible-restore")
    a.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="broken", DBSnapshotIdentifier=plain_snapshot)
    a.until_instance("broken", "incompatible-restore")
    with refused("InvalidDBInstanceState"):
        a.rds.delete_db_instance(DBInstanceIdentifier="broken", FinalDBSnapshotIdentifier="last")
    a.drop("broken")
    a.until_gone("broken")


def test_a_resource_is_given_a_status(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.set_status(a.arn("db", "plain"), "storage-full")
    assert a.instance("plain")["DBInstanceStatus"] == "storage-full"
    with refused("InvalidDBInstanceState"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="no")
    admin.set_status(a.arn("db", "plain"), "available")
    with pytest.raises(urllib.error.HTTPError):
        admin.set_status(a.arn("db", "nothing"), "failed")


def test_calls_are_recorded_in_order(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.call("DELETE", "calls")
    a.instance("orders")
    with refused("DBInstanceNotFound"):
        a.instance("nothing")
    first, second = admin.calls("DescribeDBInstances")
    assert (first["resource"], first["outcome"]) == (a.arn("db", "orders"), "Success")
    assert (second["resource"], second["outcome"]) == (a.arn("db", "nothing"), "DBInstanceNotFound")
    assert first["sequence"] < second["sequence"]
    assert (first["account"], first["principalArn"]) == (A, f"arn:aws:iam::{A}:root")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", {"action": "*", "effect": "melt"}),
        ("POST", "faults", {"action": "*", "effect": "error"}),
        ("PUT", "quotas", {"instance": 1}),
        ("PUT", "timing", {"copySeconds": -1}),
        ("GET", "nothing", {}),
    ],
)
def test_wrong_orders_are_refused(admin: Admin, method: str, path: str, body: dict) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        admin.call(method, path, **body)
    assert caught.value.code in (400, 404)
