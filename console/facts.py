"""What was found in the two accounts, before anything is made of it: no AWS client, and no field of the secret but our two."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard, TypeVar, overload

from console.vocabulary import DELETION_TAG, TAGS

STACK = TAGS["STACK"]
NAME = TAGS["NAME"]
RESOURCE_ID = TAGS["RESOURCE_ID"]
REPLICATION_ID = TAGS["REPLICATION_ID"]
SOURCE_DATABASE = TAGS["SOURCE_DATABASE"]
SOURCE_SNAPSHOT = TAGS["SOURCE_SNAPSHOT"]
VERSION = TAGS["VERSION"]
RESTORED_VERSION = TAGS["RESTORED_VERSION"]
DATA_TIME = TAGS["DATA_TIME"]

T = TypeVar("T")

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:?\d\d)$")


@dataclass(frozen=True)
class Unreadable:
    """Takes the place of a fact that could not be read."""

    code: str
    """The error's own name, such as AccessDenied."""


@dataclass(frozen=True)
class Pointer:
    """The two fields of the secret that are ours."""

    host: str
    prefix: str
    version_id: str = ""
    """The id of the secret's version that says so; empty if it is not known."""


@dataclass(frozen=True)
class Stack:
    """A CloudFormation stack."""

    name: str
    status: str = "CREATE_COMPLETE"
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    is_protected: bool = False
    """Whether CloudFormation refuses to delete it."""

    @property
    def database(self) -> str:
        """The source database that it serves; empty if it has no such parameter."""
        return self.parameters.get("SourceDBIdentifier", "").lower()

    @property
    def is_for_several(self) -> bool:
        """Whether its source database is a pattern, which stands for several."""
        return "*" in self.database

    @property
    def copies_into(self) -> str:
        """The other Region that a source stack copies snapshots into; empty if it makes none there."""
        is_own = self.parameters.get("CrossRegionCopy") == "source-copies"
        return self.parameters.get("DestinationRegion", "") if is_own else ""

    @property
    def prefix(self) -> str:
        """How the names of its instances and snapshots begin."""
        return self.parameters.get("DatabaseName", "")

    @property
    def is_changing(self) -> bool:
        """Whether CloudFormation is at work on it. One that is only planned (REVIEW_IN_PROGRESS) waits for an operator."""
        return bool(re.search("(?<!^REVIEW)_IN_PROGRESS$", self.status))

    def number(self, parameter: str) -> int | None:
        """A parameter that is a whole number, or None."""
        text = self.parameters.get(parameter, "")
        return int(text) if text.isdecimal() else None


@dataclass(frozen=True)
class Tagged:
    """What instances and snapshots have in common: their tags say what they are."""

    identifier: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def replication(self) -> str | None:
        """The replication whose data it holds, or None."""
        return self.tags.get(REPLICATION_ID)

    @property
    def version(self) -> int | None:
        """Its version number, or None."""
        return _version(self.tags.get(VERSION))

    @property
    def restored_version(self) -> int | None:
        """The version whose data a rollback restored into it, or None."""
        return _version(self.tags.get(RESTORED_VERSION))

    @property
    def marked(self) -> bool:
        """Whether the next prune may delete it."""
        return self.tags.get(DELETION_TAG[0]) == DELETION_TAG[1]

    @property
    def source_database(self) -> str | None:
        """The source database whose data it holds, or None."""
        return self.tags.get(SOURCE_DATABASE)

    @property
    def is_made_under_its_name(self) -> bool:
        """Whether a stack made it. RDS copies tags to what others restore or copy; that has another name."""
        return self.tags.get(NAME) == self.identifier

    def names(self, stack: str) -> bool:
        """Whether it has the tag of the stack of this name, which things that others made from the stack's have too."""
        return self.tags.get(STACK) == stack

    def is_of(self, stack: str) -> bool:
        """Whether the stack of this name made it."""
        return self.names(stack) and self.is_made_under_its_name


@dataclass(frozen=True)
class Instance(Tagged):
    """A DB instance of the destination account."""

    status: str = "available"
    host: str = ""
    created: datetime | None = None
    size: int | None = None
    """Storage in GiB."""
    deletion_protection: bool = False
    resource_id: str = ""
    """DbiResourceId, which no other instance ever has."""
    arn: str = ""
    instance_class: str = ""
    cluster: str = ""
    """The DB cluster that it is a member of, or empty."""
    replica_of: str = ""
    """The instance that it is a read replica of, or empty."""
    replicas: tuple[str, ...] = ()
    """Its own read replicas."""

    @property
    def has_broken_seal(self) -> bool:
        """Whether its tags are those of another instance: RDS copies tags to what is restored, under the same name too."""
        return bool(self.resource_id) and self.tags.get(RESOURCE_ID, self.resource_id) != self.resource_id

    @property
    def is_made_under_its_name(self) -> bool:
        """Whether a stack made it: its name ends in the version of its tag, and its seal is its own."""
        is_numbered = self.version is None or self.identifier.endswith(f"-{self.version}")
        return super().is_made_under_its_name and is_numbered and not self.has_broken_seal


@dataclass(frozen=True)
class Snapshot(Tagged):
    """A manual DB snapshot of either account."""

    arn: str = ""
    database: str = ""
    """The DB instance that it is of, in whichever account that is."""
    status: str = "available"
    percent: int | None = None
    size: int | None = None
    """Storage of the database in GiB."""
    encrypted: bool = True
    data_time: datetime | None = None
    """The point in time of the data, which copies keep: SnapshotDatabaseTime or OriginalSnapshotCreateTime."""
    shared_with: list[str] | None = None
    """Account numbers, or `all`; None if it was not read."""

    @property
    def region(self) -> str | None:
        """The Region that it is in; None if no ARN says it."""
        return self.arn.split(":")[3] if self.arn.count(":") > 3 else None

    @property
    def is_of_replication(self) -> bool:
        """Whether a replication has made it, of the source database or from a snapshot of it: its name ends in the id."""
        names = (f"-{self.replication}", f"-{self.replication}-copy-in")
        return bool(self.replication) and self.is_made_under_its_name and self.identifier.endswith(names)


def is_readable(fact: T | Unreadable | None) -> TypeGuard[T]:
    """Whether the fact was read and the thing is there."""
    return fact is not None and not isinstance(fact, Unreadable)


def parse_time(text: str | None) -> datetime | None:
    """The moment that an RFC 3339 text names, or None."""
    found = _TIME.match(text or "")
    if not found:
        return None
    offset = "+0000" if found[3] in "Zz" else found[3].replace(":", "")
    try:
        return datetime.strptime(f"{found[1]} {found[2]} {offset}", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None


@overload
def seconds_between(earlier: datetime, later: datetime) -> int: ...
@overload
def seconds_between(earlier: datetime | None, later: datetime) -> int | None: ...
def seconds_between(earlier: datetime | None, later: datetime) -> int | None:
    """Whole seconds from one moment to another, each as it is written; None if the first is not known."""
    return (later.replace(microsecond=0) - earlier.replace(microsecond=0)) // timedelta(seconds=1) if earlier else None


def arn_part(arn: str, index: int) -> str:
    """The part of an ARN between two colons, counted from `arn` = 0; empty if there is none."""
    parts = arn.split(":")
    return parts[index] if len(parts) > index else ""


def version_in(prefix: str, name: str) -> int | None:
    """The version in `<prefix>-<version>`, or None: the prefix is cut off as text, digits are never searched for."""
    return _version(name[len(prefix) + 1 :]) if name.startswith(f"{prefix}-") else None


def _version(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[1-9][0-9]*", text) else None
