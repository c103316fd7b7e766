"""AWS to facts: stacks, instances and snapshots, for the commands that change something. `scripts/status` reads them in
crates/operator.

What cannot be read becomes an `Unreadable` with the error's code, so that the rest is still reported. The secret is read in
secret.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from console.facts import Instance, Snapshot, Stack, Unreadable, is_readable
from console.failure import Failure

T = TypeVar("T")

#: The outputs by which a destination stack is known among all stacks of an account.
DESTINATION_OUTPUTS = ("SecretArn", "StateMachineArn", "LaunchFunctionName")


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
