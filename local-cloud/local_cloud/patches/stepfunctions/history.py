"""The history of an execution.

AWS: the history calls a task whose resource is the ARN of a function LambdaFunction..., and everything else Task... Each
event names the one before it in its branch (previousEventId), says whether an input or output is cut off, and a
scheduled function has its input and the task's timeoutInSeconds. A task whose result was taken has succeeded, also if
a path of the state then finds nothing. An event has no cause where there is none to tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from ministack.services import stepfunctions as sfn

FUNCTION_ARN = re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:function:")
WHOLE = {"truncated": False}

# What the thread of a branch has last reported, and the task that it is about to schedule.
_previous: ContextVar[int] = ContextVar("previous", default=0)
_task: ContextVar[Mapping[str, Any]] = ContextVar("task", default=MappingProxyType({}))
_input: ContextVar[Any] = ContextVar("input", default=None)
_stock_add_event = sfn._add_event


def apply() -> None:
    sfn._add_event = add_event
    sfn._execute_task = _remembering_task(sfn._execute_task)
    sfn._apply_parameters = _remembering_input(sfn._apply_parameters)


def begin(execution: dict[str, Any]) -> None:
    """Completes the first event, which ministack makes, and begins to count for this thread."""
    (started,) = execution["events"][:1]
    started["previousEventId"] = 0
    started["executionStartedEventDetails"].setdefault("inputDetails", WHOLE)
    _previous.set(0)


def add_event(
    execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None, stopped: bool = False
) -> dict[str, Any]:
    """Adds to the history; nothing follows the event that ends it. `stopped` is what comes from outside, at any time."""
    if execution["status"] != "RUNNING" and not kind.startswith("Execution"):
        return {"id": len(execution["events"])}
    if kind not in ("TaskScheduled", "TaskSucceeded", "TaskFailed"):
        return _add(execution, kind, details, stopped)
    (fields,) = (details or {}).values()
    if kind == "TaskFailed" and fields["error"] == "States.Runtime" and _has_succeeded(execution):
        return {"id": len(execution["events"])}
    if not FUNCTION_ARN.match(fields["resource"]):
        return _add(execution, kind, details, stopped)
    kind = kind.replace("Task", "LambdaFunction")
    if fields.get("error") == "States.Timeout":
        kind = "LambdaFunctionTimedOut"
    wanted = ("resource",) if kind == "LambdaFunctionScheduled" else ("error", "cause", "output")
    fields = {name: value for name, value in fields.items() if name in wanted}
    if kind == "LambdaFunctionScheduled":
        fields["input"] = json.dumps(_input.get())
        if "TimeoutSeconds" in _task.get():
            fields["timeoutInSeconds"] = _task.get()["TimeoutSeconds"]
    event = _add(execution, kind, {f"{kind[0].lower()}{kind[1:]}EventDetails": fields}, stopped)
    if kind == "LambdaFunctionScheduled":
        _add(execution, "LambdaFunctionStarted", None, stopped)
    return event


def _has_succeeded(execution: dict[str, Any]) -> bool:
    last = execution["events"][-1]
    return last["id"] == _previous.get() and last["type"].endswith("Succeeded")


def _add(execution: dict[str, Any], kind: str, details: dict[str, Any] | None, stopped: bool) -> dict[str, Any]:
    for fields in (details or {}).values():
        for name in ("input", "output"):
            if name in fields:
                fields[f"{name}Details"] = WHOLE
        if not fields.get("cause", "x"):
            del fields["cause"]
    previous = len(execution["events"]) if stopped else _previous.get()
    event = _stock_add_event(execution, kind, details)
    event["previousEventId"] = previous
    _previous.set(event["id"])
    return event


def _remembering_task(stock: Callable[..., Any]) -> Callable[..., Any]:
    def execute(state: dict[str, Any], *rest: Any) -> Any:
        token = _task.set(state)
        try:
            return stock(state, *rest)
        finally:
            _task.reset(token)

    return execute


def _remembering_input(stock: Callable[..., Any]) -> Callable[..., Any]:
    def fill(state: dict[str, Any], data: Any, context: dict[str, Any] | None = None) -> Any:
        filled = stock(state, data, context)
        _input.set(filled)
        return filled

    return fill
