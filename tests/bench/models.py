"""Two models of `scripts/bench`: whether copies still move as little as tests/bench/bands.json says, and what each of 500
databases of a fleet costs, by what the last `scripts/test fleet` has counted (tests/bench/fleet.json)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

KINDS = {"rdsCalls": "RDS calls", "transitions": "transitions", "functionMilliseconds": "milliseconds of functions"}
MODELLED = 500
# RDS lists so many instances a page. An account with more is asked for names, one call more whenever all versions count.
PAGE = 100
# A standard execution has at most so many events. The fleet's machine has at most so many for a database: the iteration's
# beginning and end, and the states that it enters and leaves, the task's own five, and the Pass after a failure.
EVENTS, EVENTS_OF_A_DATABASE = 25_000, 12
# The document of an execution, and what the plan has of a database at most: two names of 63 and of 80 characters, in JSON.
DOCUMENT_BYTES, DATABASE_BYTES = 256 * 1024, 200
# Snapshots of one Region, by the default quota, and what two kept ones of each database and one in the making come to.
SNAPSHOT_QUOTA, SNAPSHOTS_OF_A_DATABASE = 100, 3


def fitted(measured: list[dict[str, float]], kind: str) -> tuple[float, float]:
    """What a run costs, and each of its databases: the straight line through the totals by least squares of what each database
    costs, so that the largest run does not decide alone."""
    # Of one database: of_run / n + of_each. That is a straight line in 1 / n.
    xs = [1 / one["databases"] for one in measured]
    ys = [one[kind] for one in measured]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    of_run = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
    return of_run, y - of_run * x


def modelled(figures: dict[str, Any], kind: str, databases: int) -> float:
    """What each of so many databases costs."""
    of_run, of_each = fitted(figures["measured"], kind)
    crowded = figures["destinationRunCalls"]
    more = crowded["among300Others"] - crowded["alone"] if kind == "rdsCalls" and databases > PAGE else 0
    return of_run / databases + of_each + more


def fleet(figures: dict[str, Any]) -> str:
    """The table, and where the limits are, in Markdown."""
    lines = [f"| databases | {' each | '.join(KINDS.values())} each | of one alone |", "|---|---:|---:|---:|---:|"]
    first = figures["measured"][0]
    for one in figures["measured"]:
        cells = [f"{one[kind]:.0f}" if kind == "functionMilliseconds" else f"{one[kind]:.1f}" for kind in KINDS]
        most = max(one[kind] / first[kind] for kind in KINDS)
        lines.append(f"| {one['databases']} | {' | '.join(cells)} | {most:.2f} |")
    values = {kind: modelled(figures, kind, MODELLED) for kind in KINDS}
    most = max(values[kind] / first[kind] for kind in KINDS)
    calls, transitions, milliseconds = values.values()
    lines.append(f"| {MODELLED}, by the model | {calls:.1f} | {transitions:.1f} | {milliseconds:.0f} | {most:.2f} |")
    events = MODELLED * EVENTS_OF_A_DATABASE
    size = MODELLED * DATABASE_BYTES
    needed = MODELLED * SNAPSHOTS_OF_A_DATABASE
    return "\n".join(
        [
            *lines,
            "",
            f"One run of {MODELLED}, the most that a run takes, has at most {events:,} of the {EVENTS:,} events of an "
            f"execution and {size // 1024} of the {DOCUMENT_BYTES // 1024} KiB of a document, and needs quotas for {needed:,} "
            f"snapshots in each account instead of the default {SNAPSHOT_QUOTA}. The history would hold "
            f"{EVENTS // EVENTS_OF_A_DATABASE:,} databases, the document {DOCUMENT_BYTES // DATABASE_BYTES:,}.",
            "",
        ]
    )


def broken_bands(moved: dict[str, Any], bands: dict[str, Any]) -> list[str]:
    """Which of the committed bands do not hold. What a fleet costs is held by `scripts/test fleet` itself."""
    broken = []
    most_moved = {row["case"]: row["mostFromSecondRun"] for row in moved["rows"]}
    for case, band in bands["moved"].items():
        if not band["least"] <= most_moved[case] <= band["most"]:
            broken.append(
                f"{case}: copies move {most_moved[case]:.3f} of the database, not {band['least']} to {band['most']}"
            )
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moved", type=Path, required=True, help="the figures of the model of copies")
    parser.add_argument("--fleet", type=Path, required=True, help="what the last run of a fleet has counted")
    parser.add_argument("--bands", type=Path, help="the bands that have to hold; without them the fleet is printed")
    given = parser.parse_args()
    if not given.bands:
        print(fleet(json.loads(given.fleet.read_text())))
        return 0
    broken = broken_bands(json.loads(given.moved.read_text()), json.loads(given.bands.read_text()))
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
