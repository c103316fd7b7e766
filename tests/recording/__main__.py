"""Compares a recording of AWS with one of the local cloud; prints what is different."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.recording.comparing import compare, read


def main(arguments: list[str]) -> int:
    """Answers with the exit code: 0, 1 if the emulator is wrong, 2 for wrong usage."""
    if len(arguments) != 2:
        print("usage: scripts/test recording FILE [FILE OF THE LOCAL CLOUD]", file=sys.stderr)
        return 2
    try:
        aws, emulator = (read(Path(path)) for path in arguments)
    except (OSError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 2
    differences = compare(aws, emulator)
    for heading, is_wrong in (("the emulator answers otherwise:", True), ("to know:", False)):
        if found := [one.text for one in differences if one.is_wrong == is_wrong]:
            print(heading, *found, sep="\n  ")
    wrong = sum(1 for one in differences if one.is_wrong)
    print(f"{wrong} differences in {len(aws.fields.keys() & emulator.fields.keys())} answers that both have")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
