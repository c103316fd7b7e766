"""Lines that stay, and in a terminal one last line that is overwritten while something is waited for."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Container, Iterable
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
        self._has_live_line = False
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
        if self._terminal:
            width = max(shutil.get_terminal_size().columns - 1, 1)
            self._wipe()
            self._stream.write(f"{duration(self.elapsed()):>8}  {text}"[:width])
            self._stream.flush()
            self._has_live_line = True
        elif self._clock() - self._said_at >= _STILL_WAITING_SECONDS:
            self.line(text)

    def _erase(self) -> None:
        self._wipe()
        self._said_at = self._clock()

    def _wipe(self) -> None:
        if self._has_live_line:
            self._stream.write("\r\x1b[2K")
            self._has_live_line = False


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
