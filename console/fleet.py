"""One run of the fleet machine, as its history and the executions that it has started show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from console.execution import execution_arn, readable_cause, replication_id
from console.vocabulary import STAGES

#: The output of a source stack that has a fleet machine.
MACHINE_OUTPUT = "FleetStateMachineArn"
#: The state whose result is the plan.
_DISCOVER = STAGES["fleet"][0]
#: How far back the executions of the source machine are read: those of two runs of the largest fleet.
_MOST_LISTED = 1000


@dataclass(frozen=True)
class Child:
    """The execution of the source machine for one database."""

    arn: str
    status: str
    started: datetime
    ended: datetime | None = None

    @classmethod
    def of(cls, listed: dict[str, Any]) -> Child:
        """From a row of ListExecutions."""
        return cls(listed["executionArn"], listed["status"], listed["startDate"], listed.get("stopDate"))

    @property
    def name(self) -> str:
        """Its own name, the last part of its ARN."""
        return self.arn.rsplit(":", 1)[-1]

    @property
    def replication(self) -> str:
        """The id of the replication, by which the destination's execution is named."""
        return replication_id(self.arn, self.started)


@dataclass
class Plan:
    """What a run does, as `discover` has answered."""

    run: str
    databases: dict[str, str]
    """The names of their executions by database, in the order in which they are started."""
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """database, reason and, where it counts as failed, error."""
    left_out_beside: int = 0
    done_before: list[str] = field(default_factory=list)
    room: str = ""

    @classmethod
    def read(cls, found: dict[str, Any]) -> Plan:
        """From the document of the machine."""
        return cls(
            run=found["run"],
            databases={one["SourceDBIdentifier"]: one["child"] for one in found.get("databases", [])},
            left_out=found.get("leftOut", []),
            left_out_beside=found.get("leftOutBeside", 0),
            done_before=found.get("doneBefore", []),
            room=found.get("room") or "",
        )


@dataclass
class FleetRun:
    """One execution of the fleet machine. `poll` brings it up to date."""

    client: Any
    arn: str
    source_machine: str
    status: str = "RUNNING"
    error: str = ""
    cause: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    plan: Plan | None = None
    children: dict[str, Child] = field(default_factory=dict)
    """By database."""
    last_sent: dict[str, datetime] = field(default_factory=dict)
    """When the newest execution began that has succeeded for a database of the plan, in this run or an earlier one."""

    @property
    def name(self) -> str:
        """Its own name, by which another run continues it."""
        return self.arn.rsplit(":", 1)[-1]

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"

    def poll(self) -> None:
        """Reads where it is: three calls, however many databases there are."""
        # The status first: an end that is seen here has the ends of all children behind it.
        found = self.client.describe_execution(executionArn=self.arn)
        self.status = found["status"]
        self.started, self.ended = found["startDate"], found.get("stopDate")
        self.error, self.cause = found.get("error", ""), readable_cause(found.get("cause", ""))
        self.plan = self.plan or _plan(self.client, self.arn)
        if self.plan:
            self._read_children(self.plan)

    def failure_of(self, database: str) -> tuple[str, str]:
        """The error of a database's execution, and its cause."""
        found = self.client.describe_execution(executionArn=self.children[database].arn)
        return found.get("error") or found["status"], readable_cause(found.get("cause", ""))

    def _read_children(self, plan: Plan) -> None:
        by_name = {child: database for database, child in plan.databases.items()}
        # The names of one database end alike in all runs.
        by_ending = {child[len(plan.run) :]: database for child, database in by_name.items()}
        self.last_sent = {}
        for listed in islice(_listed(self.client, self.source_machine), _MOST_LISTED):
            if listed["name"] in by_name:
                self.children[by_name[listed["name"]]] = Child.of(listed)
            database = by_ending.get(listed["name"][len(plan.run) :])
            if database and listed["status"] == "SUCCEEDED":
                self.last_sent.setdefault(database, listed["startDate"])


def newest(client: Any, fleet_machine: str, source_machine: str, *, only_running: bool = False) -> FleetRun | None:
    """The run that has started last, or that of those that have not ended."""
    asked = {"statusFilter": "RUNNING"} if only_running else {}
    listed = client.list_executions(stateMachineArn=fleet_machine, maxResults=1, **asked)["executions"]
    return FleetRun(client, listed[0]["executionArn"], source_machine) if listed else None


def destination_child(client: Any, machine: str, child: Child) -> dict[str, Any] | None:
    """The description of the destination's execution that the message of this one has started, if it has."""
    try:
        found: dict[str, Any] = client.describe_execution(executionArn=execution_arn(machine, child.replication))
    except client.exceptions.ExecutionDoesNotExist:
        return None
    return found


def _listed(client: Any, machine: str) -> Iterator[dict[str, Any]]:
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=machine, PaginationConfig={"PageSize": 1000}
    )
    return (one for page in pages for one in page["executions"])


def _plan(client: Any, arn: str) -> Plan | None:
    """The plan, which is near the beginning of the history."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 20})
    for page in pages:
        for event in page["events"]:
            left = event.get("stateExitedEventDetails", {})
            if left.get("name") == _DISCOVER.state:
                found = json.loads(left.get("output") or "{}").get(_DISCOVER.result)
                return Plan.read(found) if isinstance(found, dict) else None
    return None
