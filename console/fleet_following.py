"""Starts a run of the fleet machine, or finds the one that is running, and follows all its databases through both accounts."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.account import Account, wanted_output
from console.execution import Execution, execution_arn, readable_cause
from console.failure import Failure
from console.fleet import MACHINE_OUTPUT, Child, FleetRun, destination_child, newest
from console.screen import Screen, duration, table
from console.several import includes
from console.status.facts import Stack
from console.status.reading import DESTINATION_OUTPUTS, read_stacks
from console.stock import stock_words

#: How many executions are opened in one poll to see what they are doing, because Step Functions allows only some 20 such calls
#: a second, which the machines themselves need too.
_OPENED_AT_ONCE = 8


@dataclass
class Database:
    """One database of the run: where it is in each account."""

    name: str
    source: Child | None = None
    destination: dict[str, Any] | None = None
    """The description of the destination's execution."""
    sent_at: float = 0.0
    """When its end in the source account was seen."""
    polled_at: float = 0.0
    """When its execution in the destination account was asked for last."""
    error: str = ""
    cause: str = ""
    doing: str = "starting"
    """What the newest poll of its execution saw."""
    has_destination: bool = False
    """Whether a destination stack takes messages about it."""
    opened: Execution | None = None

    @property
    def is_sent(self) -> bool:
        """Whether its snapshot is shared and the destination account notified."""
        return self.source is not None and self.source.status == "SUCCEEDED"

    @property
    def runs_in(self) -> str:
        """The account in which its execution is running, or empty."""
        if self.source and self.source.status == "RUNNING":
            return "source"
        return "destination" if self.destination and self.destination["status"] == "RUNNING" else ""

    @property
    def seconds(self) -> float | None:
        """From its start to its end in the account where it is last; None where it has not begun."""
        if not self.source:
            return None
        end = self.destination.get("stopDate") if self.destination else self.source.ended
        return ((end or datetime.now(timezone.utc)) - self.source.started).total_seconds()


@dataclass
class Following:
    """A run that is followed."""

    run: FleetRun
    databases: dict[str, Database] = field(default_factory=dict)

    def rows(self) -> list[list[str]]:
        """The table at the end: what failed first, then what took longest."""
        order = sorted(self.databases.values(), key=lambda one: (not one.error, -(one.seconds or 0), one.name))
        return [
            [one.name, self.words(one), one.error, "-" if one.seconds is None else duration(one.seconds)]
            for one in order
        ]

    def words(self, one: Database) -> str:
        """What became of a database, or where it is."""
        if one.error:
            return f"FAILED in {'the destination' if one.is_sent else 'the source'} account"
        if one.destination and one.destination["status"] == "SUCCEEDED":
            return "replicated"
        if one.is_sent and not one.has_destination:
            return "sent; no destination stack here takes it"
        if one.runs_in:
            return f"running in the {one.runs_in} account"
        return "sent" if one.is_sent else "not started"


def replicate_fleet(
    source: Account,
    destination: Account,
    screen: Screen,
    *,
    continue_run: str | None = None,
    timeout: float = 86400,
    arrival: float = 600,
    poll: float = 3.0,
    followed: Callable[[FleetRun], None] = lambda _: None,
) -> None:
    """Runs a fleet to the end of every database, in both accounts; all times in seconds, as for one database.

    A run that is running is followed, because a second one beside it would be refused. Raises `Failure` if the fleet machine
    or a run of the destination account did not succeed. `followed` gets the run as soon as it is known.
    """
    outputs = source.outputs()
    if MACHINE_OUTPUT not in outputs:
        raise Failure(
            f"the stack {source.stack} of the source account has no state machine for many databases\n"
            "to fix this: deploy it with --parameter Fleet=true"
        )
    machine, of_one = outputs[MACHINE_OUTPUT], wanted_output(source, outputs, "StateMachineArn")
    client = source.client("stepfunctions")
    run = _running_or_started(client, machine, of_one, continue_run, screen)
    followed(run)
    following = Following(run)
    stacks = _listening(destination, outputs.get("TopicArn", ""), screen)
    deadline = time.monotonic() + timeout
    while True:
        has_ended = not run.running
        is_new = run.plan is None
        run.poll()
        if run.plan and is_new:
            _say_the_plan(run, following, stacks, screen)
            for line in stock_words(destination, stacks, list(run.plan.databases)):
                screen.line(line)
        _take_children(following, destination, stacks, screen)
        waiting = [one for one in following.databases.values() if _is_awaited(one, arrival)]
        # The children are read once more after the run has been seen to have ended.
        if has_ended and not waiting:
            break
        if time.monotonic() > deadline:
            raise Failure(
                f"the fleet run {run.name} has not ended within {duration(timeout)}; it continues by itself: "
                + ", ".join(f"{one.name} ({following.words(one)})" for one in waiting)
            )
        _open_some(following, client, destination, stacks)
        _show(following, screen)
        time.sleep(poll)
    _conclude(following, arrival, screen)


def how_to_stop(run: FleetRun, source: Account) -> str:
    """The command that stops a run and everything that it has started in the source account."""
    profile = ["--profile", source.profile_in_use] if source.profile_in_use else []
    return shlex.join(["aws", "stepfunctions", "stop-execution", "--execution-arn", run.arn, *profile])


def _running_or_started(client: Any, machine: str, of_one: str, continue_run: str | None, screen: Screen) -> FleetRun:
    run = newest(client, machine, of_one, only_running=True)
    if run and continue_run:
        raise Failure(
            f"the fleet run {run.name} is running, so nothing was started\n"
            "to fix this: follow it with scripts/replicate --fleet, or stop it first"
        )
    if run:
        screen.line(f"fleet        a run is under way, which is followed: {run.arn}")
        return run
    document = {"ContinueRun": continue_run} if continue_run else {}
    started = client.start_execution(stateMachineArn=machine, input=json.dumps(document))
    screen.line(f"fleet        started {started['executionArn']}")
    return FleetRun(client, started["executionArn"], of_one)


def _listening(destination: Account, topic: str, screen: Screen) -> list[Stack]:
    """The destination stacks that listen to the topic; none if the destination account cannot be read."""
    try:
        stacks = read_stacks(destination)
    except (Failure, BotoCoreError, ClientError) as error:
        screen.line(f"destination  not readable, so only the source account is followed: {error}")
        return []
    ours = [stack for stack in stacks if all(name in stack.outputs for name in DESTINATION_OUTPUTS)]
    return [stack for stack in ours if topic and stack.parameters.get("SourceTopicArn") == topic]


def _stack_of(stacks: Sequence[Stack], database: str) -> Stack | None:
    """The stack that takes messages about a database: the one that names it, before one whose pattern fits."""
    fitting = [stack for stack in stacks if includes(stack.database, database)]
    return min(fitting, key=lambda stack: stack.database != database, default=None)


def _say_the_plan(run: FleetRun, following: Following, stacks: Sequence[Stack], screen: Screen) -> None:
    plan = run.plan
    if not plan:
        return
    following.databases = {
        name: Database(name, has_destination=_stack_of(stacks, name) is not None) for name in plan.databases
    }
    for one in plan.left_out:
        if one.get("error"):
            following.databases[one["database"]] = Database(one["database"], error=one["error"], cause=one["reason"])
    done = f", {len(plan.done_before)} that were sent before" if plan.done_before else ""
    screen.line(f"fleet        this is run {plan.run}: {len(plan.databases)} databases{done}")
    for one in plan.left_out:
        error = f"{one['error']}: " if one.get("error") else ""
        screen.line(f"left out     {one['database']}: {error}{one['reason']}")
    if plan.left_out_beside:
        screen.line(f"left out     {plan.left_out_beside} more: the log of the function report names them")
    if plan.room:
        screen.line(f"quota        {plan.room}")


def _take_children(following: Following, destination: Account, stacks: Sequence[Stack], screen: Screen) -> None:
    """Takes over how far each database is, and prints a line for each that has ended in an account."""
    run = following.run
    for name, child in run.children.items():
        one = following.databases[name]
        before, one.source = one.source, child
        if child.status not in ("RUNNING", "SUCCEEDED") and not one.error:
            one.error, one.cause = run.failure_of(name)
            screen.line(f"{name}: FAILED in the source account: {one.error}: {one.cause}".rstrip(": "))
        if child.status == "SUCCEEDED" and (before is None or before.status == "RUNNING"):
            one.sent_at, one.opened, one.doing = time.monotonic(), None, "the message is on its way"
            screen.line(f"{name}: sent to the destination account")
    open_ones = [one for one in following.databases.values() if _may_run_in_destination(one)]
    for one in sorted(open_ones, key=lambda one: one.polled_at)[:_OPENED_AT_ONCE]:
        one.polled_at = time.monotonic()
        if one.source:
            _take_destination(one, one.source, destination, stacks, screen)


def _may_run_in_destination(one: Database) -> bool:
    """Whether the destination account has, or may have, an execution for it that has not been seen to end."""
    has_ended = one.destination is not None and one.destination["status"] != "RUNNING"
    return one.is_sent and one.has_destination and not one.error and not has_ended


def _take_destination(
    one: Database, child: Child, destination: Account, stacks: Sequence[Stack], screen: Screen
) -> None:
    stack = _stack_of(stacks, one.name)
    if not stack:
        return
    machine = stack.outputs["StateMachineArn"]
    one.destination = destination_child(destination.client("stepfunctions"), machine, child)
    if not one.destination or one.destination["status"] == "RUNNING":
        return
    if one.destination["status"] == "SUCCEEDED":
        screen.line(f"{one.name}: replicated in {duration(one.seconds or 0)}")
        return
    one.error = one.destination.get("error") or one.destination["status"]
    one.cause = readable_cause(one.destination.get("cause", ""))
    screen.line(f"{one.name}: FAILED in the destination account: {one.error}: {one.cause}".rstrip(": "))


def _is_awaited(one: Database, arrival: float) -> bool:
    """Whether something of a database is still to come."""
    if one.error or not one.source:
        return False
    if one.runs_in:
        return True
    return one.is_sent and one.has_destination and not one.destination and time.monotonic() - one.sent_at <= arrival


def _open_some(following: Following, client: Any, destination: Account, stacks: Sequence[Stack]) -> None:
    """Polls the executions of a few databases, those that were not polled for longest first."""
    running = [one for one in following.databases.values() if one.runs_in]
    for one in running[:_OPENED_AT_ONCE]:
        if one.opened is None and one.source:
            stack = _stack_of(stacks, one.name) if one.runs_in == "destination" else None
            one.opened = (
                Execution(
                    destination.client("stepfunctions"),
                    execution_arn(stack.outputs["StateMachineArn"], one.source.replication),
                )
                if stack
                else Execution(client, one.source.arn)
            )
        if one.opened:
            one.opened.poll()
            result = one.opened.result()
            percent = f" {result['percentProgress']}%" if result.get("percentProgress") is not None else ""
            one.doing = (one.opened.stage or "starting") + percent
        # Its turn comes again after all others.
        following.databases[one.name] = following.databases.pop(one.name)


def _show(following: Following, screen: Screen) -> None:
    """One line for the run and one for each database that is under way."""
    databases = list(following.databases.values())

    def count(wanted: Callable[[Database], object]) -> int:
        return sum(1 for one in databases if wanted(one))

    awaited = count(lambda one: one.is_sent and not one.destination and not one.error and one.has_destination)
    words = (
        f"fleet: {count(lambda one: one.runs_in)} running, {count(lambda one: not one.source)} to be started, "
        f"{awaited} on their way, {count(lambda one: one.error)} failed, of {len(databases)}"
    )
    width = max((len(one.name) for one in databases), default=0)
    lines = [
        f"{one.name:<{width}}  {one.runs_in:<11}  {one.doing}, since {duration(one.seconds or 0)}"
        for one in sorted(databases, key=lambda one: one.name)
        if one.runs_in
    ]
    screen.waiting_for_all(words if databases else "fleet: choosing the databases", lines)


def _conclude(following: Following, arrival: float, screen: Screen) -> None:
    """Prints the table, and raises `Failure` if anything has failed that is not tolerated."""
    run = following.run
    late = [one for one in following.databases.values() if one.is_sent and one.has_destination and not one.destination]
    for one in late:
        one.error = one.error or "NotArrived"
    if following.databases:
        screen.plain()
        for line in table([["database", "status", "error", "time"], *following.rows()], right=(3,)):
            screen.plain(f"  {line}")
        screen.plain()
    causes = [f"  {one.name}: {one.cause}" for one in following.databases.values() if one.cause]
    failed_in_destination = [one for one in following.databases.values() if one.is_sent and one.error]
    if run.status != "SUCCEEDED":
        # The cause of a run whose databases have failed names them as the lines above do.
        words = causes if run.error == "ReplicationsFailed" and causes else [f"  {run.cause or '(no cause)'}"]
        again = [
            "to fix this: end what the errors name; then",
            f"  scripts/replicate --fleet --continue-run {run.name}",
            "repeats only what was not sent",
        ]
        ended = f"the fleet run {run.name} ended {run.status}: {run.error or '(no error)'}"
        raise Failure("\n".join([ended, *words, f"  execution  {run.arn}", *(again if run.plan else [])]))
    if failed_in_destination:
        hint = f"; {len(late)} did not arrive within {duration(arrival)}" if late else ""
        raise Failure(
            f"{len(failed_in_destination)} of {len(following.databases)} databases failed in the destination account{hint}\n"
            + "\n".join(causes)
        )
    screen.line(f"done: fleet run {run.name}")
