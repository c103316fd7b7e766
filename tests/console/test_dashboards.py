"""The dashboards of the templates: valid, and of metrics that something emits for what the template makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from deployer import ROOT, Account

ACCOUNTS = [Account("source"), Account("destination")]
GRID = 24

#: The metrics of AWS that the dashboards have, each with its dimension and the resource, or its attribute, that it names
#: (the pages about metrics of Step Functions, Lambda, SNS, SQS and EventBridge).
OF_AWS: dict[tuple[str, str], tuple[str, str, str]] = {
    **{
        ("AWS/States", f"Executions{end}"): ("StateMachineArn", "AWS::StepFunctions::StateMachine", "")
        for end in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
    },
    ("AWS/States", "ExecutionTime"): ("StateMachineArn", "AWS::StepFunctions::StateMachine", ""),
    ("AWS/Lambda", "Errors"): ("FunctionName", "AWS::Lambda::Function", ""),
    ("AWS/Events", "FailedInvocations"): ("RuleName", "AWS::Events::Rule", ""),
    ("AWS/SNS", "NumberOfNotificationsFailed"): ("TopicName", "AWS::SNS::Topic", "TopicName"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", "AWS::SQS::Queue", "QueueName"),
}

#: Where a function logs what a filter makes a metric of: the field of the filter, and the file that writes it.
LOGGED = {
    "$.stage_seconds": dict.fromkeys(("ShareLogGroup", "RestoreLogGroup"), "crates/lambda-task/src/stages.rs"),
    "$.data_age_hours": {"PruneLogGroup": "crates/prune/src/destination.rs"},
    "$.hours_since_success": {"PruneLogGroup": "crates/prune/src/destination.rs"},
    "$.oldest_data_age_hours": {"PruneLogGroup": "crates/prune/src/destination.rs"},
}

both = pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.role)


def dashboards(account: Account) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each dashboard with its resource and its body, in which placeholders stand as they are."""
    for name, resource in account.template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            yield name, resource, json.loads(resource["Properties"]["DashboardBody"]["Fn::Sub"])


def filters(account: Account) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each metric that a filter makes, with the filter."""
    for resource in account.template["Resources"].values():
        if resource["Type"] == "AWS::Logs::MetricFilter":
            for metric in resource["Properties"]["MetricTransformations"]:
                yield resource, metric


def problem_of(account: Account, condition: str, metric: list[Any]) -> str:
    """What is wrong with a metric of a dashboard that has this condition; empty if it is emitted."""
    if isinstance(metric[0], dict):
        found = re.fullmatch(
            r"SEARCH\('\{\"([^\"]+)\",(\w+)\} MetricName=\"(\w+)\"', 'Maximum'\)", metric[0]["expression"]
        )
        if not found:
            return f"the expression has another form: {metric[0]['expression']}"
        namespace, dimension, name = found.groups()
        value = None
    else:
        namespace, name, dimension, value = metric[:4]
    if (namespace, name) in OF_AWS:
        wanted, kind, attribute = OF_AWS[namespace, name]
        named = re.fullmatch(r"\$\{(\w+)(?:\.(\w+))?\}", value or "")
        resource = account.template["Resources"].get(named.group(1) if named else "", {})
        is_right = (
            dimension == wanted and resource.get("Type") == kind and named and (named.group(2) or "") == attribute
        )
        # What is there under a condition may be named under that condition only.
        is_there = resource.get("Condition") in (None, "HasFleet" if condition == "HasFleetDashboard" else condition)
        return "" if is_right and is_there else f"{namespace} {name} has no {dimension} {value}"
    for resource, made in filters(account):
        dimensions = [one["Key"] for one in made.get("Dimensions", [])]
        if (made["MetricNamespace"]["Fn::Sub"], made["MetricName"], dimensions) == (namespace, name, [dimension]):
            is_there = resource["Condition"] in (condition, "HasDataAges")
            return "" if is_there and (value is None or is_stage(value)) else f"{name} of {value} is not emitted"
    return f"no filter makes {name} by {dimension} in {namespace}"


def is_stage(name: str) -> bool:
    """Whether a stage of the domain has this name."""
    return f'=> "{name}",' in (ROOT / "crates/replication/src/pacing.rs").read_text()


@both
def test_a_dashboard_shows_only_metrics_that_exist(account: Account) -> None:
    """> Every metric on a dashboard is one that AWS or a filter of the template makes for what the template has."""
    found = list(dashboards(account))
    assert [name for name, _, _ in found] == [
        "StackDashboard",
        *(["FleetDashboard"] if account.role == "source" else []),
    ]
    for name, resource, body in found:
        metrics = [metric for one in body["widgets"] for metric in one["properties"].get("metrics", [])]
        assert metrics
        problems = [problem_of(account, resource["Condition"], metric) for metric in metrics]
        assert not any(problems), f"{name}: {[problem for problem in problems if problem]}"


@both
def test_a_dashboard_shows_what_an_operator_asks_for(account: Account) -> None:
    shown = {
        metric[0]["expression"] if isinstance(metric[0], dict) else metric[1]
        for name, _, body in dashboards(account)
        for one in body["widgets"]
        for metric in one["properties"].get("metrics", [])
    }
    wanted = {"ExecutionsSucceeded", "ExecutionsFailed", "ExecutionTime", "StageSeconds", "Errors"}
    wanted |= {"ApproximateNumberOfMessagesVisible"} if account.role == "destination" else {"FailedInvocations"}
    assert wanted <= shown
    assert account.role == "source" or any("DataAgeHours" in one for one in shown)


@both
def test_the_widgets_fit_the_grid_and_do_not_overlap(account: Account) -> None:
    for name, resource, body in dashboards(account):
        taken: set[tuple[int, int]] = set()
        for one in body["widgets"]:
            cells = {
                (x, y)
                for x in range(one["x"], one["x"] + one["width"])
                for y in range(one["y"], one["y"] + one["height"])
            }
            assert one["x"] + one["width"] <= GRID and not cells & taken, (name, one["properties"])
            taken |= cells
            assert one["type"] == "text" or one["properties"]["region"] == "${AWS::Region}"
        # All dashboards of an account share their names, whatever the Region.
        assert "${AWS::Region}" in resource["Properties"]["DashboardName"]["Fn::Sub"]


@both
def test_what_a_filter_looks_for_is_logged(account: Account) -> None:
    for resource, metric in filters(account):
        value, group = metric["MetricValue"], resource["Properties"]["LogGroupName"]["Ref"]
        dimensions = [one["Value"] for one in metric.get("Dimensions", [])]
        pattern = resource["Properties"]["FilterPattern"]
        # A field that is taken has to be in the pattern.
        assert f"{value} >= 0" in pattern and all(f'{one} = "*"' in pattern for one in dimensions)
        source = (ROOT / LOGGED[value][group]).read_text()
        for name in (one.removeprefix("$.") for one in (value, *dimensions)):
            assert re.search(rf"tracing::info!\([^;]*\b{name}\b", source), (name, group)


def test_the_functions_whose_logs_are_filtered_log_the_stages() -> None:
    for path in ("crates/share/src/lib.rs", "crates/restore/src/following.rs"):
        assert "lambda_task::log_stage_seconds(" in (ROOT / path).read_text(), path


def test_a_metric_that_nothing_makes_is_noticed() -> None:
    source, destination = ACCOUNTS
    namespace = "RDSReplication/${AWS::StackName}"
    for account, condition, metric in (
        (source, "HasDashboard", ["AWS/States", "ExecutionsFailed", "StateMachineArn", "${SnapshotFunction}"]),
        (source, "HasDashboard", ["AWS/States", "ExecutionsFailed", "StateMachineArn", "${FleetStateMachine}"]),
        (source, "HasDashboard", ["AWS/Lambda", "Errors", "FunctionName", "${RestoreFunction}"]),
        (source, "HasDashboard", ["AWS/SNS", "NumberOfNotificationsFailed", "TopicName", "${Topic}"]),
        (source, "HasDashboard", [namespace, "DataAgeHours", "SourceDatabase", "orders"]),
        (destination, "HasDashboard", [namespace, "StageSeconds", "Stage", "waiting"]),
        (destination, "HasDashboard", [namespace, "StageSeconds", "Database", "copy"]),
    ):
        assert problem_of(account, condition, metric), metric
