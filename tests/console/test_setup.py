"""What `scripts/setup` installs, and which scripts say how they are called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deployer import ROOT

#: A Python that makes an environment of itself, and writes down what pip is to install there.
PYTHON = """#!/bin/sh
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *"pip install"*)
    for last; do :; done
    echo "${last##*/}" >>"$PIP"
    ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    scripts = tmp_path / "checkout" / "scripts"
    scripts.mkdir(parents=True)
    for path in (ROOT / "scripts" / "setup", *(ROOT / "scripts").glob("requirements*.txt")):
        shutil.copy(path, scripts)
    return scripts.parent


def program(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def set_up(checkout: Path, *options: str, cargo: bool) -> tuple[int, str, list[str]]:
    """How it ends, what it says, and the files of requirements that it has given to pip."""
    programs, pip = checkout / "programs", checkout / "pip"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    for name in ("bash", "sh", "env", "readlink", "dirname", "cat", "sha256sum", "mkdir", "flock", "rm", "cp"):
        (programs / name).symlink_to(shutil.which(name) or "")
    program(programs / "python3", PYTHON)
    if cargo:
        program(programs / "cargo")
    postgres = checkout / "postgres"
    for name in ("initdb", "postgres", "pg_ctl", "pg_basebackup"):
        program(postgres / name)
    pip.write_text("")
    ended = subprocess.run(
        [checkout / "scripts" / "setup", *options],
        env={"PATH": str(programs), "PIP": str(pip), "POSTGRES_BIN": str(postgres)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stderr, pip.read_text().split()


def test_a_fresh_machine_without_rust_gets_what_deploys_and_no_more(checkout: Path) -> None:
    code, said, installed = set_up(checkout, cargo=False)
    assert (code, installed) == (0, ["requirements-deploying.txt"]), said
    assert not (checkout / "target/tools/postgres-bin").exists()
    assert set_up(checkout, cargo=False) == (0, "", [])


def test_what_compiles_asks_for_rust_before_anything_is_installed(checkout: Path) -> None:
    code, said, installed = set_up(checkout, "--all", cargo=False)
    assert (code, installed) == (1, []) and "cargo was not found" in said and "to fix this: install Rust" in said
    assert not (checkout / "target").exists()


def test_what_compiles_comes_to_what_deploys_and_both_are_found_again(checkout: Path) -> None:
    set_up(checkout, cargo=True)
    (checkout / "target/tools/kept").touch()
    code, said, installed = set_up(checkout, "--all", cargo=True)
    assert (code, installed) == (0, ["requirements.txt"]), said
    assert (checkout / "target/tools/kept").exists() and (checkout / "target/tools/postgres-bin").exists()
    for options in ((), ("--all",)):
        assert set_up(checkout, *options, cargo=True) == (0, "", [])
    # A version that has changed is not put over the old ones.
    with (checkout / "scripts/requirements.txt").open("a") as requirements:
        requirements.write("another==1\n")
    assert set_up(checkout, cargo=True) == (0, "", [])
    assert set_up(checkout, "--all", cargo=True)[2] == ["requirements.txt"]
    assert not (checkout / "target/tools/kept").exists()


def test_the_scripts_that_compile_set_up_everything_and_those_that_deploy_do_not() -> None:
    calls = {
        path.name: re.findall(r'^(?:"\$root/)?scripts/setup"?( --all)?$', path.read_text(), re.MULTILINE)
        for path in (ROOT / "scripts").iterdir()
    }
    assert {name for name, found in calls.items() if found == [" --all"]} == {
        *("build", "release", "test", "bench", "demo", "local-cloud")
    }
    assert {name for name, found in calls.items() if found == [""]} == {"deploy", "destroy", "adopt", "trial"}


@pytest.mark.parametrize("script", ["setup", "build", "release", "test", "bench"])
def test_help_that_is_asked_for_is_no_mistake(script: str) -> None:
    """And it needs no tools: it is printed before they are looked for."""
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    for options, code in ((["--help"], 0), (["--unknown"], 2)):
        command = [ROOT / "scripts" / script, *options]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        said, nothing = (ended.stdout, ended.stderr) if code == 0 else (ended.stderr, ended.stdout)
        assert ended.returncode == code and said.startswith(f"usage: scripts/{script}") and nothing == ""


@pytest.mark.parametrize(
    "options, target",
    [([], "x86_64-unknown-linux-gnu"), (["--architecture", "arm64"], "aarch64-unknown-linux-gnu")],
    ids=["x86_64", "arm64"],
)
def test_a_build_gets_the_standard_library_of_its_target_on_every_machine(
    tmp_path: Path, options: list[str], target: str
) -> None:
    """Also that of x86_64, which a machine with an arm64 processor does not have."""
    root, programs = tmp_path / "checkout", tmp_path / "bin"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "build", root / "scripts")
    program(root / "scripts" / "setup")
    for name in ("cargo-zigbuild", "python"):
        program(root / "target/tools/bin" / name)
    for output in ("lambda", "lambda-arm64"):
        (root / "target" / output).mkdir()
        (root / "target" / output / "copy.zip").touch()
    program(programs / "rustup", '#!/bin/sh\necho "$@" >"$0.called"\n')
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run([root / "scripts" / "build", "--quick", *options], env=environment, capture_output=True, check=True)
    assert (programs / "rustup.called").read_text() == f"--quiet target add {target}\n"
