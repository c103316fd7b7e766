"""Alarms on what machines and queues report."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow

pytestmark = pytest.mark.patch


def alarm(cloud: Any, name: str, **settings: Any) -> Callable[[], str]:
    """Makes an alarm and gives a function that tells its state."""
    metrics = cloud.client("cloudwatch", "source")
    usual = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    metrics.put_metric_alarm(AlarmName=name, **{**usual, **settings})
    return lambda: metrics.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


def machine_metric(machine: str, metric: str) -> dict:
    dimensions = [{"Name": "StateMachineArn", "Value": machine}]
    return {"Namespace": "AWS/States", "MetricName": metric, "Dimensions": dimensions}


def machine(cloud: Any, accounts: Any, name: str, state: dict) -> str:
    role = accounts.role("source", name, "states.amazonaws.com")
    definition = json.dumps({"StartAt": "Only", "States": {"Only": state}})
    states = cloud.client("stepfunctions", "source")
    return states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]


def test_an_alarm_on_failed_executions_tells_its_topic(
    cloud: Any, accounts: Any, name: str, eventually: Callable
) -> None:
    failing = machine(cloud, accounts, f"{name}-failing", {"Type": "Fail"})
    other = machine(cloud, accounts, f"{name}-other", {"Type": "Succeed"})
    queues, topics = cloud.client("sqs", "source"), cloud.client("sns", "source")
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:111111111111:{name}"
    statement = {**allow("sqs:SendMessage", arn), "Principal": {"Service": "sns.amazonaws.com"}}
    queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    topic = topics.create_topic(Name=name)["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    settings = {"ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching"}
    on_failing = alarm(cloud, name, **machine_metric(failing, "ExecutionsFailed"), **settings, AlarmActions=[topic])
    on_other = alarm(cloud, f"{name}-other", **machine_metric(other, "ExecutionsFailed"), **settings)
    eventually(lambda: on_failing() == "OK" and on_other() == "OK")

    cloud.client("stepfunctions", "source").start_execution(stateMachineArn=failing)
    message = eventually(lambda: queues.receive_message(QueueUrl=queue).get("Messages"))[0]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"]) == (name, "ALARM")
    # Data of another machine are not this alarm's.
    assert on_other() == "OK"


def test_an_alarm_on_missing_successes_ends_with_a_success(
    cloud: Any, accounts: Any, name: str, eventually: Callable
) -> None:
    succeeding = machine(cloud, accounts, name, {"Type": "Succeed"})
    settings = {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching", "EvaluationPeriods": 3}
    state = alarm(cloud, name, **machine_metric(succeeding, "ExecutionsSucceeded"), **settings, DatapointsToAlarm=3)
    eventually(lambda: state() == "ALARM")
    cloud.client("stepfunctions", "source").start_execution(stateMachineArn=succeeding)
    eventually(lambda: state() == "OK")


def test_an_alarm_on_the_messages_of_a_queue(cloud: Any, name: str, eventually: Callable) -> None:
    queues = cloud.client("sqs", "source")
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible"}
    settings = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "Statistic": "Maximum"}
    state = alarm(
        cloud,
        name,
        **metric,
        **settings,
        Dimensions=[{"Name": "QueueName", "Value": name}],
        TreatMissingData="notBreaching",
    )
    eventually(lambda: state() == "OK")
    queues.send_message(QueueUrl=queue, MessageBody="lost")
    eventually(lambda: state() == "ALARM")


def on_math(cloud: Any, name: str, metric: dict, expression: str, **settings: Any) -> Callable[[], dict]:
    """Makes an alarm on an expression on m1, the sum of a metric, and gives a function that describes it."""
    statistic = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    metrics = [
        {"Id": "m1", "MetricStat": statistic, "ReturnData": False},
        {"Id": "filled", "Expression": expression, "Label": "with zeros"},
    ]
    usual = {"EvaluationPeriods": 3, "DatapointsToAlarm": 3, "Threshold": 1, "ComparisonOperator": "LessThanThreshold"}
    client = cloud.client("cloudwatch", "source")
    client.put_metric_alarm(AlarmName=name, Metrics=metrics, **{**usual, **settings})
    return lambda: client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def put(cloud: Any, metric: dict, *minutes: float) -> None:
    """A value of 1 so many minutes ago."""
    now = datetime.now(timezone.utc)
    data = [
        {"MetricName": metric["MetricName"], "Value": 1, "Timestamp": now - timedelta(minutes=ago)} for ago in minutes
    ]
    cloud.client("cloudwatch", "source").put_metric_data(Namespace=metric["Namespace"], MetricData=data)


def test_an_alarm_on_filled_data_goes_off_when_its_periods_are_over(
    cloud: Any, name: str, eventually: Callable
) -> None:
    recent = {"Namespace": name, "MetricName": "recent"}
    old = {"Namespace": name, "MetricName": "old"}
    put(cloud, recent, 2.5)
    put(cloud, old, 3.5)
    states = [on_math(cloud, f"{name}-{m['MetricName']}", m, "FILL(m1, 0)") for m in (recent, old)]
    eventually(lambda: [state()["StateValue"] for state in states] == ["OK", "ALARM"])
    described = states[0]()
    assert [query["ReturnData"] for query in described["Metrics"]] == [False, True]
    assert described["Metrics"][0]["MetricStat"]["Metric"]["MetricName"] == "recent"
    assert "MetricName" not in described and "Period" not in described


def test_an_alarm_on_sparse_data_goes_off_late(cloud: Any, name: str, eventually: Callable) -> None:
    settings = {
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
    }
    states = {}
    # In the range of five periods a good one counts, though three without data have followed it.
    for ago in (2.5, 4.5, 5.5):
        metric = {"Namespace": name, "MetricName": str(ago)}
        put(cloud, metric, ago)
        states[ago] = alarm(cloud, f"{name}-{ago}", **metric, **settings)
    eventually(lambda: {ago: state() for ago, state in states.items()} == {2.5: "OK", 4.5: "OK", 5.5: "ALARM"})


def test_enough_real_data_make_missing_ones_irrelevant(cloud: Any, name: str, eventually: Callable) -> None:
    metric = {"Namespace": name, "MetricName": "m"}
    put(cloud, metric, 0.2, 2.5, 4.5)
    # Each of the three breaches.
    settings = {"ComparisonOperator": "LessThanOrEqualToThreshold", "EvaluationPeriods": 3, "DatapointsToAlarm": 3}
    states = [
        alarm(cloud, f"{name}-{missing}", **metric, **settings, TreatMissingData=missing)
        for missing in ("breaching", "notBreaching", "missing", "ignore")
    ]
    eventually(lambda: [state() for state in states] == ["ALARM"] * 4)


def test_an_alarm_of_a_stack_may_be_on_metric_math(cloud: Any, name: str, eventually: Callable) -> None:
    statistic = {"Metric": {"Namespace": name, "MetricName": "none"}, "Period": 3600, "Stat": "Sum"}
    metrics = [
        {"Id": "m1", "MetricStat": statistic, "ReturnData": False},
        {"Id": "e1", "Expression": "FILL(m1, 0)", "ReturnData": True},
    ]
    properties = {
        "AlarmName": name,
        "Metrics": metrics,
        "EvaluationPeriods": 2,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
    }
    stacks = cloud.client("cloudformation", "source")
    resources = {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    client = cloud.client("cloudwatch", "source")

    def found() -> list:
        return [one["StateValue"] for one in client.describe_alarms(AlarmNames=[name])["MetricAlarms"]]

    eventually(lambda: found() == ["ALARM"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Expression": "FILL(m2, 0)"}, "m2"),
        ({"Expression": "FILL(m1, 0"}, "Error in expression"),
        ({"ReturnData": False}, "Exactly one element of the metrics list should return data."),
    ],
)
def test_a_list_of_metrics_that_makes_no_sense_is_refused(cloud: Any, name: str, change: dict, words: str) -> None:
    statistic = {"Metric": {"Namespace": name, "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    expression = {"Id": "e1", "Expression": "FILL(m1, 0)", **change}
    metrics = [{"Id": "m1", "MetricStat": statistic, "ReturnData": False}, expression]
    with pytest.raises(ClientError, match="ValidationError") as error:
        cloud.client("cloudwatch", "source").put_metric_alarm(
            AlarmName=name, Metrics=metrics, EvaluationPeriods=1, Threshold=1, ComparisonOperator="LessThanThreshold"
        )
    assert words in error.value.response["Error"]["Message"]
