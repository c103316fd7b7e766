"""What is read of the secret: two fields and nothing else, and why it cannot be read."""

from __future__ import annotations

import json
import traceback
from datetime import datetime, timezone
from typing import Any

import pytest

from aws import FakeAccount, Refused
from console.facts import Pointer, Unreadable
from console.secret import read_pointer
from world import B

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
SECRET = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:orders/read-x"
CANARY = "Canary-1f2e3d-never-shown"


class World:
    """The destination account, whose secret has what a test says."""

    def __init__(self) -> None:
        self.b = FakeAccount(B)
        self.secret({"db_host": "copy-1.c1.example", "db_prefix": "copy", "username": "u", "password": CANARY})

    def secret(self, fields: Any) -> None:
        text = fields if isinstance(fields, str) else json.dumps(fields)
        self.b.answer("GetSecretValue", {"ARN": SECRET, "Name": "orders/read", "SecretString": text})


@pytest.fixture
def here() -> World:
    return World()


# ---------------------------------------------------------------------------------------------------------- the secret


READABLE = [
    {"db_host": "copy-1.c1.example", "db_prefix": "copy", "password": CANARY},
    {"password": CANARY},
]
INVALID = [
    {"db_host": {"password": CANARY}, "db_prefix": "copy"},
    {"db_host": "h", "db_prefix": ["p", CANARY]},
    [CANARY],
    f'"{CANARY}"',
    f"{{'password': '{CANARY}'",
    CANARY,
    "",
]


@pytest.mark.parametrize("secret", READABLE + INVALID, ids=range(len(READABLE + INVALID)))
def test_no_field_of_the_secret_but_ours_is_ever_read(here: World, secret: Any) -> None:
    here.secret(secret)
    assert CANARY not in repr(read_pointer(here.b, SECRET))


def test_a_secret_that_is_none_of_ours_is_not_the_cause_of_any_error(here: World) -> None:
    for secret in INVALID:
        here.secret(secret)
        assert read_pointer(here.b, SECRET) == Unreadable("SecretInvalid")
    here.b.answer("GetSecretValue", {"ARN": SECRET, "SecretBinary": CANARY.encode()})
    assert read_pointer(here.b, SECRET) == Unreadable("SecretInvalid")
    here.secret(READABLE[1])
    assert read_pointer(here.b, SECRET) == Pointer("", "")


@pytest.mark.parametrize(
    ("refused", "by_arn", "by_name", "code"),
    [
        ("InvalidRequestException", {"DeletedDate": NOW}, None, "SecretScheduledForDeletion"),
        ("InvalidRequestException", {}, None, "InvalidRequestException"),
        ("InvalidRequestException", "AccessDeniedException", None, "InvalidRequestException"),
        ("ResourceNotFoundException", "ResourceNotFoundException", {"ARN": f"{SECRET}2"}, "SecretCreatedAnew"),
        ("ResourceNotFoundException", "ResourceNotFoundException", "ResourceNotFoundException", "SecretDeleted"),
        ("ResourceNotFoundException", {"ARN": SECRET}, None, "SecretWithoutValue"),
        ("ResourceNotFoundException", "AccessDeniedException", None, "ResourceNotFoundException"),
        ("AccessDeniedException", {"DeletedDate": NOW}, None, "AccessDeniedException"),
    ],
)
def test_why_a_secret_cannot_be_read_is_found_out(
    here: World, refused: str, by_arn: Any, by_name: Any, code: str
) -> None:
    def describe(asked: dict) -> dict:
        found = by_arn if asked["SecretId"] == SECRET else by_name
        if isinstance(found, str):
            raise Refused(found)
        return found

    here.b.refuse("GetSecretValue", refused)
    here.b.answer("DescribeSecret", describe)
    assert read_pointer(here.b, SECRET, "orders/read") == Unreadable(code)


def test_which_version_of_the_secret_says_so_is_read_in_the_same_call(here: World) -> None:
    here.b.answer(
        "GetSecretValue",
        {"ARN": SECRET, "SecretString": '{"db_host": "h"}', "VersionId": "rds-replication-0123456789abcdef0123"},
    )
    found = read_pointer(here.b, SECRET)
    assert found.version_id.startswith("rds-replication-")


def test_a_traceback_does_not_show_the_secret(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.secret.Pointer", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) as raised:
        read_pointer(here.b, SECRET)
    assert CANARY not in "".join(traceback.format_exception(raised.value))
