"""What the policies of a role would let it do, as whoever examines it asks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import allow

pytestmark = pytest.mark.patch

KEYS = ["arn:aws:kms:us-east-1:111111111111:key/one", "arn:aws:kms:us-east-1:111111111111:key/two"]


def simulated(iam: Any, role: str, *actions: str, **more: Any) -> list[str]:
    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=list(actions), **more)
    return [result["EvalDecision"] for result in answer["EvaluationResults"]]


def through(service: str) -> list[dict[str, Any]]:
    return [{"ContextKeyName": "kms:ViaService", "ContextKeyType": "string", "ContextKeyValues": [service]}]


def test_conditions_are_judged_by_the_keys_that_are_given(cloud: Any, accounts: Any, name: str) -> None:
    condition = {"kms:ViaService": "rds.us-east-1.*"}
    role = accounts.role("source", name, "lambda.amazonaws.com", allow("kms:Decrypt", StringLike=condition))
    iam = cloud.client("iam", "source")
    decrypt = ("kms:Decrypt", "kms:Encrypt")
    via_rds = simulated(iam, role, *decrypt, ContextEntries=through("rds.us-east-1.amazonaws.com"))
    assert via_rds == ["allowed", "implicitDeny"]
    assert simulated(iam, role, *decrypt, ContextEntries=through("s3.us-east-1.amazonaws.com")) == ["implicitDeny"] * 2
    assert simulated(iam, role, *decrypt) == ["implicitDeny"] * 2


def test_every_resource_is_judged(cloud: Any, accounts: Any, name: str) -> None:
    role = accounts.role("source", name, "lambda.amazonaws.com", allow("kms:Decrypt", KEYS[0]))
    iam = cloud.client("iam", "source")
    assert simulated(iam, role, "kms:Decrypt", ResourceArns=KEYS) == ["allowed", "implicitDeny"]


def test_no_role_is_allowed_what_another_account_has(cloud: Any, accounts: Any, name: str) -> None:
    role = accounts.role("source", name, "lambda.amazonaws.com", allow("kms:Decrypt"))
    iam = cloud.client("iam", "source")
    own, foreign = KEYS[0], KEYS[0].replace("111111111111", "222222222222")
    assert role.split(":")[4] == own.split(":")[4]
    assert simulated(iam, role, "kms:Decrypt", ResourceArns=[own, foreign]) == ["allowed", "implicitDeny"]
    assert simulated(iam, role, "kms:Decrypt", ResourceArns=["arn:aws:s3:::bucket"]) == ["allowed"]
    assert simulated(iam, role, "kms:Decrypt") == ["allowed"]


def test_a_boundary_limits_what_a_policy_allows(cloud: Any, accounts: Any, name: str) -> None:
    role = accounts.role("source", name, "lambda.amazonaws.com", allow("kms:*"))
    iam = cloud.client("iam", "source")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("kms:DescribeKey")]})
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    assert simulated(iam, role, "kms:DescribeKey", "kms:CreateGrant") == ["allowed", "implicitDeny"]


def test_a_role_that_is_not_there_is_an_error(cloud: Any, accounts: Any, name: str) -> None:
    role = accounts.role("source", name, "lambda.amazonaws.com", allow("kms:*"))
    iam = cloud.client("iam", "source")
    for wrong in (role + "x", role.replace(":role/", ":role/path/")):
        with pytest.raises(ClientError) as refused:
            simulated(iam, wrong, "kms:DescribeKey")
        assert refused.value.response["Error"]["Code"] == "NoSuchEntity"
