"""Topics, and the functions and stacks of other accounts that subscribe to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from accounts import allow

pytestmark = pytest.mark.patch

# Appends what it is given to a file; fails as often as it is told to.
RECORDER = """
import json, pathlib
FILE = pathlib.Path({path!r})
def handler(event, context):
    with FILE.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    if len(FILE.read_text().splitlines()) <= {failures}:
        raise RuntimeError("as told")
"""


class Scene:
    """A topic in the source account whose policy lets the destination subscribe, and a recording function there."""

    def __init__(self, cloud: Any, accounts: Any, name: str, directory: Path) -> None:
        self.cloud, self.accounts, self.name = cloud, accounts, name
        self.topics = cloud.client("sns", "source")
        self.topic = self.topics.create_topic(Name=name)["TopicArn"]
        self.record = directory / "events"
        self.let_destination("sns:Subscribe", "sns:GetTopicAttributes")

    def let_destination(self, *actions: str, **condition: dict) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
            "Action": list(actions),
            "Resource": self.topic,
            "Condition": condition,
        }
        self.topics.set_topic_attributes(
            TopicArn=self.topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [statement]})
        )

    def function(self, account: str = "destination", failures: int = 0, permitted_source: str | None = "") -> str:
        code = RECORDER.format(path=str(self.record), failures=failures)
        function = self.accounts.function(account, self.name, code)
        if permitted_source is not None:
            self.cloud.client("lambda", account).add_permission(
                FunctionName=self.name,
                StatementId="topic",
                Action="lambda:InvokeFunction",
                Principal="sns.amazonaws.com",
                SourceArn=permitted_source or self.topic,
            )
        return function

    def queue(self) -> tuple[str, str]:
        """A queue of the destination that the topic may fill: its URL and its ARN."""
        queues = self.cloud.client("sqs", "destination")
        url = queues.create_queue(QueueName=self.name)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:222222222222:{self.name}"
        statement = {
            **allow("sqs:SendMessage", arn, ArnEquals={"aws:SourceArn": self.topic}),
            "Principal": {"Service": "sns.amazonaws.com"},
        }
        policy = json.dumps({"Statement": [statement]})
        queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url, arn

    def subscribe(self, function: str, **attributes: str) -> str:
        return self.cloud.client("sns", "destination").subscribe(
            TopicArn=self.topic,
            Protocol="lambda",
            Endpoint=function,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    def publish(self, message: str = "hello") -> str:
        return self.topics.publish(TopicArn=self.topic, Message=message)["MessageId"]

    def events(self, count: int = 1) -> Callable[[], list | None]:
        def look() -> list | None:
            lines = self.record.read_text().splitlines() if self.record.exists() else []
            return [json.loads(line) for line in lines] if len(lines) >= count else None

        return look


@pytest.fixture
def scene(cloud: Any, accounts: Any, name: str, tmp_path: Path) -> Scene:
    return Scene(cloud, accounts, name, tmp_path)


def test_a_message_reaches_a_function_of_another_account(scene: Scene, eventually: Callable) -> None:
    subscription = scene.subscribe(scene.function())
    message = scene.publish("hello")
    record = eventually(scene.events())[0]["Records"][0]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"] == subscription
    assert record["Sns"]["TopicArn"] == scene.topic
    assert record["Sns"]["MessageId"] == message
    assert record["Sns"]["Message"] == "hello"
    assert {"Subject", "MessageAttributes", "SigningCertUrl", "UnsubscribeUrl"} <= set(record["Sns"])


def test_a_function_that_fails_is_tried_again(scene: Scene, eventually: Callable) -> None:
    scene.subscribe(scene.function(failures=2))
    scene.publish()
    assert len(eventually(scene.events(3))) == 3


def test_a_message_that_the_functions_policy_forbids_goes_to_the_dead_letter_queue(
    scene: Scene, eventually: Callable
) -> None:
    url, queue = scene.queue()
    other_topic = "arn:aws:sns:us-east-1:111111111111:other"
    function = scene.function(permitted_source=other_topic)
    scene.subscribe(function, RedrivePolicy=json.dumps({"deadLetterTargetArn": queue}))
    scene.publish("not for you")
    queues = scene.cloud.client("sqs", "destination")
    messages = eventually(lambda: queues.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(messages[0]["Body"])["Message"] == "not for you"
    assert not scene.record.exists()


def test_a_message_to_a_function_that_is_gone_goes_to_the_dead_letter_queue(scene: Scene, eventually: Callable) -> None:
    url, queue = scene.queue()
    scene.subscribe(
        f"arn:aws:lambda:us-east-1:222222222222:function:{scene.name}-gone",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": queue}),
    )
    scene.publish("nobody there")
    queues = scene.cloud.client("sqs", "destination")
    messages = eventually(lambda: queues.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(messages[0]["Body"])["Message"] == "nobody there"


def test_the_functions_policy_holds_in_the_topics_own_account_too(scene: Scene, eventually: Callable) -> None:
    url, queue = scene.queue()
    function = scene.function("source", permitted_source=None)
    scene.topics.subscribe(
        TopicArn=scene.topic,
        Protocol="lambda",
        Endpoint=function,
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": queue})},
    )
    scene.publish()
    queues = scene.cloud.client("sqs", "destination")
    assert eventually(lambda: queues.receive_message(QueueUrl=url).get("Messages"))
    assert not scene.record.exists()


def test_a_subscriber_lists_its_subscriptions_to_topics_of_others(scene: Scene) -> None:
    subscription = scene.subscribe(scene.function())
    pages = scene.cloud.client("sns", "destination").list_subscriptions()["Subscriptions"]
    assert subscription in [entry["SubscriptionArn"] for entry in pages]


def template(scene: Scene, function: str) -> str:
    resources = {
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": function,
                "Action": "lambda:InvokeFunction",
                "Principal": "sns.amazonaws.com",
                "SourceArn": scene.topic,
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": scene.topic, "Protocol": "lambda", "Endpoint": function},
        },
    }
    return json.dumps({"Resources": resources})


def test_a_stack_subscribes_its_function_to_a_topic_of_another_account(scene: Scene, eventually: Callable) -> None:
    stacks = scene.cloud.client("cloudformation", "destination")
    function = scene.function(permitted_source=None)
    stacks.create_stack(StackName=scene.name, TemplateBody=template(scene, function))
    stacks.get_waiter("stack_create_complete").wait(StackName=scene.name, WaiterConfig={"Delay": 1, "MaxAttempts": 15})
    scene.publish()
    eventually(scene.events())

    stacks.delete_stack(StackName=scene.name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=scene.name, WaiterConfig={"Delay": 1, "MaxAttempts": 15})
    assert scene.topics.list_subscriptions_by_topic(TopicArn=scene.topic)["Subscriptions"] == []


def test_a_stack_fails_whose_subscription_the_topic_does_not_allow(scene: Scene) -> None:
    scene.let_destination("sns:GetTopicAttributes")
    stacks = scene.cloud.client("cloudformation", "destination")
    function = scene.function(permitted_source=None)
    stacks.create_stack(StackName=scene.name, TemplateBody=template(scene, function))
    with pytest.raises(WaiterError):
        stacks.get_waiter("stack_create_complete").wait(
            StackName=scene.name, WaiterConfig={"Delay": 1, "MaxAttempts": 15}
        )
    events = stacks.describe_stack_events(StackName=scene.name)["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("is not authorized to perform: sns:Subscribe" in reason for reason in reasons)


def test_a_stack_fails_that_may_not_look_at_the_topic(scene: Scene) -> None:
    scene.let_destination("sns:Subscribe")
    stacks = scene.cloud.client("cloudformation", "destination")
    stacks.create_stack(StackName=scene.name, TemplateBody=template(scene, scene.function(permitted_source=None)))
    with pytest.raises(WaiterError):
        stacks.get_waiter("stack_create_complete").wait(
            StackName=scene.name, WaiterConfig={"Delay": 1, "MaxAttempts": 15}
        )
    events = stacks.describe_stack_events(StackName=scene.name)["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("not authorized to perform: sns:GetTopicAttributes" in reason for reason in reasons)
    assert scene.topics.list_subscriptions_by_topic(TopicArn=scene.topic)["Subscriptions"] == []


def test_a_stack_cannot_be_deleted_after_the_topic_of_another_account(scene: Scene, eventually: Callable) -> None:
    stacks = scene.cloud.client("cloudformation", "destination")
    stacks.create_stack(StackName=scene.name, TemplateBody=template(scene, scene.function(permitted_source=None)))
    stacks.get_waiter("stack_create_complete").wait(StackName=scene.name, WaiterConfig={"Delay": 1, "MaxAttempts": 15})
    scene.topics.delete_topic(TopicArn=scene.topic)

    def ended() -> str | None:
        status = stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return status if status.startswith("DELETE_") and status != "DELETE_IN_PROGRESS" else None

    stack = stacks.describe_stacks(StackName=scene.name)["Stacks"][0]["StackId"]
    stacks.delete_stack(StackName=scene.name)
    assert eventually(ended) == "DELETE_FAILED"
    # As the message says in AWS: the resource that is in the way can be left behind.
    stacks.delete_stack(StackName=stack, RetainResources=["Subscription"])
    assert eventually(lambda: ended() == "DELETE_COMPLETE")


def test_a_topics_policy_may_ask_for_the_protocol_and_the_endpoint(scene: Scene) -> None:
    function = scene.function()
    functions = {"sns:Endpoint": "arn:aws:lambda:us-east-1:222222222222:function:*"}
    scene.let_destination("sns:Subscribe", StringEquals={"sns:Protocol": "sqs"}, StringLike=functions)
    with pytest.raises(ClientError, match="is not authorized to perform: sns:Subscribe"):
        scene.subscribe(function)
    scene.let_destination("sns:Subscribe", StringEquals={"sns:Protocol": "lambda"}, StringLike=functions)
    assert scene.subscribe(function).startswith(scene.topic)
