"""Whether the model of waiting still holds the committed bands: how many times less than the original's each rule adds over
the whole grid. The model measures no time, so that the figures change only with the rule."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ORIGINAL = "original: every 240, 180, 300, 300 s"


def added_seconds(row: dict[str, Any]) -> float:
    """What a rule adds, summed over the grid."""
    return sum(cell["addedSeconds"] for cell in row["cells"])


def broken_bands(rows: dict[str, dict[str, Any]], bands: dict[str, dict[str, float]]) -> list[str]:
    """Which of the committed bands, and of the targets that every rule has, do not hold."""
    original = added_seconds(rows[ORIGINAL])
    broken = []
    for name, band in bands.items():
        value = original / added_seconds(rows[name])
        if not band["least"] <= value <= band["most"]:
            broken.append(f"{name}: {value:.1f} times less than the original, not {band['least']} to {band['most']}")
    for name, row in rows.items():
        if row["target"] is not None and added_seconds(row) > original:
            broken.append(f"{name}: more waiting than the original's")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--bands", type=Path, required=True)
    given = parser.parse_args()
    rows = {row["rule"]: row for row in json.loads(given.figures.read_text())["rows"]}
    broken = broken_bands(rows, json.loads(given.bands.read_text())["waiting"])
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
