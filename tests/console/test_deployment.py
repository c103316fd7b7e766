"""What `scripts/deploy` refuses before it makes anything, and calls of the scripts through a symbolic link."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aws import FakeAccount, Refused, stack
from conftest import ROOT
from console import deployment
from console.departure import ROLE_PARAMETERS
from console.deployment import (
    check_account,
    parameter_names,
    reserved_tags,
    unknown_parameters,
    wrong_topic,
    wrong_windows,
)
from console.failure import Failure
from world import A, B

TEMPLATES = {role: ROOT / "cloudformation" / f"{role}-account.yaml" for role in ("source", "destination")}
STRANGER = "333333333333"


def test_a_name_that_the_template_lacks_is_refused_with_what_was_meant() -> None:
    names = parameter_names(TEMPLATES["destination"])
    assert unknown_parameters({"SourceDBIdentifier": "x", "NoOfOlderInstances": "0"}, names) == ""
    for mistaken, meant in (
        ("SourceDbIdentifier", "SourceDBIdentifier"),
        ("NoOfOlderInstance", "NoOfOlderInstances"),
        ("SubnetGroups", "Subnetgroups"),
        ("sgid", "SGID"),
    ):
        said = unknown_parameters({mistaken: "x"}, names)
        first = said.splitlines()[0]
        assert first.startswith(f"the template has no parameter {mistaken}; did you mean ") and meant in first
    said = unknown_parameters({"Xyzzy": "x"}, names)
    assert said.splitlines()[0] == "the template has no parameter Xyzzy" and "SourceTopicArn" in said.splitlines()[1]


def test_the_command_refuses_such_a_name_before_it_asks_for_credentials() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [ROOT / "scripts" / "deploy", "destination", "--no-build", "--parameter", "SourceDbIdentifier=orders"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "deploy: the template has no parameter SourceDbIdentifier; did you mean SourceDBIdentifier?" in ended.stderr


@pytest.mark.parametrize(
    ("backup", "maintenance", "said"),
    [
        ("", "", None),
        ("03:00-03:30", "sun:04:00-sun:04:30", None),
        ("23:45-00:15", "", None),
        ("", "sun:23:45-mon:00:15", None),
        ("", "sun:00:00-sun:23:30", None),
        ("", "sun:00:00-mon:00:00", "less than 24 hours"),
        ("", "sun:00:10-mon:00:05", "PreferredMaintenanceWindow=sun:00:10-mon:00:05 leaves no 30 minutes"),
        ("04:00-05:00", "sun:00:10-mon:00:05", "leaves no 30 minutes"),
        ("03:00-04:00", "sun:04:00-sun:04:30", None),
        ("03:00-03:29", "", "lasts 29 minutes"),
        ("03:00-03:00", "", "lasts 0 minutes"),
        ("", "sun:04:00-sun:04:15", "lasts 15 minutes"),
        ("", "sun:04:00-mon:04:01", "lasts 1441 minutes"),
        ("", "sun:04:00-sun:03:30", "lasts 10050 minutes"),
        ("24:00-24:30", "", "is no window"),
        ("", "sun:29:00-sun:29:30", "is no window"),
        ("", "Sun:04:00-Sun:04:30", "is no window"),
        ("sun:03:00-sun:03:30", "", "is no window"),
        ("03:00-04:01", "sun:04:00-sun:04:30", "overlap"),
        ("04:10-04:40", "wed:04:00-wed:04:30", "overlap"),
        ("23:45-00:15", "mon:00:00-mon:00:30", "overlap"),
        ("00:00-00:30", "sun:23:45-mon:00:15", "overlap"),
    ],
)
def test_windows_that_rds_would_refuse_are_refused(backup: str, maintenance: str, said: str | None) -> None:
    found = list(wrong_windows({"PreferredBackupWindow": backup, "PreferredMaintenanceWindow": maintenance}))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_the_command_and_the_functions_judge_windows_alike() -> None:
    named = {"backup": "PreferredBackupWindow=", "maintenance": "PreferredMaintenanceWindow=", "overlap": " overlap"}
    lines = [
        line.split() for line in (ROOT / "tests" / "windows.txt").read_text().splitlines() if not line.startswith("#")
    ]
    assert len(lines) > 30
    for backup, maintenance, verdict in lines:
        given = {"PreferredBackupWindow": backup, "PreferredMaintenanceWindow": maintenance}
        found = list(wrong_windows({name: text.strip("-") and text for name, text in given.items()}))
        assert len(found) == (verdict != "good"), (backup, maintenance, found)
        assert verdict == "good" or named[verdict] in found[0], (backup, maintenance, found)


# ------------------------------------------------------------------------------------------------ the account's number


def check(wanted: str = B, **changes: Any) -> None:
    given = {"own": A, "deployed": None, "confirmed": None, "of_profile": lambda: None, "ask": None}
    check_account(wanted, **(given | changes))


def test_an_account_that_something_vouches_for_is_taken() -> None:
    def never(*_: object) -> Any:
        raise AssertionError("nothing is looked up or asked")

    check(of_profile=lambda: B, ask=never)
    check(deployed=B, of_profile=never, ask=never)
    check(confirmed=B, of_profile=never, ask=never)
    check(ask=lambda _: f"{B}\n")
    check(ask=lambda _: "2222-2222-2222\n")


@pytest.mark.parametrize(
    ("wanted", "changes", "said"),
    [
        (STRANGER, {"of_profile": lambda: B}, "is not the account of the destination profile, 222222222222"),
        (STRANGER, {"of_profile": lambda: B, "deployed": B}, "would be shared with a stranger"),
        (A, {"of_profile": lambda: B}, "is the source account itself: RDS shares a snapshot with other accounts only"),
        (A, {"deployed": A}, "is the source account itself"),
        (A, {"confirmed": A}, "is the source account itself"),
        (B, {}, "If it is, add --confirm-destination-account 222222222222"),
        (
            B,
            {"confirmed": STRANGER},
            "--confirm-destination-account 333333333333 is not DestinationAccountNumber=222222222222",
        ),
        (B, {"ask": lambda _: "y\n"}, "that is another number; nothing was deployed"),
        (B, {"ask": lambda _: ""}, "that is another number"),
        ("2222-2222-2222", {"confirmed": "2222-2222-2222"}, "give its 12 digits"),
    ],
)
def test_an_account_that_nobody_vouches_for_is_refused(wanted: str, changes: dict, said: str) -> None:
    with pytest.raises(Failure) as raised:
        check(wanted, **changes)
    assert said in str(raised.value)


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """The checks of a source stack that exists and shares with B, on no terminal; answers with exit code and errors."""
    account = FakeAccount(A, stack="rds-replication-source")
    parameters = {"DestinationAccountNumber": B, "PreferredBackupWindow": "04:00-04:30"}
    parameters |= {name: "" for names in ROLE_PARAMETERS.values() for name in names}
    account.answer("DescribeStacks", {"Stacks": [stack("rds-replication-source", {}, parameters)]})
    monkeypatch.setattr(deployment, "Account", lambda *_: account)
    monkeypatch.setattr(deployment, "account_of_profile", lambda name: STRANGER if name == "stranger" else None)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, role: str = "source", answer: Any = None) -> tuple[int, str]:
        if answer:
            account.answer("DescribeStacks", answer)
        about_stack = ["--stack", "rds-replication-source", "--account", A]
        code = deployment.main(["--role", role, "--template", str(TEMPLATES[role]), *about_stack, *arguments])
        return code, capsys.readouterr().err

    return run


def test_production_is_shared_with_another_account_only_if_that_is_meant(deploy: Callable) -> None:
    other = f"DestinationAccountNumber={STRANGER}"
    assert deploy() == (0, "")
    assert deploy("SnapshotsToKeep=3") == (0, "")
    assert deploy(f"DestinationAccountNumber={B}") == (0, ""), "nothing changes"
    code, said = deploy(other)
    assert code == 1 and said.startswith("deploy: nothing here confirms that 333333333333 is the account")
    assert deploy("--destination-profile", "stranger", other) == (0, "")
    assert deploy("--confirm-destination-account", STRANGER, other) == (0, "")


def test_a_destination_in_the_account_of_its_source_is_refused(deploy: Callable) -> None:
    own, other = (f"SourceTopicArn=arn:aws:sns:eu-west-1:{number}:topic" for number in (A, B))
    code, said = deploy(own, role="destination")
    assert code == 1 and said.startswith(
        f"deploy: {own} is a topic of account {A}, to which the destination stack would be"
    )
    assert "to fix this: deploy with credentials of the destination account" in said
    assert deploy(other, role="destination") == (0, "")
    # A stack that is there already keeps its topic where none is given.
    assert wrong_topic({"SourceTopicArn": own.partition("=")[2]}, A) and not wrong_topic({}, A)
    # What is no ARN the template refuses.
    assert not wrong_topic({"SourceTopicArn": A}, A)


def test_a_window_is_compared_with_the_one_that_the_stack_has(deploy: Callable) -> None:
    assert deploy("PreferredMaintenanceWindow=sun:05:00-sun:05:30", role="destination") == (0, "")
    code, said = deploy("PreferredMaintenanceWindow=sun:04:00-sun:04:30", role="destination")
    assert code == 1 and "overlap" in said


SOURCE = dict.fromkeys(ROLE_PARAMETERS["source"], "")


@pytest.mark.parametrize(
    ("status", "parameters", "said"),
    [
        ("CREATE_COMPLETE", SOURCE, ""),
        ("ROLLBACK_COMPLETE", SOURCE, ""),
        ("REVIEW_IN_PROGRESS", SOURCE, ""),
        ("REVIEW_IN_PROGRESS", {}, ""),
        ("REVIEW_IN_PROGRESS", {"Url": ""}, "is no source stack of this project, and is not touched"),
        ("CREATE_COMPLETE", {}, "is no source stack of this project, and is not touched"),
        ("ROLLBACK_COMPLETE", {"ScheduleState": ""}, "has no parameter SourceDBSnapshotName: it is no source stack"),
        ("UPDATE_COMPLETE", dict.fromkeys(ROLE_PARAMETERS["destination"], ""), "give another name with --stack-name"),
        ("CREATE_FAILED", SOURCE, "is CREATE_FAILED: it cannot be updated, and holds resources"),
        ("ROLLBACK_FAILED", SOURCE, "let scripts/destroy source --stack-name rds-replication-source remove it"),
        ("DELETE_FAILED", SOURCE, "is DELETE_FAILED: it cannot be updated, and holds resources"),
        ("CREATE_FAILED", {"Url": ""}, "is no source stack of this project, and is not touched"),
    ],
)
def test_a_stack_of_somebody_else_or_one_that_holds_something_is_neither_updated_nor_replaced(
    deploy: Callable, status: str, parameters: dict[str, str], said: str
) -> None:
    code, printed = deploy(answer={"Stacks": [stack("rds-replication-source", {}, parameters, status)]})
    assert code == bool(said) and said in printed and bool(said) == bool(printed)


def test_a_stack_that_cannot_be_read_is_not_taken_for_a_new_one(deploy: Callable) -> None:
    def denied(_: dict) -> dict:
        raise Refused("AccessDenied")

    code, printed = deploy(answer=denied)
    assert code == 1 and "deploy: An error occurred (AccessDenied)" in printed


def test_a_reserved_tag_is_refused_by_name(deploy: Callable) -> None:
    """(16)"""
    assert list(reserved_tags("--tags", [("CostCentre", "42"), ("AWSome", "x"), ("stack", "")])) == []
    for tag, said in (
        ("aws:x=1", "the tag aws:x=1 is reserved: what begins with aws: or rds: is of AWS"),
        ("team=RDS:x", "the tag team=RDS:x is reserved"),
        ("rds-replication:stack=mine", "the tag rds-replication:stack is reserved"),
        ("to-be-deleted=True", "the tag to-be-deleted is reserved"),
    ):
        code, printed = deploy(f"ExtraTags=team=data,{tag}")
        assert code == 1 and f"deploy: ExtraTags: {said}" in printed
        code, printed = deploy("--tag", "CostCentre=42", "--tag", tag)
        assert code == 1 and f"deploy: --tags: {said}" in printed
    assert deploy("--tag", "CostCentre=42", "ExtraTags=team=data,cost centre=4=2") == (0, "")


# ------------------------------------------------------------------------------------------------------ a symbolic link


def test_a_call_through_a_symbolic_link_finds_the_tools_that_are_there(tmp_path: Path) -> None:
    """They are installed for one directory; another name of it must not remove them, least of all under a cloud that runs."""
    checkout, link = tmp_path / "checkout", tmp_path / "link"
    (checkout / "scripts").mkdir(parents=True)
    for path in (ROOT / "scripts" / "setup", *(ROOT / "scripts").glob("requirements*.txt")):
        shutil.copy(path, checkout / "scripts")
    link.symlink_to(checkout)
    tools = checkout / "target" / "tools"
    (tools / "bin").mkdir(parents=True)
    (tools / "postgres").mkdir()
    for program in (
        tools / "bin" / "python",
        *(tools / "postgres" / name for name in ("initdb", "postgres", "pg_ctl", "pg_basebackup")),
    ):
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    arguments = f'"{tools}/bin/python" "{checkout}/local-cloud/local_cloud/aws_cli.py" "$@"'
    (tools / "bin" / "aws").write_text(f"#!/bin/sh\nexec {arguments}\n")
    (tools / "postgres-bin").write_text(f"{tools}/postgres\n")
    wanted = f"{tools}\n".encode() + (checkout / "scripts" / "requirements-deploying.txt").read_bytes()
    (tools / "stamp").write_text(f"{hashlib.sha256(wanted).hexdigest()}  -\n")
    # No Python, so that nothing is installed where something would be.
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "cat", "sha256sum", "env", "readlink"):
        (programs / name).symlink_to(shutil.which(name))
    command = tmp_path / "setup"
    command.symlink_to(link / "scripts" / "setup")
    for setup in (checkout / "scripts" / "setup", link / "scripts" / "setup", command):
        ended = subprocess.run([setup], env={"PATH": str(programs)}, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), setup
    for script in (ROOT / "scripts").iterdir():
        text = script.read_text() if script.is_file() and script.suffix == "" else ""
        root = 'root=$(cd "$(dirname "$(readlink --canonicalize "${BASH_SOURCE[0]}")")/.." && pwd -P)\n'
        assert "/.." not in text or text.count(root) == 1, script
