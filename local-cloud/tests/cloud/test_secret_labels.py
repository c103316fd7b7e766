"""Moving labels by compare and swap, limits, and reads that are some seconds old."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config

from accounts import allow
from faults import Faults
from secret import Secret, refused

OURS = "rds-replication-pending"


@pytest.mark.patch
def test_a_move_that_was_made_already_is_refused(versions: Secret) -> None:
    second, third = versions.put("1", OURS), versions.put("2", "other")
    versions.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=versions.first)
    assert versions.labels()[versions.first] == {"AWSPREVIOUS"}
    for again in (second, third):
        with refused(
            "InvalidParameterException", "must be set to the version that currently has the staging label AWSCURRENT"
        ):
            versions.move("AWSCURRENT", MoveToVersionId=again, RemoveFromVersionId=versions.first)
    assert versions.labels() == {versions.first: {"AWSPREVIOUS"}, second: {"AWSCURRENT", OURS}, third: {"other"}}


@pytest.mark.patch
def test_a_label_is_not_moved_from_where_it_is_not(versions: Secret) -> None:
    second = versions.put("1", OURS)
    with refused("InvalidParameterException", "currently has the staging label new"):
        versions.move("new", MoveToVersionId=second, RemoveFromVersionId=second)
    with refused("InvalidParameterException", f"currently has the staging label {OURS}"):
        versions.move(OURS, MoveToVersionId=second, RemoveFromVersionId=versions.first)
    with refused("InvalidParameterException", "can't be empty", second, "explicitly reference that version"):
        versions.move(OURS, MoveToVersionId=versions.first)


def test_a_label_moves_only_with_the_version_that_has_it(versions: Secret) -> None:
    second = versions.put("1", OURS)
    for wrong in ({}, {"RemoveFromVersionId": second}):
        with refused("InvalidParameterException", "AWSCURRENT"):
            versions.move("AWSCURRENT", MoveToVersionId=second, **wrong)
    with refused("ResourceNotFoundException"):
        versions.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=str(uuid.uuid4()))
    versions.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=versions.first)
    assert versions.labels() == {versions.first: {"AWSPREVIOUS"}, second: {"AWSCURRENT", OURS}}
    assert versions.value(VersionStage="AWSPREVIOUS") == "0"


def test_moving_a_label_takes_its_own_permission(versions: Secret, accounts: Any, name: str) -> None:
    session = accounts.session(
        "source", name, allow("secretsmanager:PutSecretValue"), allow("secretsmanager:GetSecretValue")
    )
    role = versions.cloud.client("secretsmanager", "source", **session)
    second = role.put_secret_value(SecretId=name, SecretString="1", VersionStages=[OURS])["VersionId"]
    with refused("AccessDeniedException", "secretsmanager:UpdateSecretVersionStage"):
        role.update_secret_version_stage(
            SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=versions.first
        )


@pytest.mark.patch
def test_a_secret_has_at_most_twenty_labels(versions: Secret) -> None:
    second = versions.put("1", *(f"label-{number}" for number in range(17)))
    versions.put("2")
    # These and AWSCURRENT, AWSPREVIOUS; one more is the twentieth.
    versions.move("twentieth", MoveToVersionId=second)
    with refused("LimitExceededException"):
        versions.move("more", MoveToVersionId=second)
    with refused("LimitExceededException"):
        versions.put("3", "more")
    # What is there already may move.
    versions.put("3", "twentieth")


@pytest.mark.patch
def test_a_value_has_at_most_65536_bytes(versions: Secret, name: str) -> None:
    secrets = versions.secrets
    versions.put("x" * 65_536)
    for large in ("x" * 65_537, "é" * 32_769):
        with refused("ValidationException", "65536"):
            versions.put(large)
        with refused("ValidationException", "65536"):
            secrets.update_secret(SecretId=name, SecretString=large)
        with refused("ValidationException", "65536"):
            secrets.create_secret(Name=f"{name}-large", SecretString=large)
    assert len(versions.value()) == 65_536


@pytest.mark.patch
def test_an_update_has_a_token_too(versions: Secret, name: str) -> None:
    token = uuid.uuid4().hex
    for _ in range(2):
        versions.secrets.update_secret(SecretId=name, SecretString="1", Description="d", ClientRequestToken=token)
    assert versions.labels() == {versions.first: {"AWSPREVIOUS"}, token: {"AWSCURRENT"}}
    assert versions.secrets.describe_secret(SecretId=name)["Description"] == "d"
    with refused("ResourceExistsException"):
        versions.secrets.update_secret(SecretId=name, SecretString="2", ClientRequestToken=token)


@pytest.mark.patch
def test_the_first_version_is_the_current_one(cloud: Any, name: str) -> None:
    secrets = cloud.client("secretsmanager", "source")
    assert "VersionId" not in secrets.create_secret(Name=name)
    with refused("ResourceNotFoundException", "AWSCURRENT"):
        secrets.get_secret_value(SecretId=name)
    answer = secrets.put_secret_value(SecretId=name, SecretString="1", VersionStages=[OURS])
    assert set(answer["VersionStages"]) == {OURS, "AWSCURRENT"}


@pytest.mark.patch
def test_a_read_is_as_old_as_it_is_ordered(versions: Secret, faults: Faults, eventually: Callable) -> None:
    second = versions.put("1", OURS)
    order = faults.order(
        service="secretsmanager",
        action="GetSecretValue",
        resource=versions.name,
        effect="stale",
        seconds=1.5,
        times=1000,
    )
    versions.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=versions.first)
    moved = time.monotonic()
    assert versions.value() == "0"
    # Other reads are as new as ever.
    assert versions.labels()[second] == {"AWSCURRENT", OURS}
    eventually(lambda: versions.value() == "1")
    assert time.monotonic() - moved > 1.2
    versions.put("2")
    assert versions.value() == "1"
    assert faults.matched(order) >= 3
    faults.take_back()
    assert versions.value() == "2"


@pytest.mark.patch
def test_a_read_of_what_is_too_new_finds_nothing(versions: Secret, faults: Faults) -> None:
    faults.order(service="secretsmanager", resource=versions.name, effect="stale", seconds=60, times=1000)
    second = versions.put("1", OURS)
    with refused("ResourceNotFoundException", OURS):
        versions.value(VersionStage=OURS)
    with refused("ResourceNotFoundException", second):
        versions.value(VersionId=second)
    assert versions.labels(IncludeDeprecated=True) == {versions.first: {"AWSCURRENT"}}
    # Writes see everything: a move with the version that a read gave is refused or made by what is there now.
    versions.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=versions.first)
    assert versions.value() == "0"


def test_labels_that_make_no_sense_are_refused(versions: Secret) -> None:
    loose = versions.cloud.client("secretsmanager", "source", config=Config(parameter_validation=False))
    with refused("InvalidParameterException"):
        loose.update_secret_version_stage(SecretId=versions.name, VersionStage="x")
    with refused("InvalidParameterException"):
        loose.update_secret_version_stage(SecretId=versions.name, MoveToVersionId=versions.first)
