"""Rules, and who lets them reach a target."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow

pytestmark = pytest.mark.patch

RECORDER = """
import json, pathlib
def handler(event, context):
    with pathlib.Path({path!r}).open("a") as file:
        file.write(json.dumps(event) + "\\n")
"""


class Rules:
    """A rule in the source account for the events of the test, with a dead-letter queue."""

    def __init__(self, cloud: Any, accounts: Any, name: str, eventually: Callable) -> None:
        self.cloud, self.accounts, self.name, self.eventually = cloud, accounts, name, eventually
        self.events, self.queues = cloud.client("events", "source"), cloud.client("sqs", "source")
        self.arn = self.rule({"source": [name]})
        self.queue, self.dead_letters = self.queue_for(f"{name}-dead-letters", "events.amazonaws.com")

    def rule(self, pattern: dict) -> str:
        return self.events.put_rule(Name=self.name, EventPattern=json.dumps(pattern))["RuleArn"]

    def target(self, arn: str, **more: Any) -> None:
        target = {"Id": "target", "Arn": arn, "DeadLetterConfig": {"Arn": self.dead_letters}, **more}
        self.events.put_targets(Rule=self.name, Targets=[target])

    def send(self) -> None:
        entry = {"Source": self.name, "DetailType": "Test", "Detail": json.dumps({"a": 1})}
        self.events.put_events(Entries=[entry])

    def dead_letter(self) -> dict:
        message = self.eventually(lambda: self.queues.receive_message(QueueUrl=self.queue).get("Messages"))[0]
        self.queues.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    def queue_for(self, name: str, service: str) -> tuple[str, str]:
        """A queue that the service may fill: its URL and its ARN."""
        url = self.queues.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:111111111111:{name}"
        statement = {**allow("sqs:SendMessage", arn), "Principal": {"Service": service}}
        self.queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
        return url, arn


@pytest.fixture
def rules(cloud: Any, accounts: Any, name: str, eventually: Callable) -> Rules:
    return Rules(cloud, accounts, name, eventually)


def recorded(path: Path) -> Callable[[], list | None]:
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else None


def test_a_function_lets_a_rule_in_by_its_own_policy(rules: Rules, tmp_path: Path) -> None:
    record = tmp_path / "events"
    function = rules.accounts.function("source", rules.name, RECORDER.format(path=str(record)))
    rules.target(function)
    rules.send()
    assert rules.dead_letter()["detail"] == {"a": 1}
    assert not record.exists()

    rules.cloud.client("lambda", "source").add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rules.arn,
    )
    rules.send()
    assert rules.eventually(recorded(record))[0]["detail"] == {"a": 1}


@pytest.mark.parametrize("problem", ["trust", "policy"])
def test_a_machine_is_started_as_the_role_of_the_target(rules: Rules, problem: str) -> None:
    states = rules.cloud.client("stepfunctions", "source")
    definition = {"StartAt": "Start", "States": {"Start": {"Type": "Pass", "End": True}}}
    own = rules.accounts.role("source", f"{rules.name}-machine", "states.amazonaws.com")
    machine = states.create_state_machine(name=rules.name, definition=json.dumps(definition), roleArn=own)[
        "stateMachineArn"
    ]
    start = allow("states:StartExecution", machine)
    wrong = {"trust": ("lambda.amazonaws.com", [start]), "policy": ("events.amazonaws.com", [allow("sns:Publish")])}
    service, statements = wrong[problem]

    rules.target(machine, RoleArn=rules.accounts.role("source", f"{rules.name}-wrong", service, *statements))
    rules.send()
    assert rules.dead_letter()["source"] == rules.name
    assert not states.list_executions(stateMachineArn=machine)["executions"]

    rules.target(machine, RoleArn=rules.accounts.role("source", f"{rules.name}-right", "events.amazonaws.com", start))
    rules.send()
    assert rules.eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])


def test_a_topic_whose_policy_has_a_condition_lets_no_rule_in(rules: Rules) -> None:
    topics = rules.cloud.client("sns", "source")
    topic = topics.create_topic(Name=rules.name)["TopicArn"]
    url, queue = rules.queue_for(f"{rules.name}-told", "sns.amazonaws.com")
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    rules.target(topic)

    def let_in(**condition: dict) -> None:
        statement = {**allow("sns:Publish", topic, **condition), "Principal": {"Service": "events.amazonaws.com"}}
        policy = json.dumps({"Statement": [statement]})
        topics.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)

    for condition in (
        {"ArnEquals": {"aws:SourceArn": rules.arn}},
        {"StringEquals": {"aws:SourceAccount": rules.accounts.number("source")}},
    ):
        let_in(**condition)
        rules.send()
        assert rules.dead_letter()["source"] == rules.name
    now = datetime.now(timezone.utc)
    counted = rules.cloud.client("cloudwatch", "source").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName="FailedInvocations",
        Dimensions=[{"Name": "RuleName", "Value": rules.name}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in counted["Datapoints"]) == 2
    let_in()
    rules.send()
    told = rules.eventually(lambda: rules.queues.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(json.loads(told[0]["Body"])["Message"])["detail"] == {"a": 1}


@pytest.mark.parametrize("rate", ["rate(1 minutes)", "rate(2 minute)", "rate(1 days)", "rate(24 hour)"])
def test_a_rate_has_a_plural_of_several(rules: Rules, accounts: Any, name: str, rate: str) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        rules.events.put_rule(Name=f"{name}-rate", ScheduleExpression=rate)
    role = accounts.role("source", f"{name}-scheduler", "scheduler.amazonaws.com")
    target = {"Arn": rules.dead_letters, "RoleArn": role}
    with pytest.raises(ClientError, match="ValidationException"):
        rules.cloud.client("scheduler", "source").create_schedule(
            Name=name, ScheduleExpression=rate, FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )
    stacks = rules.cloud.client("cloudformation", "source")
    rule = {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": rate, "State": "DISABLED"}}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Rule": rule}}))

    def status() -> str:
        return stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    assert rules.eventually(lambda: status() == "ROLLBACK_COMPLETE")


def test_a_machine_as_a_target_needs_a_role(rules: Rules) -> None:
    with pytest.raises(ClientError, match="RoleArn is required"):
        rules.target(f"arn:aws:states:us-east-1:111111111111:stateMachine:{rules.name}")


def test_a_rule_hears_of_an_execution_that_is_timed_out(rules: Rules, tmp_path: Path) -> None:
    record = tmp_path / "events"
    role = rules.accounts.role("source", f"{rules.name}-machine", "states.amazonaws.com")
    wait = {"StartAt": "Wait", "TimeoutSeconds": 1, "States": {"Wait": {"Type": "Wait", "Seconds": 9000, "End": True}}}
    states = rules.cloud.client("stepfunctions", "source")
    machine = states.create_state_machine(name=rules.name, definition=json.dumps(wait), roleArn=role)["stateMachineArn"]
    detail = {"status": ["TIMED_OUT", "ABORTED"], "stateMachineArn": [machine]}
    rules.rule({"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"], "detail": detail})
    function = rules.accounts.function("source", rules.name, RECORDER.format(path=str(record)))
    rules.cloud.client("lambda", "source").add_permission(
        FunctionName=function, StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    rules.target(function)
    execution = states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    event = rules.eventually(recorded(record))[0]
    assert event["resources"] == [execution]
    assert (event["detail"]["executionArn"], event["detail"]["status"]) == (execution, "TIMED_OUT")
    assert json.loads(event["detail"]["input"]) == {"a": 1}


def test_a_rule_hears_why_an_execution_was_stopped(rules: Rules) -> None:
    role = rules.accounts.role("source", f"{rules.name}-machine", "states.amazonaws.com")
    wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9000, "End": True}}}
    states = rules.cloud.client("stepfunctions", "source")
    machine = states.create_state_machine(name=rules.name, definition=json.dumps(wait), roleArn=role)["stateMachineArn"]
    detail = {"status": ["ABORTED"], "stateMachineArn": [machine], "cause": ["by hand"]}
    rules.rule({"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"], "detail": detail})
    url, queue = rules.queue_for(f"{rules.name}-told", "events.amazonaws.com")
    rules.target(queue)
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    states.stop_execution(executionArn=execution, error="Enough", cause="by hand")
    told = rules.eventually(lambda: rules.queues.receive_message(QueueUrl=url).get("Messages"))
    event = json.loads(told[0]["Body"])["detail"]
    assert (event["status"], event["error"], event["cause"]) == ("ABORTED", "Enough", "by hand")


def test_a_policy_names_a_rule_as_aws_does(rules: Rules, name: str) -> None:
    def as_role(role: str, rule: str) -> Any:
        session = rules.accounts.session("source", role, allow("events:DescribeRule", rule))
        return rules.cloud.client("events", "source", **session)

    assert rules.arn == f"arn:aws:events:us-east-1:{rules.accounts.number('source')}:rule/{name}"
    assert as_role(name, rules.arn).describe_rule(Name=name)["State"] == "ENABLED"
    with pytest.raises(ClientError) as error:
        as_role(f"{name}-other", f"{rules.arn}-other").describe_rule(Name=name)
    assert f"events:DescribeRule on resource: {rules.arn} " in error.value.response["Error"]["Message"]
