"""How machines are checked, run, retried and stopped."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from accounts import allow
from botocore.exceptions import ClientError

pytestmark = pytest.mark.patch

PASS = {"Type": "Pass", "End": True}
ANSWERS = {"Yes": {"Type": "Pass", "Result": "yes", "End": True}, "No": {"Type": "Pass", "Result": "no", "End": True}}
LONG_WAIT = {"Type": "Wait", "Seconds": 9_000, "End": True}


class Machines:
    """Makes machines in the source account and runs them."""

    def __init__(self, cloud: Any, accounts: Any, name: str, eventually: Callable) -> None:
        self.cloud, self.accounts, self.name, self.eventually = cloud, accounts, name, eventually
        self.states = cloud.client("stepfunctions", "source")
        self.count = 0

    def role(self, *statements: dict, service: str = "states.amazonaws.com") -> str:
        self.count += 1
        return self.accounts.role("source", f"{self.name}-role-{self.count}", service, *statements)

    def create(self, states: dict, *, role: Optional[str] = None, **fields: Any) -> str:
        self.count += 1
        definition = {"StartAt": next(iter(states)), "States": states, **fields}
        return self.states.create_state_machine(
            name=f"{self.name}-{self.count}",
            definition=json.dumps(definition),
            roleArn=role or self.role(allow("lambda:InvokeFunction"), allow("states:StartExecution")),
        )["stateMachineArn"]

    def start(self, machine: str, document: Any = None, **options: str) -> str:
        text = json.dumps(document if document is not None else {})
        return self.states.start_execution(stateMachineArn=machine, input=text, **options)["executionArn"]

    def end(self, execution: str) -> dict:
        def ended() -> Optional[dict]:
            description = self.states.describe_execution(executionArn=execution)
            return description if description["status"] != "RUNNING" else None

        return self.eventually(ended)

    def run(self, states: dict, document: Any = None, **fields: Any) -> dict:
        return self.end(self.start(self.create(states, **fields), document))

    def output(self, states: dict, document: Any = None) -> Any:
        end = self.run(states, document)
        assert end["status"] == "SUCCEEDED", (end["error"], end["cause"])
        return json.loads(end["output"])

    def function(self, failures: int = 0) -> str:
        """A function that fails so many times and then gives how often it was called."""
        # The process may end with a failure, so the count is kept in a file.
        code = f"""
import os, pathlib
CALLS = pathlib.Path(os.environ["TMPDIR"], os.environ["AWS_LAMBDA_FUNCTION_NAME"])
def handler(event, context):
    calls = (int(CALLS.read_text()) if CALLS.exists() else 0) + 1
    CALLS.write_text(str(calls))
    if calls <= {failures}:
        raise ValueError("as told")
    return {{"calls": calls}}
"""
        self.count += 1
        return self.accounts.function("source", f"{self.name}-{self.count}", code)

    def history(self, execution: str) -> list[dict]:
        return self.states.get_execution_history(executionArn=execution)["events"]


@pytest.fixture
def machines(cloud: Any, accounts: Any, name: str, eventually: Callable) -> Machines:
    return Machines(cloud, accounts, name, eventually)


# Paths


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "InputPath": "$.missing", "End": True},
        {"Type": "Pass", "OutputPath": "$.missing", "End": True},
        {"Type": "Pass", "Parameters": {"a": {"b.$": "$.missing"}}, "End": True},
        {"Type": "Pass", "Parameters": {"a.$": "$$.Execution.Missing"}, "End": True},
        {"Type": "Pass", "Parameters": {"a.$": "$.list[7]"}, "End": True},
        {"Type": "Wait", "SecondsPath": "$.missing", "End": True},
        {"Type": "Wait", "SecondsPath": "$.text", "End": True},
        {
            "Type": "Choice",
            "Choices": [{"Variable": "$.missing", "StringEquals": "x", "Next": "End"}],
            "Default": "End",
        },
    ],
)
def test_a_path_that_finds_nothing_ends_the_execution(machines: Machines, state: dict) -> None:
    states = {"Start": state, **({"End": PASS} if state["Type"] == "Choice" else {})}
    end = machines.run(states, {"list": [1], "text": "10"})
    assert (end["status"], end["error"]) == ("FAILED", "States.Runtime")
    assert "while executing the state 'Start'" in end["cause"]


def test_states_runtime_is_not_caught(machines: Machines) -> None:
    function = machines.function()
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    task = {"Type": "Task", "Resource": function, "ResultSelector": {"a.$": "$.missing"}, "Catch": catch, "End": True}
    assert machines.run({"Start": task, "Caught": PASS})["error"] == "States.Runtime"


TIME, LATER = "2026-11-22T10:00:00Z", "2026-11-22T12:00:00.5+01:00"


@pytest.mark.parametrize(
    ("comparison", "matching", "different"),
    [
        ("StringLessThanPath", ("a", "b"), ("b", "a")),
        ("StringGreaterThanEqualsPath", ("b", "b"), ("a", "b")),
        ("TimestampLessThanPath", (TIME, LATER), (LATER, TIME)),
        ("TimestampGreaterThanPath", (LATER, TIME), (TIME, TIME)),
        ("TimestampEqualsPath", (TIME, "2026-11-22T11:00:00+01:00"), (TIME, LATER)),
        ("BooleanEqualsPath", (True, True), (1, True)),
        ("StringEqualsPath", ("1", "1"), (1, 1)),
    ],
)
def test_choices_compare_with_what_a_path_finds(
    machines: Machines, comparison: str, matching: tuple, different: tuple
) -> None:
    rule = {"Variable": "$.left", comparison: "$.right", "Next": "Yes"}
    machine = machines.create({"Choice": {"Type": "Choice", "Choices": [rule], "Default": "No"}, **ANSWERS})
    for (left, right), answer in ((matching, "yes"), (different, "no")):
        end = machines.end(machines.start(machine, {"left": left, "right": right}))
        assert (end["status"], json.loads(end["output"])) == ("SUCCEEDED", answer)


def test_choices_know_an_escaped_asterisk(machines: Machines) -> None:
    rule = {"Variable": "$.text", "StringMatches": "a\\*b*", "Next": "Yes"}
    machine = machines.create({"Choice": {"Type": "Choice", "Choices": [rule], "Default": "No"}, **ANSWERS})
    for text, answer in (("a*bc", "yes"), ("axbc", "no")):
        assert json.loads(machines.end(machines.start(machine, {"text": text}))["output"]) == answer


# Retries, timeouts, ends


def delays(machines: Machines, retry: dict) -> list[float]:
    """How long a task with this Retry waited after each of its failures, in seconds that are scaled by 0.01."""
    failures = retry["MaxAttempts"]
    task = {"Type": "Task", "Resource": machines.function(failures), "Retry": [retry], "End": True}
    end = machines.run({"Start": task})
    assert json.loads(end["output"]) == {"calls": failures + 1}
    times: dict[str, list] = {"Failed": [], "Scheduled": []}
    for event in machines.history(end["executionArn"]):
        # Stock ministack calls the events of a function by another name, which is not what this is about.
        times.get(event["type"].removeprefix("LambdaFunction").removeprefix("Task"), []).append(event["timestamp"])
    return [(again - failed).total_seconds() for failed, again in zip(times["Failed"], times["Scheduled"][1:])]


def test_a_retry_waits_no_longer_than_its_longest_delay(machines: Machines) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 1000, "MaxAttempts": 2}
    assert max(delays(machines, {**retry, "MaxDelaySeconds": 2})) < 0.3


def test_a_retry_without_a_longest_delay_is_not_cut_to_a_minute(machines: Machines) -> None:
    assert delays(machines, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 120, "MaxAttempts": 1})[0] >= 1.2


def test_a_retry_with_full_jitter_waits_anything_up_to_its_delay(machines: Machines) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 50, "BackoffRate": 1, "MaxAttempts": 4}
    waited = delays(machines, {**retry, "JitterStrategy": "FULL"})
    # That all four come out above nine tenths of the delay happens once in 10,000 times.
    assert min(waited) < 0.45 and max(waited) < 0.8


def test_a_machine_that_takes_longer_than_it_may_is_timed_out(machines: Machines) -> None:
    end = machines.run({"Start": LONG_WAIT}, TimeoutSeconds=1)
    assert (end["status"], end["error"]) == ("TIMED_OUT", "States.Timeout")
    assert machines.history(end["executionArn"])[-1]["type"] == "ExecutionTimedOut"


def test_a_stopped_execution_stays_stopped_and_begins_nothing_new(machines: Machines) -> None:
    function = machines.function()
    items = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 100, "Next": "Call"}, "Call": None}}
    items["States"]["Call"] = {"Type": "Task", "Resource": function, "End": True}
    states = {"Start": {"Type": "Map", "ItemProcessor": items, "MaxConcurrency": 1, "End": True}}
    execution = machines.start(machines.create(states), [1, 2, 3])

    def kinds() -> list[str]:
        return [event["type"] for event in machines.history(execution)]

    machines.eventually(lambda: "WaitStateEntered" in kinds())
    machines.states.stop_execution(executionArn=execution, error="Enough", cause="by hand")
    end = machines.end(execution)
    assert (end["status"], end["error"], end["cause"]) == ("ABORTED", "Enough", "by hand")
    # A second stop is harmless, and a machine that runs after it shows that the items had the time to go on.
    machines.states.stop_execution(executionArn=execution)
    machines.output({"Wait": {"Type": "Wait", "Seconds": 150, "End": True}})
    assert machines.end(execution)["status"] == "ABORTED"
    assert kinds()[-1] == "ExecutionAborted"
    assert not [kind for kind in kinds() if kind.endswith("Scheduled")]


def test_a_failure_after_the_stop_does_not_change_the_end(machines: Machines, tmp_path: Path) -> None:
    started, stopped, failed = (tmp_path / step for step in ("started", "stopped", "failed"))
    code = f"""
import pathlib, time
def handler(event, context):
    pathlib.Path({str(started)!r}).touch()
    while not pathlib.Path({str(stopped)!r}).exists():
        time.sleep(0.01)
    pathlib.Path({str(failed)!r}).touch()
    raise ValueError("late")
"""
    function = machines.accounts.function("source", f"{machines.name}-late", code)
    execution = machines.start(machines.create({"Start": {"Type": "Task", "Resource": function, "End": True}}))
    machines.eventually(started.exists)
    machines.states.stop_execution(executionArn=execution)
    stopped.touch()
    machines.eventually(failed.exists)
    # Another function call and execution end after the failure has been heard of.
    assert machines.output({"Start": {"Type": "Task", "Resource": machines.function(), "End": True}})
    assert machines.end(execution)["status"] == "ABORTED"
    assert machines.history(execution)[-1]["type"] == "ExecutionAborted"


def test_a_running_execution_keeps_the_definition_it_started_with(machines: Machines) -> None:
    machine = machines.create(
        {"Start": {"Type": "Wait", "Seconds": 60, "Next": "Old"}, "Old": {**PASS, "Result": "old"}}
    )
    execution = machines.start(machine)
    new = {"StartAt": "New", "States": {"New": {**PASS, "Result": "new"}}}
    machines.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(new))
    assert json.loads(machines.end(execution)["output"]) == "old"


CATCH_ALL = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]


def test_a_result_of_more_than_256_kib_is_caught(machines: Machines) -> None:
    code = "def handler(event, context):\n    return 'x' * 300000\n"
    function = machines.accounts.function("source", f"{machines.name}-large", code)
    end = machines.run({"Start": {"Type": "Task", "Resource": function, "Catch": CATCH_ALL, "End": True}, "Caught": PASS})
    assert end["status"] == "SUCCEEDED"
    caught = json.loads(end["output"])
    assert caught["Error"] == "States.DataLimitExceeded"
    size = "with a size exceeding the maximum number of bytes service limit."
    assert caught["Cause"] == f"The state/task '{function}' returned a result {size}"
    kinds = [event["type"] for event in machines.history(end["executionArn"])]
    assert "LambdaFunctionFailed" in kinds and "LambdaFunctionSucceeded" not in kinds


def test_an_output_of_more_than_256_kib_is_not_caught(machines: Machines) -> None:
    item = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    items = {"StartAt": "Double", "States": {"Double": item}}
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    state = {"Type": "Map", "ItemsPath": "$", "ItemProcessor": items, "Catch": catch, "End": True}
    end = machines.run({"Start": state, "Caught": PASS}, ["x" * 150_000])
    assert (end["status"], end["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_a_timeout_is_caught_without_a_cause(machines: Machines, accounts: Any, name: str) -> None:
    function = accounts.function("source", f"{name}-slow", "import time\ndef handler(event, context):\n    time.sleep(3)\n")
    task = {"Type": "Task", "Resource": function, "TimeoutSeconds": 1}
    caught = machines.run({"Start": {**task, "Catch": CATCH_ALL, "End": True}, "Caught": PASS})
    assert json.loads(caught["output"]) == {"Error": "States.Timeout", "Cause": ""}
    end = machines.run({"Start": {**task, "End": True}})
    assert end["error"] == "States.Timeout" and "cause" not in end
    timed_out, failed = machines.history(end["executionArn"])[-2:]
    assert "cause" not in timed_out["lambdaFunctionTimedOutEventDetails"]
    assert "cause" not in failed["executionFailedEventDetails"]


def test_a_fail_state_may_have_no_error(machines: Machines) -> None:
    end = machines.run({"Start": {"Type": "Fail"}})
    assert end["status"] == "FAILED" and "error" not in end and "cause" not in end
    assert not machines.history(end["executionArn"])[-1].get("executionFailedEventDetails")


@pytest.mark.parametrize(
    ("state", "document", "cause"),
    [
        ({"Type": "Wait", "SecondsPath": "$.s", "End": True}, {"s": -1}, "parameter references a negative value: $.s == -1"),
        ({"Type": "Wait", "SecondsPath": "$.s", "End": True}, {"s": 1.5}, "cannot be parsed as a long value: $.s == 1.5"),
        (
            {"Type": "Fail", "Error": "E", "CausePath": "$.x"},
            {"a": 1},
            "The JSONPath '$.x' specified for the field 'CausePath' could not be found in the input '{\"a\": 1}'",
        ),
        (
            {"Type": "Pass", "Parameters": {"b.$": "$.x"}, "End": True},
            {"a": 1},
            "The JSONPath '$.x' specified for the field 'b.$' could not be found in the input '{\"a\": 1}'",
        ),
    ],
)
def test_what_a_path_finds_is_named(machines: Machines, state: dict, document: dict, cause: str) -> None:
    end = machines.run({"Start": state}, document)
    assert end["error"] == "States.Runtime"
    assert cause in end["cause"]


def test_a_function_whose_output_path_finds_nothing_has_succeeded(machines: Machines) -> None:
    task = {"Type": "Task", "Resource": machines.function(), "OutputPath": "$.missing", "End": True}
    end = machines.run({"Start": task})
    assert end["error"] == "States.Runtime"
    kinds = [event["type"] for event in machines.history(end["executionArn"])]
    assert kinds[-2:] == ["LambdaFunctionSucceeded", "ExecutionFailed"]


# Starting


def test_starting_again_with_the_same_name_and_input_is_the_same_execution(machines: Machines) -> None:
    machine = machines.create({"Start": LONG_WAIT})
    execution = machines.start(machine, {"a": 1}, name="run-1")
    assert machines.start(machine, {"a": 1}, name="run-1") == execution
    with pytest.raises(ClientError) as error:
        machines.start(machine, {"a": 2}, name="run-1")
    assert error.value.response["Error"]["Code"] == "ExecutionAlreadyExists"
    machines.states.stop_execution(executionArn=execution)
    with pytest.raises(ClientError) as error:
        machines.start(machine, {"a": 1}, name="run-1")
    assert error.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"name": "a/b"}, "InvalidName"),
        ({"name": "a" * 81}, "InvalidName"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": json.dumps("x" * 262_144)}, "ValidationException"),
    ],
)
def test_names_and_inputs_are_checked(machines: Machines, options: dict, code: str) -> None:
    machine = machines.create({"Start": PASS})
    client = machines.cloud.client("stepfunctions", "source")
    client.meta.events.register("before-parameter-build.sfn", lambda **_: None)
    with pytest.raises(ClientError) as error:
        client.start_execution(stateMachineArn=machine, **options)
    assert error.value.response["Error"]["Code"] == code


# Roles


def test_a_function_that_the_machines_role_may_not_invoke_fails_the_task(machines: Machines) -> None:
    function = machines.function()
    end = machines.run(
        {"Start": {"Type": "Task", "Resource": function, "End": True}}, role=machines.role(allow("sns:Publish"))
    )
    assert end["error"] == "Lambda.AWSLambdaException"
    assert f"is not authorized to perform: lambda:InvokeFunction on resource: {function}" in end["cause"]


def test_a_machine_whose_role_does_not_trust_step_functions_is_refused(machines: Machines) -> None:
    with pytest.raises(ClientError) as error:
        machines.create({"Start": PASS}, role=machines.role(service="lambda.amazonaws.com"))
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"


# Nested executions


def nested(machine: str, **fields: Any) -> dict:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": machine, "Input": {"a": 1}},
        "End": True,
        **fields,
    }


def test_a_nested_execution_that_fails_is_a_failed_task(machines: Machines) -> None:
    inner = machines.create({"Start": {"Type": "Fail", "Error": "Inner", "Cause": "why"}})
    end = machines.run({"Start": nested(inner)})
    assert end["error"] == "States.TaskFailed"
    cause = json.loads(end["cause"])
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("Inner", "why", "FAILED")


def test_a_nested_execution_is_stopped_with_the_outer_one(machines: Machines) -> None:
    inner = machines.create({"Start": LONG_WAIT})
    outer = machines.start(machines.create({"Start": nested(inner)}))

    def running() -> list:
        return machines.states.list_executions(stateMachineArn=inner, statusFilter="RUNNING")["executions"]

    execution = machines.eventually(running)[0]["executionArn"]
    machines.states.stop_execution(executionArn=outer)
    assert machines.end(execution)["status"] == "ABORTED"


# Definitions


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ({"A": {"Type": "Pass", "Next": "Missing"}}, "Missing 'Next' target: Missing"),
        ({"A": PASS, "B": PASS}, 'State "B" is not reachable'),
        ({"A": {**PASS, "Color": "red"}}, "Field 'Color' is not supported"),
        ({"A": {"Type": "Pass"}}, "exactly one of 'Next' and 'End'"),
        ({"A": {"Type": "Choice", "Choices": []}}, "[Choices]"),
        ({"A": {"Type": "Task", "Resource": "${Unfilled}", "End": True}}, "not a valid resource ARN"),
        ({"A": {**LONG_WAIT, "SecondsPath": "$.s"}}, "exactly one of Seconds"),
        ({"A": {"Type": "Nap", "End": True}}, "'Type' is not one of"),
        ({"A": {"Type": "Pass", "Parameters": {"a.$": "b"}, "End": True}}, "must be a valid JSONPath"),
    ],
)
def test_definitions_are_checked(machines: Machines, states: dict, problem: str) -> None:
    with pytest.raises(ClientError) as error:
        machines.create(states)
    assert error.value.response["Error"]["Code"] == "InvalidDefinition"
    assert problem in error.value.response["Error"]["Message"]


def test_catch_all_stands_alone_and_last(machines: Machines) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B"}, {"ErrorEquals": ["Other"], "Next": "B"}]
    task = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f", "Catch": catch, "End": True}
    with pytest.raises(ClientError, match="States.ALL must appear alone"):
        machines.create({"A": task, "B": PASS})


def test_a_stack_with_a_wrong_definition_fails(machines: Machines, name: str) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Missing"}}}
    machine = {"RoleArn": machines.role(), "DefinitionString": json.dumps(definition)}
    resources = {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}}
    stacks = machines.cloud.client("cloudformation", "source")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))

    def reasons() -> str:
        events = stacks.describe_stack_events(StackName=name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    assert machines.eventually(lambda: "Missing 'Next' target: Missing" in reasons())


# Lists and histories


def test_a_function_has_events_of_its_own(machines: Machines) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    task = {"Type": "Task", "Resource": machines.function(1), "Retry": retry, "TimeoutSeconds": 60, "Next": "Wait"}
    states = {"Start": task, "Wait": {"Type": "Wait", "Seconds": 1, "Next": "End"}, "End": {"Type": "Succeed"}}
    before = datetime.now(timezone.utc)
    end = machines.run(states)
    events = machines.history(end["executionArn"])
    call = ["LambdaFunctionScheduled", "LambdaFunctionStarted"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        *call,
        "LambdaFunctionFailed",
        *call,
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "WaitStateEntered",
        "WaitStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    times = [event["timestamp"] for event in events]
    assert times == sorted(times) and before - timedelta(seconds=1) < times[0] <= times[-1]
    assert events[2]["lambdaFunctionScheduledEventDetails"] == {
        "resource": task["Resource"],
        "input": "{}",
        "inputDetails": {"truncated": False},
        "timeoutInSeconds": 60,
    }
    assert [event["previousEventId"] for event in events] == [0, 0, *range(2, len(events))]
    assert events[4]["lambdaFunctionFailedEventDetails"]["error"]
    assert json.loads(events[7]["lambdaFunctionSucceededEventDetails"]["output"]) == {"calls": 2}
    assert events[8]["stateExitedEventDetails"]["name"] == "Start"


def test_a_function_that_takes_too_long_is_timed_out(machines: Machines, accounts: Any, name: str) -> None:
    function = accounts.function("source", f"{name}-slow", "import time\ndef handler(event, context):\n    time.sleep(3)\n")
    end = machines.run({"Start": {"Type": "Task", "Resource": function, "TimeoutSeconds": 1, "End": True}})
    assert end["error"] == "States.Timeout"
    last = machines.history(end["executionArn"])[-2]
    assert last["type"] == "LambdaFunctionTimedOut"
    assert last["lambdaFunctionTimedOutEventDetails"]["error"] == "States.Timeout"


def test_executions_are_listed_a_hundred_at_a_time(machines: Machines) -> None:
    machine = machines.create({"Start": PASS})
    started = [machines.start(machine) for _ in range(101)]
    for execution in started:
        machines.end(execution)
    first = machines.states.list_executions(stateMachineArn=machine)
    assert len(first["executions"]) == 100
    second = machines.states.list_executions(stateMachineArn=machine, nextToken=first["nextToken"])
    assert "nextToken" not in second
    found = [one["executionArn"] for one in (*first["executions"], *second["executions"])]
    assert sorted(found) == sorted(started)


def test_the_executions_of_no_machine_are_not_listed(machines: Machines) -> None:
    machine = machines.create({"Start": PASS})
    with pytest.raises(machines.states.exceptions.StateMachineDoesNotExist):
        machines.states.list_executions(stateMachineArn=f"{machine}-other")
    machines.states.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(machines.states.exceptions.StateMachineDoesNotExist):
        machines.states.list_executions(stateMachineArn=machine)


def test_a_list_is_of_one_machine(machines: Machines) -> None:
    with pytest.raises(ClientError) as error:
        machines.states.list_executions()
    assert error.value.response["Error"]["Code"] == "ValidationException"


# Reports


def test_the_ends_of_executions_are_counted(machines: Machines) -> None:
    end = machines.run({"Start": {"Type": "Fail", "Error": "Broken"}})
    metrics = machines.cloud.client("cloudwatch", "source")

    def counted(metric: str) -> bool:
        data = metrics.get_metric_statistics(
            Namespace="AWS/States",
            MetricName=metric,
            Dimensions=[{"Name": "StateMachineArn", "Value": end["stateMachineArn"]}],
            StartTime=time.time() - 600,
            EndTime=time.time() + 600,
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in data["Datapoints"]) == 1

    assert machines.eventually(lambda: counted("ExecutionsStarted"))
    assert machines.eventually(lambda: counted("ExecutionsFailed"))
