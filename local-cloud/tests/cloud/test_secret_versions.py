"""Secrets Manager as ministack has it already, which our functions rely on."""

from __future__ import annotations

import string
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow


def test_a_random_password_is_as_long_and_as_plain_as_it_is_asked_to_be(cloud: Any, accounts: Any, name: str) -> None:
    statement = allow("secretsmanager:GetRandomPassword")
    role = cloud.client("secretsmanager", "source", **accounts.session("source", name, statement))

    def password(**options: Any) -> str:
        return role.get_random_password(**options)["RandomPassword"]

    plain = {password(PasswordLength=48, ExcludePunctuation=True) for _ in range(20)}
    assert len(plain) == 20 and {len(one) for one in plain} == {48}
    for one in plain:
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(one) & set(kind), "every kind that is not excluded is in it"
        assert set(one) <= set(string.ascii_letters + string.digits)
    assert len(password()) == 32
    assert not set('/@" ') & set(password(PasswordLength=1000, ExcludeCharacters='/@"'))
    digits = password(PasswordLength=100, ExcludeLowercase=True, ExcludeUppercase=True, ExcludePunctuation=True)
    assert set(digits) <= set(string.digits)
    with pytest.raises(ClientError) as error:
        password(PasswordLength=3)
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_random_password_is_no_matter_of_a_secret(cloud: Any, accounts: Any, name: str) -> None:
    arn = cloud.client("secretsmanager", "source").create_secret(Name=name, SecretString="0")["ARN"]
    session = accounts.session("source", name, allow("secretsmanager:*", arn))
    with pytest.raises(ClientError) as error:
        cloud.client("secretsmanager", "source", **session).get_random_password()
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"


def test_versions_are_found_by_id_and_label_or_not_at_all(cloud: Any, accounts: Any, name: str) -> None:
    secrets = cloud.client("secretsmanager", "source")
    arn = secrets.create_secret(Name=name, SecretString="old")["ARN"]
    token = uuid.uuid4().hex * 2
    session = accounts.session(
        "source",
        name,
        *(
            allow(f"secretsmanager:{action}", arn)
            for action in ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "ListSecretVersionIds")
        ),
    )
    role = cloud.client("secretsmanager", "source", **session)
    put = role.put_secret_value(SecretId=arn, SecretString="new", ClientRequestToken=token, VersionStages=["mine"])
    assert (put["VersionId"], put["VersionStages"]) == (token, ["mine"])
    for version in ({"VersionId": token}, {"VersionStage": "mine"}):
        found = role.get_secret_value(SecretId=arn, **version)
        assert (found["SecretString"], found["VersionId"], found["VersionStages"]) == ("new", token, ["mine"])
    assert role.get_secret_value(SecretId=arn)["SecretString"] == "old"
    role.update_secret_version_stage(SecretId=arn, VersionStage="mine", RemoveFromVersionId=token)
    for missing in ({"VersionStage": "mine"}, {"VersionId": str(uuid.uuid4())}):
        with pytest.raises(role.exceptions.ResourceNotFoundException):
            role.get_secret_value(SecretId=arn, **missing)
    # What is not attached cannot be taken away a second time.
    with pytest.raises(role.exceptions.InvalidParameterException):
        role.update_secret_version_stage(SecretId=arn, VersionStage="mine", RemoveFromVersionId=token)
    assert len(role.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]) == 2


def test_bytes_are_kept_as_bytes(cloud: Any, name: str) -> None:
    secrets = cloud.client("secretsmanager", "source")
    secrets.create_secret(Name=name, SecretBinary=b"\x00\xff")
    assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == b"\x00\xff"
    token = str(uuid.uuid4())
    for _ in range(2):
        secrets.put_secret_value(SecretId=name, SecretBinary=b"\x01", ClientRequestToken=token)
    found = secrets.get_secret_value(SecretId=name)
    assert found["SecretBinary"] == b"\x01" and "SecretString" not in found
