"""The words of the functions: tags, status words of RDS and stages.

They come from vocabulary.json, which is written from the functions' own domain and compared with it by the contract test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORDS: dict[str, Any] = json.loads(Path(__file__).with_name("vocabulary.json").read_text(encoding="utf-8"))

#: The keys of our tags, by what they mean.
TAGS: dict[str, str] = _WORDS["tags"]
DELETION_TAG: tuple[str, str] = tuple(_WORDS["deletionTag"])
#: On a version that the secret has named.
PROMOTED: tuple[str, str] = tuple(_WORDS["promotedTag"])


def _instances(*meanings: str) -> frozenset[str]:
    """The status words of a restored instance that mean one of these."""
    return frozenset(row["word"] for row in _WORDS["instanceStatuses"] if row["restored"] in meanings)


#: A restored instance answers readers.
READY = _instances("Usable")
#: It will not do so by itself. A word in neither set is on its way.
FAILED = _instances("Stopped", "Deleting", "FailedRestore", "Broken")
STOPPED = _instances("Stopped")
DELETING = _instances("Deleting")
#: A restore that failed has left it; in another failed status a copy that was whole waits for an operator.
NEVER_WAS = _instances("FailedRestore")
#: RDS deletes an instance in this status.
DELETABLE = frozenset(row["word"] for row in _WORDS["instanceStatuses"] if row["deletable"])
#: RDS makes no final snapshot of an instance in this status.
WITHOUT_FINAL_SNAPSHOT = frozenset(row["word"] for row in _WORDS["instanceStatuses"] if not row["finalSnapshot"])
#: A source database can be snapshotted.
READY_SOURCE = frozenset(row["word"] for row in _WORDS["instanceStatuses"] if row["source"] == "Ready")
#: A snapshot is still being made.
PENDING_SNAPSHOT = frozenset(row["word"] for row in _WORDS["snapshotStatuses"] if row["progress"] == "Pending")


@dataclass(frozen=True)
class Stage:
    """A state of a machine that invokes a function."""

    state: str
    result: str
    """The field of the machine's document that holds its result."""
    task: str
    """The function."""
    words: str
    """What operators call it."""
    deadline: str | None
    """The stack parameter that ends it, if it waits for RDS."""


#: The states that only report what another one has done; that is the one before them.
REPORTING_STATES: frozenset[str] = frozenset(_WORDS["reportingStates"])
#: The stages of each machine in their order, without those that only report.
STAGES: dict[str, tuple[Stage, ...]] = {
    machine: tuple(Stage(**row) for row in rows if row["state"] not in REPORTING_STATES)
    for machine, rows in _WORDS["machines"].items()
}


def _state(machine: str, task: str) -> str:
    """The first state of a machine that invokes a function."""
    return next(stage.state for stage in STAGES[machine] if stage.task == task)


SNAPSHOT = _state("source", "snapshot")
ANNOUNCEMENT = _state("source", "notify")
COPY_IN_DESTINATION = _state("destination", "copy")
MOVE_SECRET = _state("destination", "rotate-secret")
