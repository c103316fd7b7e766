"""What `scripts/destroy` reads of an account before it removes anything.

Needs: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`, `states:ListExecutions`,
`rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `logs:DescribeLogGroups`, `s3:ListBucket`;
in the destination account also `secretsmanager:GetSecretValue`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.destruction import Found
from console.facts import Pointer, Stack, Unreadable, is_readable
from console.failure import Failure
from console.reading import attempt, read_instances, read_snapshots, read_stacks
from console.secret import DELETED, read_pointer

#: The outputs by which a stack of each role is known.
ROLE_OUTPUTS = {
    "source": ("TopicArn", "StateMachineArn", "ScheduleRuleName"),
    "destination": ("SecretArn", "StateMachineArn", "LaunchFunctionName"),
}
#: The parameters by which one is known that has no outputs, because its creation has failed. The original has not both of them.
ROLE_PARAMETERS = {
    "source": ("SourceDBSnapshotName", "ScheduleState"),
    "destination": ("DatabaseName", "SourceTopicArn"),
}
#: The outputs that name its machines. That of a fleet comes first: it starts executions of the next as long as it runs.
_MACHINES = ("FleetStateMachineArn", "StateMachineArn", "RollbackStateMachineArn")


@dataclass(frozen=True)
class Removed:
    """The stack that is to be removed, as it is."""

    stack: Stack
    rules: tuple[str, ...] = ()
    """The EventBridge rules that are on."""
    resources: dict[str, list[str]] = field(default_factory=dict)
    """The names of its resources by their type."""
    running: tuple[str, ...] = ()
    """The ARNs of its executions that have not ended."""

    @property
    def launch(self) -> str:
        """The function that starts executions for messages; empty in the source account."""
        name = self.stack.outputs.get("LaunchFunctionName", "")
        return name if name in self.resources.get("AWS::Lambda::Function", []) else ""


def read_removed(account: Any) -> Removed | None:
    """The stack of the account; None if there is none. Raises `Failure` if it is no stack of this project and role."""
    try:
        [stack] = read_stacks(account, account.stack)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    refuse_foreign(stack, account.role, "output" if stack.outputs else "parameter")
    resources = _resources(account, stack.name)
    return Removed(
        stack,
        tuple(_rules_that_are_on(account, resources.get("AWS::Events::Rule", []))),
        resources,
        tuple(running(account, stack, resources)),
    )


def refuse_foreign(stack: Stack, role: str, kind: str) -> None:
    """Raises `Failure` unless the stack has each output, or each parameter, by which one of this project and role is known."""
    wanted, there = (ROLE_OUTPUTS, stack.outputs) if kind == "output" else (ROLE_PARAMETERS, stack.parameters)
    missing = [name for name in wanted[role] if name not in there]
    if missing:
        raise Failure(
            f"the stack {stack.name} has no {kind} {missing[0]}: it is no {role} stack of this project, and is not touched; "
            "to fix this: give another name with --stack-name"
        )


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack, which it does with a code that says too little."""
    found = error.response.get("Error", {})
    return found.get("Code") == "ValidationError" and "does not exist" in found.get("Message", "")


def running(account: Any, stack: Stack, resources: dict[str, list[str]]) -> list[str]:
    """The ARNs of the stack's executions that have not ended, in the order in which they are to be stopped."""
    there = resources.get("AWS::StepFunctions::StateMachine", [])
    states = account.client("stepfunctions")
    arns = []
    for machine in [arn for name in _MACHINES if (arn := stack.outputs.get(name)) in there]:
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
        arns += [one["executionArn"] for page in pages for one in page["executions"]]
    return arns


def read_found(account: Any, removed: Removed | None, secret: str, *, is_removed: bool) -> Found:
    """Everything that stays. `secret` is the one that an operator has named, for when there is no stack any more; `is_removed`
    says that the stack is gone by now, so that log groups of it that are there have outlived it."""
    stack = removed.stack if removed else Stack(account.stack)
    resources = removed.resources if removed else {}
    secret = stack.outputs.get("SecretArn", "") or secret
    pointer: Pointer | Unreadable | None = Pointer("", "")
    if account.role == "destination":
        pointer = read_pointer(account, secret, stack.outputs.get("SecretName", "")) if secret else None
        if isinstance(pointer, Unreadable) and pointer.code == DELETED:
            pointer, secret = Pointer("", ""), ""
    prefixes = [one for one in (stack.prefix, stack.parameters.get("SourceDBSnapshotName", "")) if one]
    others = attempt(lambda: read_stacks(account))
    is_of_project = [set(names) for names in ROLE_OUTPUTS.values()]
    return Found(
        name=stack.name,
        instances=read_instances(account, prefixes) if account.role == "destination" else [],
        snapshots=read_snapshots(account, prefixes, [stack.copies_into]),
        pointer=pointer,
        secret=secret,
        keys=(stack.outputs["KMSKeyArn"],) if "AWS::KMS::Key" in resources and "KMSKeyArn" in stack.outputs else (),
        log_groups=tuple(_log_groups(account, stack, resources.get("AWS::Logs::LogGroup", []) if is_removed else [])),
        bucket=_bucket(account),
        other_stacks=tuple(
            one.name
            for one in (others if is_readable(others) else [])
            if one.name != stack.name and any(names <= set(one.outputs) for names in is_of_project)
        ),
    )


def _resources(account: Any, stack: str) -> dict[str, list[str]]:
    pages = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found: dict[str, list[str]] = {}
    for page in pages:
        for one in page["StackResourceSummaries"]:
            # Of a removal that has failed, what is gone already.
            if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE":
                found.setdefault(one["ResourceType"], []).append(one["PhysicalResourceId"])
    return found


def _rules_that_are_on(account: Any, names: list[str]) -> list[str]:
    events = account.client("events")
    return [
        name for name in (one.split("/")[-1] for one in names) if events.describe_rule(Name=name)["State"] == "ENABLED"
    ]


def _log_groups(account: Any, stack: Stack, own: list[str]) -> list[str]:
    """Those of the databases, which RDS makes and nobody removes, and those of the stack that outlived it."""
    logs = account.client("logs")
    groups: set[str] = set()
    for prefix in [f"/aws/rds/instance/{stack.prefix}-"] if stack.prefix else []:
        groups |= set(_named(logs, prefix))
    for group in own:
        groups |= {group} & set(_named(logs, group))
    return sorted(groups)


def _named(logs: Any, prefix: str) -> list[str]:
    """The log groups whose names begin so, or none where they may not be read."""
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    found = attempt(lambda: [one["logGroupName"] for page in pages for one in page["logGroups"]])
    return found if is_readable(found) else []


def _bucket(account: Any) -> str:
    """The bucket that scripts/deploy keeps packages in, if it is there and the account's own."""
    number = account.number()
    name = f"rds-replication-artifacts-{number}-{account.region}"
    try:
        account.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=number)
    except (BotoCoreError, ClientError):
        return ""
    return name
