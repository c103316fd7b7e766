"""What `scripts/release` makes of compiled programs: always the same bytes, and nothing that is not said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import ziglang

from console.bill import bill, checksums, expression, licences, shipped
from console.failure import Failure
from console.release import COMMAND, SUMS, TRIPLES, Commit, differences, main, make, needs_libraries, template
from deployer import ROOT

TASKS = ["snapshot", "copy"]
COMMIT = Commit("1.2.3", "0123456789abcdef", "2026-11-26T12:00:00Z")


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TRIPLES["x86_64"]]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def programs(directory: Path, *, content: bytes = b"program") -> dict[str, Path]:
    """Compiled programs for both processors."""
    for architecture in TRIPLES:
        for name in [*TASKS, COMMAND]:
            path = directory / architecture / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content + architecture.encode())
    return {architecture: directory / architecture for architecture in TRIPLES}


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    """> A release of the same programs and commit is the same, byte for byte."""
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    make(ROOT, first, TASKS, programs(tmp_path / "a"), COMMIT)
    make(ROOT, second, TASKS, programs(tmp_path / "b"), COMMIT)
    assert differences(first, second) == []
    make(ROOT, other, TASKS, programs(tmp_path / "c", content=b"another"), COMMIT)
    assert f"x86_64/lambda/{TASKS[0]}.zip" in differences(first, other)


def test_a_release_has_everything_that_a_deployment_needs(tmp_path: Path) -> None:
    release = tmp_path / "release"
    make(ROOT, release, TASKS, programs(tmp_path / "a"), COMMIT)
    for architecture in TRIPLES:
        for role in ("source", "destination"):
            path = release / architecture / "cloudformation" / f"{role}-account.yaml"
            text = path.read_text()
            assert re.search(rf"\n  Architecture:\n(    .*\n)*    Default: {architecture}\n", text)
            for named in re.findall(r"(?:Code|DefinitionS3Location): (.+)", text):
                place = (path.parent / named).resolve()
                assert place.is_relative_to(release) and place.suffix in {".zip", ".json"}
                assert place.exists() or place.stem not in TASKS
        with zipfile.ZipFile(release / architecture / "lambda" / "copy.zip") as packed:
            assert packed.read("bootstrap") == b"program" + architecture.encode()
        assert (release / architecture / "bin" / COMMAND).stat().st_mode & 0o111
    command = ["sha256sum", "--check", "--quiet", "--strict", SUMS]
    assert subprocess.run(command, cwd=release, check=False).returncode == 0
    (release / "LICENSES.txt").write_text("none")
    assert subprocess.run(command, cwd=release, capture_output=True, check=False).returncode == 1


def test_what_would_refuse_a_release_is_said_before_it_is_compiled(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """> A release is of one commit, and nothing is overwritten; both are found out before the first program is compiled."""
    ready = ["--ready", "--root", str(repository), "--output", str(tmp_path / "release")]
    assert main(ready) == 0
    commit = capsys.readouterr().out.strip()
    assert commit == _git(repository, "rev-parse", "HEAD")
    (tmp_path / "release").mkdir()
    assert main(ready) == 1
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "release").rmdir()
    (repository / "Cargo.toml").write_text('version = "2.0.0"\n')
    assert main(ready) == 1
    assert "not committed" in capsys.readouterr().err


def test_a_release_that_cannot_be_finished_leaves_nothing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """> What was compiled of another commit, or needs libraries, or differs the second time, is no release."""
    release = tmp_path / "releases" / "one"
    made = ["--root", str(repository), "--output", str(release), "--binaries", f"x86_64={tmp_path}"]
    commit = _git(repository, "rev-parse", "HEAD")
    assert main([*made, "--commit", "0" * 40]) == 1
    assert f"{'0' * 40} was compiled, and {commit} is checked out now" in capsys.readouterr().err
    (tmp_path / COMMAND).write_bytes(Path(sys.executable).resolve().read_bytes())
    assert main([*made, "--commit", commit]) == 1
    assert "is not static" in capsys.readouterr().err
    (tmp_path / COMMAND).write_bytes((Path(ziglang.__file__).parent / "zig").read_bytes())
    with pytest.raises(OSError):
        # The repository has no template to make one of.
        main([*made, "--commit", commit])
    assert list(release.parent.iterdir()) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a version and one commit."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "Cargo.toml").write_text('version = "1.2.3"\n')
    for arguments in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "one"],
    ):
        _git(root, *arguments)
    return root


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def test_a_template_of_another_form_is_refused() -> None:
    with pytest.raises(Failure, match="another form"):
        template("Parameters:\n  Other:\n    Default: x86_64\n", "arm64")


def test_the_bill_names_what_is_compiled_in_and_nothing_else(metadata: dict[str, Any]) -> None:
    """> The bill of materials of a release names every package that is compiled in, and none that only tests use."""
    packages = shipped(metadata, TASKS)
    names = {package["name"] for package in packages}
    assert {"aws-sdk-rds", "ring", "rustls", "tokio"} <= names
    assert not {"proptest", "rcgen", "saphyr", "serde_derive", "replication"} & names
    lock = (ROOT / "Cargo.lock").read_text()
    made = bill(packages, metadata, lock, version="1", commit="c", time=COMMIT.time)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", made["serialNumber"])
    references = [component["bom-ref"] for component in made["components"]]
    assert len(references) == len(set(references)) == len(packages)
    for component in made["components"]:
        assert component["purl"] == f"pkg:cargo/{component['name']}@{component['version']}"
        assert re.fullmatch("[0-9a-f]{64}", component["hashes"][0]["content"])
    known = {*references, "rds-replication"}
    assert {one["ref"] for one in made["dependencies"]} == known
    assert all(set(one["dependsOn"]) <= known for one in made["dependencies"])
    assert made["dependencies"][0]["dependsOn"]


def test_every_licence_is_there_with_its_text(metadata: dict[str, Any]) -> None:
    packages = shipped(metadata, TASKS)
    text = licences(packages)
    for package in packages:
        assert f"{package['name']} {package['version']}: {expression(package)}\n" in text
    assert "Permission is hereby granted" in text and "Apache License" in text


def test_a_licence_with_a_slash_is_an_expression_and_none_is_refused() -> None:
    package = {"name": "a", "version": "1", "license": "MIT/Apache-2.0"}
    assert expression(package) == "MIT OR Apache-2.0"
    with pytest.raises(ValueError, match="says no licence"):
        expression(package | {"license": None})


def test_checksums_are_those_of_the_lock_file() -> None:
    entry = 'name = "a"\nversion = "1.0.0"\nsource = "registry"\nchecksum = "' + "0" * 64 + '"\n'
    assert checksums(f"[[package]]\n{entry}\n") == {("a", "1.0.0"): "0" * 64}


def test_a_command_that_needs_libraries_is_refused() -> None:
    assert needs_libraries(Path(sys.executable).resolve().read_bytes())
    assert not needs_libraries((Path(ziglang.__file__).parent / "zig").read_bytes())
