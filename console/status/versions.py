"""Which versions of a stack can be rolled back to. `scripts/status` finds the same, and more, in crates/operator. Pure."""

from __future__ import annotations

from console.status.facts import Instance, Snapshot, Stack
from console.vocabulary import FAILED, READY, READY_SNAPSHOT, STOPPED


def usable_versions(stack: Stack, instances: list[Instance] | None, snapshots: list[Snapshot] | None) -> set[int]:
    """The versions that an instance or only a snapshot holds. Either list may be None: it could not be read."""
    own = [one for one in instances or [] if one.is_of(stack.name) and _is_of_database(one, stack)]
    usable = {one.version for one in own if one.version and one.status in READY}
    if instances is None:
        return usable
    # What will never again answer anybody is as good as gone.
    present = {one.version for one in own if one.status not in FAILED - STOPPED}
    return usable | {
        one.version
        for one in snapshots or []
        if one.version
        and one.version not in present
        and one.status in READY_SNAPSHOT
        and one.is_of(stack.name)
        and one.is_of_replication
        and _is_of_database(one, stack)
    }


def _is_of_database(thing: Instance | Snapshot, stack: Stack) -> bool:
    """Whether it is of the database; what does not say so is counted to the one that is served."""
    return thing.source_database == stack.database or not thing.source_database or not stack.database
