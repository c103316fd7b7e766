"""Alarms on what machines and queues report."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
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
