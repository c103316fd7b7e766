"""What the RDS emulator asks: who made this request, and may they do this?"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from accounts import allow

pytestmark = pytest.mark.patch

DATABASE = "arn:aws:rds:us-east-1:111111111111:db:orders"


def ask(cloud: Any, credentials: dict | None, *checks: dict, tamper: bool = False, scope: str = "rds") -> dict:
    """Signs a request as botocore does and asks about it."""
    body = "Action=DescribeDBInstances&Version=2014-10-31"
    request = AWSRequest("POST", "http://127.0.0.1:5555/", data=body)
    request.headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
    if credentials:
        key = Credentials(
            credentials["aws_access_key_id"], credentials["aws_secret_access_key"], credentials.get("aws_session_token")
        )
        SigV4Auth(key, scope, cloud.region).add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = "127.0.0.1:5555"
    signed = {"method": "POST", "path": "/", "query": "", "headers": headers, "body": body + ("&x=1" if tamper else "")}
    question = json.dumps({"request": signed, "service": "rds", "checks": list(checks)}).encode()
    with urllib.request.urlopen(f"{cloud.url}/_local-cloud/authorize", question, timeout=10) as answer:
        return json.load(answer)


def root(account: str) -> dict:
    return {"aws_access_key_id": account, "aws_secret_access_key": "anything"}


def test_the_root_of_an_account_may_do_everything_in_it(cloud: Any) -> None:
    answer = ask(cloud, root("111111111111"), {"action": "rds:DeleteDBInstance", "resource": DATABASE})
    assert answer == {
        "account": "111111111111",
        "principalArn": "arn:aws:iam::111111111111:root",
        "region": "us-east-1",
        "allowed": True,
    }


def test_a_role_may_do_what_its_policy_says(cloud: Any, accounts: Any, name: str) -> None:
    session = accounts.session("source", name, allow("rds:DescribeDBInstances", DATABASE))
    describe = {"action": "rds:DescribeDBInstances", "resource": DATABASE}
    delete = {"action": "rds:DeleteDBInstance", "resource": DATABASE}
    assert ask(cloud, session, describe)["allowed"]
    answer = ask(cloud, session, describe, delete)
    who = f"arn:aws:sts::111111111111:assumed-role/{name}/test"
    assert answer["principalArn"] == who
    assert answer["denied"] == {
        **delete,
        "message": f"User: {who} is not authorized to perform: rds:DeleteDBInstance on resource: {DATABASE} "
        "because no identity-based policy allows the rds:DeleteDBInstance action",
    }


def test_conditions_see_the_tags_of_the_resource_and_of_the_request(cloud: Any, accounts: Any, name: str) -> None:
    ours = {"StringEquals": {"aws:ResourceTag/rds-replication:stack": "mine"}}
    tagged = {
        "StringEquals": {"aws:RequestTag/rds-replication:stack": "mine"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["rds-replication:stack"]},
    }
    session = accounts.session(
        "source", name, allow("rds:DeleteDBInstance", "*", **ours), allow("rds:CreateDBSnapshot", "*", **tagged)
    )
    delete = {"action": "rds:DeleteDBInstance", "resource": DATABASE}
    create = {"action": "rds:CreateDBSnapshot", "resource": DATABASE}
    stack = {"rds-replication:stack": "mine"}
    assert ask(cloud, session, {**delete, "resourceTags": stack})["allowed"]
    assert not ask(cloud, session, {**delete, "resourceTags": {"rds-replication:stack": "other"}})["allowed"]
    assert not ask(cloud, session, delete)["allowed"]
    assert ask(cloud, session, {**create, "requestTags": stack})["allowed"]
    assert not ask(cloud, session, {**create, "requestTags": {**stack, "more": "1"}})["allowed"]


def test_a_boundary_takes_away_what_it_does_not_allow(cloud: Any, accounts: Any, name: str) -> None:
    untagged = {
        "Effect": "Deny",
        "Action": "rds:CopyDBSnapshot",
        "Resource": "*",
        "Condition": {"Null": {"aws:RequestTag/CostCentre": "true"}},
    }
    statements = [allow("rds:DescribeDBInstances"), allow("rds:CopyDBSnapshot"), untagged]
    iam = cloud.client("iam", "source")
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    session = accounts.session("source", name, allow("rds:*"))
    describe = {"action": "rds:DescribeDBInstances", "resource": DATABASE}
    delete = {"action": "rds:DeleteDBInstance", "resource": DATABASE}
    copy = {"action": "rds:CopyDBSnapshot", "resource": "arn:aws:rds:us-east-1:111111111111:snapshot:orders"}
    assert ask(cloud, session, describe, delete, copy)["allowed"]

    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    assert ask(cloud, session, describe)["allowed"]
    denied = ask(cloud, session, delete)["denied"]["message"]
    assert denied.endswith("because no permissions boundary allows the rds:DeleteDBInstance action")
    denied = ask(cloud, session, copy)["denied"]["message"]
    assert denied.endswith("with an explicit deny in a permissions boundary")
    assert ask(cloud, session, {**copy, "requestTags": {"CostCentre": "42"}})["allowed"]


def test_bad_signatures_and_keys_are_named_as_rds_names_them(cloud: Any, accounts: Any, name: str) -> None:
    session = accounts.session("source", name, allow("rds:*"))
    assert ask(cloud, session, tamper=True)["error"]["code"] == "SignatureDoesNotMatch"
    assert ask(cloud, session, scope="sns")["error"]["code"] == "SignatureDoesNotMatch"
    assert ask(cloud, root("111111111111"), scope="sns")["error"]["code"] == "SignatureDoesNotMatch"
    assert ask(cloud, {**session, "aws_secret_access_key": "wrong"})["error"]["code"] == "SignatureDoesNotMatch"
    assert ask(cloud, {**session, "aws_session_token": "wrong"})["error"]["code"] == "InvalidClientTokenId"
    unknown = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
    assert ask(cloud, unknown)["error"]["code"] == "InvalidClientTokenId"
    assert ask(cloud, None)["error"]["code"] == "MissingAuthenticationToken"


def test_a_key_of_another_account_needs_both_policies(cloud: Any, accounts: Any, name: str) -> None:
    keys = cloud.client("kms", "source")
    key = keys.create_key()["KeyMetadata"]["Arn"]
    with_policy = accounts.session(
        "destination", name, allow("kms:CreateGrant", "arn:aws:kms:us-east-1:111111111111:key/*")
    )
    without_policy = accounts.session("destination", f"{name}-none")
    grant = {"action": "kms:CreateGrant", "resource": key}

    denied = ask(cloud, with_policy, grant)["denied"]["message"]
    assert denied.endswith("because no resource-based policy allows the kms:CreateGrant action")
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
                "Action": "kms:CreateGrant",
                "Resource": "*",
                "Condition": {
                    "Bool": {"kms:GrantIsForAWSResource": "true"},
                    "StringEquals": {"kms:ViaService": "rds.us-east-1.amazonaws.com"},
                },
            },
        ]
    }
    keys.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert ask(cloud, with_policy, grant)["allowed"]
    assert ask(cloud, root("222222222222"), grant)["allowed"]
    denied = ask(cloud, without_policy, grant)["denied"]["message"]
    assert denied.endswith("because no identity-based policy allows the kms:CreateGrant action")
    assert not ask(cloud, with_policy, {**grant, "action": "kms:Decrypt"})["allowed"]


def test_a_root_obeys_key_policies_too(cloud: Any) -> None:
    key = cloud.client("kms", "source").create_key()["KeyMetadata"]["Arn"]
    decrypt = {"action": "kms:Decrypt", "resource": key}
    assert ask(cloud, root("111111111111"), decrypt)["allowed"]
    assert not ask(cloud, root("222222222222"), decrypt)["allowed"]
