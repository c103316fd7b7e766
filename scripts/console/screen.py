"""Lines that stay, and in a terminal one last line that is overwritten while something is waited for."""

import shutil
import sys
import time

#: Without a terminal a long wait still says something now and then. Seconds.
_STILL_WAITING_SECONDS = 60


def duration(seconds):
    """A length of time as a person reads it: 7.4s, 3:05, 1:02:03."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Screen:
    """Prints to one stream, each line with the time since the screen was made."""

    def __init__(self, stream=None, clock=time.monotonic):
        self._stream = stream or sys.stdout
        self._clock = clock
        self._started = clock()
        self._terminal = self._stream.isatty()
        self._live = False
        self._said_at = self._started

    def elapsed(self):
        """Seconds since the screen was made."""
        return self._clock() - self._started

    def line(self, text=""):
        """One line that stays, with the elapsed time in front."""
        self.plain(f"{duration(self.elapsed()):>8}  {text}".rstrip())

    def plain(self, text=""):
        """Text that stays, as it is."""
        self._erase()
        print(text, file=self._stream, flush=True)

    def waiting(self, text):
        """What is waited for now: overwritten in a terminal, said once a minute elsewhere."""
        if self._terminal:
            width = shutil.get_terminal_size().columns
            shown = f"{duration(self.elapsed()):>8}  {text}"[: max(width - 1, 1)]
            self._stream.write("\r\x1b[2K" + shown)
            self._stream.flush()
            self._live = True
            return
        if self._clock() - self._said_at >= _STILL_WAITING_SECONDS:
            self.line(text)

    def _erase(self):
        if self._live:
            self._stream.write("\r\x1b[2K")
            self._live = False
        self._said_at = self._clock()


def table(rows, right=()):
    """Lines of a table with aligned columns; `right` names the columns, by index, that are numbers."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines
