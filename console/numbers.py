"""Numbers on the command line. What makes no sense is wrong usage, before anything is started."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def seconds(text: str) -> float:
    """How long a command waits."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # A comparison with nan is false, with any number.
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def whole(first: int, last: int) -> Callable[[str], int]:
    """A whole number of this range, in plain digits."""

    def read(text: str) -> int:
        # The length, because Python refuses to read a number of thousands of digits.
        if not text.isascii() or not text.isdecimal() or len(text) > 20 or not first <= int(text) <= last:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {first} to {last}")
        return int(text)

    return read
