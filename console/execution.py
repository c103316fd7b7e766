"""One execution of a state machine, read from its history as it goes."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError

from console.vocabulary import COPY_IN_DESTINATION, PRUNED, REPORTING_STATES, SNAPSHOT, STAGE_OF

_IDENTIFIER = re.compile(r"\d{8}t\d{6}z-(?:[0-9a-f]{10}|[0-9a-f]{6})$")
"""Runs of earlier releases have six digits at the end."""


def replication_id(execution_arn: str, start: datetime) -> str:
    """The name of a run: its start in UTC, and ten digits that distinguish runs of the same second."""
    digest = hashlib.sha256(execution_arn.encode()).hexdigest()[:10]
    return f"{start.astimezone(timezone.utc):%Y%m%dt%H%M%Sz}-{digest}"


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of a machine's execution of that name."""
    return machine_arn.replace(":stateMachine:", ":execution:", 1) + ":" + name


@dataclass
class Entered:
    """A state that the machine has entered."""

    name: str
    kind: str
    """Task, Choice, Wait, Pass, Succeed or Fail."""
    at: datetime


@dataclass
class Execution:
    """One execution, by ARN. `poll` brings it up to date; everything else is what the last poll saw."""

    client: Any
    arn: str
    status: str = "RUNNING"
    error: str = ""
    cause: str = ""
    started: Any = None
    """A datetime, from the first poll on."""
    ended: datetime | None = None
    input: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    states: list[Entered] = field(default_factory=list)
    _seen: int = 0

    def exists(self) -> bool:
        """Whether the execution has been started yet."""
        try:
            self.client.describe_execution(executionArn=self.arn)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise
        return True

    def poll(self) -> list[Entered]:
        """Reads what happened since the last poll; returns the states entered since."""
        # The status first: an end that is seen here has all of its history behind it.
        found = self.client.describe_execution(executionArn=self.arn)
        entered = [state for event in self._new_events() if (state := self._take(event))]
        self.states.extend(entered)
        self.started = found["startDate"]
        self.ended = found.get("stopDate")
        self.input = _object(found.get("input"))
        self.status = found["status"]
        self.error = found.get("error", "")
        self.cause = readable_cause(found.get("cause", ""))
        self._read(found.get("output"))
        return entered

    @property
    def running(self) -> bool:
        """Whether the execution has not ended."""
        return self.status == "RUNNING"

    @property
    def succeeded(self) -> bool:
        """Whether the execution ended well."""
        return self.status == "SUCCEEDED"

    @property
    def stage(self) -> str:
        """The task that the execution is about: the newest one that does not report about another."""
        for state in reversed(self.states):
            if state.kind == "Task" and state.name not in REPORTING_STATES:
                return state.name
        return ""

    @property
    def name(self) -> str:
        """The execution's own name, the last part of its ARN."""
        return self.arn.rsplit(":", 1)[-1]

    @property
    def superseded(self) -> bool:
        """Whether it ended before it copied anything, because newer or the same data is there."""
        return self.result(COPY_IN_DESTINATION).get("status") == "Superseded"

    def pruned(self) -> list[dict[str, Any]]:
        """What its two prunes last reported, the one before the copy first."""
        found = (self.document.get(name) for name in PRUNED)
        return [result for result in found if isinstance(result, dict)]

    def left(self) -> dict[str, str]:
        """What it wanted to delete and could not: the reasons by identifier."""
        things = (one for result in self.pruned() for one in _list(result.get("left")))
        return {
            one["identifier"]: str(one.get("reason", ""))
            for one in things
            if isinstance(one, dict) and "identifier" in one
        }

    def alerted(self) -> list[str]:
        """What stays undeleted for so long that operators were alerted about it."""
        return [str(text) for result in self.pruned() for text in _list(result.get("tell"))]

    def room_failure(self) -> str:
        """Why nothing could be deleted before the run continued; empty if it could."""
        failure = self.document.get("roomFailure")
        if not isinstance(failure, dict):
            return ""
        return f"{failure.get('Error', '')}: {readable_cause(str(failure.get('Cause', '')))}"

    def how_it_failed(self, machine: str) -> str:
        """Lines for the user: which of the machines it was, where it ended, and why."""
        lines = [
            f"the {machine} machine ended {self.status} in {self.stage or 'its first state'}",
            f"  error      {self.error or '(none given)'}",
            f"  cause      {self.cause or '(none given)'}",
            f"  execution  {self.arn}",
        ]
        return "\n".join(lines)

    def result(self, stage: str | None = None) -> dict[str, Any]:
        """What the stage's task last reported."""
        known = STAGE_OF.get(stage or self.stage)
        found = self.document.get(known.result) if known else None
        return found if isinstance(found, dict) else {}

    def passed(self, stage: str) -> bool:
        """Whether the execution has gone past a task."""
        names = [state.name for state in self.states]
        return stage in names and (names[-1] != stage or self.succeeded)

    def announced_id(self) -> str:
        """The run's name as the tasks have used it: what the destination's execution is called."""
        snapshot = self.result(SNAPSHOT).get("SourceDBSnapshotIdentifier", "")
        found = _IDENTIFIER.search(snapshot)
        return found.group() if found else replication_id(self.arn, self.started)

    def stage_seconds(self, end: datetime) -> dict[str, float]:
        """Seconds of each task from its first entering until its loop was left; `end` closes the last one."""
        tasks = [state for state in self.states if state.kind == "Task"]
        seconds: dict[str, float] = {}
        for state, following in zip(tasks, [*(task.at for task in tasks[1:]), end]):
            if state.name not in REPORTING_STATES:
                seconds[state.name] = seconds.get(state.name, 0.0) + (following - state.at).total_seconds()
        return {name: round(length, 1) for name, length in seconds.items()}

    def _new_events(self) -> list[dict[str, Any]]:
        """Events after the last one seen, oldest first. Newest first is how the service lets us stop early."""
        events: list[dict[str, Any]] = []
        # The first poll reads everything, each later one only what a loop adds.
        page_size = 100 if self._seen else 1000
        pages = self.client.get_paginator("get_execution_history").paginate(
            executionArn=self.arn, reverseOrder=True, PaginationConfig={"PageSize": page_size}
        )
        for page in pages:
            new = [event for event in page["events"] if event["id"] > self._seen]
            events.extend(new)
            if len(new) < len(page["events"]):
                break
        events.reverse()
        if events:
            self._seen = events[-1]["id"]
        return events

    def _take(self, event: dict[str, Any]) -> Entered | None:
        entered = event.get("stateEnteredEventDetails")
        if entered:
            self._read(entered.get("input"))
            return Entered(entered["name"], event["type"].removesuffix("StateEntered"), event["timestamp"])
        left = event.get("stateExitedEventDetails")
        if left:
            self._read(left.get("output"))
        return None

    def _read(self, text: str | None) -> None:
        self.document = _object(text) or self.document


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(text: str | None) -> dict[str, Any]:
    """The JSON object in a text, empty if there is none."""
    document = json.loads(text) if text else None
    return document if isinstance(document, dict) else {}


def readable_cause(cause: str) -> str:
    """The sentence inside a cause: a Lambda function's error comes wrapped in JSON."""
    try:
        wrapped = json.loads(cause)
    except ValueError:
        return cause
    return wrapped.get("errorMessage", cause) if isinstance(wrapped, dict) else cause
