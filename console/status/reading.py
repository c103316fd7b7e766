"""AWS to facts: everything that `scripts/status` reads, and nothing that it makes of it.

What cannot be read becomes an `Unreadable` with the error's code, so that the rest is still reported. The secret is read in
secret.py.

Needs in the destination account: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`, `rds:DescribeDBInstances`,
`rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `secretsmanager:GetSecretValue`, `secretsmanager:DescribeSecret`,
`states:ListExecutions`, `states:DescribeExecution`, `states:GetExecutionHistory`, `cloudwatch:DescribeAlarms`,
`sqs:GetQueueAttributes`; in the source account, if it is to be reported:
`cloudformation:DescribeStacks`, `rds:DescribeDBSnapshots`, `rds:DescribeDBSnapshotAttributes`, the same three of `states`,
`events:DescribeRule`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from console.account import Account
from console.execution import Execution, execution_arn, replication_id
from console.failure import Failure
from console.fleet import MACHINE_OUTPUT
from console.several import includes, is_pattern, of_database
from console.status.facts import (
    SOURCE_DATABASE,
    Alarm,
    Database,
    Facts,
    Instance,
    Pointer,
    Run,
    Schedule,
    Snapshot,
    Source,
    Stack,
    Tagged,
    Unreadable,
    arn_part,
    id_time,
    is_readable,
)
from console.status.fleets import Fleet, read_fleet
from console.status.secret import read_pointer
from console.vocabulary import SNAPSHOT

T = TypeVar("T")

#: The outputs by which a destination stack is known among all stacks of an account.
DESTINATION_OUTPUTS = ("SecretArn", "StateMachineArn", "LaunchFunctionName")
#: Whom a snapshot is shared with takes a call each, so only that many snapshots are asked about.
_MOST_ASKED_FOR_SHARING = 20
#: How far back executions are searched for the few that are reported.
_MOST_LISTED = 1000
#: An execution that a fleet has started: its run, and the database.
_OF_FLEET = re.compile(r"\d{8}t\d{6}z-[0-9a-f]{10}-(.+)$")
#: How many of them are opened to see which database they are about.
_MOST_OPENED = 100


def attempt(read: Callable[[], T]) -> T | Unreadable:
    """What the function reads, or `Unreadable` with the code of the error."""
    try:
        return read()
    except (Failure, BotoCoreError, ClientError) as error:
        return Unreadable(error_code(error))


def error_code(error: BaseException) -> str:
    """The name by which AWS or its client calls the error."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    if isinstance(error, Failure) and error.__cause__ is not None:
        return error_code(error.__cause__)
    return type(error).__name__


def read_facts(
    destination: Account,
    source: Account | Unreadable,
    *,
    stacks: Sequence[str] = (),
    last: int = 5,
    now: datetime,
    source_db: str = "",
) -> Facts:
    """Everything about the databases whose versions the destination account holds.

    `source` is the account or, where it cannot be entered at all, an `Unreadable`; `stacks` narrows to destination stacks
    of these names, and `source_db` to those that take messages about this database. Raises what AWS raises if the stacks of the
    destination account cannot be read.
    """
    found = _destination_stacks(destination, stacks)
    if source_db:
        found = [stack for stack in found if includes(stack.database, source_db)]
        if not found:
            raise Failure(f"no destination stack here takes messages about {source_db}")
        found = [_for_database(stack, source_db) for stack in found]
    prefixes = [stack.prefix for stack in found if stack.prefix]
    source_account = _SourceAccount(source)
    instances = attempt(lambda: read_instances(destination, prefixes))
    snapshots = attempt(lambda: read_snapshots(destination, prefixes))
    held = [*(instances if is_readable(instances) else []), *(snapshots if is_readable(snapshots) else [])]
    return Facts(
        now=now,
        account=destination.number(),
        region=destination.region,
        instances=instances,
        snapshots=snapshots,
        databases=[one for stack in found for one in _databases(destination, source_account, stack, held, last)],
        fleets=source_account.fleets({one.parameters.get("SourceTopicArn", "") for one in found} if stacks else None),
    )


def _for_database(stack: Stack, database: str) -> Stack:
    """The stack as one for this database alone, where it replicates several."""
    outputs, parameters = of_database(stack.outputs, stack.parameters, stack.name, database)
    pattern = stack.database if is_pattern(stack.database) else ""
    return replace(stack, outputs=outputs, parameters=parameters, pattern=pattern)


def _of_each_database(stack: Stack, held: Sequence[Tagged]) -> list[Stack]:
    """A stack for several databases as one for each that it holds something of; any other as it is."""
    if not is_pattern(stack.database):
        return [stack]
    names = {one.source_database for one in held if one.is_of(stack.name) and one.source_database}
    return [_for_database(stack, name) for name in sorted(names) if includes(stack.database, name)] or [stack]


def read_instances(account: Any, prefixes: Sequence[str] = ()) -> list[Instance]:
    """Every DB instance of the account; one that begins with such a prefix is asked for its tags if none are shown."""
    rds = account.client("rds")
    pages = rds.get_paginator("describe_db_instances").paginate()
    return [
        Instance(
            identifier=found["DBInstanceIdentifier"],
            tags=_tags(rds, found, found["DBInstanceIdentifier"], found.get("DBInstanceArn"), prefixes),
            status=found.get("DBInstanceStatus", ""),
            host=found.get("Endpoint", {}).get("Address", ""),
            created=found.get("InstanceCreateTime"),
            size=found.get("AllocatedStorage"),
            deletion_protection=found.get("DeletionProtection", False),
            resource_id=found.get("DbiResourceId", ""),
            arn=found.get("DBInstanceArn", ""),
            instance_class=found.get("DBInstanceClass", ""),
            cluster=found.get("DBClusterIdentifier", ""),
            replica_of=found.get("ReadReplicaSourceDBInstanceIdentifier", ""),
            replicas=tuple(found.get("ReadReplicaDBInstanceIdentifiers", ())),
        )
        for page in pages
        for found in page["DBInstances"]
    ]


def read_snapshots(account: Any, prefixes: Sequence[str] = (), copies_into: Iterable[str] = ()) -> list[Snapshot]:
    """Every manual DB snapshot, also in Regions that stacks copy into; one with such a prefix is asked for hidden tags."""
    others = sorted({one for one in copies_into if one and one != account.region})
    return [
        Snapshot(
            identifier=found["DBSnapshotIdentifier"],
            tags=_tags(rds, found, found["DBSnapshotIdentifier"], found.get("DBSnapshotArn"), prefixes),
            arn=found.get("DBSnapshotArn", ""),
            database=found.get("DBInstanceIdentifier", ""),
            status=found.get("Status", ""),
            percent=found.get("PercentProgress"),
            size=found.get("AllocatedStorage"),
            encrypted=found.get("Encrypted", False),
            # Never SnapshotCreateTime, which is the time of the copy.
            data_time=found.get("SnapshotDatabaseTime") or found.get("OriginalSnapshotCreateTime"),
        )
        for rds in [account.client("rds", region) for region in (None, *others)]
        for page in rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        for found in page["DBSnapshots"]
    ]


def _tags(rds: Any, found: dict[str, Any], identifier: str, arn: str | None, prefixes: Sequence[str]) -> dict[str, str]:
    """The tags in an answer, which has been seen without any; then they are asked for, if the thing may be ours."""
    listed = found.get("TagList", [])
    if not listed and arn and any(identifier.startswith(f"{prefix}-") for prefix in prefixes):
        answer = attempt(lambda: rds.list_tags_for_resource(ResourceName=arn))
        listed = answer.get("TagList", []) if is_readable(answer) else []
    return {tag["Key"]: tag.get("Value", "") for tag in listed}


def read_stacks(account: Any, name: str | None = None) -> list[Stack]:
    """The stack of this name, or every stack of the account."""
    asked = {"StackName": name} if name else {}
    pages = account.client("cloudformation").get_paginator("describe_stacks").paginate(**asked)
    return [
        Stack(
            name=found["StackName"],
            status=found["StackStatus"],
            parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
            outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
            created=found.get("CreationTime"),
            is_protected=found.get("EnableTerminationProtection", False),
        )
        for page in pages
        for found in page["Stacks"]
    ]


def _destination_stacks(account: Account, names: Sequence[str]) -> list[Stack]:
    if not names:
        found = [stack for stack in read_stacks(account) if all(name in stack.outputs for name in DESTINATION_OUTPUTS)]
        return sorted(found, key=lambda stack: stack.name)
    found = []
    for name in dict.fromkeys(names):
        [stack] = read_stacks(account, name)
        missing = [output for output in DESTINATION_OUTPUTS if output not in stack.outputs]
        if missing:
            raise Failure(
                f"the stack {name} of the destination account has no output {missing[0]}; was it deployed with this "
                "project's destination template?"
            )
        found.append(stack)
    return found


class _SourceAccount:
    """The source account, each thing of it read at most once however many destination stacks ask."""

    def __init__(self, account: Account | Unreadable) -> None:
        # Nothing is read of it before stack_of has shown that it is one.
        self.account: Any = account

    @cached_property
    def number(self) -> str | Unreadable:
        return attempt(self.account.number)

    @cached_property
    def stacks(self) -> list[Stack] | Unreadable:
        return attempt(lambda: read_stacks(self.account))

    @cached_property
    def snapshots(self) -> list[Snapshot] | Unreadable:
        stacks = self.stacks if is_readable(self.stacks) else []
        prefixes = [name for name in (stack.parameters.get("SourceDBSnapshotName") for stack in stacks) if name]
        return attempt(lambda: read_snapshots(self.account, prefixes, [stack.copies_into for stack in stacks]))

    def stack_of(self, topic: str) -> Stack | Unreadable:
        """The stack that made the topic, or `Unreadable`."""
        if isinstance(self.account, Unreadable):
            return self.account
        if isinstance(self.number, Unreadable):
            return self.number
        if self.number != arn_part(topic, 4):
            return Unreadable("OtherAccount")
        if isinstance(self.stacks, Unreadable):
            return self.stacks
        found = [stack for stack in self.stacks if stack.outputs.get("TopicArn") == topic]
        return found[0] if found else Unreadable("StackNotFound")

    def fleets(self, topics: set[str] | None) -> list[Fleet]:
        """The stacks with a machine for many databases, of these topics or of all."""
        if isinstance(self.account, Unreadable) or isinstance(self.stacks, Unreadable):
            return []
        found = [stack for stack in self.stacks if MACHINE_OUTPUT in stack.outputs]
        wanted = [stack for stack in found if topics is None or stack.outputs.get("TopicArn") in topics]
        return [self._fleet(stack) for stack in wanted]

    def _fleet(self, stack: Stack) -> Fleet:
        found = attempt(lambda: read_fleet(self.account.client("stepfunctions"), stack))
        return Fleet(stack, found) if isinstance(found, Unreadable) else found


def _databases(
    destination: Account, source_account: _SourceAccount, stack: Stack, held: Sequence[Tagged], last: int
) -> list[Database]:
    """The databases of a stack. What is the stack's is read once, however many they are."""
    outputs = stack.outputs
    machine, rollback_machine = outputs["StateMachineArn"], outputs.get("RollbackStateMachineArn")
    queue = outputs.get("DeadLetterQueueUrl")
    machines = destination.client("stepfunctions")
    stacks = _of_each_database(stack, held)
    # Those of one database are among those of the others.
    searched = _MOST_OPENED if any(one.pattern for one in stacks) else last
    runs = attempt(lambda: [_destination_run(machines, arn) for arn in _newest(machines, machine, searched)])
    rollbacks = (
        attempt(lambda: [_opened(machines, arn) for arn in _newest(machines, rollback_machine, searched)])
        if rollback_machine
        else None
    )
    alarms = attempt(lambda: _alarms(destination, stack))
    dead_letters = attempt(lambda: _waiting_messages(destination, queue)) if queue else None

    def of_one(one: Stack) -> Database:
        own = _about(one, runs, last, lambda run: _announced(run.execution).get("sourceDBIdentifier"))
        source = _source(source_account, one, own, last)
        return Database(
            stack=one,
            pointer=_pointer(destination, one),
            runs=attempt(lambda: _with_announced(own, source, machines, machine)),
            rollbacks=None
            if rollbacks is None
            else _about(one, rollbacks, last, lambda execution: execution.input.get("SourceDBIdentifier")),
            alarms=alarms,
            dead_letters=dead_letters,
            source=source,
        )

    return [of_one(one) for one in stacks]


def _about(stack: Stack, found: list[T] | Unreadable, last: int, named: Callable[[T], Any]) -> list[T] | Unreadable:
    """Of what was found, the newest about the stack's database; all are where the stack has only one."""
    if not stack.pattern or isinstance(found, Unreadable):
        return found
    return [one for one in found if str(named(one)).lower() == stack.database][:last]


def _pointer(destination: Account, stack: Stack) -> Pointer | Unreadable:
    if is_pattern(stack.database):
        # Of several databases each has a secret, which its first run makes; there is none yet.
        return Pointer("", "")
    outputs = stack.outputs
    return attempt(lambda: read_pointer(destination, outputs["SecretArn"], outputs.get("SecretName", "")))


def _source(
    source_account: _SourceAccount, destination_stack: Stack, destination_runs: list[Run] | Unreadable, last: int
) -> Source | Unreadable:
    topic = destination_stack.parameters.get("SourceTopicArn", "")
    stack = source_account.stack_of(topic)
    if isinstance(stack, Unreadable):
        return stack
    account = source_account.account
    database = destination_stack.database
    announced = {run.replication for run in destination_runs} if is_readable(destination_runs) else set()
    return Source(
        account=arn_part(topic, 4),
        stack=stack,
        snapshots=_own_snapshots(account, source_account.snapshots, stack, database),
        runs=attempt(lambda: _source_runs(account, stack, database, announced, last)),
        schedule=attempt(lambda: _schedule(account, stack)),
    )


def _own_snapshots(
    account: Account, snapshots: list[Snapshot] | Unreadable, stack: Stack, database: str
) -> list[Snapshot] | Unreadable:
    if isinstance(snapshots, Unreadable):
        return snapshots
    own = [one for one in snapshots if one.names(stack.name) and one.tags.get(SOURCE_DATABASE, database) == database]
    own.sort(key=lambda one: one.replication or "", reverse=True)
    clients = {region: account.client("rds", region) for region in {one.region for one in own}}
    most = _MOST_ASKED_FOR_SHARING
    return [_with_sharing(clients[one.region], one) for one in own[:most]] + own[most:]


def _with_sharing(rds: Any, snapshot: Snapshot) -> Snapshot:
    found = attempt(lambda: rds.describe_db_snapshot_attributes(DBSnapshotIdentifier=snapshot.identifier))
    if isinstance(found, Unreadable):
        return snapshot
    attributes = found["DBSnapshotAttributesResult"].get("DBSnapshotAttributes", [])
    accounts = [
        number for one in attributes if one["AttributeName"] == "restore" for number in one.get("AttributeValues", [])
    ]
    return replace(snapshot, shared_with=accounts)


def _listed(machines: Any, machine: str) -> Iterator[dict[str, Any]]:
    """The machine's executions, newest first, as the list gives them."""
    pages = machines.get_paginator("list_executions").paginate(
        stateMachineArn=machine, PaginationConfig={"PageSize": 100}
    )
    return islice((execution for page in pages for execution in page["executions"]), _MOST_LISTED)


def _newest(machines: Any, machine: str, last: int) -> list[str]:
    return [listed["executionArn"] for listed in islice(_listed(machines, machine), last)]


def _opened(machines: Any, arn: str) -> Execution:
    execution = Execution(machines, arn)
    execution.poll()
    return execution


def _destination_run(machines: Any, arn: str) -> Run:
    execution = _opened(machines, arn)
    found = _announced(execution).get("id")
    return Run(found if isinstance(found, str) else "", execution)


def _announced(execution: Execution) -> dict[str, Any]:
    """What the message of a destination run says of its replication."""
    message = execution.input.get("Input")
    replication = message.get("replication") if isinstance(message, dict) else None
    return replication if isinstance(replication, dict) else {}


def _source_runs(account: Account, stack: Stack, database: str, announced: set[str], last: int) -> list[Run]:
    """The newest executions about this database, and the older ones that the executions of the destination account came from."""
    machines = account.client("stepfunctions")
    sought = {replication: moment for replication in announced if (moment := id_time(replication))}
    found: list[Run] = []
    opened = 0
    for listed in _listed(machines, stack.outputs["StateMachineArn"]):
        is_sought = sought.pop(replication_id(listed["executionArn"], listed["startDate"]), None) is not None
        if len(found) >= last and not is_sought:
            if not sought or listed["startDate"] < min(sought.values()):
                break
            continue
        if _is_of_another(listed["name"], database):
            continue
        if opened == _MOST_OPENED:
            break
        opened += 1
        execution = _opened(machines, listed["executionArn"])
        if _database_of(execution, stack) == database:
            found.append(Run(execution.announced_id(), execution))
    return found


def _is_of_another(name: str, database: str) -> bool:
    """Whether the name of an execution says that a fleet has started it for another database. A long one is cut there, where two
    hyphens stand."""
    found = _OF_FLEET.match(name)
    return found is not None and "--" not in found[1] and found[1] != database


def _database_of(execution: Execution, stack: Stack) -> str:
    said = execution.result(SNAPSHOT).get("sourceDBIdentifier") or execution.input.get("SourceDBIdentifier")
    return str(said or stack.parameters.get("SourceDBIdentifier", "")).lower()


def _with_announced(
    runs: list[Run] | Unreadable, source: Source | Unreadable, machines: Any, machine: str
) -> list[Run] | Unreadable:
    """The runs of the destination account, and older ones that runs of the source account announced."""
    if not is_readable(runs) or not is_readable(source) or not is_readable(source.runs):
        return runs
    known = {run.replication for run in runs}
    announced = [execution_arn(machine, run.replication) for run in source.runs if run.replication not in known]
    return [*runs, *(_destination_run(machines, arn) for arn in announced if Execution(machines, arn).exists())]


def _schedule(account: Account, stack: Stack) -> Schedule:
    rule = stack.outputs.get("ScheduleRuleName")
    if not rule:
        answer = account.client("cloudformation").describe_stack_resource(
            StackName=stack.name, LogicalResourceId="ScheduleRule"
        )
        rule = answer["StackResourceDetail"]["PhysicalResourceId"]
    found = account.client("events").describe_rule(Name=rule)
    return Schedule(found.get("ScheduleExpression", ""), found["State"])


def _alarms(account: Account, stack: Stack) -> list[Alarm]:
    pages = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.name)
    names = {
        resource["PhysicalResourceId"]: resource["LogicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm" and resource.get("PhysicalResourceId")
    }
    if not names:
        return []
    pages = account.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=sorted(names))
    alarms = [
        Alarm(names[found["AlarmName"]], found["StateValue"], found.get("StateUpdatedTimestamp"))
        for page in pages
        for found in page["MetricAlarms"]
    ]
    return sorted(alarms, key=lambda alarm: alarm.name)


def _waiting_messages(account: Account, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = account.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)
