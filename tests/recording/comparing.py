"""What two recordings of `scripts/trial` say differently: the fields of an answer in each status, the codes of errors, and the
order of statuses. Values are not compared, of which a recording has few."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1
#: The fields that say in which status a thing is.
STATUSES = ("DBInstanceStatus", "Status", "KeyState", "status")
#: The fields by which a thing is known.
IDENTIFIERS = ("DBInstanceIdentifier", "DBSnapshotIdentifier")
#: Things whose statuses have an order.
ORDERED = {"DBInstance": "DBInstanceIdentifier", "DBSnapshot": "DBSnapshotIdentifier"}
#: A question that RDS and the emulator may refuse with different codes is told apart by more than its operation.
Place = tuple[str, str, str]


@dataclass
class Seen:
    """What a recording has."""

    fields: dict[Place, set[str]] = field(default_factory=dict)
    """By operation, kind of thing and status, the fields that were there at least once."""
    asked: set[str] = field(default_factory=set)
    """The operations that were asked at all."""
    codes: dict[str, set[str]] = field(default_factory=dict)
    """By operation, the codes of errors."""
    orders: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """By kind of thing, each two statuses of which the one was seen before the other of the same thing."""

    def all_fields(self, place: Place) -> set[str]:
        """The fields of the same thing in every status."""
        return set().union(*(found for other, found in self.fields.items() if other[:2] == place[:2]))


@dataclass(frozen=True)
class Difference:
    """One sentence, and whether the emulator is wrong."""

    text: str
    is_wrong: bool = True


def read(path: Path) -> Seen:
    """Reads a recording. Raises `ValueError` if it is none."""
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    if not lines or not isinstance(lines[0], dict) or lines[0].get("format") != FORMAT:
        raise ValueError(f"{path} is no recording of scripts/trial of the format {FORMAT}")
    return seen(lines[1:])


def seen(lines: Iterable[dict[str, Any]]) -> Seen:
    """What these lines have."""
    result = Seen()
    histories: dict[tuple[str, str, str], list[str]] = {}
    for line in lines:
        operation = f"{line['service']}:{line['operation']}"
        result.asked.add(operation)
        if code := line.get("code"):
            result.codes.setdefault(operation, set()).add(code)
        for kind, thing in _things(line["operation"], line.get("answer")):
            status = next((thing[name] for name in STATUSES if isinstance(thing.get(name), str)), "")
            result.fields.setdefault((operation, kind, status), set()).update(_paths(thing))
            identifier = thing.get(ORDERED.get(kind, ""))
            if status and isinstance(identifier, str):
                history = histories.setdefault((line["account"], kind, identifier), [])
                # A status may come again; what counts is when it came first.
                if status not in history:
                    history.append(status)
    for (_, kind, _), history in histories.items():
        pairs = {(one, other) for place, one in enumerate(history) for other in history[place + 1 :]}
        result.orders.setdefault(kind, set()).update(pairs)
    return result


def compare(aws: Seen, emulator: Seen) -> list[Difference]:
    """Where the emulator answers otherwise than AWS has. What only one of the two was asked is not compared."""
    return [*_of_fields(aws, emulator), *_of_codes(aws, emulator), *_of_orders(aws, emulator)]


def _of_fields(aws: Seen, emulator: Seen) -> Iterator[Difference]:
    for place in sorted(aws.fields.keys() & emulator.fields.keys()):
        where = " ".join(word for word in place if word)
        theirs, ours = aws.fields[place], emulator.fields[place]
        if extra := sorted(ours - theirs):
            yield Difference(f"{where}: AWS does not answer with {', '.join(extra)}")
        known = emulator.all_fields(place)
        if early := sorted((theirs - ours) & known):
            yield Difference(f"{where}: AWS answers already here with {', '.join(early)}")
        if unknown := sorted(theirs - known):
            yield Difference(f"{where}: the emulator never has {', '.join(unknown)}", is_wrong=False)
    for place in sorted(aws.fields.keys() - emulator.fields.keys()):
        if any(place[:2] == other[:2] for other in emulator.fields):
            yield Difference(f"{place[0]} {place[1]}: only AWS shows the status {place[2]}", is_wrong=False)
    for place in sorted(emulator.fields.keys() - aws.fields.keys()):
        if any(place[:2] == other[:2] for other in aws.fields):
            # AWS is polled every few seconds, so that what is short may have been missed.
            yield Difference(f"{place[0]} {place[1]}: only the emulator shows the status {place[2]}", is_wrong=False)


def _of_codes(aws: Seen, emulator: Seen) -> Iterator[Difference]:
    for operation in sorted(aws.asked & emulator.asked):
        theirs, ours = aws.codes.get(operation, set()), emulator.codes.get(operation, set())
        # Whoever asks too often is told so; that depends on the account.
        if extra := sorted(code for code in ours - theirs if not code.startswith("Throttl")):
            yield Difference(f"{operation}: AWS does not refuse with {', '.join(extra)}")
        if missing := sorted(code for code in theirs - ours if not code.startswith("Throttl")):
            yield Difference(f"{operation}: only AWS refuses with {', '.join(missing)}")


def _of_orders(aws: Seen, emulator: Seen) -> Iterator[Difference]:
    for kind in sorted(aws.orders.keys() & emulator.orders.keys()):
        theirs, ours = aws.orders[kind], emulator.orders[kind]
        for one, other in sorted(ours - theirs):
            if (other, one) in theirs:
                yield Difference(f"{kind}: with AWS {other} comes before {one}, with the emulator after it")


def _things(operation: str, answer: Any, kind: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The things that an answer describes, each with its kind; an answer that describes none is one itself."""
    found = list(_described(answer, kind))
    if found:
        yield from found
    elif isinstance(answer, dict):
        yield operation, answer


def _described(value: Any, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for one in value:
            yield from _described(one, kind)
    elif isinstance(value, dict):
        if kind in ORDERED:
            yield kind, value
            return
        for name, one in value.items():
            yield from _described(one, name)


def _paths(value: Any, path: str = "") -> Iterator[str]:
    """Every field with those around it. An empty list is a field like one that has something in it."""
    if isinstance(value, list):
        for one in value:
            yield from _paths(one, path)
    elif isinstance(value, dict):
        for name, one in value.items():
            if "-" in name:
                # A label of something that has a name of its own in every account.
                continue
            inner = f"{path}.{name}" if path else name
            yield inner
            yield from _paths(one, inner)
