"""AWS as a table of answers: real clients, which check what they are asked and page by themselves, without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

REGION = "eu-west-1"
Handler = Callable[[dict], dict]


class Refused(Exception):
    """Answered as an error with this code."""


class FakeAccount:
    """Stands in for `console.account.Account`. What nobody has set an answer for is refused with AccessDenied."""

    def __init__(self, number: str, role: str = "destination", stack: str = "") -> None:
        self.role = role
        self.stack = stack
        self.region = REGION
        self.elsewhere: dict[str, FakeAccount] = {}
        """The account in other Regions, by their names."""
        self.calls: Counter[str] = Counter()
        self._number = number
        self._answers: dict[str, Handler] = {}
        self._clients: dict[str, Any] = {}

    def answer(self, operation: str, handler: Handler | dict) -> None:
        """Sets the answer of an operation such as DescribeStacks."""
        self._answers[operation] = handler if callable(handler) else lambda _: handler

    def refuse(self, operation: str, code: str = "AccessDenied") -> None:
        def handler(_: dict) -> dict:
            raise Refused(code)

        self._answers[operation] = handler

    def page(
        self, operation: str, key: str, items: list, *, token: str = "NextToken", size: int = 2, **fixed: Any
    ) -> None:
        """Sets answers that come in pages of this size, whatever size is asked for."""

        def handler(asked: dict) -> dict:
            start = int(asked.get(token, 0))
            answer = {**fixed, key: items[start : start + size]}
            return answer | ({token: str(start + size)} if start + size < len(items) else {})

        self._answers[operation] = handler

    def number(self) -> str:
        return self._number

    def described_stack(self) -> tuple[dict, dict]:
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}, parameters

    def outputs(self) -> dict:
        return self.described_stack()[0]

    def client(self, service: str, region: str | None = None) -> Any:
        """One for each service and Region: making one takes longer than all that a test asks it. What is asked in another
        Region than that of the account is answered by `elsewhere`."""
        if region not in (None, self.region):
            return self.elsewhere[region].client(service)
        if service in self._clients:
            return self._clients[service]
        client = boto3.client(service, region_name=REGION, aws_access_key_id="key", aws_secret_access_key="secret")
        client.meta.events.register("before-parameter-build.*.*", self._remember)
        client.meta.events.register("before-call.*.*", self._reply)
        self._clients[service] = client
        return client

    def _remember(self, params: dict, context: dict, **_: Any) -> None:
        context["asked"] = params

    def _reply(self, model: Any, context: dict, **_: Any) -> tuple:
        self.calls[model.name] += 1
        try:
            if model.name not in self._answers:
                raise Refused("AccessDenied")
            answer, status = self._answers[model.name](context["asked"]), 200
        except Refused as refused:
            answer, status = {"Error": {"Code": str(refused), "Message": "not you"}}, 400
        metadata = {"HTTPStatusCode": status, "RequestId": "x"}
        return AWSResponse(None, status, {}, None), {**answer, "ResponseMetadata": metadata}


def stack(name: str, outputs: dict, parameters: dict | None = None, status: str = "CREATE_COMPLETE") -> dict:
    return {
        "StackName": name,
        "StackStatus": status,
        "CreationTime": datetime(2026, 11, 1, tzinfo=timezone.utc),
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()],
    }


def tags(**values: str) -> list:
    """Tags of ours, the names without their beginning and with underscores."""
    return [{"Key": f"rds-replication:{key.replace('_', '-')}", "Value": value} for key, value in values.items()]


def snapshot(account: str, name: str, own: dict) -> dict:
    """A manual snapshot with these tags of ours."""
    return {
        "DBSnapshotIdentifier": name,
        "DBSnapshotArn": f"arn:aws:rds:{REGION}:{account}:snapshot:{name}",
        "DBInstanceIdentifier": "orders",
        "Status": "available",
        "PercentProgress": 100,
        "AllocatedStorage": 20,
        "Encrypted": True,
        "TagList": tags(**({"name": name} | own if own else {})),
    }
