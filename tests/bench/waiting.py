"""The model of waiting: whether it still holds the committed bands (how many times less than the original's each rule adds
over the whole grid), and its curves. The model measures no time, so that the figures change only with the rule."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

ORIGINAL = "original: every 240, 180, 300, 300 s"
# The rules that are drawn, and how.
CURVES = {
    ORIGINAL: "#999999",
    "every 60 s": "#c9a227",
    "before: a twentieth, 15 to 300 s": "#b5651d",
    "nothing known": "#7a4fa3",
    "linear progress, first run": "#2e8b57",
    "history, no progress": "#3b6ea5",
    "history, linear progress": "#c0392b",
}
LEFT, TOP, WIDTH, HEIGHT = 60, 40, 520, 320
# Both scales are logarithmic; this one is of the seconds that a run is longer.
LEAST_SECONDS, MOST_SECONDS = 10, 2_000


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


def duration(seconds: float) -> str:
    """A duration as the axis names it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3_600 else f"{seconds / 3_600:.0f} h"


def plot(rows: dict[str, dict[str, Any]]) -> str:
    """What each rule adds to a run by the length of a stage, as curves in SVG."""
    stages = [cell["stageSeconds"] for cell in rows[ORIGINAL]["cells"]]

    def along(value: float, least: float, most: float) -> float:
        return math.log(min(max(value, least), most) / least) / math.log(most / least)

    def x(seconds: float) -> float:
        return LEFT + along(seconds, stages[0], stages[-1]) * WIDTH

    def y(seconds: float) -> float:
        return TOP + (1 - along(seconds, LEAST_SECONDS, MOST_SECONDS)) * HEIGHT

    bottom, right = TOP + HEIGHT, LEFT + WIDTH
    parts = [f'<text x="{LEFT}" y="20">seconds added to a run of four stages, by the length of a stage</text>']
    written = -math.inf
    for seconds in stages:
        # Two lengths that are close to each other have room for one name.
        if x(seconds) - written < 45:
            continue
        written = x(seconds)
        parts.append(f'<text x="{x(seconds):.1f}" y="{bottom + 16}" text-anchor="middle">{duration(seconds)}</text>')
    for seconds in (10, 20, 50, 100, 200, 500, 1_000, 2_000):
        height = y(seconds)
        parts.append(f'<line x1="{LEFT}" y1="{height:.1f}" x2="{right}" y2="{height:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{seconds:,}</text>')
    for number, (name, colour) in enumerate(CURVES.items()):
        cells = rows[name]["cells"]
        points = " ".join(f"{x(cell['stageSeconds']):.1f},{y(cell['addedSeconds']):.1f}" for cell in cells)
        height = TOP + 8 + number * 20
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<rect x="{right + 20}" y="{height}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{right + 40}" y="{height + 6}">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right + 290}" height="{bottom + 30}" '
        'font-family="sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--plot", type=Path, help="where to draw the curves")
    parser.add_argument("--bands", type=Path, help="the bands that have to hold")
    given = parser.parse_args()
    rows = {row["rule"]: row for row in json.loads(given.figures.read_text())["rows"]}
    if given.plot:
        given.plot.write_text(plot(rows))
    broken = broken_bands(rows, json.loads(given.bands.read_text())["waiting"]) if given.bands else []
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
