"""Makes the instances that the original has left versions of a destination stack, by writing our tags on them.

Needs in the destination account, beside what `scripts/status` reads and console/original.py names: `rds:ListTagsForResource`,
`rds:AddTagsToResource` and `rds:RemoveTagsFromResource` on the instances. The source account is only read, and only if it can be.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from console.account import DESTINATION_STACK, LOCAL_CLOUD, Account, parse, take_accounts, use_local_cloud
from console.adoption import Plan, plan_adoption
from console.command import run
from console.confirmation import Ask, confirm, terminal
from console.facts import Stack, Unreadable
from console.failure import Failure
from console.original import Traces, read_destination, read_source
from console.reading import DESTINATION_OUTPUTS, attempt, read_instances, read_stacks
from console.screen import Screen
from console.secret import read_pointer
from console.vocabulary import DELETION_TAG


def adopt(
    destination: Any,
    source: Any,
    screen: Screen,
    *,
    older: bool,
    yes: bool,
    ask: Ask | None,
    status: str = "scripts/status",
) -> int:
    """Shows what it will do, lets that be confirmed, and does it. Answers with the number of instances that were adopted.

    `source` is the source account or, where it cannot be entered, an `Unreadable`. Raises `Failure`, before anything is
    written, if what the secret names cannot become a version or the original is at work. `status` is the command that shows the
    versions.
    """
    stack = _stack(destination)
    traces = read_destination(destination, stack)
    plan = _planned(destination, stack, older)
    secret = stack.outputs["SecretArn"]
    screen.plain(f"stack {stack.name} of {stack.database}, its secret {secret}\n")
    for line in plan.lines():
        screen.plain(line)
    screen.plain()
    for line in [*traces.lines(), *read_source(source, stack).lines()]:
        screen.plain(line)
    if not plan.adopted:
        screen.plain("\nnothing to do: what the secret names is a version of the stack already")
        return 0
    _refuse_what_runs(traces)
    screen.plain(
        "\nNothing is deleted or moved. From then on these versions are kept and deleted by the stack's parameters."
    )
    if not yes:
        confirm("yes", ask, option="--yes")
    if _planned(destination, stack, older) != plan:
        raise Failure("the instances have changed meanwhile, so nothing was written; run this again")
    _refuse_hidden_tags(destination, plan)
    _write(destination, plan, screen)
    screen.line(f"the next replication makes version {plan.next_version}")
    screen.line(f"to see the versions: {status}")
    return len(plan.adopted)


def _stack(account: Any) -> Stack:
    found = attempt(lambda: read_stacks(account, account.stack))
    if isinstance(found, Unreadable):
        raise Failure(
            f"cannot read the stack {account.stack} of the destination account ({found.code})\n"
            "to fix this: deploy it first, with ExistingSecretArn=<the whole ARN of the original's secret>, or name it with "
            "--destination-stack"
        )
    [stack] = found
    missing = [output for output in DESTINATION_OUTPUTS if output not in stack.outputs]
    if missing:
        raise Failure(
            f"the stack {stack.name} of the destination account has no output {missing[0]}; "
            "was it deployed with this project's destination template?"
        )
    return stack


def _planned(account: Any, stack: Stack, older: bool) -> Plan:
    pointer = read_pointer(account, stack.outputs["SecretArn"], stack.outputs.get("SecretName", ""))
    return plan_adoption(stack, pointer, read_instances(account, [stack.prefix]), older=older)


def _refuse_what_runs(traces: Traces) -> None:
    """Raises `Failure` while the original may be moving the secret or deleting what has its tag."""
    if traces.running:
        raise Failure(
            f"the original's state machine {traces.running[0].arn} is running, and may move the secret or delete instances\n"
            "to fix this: wait until it has ended, see that nothing starts it again, and run this again"
        )


def _refuse_hidden_tags(account: Any, plan: Plan) -> None:
    """Raises `Failure` if an instance has other tags than it was shown with: RDS has been seen to show none, and then it may
    be of another stack. Here a right that is missing is an error."""
    rds = account.client("rds")
    for one in plan.adopted:
        listed = rds.list_tags_for_resource(ResourceName=one.instance.arn).get("TagList", [])
        if {tag["Key"]: tag.get("Value", "") for tag in listed} != one.instance.tags:
            raise Failure(
                f"{one.instance.identifier} has other tags than RDS has shown at first, so nothing was written; run this again"
            )


def _write(account: Any, plan: Plan, screen: Screen) -> None:
    """The older ones first, so that whatever ends this, the current one still says that it is not done."""
    rds = account.client("rds")
    for one in reversed(plan.adopted):
        # The original's tag first: with it and ours together, a prune of ours could take it for its own.
        if one.has_deletion_tag:
            rds.remove_tags_from_resource(ResourceName=one.instance.arn, TagKeys=[DELETION_TAG[0]])
        tags = [{"Key": key, "Value": value} for key, value in one.tags.items()]
        rds.add_tags_to_resource(ResourceName=one.instance.arn, Tags=tags)
        screen.line(f"{one.instance.identifier} is {one.words}")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/adopt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Makes instances that the original has left in the destination account versions of a stack: the one that the\n"
        "secret names and, with --older, the others that are named <DatabaseName>-<number>. It writes our tags on them and\n"
        "nothing else, after it has shown what it will do. Nothing of the original is deleted.\n"
        "\n"
        "The stack has to be there, with ExistingSecretArn=<the original's secret>; see docs/migrating.md. It may be run again.",
        epilog="Exits with 0 if the current instance is a version of the stack at the end.",
    )
    parser.add_argument("--older", action="store_true", help="adopt the other instances of the prefix too")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    take_accounts(parser, "source", "destination")
    parser.add_argument(
        "--destination-stack",
        default=DESTINATION_STACK,
        metavar="NAME",
        help="stack in the destination account (default: %(default)s)",
    )
    return parse(parser, arguments)


def status_of(given: argparse.Namespace) -> str:
    """`scripts/status` with the options that this command was given, because without these it would be about other things."""
    words = ["scripts/status"]
    words += [] if given.destination_stack == DESTINATION_STACK else ["--destination-stack", given.destination_stack]
    for option in ("source_profile", "source_region", "destination_profile", "destination_region"):
        value = getattr(given, option)
        words += [f"--{option.replace('_', '-')}", value] if value else []
    if given.local:
        words.append("--local" if given.local == LOCAL_CLOUD else f"--local={given.local}")
    return shlex.join(words)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Answers with its exit code."""
    given = _arguments(arguments)

    def work(screen: Screen) -> None:
        if given.local:
            use_local_cloud(given.local)
        destination = Account(
            "destination", given.destination_profile, given.destination_stack, given.destination_region
        )
        # The source account may be out of reach for whoever works in the destination account.
        source = attempt(lambda: Account("source", given.source_profile, chosen_region=given.source_region))
        status = status_of(given)
        adopt(destination, source, screen, older=given.older, yes=given.yes, ask=terminal(), status=status)

    return run(work, stopped="stopped; what was written stays, and running this again goes on")


if __name__ == "__main__":
    sys.exit(main())
