"""Starts one replication, or with --fleet one of many databases, and follows it through both accounts."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.account import Account, parse, take_accounts, use_local_cloud, wanted_output
from console.command import run
from console.execution import Entered, Execution, execution_arn, replication_id
from console.failure import Failure
from console.fleet_following import how_to_stop, replicate_fleet
from console.hints import DESTINATION_STACK, SOURCE_STACK, Hints
from console.numbers import seconds
from console.screen import Screen, duration
from console.several import includes, is_pattern
from console.status.secret import secret_advice
from console.vocabulary import ANNOUNCEMENT, MOVE_SECRET, RESTORE


@dataclass
class Run:
    """A replication that has been started: its name and its two executions."""

    id: str
    source: Execution
    destination: Execution

    def stages(self) -> dict[str, dict[str, float]]:
        """Seconds of each task in each account, waiting included."""
        now = datetime.now(timezone.utc)
        found = {}
        for role, execution in (("source", self.source), ("destination", self.destination)):
            ended = execution.client.describe_execution(executionArn=execution.arn).get("stopDate", now)
            found[role] = execution.stage_seconds(ended)
        return found


class Follower:
    """Prints the states of one execution as they come."""

    def __init__(self, role: str, execution: Execution, screen: Screen) -> None:
        self.role = role
        self.execution = execution
        self._screen = screen
        self._stage = ""
        self._said: set[str] = set()

    def poll(self) -> None:
        """Prints what is new, one line for a state that has not been said in this stage."""
        for state in self.execution.poll():
            if state.kind == "Task" and state.name != self._stage:
                self._stage = state.name
                self._said = set()
            # A loop of polling and waiting is one line; the live line shows its progress.
            if state.name in self._said or state.kind == "Choice":
                continue
            self._said.add(state.name)
            self._screen.line(f"{self.role:<11}  {state.name}{self._remark(state)}")

    def waiting_for(self) -> str:
        """One line that says where the execution is."""
        if not self.execution.states:
            return f"{self.role}: starting"
        state = self.execution.states[-1]
        since = (datetime.now(timezone.utc) - _stage_start(self.execution)).total_seconds()
        words = [f"{self.role}: {self.execution.stage or state.name}", *_progress(self.execution.result())]
        if state.kind == "Wait":
            words.append("waiting")
        return ", ".join([*words, f"since {duration(max(since, 0))}"])

    def _remark(self, state: Entered) -> str:
        if state.kind != "Wait":
            return ""
        result = self.execution.result()
        words = [*_progress(result), *_copying(result)]
        return f"  ({'; '.join(words)})" if words else ""


def _stage_start(execution: Execution) -> datetime:
    stage = execution.stage
    start = execution.states[-1].at
    for state in reversed(execution.states):
        if state.kind == "Task" and state.name != stage:
            break
        start = state.at
    return start


def _progress(result: dict[str, Any]) -> list[str]:
    """What RDS says of a thing that is not ready, and what moves."""
    if result.get("status") != "NotAvailable":
        return []
    words = [str(result["rdsStatus"])] if result.get("rdsStatus") else []
    if result.get("percentProgress") is not None:
        words.append(f"{result['percentProgress']}%")
    return words


def _copying(result: dict[str, Any]) -> list[str]:
    """Whether the whole database is copied or only what changed, and why."""
    copy = result.get("copy")
    return [f"{copy['expected']} copy expected: {copy['reason']}"] if copy else []


def replicate(
    source: Account,
    destination: Account,
    screen: Screen,
    *,
    source_db: str | None = None,
    timeout: float = 86400,
    arrival: float = 600,
    poll: float = 3.0,
) -> Run:
    """Runs one replication to its end.

    `timeout` is how long all of it may take, `arrival` how long the destination may take to start after the source has
    announced its snapshot, `poll` the time between two polls, all in seconds. Answers with the run; raises `Failure`,
    with the machine, the state, the error and its cause, when either machine did not succeed.
    """
    source_stack, destination_stack = source.described_stack(), destination.described_stack()
    source_machine = wanted_output(source, source_stack[0], "StateMachineArn")
    destination_machine = wanted_output(destination, destination_stack[0], "StateMachineArn")
    _refuse_what_cannot_arrive(source, destination, source_stack, destination_stack, source_db)
    # The first run of one of several databases makes its secret, and refuses one that is not the stack's before it copies.
    has_own_secret = not is_pattern(destination_stack[1].get("SourceDBIdentifier", ""))
    advice = secret_advice(destination, *destination_stack) if has_own_secret else ""
    if advice:
        raise Failure(f"{advice}; nothing was started, because the run would fail after both copies")
    document = {"SourceDBIdentifier": source_db} if source_db else {}
    source_states, destination_states = source.client("stepfunctions"), destination.client("stepfunctions")

    started = source_states.start_execution(stateMachineArn=source_machine, input=json.dumps(document))
    first = Execution(source_states, started["executionArn"])
    screen.line(f"source       started {first.arn}")
    screen.line(f"source       this is replication {replication_id(first.arn, started['startDate'])}")
    deadline = time.monotonic() + timeout
    following = Follower("source", first, screen)
    followers = [following]
    second = None
    announced_at = None

    while True:
        for follower in followers:
            follower.poll()
        now = time.monotonic()

        if second is None and not first.running and not first.succeeded and not first.passed(ANNOUNCEMENT):
            raise Failure(first.how_it_failed("source"))
        if second is None and first.passed(ANNOUNCEMENT):
            announced_at = announced_at or now
            run_id = first.announced_id()
            awaited = Execution(destination_states, execution_arn(destination_machine, run_id))
            if awaited.exists():
                second = awaited
                screen.line(f"destination  started {second.arn}")
                followers.append(Follower("destination", second, screen))
                continue
            if now - announced_at > arrival:
                raise Failure(_never_arrived(destination, run_id, arrival))
        if second is not None and not first.running and not second.running:
            break
        if now > deadline:
            raise Failure(
                f"the replication has not ended within {duration(timeout)}; it continues by itself: "
                + "; ".join(follower.waiting_for() for follower in followers if follower.execution.running)
            )
        waiting = [follower.waiting_for() for follower in followers if follower.execution.running]
        if second is None and announced_at is not None:
            waiting.append("destination: the message is on its way")
        screen.waiting(" | ".join(waiting))
        time.sleep(poll)

    failures = [
        one.how_it_failed(role) for role, one in (("source", first), ("destination", second)) if not one.succeeded
    ]
    if failures:
        raise Failure("\n\n".join(failures))
    return Run(run_id, first, second)


def _refuse_what_cannot_arrive(
    source: Account,
    destination: Account,
    source_stack: tuple[dict[str, str], dict[str, str]],
    destination_stack: tuple[dict[str, str], dict[str, str]],
    source_db: str | None,
) -> None:
    """Raises `Failure` if the destination would not start a run for the message that the source is going to send."""
    topic, heard = source_stack[0].get("TopicArn"), destination_stack[1].get("SourceTopicArn")
    pair = f"the stacks {source.stack} (source account) and {destination.stack} (destination account) do not belong together"
    if topic and heard and topic != heard:
        raise Failure(
            f"{pair}, so nothing was started\n"
            f"  {source.stack} publishes to         {topic}\n"
            f"  {destination.stack} listens to  {heard} (parameter SourceTopicArn)\n"
            "to fix this: name the right stacks with --source-stack and --destination-stack, or deploy the destination with "
            f"SourceTopicArn={topic}"
        )
    database, served = (
        (source_db or source_stack[1].get("SourceDBIdentifier", "")),
        destination_stack[1].get("SourceDBIdentifier", ""),
    )
    if database and served and not includes(served, database):
        raise Failure(
            f"the snapshot would be of {database}, but the stack {destination.stack} takes only messages about {served} (parameter "
            "SourceDBIdentifier), so nothing was started\n"
            "to fix this: name the destination stack of this database with --destination-stack, "
            "or another database with --source-db"
        )


def _never_arrived(destination: Account, run_id: str, arrival: float) -> str:
    outputs, parameters = destination.described_stack()
    lines = [
        f"the source has sent its message, but no execution {run_id} started in the destination within {duration(arrival)}",
        "check, in the destination account:",
        f"  the subscription is confirmed     {outputs.get('SubscriptionArn', '(no such output)')}",
        f"  the log of the launch function    {_log_group(destination, outputs)}",
        f"  the messages that were given up   {_dead_letters(destination, outputs)}",
        "  the parameters of its stack        "
        + ", ".join(f"{name}={parameters.get(name, '')}" for name in ("SourceTopicArn", "SourceDBIdentifier")),
        "  (a message about another database is ignored)",
        "and in the source account: its parameter DestinationAccountNumber, whom the snapshot was shared with",
    ]
    return "\n".join(lines)


def _log_group(destination: Account, outputs: dict[str, str]) -> str:
    function = outputs.get("LaunchFunctionName")
    if not function:
        return "(no such output)"
    try:
        answer = destination.client("lambda").get_function_configuration(FunctionName=function)
    except (BotoCoreError, ClientError) as error:
        return f"(of {function}, not readable: {error})"
    return answer.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{function}")


def _dead_letters(destination: Account, outputs: dict[str, str]) -> str:
    queue = outputs.get("DeadLetterQueueUrl")
    if not queue:
        return "(no such output)"
    try:
        answer = destination.client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
    except (BotoCoreError, ClientError) as error:
        return f"{queue} (not readable: {error})"
    return f"{queue} ({answer['Attributes']['ApproximateNumberOfMessages']} now)"


def conclusion(run: Run, hints: Hints) -> list[str]:
    """Lines that say what the run has made, and what of it needs an operator."""
    restored = run.destination.result(RESTORE)
    moved = run.destination.result(MOVE_SECRET)
    if run.destination.superseded:
        lines = [
            f"done: replication {run.id} made no new version: newer or the same data is there, so nothing was copied"
        ]
    else:
        lines = [f"done: replication {run.id}, new version {restored.get('db_instance_identifier', '')}"]
    if moved.get("outcome") == "heldBack":
        lines.append(
            f"the stack promotes by hand: {hints.rollback(restored['db_version'])} makes it the current version"
        )
    elif moved.get("outcome") == "newerIsLive":
        lines.append(f"a newer version is live and stays so: {moved['db_host']}")
    for role, execution in (("source", run.source), ("destination", run.destination)):
        if execution.room_failure():
            lines.append(f"{role:<11}  could not delete anything before it began: {execution.room_failure()}")
        alerted = execution.alerted()
        left = execution.left().items()
        lines += [
            f"{role:<11}  not deleted: {name}: {reason}"
            for name, reason in left
            if not any(name in text for text in alerted)
        ]
        lines += [f"{role:<11}  for an operator: {text}" for text in alerted]
    return lines


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/replicate",
        description="Starts one replication, or with --fleet those of many databases, and follows it through both accounts. Exits "
        "with 0 only if the machines of both accounts succeeded, with 1 if not, with 130 if you stop following.",
    )
    take_accounts(parser, "source", "destination")
    parser.add_argument(
        "--source-stack", default=SOURCE_STACK, help="stack in the source account (default: %(default)s)"
    )
    parser.add_argument(
        "--destination-stack", default=DESTINATION_STACK, help="stack in the destination account (default: %(default)s)"
    )
    parser.add_argument(
        "--source-db", metavar="NAME", help="database to replicate (default: the source stack's parameter)"
    )
    many = parser.add_argument_group("many databases")
    many.add_argument(
        "--fleet",
        action="store_true",
        help="start the source stack's state machine for many databases, or find the run that is under way, and follow it",
    )
    many.add_argument(
        "--continue-run",
        metavar="NAME",
        help="with --fleet: continue this run of it, which was stopped or has failed; what that one has sent is not sent again",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=86400,
        metavar="SECONDS",
        help="how long all of it may take (default: %(default)s)",
    )
    parser.add_argument(
        "--arrival",
        type=seconds,
        default=600,
        metavar="SECONDS",
        help="how long the destination may take to start once the source has sent its message (default: %(default)s)",
    )
    given = parse(parser, arguments)
    if given.fleet and given.source_db:
        parser.error("--fleet replicates the databases that the stack chooses; --source-db replicates one")
    if given.continue_run and not given.fleet:
        parser.error("--continue-run is for --fleet")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Answers with its exit code."""
    given = _arguments(arguments)
    hints = Hints.of(given)
    stop: list[str] = []

    def stopped() -> str:
        how = f"; to stop it: {stop[0]}" if stop else ""
        return f"no longer following; what was started continues by itself: {hints.status()} shows how it ends{how}"

    def work(screen: Screen) -> None:
        if given.local:
            use_local_cloud(given.local)
        source = Account("source", given.source_profile, given.source_stack, given.source_region)
        destination = Account(
            "destination", given.destination_profile, given.destination_stack, given.destination_region
        )
        if given.fleet:
            replicate_fleet(
                source,
                destination,
                screen,
                continue_run=given.continue_run,
                timeout=given.timeout,
                arrival=given.arrival,
                poll=0.3 if given.local else 3.0,
                followed=lambda run: stop.append(how_to_stop(run, source)),
            )
            return
        followed = replicate(
            source,
            destination,
            screen,
            source_db=given.source_db,
            timeout=given.timeout,
            arrival=given.arrival,
            poll=0.3 if given.local else 3.0,
        )
        for line in conclusion(followed, hints):
            screen.line(line)

    return run(work, stopped=stopped)


if __name__ == "__main__":
    sys.exit(main())
