"""Makes machines and runs them, for the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from accounts import allow

PASS = {"Type": "Pass", "End": True}
ANSWERS = {"Yes": {"Type": "Pass", "Result": "yes", "End": True}, "No": {"Type": "Pass", "Result": "no", "End": True}}
LONG_WAIT = {"Type": "Wait", "Seconds": 9_000, "End": True}


class Machines:
    """Makes machines in the source account and runs them."""

    def __init__(self, cloud: Any, accounts: Any, name: str, eventually: Callable) -> None:
        self.cloud, self.accounts, self.name, self.eventually = cloud, accounts, name, eventually
        self.states = cloud.client("stepfunctions", "source")
        self.count = 0

    def role(self, *statements: dict, service: str = "states.amazonaws.com") -> str:
        self.count += 1
        return self.accounts.role("source", f"{self.name}-role-{self.count}", service, *statements)

    def create(self, states: dict, *, role: str | None = None, **fields: Any) -> str:
        self.count += 1
        definition = {"StartAt": next(iter(states)), "States": states, **fields}
        return self.states.create_state_machine(
            name=f"{self.name}-{self.count}",
            definition=json.dumps(definition),
            roleArn=role
            or self.role(
                allow("lambda:InvokeFunction"),
                allow("states:StartExecution"),
                *(allow(action) for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule")),
            ),
        )["stateMachineArn"]

    def start(self, machine: str, document: Any = None, **options: str) -> str:
        text = json.dumps(document if document is not None else {})
        return self.states.start_execution(stateMachineArn=machine, input=text, **options)["executionArn"]

    def end(self, execution: str) -> dict:
        def ended() -> dict | None:
            description = self.states.describe_execution(executionArn=execution)
            return description if description["status"] != "RUNNING" else None

        return self.eventually(ended)

    def run(self, states: dict, document: Any = None, **fields: Any) -> dict:
        return self.end(self.start(self.create(states, **fields), document))

    def output(self, states: dict, document: Any = None) -> Any:
        end = self.run(states, document)
        assert end["status"] == "SUCCEEDED", (end["error"], end["cause"])
        return json.loads(end["output"])

    def function(self, failures: int = 0) -> str:
        """A function that fails so many times and then gives how often it was called."""
        # The process may end with a failure, so the count is kept in a file.
        code = f"""
import os, pathlib
CALLS = pathlib.Path(os.environ["TMPDIR"], os.environ["AWS_LAMBDA_FUNCTION_NAME"])
def handler(event, context):
    calls = (int(CALLS.read_text()) if CALLS.exists() else 0) + 1
    CALLS.write_text(str(calls))
    if calls <= {failures}:
        raise ValueError("as told")
    return {{"calls": calls}}
"""
        self.count += 1
        return self.accounts.function("source", f"{self.name}-{self.count}", code)

    def history(self, execution: str) -> list[dict]:
        return self.states.get_execution_history(executionArn=execution)["events"]
