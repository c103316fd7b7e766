"""Secrets of other accounts, secrets under keys of their own, and repeated requests."""

from __future__ import annotations

import json
import uuid
from typing import Any, Optional

import pytest
from accounts import allow
from botocore.exceptions import ClientError

pytestmark = pytest.mark.patch

READ = "secretsmanager:GetSecretValue"


def key(cloud: Any, *principals: str) -> str:
    """A key of the source account that these principals may use."""
    everyone = ["arn:aws:iam::111111111111:root", *principals]
    statement = {"Effect": "Allow", "Principal": {"AWS": everyone}, "Action": "kms:*", "Resource": "*"}
    return cloud.client("kms", "source").create_key(Policy=json.dumps({"Statement": [statement]}))["KeyMetadata"]["Arn"]


def secret(cloud: Any, name: str, key_arn: Optional[str], reader: Optional[str] = None) -> str:
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
    for refused in (
        secret(cloud, f"{name}-own-policy-silent", key(cloud, other)),
        secret(cloud, f"{name}-key-policy-silent", key(cloud), reader=other),
        secret(cloud, f"{name}-default-key", None, reader=other),
    ):
        with pytest.raises(ClientError) as error:
            secrets.get_secret_value(SecretId=refused)
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
