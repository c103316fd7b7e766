"""Packs compiled functions into zips for AWS Lambda; used by scripts/build.

Refuses a binary that would not start there: of another architecture, or needing a newer glibc than the runtime has.
A zip holds nothing that changes from one build to the next, so that a deployment of the same functions is no change.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import sys
import zipfile

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

# What the processors of Lambda are called in a binary.
MACHINES = {"x86_64": "x64", "arm64": "AArch64"}
# The oldest time that a zip can hold.
NO_TIME = (1980, 1, 1, 0, 0, 0)
# A regular file that everybody may read and run.
EXECUTABLE = 0o100755 << 16


def version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split("."))


def needed_glibc(binary: bytes, architecture: str) -> str:
    """The newest version of glibc that the symbols of the binary ask for."""
    elf = ELFFile(io.BytesIO(binary))
    if elf.get_machine_arch() != MACHINES[architecture]:
        raise ValueError(f"it is for {elf.get_machine_arch()}, not for {MACHINES[architecture]}")
    wanted = {
        need.name.removeprefix("GLIBC_")
        for section in elf.iter_sections()
        if isinstance(section, GNUVerNeedSection)
        for _, needs in section.iter_versions()
        for need in needs
        if need.name.startswith("GLIBC_")
    }
    # Such as GLIBC_PRIVATE or GLIBC_ABI_DT_RELR: promises of some glibc, but of which only its release notes say.
    for name in wanted:
        if not name[0].isdigit():
            raise ValueError(f"it needs GLIBC_{name}, which has no number to compare")
    # A binary without a single versioned symbol needs no glibc at all.
    return max(wanted, key=version, default="0")


def packed(binary: bytes) -> bytes:
    """The zip that Lambda runs: one executable named bootstrap."""
    entry = zipfile.ZipInfo("bootstrap", NO_TIME)
    entry.create_system = 3
    entry.external_attr = EXECUTABLE
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(entry, binary, compresslevel=9)
    return archive.getvalue()


def holds(path: pathlib.Path, binary: bytes) -> bool:
    """Whether a zip of an earlier build holds this very binary: reading it is far faster than packing it again."""
    try:
        with zipfile.ZipFile(path) as zipped:
            return zipped.namelist() == ["bootstrap"] and zipped.read("bootstrap") == binary
    except (FileNotFoundError, zipfile.BadZipFile):
        return False


def write(path: pathlib.Path, content: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="directory of the compiled functions")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="directory for the zips")
    parser.add_argument("--architecture", choices=MACHINES, default="x86_64", help="the processor of the functions")
    parser.add_argument("--newest-glibc", required=True, help="the version of glibc that the runtime has")
    parser.add_argument("tasks", nargs="+")
    arguments = parser.parse_args()

    arguments.output.mkdir(parents=True, exist_ok=True)
    print(f"{'function':<16}{'binary':>10}{'zip':>10}   {'needs glibc':<12}")
    for task in arguments.tasks:
        binary = (arguments.binaries / task).read_bytes()
        try:
            glibc = needed_glibc(binary, arguments.architecture)
            if version(glibc) > version(arguments.newest_glibc):
                raise ValueError(f"it needs glibc {glibc}; the runtime has {arguments.newest_glibc}")
        except ValueError as error:
            sys.exit(f"{task} would not start on Lambda: {error}")
        path = arguments.output / f"{task}.zip"
        state = "unchanged" if holds(path, binary) else "new"
        if state == "new":
            write(path, packed(binary))
        print(f"{task:<16}{len(binary) / 1e6:>7.1f} MB{path.stat().st_size / 1e6:>7.1f} MB   {glibc:<12}{state}")


if __name__ == "__main__":
    main()
