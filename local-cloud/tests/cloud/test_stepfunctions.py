"""How machines are run, retried and stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from machines import ANSWERS, LONG_WAIT, PASS, Machines

pytestmark = pytest.mark.patch


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
    end = machines.run(
        {"Start": {"Type": "Task", "Resource": function, "Catch": CATCH_ALL, "End": True}, "Caught": PASS}
    )
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
    function = accounts.function(
        "source", f"{name}-slow", "import time\ndef handler(event, context):\n    time.sleep(3)\n"
    )
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
        (
            {"Type": "Wait", "SecondsPath": "$.s", "End": True},
            {"s": -1},
            "parameter references a negative value: $.s == -1",
        ),
        (
            {"Type": "Wait", "SecondsPath": "$.s", "End": True},
            {"s": 1.5},
            "cannot be parsed as a long value: $.s == 1.5",
        ),
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
