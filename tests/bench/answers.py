"""What each function is asked in `scripts/bench start`, in which environment, and what AWS answers: one call, which it refuses.

So every function does the same, whatever it is for: read the event, sign a request, read an answer, name the fault, and report
it. The environment is that of the template, with its defaults.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
#: What all of them have to say of the answer, in the words of the product and of boto3.
REFUSED = ("AccessDenied", "ClientError")

_MACHINE = "arn:aws:states:eu-central-1:111111111111:stateMachine:source"
_TOPIC = "arn:aws:sns:eu-central-1:111111111111:topic"
_SNAPSHOT = "source-database-snapshot-20261126t100000z-abcdef"
_ARN = f"arn:aws:rds:eu-central-1:111111111111:snapshot:{_SNAPSHOT}"
_TIME = "2026-11-26T10:00:00Z"
_EXECUTION = {
    "id": "arn:aws:states:eu-central-1:111111111111:execution:source:20261126t100000z-abcdef",
    "name": "20261126t100000z-abcdef",
    "startTime": _TIME,
}
_STAGE = {"status": "Available", "waitSeconds": 15, "startedAt": _TIME, "rdsStatus": "available"}
_COPY = {"copy": {"expected": "none", "reason": "shared as it is"}}
_MESSAGE = {
    "targetDBSnapshot": {"targetDBSnapshotIdentifier": _SNAPSHOT, "targetDBSnapshotArn": _ARN},
    "replication": {"id": "20261126t100000z-abcdef", "sourceDBIdentifier": "source-database-1"},
}
_SOURCE = {
    "SourceDBSnapshot": {
        "SourceDBSnapshotIdentifier": _SNAPSHOT,
        "SourceDBSnapshotArn": _ARN,
        "sourceDBIdentifier": "source-database-1",
        **_STAGE,
    },
    "targetDBSnapshot": {"targetDBSnapshotIdentifier": _SNAPSHOT, "targetDBSnapshotArn": _ARN, **_STAGE, **_COPY},
}
_DESTINATION = {
    "Input": _MESSAGE,
    "DBSnapshot": {
        "TargetDBSnapshotIdentifier": "rds-restored-db-20261126t100000z-abcdef",
        "TargetDBSnapshotArn": "arn:aws:rds:eu-central-1:222222222222:snapshot:rds-restored-db-20261126t100000z-abcdef",
        "sourceDBIdentifier": "source-database-1",
        **_STAGE,
        **_COPY,
    },
    "DBInstance": {"db_instance_identifier": "rds-restored-db-1", "db_version": 1, **_STAGE},
}
_PLAN = {
    "run": "20261126t100000z-abcdef",
    "databases": [{"SourceDBIdentifier": "source-database-1", "child": "20261126t100000z-abcdef-source-database-1"}],
    "maxConcurrency": 10,
}
#: The event of each task; a state of its machine is its document.
EVENTS: dict[str, dict[str, Any]] = {
    "snapshot": {"execution": _EXECUTION, "state": {}},
    "copy": {"execution": _EXECUTION, "state": _SOURCE},
    "share": {"execution": _EXECUTION, "state": _SOURCE},
    "notify": {"execution": _EXECUTION, "state": _SOURCE},
    "prune": {"execution": _EXECUTION, "stage": "prune", "state": _SOURCE},
    "launch": {
        "Records": [
            {
                "Sns": {
                    "TopicArn": _TOPIC,
                    "MessageId": "1",
                    "Timestamp": _TIME,
                    "Message": json.dumps({"Input": _MESSAGE}),
                }
            }
        ]
    },
    "restore": {"execution": _EXECUTION, "state": _DESTINATION},
    "rotate-secret": {"execution": _EXECUTION, "state": _DESTINATION},
    "discover": {"execution": _EXECUTION, "machines": {"fleet": _MACHINE, "source": _MACHINE}, "state": {}},
    "report": {"execution": _EXECUTION, "machines": {"source": _MACHINE}, "state": {"plan": _PLAN}},
}
#: The tasks that only the destination account has; the others are measured as the source account has them.
_OF_DESTINATION = {"launch", "restore", "rotate-secret"}
#: What the templates make or have no default for.
_VALUES = {
    "AWS::StackName": "stack",
    "DestinationAccountNumber": "222222222222",
    "SourceTopicArn": _TOPIC,
    "Topic": _TOPIC,
    "AlertTopic": _TOPIC,
    "StateMachine": _MACHINE,
    "KMSKey": "arn:aws:kms:eu-central-1:111111111111:key/11111111-2222-3333-4444-555555555555",
    "Secret.Id": "arn:aws:secretsmanager:eu-central-1:222222222222:secret:database-abcdef",
    "SnapshotKey.Arn": "arn:aws:kms:eu-central-1:111111111111:key/11111111-2222-3333-4444-555555555555",
}
#: Conditions whose first branch counts; of all others it is the second.
_HOLDS = {"HasKMSKey"}


class _Template(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as {name: argument}."""


def _function(loader: Any, name: str, node: Any) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _function)


def environments() -> dict[str, dict[str, str]]:
    """The variables of each task, as a stack with the defaults of its template gives them."""
    found: dict[str, dict[str, str]] = {}
    for role in ("source", "destination"):
        template = yaml.load((ROOT / "cloudformation" / f"{role}-account.yaml").read_text(), _Template)
        defaults = {name: one.get("Default", "") for name, one in template["Parameters"].items()}
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::Lambda::Function":
                continue
            task = Path(resource["Properties"]["Code"]).stem
            if (role == "destination") == (task in _OF_DESTINATION):
                variables = resource["Properties"]["Environment"]["Variables"]
                values = {name: _value(value, defaults) for name, value in variables.items()}
                found[task] = {name: value for name, value in values.items() if value is not None}
    return found


def _value(value: Any, defaults: dict[str, Any]) -> str | None:
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "If":
        condition, first, second = argument
        return _value(first if condition in _HOLDS else second, defaults)
    if argument == "AWS::NoValue":
        return None
    return str(_VALUES[argument] if argument in _VALUES else defaults[argument])


class Services(ThreadingHTTPServer):
    """All services of AWS, which refuse every call, each in its own protocol."""

    daemon_threads = True

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if "X-Amz-Target" in self.headers:
                    kind, body = "application/x-amz-json-1.0", '{"__type": "AccessDeniedException", "message": "no"}'
                else:
                    kind = "text/xml"
                    body = (
                        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>"
                        "<RequestId>1</RequestId></ErrorResponse>"
                    )
                head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write((head + body).encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://127.0.0.1:{self.server_address[1]}"
