"""The checksums of a release, and whether a directory is as they say: nothing changed, nothing missing and nothing besides.

It needs nothing but Python, because it comes before what is deployed is trusted.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from console.failure import Failure

SUMS = "SHA256SUMS"


def files(directory: Path) -> list[Path]:
    """Everything in a release but the checksums, in order."""
    return sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / SUMS)


def sums(directory: Path) -> str:
    """The checksums as `sha256sum --check` reads them."""
    return "".join(f"{sum}  {name}\n" for name, sum in _sums(directory).items())


def _sums(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files(directory)
    }


def verify(directory: Path) -> None:
    """Refuses a directory that is no release, or not as it was made.

    `sha256sum --check` does not see a file that is not listed, such as another machine beside those that a template names.
    """
    try:
        lines = (directory / SUMS).read_text().splitlines()
    except OSError as error:
        raise Failure(f"{directory} is no release: it has no {SUMS}") from error
    listed = {name: sum for sum, _, name in (line.partition("  ") for line in lines)}
    found = _sums(directory)
    said = [
        *(f"{name} is missing" for name in sorted(listed.keys() - found.keys())),
        *(f"{name} is not listed in {SUMS}" for name in sorted(found.keys() - listed.keys())),
        *(f"{name} was changed" for name in sorted(found.keys() & listed.keys()) if found[name] != listed[name]),
        *(f"{path.relative_to(directory)} is a symbolic link" for path in directory.rglob("*") if path.is_symlink()),
    ]
    if said:
        raise Failure(
            f"{directory} is not as it was made: {', '.join(said)}; to fix this: unpack the release again, and keep other "
            "files elsewhere"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m console.sums", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    given = parser.parse_args(arguments)
    try:
        verify(given.directory)
    except Failure as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
