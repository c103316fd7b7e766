"""What `scripts/release` makes of compiled programs: always the same bytes, and nothing that is not said."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import ziglang
from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from console.bill import bill, checksums, expression, licences, shipped
from console.failure import Failure
from console.packing import MACHINES
from console.release import COMMAND, STATIC_TRIPLES, TRIPLES, Commit, differences, main, make, needs_libraries, template
from console.sums import SUMS, verify
from console.sums import main as sums_main
from console.toolchain import Toolchain
from deployer import ROOT

TASKS = ["snapshot", "copy"]
COMMIT = Commit("1.2.3", "0123456789abcdef", "2026-11-26T12:00:00Z")


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    return _metadata(TRIPLES["x86_64"])


@pytest.fixture(scope="module")
def of_command() -> dict[str, Any]:
    return _metadata(STATIC_TRIPLES["x86_64"])


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    return Toolchain.of(ROOT)


def _metadata(triple: str) -> dict[str, Any]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", triple]
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
            assert yaml_parse(text)["Outputs"]["ReleaseCommit"]["Value"] == COMMIT.id
            for named in re.findall(r"(?:Code|DefinitionS3Location): (.+)", text):
                place = (path.parent / named).resolve()
                assert place.is_relative_to(release) and place.suffix in {".zip", ".json"}
                assert place.exists() or place.stem not in TASKS
        with zipfile.ZipFile(release / architecture / "lambda" / "copy.zip") as packed:
            assert packed.read("bootstrap") == b"program" + architecture.encode()
        assert (release / architecture / "bin" / COMMAND).stat().st_mode & 0o111
    assert (release / "COMMIT").read_text() == f"{COMMIT.id}\n"
    command = ["sha256sum", "--check", "--quiet", "--strict", SUMS]
    assert subprocess.run(command, cwd=release, check=False).returncode == 0
    (release / "LICENSES.txt").write_text("none")
    assert subprocess.run(command, cwd=release, capture_output=True, check=False).returncode == 1


def test_a_release_says_how_to_deploy_and_to_operate_with_what_is_in_it(tmp_path: Path) -> None:
    release = tmp_path / "release"
    make(ROOT, release, TASKS, programs(tmp_path / "a"), COMMIT)
    text = (release / "README.txt").read_text()
    for role in ("source", "destination"):
        assert f"--template-file <this directory>/x86_64/cloudformation/{role}-account.yaml" in text
        deploying = (
            text.partition(f"--stack-name rds-replication-{role} ")[2].partition("\n  aws ")[0].partition("\n\n")[0]
        )
        parameters = yaml_parse((ROOT / "cloudformation" / f"{role}-account.yaml").read_text())["Parameters"]
        named = set(re.findall(r"(\w+)=", deploying))
        assert named <= parameters.keys()
        # Those that a new stack does not have of itself.
        assert {name for name, one in parameters.items() if "Default" not in one} <= named
    assert re.findall(r"^  (\w+/bin/.+?) (\w+)", text, re.MULTILINE) == [
        (f"x86_64/bin/{COMMAND}", "status"),
        (f"x86_64/bin/{COMMAND}", "doctor"),
    ]
    assert "export RDS_REPLICATION_RELEASE=<this directory>" in text
    listed = text.partition("What is in it")[2]
    assert {path.name for path in release.iterdir() if path.is_file()} - {
        "LICENSE",
        "CHANGELOG.md",
        "README.txt",
        SUMS,
    } == set(re.findall(r"^([A-Za-z]\S+)  ", listed, re.MULTILINE)) | {"LICENSES-rust.html"}


def test_a_release_with_a_file_more_or_less_is_not_as_it_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sha256sum --check` alone does not see what is not listed."""
    release = tmp_path / "release"
    make(ROOT, release, TASKS, programs(tmp_path / "a"), COMMIT)
    assert sums_main([str(release)]) == 0
    machines = release / "x86_64" / "statemachines"
    for spoil, said in (
        (
            lambda: (machines / "another.asl.json").write_text("{}"),
            "x86_64/statemachines/another.asl.json is not listed",
        ),
        # Of the same name, but not the list itself.
        (lambda: (machines / SUMS).write_text(""), f"x86_64/statemachines/{SUMS} is not listed"),
        (lambda: (release / "COMMIT").unlink(), "COMMIT is missing"),
        (lambda: (release / "LICENSE").write_text("none"), "LICENSE was changed"),
        (lambda: (release / "elsewhere").symlink_to(tmp_path), "elsewhere is a symbolic link"),
    ):
        spoil()
        assert sums_main([str(release)]) == 1
        error = capsys.readouterr().err
        assert said in error and "; to fix this: " in error
    with pytest.raises(Failure, match="is no release: it has no SHA256SUMS"):
        verify(tmp_path)


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
    _git(repository, "checkout", "--quiet", ".")
    # What was never added would be taken, too.
    (repository / "statemachines").mkdir()
    (repository / "statemachines" / "mine.asl.json").write_text("{}")
    assert main(ready) == 1
    error = capsys.readouterr().err
    assert "not committed" in error and "statemachines/mine.asl.json" in error and "to fix this: commit them" in error


@pytest.mark.parametrize("around", [False, True], ids=["alone", "inside of another checkout"])
def test_what_is_no_checkout_is_refused_before_anything_is_installed(
    repository: Path, tmp_path: Path, around: bool
) -> None:
    """Such as what was unpacked from an archive, which no commit can be named of."""
    unpacked = (repository if around else tmp_path) / "unpacked"
    (unpacked / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "release", unpacked / "scripts")
    ended = subprocess.run([unpacked / "scripts" / "release"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and ended.stderr.startswith(f"release: {unpacked} is no checkout of Git"), ended.stderr
    assert "to fix this: clone the repository" in ended.stderr
    assert [path.name for path in unpacked.iterdir()] == ["scripts"]


def test_paths_of_this_machine_are_left_out_even_where_they_have_blanks(tmp_path: Path) -> None:
    """Of several names for a path the last counts, so that what is inside of another directory comes after it."""
    root, cargo_home = tmp_path / "a checkout", tmp_path / "home of cargo"
    for name, text in {
        "scripts/release": (ROOT / "scripts" / "release").read_text(),
        "scripts/build": "tasks=(copy)\n",
        "scripts/setup": "#!/bin/sh\n",
        "target/tools/bin/python": "#!/bin/sh\nexit 0\n",
        "target/tools/bin/rustup": "#!/bin/sh\n",
        "target/tools/bin/rustc": "#!/bin/sh\n[ $1 = --print ] && echo /rust || echo commit-hash: 5980\n",
        "target/tools/bin/cargo-zigbuild": f"""#!/bin/sh
[ -z "${{RUSTFLAGS+is set}}" ] && printf '%s' "$CARGO_ENCODED_RUSTFLAGS" >{str(tmp_path)!r}/flags
for of in "$CARGO_TARGET_DIR"/x86_64-unknown-linux-musl "$CARGO_TARGET_DIR"/x86_64-unknown-linux-gnu; do
  mkdir -p "$of/release" && touch "$of/release/{COMMAND}"
done
""",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    _git(root, "init", "--quiet")
    command = [root / "scripts" / "release", "--architecture", "x86_64", "--output", tmp_path / "made"]
    environment = {**os.environ, "CARGO_HOME": str(cargo_home), "RUSTFLAGS": "-Copt-level=0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "flags").read_text().split("\x1f") == [
        "-Cembed-bitcode=yes",
        f"--remap-path-prefix={root}=/source",
        f"--remap-path-prefix={root}/target/release-build=/target",
        f"--remap-path-prefix={cargo_home}=/cargo",
        "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/5980",
    ]


def test_every_platform_is_named_alike_where_it_is_named() -> None:
    """What compiles, what the bill is made of, and what checks the licences of what comes from outside."""
    assert TRIPLES.keys() == STATIC_TRIPLES.keys() == MACHINES.keys()
    every = {*TRIPLES.values(), *STATIC_TRIPLES.values()}
    for path in ("deny.toml", "scripts/release"):
        assert set(re.findall(r"\b(?:x86_64|aarch64)-unknown-linux-\w+", (ROOT / path).read_text())) == every, path


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
    parameter = "Parameters:\n  Architecture:\n    Default: x86_64\n"
    assert "Default: arm64" in template(f"{parameter}Outputs:\n", "arm64", "c")
    for text in (parameter, "Parameters:\n  Other:\n    Default: x86_64\nOutputs:\n"):
        with pytest.raises(Failure, match="another form"):
            template(text, "arm64", "c")


def test_the_bill_names_what_is_compiled_in_and_nothing_else(
    metadata: dict[str, Any], of_command: dict[str, Any], toolchain: Toolchain
) -> None:
    """> The bill of materials of a release names every package that is compiled in, and none that only tests use."""
    of_functions, of_commands = shipped(metadata, TASKS), shipped(of_command, [COMMAND])
    names = {package["name"] for package in of_functions}
    assert {"aws-sdk-rds", "ring", "rustls", "tokio"} <= names and "clap" not in names
    assert {"aws-sdk-cloudformation", "clap", "ring", "rustls"} <= {package["name"] for package in of_commands}
    packages = list({package["id"]: package for package in [*of_functions, *of_commands]}.values())
    assert not {"proptest", "rcgen", "saphyr", "serde_derive", "replication"} & {
        package["name"] for package in packages
    }
    lock = (ROOT / "Cargo.lock").read_text()
    parts = toolchain.parts()
    made = bill(packages, [metadata, of_command], lock, parts, version="1", commit="c", time=COMMIT.time)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", made["serialNumber"])
    references = [component["bom-ref"] for component in made["components"]]
    assert len(references) == len(set(references)) == len(packages) + len(parts)
    for component in made["components"][: len(packages)]:
        assert component["purl"] == f"pkg:cargo/{component['name']}@{component['version']}"
        assert re.fullmatch("[0-9a-f]{64}", component["hashes"][0]["content"])
    assert {component["name"] for component in made["components"][len(packages) :]} == {
        *("rust-standard-library", "zig-compiler-rt", "libunwind", "musl", "glibc-startup-files")
    }
    known = {*references, "rds-replication"}
    assert {one["ref"] for one in made["dependencies"]} == known
    assert all(set(one["dependsOn"]) <= known for one in made["dependencies"])
    needed = set(made["dependencies"][0]["dependsOn"])
    assert {f"pkg:generic/{part.name}@{part.version}" for part in parts} <= needed
    assert any(one.startswith("pkg:cargo/clap@") for one in needed)


def test_a_release_has_the_bill_of_the_functions_and_of_the_command(tmp_path: Path) -> None:
    release = tmp_path / "release"
    make(ROOT, release, TASKS, {"arm64": programs(tmp_path / "a")["arm64"]}, COMMIT)
    names = {component["name"] for component in json.loads((release / "bom.cdx.json").read_text())["components"]}
    # What only the functions have, what only the command has, and what no package of Cargo is.
    assert {"lambda_runtime", "clap", "musl", "rust-standard-library"} <= names
    text = (release / "LICENSES.txt").read_text()
    assert all(re.search(rf"^{re.escape(name)} \S+: ", text, re.MULTILINE) for name in names)


def test_a_bill_has_what_a_package_needs_on_one_platform_only() -> None:
    def platform(needed: list[str]) -> dict[str, Any]:
        deps = [{"pkg": id, "dep_kinds": [{"kind": None}]} for id in needed]
        return {"resolve": {"nodes": [{"id": "a", "deps": deps}, {"id": "b", "deps": []}]}}

    packages = [{"id": id, "name": id, "version": "1", "license": "MIT"} for id in ("a", "b")]
    lock = "".join(f'name = "{id}"\nversion = "1"\nsource = "s"\nchecksum = "{"0" * 64}"\n' for id in ("a", "b"))
    made = bill(packages, [platform([]), platform(["b"])], lock, [], version="1", commit="c", time=COMMIT.time)
    assert {"ref": "pkg:cargo/a@1", "dependsOn": ["pkg:cargo/b@1"]} in made["dependencies"]


def test_every_licence_is_there_with_its_text(
    metadata: dict[str, Any], of_command: dict[str, Any], toolchain: Toolchain
) -> None:
    packages = [*shipped(metadata, TASKS), *shipped(of_command, [COMMAND])]
    text = licences(packages, toolchain)
    texts: dict[str, str] = {}
    for names, one in re.findall(r"\n-{100}\nof (.+)\n-{100}\n((?s:.+?))(?=\n-{100}\nof |\Z)", text):
        for name in names.split(", "):
            texts[name] = texts.get(name, "") + one
    for package in packages:
        name = f"{package['name']} {package['version']}"
        assert f"{name}: {expression(package)}\n" in text
        assert len(texts[name]) > 500, name
    for part in toolchain.parts():
        name = f"{part.name} {part.version}"
        assert f"{name}: {part.expression}\n" in text and len(texts[name]) > 500, name
    assert "Permission is hereby granted" in text and "Apache License" in text
    # What packages bring none of, and what they have taken from elsewhere.
    (simd,) = (of for name, of in texts.items() if name.startswith("base64-simd "))
    assert "Copyright (c) the authors of base64-simd (https://github.com/Nugine/simd)\n\nPermission is" in simd
    (runtime,) = (of for name, of in texts.items() if name.startswith("lambda_runtime "))
    assert "David Calavera" in runtime and "Apache License" in runtime
    (ring,) = (of for name, of in texts.items() if name.startswith("ring "))
    assert "fiat-crypto" in ring
    assert "Rich Felker" in text and "unlimited\n   permission to link" in text
    assert "hashbrown" in toolchain.standard_library()


def test_a_package_without_any_text_is_refused(tmp_path: Path) -> None:
    package = {
        "name": "a",
        "version": "1",
        "license": "MIT OR Unheard-1.0",
        "authors": [],
        "repository": "https://example.org/a",
        "manifest_path": str(tmp_path / "Cargo.toml"),
    }
    licences_of = tmp_path / "share/doc/rust/licenses"
    licences_of.mkdir(parents=True)
    (licences_of / "MIT.txt").write_text("MIT License")
    with pytest.raises(Failure, match="a 1 brings no text of its licence, and Rust has none of Unheard-1.0"):
        licences([package], Toolchain(tmp_path, "1.0.0"))
    with pytest.raises(Failure, match=r"LICENSES|COPYRIGHT-library.html is not there.*; to fix this: "):
        Toolchain(tmp_path, "1.0.0").standard_library()


def test_a_licence_with_a_slash_is_an_expression_and_none_is_refused() -> None:
    package = {"name": "a", "version": "1", "license": "MIT/Apache-2.0"}
    assert expression(package) == "MIT OR Apache-2.0"
    with pytest.raises(Failure, match="says no licence"):
        expression(package | {"license": None})


def test_checksums_are_those_of_the_lock_file() -> None:
    entry = 'name = "a"\nversion = "1.0.0"\nsource = "registry"\nchecksum = "' + "0" * 64 + '"\n'
    assert checksums(f"[[package]]\n{entry}\n") == {("a", "1.0.0"): "0" * 64}


def test_a_command_that_needs_libraries_is_refused() -> None:
    assert needs_libraries(Path(sys.executable).resolve().read_bytes())
    assert not needs_libraries((Path(ziglang.__file__).parent / "zig").read_bytes())
