"""The log groups that RDS makes for what its instances publish."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from accounts import allow
from machines import Machines

pytestmark = pytest.mark.patch

ACCOUNT = "111111111111"


def make(cloud: Any, region: str, *names: str) -> list[str]:
    question = json.dumps({"account": ACCOUNT, "region": region, "names": names}).encode()
    with urllib.request.urlopen(f"{cloud.url}/_local-cloud/log-groups", question, timeout=10) as answer:
        return list(json.load(answer)["made"])


def test_a_group_is_made_once_without_a_retention_and_keeps_the_one_that_it_gets(cloud: Any) -> None:
    names = ["/aws/rds/instance/orders-1/postgresql", "/aws/rds/instance/orders-1/upgrade"]
    assert make(cloud, "eu-west-1", *names) == names
    logs = cloud.client("logs", ACCOUNT, region_name="eu-west-1")
    logs.put_retention_policy(logGroupName=names[0], retentionInDays=30)
    assert make(cloud, "eu-west-1", *names) == []
    found = logs.describe_log_groups(logGroupNamePrefix="/aws/rds/instance/orders-1/")["logGroups"]
    assert [(group["logGroupName"], group.get("retentionInDays")) for group in found] == [
        (names[0], 30),
        (names[1], None),
    ]
    assert make(cloud, "eu-west-2", names[0]) == [names[0]]


def test_a_task_sets_a_retention_only_where_its_role_may(machines: Machines) -> None:
    cloud, account = machines.cloud, machines.accounts.number("source")
    region = machines.states.meta.region_name
    logs = cloud.client("logs", "source")
    for group in ("/one/a", "/two/a"):
        logs.create_log_group(logGroupName=f"{group}-{machines.name}")
    role = machines.role(allow("logs:PutRetentionPolicy", f"arn:aws:logs:{region}:{account}:log-group:/one/*"))
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudwatchlogs:putRetentionPolicy",
        "Parameters": {"LogGroupName.$": "$.group", "RetentionInDays.$": "States.StringToJson('30')"},
        "End": True,
    }
    machine = machines.create({"Put": task}, role=role)
    ends = [
        machines.end(machines.start(machine, {"group": f"{name}-{machines.name}"})) for name in ("/one/a", "/two/a")
    ]
    assert [end["status"] for end in ends] == ["SUCCEEDED", "FAILED"]
    assert ends[1]["error"].startswith("CloudWatchLogs.")
    found = logs.describe_log_groups(logGroupNamePrefix="/one/a")["logGroups"]
    assert [group["retentionInDays"] for group in found] == [30]
