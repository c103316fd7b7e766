"""Keys of other accounts, grants, and the keys that AWS manages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from accounts import allow
from botocore.exceptions import ClientError

pytestmark = pytest.mark.patch

FOREIGN_KEYS = "arn:aws:kms:us-east-1:111111111111:key/*"


def shared_key(cloud: Any, *actions: str) -> str:
    """A key of the source account whose policy gives the destination account these actions."""
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    statements = [root]
    if actions:
        other = {"AWS": "arn:aws:iam::222222222222:root"}
        statements.append({"Effect": "Allow", "Principal": other, "Action": list(actions), "Resource": "*"})
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return cloud.client("kms", "source").create_key(Policy=policy)["KeyMetadata"]["Arn"]


def refusal(error: pytest.ExceptionInfo) -> str:
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    return error.value.response["Error"]["Message"]


def test_a_key_of_another_account_is_described_if_both_policies_allow_it(cloud: Any, accounts: Any, name: str) -> None:
    key = shared_key(cloud, "kms:DescribeKey")
    keys = cloud.client(
        "kms", "destination", **accounts.session("destination", name, allow("kms:DescribeKey", FOREIGN_KEYS))
    )
    assert keys.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key


def test_a_key_of_another_account_is_refused_if_its_policy_is_silent(cloud: Any, accounts: Any, name: str) -> None:
    key = shared_key(cloud)
    keys = cloud.client("kms", "destination", **accounts.session("destination", name, allow("kms:*")))
    with pytest.raises(ClientError) as error:
        keys.describe_key(KeyId=key)
    assert refusal(error) == (
        f"User: arn:aws:sts::222222222222:assumed-role/{name}/test is not authorized to perform: kms:DescribeKey "
        f"on resource: {key} because no resource-based policy allows the kms:DescribeKey action"
    )


def test_a_key_of_another_account_is_refused_if_the_callers_policy_is_silent(
    cloud: Any, accounts: Any, name: str
) -> None:
    key = shared_key(cloud, "kms:DescribeKey")
    keys = cloud.client("kms", "destination", **accounts.session("destination", name))
    with pytest.raises(ClientError) as error:
        keys.describe_key(KeyId=key)
    assert refusal(error).endswith(
        f"on resource: {key} because no identity-based policy allows the kms:DescribeKey action"
    )


def test_the_root_of_another_account_obeys_the_keys_policy(cloud: Any) -> None:
    keys = cloud.client("kms", "destination")
    with pytest.raises(ClientError) as error:
        keys.describe_key(KeyId=shared_key(cloud))
    assert "no resource-based policy allows" in refusal(error)
    assert keys.describe_key(KeyId=shared_key(cloud, "kms:DescribeKey"))


def test_a_data_key_made_under_a_key_of_another_account_is_decrypted_by_both(cloud: Any) -> None:
    key = shared_key(cloud, "kms:GenerateDataKey", "kms:Decrypt")
    made = cloud.client("kms", "destination").generate_data_key(KeyId=key, KeySpec="AES_256")
    for account in ("source", "destination"):
        # The key is recognised by the ciphertext.
        answer = cloud.client("kms", account).decrypt(CiphertextBlob=made["CiphertextBlob"])
        assert (answer["Plaintext"], answer["KeyId"]) == (made["Plaintext"], key)


def test_an_alias_is_judged_as_its_key(cloud: Any, accounts: Any, name: str) -> None:
    key = shared_key(cloud)
    cloud.client("kms", "source").create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
    keys = cloud.client("kms", "source", **accounts.session("source", name, allow("kms:DescribeKey", key)))
    assert keys.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]["Arn"] == key


def test_a_grant_allows_what_no_policy_allows(cloud: Any, accounts: Any, name: str) -> None:
    key = shared_key(cloud, "kms:CreateGrant")
    session = accounts.session("destination", name)
    grantee = f"arn:aws:iam::222222222222:role/{name}"
    # The destination's root may grant, because the key's policy lets it.
    granting = cloud.client("kms", "destination")
    grant = granting.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["GenerateDataKey", "DescribeKey"])
    grants = cloud.client("kms", "source").list_grants(KeyId=key)["Grants"]
    assert [(entry["GrantId"], entry["IssuingAccount"]) for entry in grants] == [
        (grant["GrantId"], "arn:aws:iam::222222222222:root")
    ]
    keys = cloud.client("kms", "destination", **session)
    assert keys.generate_data_key(KeyId=key, KeySpec="AES_256")["KeyId"] == key
    with pytest.raises(ClientError):
        keys.encrypt(KeyId=key, Plaintext=b"x")
    cloud.client("kms", "source").revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    with pytest.raises(ClientError):
        keys.generate_data_key(KeyId=key, KeySpec="AES_256")


def test_the_default_key_of_rds_is_made_on_first_use_and_managed_by_aws(cloud: Any) -> None:
    keys = cloud.client("kms", "source")
    described = keys.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]
    assert described["KeyManager"] == "AWS"
    assert described["Arn"].startswith("arn:aws:kms:us-east-1:111111111111:key/")
    assert keys.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"] == described["Arn"]
    assert keys.describe_key(KeyId=shared_key(cloud))["KeyMetadata"]["KeyManager"] == "CUSTOMER"
    other = cloud.client("kms", "destination").describe_key(KeyId="alias/aws/rds")["KeyMetadata"]
    assert other["Arn"].startswith("arn:aws:kms:us-east-1:222222222222:key/")
    for change in (
        lambda: keys.put_key_policy(KeyId=described["Arn"], PolicyName="default", Policy="{}"),
        lambda: keys.disable_key(KeyId=described["Arn"]),
        lambda: keys.schedule_key_deletion(KeyId="alias/aws/rds"),
    ):
        with pytest.raises(ClientError):
            change()
