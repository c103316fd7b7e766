"""What `scripts/deploy` refuses about the secret of a destination stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws import FakeAccount, Refused, stack
from conftest import ROOT
from console import deployment
from console.failure import Failure
from console.secret import plain_name
from console.secret_choice import check_secret
from world import B

TEMPLATE = ROOT / "cloudformation" / "destination-account.yaml"
PREFIX = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:"
USED, OTHER = f"{PREFIX}orders/read-AbCdEf", f"{PREFIX}shop/read-XyZ123"
CANARY = "hunter2"


class Secrets:
    """An account with some secrets: what they name, or the code of the error of whoever reads them."""

    def __init__(self) -> None:
        self.account = FakeAccount(B, stack="s")
        self.values: dict[str, str] = {}
        self.described: dict[str, dict] = {}
        self.account.answer("GetSecretValue", self._value)
        self.account.answer("DescribeSecret", self._describe)

    def add(self, arn: str, host: str | None, **more: Any) -> None:
        """One that names this host; None for one that cannot be read."""
        found = {"ARN": arn, "Name": plain_name(arn), **more}
        self.described |= {arn: found, found["Name"]: found}
        if host is not None:
            self.values[arn] = json.dumps({"db_host": host, "db_prefix": "copy", "password": CANARY})

    def check(self, before: dict, after: dict, outputs: dict | None = None) -> str:
        """Why it is refused; empty if it is not."""
        defaults = {"SecretName": "orders/read", "ExistingSecretArn": ""}
        try:
            check_secret(self.account, B, outputs, defaults | before, defaults | before | after)
        except Failure as failure:
            assert CANARY not in str(failure)
            return str(failure)
        return ""

    def _value(self, asked: dict) -> dict:
        if asked["SecretId"] not in self.values:
            code = "AccessDeniedException" if asked["SecretId"] in self.described else "ResourceNotFoundException"
            raise Refused(code)
        return {"ARN": asked["SecretId"], "SecretString": self.values[asked["SecretId"]], "VersionId": "v"}

    def _describe(self, asked: dict) -> dict:
        if asked["SecretId"] not in self.described:
            raise Refused("ResourceNotFoundException")
        return self.described[asked["SecretId"]]


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


DEPLOYED = {"SecretArn": USED, "SecretName": "orders/read"}


def test_a_secret_of_another_account_or_region_is_refused_by_name(secrets: Secrets) -> None:
    for arn, said in (
        (USED.replace(B, "333333333333"), "is in account 333333333333, Region eu-west-1"),
        (USED.replace("eu-west-1", "eu-west-2"), f"is in account {B}, Region eu-west-2"),
        ("orders/read", "is no ARN of a secret"),
        (f"arn:aws:kms:eu-west-1:{B}:key:x", "is no ARN of a secret"),
        (USED, "does not exist"),
    ):
        assert said in secrets.check({}, {"ExistingSecretArn": arn}), arn
    assert secrets.account.calls["GetSecretValue"] == 0


def test_what_is_no_whole_arn_or_scheduled_for_deletion_is_refused_with_what_to_do(secrets: Secrets) -> None:
    secrets.add(USED, "")
    secrets.described[f"{PREFIX}orders/read"] = secrets.described[USED]
    assert f"to fix this: give {USED}" in secrets.check({}, {"ExistingSecretArn": f"{PREFIX}orders/read"})
    assert secrets.check({}, {"ExistingSecretArn": USED}) == ""
    secrets.add(OTHER, None, DeletedDate=1)
    assert "aws secretsmanager restore-secret" in secrets.check({}, {"ExistingSecretArn": OTHER})


def test_a_new_stack_is_reported_the_arn_of_the_secret_that_has_its_name(secrets: Secrets) -> None:
    assert secrets.check({}, {}) == ""
    secrets.add(USED, "copy-7.c1.example")
    assert f"add --parameter ExistingSecretArn={USED}" in secrets.check({}, {})
    assert secrets.check({}, {}, outputs={}) == "", "what a failed creation has left goes first"
    secrets.add(USED, None, DeletedDate=1)
    said = secrets.check({}, {})
    assert "scheduled for deletion" in said and "restore-secret --secret-id orders/read" in said


@pytest.mark.parametrize(
    ("before", "after", "host", "new", "is_refused"),
    [
        ({}, {}, "copy-7", None, False),
        ({}, {"SecretName": "shop/read"}, "copy-7", None, True),
        ({}, {"SecretName": "shop/read"}, "", None, False),
        ({}, {"ExistingSecretArn": OTHER}, "copy-7", "", True),
        ({}, {"ExistingSecretArn": OTHER}, "copy-7", "copy-6", True),
        ({}, {"ExistingSecretArn": OTHER}, "copy-7", "copy-7", False),
        ({}, {"ExistingSecretArn": OTHER}, "", "elsewhere", False),
        ({}, {"ExistingSecretArn": USED}, "copy-7", None, False),
        ({}, {"ExistingSecretArn": USED, "SecretName": "shop/read"}, "copy-7", None, False),
        ({"ExistingSecretArn": USED}, {"ExistingSecretArn": "", "SecretName": "shop/read"}, "copy-7", None, True),
        ({"ExistingSecretArn": USED}, {"SecretName": "shop/read"}, "copy-7", None, False),
        # Nobody can tell what readers depend on.
        ({}, {"SecretName": "shop/read"}, None, None, True),
    ],
)
def test_a_stack_keeps_its_secret_while_readers_depend_on_it(
    secrets: Secrets, before: dict, after: dict, host: str | None, new: str | None, is_refused: bool
) -> None:
    secrets.add(USED, host)
    if new is not None:
        secrets.add(OTHER, new)
    said = secrets.check(before, after, DEPLOYED)
    assert bool(said) == is_refused, said
    if is_refused:
        assert "Readers do not move to it" in said and USED in said and "To fix this: keep SecretName" in said


def test_a_secret_that_is_lost_may_be_replaced(secrets: Secrets) -> None:
    assert secrets.check({}, {"SecretName": "shop/read"}, DEPLOYED) == ""
    secrets.add(OTHER, "copy-7")
    assert "there is a secret shop/read already" in secrets.check({}, {"SecretName": "shop/read"}, DEPLOYED)


def test_the_command_asks_about_the_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    secrets = Secrets()
    secrets.add(USED, "copy-7.c1.example")
    parameters = {"SecretName": "orders/read", "DatabaseName": "orders", "SourceTopicArn": ""}
    secrets.account.answer("DescribeStacks", {"Stacks": [stack("s", DEPLOYED, parameters)]})
    monkeypatch.setattr(deployment, "Account", lambda *_: secrets.account)

    def run(*parameters: str) -> tuple[int, str]:
        about_stack = ["--role", "destination", "--template", str(TEMPLATE), "--stack", "s", "--account", B]
        code = deployment.main([*about_stack, *parameters])
        return code, capsys.readouterr().err

    assert run("NoOfOlderInstances=1") == (0, "")
    code, said = run("SecretName=shop/read")
    assert code == 1 and said.startswith("deploy: the secret of this stack would be another one, shop/read instead of")
    assert CANARY not in said


def test_the_name_of_a_secret_is_known_by_its_arn(secrets: Secrets) -> None:
    assert [plain_name(one) for one in (USED, "orders/read", "")] == ["orders/read", "orders/read", ""]
