"""Moves the secret to another version of the copy, and follows that to its end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from botocore.exceptions import BotoCoreError, ClientError

from console.account import Account, parse, take_accounts, use_local_cloud
from console.execution import Execution
from console.failure import Failure
from console.hints import DESTINATION_STACK, Hints
from console.numbers import seconds
from console.replicate import Follower
from console.screen import Screen, age, duration, timestamp
from console.several import of_database
from console.status.facts import (
    DATA_TIME,
    SOURCE_SNAPSHOT,
    Instance,
    Pointer,
    Stack,
    Unreadable,
    is_readable,
    parse_time,
    seconds_between,
    version_in,
)
from console.status.reading import attempt, read_instances, read_snapshots
from console.status.secret import read_pointer, unusable_secret
from console.status.versions import usable_versions
from console.vocabulary import MOVE_SECRET, MOVED

#: The largest number that a version can have.
_LARGEST_VERSION = 2**32 - 1


@dataclass(frozen=True)
class Named:
    """What the secret names, as far as the credentials show it."""

    host: str
    """Empty if the secret names nothing or cannot be read."""
    instance: Instance | None = None
    """The one that has this address."""
    data_time: datetime | None = None
    """The point in time of its data."""
    hidden_by: str = ""
    """The code of the error for which the secret could not be read, or empty."""
    pointer: Pointer | None = None
    """None if it could not be read."""
    is_gone: bool = False
    """Whether the instances were read and none of them has this address."""

    def words(self, now: datetime) -> str:
        """The instance, its version and the age of its data."""
        if self.hidden_by:
            return f"nothing that these credentials can read ({self.hidden_by})"
        if not self.host:
            return "no database: its db_host is empty"
        if self.instance is None:
            return self.host
        words = [f"version {self.instance.version}" if self.instance.version else "without a version number"]
        if self.instance.restored_version:
            words.append(f"restored from the snapshot of version {self.instance.restored_version}")
        if self.data_time:
            words.append(f"data as of {timestamp(self.data_time)}, {age(seconds_between(self.data_time, now))} old")
        return f"{self.instance.identifier} ({', '.join(words)})"


def named(account: Account, secret: str, name: str = "") -> Named:
    """What the secret names now."""
    pointer = attempt(lambda: read_pointer(account, secret, name))
    if isinstance(pointer, Unreadable):
        return Named("", hidden_by=pointer.code)
    return replace(_named_host(account, pointer.host) if pointer.host else Named(""), pointer=pointer)


def _named_host(account: Account, host: str) -> Named:
    instances = attempt(lambda: read_instances(account))
    found = next((one for one in instances if one.host == host), None) if is_readable(instances) else None
    return Named(
        host, found, _data_time(account, found) if found else None, is_gone=is_readable(instances) and not found
    )


def _data_time(account: Account, instance: Instance) -> datetime | None:
    """From the instance's tag or, before there was one, from the snapshot that it came from."""
    tagged = parse_time(instance.tags.get(DATA_TIME))
    snapshots = [] if tagged else attempt(lambda: read_snapshots(account))
    origins = (
        [one for one in snapshots if one.arn == instance.tags.get(SOURCE_SNAPSHOT)] if is_readable(snapshots) else []
    )
    return tagged or (origins[0].data_time if origins else None)


def previous_of_gone(account: Account, before: Named, parameters: dict[str, str]) -> int | None:
    """The next lower version than the one in the secret's host, if its instance is gone; otherwise None.

    The rollback machine goes by the instance that the secret names, so it knows no previous version without one.
    """
    prefixes = (parameters.get("DatabaseName", ""), before.pointer.prefix if before.pointer else "")
    numbers = (version_in(prefix, before.host.split(".")[0]) for prefix in prefixes if prefix)
    gone = next((version for version in numbers if version), None)
    if not before.is_gone or gone is None:
        return None
    stack = Stack(account.stack, parameters=parameters)
    instances, snapshots = attempt(lambda: read_instances(account)), attempt(lambda: read_snapshots(account))
    usable = usable_versions(
        stack,
        instances if is_readable(instances) else None,
        snapshots if is_readable(snapshots) else None,
    )
    return max((one for one in usable if one < gone), default=None)


def roll_back(
    destination: Account,
    screen: Screen,
    *,
    version: int | str = "previous",
    source_db: str | None = None,
    timeout: float = 86400,
    poll: float = 3.0,
    hints: Hints = Hints(),
) -> tuple[Execution, Named, Named]:
    """Makes a version live and follows the rollback machine to its end.

    `version` is a number or `previous`; `timeout` is how long all of it may take and `poll` the time between two polls, in
    seconds. Answers with the execution and with what the secret named before and names now; raises `Failure`, with the
    state, the error and its cause, when the machine did not succeed.
    """
    outputs, parameters = destination.described_stack()
    machine = outputs.get("RollbackStateMachineArn")
    if not machine:
        raise Failure(
            f"the stack {destination.stack} of the destination account has no output RollbackStateMachineArn: it is older "
            f"than the rollback machine; deploy it again with {hints.deploy_destination(stack=destination.stack)}"
        )
    outputs, parameters = of_database(outputs, parameters, destination.stack, source_db)
    secret, name = outputs.get("SecretArn", ""), outputs.get("SecretName", "")
    before = named(destination, secret, name)
    advice = unusable_secret(before.hidden_by, secret, name)
    if advice:
        raise Failure(f"{advice}; nothing was started")
    screen.line(f"the secret names {before.words(datetime.now(timezone.utc))}")
    if version == "previous" and before.is_gone:
        found = previous_of_gone(destination, before, parameters)
        if found:
            screen.line(f"there is no instance of this address; the next lower version that exists is {found}")
            version = found

    document = {"version": version}
    if source_db:
        document["SourceDBIdentifier"] = source_db
    machines = destination.client("stepfunctions")
    started = machines.start_execution(stateMachineArn=machine, input=json.dumps(document))
    execution = Execution(machines, started["executionArn"])
    screen.line(f"destination  started {execution.arn}")
    try:
        follow(execution, screen, timeout=timeout, poll=poll)
    except KeyboardInterrupt:
        raise Interrupted(execution.arn) from None
    # What the machine has read back counts, should these credentials not show the secret.
    now = named(destination, secret, name)
    if not now.host:
        now = _named_host(destination, execution.result(MOVE_SECRET).get("db_host", ""))
    return execution, before, now


def follow(execution: Execution, screen: Screen, *, timeout: float, poll: float) -> None:
    """Prints what the execution does until it has succeeded; raises `Failure` if it ends otherwise or takes too long."""
    follower = Follower("destination", execution, screen)
    deadline = time.monotonic() + timeout
    while True:
        follower.poll()
        if not execution.running:
            break
        if time.monotonic() > deadline:
            raise Failure(
                f"the rollback has not ended within {duration(timeout)}; it continues by itself: {follower.waiting_for()}\n"
                f"  execution  {execution.arn}"
            )
        screen.waiting(follower.waiting_for())
        time.sleep(poll)
    outcome = execution.result(MOVE_SECRET).get("outcome")
    if not execution.succeeded:
        raise Failure(execution.how_it_failed("rollback"))
    if outcome not in MOVED:
        raise Failure(
            f"the rollback machine has ended well, but what it did to the secret is: {outcome}\n  execution  {execution.arn}"
        )


def conclusion(execution: Execution, before: Named, after: Named, now: datetime) -> list[str]:
    """Lines that say what has become of the secret."""
    moved = execution.result(MOVE_SECRET)
    lines = [f"the secret now names {after.words(now)}"]
    if before.host == after.host:
        lines.append("it did so before")
    else:
        lines.append(f"before it named {before.words(now)}")
    for word, names in (("marked to-be-deleted", moved.get("marked")), ("no longer marked", moved.get("unmarked"))):
        if names:
            lines.append(f"{word}: {', '.join(map(str, names))}")
    return lines


class Interrupted(Exception):
    """The user has stopped following an execution, which continues."""


def _version(text: str) -> int | str:
    if text == "previous":
        return text
    if not text.isascii() or not text.isdecimal() or not text.strip("0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither previous nor a version number from 1")
    # The length, because Python refuses to read a number of thousands of digits.
    if len(text) > 20 or int(text) > _LARGEST_VERSION:
        raise argparse.ArgumentTypeError(
            f"{text} is larger than the largest version number there is, {_LARGEST_VERSION}"
        )
    return int(text)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/rollback",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Makes another version of the database live: moves the secret to it and follows that to its end.\n"
        "Nothing is deleted, and the next replication still makes the next free version.\n"
        "\n"
        "It goes in every direction: back to an older version, forward again to a newer one, and to a version that a stack\n"
        "with Promote=manual holds back. A version whose instance is gone but whose snapshot is kept is restored as a new\n"
        "version first. scripts/status lists the versions.",
        epilog="Exits with 0 only if the secret names the version at the end.",
    )
    parser.add_argument(
        "version",
        nargs="?",
        type=_version,
        default="previous",
        metavar="VERSION|previous",
        help="the version to make live; previous is the next lower one than the live one (default: %(default)s)",
    )
    take_accounts(parser, "destination")
    parser.add_argument(
        "--destination-stack",
        default=DESTINATION_STACK,
        metavar="NAME",
        help="stack in the destination account (default: %(default)s)",
    )
    parser.add_argument(
        "--source-db",
        metavar="NAME",
        help="the database, where the stack holds copies of several; fail unless it holds copies of this one",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=86400,
        metavar="SECONDS",
        help="how long all of it may take (default: %(default)s)",
    )
    return parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Answers with its exit code."""
    given = _arguments(arguments)
    hints = Hints.of(given)
    screen = Screen()
    try:
        if given.local:
            use_local_cloud(given.local)
        destination = Account(
            "destination", given.destination_profile, given.destination_stack, given.destination_region
        )
        execution, before, after = roll_back(
            destination,
            screen,
            version=given.version,
            source_db=given.source_db,
            timeout=given.timeout,
            poll=0.3 if given.local else 3.0,
            hints=hints,
        )
    except (Failure, BotoCoreError, ClientError) as error:
        screen.plain(f"\nfailed: {error}")
        return 1
    except Interrupted as interrupted:
        screen.plain(
            f"\nno longer following; the execution continues by itself: {interrupted}\n{hints.status()} shows how it ends"
        )
        return 130
    except KeyboardInterrupt:
        screen.plain("\nstopped")
        return 130
    for line in conclusion(execution, before, after, datetime.now(timezone.utc)):
        screen.line(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
