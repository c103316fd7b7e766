"""An imitation of both accounts: facts as they would have been read, one builder for each kind of thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from console.execution import Entered, Execution
from console.status.facts import Alarm, Database, Facts, Instance, Pointer, Run, Schedule, Snapshot, Source, Stack
from console.status.report import report
from console.vocabulary import MOVE_SECRET, RESTORE, STAGES

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
A, B = "111111111111", "222222222222"
SOURCE, DESTINATION = "source-stack", "destination-stack"
TOPIC = f"arn:aws:sns:eu-west-1:{A}:topic"

#: What a run goes through after it has made room.
SOURCE_STATES = tuple(stage.state for stage in STAGES["source"][1:])
DESTINATION_STATES = tuple(stage.state for stage in STAGES["destination"][1:])


def ago(**lengths: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(**lengths)


def replication_id(number: int) -> str:
    """The id of a replication that started so many hours after the day's midnight."""
    return f"20261122t{number:02}0000z-{number:06x}"


def arn(account: str, name: str) -> str:
    return f"arn:aws:rds:eu-west-1:{account}:snapshot:{name}"


def host(version: int, prefix: str = "copy") -> str:
    return f"{prefix}-{version}.c1.example"


def instance(version: int, **changes: Any) -> Instance:
    """The instance of a version, made by the replication of the same number from the destination's copy; `tags` are added to its own."""
    tags = {
        "rds-replication:stack": DESTINATION,
        "rds-replication:name": f"copy-{version}",
        "rds-replication:id": replication_id(version),
        "rds-replication:source-db": "orders",
        "rds-replication:source-snapshot": arn(B, f"copy-{replication_id(version)}"),
        "rds-replication:version": str(version),
    }
    one = Instance(f"copy-{version}", tags, host=host(version), created=NOW.replace(hour=version, minute=40), size=20)
    return _changed(one, changes)


def copy_in_destination(number: int, **changes: Any) -> Snapshot:
    """The destination's copy of the replication of that number."""
    name = f"copy-{replication_id(number)}"
    origin = arn(A, f"snap-{replication_id(number)}-copy-in")
    return _snapshot(B, name, number, DESTINATION, {"rds-replication:source-snapshot": origin}, changes)


def encrypted_copy(number: int, **changes: Any) -> Snapshot:
    """The source's encrypted copy of the replication of that number."""
    origin = arn(A, f"snap-{replication_id(number)}")
    name = f"snap-{replication_id(number)}-copy-in"
    shared = {"shared_with": [B]}
    return _snapshot(A, name, number, SOURCE, {"rds-replication:source-snapshot": origin}, shared | changes)


def source_snapshot(number: int, **changes: Any) -> Snapshot:
    """The source's snapshot of the database of the replication of that number."""
    return _snapshot(
        A, f"snap-{replication_id(number)}", number, SOURCE, {}, {"encrypted": False, "shared_with": []} | changes
    )


def _snapshot(account: str, name: str, number: int, stack: str, tags: dict, changes: dict) -> Snapshot:
    own = {
        "rds-replication:stack": stack,
        "rds-replication:name": name,
        "rds-replication:id": replication_id(number),
        "rds-replication:source-db": "orders",
    }
    data_time = NOW.replace(hour=number, minute=1)
    one = Snapshot(
        name, own | tags, arn=arn(account, name), database="orders", percent=100, size=20, data_time=data_time
    )
    return _changed(one, changes)


def _changed(thing: Any, changes: dict) -> Any:
    tags = {key: value for key, value in (thing.tags | changes.pop("tags", {})).items() if value is not None}
    return replace(thing, tags=tags, **changes)


def execution(
    machine: str,
    name: str,
    start: datetime,
    states: tuple[str, ...],
    *,
    status: str = "SUCCEEDED",
    seconds: int = 60,
    document: dict | None = None,
    input: dict | None = None,
    error: str = "",
    cause: str = "",
) -> Execution:
    """An execution that has spent so many seconds in each of these tasks, and in NotifyFailure if it failed."""
    account = A if machine == "source" else B
    tasks = [*states, "NotifyFailure"] if status == "FAILED" else states
    entered = [Entered(state, "Task", start + timedelta(seconds=seconds * place)) for place, state in enumerate(tasks)]
    return Execution(
        None,
        f"arn:aws:states:eu-west-1:{account}:execution:{machine}:{name}",
        status=status,
        error=error,
        cause=cause,
        started=start,
        ended=None if status == "RUNNING" else start + timedelta(seconds=seconds * len(tasks)),
        input=input or {},
        document=document or {},
        states=entered,
    )


def source_run(number: int, states: tuple[str, ...] = SOURCE_STATES, **changes: Any) -> Run:
    """The source's run of the replication of that number, which began on the hour."""
    document = {"SourceDBSnapshot": {"SourceDBSnapshotIdentifier": f"snap-{replication_id(number)}"}}
    start = NOW.replace(hour=number, minute=0)
    return Run(
        replication_id(number), execution("source", f"uuid-{number}", start, states, document=document, **changes)
    )


def destination_run(
    number: int,
    states: tuple[str, ...] = DESTINATION_STATES,
    *,
    name: str | None = None,
    version: int | None = None,
    minute: int = 10,
    outcome: str = "moved",
    left: tuple[dict, ...] = (),
    **changes: Any,
) -> Run:
    """The destination's run of the replication of that number, which made the version of the same number."""
    replication = replication_id(number)
    document: dict[str, Any] = {}
    if RESTORE in states:
        made = version or number
        document["DBInstance"] = {"db_instance_identifier": f"copy-{made}", "db_version": made, "db_host": host(made)}
    if MOVE_SECRET in states:
        document["secret"] = {"outcome": outcome}
    if DESTINATION_STATES[-1] in states:
        document["prune"] = {"left": list(left)}
    message = {"Input": {"replication": {"id": replication}}}
    start = NOW.replace(hour=number, minute=minute)
    return Run(
        replication,
        execution("destination", name or replication, start, states, document=document, input=message, **changes),
    )


def rollback(
    wanted: Any, version: int, *, status: str = "SUCCEEDED", outcome: str = "moved", **changes: Any
) -> Execution:
    """A run of the rollback machine, ten minutes ago."""
    states = (RESTORE, MOVE_SECRET)
    made = {"db_instance_identifier": f"copy-{version}", "db_version": version, "db_host": host(version)}
    made |= changes.pop("made", {})
    return execution(
        "rollback",
        "uuid-rollback",
        ago(minutes=10),
        states,
        status=status,
        document={"DBInstance": made, "secret": {"outcome": outcome}},
        input={"version": wanted},
        **changes,
    )


def world(
    *,
    live: int | None = 11,
    instances: Any = None,
    snapshots: Any = None,
    parameters: dict | None = None,
    source: Any = None,
    source_changes: dict | None = None,
    **changes: Any,
) -> Facts:
    """Three versions made by three replications at nine, ten and eleven o'clock; the last is live, and all is well.

    A has run what the given runs of B say, unless `source_changes` gives others.
    """
    numbers = (9, 10, 11)
    given = {
        "SourceTopicArn": TOPIC,
        "SourceDBIdentifier": "orders",
        "DatabaseName": "copy",
        "MaxHoursWithoutReplication": "48",
    }
    outputs = {"SecretArn": f"arn:aws:secretsmanager:eu-west-1:{B}:secret:orders/read-x", "SecretName": "orders/read"}
    runs = changes.get("runs")
    announced = (
        {int(run.replication[9:11]) for run in runs if run.replication} if isinstance(runs, list) else set(numbers)
    )
    of_source = {
        "account": A,
        "stack": Stack(SOURCE, parameters={"DestinationAccountNumber": B, "SourceDBIdentifier": "orders"}),
        "snapshots": [make(number) for number in numbers for make in (source_snapshot, encrypted_copy)],
        "runs": [source_run(number) for number in sorted(announced, reverse=True)],
        "schedule": Schedule("cron(0 * * * ? *)", "ENABLED"),
    }
    of_database = {
        "stack": Stack(DESTINATION, parameters=given | (parameters or {}), outputs=outputs),
        "pointer": Pointer(host(live) if live else "", "copy" if live else ""),
        "runs": [destination_run(number) for number in reversed(numbers)],
        "rollbacks": [],
        "alarms": [Alarm("DeadLetterAlarm", "OK"), Alarm("StaleCopyAlarm", "OK")],
        "dead_letters": 0,
        "source": source or Source(**(of_source | (source_changes or {}))),
    }
    return Facts(
        now=NOW,
        account=B,
        region="eu-west-1",
        instances=[instance(number) for number in numbers] if instances is None else instances,
        snapshots=[copy_in_destination(number) for number in numbers] if snapshots is None else snapshots,
        databases=[Database(**(of_database | changes))],
    )


def report_of(facts: Facts, last: int = 5) -> dict:
    """The report of the one database."""
    [database] = report(facts, last)["databases"]
    return database


def warnings(facts: Facts) -> list[str]:
    """The names of the warnings."""
    return [warning["name"] for warning in report_of(facts)["warnings"]]
