"""Metrics of AWS/States.

AWS: every standard execution counts in ExecutionsStarted, in one of ExecutionsSucceeded, ExecutionsFailed,
ExecutionsTimedOut and ExecutionsAborted, and in ExecutionTime (milliseconds), with the dimension StateMachineArn;
alarms stand on these.
"""

from __future__ import annotations

from datetime import datetime
from typing import Callable

from ministack.services import cloudwatch
from ministack.services import stepfunctions as sfn

COUNTS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def apply() -> None:
    sfn._emit_execution_status_event = _counted(sfn._emit_execution_status_event)


def _counted(emit: Callable[[dict], None]) -> Callable[[dict], None]:
    def count_and_emit(execution: dict) -> None:
        if not execution.get("sync"):
            dimensions = {"StateMachineArn": execution["stateMachineArn"]}
            cloudwatch.record_metric("AWS/States", COUNTS[execution["status"]], 1, "Count", dimensions)
            if execution["stopDate"]:
                milliseconds = (_time(execution["stopDate"]) - _time(execution["startDate"])).total_seconds() * 1000
                cloudwatch.record_metric("AWS/States", "ExecutionTime", milliseconds, "Milliseconds", dimensions)
        emit(execution)

    return count_and_emit


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
