"""Metrics that are taken out of log events, and the alarm of the shipped template that lives on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from awscli.customizations.cloudformation.yamlhelper import yaml_parse
from botocore.exceptions import ClientError

from conftest import ROOT

HOURS = "48"
# What the alarm of the destination stack is made of.
OF_ALARM = ("DataAgeFilter", "OldestDataAgeFilter", "StaleDatabaseAlarm")


class Group:
    """A log group with one stream."""

    def __init__(self, cloud: Any, group: str) -> None:
        self.logs, self.group = cloud.client("logs", "source"), group
        self.logs.create_log_stream(logGroupName=group, logStreamName="one")

    def write(self, *events: dict[str, Any] | str, minutes_ago: float = 0) -> None:
        time = datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)
        messages = [event if isinstance(event, str) else json.dumps(event) for event in events]
        stamp = int(time.timestamp() * 1000)
        written = [{"timestamp": stamp, "message": message} for message in messages]
        self.logs.put_log_events(logGroupName=self.group, logStreamName="one", logEvents=written)


@pytest.fixture
def group(cloud: Any, name: str) -> Group:
    cloud.client("logs", "source").create_log_group(logGroupName=name)
    return Group(cloud, name)


def put_filter(cloud: Any, group: str, pattern: str, **settings: Any) -> None:
    usual = {"metricName": "found", "metricNamespace": group, "metricValue": "1"}
    cloud.client("logs", "source").put_metric_filter(
        logGroupName=group,
        filterName="f",
        filterPattern=pattern,
        metricTransformations=[{**usual, **settings}],
    )


def highest(cloud: Any, namespace: str, metric: str, hours: float = 3, **dimensions: str) -> list[float]:
    """The highest values of a metric with exactly these dimensions, the oldest hour first."""
    now = datetime.now(timezone.utc)
    found = cloud.client("cloudwatch", "source").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=hours),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Maximum"],
    )
    return [point["Maximum"] for point in sorted(found["Datapoints"], key=lambda point: point["Timestamp"])]


@pytest.mark.patch
def test_a_filter_takes_numbers_of_new_events_and_their_dimensions(cloud: Any, name: str, group: Group) -> None:
    group.write({"age": 90, "of": "earlier"})
    taken = {"metricName": "age", "metricValue": "$.age", "dimensions": {"Database": "$.of"}}
    put_filter(cloud, name, '{ ($.age >= 0) && ($.of = "*") }', **taken)
    group.write({"age": 3, "of": "orders"}, {"age": 7, "of": "orders"}, {"age": 50, "of": "shop"})
    group.write({"age": -1, "of": "orders"}, {"age": "9", "of": "orders"}, {"age": 99}, "age 100", '["age"]')
    assert highest(cloud, name, "age", Database="orders") == [7]
    assert highest(cloud, name, "age", Database="shop") == [50]
    assert highest(cloud, name, "age", Database="earlier") == []


@pytest.mark.patch
@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ("", 4),
        ('{ $.level = "ERROR" }', 1),
        ('{ $.level != "E*" }', 2),
        ("{ $.level = WARN* || $.fields.count > 1 }", 2),
        ('{ ($.level = "*") && ($.fields.count <= 1) }', 1),
    ],
)
def test_a_pattern_chooses_events(cloud: Any, name: str, group: Group, pattern: str, number: int) -> None:
    put_filter(cloud, name, pattern)
    group.write(
        {"level": "ERROR", "fields": {"count": 2}}, {"level": "WARN"}, {"level": "INFO", "fields": {"count": 1}}
    )
    group.write({"other": 1})
    now = datetime.now(timezone.utc)
    found = cloud.client("cloudwatch", "source").get_metric_statistics(
        Namespace=name,
        MetricName="found",
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in found["Datapoints"]) == number


@pytest.mark.patch
@pytest.mark.parametrize(
    ("pattern", "settings", "words"),
    [
        ("{ $.age >= 0 }", {"metricValue": "$.size"}, "the field $.size is not in the filter pattern"),
        ("{ $.age >= 0 }", {"dimensions": {"of": "$.of"}}, "the field $.of is not in the filter pattern"),
        ("{ $.age >= 0 ", {}, "does not know the filter pattern"),
        ("{ $.age >= }", {}, "Invalid filter pattern"),
        ("{ age >= 0 }", {}, "Invalid filter pattern"),
        ("{ $.age >= 0 }", {"metricNamespace": "a:b"}, "metricNamespace has 1 to 255"),
        ("{ $.age >= 0 }", {"metricValue": "many"}, "Invalid metric value"),
        ("{ $.age >= 0 }", {"defaultValue": 0.0}, "defaultValue"),
    ],
)
def test_a_filter_that_would_find_nothing_is_refused(
    cloud: Any, name: str, group: Group, pattern: str, settings: dict, words: str
) -> None:
    with pytest.raises(ClientError, match="InvalidParameterException") as error:
        put_filter(cloud, name, pattern, **settings)
    assert words in error.value.response["Error"]["Message"]


@pytest.mark.patch
def test_the_shipped_alarm_rings_for_one_stale_database_and_ends(cloud: Any, name: str, eventually: Callable) -> None:
    shipped = yaml_parse((ROOT / "cloudformation" / "destination-account.yaml").read_text())["Resources"]
    resources = {logical: {k: v for k, v in shipped[logical].items() if k != "Condition"} for logical in OF_ALARM}
    resources["PruneLogGroup"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}
    resources["AlertTopic"] = {"Type": "AWS::SNS::Topic"}
    parameters = {"SourceDBIdentifier": "orders-*", "MaxHoursWithoutReplication": HOURS}
    template = {"Parameters": {key: {"Type": "String"} for key in parameters}, "Resources": resources}
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    stacks = cloud.client("cloudformation", "source")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
    alarms = cloud.client("cloudwatch", "source")

    def state() -> str:
        found = [one for one in alarms.describe_alarms()["MetricAlarms"] if one["AlarmName"].startswith(name)]
        return found[0]["StateValue"] if found else ""

    eventually(state)
    group = Group(cloud, name)
    ages = [{"source_database": f"orders-{number}", "data_age_hours": 0} for number in range(9)]
    group.write(*ages, {"of": "orders-0", "oldest_data_age_hours": int(HOURS)}, minutes_ago=150)
    eventually(lambda: state() == "OK")
    # What every run logs at its end: nine that are fresh, and the oldest of all.
    stale = {"source_database": "orders-9", "data_age_hours": 72}
    group.write(*ages, stale, {"of": "orders-9", "oldest_data_age_hours": 72}, minutes_ago=90)
    eventually(lambda: state() == "ALARM")
    assert highest(cloud, f"RDSReplication/{name}", "DataAgeHours", SourceDatabase="orders-9") == [72]
    assert highest(cloud, f"RDSReplication/{name}", "DataAgeHours", hours=2, SourceDatabase="orders-3") == [0]
    group.write(*ages, {"of": "orders-9", "oldest_data_age_hours": 1})
    eventually(lambda: state() == "OK")
