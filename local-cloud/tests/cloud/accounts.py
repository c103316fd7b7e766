"""What the tests need in an account of the local cloud: roles, sessions of roles, functions, statements."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from local_cloud import Cloud


class Accounts:
    """Makes things in the accounts of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def role(self, account: str, name: str, service: str, *statements: dict) -> str:
        """A role that the AWS service may assume, with a policy of these statements; its ARN."""
        return self._role(account, name, {"Service": service}, statements)

    def session(self, account: str, name: str, *statements: dict) -> dict[str, str]:
        """The credentials of a session of a new role with a policy of these statements, as arguments of a client."""
        number = self.number(account)
        role = self._role(account, name, {"AWS": number}, statements)
        credentials = self._cloud.client("sts", account).assume_role(RoleArn=role, RoleSessionName="test")[
            "Credentials"
        ]
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

    def function(self, account: str, name: str, code: str, *statements: dict) -> str:
        """A Python function; its ARN."""
        role = self.role(account, f"{name}-function", "lambda.amazonaws.com", *statements)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", code)
        functions = self._cloud.client("lambda", account)
        return functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=role,
            Code={"ZipFile": archive.getvalue()},
            Timeout=10,
        )["FunctionArn"]

    def number(self, account: str) -> str:
        return self._cloud.environment(account)["AWS_ACCESS_KEY_ID"]

    def _role(self, account: str, name: str, principal: dict, statements: tuple[dict, ...]) -> str:
        iam = self._cloud.client("iam", account)
        trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            policy = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=json.dumps(policy))
        return role


def allow(action: str, resource: str = "*", **conditions: dict) -> dict:
    """A statement that allows an action."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": conditions} if conditions else statement
