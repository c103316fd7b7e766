"""Removes the stack of one account, and says what stays and how to remove that.

Needs, beside what console/departure.py and console/silence.py name: `states:StopExecution`, `cloudformation:DeleteStack` and
`DescribeStackEvents`, and what CloudFormation needs to delete the resources; with `--everything` also `rds:DeleteDBInstance`,
`rds:CreateDBSnapshot` and `rds:DeleteDBSnapshot`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError

from console.account import ROOT, Account, parse, take_accounts, use_local_cloud
from console.command import run, undisturbed
from console.confirmation import Ask, confirm, terminal
from console.departure import Removed, is_missing, read_found, read_removed, running
from console.deployment import parameter_defaults
from console.destruction import (
    Commands,
    Found,
    Removal,
    parameters_to_keep,
    plan_removal,
    stays_lines,
    what_stays,
)
from console.failure import Failure
from console.numbers import seconds
from console.reading import read_stacks
from console.screen import Screen, duration
from console.silence import Silence

_FAILED = "DELETE_FAILED"


@dataclass(frozen=True)
class Wishes:
    """What the operator has asked for."""

    stop: bool = False
    everything: bool = False
    final_snapshots: bool = True
    secret: str = ""
    yes: bool = False
    confirmed_current: str = ""
    timeout: float = 3600
    poll: float = 3.0


def destroy(account: Any, screen: Screen, wishes: Wishes, commands: Commands, ask: Ask | None) -> None:
    """Shows what it will do, lets that be confirmed, does it, and says what stays. Raises `Failure` where it cannot."""
    removed = read_removed(account)
    _refuse(removed, wishes, commands, account)
    found = read_found(account, removed, wishes.secret, is_removed=False)
    _show(removed, found, wishes, commands, screen)
    if removed or wishes.everything:
        confirmed = _confirm(found, wishes, ask)
    if removed:
        _remove(account, removed, wishes, commands, screen)
    if wishes.everything:
        # Read again: until now a run may have moved the secret.
        found = read_found(account, removed, wishes.secret, is_removed=True)
        _delete(account, _removal(found, wishes, confirmed), screen)
    found = read_found(account, removed, wishes.secret, is_removed=True)
    _say_what_stays(account.role, removed, found, commands, screen)


def _refuse(removed: Removed | None, wishes: Wishes, commands: Commands, account: Any) -> None:
    """Raises `Failure` if the stack cannot be removed now; nothing was changed yet."""
    if removed is None:
        return
    name = removed.stack.name
    if removed.stack.is_protected:
        off = commands.aws(
            "cloudformation",
            "update-termination-protection",
            "--no-enable-termination-protection",
            "--stack-name",
            name,
        )
        raise Failure(f"the stack {name} has termination protection; to fix this: {off}")
    if removed.stack.is_changing:
        raise Failure(f"the stack {name} is {removed.stack.status}; to fix this: wait until that has ended")
    if removed.running and not wishes.stop:
        raise Failure(
            f"{len(removed.running)} executions of the {account.role} account run, and nothing was changed:\n"
            + "\n".join(f"  {one}" for one in removed.running)
            + "\nto fix this: wait until they have ended, or add --stop"
        )


def _show(removed: Removed | None, found: Found, wishes: Wishes, commands: Commands, screen: Screen) -> None:
    if removed:
        screen.plain(f"will be removed: the stack {found.name}")
        for arn in removed.running:
            screen.plain(f"will be stopped: {arn}")
        if removed.running:
            screen.plain("what they have begun stays, with the tags of the stack")
    else:
        screen.plain(f"there is no stack {found.name}; what carries its tags may be there")
    if wishes.everything:
        screen.plain("\nwill be deleted, because it carries the tags of the stack:")
        # As if the current one were confirmed, which it is asked for on its own.
        current = found.current.identifier if found.current else ""
        for line in _removal(found, wishes, current).lines():
            screen.plain(line)
    else:
        screen.plain("\nwill stay:")
        for one in what_stays(found, commands, _now()):
            screen.plain(f"{one.kind:<9}  {one.name}" + (f"  ({one.about})" if one.about else ""))
    screen.plain()


def _removal(found: Found, wishes: Wishes, confirmed: str) -> Removal:
    return plan_removal(found, confirmed=confirmed, final_snapshots=wishes.final_snapshots, now=_now())


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _confirm(found: Found, wishes: Wishes, ask: Ask | None) -> str:
    """Raises `Failure` unless all of it is confirmed; the identifier of the current instance if that is to go too."""
    if not wishes.yes:
        confirm(found.name if wishes.everything else "yes", ask, option="--yes")
    current = found.current.identifier if wishes.everything and found.current else ""
    if not current or wishes.confirmed_current == current:
        return current
    if wishes.confirmed_current:
        raise Failure(
            f"--confirm-current {wishes.confirmed_current} is not what the secret names, {current}; nothing was changed"
        )
    if wishes.yes or ask is None:
        return ""
    typed = ask(
        f"The secret names {current}, and readers depend on it. Type {current} to delete it too, or Enter to keep it: "
    )
    return current if typed.strip() == current else ""


def _remove(account: Any, removed: Removed, wishes: Wishes, commands: Commands, screen: Screen) -> None:
    """The stack, after nothing starts executions any more and none runs."""
    silence = Silence(account, commands, screen)
    try:
        silence.begin(removed)
        _end_executions(account, removed, wishes, screen)
        # Stopped meanwhile, nobody would know whether CloudFormation has begun.
        with undisturbed():
            account.client("cloudformation").delete_stack(StackName=removed.stack.name)
    except BaseException:
        silence.end()
        raise
    _await_removal(account, removed, wishes, commands, silence, screen)


def _end_executions(account: Any, removed: Removed, wishes: Wishes, screen: Screen) -> None:
    states, deadline = account.client("stepfunctions"), time.monotonic() + wishes.timeout
    stopped: set[str] = set()
    while left := running(account, removed.stack, removed.resources):
        if not wishes.stop:
            raise Failure(
                f"an execution has begun meanwhile: {left[0]}\nto fix this: wait until it has ended, or add --stop"
            )
        for arn in left:
            if arn not in stopped:
                states.stop_execution(executionArn=arn, error="StackRemoved", cause="scripts/destroy removes the stack")
                stopped.add(arn)
                screen.line(f"stopped {arn}")
        if time.monotonic() > deadline:
            raise Failure(f"{left[0]} has not stopped within {duration(wishes.timeout)}")
        time.sleep(wishes.poll)


def _await_removal(
    account: Any, removed: Removed, wishes: Wishes, commands: Commands, silence: Silence, screen: Screen
) -> None:
    name, deadline = removed.stack.name, time.monotonic() + wishes.timeout
    screen.line(f"removing the stack {name}")
    while True:
        try:
            [stack] = read_stacks(account, name)
        except ClientError as error:
            if is_missing(error):
                screen.line(f"the stack {name} is removed")
                return
            raise
        if stack.status == _FAILED:
            raise Failure(
                f"the stack {name} is {_FAILED}:\n{_failures(account, name)}\n{silence.remains()}"
                "to fix this: see why, then run this again"
            )
        if time.monotonic() > deadline:
            raise Failure(
                f"the stack {name} is {stack.status} after {duration(wishes.timeout)}; it goes on by itself: "
                + commands.aws("cloudformation", "describe-stack-events", "--stack-name", name)
            )
        screen.waiting(f"the stack {name} is {stack.status}")
        time.sleep(wishes.poll)


def _failures(account: Any, stack: str) -> str:
    pages = account.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    return "\n".join(
        f"  {one['LogicalResourceId']}: {one.get('ResourceStatusReason', '')}"
        for page in pages
        for one in page["StackEvents"]
        if one.get("ResourceStatus") == _FAILED
    )


def _delete(account: Any, removal: Removal, screen: Screen) -> None:
    """Deletes what carries the tags. What RDS refuses is said and does not keep the rest from being deleted."""
    rds = account.client("rds")
    refused = []
    for instance, final in removal.instances:
        last = {"FinalDBSnapshotIdentifier": final} if final else {"SkipFinalSnapshot": True}
        try:
            rds.delete_db_instance(DBInstanceIdentifier=instance.identifier, **last)
            screen.line(f"deleting the instance {instance.identifier}" + (f", final snapshot {final}" if final else ""))
        except ClientError as error:
            refused.append(f"{instance.identifier}: {error}")
    for snapshot in removal.snapshots:
        try:
            in_region = account.client("rds", snapshot.region)
            in_region.delete_db_snapshot(DBSnapshotIdentifier=snapshot.identifier)
            screen.line(f"deleted the snapshot {snapshot.identifier}")
        except ClientError as error:
            refused.append(f"{snapshot.identifier}: {error}")
    for name, reason in removal.left.items():
        screen.line(f"left {name}: {reason}")
    if refused:
        raise Failure("RDS has refused some deletions:\n" + "\n".join(f"  {one}" for one in refused))


def _say_what_stays(role: str, removed: Removed | None, found: Found, commands: Commands, screen: Screen) -> None:
    stays = what_stays(found, commands, _now())
    screen.plain("\nwhat stays, in the order in which it can be removed:" if stays else "\nnothing stays")
    for line in stays_lines(stays):
        screen.plain(line)
    if not removed:
        return
    defaults = parameter_defaults(ROOT / "cloudformation" / f"{role}-account.yaml")
    screen.plain("\nto go on from this with a stack of the same name:")
    screen.plain(f"  {commands.deploy(found.name, parameters_to_keep(removed.stack, defaults))}")
    if role == "source":
        screen.plain(
            "  its topic is another one, so deploy the destination with SourceTopicArn=<its TopicArn> after that"
        )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/destroy",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Removes the stack of one account: switches off what starts executions, then removes the stack. Databases,\n"
        "snapshots, the secret and the keys stay; it says which, and the command for each. It may be run again, also when\n"
        "the stack is gone.",
        epilog="Exits with 0 if the stack is gone at the end, and with --everything if RDS has accepted every deletion.",
    )
    parser.add_argument("role", choices=("source", "destination"), help="the account")
    parser.add_argument(
        "--stack-name", metavar="NAME", help="name of the stack (rds-replication-source, rds-replication-destination)"
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="AWS profile of the account (default: the role or, if there is none, the environment)",
    )
    words = "Region of the stack (default: AWS_REGION, else AWS_DEFAULT_REGION, else the profile's)"
    parser.add_argument("--region", metavar="REGION", help=words)
    take_accounts(parser)
    parser.add_argument("--stop", action="store_true", help="stop executions that run")
    parser.add_argument(
        "--everything",
        action="store_true",
        help="also delete the instances and snapshots with the tags of the stack; asks for its name, and once more for what "
        "the secret names",
    )
    parser.add_argument(
        "--skip-final-snapshots",
        action="store_true",
        help="delete instances without a final snapshot: their data are lost",
    )
    parser.add_argument(
        "--secret", default="", metavar="ARN", help="the secret that readers read, if the stack is gone"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask; what the secret names stays nevertheless")
    parser.add_argument(
        "--confirm-current",
        default="",
        metavar="INSTANCE",
        help="what the secret names, to delete it too without being asked",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=3600,
        metavar="SECONDS",
        help="how long stopping and removing may take (default: %(default)s)",
    )
    given = parse(parser, arguments)
    if (given.skip_final_snapshots or given.confirm_current) and not given.everything:
        parser.error("--skip-final-snapshots and --confirm-current go with --everything")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Answers with its exit code."""
    given = _arguments(arguments)

    def work(screen: Screen) -> None:
        if given.local:
            use_local_cloud(given.local)
        account = Account(given.role, given.profile, given.stack_name or f"rds-replication-{given.role}", given.region)
        # The profiles of the local cloud are known here only; `scripts/local-cloud env` prints what a shell needs.
        profile = "" if given.local else account.profile_in_use
        wishes = Wishes(
            given.stop,
            given.everything,
            not given.skip_final_snapshots,
            given.secret,
            given.yes,
            given.confirm_current,
            given.timeout,
            0.3 if given.local else 3.0,
        )
        destroy(account, screen, wishes, Commands(given.role, profile, account.region), terminal())

    return run(work, stopped="stopped; running this again goes on")


if __name__ == "__main__":
    sys.exit(main())
