"""Both accounts as they answer, with one replication that made version 1."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from aws import FakeAccount, Machine, Refused, answers_of, entered, stack, tags
from console.execution import replication_id
from console.status import __main__ as status
from console.status.facts import Facts
from console.status.reading import read_facts
from world import A, B

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
TOPIC = f"arn:aws:sns:eu-west-1:{A}:topic"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:orders/read-x"
CANARY = "Canary-1f2e3d-never-shown"
QUEUE = f"https://sqs.eu-west-1.amazonaws.com/{B}/dead-letters"


def machine_arn(account: str, name: str) -> str:
    return f"arn:aws:states:eu-west-1:{account}:stateMachine:{name}"


class World:
    """Both accounts, with one replication that made version 1."""

    def __init__(self) -> None:
        self.a, self.b = FakeAccount(A, "source"), FakeAccount(B)
        self.source, self.destination = Machine(machine_arn(A, "source")), Machine(machine_arn(B, "destination"))
        self.rollbacks = Machine(machine_arn(B, "rollback"))
        self.id = self.replicate(NOW - timedelta(hours=1))
        self._fill_a()
        self._fill_b()

    def replicate(
        self, start: datetime, *, database: str | None = None, arrives: bool = True, by_hand: str = ""
    ) -> str:
        """A run of A and, under its id, one of B."""
        input = json.dumps({"SourceDBIdentifier": database} if database else {})
        events = (
            entered(1, "CreateLatestSnapshot", "Task", start, input),
            entered(2, "CopyEncryptedSnapshot", "Task", start),
        )
        arn = self.source.run(f"uuid-{len(self.source.executions)}", start, input=input, output=input, events=events)
        replication = replication_id(arn, start)
        if arrives:
            message = json.dumps({"Input": {"replication": {"id": replication}}})
            self.destination.run(by_hand or replication, start + timedelta(minutes=5), input=message, output=message)
        return replication

    def read(self, source: Any = None, **options: Any) -> Facts:
        return read_facts(self.b, self.a if source is None else source, now=NOW, **options)

    def _fill_a(self) -> None:
        outputs = {"TopicArn": TOPIC, "StateMachineArn": self.source.arn, "ScheduleRuleName": "rule"}
        others = [stack("first", {}), stack("second", {"TopicArn": f"{TOPIC}-2"})]
        parameters = {"SourceDBIdentifier": "orders", "DestinationAccountNumber": B}
        self.a.page("DescribeStacks", "Stacks", [*others, stack("source-stack", outputs, parameters)])
        own = {"stack": "source-stack", "id": self.id, "source_db": "orders"}
        snapshots = [
            snapshot(A, "snap", own),
            snapshot(A, "snap-copy-in", own | {"source_snapshot": arn_of(A, "snap")}),
            snapshot(A, "of-another-stack", own | {"stack": "second"}),
            snapshot(A, "of-another-database", own | {"source_db": "reports"}),
            snapshot(A, "by-hand", {}),
        ]
        self.a.page("DescribeDBSnapshots", "DBSnapshots", snapshots, token="Marker")
        shared = [{"AttributeName": "restore", "AttributeValues": [B]}]
        self.a.answer("DescribeDBSnapshotAttributes", {"DBSnapshotAttributesResult": {"DBSnapshotAttributes": shared}})
        self.a.answer("DescribeRule", {"Name": "rule", "ScheduleExpression": "rate(1 day)", "State": "ENABLED"})
        answers_of(self.a, self.source)

    def _fill_b(self) -> None:
        outputs = {
            "SecretArn": SECRET,
            "SecretName": "orders/read",
            "StateMachineArn": self.destination.arn,
            "RollbackStateMachineArn": self.rollbacks.arn,
            "LaunchFunctionName": "launch",
            "DeadLetterQueueUrl": QUEUE,
        }
        parameters = {"SourceTopicArn": TOPIC, "SourceDBIdentifier": "orders", "DatabaseName": "copy"}
        self.stacks = [
            stack("one", {}),
            stack("two", {"SecretArn": "x"}),
            stack("destination-stack", outputs, parameters),
        ]
        self.b.answer("DescribeStacks", self._describe_stacks)
        instances = [
            {"DBInstanceIdentifier": "by-hand", "DBInstanceStatus": "available"},
            {
                "DBInstanceIdentifier": "being-made",
                "DBInstanceStatus": "creating",
                "TagList": tags(stack="destination-stack", name="being-made"),
            },
            {
                "DBInstanceIdentifier": "copy-1",
                "DBInstanceStatus": "available",
                "Endpoint": {"Address": "copy-1.c1.example", "Port": 5432},
                "InstanceCreateTime": NOW - timedelta(minutes=40),
                "AllocatedStorage": 20,
                "DeletionProtection": True,
                "MasterUsername": CANARY,
                "TagList": tags(stack="destination-stack", name="copy-1", version="1", id=self.id),
            },
        ]
        self.b.page("DescribeDBInstances", "DBInstances", instances, token="Marker")
        copies = [
            snapshot(B, f"copy-{number}", {"stack": "destination-stack", "source_db": "orders"}) for number in range(5)
        ]
        self.b.page("DescribeDBSnapshots", "DBSnapshots", copies, token="Marker")
        self.secret({"db_host": "copy-1.c1.example", "db_prefix": "copy", "username": "u", "password": CANARY})
        resources = [resource("Topic", "AWS::SNS::Topic"), resource("AnAlarm", "AWS::CloudWatch::Alarm")]
        resources += [resource("Queue", "AWS::SQS::Queue"), resource("AnotherAlarm", "AWS::CloudWatch::Alarm")]
        self.b.page("ListStackResources", "StackResourceSummaries", resources, size=3)
        alarms = [
            {"AlarmName": f"the-{name}", "StateValue": "OK", "StateUpdatedTimestamp": NOW}
            for name in ("AnotherAlarm", "AnAlarm")
        ]
        self.b.page("DescribeAlarms", "MetricAlarms", alarms, size=1)
        counts = {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"}
        self.b.answer("GetQueueAttributes", {"Attributes": counts})
        answers_of(self.b, self.destination, self.rollbacks)

    def _describe_stacks(self, asked: dict) -> dict:
        if "StackName" in asked:
            found = [one for one in self.stacks if one["StackName"] == asked["StackName"]]
            if not found:
                raise Refused("ValidationError")
            return {"Stacks": found}
        place = int(asked.get("NextToken", 0))
        return {"Stacks": [self.stacks[place]]} | (
            {"NextToken": str(place + 1)} if place + 1 < len(self.stacks) else {}
        )

    def secret(self, fields: Any) -> None:
        text = fields if isinstance(fields, str) else json.dumps(fields)
        self.b.answer("GetSecretValue", {"ARN": SECRET, "Name": "orders/read", "SecretString": text})


def arn_of(account: str, name: str) -> str:
    return f"arn:aws:rds:eu-west-1:{account}:snapshot:{name}"


def snapshot(account: str, name: str, own: dict) -> dict:
    return {
        "DBSnapshotIdentifier": name,
        "DBSnapshotArn": arn_of(account, name),
        "DBInstanceIdentifier": "orders",
        "Status": "available",
        "PercentProgress": 100,
        "AllocatedStorage": 20,
        "Encrypted": True,
        "SnapshotDatabaseTime": NOW - timedelta(hours=1),
        "TagList": tags(**({"name": name} | own if own else {})),
    }


def resource(name: str, kind: str) -> dict:
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": f"the-{name}",
        "ResourceType": kind,
        "LastUpdatedTimestamp": NOW,
        "ResourceStatus": "CREATE_COMPLETE",
    }


def command(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs the command between these two accounts; answers with its exit code."""
    monkeypatch.setattr(status, "Account", lambda role, *_, **__: world.a if role == "source" else world.b)
    return status.main(list(arguments))
