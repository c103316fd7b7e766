"""Metrics of AWS/States, and the events of executions.

AWS: every standard execution counts in ExecutionsStarted, in one of ExecutionsSucceeded, ExecutionsFailed,
ExecutionsTimedOut and ExecutionsAborted, and in ExecutionTime (milliseconds), with the dimension StateMachineArn;
alarms stand on these. The event of an execution that has not succeeded has its error and cause, also those of
StopExecution.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType
from typing import Any

from ministack.services import cloudwatch, eventbridge
from ministack.services import stepfunctions as sfn

COUNTS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}

# The error and the cause of the execution whose event is on its way.
_error: ContextVar[Mapping[str, Any]] = ContextVar("error", default=MappingProxyType({}))


def apply() -> None:
    eventbridge._put_events = _with_error(eventbridge._put_events)
    sfn._emit_execution_status_event = _counted(sfn._emit_execution_status_event)


def _counted(emit: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def count_and_emit(execution: dict[str, Any]) -> None:
        if not execution.get("sync"):
            dimensions = {"StateMachineArn": execution["stateMachineArn"]}
            cloudwatch.record_metric("AWS/States", COUNTS[execution["status"]], 1, "Count", dimensions)
            if execution["stopDate"]:
                milliseconds = (_time(execution["stopDate"]) - _time(execution["startDate"])).total_seconds() * 1000
                cloudwatch.record_metric("AWS/States", "ExecutionTime", milliseconds, "Milliseconds", dimensions)
        with _told_of(execution):
            emit(execution)

    return count_and_emit


@contextlib.contextmanager
def _told_of(execution: dict[str, Any]) -> Iterator[None]:
    """What is put on the bus inside has the error and the cause of the execution."""
    token = _error.set({name: execution.get(name) for name in ("error", "cause")})
    try:
        yield
    finally:
        _error.reset(token)


def _with_error(put: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    def put_with_error(request: dict[str, Any], *rest: Any, **options: Any) -> tuple[Any, ...]:
        told = _error.get()
        if told and [entry.get("Source") for entry in request["Entries"]] == ["aws.states"]:
            entries = [
                {**entry, "Detail": json.dumps({**json.loads(entry["Detail"]), **told})} for entry in request["Entries"]
            ]
            request = {**request, "Entries": entries}
        return put(request, *rest, **options)

    return put_with_error


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
