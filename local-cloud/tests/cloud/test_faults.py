"""Faults on order and the log of calls, of the local cloud itself. Nothing here replaces a part of ministack's."""

from __future__ import annotations

import json
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from accounts import Accounts, allow
from faults import Faults
from local_cloud import Cloud

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, read_timeout=20)
COUNTING = "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count\n"


@pytest.fixture
def topic(cloud: Cloud, name: str) -> str:
    return cloud.client("sns").create_topic(Name=name)["TopicArn"]


def test_a_call_is_refused_in_the_protocol_of_its_service(cloud: Cloud, faults: Faults, topic: str, name: str) -> None:
    faults.order(service="sns", action="Publish", resource=name, effect="error", code="Throttled", httpStatus=429)
    faults.order(
        service="kms",
        action="DescribeKey",
        effect="error",
        code="KMSInternalException",
        httpStatus=500,
        message="broken",
    )
    with pytest.raises(ClientError, match=r"\(Throttled\).*Throttled, as ordered"):
        cloud.client("sns", config=ONE_ATTEMPT).publish(TopicArn=topic, Message="m")
    with pytest.raises(ClientError, match=r"\(KMSInternalException\).*broken"):
        cloud.client("kms", config=ONE_ATTEMPT).describe_key(KeyId="alias/aws/rds")
    cloud.client("sns").publish(TopicArn=topic, Message="m")
    assert [call["outcome"] for call in faults.calls(name) if call["action"] == "Publish"] == ["Throttled", "Success"]


def test_the_nth_call_of_one_principal_is_hit(
    cloud: Cloud, accounts: Accounts, faults: Faults, topic: str, name: str
) -> None:
    session = accounts.session("source", name, allow("sns:GetTopicAttributes"))
    role = cloud.client("sns", **session, config=ONE_ATTEMPT)
    order = faults.order(
        service="sns", principal=f"/{name}/", nth=2, effect="error", code="AuthorizationError", httpStatus=403
    )
    role.get_topic_attributes(TopicArn=topic)
    cloud.client("sns").get_topic_attributes(TopicArn=topic)
    with pytest.raises(ClientError, match="AuthorizationError"):
        role.get_topic_attributes(TopicArn=topic)
    role.get_topic_attributes(TopicArn=topic)
    assert faults.matched(order) == 3
    principals = [call["principalArn"] for call in faults.calls(name) if call["action"] == "GetTopicAttributes"]
    assert [f":assumed-role/{name}/" in principal for principal in principals] == [True, False, True, True]


def test_a_connection_closes_before_or_after_the_effect(cloud: Cloud, faults: Faults, name: str) -> None:
    secrets = cloud.client("secretsmanager", config=ONE_ATTEMPT)
    for effect, made in (("dropBefore", False), ("dropAfter", True)):
        faults.order(service="secretsmanager", action="CreateSecret", effect=effect)
        with pytest.raises(ConnectionClosedError):
            secrets.create_secret(Name=f"{name}-{effect}", SecretString="{}")
        found = secrets.list_secrets(Filters=[{"Key": "name", "Values": [f"{name}-{effect}"]}])["SecretList"]
        assert bool(found) == made, effect


def test_a_call_is_slow(cloud: Cloud, faults: Faults, topic: str, name: str) -> None:
    faults.order(service="sns", action="Publish", resource=name, effect="slow", seconds=0.5)
    began = time.monotonic()
    cloud.client("sns", config=ONE_ATTEMPT).publish(TopicArn=topic, Message="m")
    assert time.monotonic() - began >= 0.5
    assert [call["seconds"] >= 0.5 for call in faults.calls(name) if call["action"] == "Publish"] == [True]


def test_a_call_is_held_until_its_order_is_taken_back(cloud: Cloud, faults: Faults, topic: str, name: str) -> None:
    faults.order(service="sns", action="Publish", resource=name, effect="slow", seconds=60)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(cloud.client("sns", config=ONE_ATTEMPT).publish, TopicArn=topic, Message="m")
        time.sleep(0.3)
        assert not held.done()
        faults.take_back()
        assert held.result(timeout=10)["MessageId"]


@pytest.mark.parametrize(
    ("effect", "output"),
    [("twice", "2"), ("dropAfter", "2"), ("dropBefore", "1")],
)
def test_an_invocation_is_repeated_or_lost(
    cloud: Cloud, accounts: Accounts, faults: Faults, name: str, eventually: Any, effect: str, output: str
) -> None:
    function = accounts.function("source", name, COUNTING)
    role = accounts.role("source", f"{name}-machine", "states.amazonaws.com", allow("lambda:InvokeFunction"))
    retry = [{"ErrorEquals": ["Lambda.SdkClientException"], "IntervalSeconds": 1}]
    definition = {
        "StartAt": "Count",
        "States": {"Count": {"Type": "Task", "Resource": function, "Retry": retry, "End": True}},
    }
    machines = cloud.client("stepfunctions")
    machine = machines.create_state_machine(name=name, roleArn=role, definition=json.dumps(definition))[
        "stateMachineArn"
    ]
    faults.order(service="lambda", action="Invoke", resource=f":{name}", effect=effect)
    execution = machines.start_execution(stateMachineArn=machine)["executionArn"]

    def ended() -> Any:
        found = machines.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    assert eventually(ended)["output"] == output
    outcomes = [call["outcome"] for call in faults.calls(f":{name}") if call["action"] == "Invoke"]
    assert outcomes == (["Success"] if effect == "twice" else ["Lambda.SdkClientException", "Success"])


def test_a_lost_invocation_has_the_name_that_is_ordered(
    cloud: Cloud, accounts: Accounts, faults: Faults, name: str, eventually: Any
) -> None:
    lost = "Lambda.ClientExecutionTimeoutException"
    function = accounts.function("source", name, COUNTING)
    role = accounts.role("source", f"{name}-machine", "states.amazonaws.com", allow("lambda:InvokeFunction"))
    retry = [{"ErrorEquals": [lost], "IntervalSeconds": 1}]
    definition = {
        "StartAt": "Count",
        "States": {"Count": {"Type": "Task", "Resource": function, "Retry": retry, "End": True}},
    }
    machines = cloud.client("stepfunctions")
    machine = machines.create_state_machine(name=name, roleArn=role, definition=json.dumps(definition))[
        "stateMachineArn"
    ]
    faults.order(
        service="lambda", action="Invoke", resource=f":{name}", effect="dropAfter", code=lost, message="no answer"
    )
    execution = machines.start_execution(stateMachineArn=machine)["executionArn"]
    assert eventually(lambda: machines.describe_execution(executionArn=execution).get("output")) == "2"
    outcomes = [call["outcome"] for call in faults.calls(f":{name}") if call["action"] == "Invoke"]
    assert outcomes == [lost, "Success"]


def test_a_new_role_has_no_rights_for_as_long_as_is_ordered(
    cloud: Cloud, accounts: Accounts, faults: Faults, topic: str, name: str, eventually: Any
) -> None:
    before = faults.ask("GET", "timing")
    old = cloud.client("sns", **accounts.session("source", f"{name}-old", allow("sns:GetTopicAttributes")))
    time.sleep(1.1)
    try:
        assert faults.ask("PUT", "timing", {"rolePropagationSeconds": 1})["rolePropagationSeconds"] == 1
        old.get_topic_attributes(TopicArn=topic)
        faults.ask("PUT", "timing", {"rolePropagationSeconds": 3})
        session = accounts.session("source", name, allow("sns:GetTopicAttributes"))
        role = cloud.client("sns", **session, config=ONE_ATTEMPT)
        with pytest.raises(ClientError, match="AuthorizationError"):
            role.get_topic_attributes(TopicArn=topic)

        def works() -> bool:
            try:
                return bool(role.get_topic_attributes(TopicArn=topic))
            except ClientError:
                return False

        eventually(works)
    finally:
        faults.ask("PUT", "timing", before)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        faults.ask("PUT", "timing", {"rolePropagation": 1})


@pytest.mark.parametrize(
    "order",
    [
        {"service": "sns"},
        {"effect": "melt"},
        {"effect": "error"},
        {"effect": "slow"},
        {"effect": "dropAfter", "code": "x"},
        {"effect": "dropAfter", "service": "sns", "code": "x"},
        {"effect": "dropAfter", "nht": 2},
        {"effect": "dropAfter", "nth": 0},
        {"effect": "dropAfter", "nth": "2"},
        {"effect": "dropAfter", "id": 7},
        {"effect": "stale", "service": "secretsmanager"},
        {"effect": "stale", "seconds": 1},
        {"effect": "stale", "service": "sns", "seconds": 1},
    ],
)
def test_an_order_that_is_written_down_wrongly_is_refused(faults: Faults, order: dict) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        faults.ask("POST", "faults", order)


def test_orders_and_calls_are_taken_back(cloud: Cloud, faults: Faults, topic: str, name: str) -> None:
    order = faults.order(service="sns", action="Publish", resource=name, effect="dropBefore", times=9)
    faults.take_back()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        faults.ask("DELETE", f"faults/{order['id']}")
    cloud.client("sns", config=ONE_ATTEMPT).publish(TopicArn=topic, Message="m")
    (call,) = [call for call in faults.calls(name) if call["action"] == "Publish"]
    query = f"calls?service=sns&action=Publish&resource={name}"
    assert faults.ask("GET", query) == faults.ask("GET", f"{query}&since={call['time']}") == [call]
    assert not faults.ask("GET", f"{query}&since=2999-01-01T00:00:00.000Z")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        faults.ask("GET", "calls?principal=x")
    faults.ask("DELETE", "calls")
    assert not faults.calls(name)
