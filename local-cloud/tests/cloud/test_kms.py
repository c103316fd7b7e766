"""Keys of other accounts, grants, and the keys that AWS manages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow

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


def role_policy(*roles: str) -> str:
    everyone = ["arn:aws:iam::111111111111:root", *roles]
    statement = {"Effect": "Allow", "Principal": {"AWS": everyone}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Statement": [statement]})


@pytest.mark.parametrize("account", ["source", "destination"])
def test_a_role_that_is_made_anew_is_another_principal(cloud: Any, accounts: Any, name: str, account: str) -> None:
    number = accounts.number(account)
    role, who = f"arn:aws:iam::{number}:role/{name}", allow("kms:DescribeKey") if account == "destination" else None

    def described(session: dict) -> bool:
        try:
            return bool(cloud.client("kms", account, **session).describe_key(KeyId=key))
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
            return False

    session = accounts.session(account, name, *([who] if who else []))
    keys, iam = cloud.client("kms", "source"), cloud.client("iam", account)
    key = keys.create_key(Policy=role_policy(role))["KeyMetadata"]["Arn"]
    assert described(session)
    first = iam.get_role(RoleName=name)["Role"]["RoleId"]
    if who:
        iam.delete_role_policy(RoleName=name, PolicyName="test")
    iam.delete_role(RoleName=name)
    session = accounts.session(account, name, *([who] if who else []))
    assert not described(session)
    shown = keys.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    assert first in shown and role not in shown
    # A policy with a dead principal cannot be put back as it is shown.
    with pytest.raises(ClientError, match="MalformedPolicyDocumentException"):
        keys.put_key_policy(KeyId=key, PolicyName="default", Policy=shown)
    keys.put_key_policy(KeyId=key, PolicyName="default", Policy=role_policy(role))
    assert described(session)


def test_a_key_policy_names_nobody_who_is_not_there(cloud: Any, name: str) -> None:
    keys, policy = cloud.client("kms", "source"), role_policy(f"arn:aws:iam::222222222222:role/{name}")
    with pytest.raises(ClientError, match="MalformedPolicyDocumentException"):
        keys.create_key(Policy=policy)
    key = shared_key(cloud)
    with pytest.raises(ClientError, match="MalformedPolicyDocumentException"):
        keys.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


def test_a_stack_puts_a_key_policy_again_only_if_its_text_changes(
    cloud: Any, accounts: Any, name: str, eventually: Callable
) -> None:
    stacks, iam = cloud.client("cloudformation", "source"), cloud.client("iam", "source")

    def deploy(change: Callable, description: str, *roles: str) -> str:
        properties = {"KeyPolicy": json.loads(role_policy(*roles)), "Description": description}
        resources = {"Key": {"Type": "AWS::KMS::Key", "Properties": properties}}
        change(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        done = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        eventually(lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] in done)
        resource = stacks.describe_stack_resource(StackName=name, LogicalResourceId="Key")["StackResourceDetail"]
        return resource["PhysicalResourceId"]

    def shown(key: str) -> str:
        return cloud.client("kms", "source").get_key_policy(KeyId=key, PolicyName="default")["Policy"]

    role = accounts.role("source", name, "lambda.amazonaws.com")
    key = deploy(stacks.create_stack, "first", role)
    iam.delete_role(RoleName=name)
    accounts.role("source", name, "lambda.amazonaws.com")
    assert deploy(stacks.update_stack, "second", role) == key and role not in shown(key)
    other = accounts.role("source", f"{name}-other", "lambda.amazonaws.com")
    assert deploy(stacks.update_stack, "second", role, other) == key and role in shown(key)


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
