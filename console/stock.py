"""What the databases of a fleet will hold in the destination account, compared with its quotas, in words for an operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.failure import Failure
from console.several import includes
from console.status.facts import Stack, Tagged
from console.status.reading import read_instances, read_snapshots

#: The names of the two quotas in DescribeAccountAttributes, and what operators call them.
INSTANCES, SNAPSHOTS = ("DBInstances", "DB instances"), ("ManualSnapshots", "manual snapshots")


@dataclass(frozen=True)
class Need:
    """What the stacks hold once every database has all its versions, while each is being replicated."""

    databases: int = 0
    instances: int = 0
    snapshots: int = 0

    def __add__(self, other: Need) -> Need:
        return Need(
            self.databases + other.databases, self.instances + other.instances, self.snapshots + other.snapshots
        )


def need_of(stack: Stack, databases: Iterable[str]) -> Need:
    """What a stack holds of those of the databases that it serves: the live version, the older ones and the one that is being
    restored; the snapshot copies that stay and the one that is being made."""
    served = sum(1 for name in databases if includes(stack.database, name))
    older, kept = stack.number("NoOfOlderInstances"), stack.number("SnapshotsToKeep")
    return Need(
        served,
        served * (1 + (2 if older is None else older) + 1),
        served * ((2 if kept is None else kept) + 1),
    )


def lack(need: Need, wanted: int, kind: tuple[str, str], quotas: dict[str, int], others: int) -> str:
    """What to ask AWS for, or nothing if there is room; `others` is how many things the account has that are not of the stacks."""
    name, words = kind
    if name not in quotas or others + wanted <= quotas[name]:
        return ""
    each = wanted / need.databases
    return (
        f"the destination account may have {quotas[name]} {words} in this Region; {need.databases} databases need up to {wanted} "
        f"({each:g} each, with the numbers of their stacks) beside {others} that are not of these stacks: ask AWS for a quota of "
        f"{others + wanted} {words} (Service Quotas, Amazon RDS)"
    )


def stock_words(destination: Any, stacks: Sequence[Stack], databases: Sequence[str]) -> Iterator[str]:
    """Lines about quotas of the destination account that are too small for these databases."""
    need = sum((need_of(stack, databases) for stack in stacks), Need())
    if not need.databases:
        return
    try:
        quotas = _quotas(destination)
        prefixes = [stack.prefix for stack in stacks if stack.prefix]
        instances, snapshots = read_instances(destination, prefixes), read_snapshots(destination, prefixes)
    except (Failure, BotoCoreError, ClientError) as error:
        yield f"quota        not compared, because it cannot be read: {error}"
        return
    names = {stack.name for stack in stacks}

    def others(found: Sequence[Tagged]) -> int:
        return sum(1 for one in found if not any(one.is_of(name) for name in names))

    for wanted, kind, found in (
        (need.instances, INSTANCES, others(instances)),
        (need.snapshots, SNAPSHOTS, others(snapshots)),
    ):
        if said := lack(need, wanted, kind, quotas, found):
            yield f"quota        {said}"


def _quotas(account: Any) -> dict[str, int]:
    found = account.client("rds").describe_account_attributes()["AccountQuotas"]
    return {one["AccountQuotaName"]: one["Max"] for one in found}
