"""What the tests of several commands have in common: the accounts, the states of the machines, and an execution."""

from __future__ import annotations

from datetime import datetime, timedelta

from console.execution import Entered, Execution
from console.vocabulary import STAGES

A, B = "111111111111", "222222222222"

#: What a run goes through after it has made room.
SOURCE_STATES = tuple(stage.state for stage in STAGES["source"][1:])
DESTINATION_STATES = tuple(stage.state for stage in STAGES["destination"][1:])


def execution(
    machine: str,
    name: str,
    start: datetime,
    states: tuple[str, ...],
    *,
    status: str = "SUCCEEDED",
    seconds: int = 60,
    document: dict | None = None,
    input: dict | None = None,
    error: str = "",
    cause: str = "",
) -> Execution:
    """An execution that has spent so many seconds in each of these tasks, and in NotifyFailure if it failed."""
    account = A if machine == "source" else B
    tasks = [*states, "NotifyFailure"] if status == "FAILED" else states
    entered = [Entered(state, "Task", start + timedelta(seconds=seconds * place)) for place, state in enumerate(tasks)]
    return Execution(
        None,
        f"arn:aws:states:eu-west-1:{account}:execution:{machine}:{name}",
        status=status,
        error=error,
        cause=cause,
        started=start,
        ended=None if status == "RUNNING" else start + timedelta(seconds=seconds * len(tasks)),
        input=input or {},
        document=document or {},
        states=entered,
    )
