"""What `scripts/destroy` removes of a stack and of what it has made, and what stays, each with the command that removes it.

Pure: what was observed is given, and the plan is a value.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from console.facts import Instance, Pointer, Snapshot, Stack, Unreadable
from console.screen import table
from console.vocabulary import DELETABLE, DELETING, PENDING_SNAPSHOT, STOPPED, TAGS, WITHOUT_FINAL_SNAPSHOT

#: The days in which a key or a secret can still be taken back.
_WINDOW_DAYS = "30"
#: The longest identifier of a DB snapshot.
_LONGEST_NAME = 255
#: The objects of one deletion. S3 takes 1,000, whose names are more than Linux takes as one argument (128 KiB).
_OBJECTS_AT_ONCE = "500"


@dataclass(frozen=True)
class Commands:
    """The aws commands to run next, for the same account and Region."""

    role: str
    profile: str
    region: str

    def aws(self, *words: str, region: str | None = None) -> str:
        """One command, for this Region or else that of the account."""
        return shlex.join(["aws", *words, *self._where(region or self.region)])

    def deploy(self, stack: str, parameters: dict[str, str]) -> str:
        """`scripts/deploy` with these parameters, of which it takes the processor by an option of its own."""
        given = [
            word
            for name, value in sorted(parameters.items())
            for word in (("--architecture", value) if name == "Architecture" else ("--parameter", f"{name}={value}"))
        ]
        return shlex.join(["scripts/deploy", self.role, "--stack-name", stack, *self._where(self.region), *given])

    def _where(self, region: str) -> list[str]:
        """The options that name the account and the Region."""
        return [*(["--profile", self.profile] if self.profile else []), "--region", region]


@dataclass(frozen=True)
class Found:
    """What was observed in the account, apart from the stack's own resources."""

    name: str
    """The stack's."""
    instances: list[Instance] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    pointer: Pointer | Unreadable | None = None
    """What the secret names; None if nothing says which secret that is."""
    secret: str = ""
    """The ARN of the secret; empty if there is none."""
    keys: tuple[str, ...] = ()
    """The ARNs of the keys that the stack has made."""
    log_groups: tuple[str, ...] = ()
    bucket: str = ""
    other_stacks: tuple[str, ...] = ()
    """Other stacks of this project in the account."""

    @property
    def own_instances(self) -> list[Instance]:
        """Those that the stack has made or adopted."""
        return sorted((one for one in self.instances if one.is_of(self.name)), key=lambda one: one.version or 0)

    @property
    def own_snapshots(self) -> list[Snapshot]:
        """Those that the stack has made in its runs."""
        return [one for one in self.snapshots if one.is_of(self.name) and one.is_of_replication]

    @property
    def other_snapshots(self) -> list[Snapshot]:
        """Final snapshots, and those that an operator has made of a version: nothing here removes them."""
        names = {one.identifier for one in self.own_instances}
        own = self.own_snapshots
        return [one for one in self.snapshots if one not in own and (one.names(self.name) or one.database in names)]

    def is_current(self, instance: Instance) -> bool:
        """Whether the secret names the instance."""
        return isinstance(self.pointer, Pointer) and bool(instance.host) and instance.host == self.pointer.host

    @property
    def current(self) -> Instance | None:
        """The version that the secret names, if it names one."""
        return next((one for one in self.own_instances if self.is_current(one)), None)


@dataclass(frozen=True)
class Stays:
    """A thing that stays."""

    kind: str
    name: str
    about: str
    command: str


@dataclass(frozen=True)
class Removal:
    """What `--everything` removes, and what of it has to stay."""

    instances: list[tuple[Instance, str]] = field(default_factory=list)
    """Each with the name of its final snapshot; empty if none is made."""
    snapshots: list[Snapshot] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    """Why an instance or a snapshot stays, by its identifier."""

    def lines(self) -> list[str]:
        """What is deleted, as the operator reads it."""
        rows = []
        for one, final in self.instances:
            about = f"final snapshot {final}" if final else "without a final snapshot: its data are lost"
            rows.append(("instance", one.identifier, f"{_billed(one)}; {about}"))
        rows += [("snapshot", one.identifier, f"{one.size or '?'} GiB{_shared(one)}") for one in self.snapshots]
        rows += [("left", name, reason) for name, reason in self.left.items()]
        return table([("KIND", "NAME", "ABOUT"), *rows]) if rows else ["nothing carries the tags of this stack"]


def plan_removal(found: Found, *, confirmed: str, final_snapshots: bool, now: datetime) -> Removal:
    """What of the things that carry the stack's tags can be deleted now.

    `confirmed` is the identifier of the instance that the secret names, if its deletion was confirmed on its own.
    """
    instances: list[tuple[Instance, str]] = []
    left: dict[str, str] = {}
    for one in found.own_instances:
        if one.status in DELETING:
            continue
        reason = _unconfirmed(found, one, confirmed) or _hindrance(one, final_snapshots)
        if reason:
            left[one.identifier] = reason
            continue
        with_final = final_snapshots and one.status not in WITHOUT_FINAL_SNAPSHOT
        instances.append((one, _final_name(one, now) if with_final else ""))
    snapshots = []
    for snapshot in found.own_snapshots:
        if snapshot.status in PENDING_SNAPSHOT:
            left[snapshot.identifier] = f"it is {snapshot.status}: run this again later"
        else:
            snapshots.append(snapshot)
    return Removal(instances, snapshots, left)


def _unconfirmed(found: Found, one: Instance, confirmed: str) -> str:
    """Why the secret keeps it; empty if it does not."""
    if one.identifier == confirmed:
        return ""
    if found.is_current(one):
        return "the secret names it, and readers depend on it"
    if isinstance(found.pointer, Unreadable):
        return f"the secret cannot be read ({found.pointer.code}), so it may be the one that readers depend on"
    if found.pointer is None:
        return "nothing says which secret readers read, so it may be the one that they depend on: add --secret ARN"
    return ""


def _hindrance(one: Instance, final_snapshots: bool) -> str:
    """Why RDS would not delete it now; empty if it would."""
    if one.deletion_protection:
        return "it has deletion protection: take that off, or keep it"
    if one.replicas:
        return _replicas(one)
    if one.status not in DELETABLE:
        return f"it is {one.status}: run this again later"
    if final_snapshots and one.status in STOPPED:
        return f"it is {one.status}, and a final snapshot can only be made while it runs: start it, or add --skip-final-snapshots"
    return ""


def _replicas(one: Instance) -> str:
    return f"it has the read replica {', '.join(one.replicas)}: delete or promote that first"


def _final_name(one: Instance, now: datetime) -> str:
    return f"{one.identifier}-final-{now.astimezone(timezone.utc):%Y%m%dt%H%M%Sz}"[:_LONGEST_NAME]


def what_stays(found: Found, commands: Commands, now: datetime) -> list[Stays]:
    """Everything that the removal of the stack leaves, in the order in which it would be removed."""
    instances = [
        Stays("instance", one.identifier, _about(found, one), _deletion(one, commands, now))
        for one in found.own_instances
        if one.status not in DELETING
    ]
    named = [(one, "the copy of a version") for one in found.own_snapshots]
    named += [(one, "final snapshot or one that an operator made") for one in found.other_snapshots]
    snapshots = [
        Stays(
            "snapshot",
            one.identifier,
            f"{one.size or '?'} GiB; {about}",
            commands.aws("rds", "delete-db-snapshot", "--db-snapshot-identifier", one.identifier, region=one.region),
        )
        for one, about in named
    ]
    return [*instances, *snapshots, *_rest(found, commands)]


def _rest(found: Found, commands: Commands) -> list[Stays]:
    stays = [
        Stays("log group", name, "", commands.aws("logs", "delete-log-group", "--log-group-name", name))
        for name in found.log_groups
    ]
    if found.secret:
        command = ("delete-secret", "--secret-id", found.secret, "--recovery-window-in-days", _WINDOW_DAYS)
        stays.append(Stays("secret", found.secret, "readers read it", commands.aws("secretsmanager", *command)))
    stays += [
        Stays(
            "key",
            key,
            "the last of all: what is under it is lost with it, final snapshots too",
            commands.aws("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", _WINDOW_DAYS),
        )
        for key in found.keys
    ]
    if found.bucket:
        used = ", ".join(found.other_stacks)
        about = f"packages of scripts/deploy; also of {used}" if used else "packages of scripts/deploy"
        stays.append(Stays("bucket", found.bucket, about, _bucket_deletion(found.bucket, commands)))
    return stays


def _bucket_deletion(bucket: str, commands: Commands) -> str:
    """It keeps versions, and markers of what was deleted, which `aws s3 rb --force` does not remove; both have to go, some at a
    time. What cannot be deleted ends it, and is shown."""
    both = "(Versions || DeleteMarkers) && {Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}"
    in_bucket = ("--bucket", bucket, "--output", "json", "--query")
    listed = commands.aws("s3api", "list-object-versions", "--max-keys", _OBJECTS_AT_ONCE, *in_bucket, both)
    emptied = commands.aws("s3api", "delete-objects", *in_bucket, "Errors")
    removed = commands.aws("s3api", "delete-bucket", "--bucket", bucket)
    return (
        f'while objects=$({listed}) && [ "$objects" != null ]; do errors=$({emptied} --delete "$objects") && '
        f'[ "$errors" = null ] || {{ echo "$errors"; break; }}; done; {removed}'
    )


def _shared(snapshot: Snapshot) -> str:
    since = snapshot.tags.get(TAGS["SHARED_AT"])
    return f"; shared since {since}, and the destination may still copy it" if since else ""


def _about(found: Found, one: Instance) -> str:
    words = [_billed(one)]
    if found.is_current(one):
        words.append("THE SECRET NAMES IT")
    if one.deletion_protection:
        words.append("it has deletion protection, which comes off first")
    if one.replicas:
        words.append(_replicas(one))
    if one.status in STOPPED:
        words.append("it is started first, because a final snapshot can only be made while it runs")
    if one.status not in DELETABLE:
        words.append(f"not possible while it is {one.status}")
    return "; ".join(words)


def _billed(one: Instance) -> str:
    """What it costs is known by its class and its storage; the price is in AWS's list."""
    size = f"{one.size} GiB" if one.size else "storage unknown"
    billed = (
        "billed for its storage, and RDS starts it again after 7 days"
        if one.status in STOPPED
        else "billed by the hour"
    )
    return f"{one.instance_class or 'class unknown'}, {size}, {one.status}: {billed}"


def _deletion(one: Instance, commands: Commands, now: datetime) -> str:
    named = ("--db-instance-identifier", one.identifier)
    steps: list[tuple[str, ...]] = []
    if one.status in STOPPED:
        # Otherwise RDS would refuse the final snapshot.
        steps += [("start-db-instance", *named), ("wait", "db-instance-available", *named)]
    if one.deletion_protection:
        steps.append(("modify-db-instance", *named, "--no-deletion-protection", "--apply-immediately"))
    final = (
        ("--skip-final-snapshot",)
        if one.status in WITHOUT_FINAL_SNAPSHOT
        else ("--final-db-snapshot-identifier", _final_name(one, now))
    )
    steps.append(("delete-db-instance", *named, *final))
    return " && ".join(commands.aws("rds", *step) for step in steps)


def stays_lines(stays: Sequence[Stays]) -> list[str]:
    """What stays, with the command that removes it below each."""
    lines = []
    for one in stays:
        lines.append(f"{one.kind:<9}  {one.name}" + (f"  ({one.about})" if one.about else ""))
        lines.append(f"           {one.command}")
    return lines


def parameters_to_keep(stack: Stack, defaults: dict[str, str]) -> dict[str, str]:
    """The parameters with which a stack of this name goes on from what this one leaves."""
    kept = {name: value for name, value in stack.parameters.items() if value != defaults.get(name, "")}
    secret, key = stack.outputs.get("SecretArn"), stack.outputs.get("KMSKeyArn")
    if stack.is_for_several:
        # Each database has a secret of its own, which its next run finds by its name and tag.
        secret = None
    return kept | ({"ExistingSecretArn": secret} if secret else {}) | ({"KMSKey": key} if key else {})
