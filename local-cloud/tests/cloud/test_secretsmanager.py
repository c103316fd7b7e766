"""Secrets of other accounts, secrets under keys of their own, and the versions of a secret with their labels."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from accounts import allow
from secret import Secret, refused

pytestmark = pytest.mark.patch

READ = "secretsmanager:GetSecretValue"


def key(cloud: Any, *principals: str) -> str:
    """A key of the source account that these principals may use."""
    everyone = ["arn:aws:iam::111111111111:root", *principals]
    statement = {"Effect": "Allow", "Principal": {"AWS": everyone}, "Action": "kms:*", "Resource": "*"}
    return cloud.client("kms", "source").create_key(Policy=json.dumps({"Statement": [statement]}))["KeyMetadata"]["Arn"]


def secret(cloud: Any, name: str, key_arn: str | None, reader: str | None = None) -> str:
    """A secret of the source account that the reader may read."""
    secrets = cloud.client("secretsmanager", "source")
    options = {"KmsKeyId": key_arn} if key_arn else {}
    arn = secrets.create_secret(Name=name, SecretString="value", **options)["ARN"]
    if reader:
        statement = {**allow(READ), "Principal": {"AWS": reader}}
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps({"Statement": [statement]}))
    return arn


def test_a_secret_of_another_account_needs_both_policies_and_its_key(cloud: Any, accounts: Any, name: str) -> None:
    other = "arn:aws:iam::222222222222:root"
    session = accounts.session("destination", name, allow(READ), allow("kms:Decrypt"))
    secrets = cloud.client("secretsmanager", "destination", **session)

    shared = secret(cloud, name, key(cloud, other), reader=other)
    assert secrets.get_secret_value(SecretId=shared)["SecretString"] == "value"
    for unreadable in (
        secret(cloud, f"{name}-own-policy-silent", key(cloud, other)),
        secret(cloud, f"{name}-key-policy-silent", key(cloud), reader=other),
        secret(cloud, f"{name}-default-key", None, reader=other),
    ):
        with pytest.raises(ClientError) as error:
            secrets.get_secret_value(SecretId=unreadable)
        assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    without_policy = cloud.client("secretsmanager", "destination", **accounts.session("destination", f"{name}-none"))
    with pytest.raises(ClientError):
        without_policy.get_secret_value(SecretId=shared)


def test_a_secret_under_a_key_of_its_own_is_read_only_by_who_may_decrypt(cloud: Any, accounts: Any, name: str) -> None:
    arn = secret(cloud, name, key(cloud))
    with_key = accounts.session("source", f"{name}-with", allow(READ), allow("kms:Decrypt"))
    without_key = accounts.session("source", f"{name}-without", allow(READ))
    assert (
        cloud.client("secretsmanager", "source", **with_key).get_secret_value(SecretId=arn)["SecretString"] == "value"
    )
    with pytest.raises(ClientError) as error:
        cloud.client("secretsmanager", "source", **without_key).get_secret_value(SecretId=arn)
    assert "not authorized to perform: kms:Decrypt" in error.value.response["Error"]["Message"]


def test_a_repeated_put_changes_nothing(cloud: Any, name: str) -> None:
    secrets = cloud.client("secretsmanager", "source")
    secrets.create_secret(Name=name, SecretString="old")
    token = str(uuid.uuid4())
    for _ in range(2):
        secrets.put_secret_value(SecretId=name, SecretString="new", ClientRequestToken=token)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "new"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "old"
    with pytest.raises(ClientError) as error:
        secrets.put_secret_value(SecretId=name, SecretString="other", ClientRequestToken=token)
    assert error.value.response["Error"]["Code"] == "ResourceExistsException"


PENDING = "rds-replication-pending"


def test_a_label_of_ones_own_moves_and_nothing_else_does(versions: Secret) -> None:
    one = versions.put("1", PENDING)
    assert versions.labels() == {versions.first: {"AWSCURRENT"}, one: {PENDING}}
    two = versions.put("2", PENDING)
    assert versions.labels() == {versions.first: {"AWSCURRENT"}, two: {PENDING}}
    assert (versions.value(), versions.value(VersionStage=PENDING)) == ("0", "2")
    # What has lost its last label is not gone.
    assert versions.value(VersionId=one) == "1"
    assert versions.labels(IncludeDeprecated=True) == {versions.first: {"AWSCURRENT"}, one: set(), two: {PENDING}}


def test_a_new_current_version_leaves_the_labels_of_others(versions: Secret) -> None:
    pending = versions.put("1", PENDING)
    current = versions.put("2")
    assert versions.labels() == {versions.first: {"AWSPREVIOUS"}, pending: {PENDING}, current: {"AWSCURRENT"}}
    both = versions.put("3", "AWSCURRENT", PENDING)
    assert versions.labels() == {current: {"AWSPREVIOUS"}, both: {"AWSCURRENT", PENDING}}
    # The values of the versions that are deprecated by now can still be named.
    assert (versions.value(VersionId=versions.first), versions.value(VersionId=pending)) == ("0", "1")


def test_a_repeated_put_of_what_is_deprecated_makes_nothing_current(versions: Secret) -> None:
    token = uuid.uuid4().hex * 2
    assert versions.put("1", ClientRequestToken=token) == token
    versions.put("2")
    versions.put("3")
    assert versions.put("1", ClientRequestToken=token) == token
    assert versions.value() == "3"
    with refused("ResourceExistsException", token):
        versions.put("other", ClientRequestToken=token)


def test_a_put_that_makes_no_sense_is_refused(versions: Secret) -> None:
    put = versions.cloud.client("secretsmanager", "source", config=Config(parameter_validation=False)).put_secret_value
    for wrong, code in (
        ({"SecretString": "1", "ClientRequestToken": "short"}, "InvalidParameterException"),
        ({"SecretString": "1", "ClientRequestToken": "x" * 65}, "InvalidParameterException"),
        ({}, "InvalidRequestException"),
        ({"SecretString": "1", "SecretBinary": b"1"}, "InvalidRequestException"),
    ):
        with refused(code):
            put(SecretId=versions.name, **wrong)
    assert versions.labels(IncludeDeprecated=True) == {versions.first: {"AWSCURRENT"}}


def test_the_current_label_moves_and_is_never_taken_away(versions: Secret) -> None:
    second = versions.put("1")
    with refused("InvalidParameterException", "AWSCURRENT"):
        versions.move("AWSCURRENT", RemoveFromVersionId=second)
    versions.move("AWSCURRENT", MoveToVersionId=versions.first, RemoveFromVersionId=second)
    assert versions.labels() == {versions.first: {"AWSCURRENT"}, second: {"AWSPREVIOUS"}}


def test_a_version_is_not_read_by_the_label_of_another(versions: Secret) -> None:
    second = versions.put("1")
    assert versions.value(VersionId=second, VersionStage="AWSCURRENT") == "1"
    with refused("InvalidRequestException", "VersionStage"):
        versions.value(VersionId=second, VersionStage="AWSPREVIOUS")


def test_a_policy_may_ask_for_the_label_and_the_version(versions: Secret, accounts: Any, name: str) -> None:
    def keys(**values: str) -> dict:
        return {"StringEquals": {f"secretsmanager:{key}": value for key, value in values.items()}}

    pending = versions.put("1", PENDING)
    session = accounts.session(
        "source",
        name,
        allow("secretsmanager:UpdateSecretVersionStage", versions.arn, **keys(VersionStage=PENDING)),
        allow(READ, versions.arn, **keys(VersionId=pending)),
    )
    role = versions.cloud.client("secretsmanager", "source", **session)
    assert role.get_secret_value(SecretId=name, VersionId=pending)["SecretString"] == "1"
    with refused("AccessDeniedException", READ):
        role.get_secret_value(SecretId=name)
    move = {"SecretId": name, "RemoveFromVersionId": versions.first, "MoveToVersionId": pending}
    with refused("AccessDeniedException", "secretsmanager:UpdateSecretVersionStage"):
        role.update_secret_version_stage(VersionStage="AWSCURRENT", **move)
    role.update_secret_version_stage(SecretId=name, VersionStage=PENDING, RemoveFromVersionId=pending)
    assert versions.labels() == {versions.first: {"AWSCURRENT"}}
