"""`scripts/operator` where a release is: the command that is there, and no compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from console.release import COMMAND
from console.sums import SUMS, sums
from deployer import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts, and a machine that has no Rust."""
    scripts, programs = tmp_path / "checkout" / "scripts", tmp_path / "bin"
    scripts.mkdir(parents=True)
    for name in ("operator", "status"):
        shutil.copy(ROOT / "scripts" / name, scripts)
    programs.mkdir()
    for name in ("bash", "sh", "env", "readlink", "dirname", "grep", "sha256sum", "sed", "find"):
        (programs / name).symlink_to(shutil.which(name) or "")
    on(tmp_path, "Linux x86_64")
    return scripts.parent


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for architecture in ("x86_64", "arm64"):
        program(tmp_path / "release" / architecture / "bin" / COMMAND, f'echo {architecture} "$@"')
    (tmp_path / "release" / SUMS).write_text(sums(tmp_path / "release"))
    return tmp_path / "release"


def on(directory: Path, machine: str) -> None:
    program(directory / "bin" / "uname", f"echo {machine}")


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def status(checkout: Path, release: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [checkout / "scripts" / "status", "--json"],
        cwd=checkout.parent,
        env={"PATH": str(checkout.parent / "bin"), "RDS_REPLICATION_RELEASE": release},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("named", ["absolute", "relative"])
def test_the_command_of_a_release_is_run_for_this_machine_without_rust(
    checkout: Path, release: Path, named: str
) -> None:
    name = str(release) if named == "absolute" else release.name
    assert status(checkout, name) == (0, "x86_64 status --json\n", "")
    on(checkout.parent, "Linux aarch64")
    assert status(checkout, name) == (0, "arm64 status --json\n", "")


def test_a_command_that_is_not_of_the_release_is_not_run(checkout: Path, release: Path) -> None:
    program(release / "x86_64" / "bin" / COMMAND, "echo another")
    code, printed, said = status(checkout, str(release))
    assert (code, printed) == (1, "") and f"x86_64/bin/{COMMAND} is not as it was made; to fix this: unpack" in said
    (release / SUMS).write_text("")
    code, printed, said = status(checkout, str(release))
    assert (code, printed) == (1, "") and "is no release with x86_64/bin" in said and "; to fix this: name one" in said
    on(checkout.parent, "Darwin arm64")
    code, printed, said = status(checkout, str(release))
    assert (code, printed) == (1, "") and "a release has no command for Darwin arm64; to fix this: unset" in said


def test_without_rust_and_without_a_release_both_ways_are_said(checkout: Path) -> None:
    code, printed, said = status(checkout, "")
    assert (code, printed) == (1, "")
    assert "cargo was not found, and this compiles; to fix this: install Rust" in said
    assert "or set RDS_REPLICATION_RELEASE to a release" in said
