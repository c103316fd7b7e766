"""Lines that stay, and in a terminal one last line that is overwritten while something is waited for."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime, timezone
from typing import TextIO

#: Without a terminal a long wait still says something now and then. Seconds.
_STILL_WAITING_SECONDS = 60


def duration(seconds: float) -> str:
    """A length of time as it is printed: 7.4s, 3:05, 1:02:03."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def age(seconds: float) -> str:
    """How long ago something was, or how long something took that takes hours: 42 s, 12 min, 3 h 05 min, 2 d 4 h."""
    seconds = max(int(seconds), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} d {hours % 24} h"


def timestamp(moment: datetime) -> str:
    """A moment in UTC, RFC 3339 to the second."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


class Screen:
    """Prints to one stream, each line with the time since the screen was made."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock
        self._started = clock()
        self._terminal = self._stream.isatty()
        self._live = 0
        self._said_at = self._started

    def elapsed(self) -> float:
        """Seconds since the screen was made."""
        return self._clock() - self._started

    def line(self, text: str = "") -> None:
        """One line that stays, with the elapsed time in front."""
        self.plain(f"{duration(self.elapsed()):>8}  {text}".rstrip())

    def plain(self, text: str = "") -> None:
        """Text that stays, as it is."""
        self._erase()
        print(text, file=self._stream, flush=True)

    def waiting(self, text: str) -> None:
        """What is waited for now: overwritten in a terminal, said once a minute elsewhere."""
        self.waiting_for_all(text)

    def waiting_for_all(self, text: str, lines: Sequence[str] = ()) -> None:
        """The same with a line below it for each of many; a small terminal shows only as many as it has room for."""
        if self._terminal:
            size = shutil.get_terminal_size()
            room = max(size.lines - 2, 0)
            shown = [f"{duration(self.elapsed()):>8}  {text}", *(f"{'':>8}  {line}" for line in lines[:room])]
            self._wipe()
            self._stream.write("\n".join(line[: max(size.columns - 1, 1)] for line in shown))
            self._stream.flush()
            self._live = len(shown)
            return
        if self._clock() - self._said_at >= _STILL_WAITING_SECONDS:
            for line in (text, *lines):
                self.line(line)

    def _erase(self) -> None:
        self._wipe()
        self._said_at = self._clock()

    def _wipe(self) -> None:
        """Deletes the live lines, the last of which the cursor is in."""
        if self._live:
            self._stream.write("\x1b[1A".join(["\r\x1b[2K"] * self._live))
            self._live = 0


def table(rows: Iterable[Iterable[object]], right: Container[int] = ()) -> list[str]:
    """Lines of a table with aligned columns; `right` names the columns, by index, that are numbers."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    lines = []
    for row in texts:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines
