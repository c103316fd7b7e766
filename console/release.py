"""Makes the directory of a release from what was built: packages, templates, machines, the command of operators, a bill of
materials, licences and checksums. The same binaries of the same commit give the same bytes.

<directory>/
  README.txt  LICENSE  CHANGELOG.md  LICENSES.txt  bom.cdx.json  SHA256SUMS
  x86_64/ and arm64/:
    lambda/<task>.zip  cloudformation/<role>-account.yaml  statemachines/<name>.asl.json  bin/rds-replication
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from console.bill import bill, licences, shipped, written
from console.failure import Failure
from console.packing import packed

#: The command of operators.
COMMAND = "rds-replication"
#: What the processors are called by Lambda, and by Rust.
TRIPLES = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
ROLES = ("source", "destination")
SUMS = "SHA256SUMS"

README = """rds-replication {version}, of commit {commit}

To deploy from here, no Rust is needed. With the scripts of the same commit:

  scripts/deploy source      --release <this directory> --parameter ...
  scripts/deploy destination --release <this directory> --parameter ...

or, for functions on arm64, the same with --architecture arm64. With nothing but the AWS CLI and a bucket:

  cd x86_64
  aws cloudformation package --template-file cloudformation/source-account.yaml --s3-bucket <bucket> \\
    --output-template-file packaged.yaml
  aws cloudformation deploy --template-file packaged.yaml --s3-bucket <bucket> --stack-name rds-replication-source \\
    --capabilities CAPABILITY_IAM --parameter-overrides Architecture=x86_64 DestinationAccountNumber=<account> ...

Whether everything is as it was made: sha256sum --check {sums}
"""


@dataclass(frozen=True)
class Commit:
    """What the release is of."""

    version: str
    id: str
    time: str


def make(root: Path, output: Path, tasks: Sequence[str], binaries: dict[str, Path], commit: Commit) -> None:
    """Writes everything into `output`, which must not be there; `binaries` are the compiled programs of each architecture."""
    output.mkdir()
    for architecture, directory in binaries.items():
        _of_architecture(root, output / architecture, architecture, tasks, directory)
    metadata = {architecture: _metadata(root, TRIPLES[architecture]) for architecture in binaries}
    programs = [*tasks, COMMAND]
    found = {one["id"]: one for of in metadata.values() for one in shipped(of, programs)}
    packages = sorted(found.values(), key=lambda one: (one["name"], one["version"]))
    first = next(iter(metadata.values()))
    lock = (root / "Cargo.lock").read_text()
    document = bill(packages, first, lock, version=commit.version, commit=commit.id, time=commit.time)
    _write(output / "bom.cdx.json", written(document))
    _write(output / "LICENSES.txt", licences(packages))
    for name in ("LICENSE", "CHANGELOG.md"):
        _write(output / name, (root / name).read_text())
    _write(output / "README.txt", README.format(version=commit.version, commit=commit.id, sums=SUMS))
    _write(output / SUMS, sums(output))


def _of_architecture(root: Path, output: Path, architecture: str, tasks: Sequence[str], binaries: Path) -> None:
    for task in tasks:
        _write(output / "lambda" / f"{task}.zip", packed((binaries / task).read_bytes()))
    for role in ROLES:
        name = f"{role}-account.yaml"
        _write(output / "cloudformation" / name, template((root / "cloudformation" / name).read_text(), architecture))
    for machine in sorted((root / "statemachines").glob("*.asl.json")):
        _write(output / "statemachines" / machine.name, machine.read_text())
    _write(output / "bin" / COMMAND, (binaries / COMMAND).read_bytes(), mode=0o755)


def template(text: str, architecture: str) -> str:
    """A template that names the packages of the release, and their processor by default."""
    text = text.replace("Code: ../target/lambda/", "Code: ../lambda/")
    parameter = re.compile(r"(\n  Architecture:\n(?:    .*\n)*?    Default: )x86_64\n")
    text, count = parameter.subn(rf"\g<1>{architecture}\n", text)
    if count != 1 or "../target" in text:
        raise Failure("the template has another form than a release knows: see console/release.py")
    return text


def _metadata(root: Path, triple: str) -> dict[str, Any]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", triple]
    made = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failure(f"cargo metadata: {made.stderr.strip()}")
    return json.loads(made.stdout)


def _write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def needs_libraries(binary: bytes) -> bool:
    """Whether a program is loaded with libraries of the system that it runs on."""
    return any(segment.header.p_type == "PT_INTERP" for segment in ELFFile(io.BytesIO(binary)).iter_segments())


def files(directory: Path) -> Iterable[Path]:
    """Everything in a release but the checksums, in order."""
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.name != SUMS)


def sums(directory: Path) -> str:
    """The checksums as `sha256sum --check` reads them."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(directory).as_posix()}\n"
        for path in files(directory)
    )


def differences(first: Path, second: Path) -> list[str]:
    """The files in which two releases differ."""
    one, other = (
        {path.relative_to(of).as_posix(): (path.read_bytes(), path.stat().st_mode) for path in files(of)}
        for of in (first, second)
    )
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _commit(root: Path) -> Commit:
    def git(*arguments: str) -> str:
        made = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Failure(f"git {arguments[0]}: {made.stderr.strip()}")
        return made.stdout.strip()

    if git("status", "--porcelain", "--untracked-files=no"):
        raise Failure("there are changes that are not committed: a release is of a commit")
    found = re.search(r'^version = "(.+)"$', (root / "Cargo.toml").read_text(), re.MULTILINE)
    if not found:
        raise Failure("Cargo.toml has no version")
    time = datetime.fromtimestamp(int(git("log", "-1", "--format=%ct")), timezone.utc)
    return Commit(found.group(1), git("rev-parse", "HEAD"), time.strftime("%Y-%m-%dT%H:%M:%SZ"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the release, and with --check a second time beside it, and compares."""
    parser = argparse.ArgumentParser(prog="python -m console.release", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--ready", action="store_true", help="print the commit that it would be of, and make nothing")
    parser.add_argument("--commit", help="the commit that was compiled; another one by now is refused")
    parser.add_argument("--binaries", action="append", default=[], metavar="ARCHITECTURE=DIRECTORY")
    parser.add_argument("--again", action="append", default=[], metavar="ARCHITECTURE=DIRECTORY")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("tasks", nargs="*")
    given = parser.parse_args(arguments)
    try:
        commit = _commit(given.root)
        if given.output.exists():
            raise Failure(f"{given.output} is there already; to fix this: remove it, or give another --output")
        if given.ready:
            print(commit.id)
            return 0
        if given.commit != commit.id:
            raise Failure(
                f"{given.commit} was compiled, and {commit.id} is checked out now; to fix this: make it again"
            )
        _made(given, commit)
    except Failure as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _made(given: argparse.Namespace, commit: Commit) -> None:
    """The release under its name only when all of it is there and was checked."""
    binaries = _binaries(given.binaries)
    for command in (of / COMMAND for of in binaries.values()):
        if needs_libraries(command.read_bytes()):
            raise Failure(f"{command} is not static: it would need the libraries of one system")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.output.parent, prefix=f".{given.output.name}-") as directory:
        first, second = (Path(directory) / name for name in ("first", "second"))
        make(given.root, first, given.tasks, binaries, commit)
        if given.check:
            make(given.root, second, given.tasks, _binaries(given.again or given.binaries), commit)
            different = differences(first, second)
            if different:
                raise Failure("made twice, these files differ:\n" + "\n".join(different))
            print(f"made twice, and all {len(list(files(first)))} files are the same")
        first.rename(given.output)


def _binaries(given: Sequence[str]) -> dict[str, Path]:
    pairs = (one.partition("=") for one in given)
    return {architecture: Path(directory) for architecture, _, directory in pairs}


if __name__ == "__main__":
    sys.exit(main())
