"""Functions whose code is missing, whose events fail, and how long a warm call takes."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow

pytestmark = pytest.mark.patch

FAILS = "def handler(event, context):\n    raise ValueError('as told')\n"
# The smallest custom runtime: asks for an event, answers with it, and keeps its connection.
BOOTSTRAP = """#!/usr/bin/env python3
import http.client, os
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = runtime.getresponse()
    event = answer.read()
    request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    runtime.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", event)
    runtime.getresponse().read()
"""


def test_a_function_without_its_code_is_refused(cloud: Any, accounts: Any, name: str) -> None:
    cloud.client("s3", "source").create_bucket(Bucket=name)
    functions = cloud.client("lambda", "source")
    role = accounts.role("source", name, "lambda.amazonaws.com")
    settings = {"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": role}
    with pytest.raises(ClientError) as error:
        functions.create_function(**settings, Code={"S3Bucket": name, "S3Key": "missing.zip"})
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert "NoSuchKey" in error.value.response["Error"]["Message"]


def test_a_stack_with_a_function_without_its_code_fails(
    cloud: Any, accounts: Any, name: str, eventually: Callable
) -> None:
    cloud.client("s3", "source").create_bucket(Bucket=name)
    function = {
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": accounts.role("source", name, "lambda.amazonaws.com"),
        "Code": {"S3Bucket": name, "S3Key": "missing.zip"},
    }
    resources = {"Function": {"Type": "AWS::Lambda::Function", "Properties": function}}
    stacks = cloud.client("cloudformation", "source")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))

    def reasons() -> str:
        events = stacks.describe_stack_events(StackName=name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    assert eventually(lambda: "NoSuchKey" in reasons())


def test_a_failed_event_goes_only_where_the_functions_role_may_send_it(
    cloud: Any, accounts: Any, name: str, eventually: Callable
) -> None:
    functions, queues = cloud.client("lambda", "source"), cloud.client("sqs", "source")
    urls = {}
    for who, statements in (("may", [allow("sqs:SendMessage")]), ("may-not", [])):
        function = accounts.function("source", f"{name}-{who}", FAILS, *statements)
        urls[who] = queues.create_queue(QueueName=f"{name}-{who}")["QueueUrl"]
        queue = f"arn:aws:sqs:us-east-1:111111111111:{name}-{who}"
        destination = {"OnFailure": {"Destination": queue}}
        functions.put_function_event_invoke_config(
            FunctionName=function, MaximumRetryAttempts=0, DestinationConfig=destination
        )
    # The one that may not is called first, so that it has failed when the other one has.
    for who in ("may-not", "may"):
        functions.invoke(FunctionName=f"{name}-{who}", InvocationType="Event", Payload=json.dumps({"who": who}))
        if who == "may-not":
            eventually(lambda: _errors_logged(cloud, f"{name}-may-not"))
    message = eventually(lambda: queues.receive_message(QueueUrl=urls["may"]).get("Messages"))[0]
    assert json.loads(message["Body"])["requestPayload"] == {"who": "may"}
    assert not queues.receive_message(QueueUrl=urls["may-not"]).get("Messages")


def _errors_logged(cloud: Any, function: str) -> bool:
    logs = cloud.client("logs", "source")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    except ClientError:
        return False
    return any("REPORT" in event["message"] for event in events)


def custom_runtime(cloud: Any, accounts: Any, name: str, bootstrap: str) -> Any:
    """Makes a function with a runtime of its own; a client."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        file.writestr(entry, bootstrap)
    functions = cloud.client("lambda", "source")
    functions.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=accounts.role("source", name, "lambda.amazonaws.com"),
        Code={"ZipFile": archive.getvalue()},
    )
    return functions


def test_a_runtime_that_exits_at_once_is_told_by_name(cloud: Any, accounts: Any, name: str) -> None:
    functions = custom_runtime(cloud, accounts, name, "#!/bin/sh\nexit 3\n")
    answer = functions.invoke(FunctionName=name)
    assert json.load(answer["Payload"])["errorType"] == "Runtime.ExitError"


def test_a_function_that_waits_for_events_costs_nothing(cloud: Any, accounts: Any, name: str) -> None:
    for number in range(8):
        function = f"{name}-{number}"
        custom_runtime(cloud, accounts, function, BOOTSTRAP).invoke(FunctionName=function, Payload="{}")
    before = times_awake(cloud)
    time.sleep(2)
    # Each would be awake forty times, to see that nothing has happened.
    assert times_awake(cloud) - before < 160


def times_awake(cloud: Any) -> int:
    """How often all threads of the cloud's process together have gone to sleep again."""
    threads = Path(f"/proc/{cloud.state['cloud']['pid']}/task").glob("*/status")
    lines = [line for thread in threads for line in thread.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_a_warm_call_takes_a_few_milliseconds(cloud: Any, accounts: Any, name: str) -> None:
    functions = custom_runtime(cloud, accounts, name, BOOTSTRAP)
    times = []
    for number in range(12):
        started = time.monotonic()
        answer = functions.invoke(FunctionName=name, Payload=json.dumps({"number": number}))
        times.append(time.monotonic() - started)
        assert json.load(answer["Payload"]) == {"number": number}
    assert min(times) < 0.04, times


def test_reading_a_concurrency_is_another_right_than_setting_it(cloud: Any, accounts: Any, name: str) -> None:
    accounts.function("source", name, "def handler(event, context):\n    return 1\n")
    session = accounts.session("source", f"{name}-reader", allow("lambda:GetFunctionConcurrency"))
    functions = cloud.client("lambda", "source", **session)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)
    for change in (
        lambda: functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0),
        lambda: functions.delete_function_concurrency(FunctionName=name),
    ):
        with pytest.raises(ClientError) as error:
            change()
        assert error.value.response["Error"]["Code"] == "AccessDeniedException"
