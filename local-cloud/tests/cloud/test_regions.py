"""A topic in one Region and the function that it calls in another."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from local_cloud.patches.opt_in import sns_principal

pytestmark = pytest.mark.patch

OWNER, SUBSCRIBER = "111111111111", "222222222222"
RECORDER = """
import json, os, pathlib
def handler(event, context):
    region = os.environ["AWS_REGION"]
    pathlib.Path({path!r}).write_text(json.dumps({{"region": region, "message": event["Records"][0]["Sns"]["Message"]}}))
"""


class Scene:
    """A topic in one Region that another account may subscribe to, and a function of that account in another Region."""

    def __init__(self, cloud: Any, accounts: Any, name: str, record: Path, topic_in: str, function_in: str) -> None:
        self.name, self.record, self.function_in, self.topic_in = name, record, function_in, topic_in
        self.topics = cloud.client("sns", "source", region_name=topic_in)
        self.topic = self.topics.create_topic(Name=name)["TopicArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{SUBSCRIBER}:root"},
            "Action": ["sns:Subscribe", "sns:GetTopicAttributes"],
            "Resource": self.topic,
        }
        policy = json.dumps({"Statement": [statement]})
        self.topics.set_topic_attributes(TopicArn=self.topic, AttributeName="Policy", AttributeValue=policy)
        self.stacks = cloud.client("cloudformation", "destination", region_name=function_in)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", RECORDER.format(path=str(record)))
        functions = cloud.client("lambda", "destination", region_name=function_in)
        self.function = functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=accounts.role("destination", f"{name}-function", "lambda.amazonaws.com"),
            Code={"ZipFile": archive.getvalue()},
            Timeout=10,
        )["FunctionArn"]

    def subscribe(self, principal: str = "sns.amazonaws.com", **properties: str) -> None:
        permission = {
            "FunctionName": self.function,
            "Action": "lambda:InvokeFunction",
            "Principal": principal,
            "SourceArn": self.topic,
        }
        subscription = {"TopicArn": self.topic, "Protocol": "lambda", "Endpoint": self.function, **properties}
        resources = {
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscription},
        }
        self.stacks.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        self.wait("stack_create_complete")

    def wait(self, what: str) -> None:
        self.stacks.get_waiter(what).wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 15})

    def subscriptions(self) -> list[dict[str, str]]:
        return self.topics.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]

    def publish(self) -> None:
        self.topics.publish(TopicArn=self.topic, Message="hello")

    def recorded(self) -> dict[str, str] | None:
        return json.loads(self.record.read_text()) if self.record.exists() else None


@pytest.fixture
def scene(cloud: Any, accounts: Any, name: str, tmp_path: Path) -> Callable[[str, str], Scene]:
    return lambda topic_in, function_in: Scene(cloud, accounts, name, tmp_path / "event", topic_in, function_in)


def test_a_stack_subscribes_in_the_region_of_the_topic(scene: Callable, eventually: Callable) -> None:
    far = scene("us-east-1", "eu-west-1")
    far.subscribe(Region="us-east-1")
    far.publish()
    assert eventually(far.recorded) == {"region": "eu-west-1", "message": "hello"}
    far.stacks.delete_stack(StackName=far.name)
    far.wait("stack_delete_complete")
    assert far.subscriptions() == []


@pytest.mark.parametrize("properties", [{}, {"Region": "eu-west-1"}, {"Region": "eu-central-1"}])
def test_a_subscription_in_the_wrong_region_is_refused(scene: Callable, properties: dict) -> None:
    far = scene("us-east-1", "eu-west-1")
    with pytest.raises(WaiterError):
        far.subscribe(**properties)
    events = far.stacks.describe_stack_events(StackName=far.name)["StackEvents"]
    assert any("sns:GetTopicAttributes" in event.get("ResourceStatusReason", "") for event in events)
    assert far.subscriptions() == []


@pytest.mark.parametrize(
    ("topic_in", "function_in", "principal"),
    [
        ("us-east-1", "me-south-1", "sns.me-south-1.amazonaws.com"),
        ("me-south-1", "af-south-1", "sns.af-south-1.amazonaws.com"),
        ("me-south-1", "us-east-1", "sns.me-south-1.amazonaws.com"),
    ],
)
def test_a_region_to_opt_in_to_has_a_name_of_sns_of_its_own(
    scene: Callable, eventually: Callable, topic_in: str, function_in: str, principal: str
) -> None:
    assert sns_principal(*(f"arn:aws:x:{region}:{OWNER}:y" for region in (topic_in, function_in))) == principal
    far = scene(topic_in, function_in)
    far.subscribe(principal, Region=topic_in)
    far.publish()
    assert eventually(far.recorded)


def test_a_message_under_the_wrong_name_of_sns_is_dropped_without_a_word(scene: Callable, eventually: Callable) -> None:
    far = scene("us-east-1", "me-south-1")
    far.subscribe("sns.amazonaws.com", Region="us-east-1")
    far.publish()
    # A second message under the right name shows that the first one has been decided about.
    far.stacks.delete_stack(StackName=far.name)
    far.wait("stack_delete_complete")
    assert not far.record.exists()
    far.subscribe("sns.me-south-1.amazonaws.com", Region="us-east-1")
    far.publish()
    assert eventually(far.recorded)
