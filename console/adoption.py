"""Which instances of the original become versions of a destination stack, with which tags; and what is left, with the reason.

Pure: what was observed is given, and the plan is a value. Nothing is ever deleted here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from console.facts import (
    DATA_TIME,
    NAME,
    REPLICATION_ID,
    RESOURCE_ID,
    SOURCE_DATABASE,
    STACK,
    VERSION,
    Instance,
    Pointer,
    Stack,
    Unreadable,
    parse_time,
    version_in,
)
from console.failure import Failure
from console.screen import table, timestamp
from console.secret import unusable_secret
from console.vocabulary import DELETING, DELETION_TAG, FAILED, NEVER_WAS, PROMOTED, READY

#: The tag by which CloudFormation says that a thing is of one of its stacks.
OF_CLOUDFORMATION = "aws:cloudformation:stack-name"
#: The most tags that a resource may have (RDS User Guide, "Tagging Amazon RDS resources"), and how many a run adds later.
_MOST_TAGS, _LATER_TAGS = 50, 1
#: The largest number that a version can have.
_LARGEST_VERSION = 2**32 - 1


@dataclass(frozen=True)
class Adopted:
    """An instance that becomes a version."""

    instance: Instance
    version: int
    words: str
    """What it is, for the operator."""
    tags: dict[str, str]
    """Ours, as the restore writes them."""

    @property
    def has_deletion_tag(self) -> bool:
        """Whether the original has given it its deletion tag, which is taken off."""
        return DELETION_TAG[0] in self.instance.tags


@dataclass(frozen=True)
class Plan:
    """What is done with each instance that is named like a version."""

    adopted: list[Adopted] = field(default_factory=list)
    """The newest number first."""
    kept: list[Instance] = field(default_factory=list)
    """Those that are versions of the stack already."""
    left: list[tuple[Instance, str]] = field(default_factory=list)
    """Those that stay as they are, with the reason."""
    next_version: int = 1

    def lines(self) -> list[str]:
        """The plan as the operator reads it."""
        rows: list[tuple[str, str, str]] = [("INSTANCE", "STATUS", "WHAT HAPPENS")]
        for one in self.adopted:
            taken_off = f"; its tag {DELETION_TAG[0]} is taken off" if one.has_deletion_tag else ""
            rows.append((one.instance.identifier, one.instance.status, f"becomes {one.words}{taken_off}"))
        rows += [(one.identifier, one.status, f"is version {one.version} already") for one in self.kept]
        rows += [(one.identifier, one.status, f"left as it is: {reason}") for one, reason in self.left]
        lines = table(rows)
        if self.adopted:
            lines.append(
                "the time of its data is not written on an instance of the original: the time at which it was made stands for it"
            )
        return [*lines, f"the next replication makes version {self.next_version}"]


def plan_adoption(stack: Stack, pointer: Pointer | Unreadable, instances: list[Instance], *, older: bool) -> Plan:
    """What becomes a version of the stack: what the secret names, and with `older` the others of its prefix too.

    Raises `Failure` where what the secret names cannot be one.
    """
    current = _current(stack, pointer, instances)
    adopted: list[tuple[int, Instance, datetime]] = []
    kept: list[Instance] = []
    left: list[tuple[Instance, str]] = []
    for one in instances:
        version = version_in(stack.prefix, one.identifier)
        if one.is_of(stack.name) and one.version:
            kept.append(one)
        elif version is None:
            continue
        elif reason := _hindrance(one, stack, version):
            left.append((one, reason))
        elif one.created and (one is current or older):
            adopted.append((version, one, one.created))
        else:
            left.append((one, "older versions are adopted with --older"))
    if current not in kept and current not in [one for _, one, _ in adopted]:
        reason = next(reason for one, reason in left if one is current)
        raise Failure(f"the secret names {current.identifier}, and that cannot become a version: {reason}")
    return Plan(
        _with_tags(stack, current, adopted, kept),
        sorted(kept, key=lambda one: one.version or 0, reverse=True),
        left,
        _next_version(stack, instances),
    )


def _current(stack: Stack, pointer: Pointer | Unreadable, instances: list[Instance]) -> Instance:
    """The instance that the secret names, which has the name of a version."""
    arn, name = stack.outputs.get("SecretArn", ""), stack.outputs.get("SecretName", "")
    if isinstance(pointer, Unreadable):
        advice = unusable_secret(pointer.code, arn, name)
        raise Failure(advice or f"the secret {arn} cannot be read with these credentials ({pointer.code})")
    if not pointer.host:
        raise Failure(
            f"the secret {arn} names no database: its db_host is empty or missing, so nothing tells which version is current\n"
            "to fix this: deploy the stack with ExistingSecretArn=<the whole ARN of the secret that readers read>, or write the "
            "address of the current instance into db_host"
        )
    found = next((one for one in instances if one.host == pointer.host), None)
    if found is None:
        raise Failure(
            f"the secret {arn} names {pointer.host}, and no instance of this account and Region has that address\n"
            "to fix this: write the address of the current instance into db_host, as aws rds describe-db-instances shows it"
        )
    if version_in(stack.prefix, found.identifier) is None and not found.is_of(stack.name):
        fits = pointer.prefix and version_in(pointer.prefix, found.identifier) is not None
        prefix = pointer.prefix if fits else found.identifier.rpartition("-")[0]
        is_numbered = bool(prefix) and version_in(prefix, found.identifier) is not None
        advice = (
            f"deploy the stack with DatabaseName={prefix}"
            if is_numbered
            else "let the secret name an instance whose name ends in a hyphen and a number"
        )
        raise Failure(
            f"the secret names {found.identifier}, which is not named like a version of {stack.name}: {stack.prefix}-<number>\n"
            f"to fix this: {advice}, then run this again"
        )
    return found


def _hindrance(one: Instance, stack: Stack, version: int) -> str:
    """Why the instance cannot become a version; empty if it can."""
    if STACK in one.tags:
        if one.names(stack.name):
            return "it has tags of this stack that it has inherited from another instance"
        if one.is_made_under_its_name:
            return f"it belongs to the stack {one.tags[STACK]}"
        return f"it has inherited tags of the stack {one.tags[STACK]}"
    if OF_CLOUDFORMATION in one.tags:
        return f"it belongs to the CloudFormation stack {one.tags[OF_CLOUDFORMATION]}"
    if one.cluster:
        return f"it is a member of the DB cluster {one.cluster}"
    if one.replica_of:
        return f"it is a read replica of {one.replica_of}"
    if version > _LARGEST_VERSION:
        return f"its number is larger than {_LARGEST_VERSION}, the largest of a version"
    if one.status in DELETING:
        return "it is being deleted"
    if one.status in NEVER_WAS:
        return "its restore has failed"
    if one.status not in READY | FAILED or not one.created or not one.host or not one.resource_id:
        return f"it is {one.status}: run this again when it is available"
    room = _MOST_TAGS - _LATER_TAGS - len(one.tags)
    needed = len(_tags_of(stack, one, version, one.created)) + 1
    if room < needed:
        return f"it has {len(one.tags)} tags, and a resource has at most {_MOST_TAGS}: remove {needed - room}"
    return ""


def _with_tags(
    stack: Stack, current: Instance, found: list[tuple[int, Instance, datetime]], kept: list[Instance]
) -> list[Adopted]:
    """The tags of each, the newest number first.

    The original numbers its instances in the order of their data, but one may have been made after the snapshot of the
    next was taken. So the time of its data is before that of every version with a larger number.
    """
    times = {
        one.version or 0: moment
        for one in kept
        if not one.restored_version and (moment := parse_time(one.tags.get(DATA_TIME)))
    }
    number = version_in(stack.prefix, current.identifier) or current.version or 0
    adopted = []
    for version, one, made in sorted(found, key=lambda triple: triple[0], reverse=True):
        newer = [moment for other, moment in times.items() if other > version]
        times[version] = min([made, *(moment - timedelta(seconds=1) for moment in newer)])
        tags = _tags_of(stack, one, version, times[version])
        # What is newer than the current one may never have been live, so it counts as waiting.
        if version <= number:
            tags[PROMOTED[0]] = PROMOTED[1]
        adopted.append(Adopted(one, version, _words(version, number, one is current), tags))
    return adopted


def _words(version: int, current: int, is_current: bool) -> str:
    if is_current:
        return f"version {version}, the current one"
    return f"version {version}, {'older' if version < current else 'newer than the current one'}"


def _tags_of(stack: Stack, one: Instance, version: int, data_time: datetime) -> dict[str, str]:
    """Those that a restore and its next poll write, but for the snapshot, which is not known. The id is one of its own."""
    return {
        STACK: stack.name,
        NAME: one.identifier,
        SOURCE_DATABASE: stack.database,
        REPLICATION_ID: _replication_id(one.resource_id, data_time),
        VERSION: str(version),
        DATA_TIME: timestamp(data_time),
        RESOURCE_ID: one.resource_id,
    }


def _next_version(stack: Stack, instances: Iterable[Instance]) -> int:
    """One more than the largest number; `restore` decides by the snapshots too."""
    own = (one.version or 0 for one in instances if one.is_of(stack.name))
    named = (version_in(stack.prefix, one.identifier) or 0 for one in instances)
    return max([0, *own, *(number for number in named if number < _LARGEST_VERSION)]) + 1


def _replication_id(unique: str, start: datetime) -> str:
    """The id that a replication would have: its start in UTC, and ten digits that distinguish those of the same second.

    `ReplicationId::new` of crates/replication computes the same.
    """
    digest = hashlib.sha256(unique.encode()).hexdigest()[:10]
    return f"{start.astimezone(timezone.utc):%Y%m%dt%H%M%Sz}-{digest}"
