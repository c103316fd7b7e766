"""The documents: links that lead somewhere, and commands that are there with the options that are written."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer import ROOT, Account

DOCUMENTS = sorted(
    Path(path)
    for path in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
)
#: Where a command reads its options, if not in its own script.
READ_BY = {
    "adopt": ["console/adopt.py"],
    "destroy": ["console/destroy.py"],
    "local-cloud": ["local-cloud/local_cloud/command.py"],
    "demo": ["demo/__main__.py", "demo/demonstration.py"],
    "bench": ["tests/bench/__main__.py"],
}
#: What the commands of both accounts share.
SHARED = ["console/account.py", "console/command.py"]

PARAMETERS = {name for role in ("source", "destination") for name in Account(role).template["Parameters"]}

each = pytest.mark.parametrize("path", DOCUMENTS, ids=str)


def prose(path: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", (ROOT / path).read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each
def test_links_lead_somewhere(path: Path) -> None:
    """> Every link in the documents leads to a file and a heading that exist."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (ROOT / path.parent / name).resolve() if name else ROOT / path
        assert found.exists(), f"{path}: {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found.relative_to(ROOT)), f"{path}: {target}"


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of this repository in a text, with the options behind it."""
    for block in re.findall(r"^ *```.*?\n(.*?)^ *```|`([^`\n]+)`", text, re.DOTALL | re.MULTILINE):
        for line in re.sub(r"\\\n", " ", block[0] or block[1]).splitlines():
            line = line.partition(" #")[0]
            for found in re.finditer(r"(?:^|[\s(])scripts/([\w-]+)([^|;)]*)", line):
                yield found.group(1), re.findall(r"(?<!\S)(--[a-z-]+)", found.group(2))


@each
def test_commands_are_written_as_they_are(path: Path) -> None:
    """> Every command in the documents exists and has the options with which it is written there."""
    for name, options in commands((ROOT / path).read_text()):
        script = ROOT / "scripts" / name
        assert script.exists(), f"{path}: scripts/{name}"
        # The options of the program in Rust its own test checks, crates/operator/src/tests/docs.rs, which can ask its parser.
        if name == "operator" or re.search(r'^exec ".*/operator" ', script.read_text(), re.MULTILINE):
            continue
        readers = [f"scripts/{name}", *READ_BY.get(name, []), *SHARED]
        known = "\n".join((ROOT / reader).read_text() for reader in readers if (ROOT / reader).exists())
        for option in options:
            assert re.search(rf"{option}\b(?!-)", known), f"{path}: scripts/{name} has no {option}"


@each
def test_parameters_are_written_as_they_are(path: Path) -> None:
    for name in re.findall(r"--parameter[ =]([A-Za-z]+)=", (ROOT / path).read_text()):
        assert name in PARAMETERS or name in {"KEY", "Name"}, f"{path}: there is no parameter {name}"


POLICIES = sorted((ROOT / "docs").glob("*-policy-*.json"))


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_policies_are_of_no_partition(path: Path) -> None:
    """What names `arn:aws:` covers nothing in China and in GovCloud."""
    text = path.read_text()
    assert "arn:PARTITION:" in text and "arn:aws" not in text
    # The endpoints of China end otherwise.
    assert not re.search(r"ViaService.*amazonaws\.com", text)


@pytest.mark.parametrize("path", ["docs/security.md", "docs/trial.md"])
def test_values_are_put_into_policies_with_the_commands_that_are_written(path: str, tmp_path: Path) -> None:
    found = re.findall(r"^sed (?:.*\\\n)*.*\.json > [a-z]+\.json$", (ROOT / path).read_text(), re.MULTILINE)
    assert len(found) == {"docs/security.md": 1, "docs/trial.md": 4}[path]
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for command in found:
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
        [filled] = tmp_path.glob("*.json")
        left = re.findall(r"PARTITION|ACCOUNT|REGION|SECRET_NAME", json.dumps(json.loads(filled.read_text())))
        assert left == [], command
        filled.unlink()


def test_the_actions_of_the_local_cloud_are_those_of_its_emulator() -> None:
    code = (ROOT / "local-cloud/emulator/src/operations/operation.rs").read_text()
    operations = set(re.findall(r'^    \((\w+), "', code, re.MULTILINE))
    assert len(operations) > 30
    table = (ROOT / "docs/local-cloud.md").read_text().partition("| | actions |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(operations)


def test_the_check_sees_what_is_wrong() -> None:
    text = "```sh\nscripts/replicate --fleet \\\n  --nowhere x   # --not-this\n```\n`scripts/none`"
    assert list(commands(text)) == [("replicate", ["--fleet", "--nowhere"]), ("none", [])]
