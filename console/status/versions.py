"""What the instances and snapshots of one stack and database are: live, older, held back, left over; and where they came
from. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar

from console.execution import Execution
from console.screen import timestamp
from console.several import includes
from console.status.facts import (
    DATA_TIME,
    SOURCE_DATABASE,
    SOURCE_SNAPSHOT,
    STACK,
    Instance,
    Pointer,
    Run,
    Snapshot,
    Stack,
    arn_part,
    id_time,
    parse_time,
    seconds_between,
    version_in,
)
from console.vocabulary import DELETING, FAILED, MOVE_SECRET, NEVER_WAS, READY, READY_SNAPSHOT, RESTORE, STOPPED

T = TypeVar("T")


def unserved_databases(stack: Stack, instances: list[Instance] | None, snapshots: list[Snapshot] | None) -> list[str]:
    """The databases of which the stack still holds versions although it serves another one by now."""
    own = [one for one in [*(instances or []), *(snapshots or [])] if one.is_of(stack.name)]
    names = {one.source_database for one in own if one.source_database} - {stack.database}
    # Of several databases each is reported by itself.
    return sorted(name for name in names if not includes(stack.pattern, name)) if stack.database else []


def not_managed(stack: Stack, instances: list[Instance] | None) -> list[dict[str, Any]]:
    """What is named like a version of the stack and is not: no function ever touches it."""
    found = [one for one in instances or [] if version_in(stack.prefix, one.identifier) is not None]
    # What another stack has made is reported there.
    found = [one for one in found if not (STACK in one.tags and one.is_made_under_its_name)]
    return [
        {"instance": one.identifier, "rdsStatus": one.status, "reason": _why_not_managed(one, stack)} for one in found
    ]


def _why_not_managed(instance: Instance, stack: Stack) -> str:
    if STACK not in instance.tags:
        return "it has no tags of this stack"
    if not instance.names(stack.name):
        return f"its tags name the stack {instance.tags[STACK]}, and it was not made under this name"
    if instance.has_broken_seal:
        return "its tags are those of an earlier instance of this name"
    return "its tags are those of another instance"


def order(thing: Instance | Snapshot) -> tuple[datetime, str, int]:
    """The order of versions: by the time of the data, as the functions have it; a copy's own time says nothing about its data."""
    known = thing.data_time if isinstance(thing, Snapshot) else parse_time(thing.tags.get(DATA_TIME))
    moment = known or id_time(thing.replication) or datetime.min.replace(tzinfo=timezone.utc)
    return moment, thing.replication or "", thing.version or 0


class Versions:
    """The instances that a destination stack holds of one database, and the snapshots that they came from and can be restored from.

    Each of the lists may be None: it could not be read. What is reported of one that could not be read is None too.
    """

    def __init__(
        self,
        *,
        now: datetime,
        account: str,
        stack: Stack,
        database: str,
        pointer: Pointer | None,
        instances: list[Instance] | None,
        snapshots: list[Snapshot] | None,
        source_snapshots: list[Snapshot] | None = None,
        runs: list[Run] | None = None,
        rollbacks: list[Execution] | None = None,
    ) -> None:
        self._now = now
        self._account = account
        self._stack = stack
        self._database = database
        self._pointer = pointer
        self._runs = runs or []
        self._rollbacks = rollbacks or []
        self._instances = _those(instances, lambda one: one.is_of(stack.name) and self._is_of_database(one))
        self._snapshots = _those(snapshots, self._belongs)
        self._source_snapshots = source_snapshots
        self._live = self._find_live()
        self.left = self._find_left()
        """What the newest prune wanted to delete and could not: its reasons by identifier."""

    def rows(self) -> list[dict[str, Any]] | None:
        """Every instance, the one with the newest data first."""
        if self._instances is None:
            return None
        ordered = sorted(self._instances, key=lambda one: (*order(one), one.identifier), reverse=True)
        return [self._row(one) for one in ordered]

    def restorable(self) -> list[dict[str, Any]] | None:
        """The versions that only a snapshot of the destination account holds, newest first."""
        if self._instances is None or self._snapshots is None:
            return None
        present = {one.version for one in self._instances if not _is_gone(one)}
        kept = [
            one
            for one in self._snapshots
            if one.version and one.status in READY_SNAPSHOT and self._kind_in_destination(one) == "copy"
        ]
        found = [
            {
                "version": one.version,
                "snapshot": one.identifier,
                "dataTime": _time(one.data_time),
                "dataAgeSeconds": seconds_between(one.data_time, self._now),
                "replicationId": one.replication,
                "sizeGib": one.size,
                "restoredAs": sorted(
                    each.version for each in self._instances if each.version and each.restored_version == one.version
                ),
                "comparedWithLive": self._compared_with_live(one),
            }
            for one in sorted(kept, key=order, reverse=True)
            if one.version not in present
        ]
        return found

    def source_snapshots(self) -> list[dict[str, Any]] | None:
        """The snapshots of the source account, newest first."""
        return self._snapshot_rows(self._source_snapshots, _kind_in_source)

    def destination_snapshots(self) -> list[dict[str, Any]] | None:
        """The snapshots of the destination account, newest first."""
        return self._snapshot_rows(self._snapshots, self._kind_in_destination)

    # ----------------------------------------------------------------------------------------------- what they are

    def _row(self, instance: Instance) -> dict[str, Any]:
        standing, words = self._standing(instance)
        data_time, data_time_from = self._data_time(instance)
        return {
            "version": instance.version,
            "instance": instance.identifier,
            "rdsStatus": instance.status,
            "resourceId": instance.resource_id or None,
            "standing": standing,
            "words": words,
            "canRollBack": standing not in ("live", "notServed")
            and instance.version is not None
            and instance.status in READY,
            "marked": instance.marked,
            "deletionProtection": instance.deletion_protection,
            "notDeleted": self._why_not_deleted(instance),
            "createdAt": _time(instance.created),
            "ageSeconds": seconds_between(instance.created, self._now),
            "dataTime": _time(data_time),
            "dataTimeFrom": data_time_from,
            "dataAgeSeconds": seconds_between(data_time, self._now),
            "sourceSnapshot": self._source_snapshot(instance),
            "replicationId": instance.replication,
            "sizeGib": instance.size,
            "restoredVersion": instance.restored_version,
            "comparedWithLive": self._compared_with_live(instance),
        }

    def _compared_with_live(self, thing: Instance | Snapshot) -> str | None:
        if self._live is None:
            return None
        if thing is self._live:
            return "live"
        return "older" if order(thing) < order(self._live) else "newer"

    def _standing(self, instance: Instance) -> tuple[str, str]:
        status, version, live = instance.status, instance.version, self._live
        if instance is live:
            return "live", "live"
        if status in DELETING:
            return "deleting", "being deleted"
        if status in STOPPED:
            return "stopped", f"{status}; start it before rolling back to it"
        if status in NEVER_WAS:
            return "failed", "left by a restore that failed"
        if status in FAILED:
            return "broken", "cannot be used as it is"
        if version is None:
            return "unnumbered", "without a version number"
        if self._database != self._stack.database:
            return "notServed", "kept, of a database that is not served"
        if self._pointer is None:
            return "kept", "kept"
        is_older = self._compared_with_live(instance) == "older"
        if self._is_being_rolled_back_to(instance):
            return "inProgress", "being made"
        if status not in READY:
            return ("busy", "older, busy at the moment") if is_older else ("inProgress", "being made")
        if not live or not live.version:
            return "kept", "kept; nothing of this stack is live"
        return ("older", "older, to roll back to") if is_older else self._standing_of_newer(instance)

    def _standing_of_newer(self, instance: Instance) -> tuple[str, str]:
        """Of an instance that is ready and newer than the live one: why it is not live itself."""
        run = self._run_of(instance)
        if run and run.running:
            return "inProgress", "being made"
        if run and not run.succeeded and not run.passed(MOVE_SECRET):
            return "leftover", "left by a replication that failed"
        by_hand = self._stack.parameters.get("Promote") == "manual"
        return "heldBack", "held back (Promote=manual)" if by_hand else "held back, newer than live"

    def _find_live(self) -> Instance | None:
        if not self._pointer or not self._pointer.host:
            return None
        return next((one for one in self._instances or [] if one.host == self._pointer.host), None)

    def _run_of(self, instance: Instance) -> Execution | None:
        found = [run.execution for run in self._runs if run.replication == instance.replication]
        return max(found, key=lambda one: one.started, default=None)

    def _is_being_rolled_back_to(self, instance: Instance) -> bool:
        running = [one for one in self._rollbacks if one.running]
        return any(one.result(RESTORE).get("db_instance_identifier") == instance.identifier for one in running)

    # ---------------------------------------------------------------------------------------- why they still exist

    def _why_not_deleted(self, instance: Instance) -> str | None:
        """Why something that is marked is still there, or None."""
        if not instance.marked or instance.status in DELETING:
            return None
        said = self._what_keeps(instance)
        times = instance.times_undeleted
        return f"{said} ({times} replications could not delete it)" if times > 1 else said

    def _what_keeps(self, instance: Instance) -> str:
        if instance.deletion_protection:
            return "it has deletion protection, so an operator has to decide"
        if instance.identifier in self.left:
            return self.left[instance.identifier]
        if any(run.execution.running and instance.identifier in run.execution.planned() for run in self._runs):
            return "the replication that runs deletes it"
        if instance.status not in READY | FAILED:
            return f"it is {instance.status}; a later replication deletes it"
        return "the next replication deletes it"

    def _find_left(self) -> dict[str, str]:
        pruned = [run.execution for run in self._runs if run.execution.pruned()]
        newest = max(pruned, key=lambda one: one.started, default=None)
        return newest.left() if newest else {}

    # -------------------------------------------------------------------------------------- where they came from

    def _data_time(self, instance: Instance) -> tuple[datetime | None, str | None]:
        """The point in time of the data, and where that is written; the time of a copy is never taken for it."""
        tagged = parse_time(instance.tags.get(DATA_TIME))
        if tagged:
            return tagged, "tag"
        for snapshot in self._lineage(instance):
            if snapshot.data_time:
                return snapshot.data_time, "snapshot"
        return None, None

    def _lineage(self, instance: Instance) -> list[Snapshot]:
        """The snapshots that the instance came from, nearest first: the destination's, then the two in the source account."""
        by_arn: dict[str | None, Snapshot] = {
            one.arn: one for one in [*(self._snapshots or []), *(self._source_snapshots or [])] if one.arn
        }
        found = []
        nearest = by_arn.get(instance.tags.get(SOURCE_SNAPSHOT)) or self._by_replication(instance)
        while nearest and nearest not in found:
            found.append(nearest)
            nearest = by_arn.get(nearest.tags.get(SOURCE_SNAPSHOT))
        return found

    def _by_replication(self, instance: Instance) -> Snapshot | None:
        """The snapshot nearest to the instance that has the same replication in its tags."""
        copies = [one for one in self._snapshots or [] if self._kind_in_destination(one) == "copy"]
        originals = sorted(self._source_snapshots or [], key=lambda one: SOURCE_SNAPSHOT not in one.tags)
        same = (one for one in [*copies, *originals] if one.replication == instance.replication)
        return next(same, None) if instance.replication else None

    def _source_snapshot(self, instance: Instance) -> dict[str, Any] | None:
        """The farthest snapshot that the tags lead to."""
        line: list[Instance | Snapshot] = [instance, *self._lineage(instance)]
        farthest = line[-1]
        arn = farthest.tags.get(SOURCE_SNAPSHOT) or (farthest.arn if isinstance(farthest, Snapshot) else "")
        if not arn:
            return None
        is_in_source = arn_part(arn, 4) != self._account
        where = self._source_snapshots if is_in_source else self._snapshots
        return {
            "arn": arn,
            "name": arn.split(":snapshot:")[-1],
            "isInSource": is_in_source,
            "exists": None if where is None else any(one.arn == arn for one in where),
        }

    # --------------------------------------------------------------------------------------------- the snapshots

    def _is_of_database(self, thing: Instance | Snapshot) -> bool:
        """Whether it is of the database; what does not say so is counted to the one that is served."""
        is_served = self._database == self._stack.database
        return thing.source_database == self._database or (
            is_served and (not thing.source_database or not self._database)
        )

    def _belongs(self, snapshot: Snapshot) -> bool:
        """Ours by tag, or of an instance of ours: a final snapshot need not carry our tags."""
        if STACK in snapshot.tags:
            return snapshot.names(self._stack.name) and self._is_of_database(snapshot)
        is_served = self._database == self._stack.database
        is_final_of_ours = (
            is_served and _is_final(snapshot) and version_in(self._stack.prefix, snapshot.database) is not None
        )
        return is_final_of_ours or snapshot.database in {one.identifier for one in self._instances or []}

    def _kind_in_destination(self, snapshot: Snapshot) -> str:
        if snapshot.is_of(self._stack.name) and snapshot.is_of_replication:
            return "copy"
        return "final" if _is_final(snapshot) else "other"

    def _snapshot_rows(
        self, snapshots: list[Snapshot] | None, kind: Callable[[Snapshot], str]
    ) -> list[dict[str, Any]] | None:
        if snapshots is None:
            return None
        rows = [
            {
                "name": one.identifier,
                "kind": kind(one),
                "status": one.status,
                "percent": one.percent,
                "sizeGib": one.size,
                "encrypted": one.encrypted,
                "dataTime": _time(one.data_time),
                "dataAgeSeconds": seconds_between(one.data_time, self._now),
                "sourceDatabase": one.tags.get(SOURCE_DATABASE) or one.database or None,
                "replicationId": one.replication,
                "version": one.version,
                "marked": one.marked,
                "sharedWith": one.shared_with,
            }
            for one in snapshots
        ]
        return sorted(rows, key=lambda one: (one["replicationId"] or "", one["name"]), reverse=True)


def _is_gone(instance: Instance) -> bool:
    """Whether the instance will never again answer anybody, so that its version is as good as gone."""
    return instance.status in FAILED - STOPPED


def _kind_in_source(snapshot: Snapshot) -> str:
    if not snapshot.is_of_replication:
        return "other"
    return "encryptedCopy" if SOURCE_SNAPSHOT in snapshot.tags else "ofDatabase"


def _is_final(snapshot: Snapshot) -> bool:
    return snapshot.identifier.startswith(f"{snapshot.database}-final")


def _those(things: list[T] | None, wanted: Callable[[T], bool]) -> list[T] | None:
    return None if things is None else [one for one in things if wanted(one)]


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None
