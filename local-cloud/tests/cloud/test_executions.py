"""How machines and executions are made, checked, listed and described."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow
from machines import LONG_WAIT, PASS, Machines

pytestmark = pytest.mark.patch


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


def test_a_machine_that_waits_for_executions_may_make_the_rule_that_tells_of_their_ends(machines: Machines) -> None:
    inner = machines.create({"Start": PASS})
    role = machines.role(allow("states:StartExecution"), allow("events:PutTargets"), allow("events:PutRule"))
    with pytest.raises(ClientError) as error:
        machines.create({"Start": nested(inner)}, role=role)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "is not authorized to create managed-rule" in error.value.response["Error"]["Message"]


def test_as_many_items_run_at_once_as_a_path_says(machines: Machines) -> None:
    inner = machines.create({"Start": {"Type": "Wait", "Seconds": 30, "End": True}})
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.most",
        "ItemProcessor": {
            "StartAt": "Each",
            "States": {"Each": nested(inner, ResultSelector={"status.$": "$.Status"})},
        },
        "End": True,
    }
    machine = machines.create({"All": each})
    outer = machines.start(machine, {"items": [1, 2, 3, 4], "most": 2})
    seen = [0]

    def ended() -> bool:
        running = machines.states.list_executions(stateMachineArn=inner, statusFilter="RUNNING")["executions"]
        seen.append(len(running))
        return bool(machines.states.describe_execution(executionArn=outer)["status"] != "RUNNING")

    machines.eventually(ended)
    assert max(seen) == 2
    end = machines.end(machines.start(machine, {"items": [1], "most": "2"}))
    assert (end["status"], end["error"]) == ("FAILED", "States.Runtime")


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
    function = accounts.function(
        "source", f"{name}-slow", "import time\ndef handler(event, context):\n    time.sleep(3)\n"
    )
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
