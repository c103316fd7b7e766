"""Facts to report. Pure; the report is the JSON document itself, which `status` describes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from console.hints import Hints
from console.screen import timestamp
from console.status.advice import headline, warnings
from console.status.facts import Alarm, Database, Facts, Pointer, Stack, Unreadable, arn_part
from console.status.fleets import fleet_report
from console.status.replications import replications, rollback
from console.status.secret import plain_name, unusable_secret
from console.status.versions import Versions, not_managed, unserved_databases

FORMAT = 1

T = TypeVar("T")

#: What has to be readable for the destination account to count as read.
_NEEDED = ("secret", "versions", "destinationSnapshots", "destinationRuns")


def report(facts: Facts, last: int = 5, hints: Hints = Hints()) -> dict[str, Any]:
    """The report of these facts, ready to be written as JSON; `last` is how many replications and rollbacks it reports."""

    def hints_for(stack: Stack) -> Hints:
        return replace(hints, one_of_several=stack.database) if stack.pattern else hints

    databases = [_database(facts, database, last, hints_for(database.stack)) for database in facts.databases]
    document: dict[str, Any] = {
        "format": FORMAT,
        "at": timestamp(facts.now),
        "destinationAccount": facts.account,
        "region": facts.region,
        "databases": databases,
    }
    if facts.fleets:
        document["fleets"] = [fleet_report(facts, fleet, databases) for fleet in facts.fleets]
        document["oneDatabaseCommand"] = hints.status_of("NAME")
    return document


def is_complete(document: dict[str, Any]) -> bool:
    """Whether everything that decides what the destination account holds could be read."""
    return not any(name in database["unreadable"] for database in document["databases"] for name in _NEEDED)


def _database(facts: Facts, database: Database, last: int, hints: Hints) -> dict[str, Any]:
    unreadable: dict[str, str] = {}

    def readable(name: str, fact: T | Unreadable | None) -> T | None:
        """The fact, or None and a note of what hides it."""
        if isinstance(fact, Unreadable):
            unreadable[name] = fact.code
            return None
        return fact

    stack, source = database.stack, database.source
    of_source, hidden = (None, source) if isinstance(source, Unreadable) else (source, None)
    pointer = readable("secret", database.pointer)
    runs = readable("destinationRuns", database.runs)
    rollbacks = readable("rollbacks", database.rollbacks)
    alarms = readable("alarms", database.alarms)
    instances = readable("versions", facts.instances)
    schedule = readable("schedule", of_source.schedule if of_source else hidden)
    snapshots = readable("destinationSnapshots", facts.snapshots)
    held: dict[str, Any] = {
        "now": facts.now,
        "account": facts.account,
        "stack": stack,
        "pointer": pointer,
        "instances": instances,
        "snapshots": snapshots,
    }
    versions = Versions(
        **held,
        database=stack.database,
        source_snapshots=readable("sourceSnapshots", of_source.snapshots if of_source else hidden),
        runs=runs,
        rollbacks=rollbacks,
    )
    others = [(name, Versions(**held, database=name)) for name in unserved_databases(stack, instances, snapshots)]
    rows = versions.rows()
    found = replications(
        facts.now, readable("sourceRuns", of_source.runs if of_source else hidden), runs, stack.created
    )
    document = {
        "stack": stack.name,
        "stackStatus": stack.status,
        "sourceDatabase": stack.parameters.get("SourceDBIdentifier") or None,
        "prefix": stack.parameters.get("DatabaseName") or (pointer or Pointer("", "")).prefix or None,
        "sourceAccount": arn_part(stack.parameters.get("SourceTopicArn", ""), 4) or None,
        "sourceStack": of_source.stack.name if of_source else None,
        "headline": "",
        "warnings": [],
        "secret": _secret(stack, pointer),
        "live": next((one for one in rows or [] if one["standing"] == "live"), None),
        "versions": rows,
        "restorable": versions.restorable(),
        "restoreCommand": hints.rollback("VERSION", stack=stack.name),
        "otherDatabases": [_other_database(name, held, stack, hints) for name, held in others],
        "notManaged": not_managed(stack, instances),
        "replications": None if found is None else found[:last],
        "rollbacks": None if rollbacks is None else [rollback(facts.now, one) for one in rollbacks[:last]],
        "sourceSnapshots": versions.source_snapshots(),
        "destinationSnapshots": versions.destination_snapshots(),
        "schedule": schedule and {"expression": schedule.expression, "state": schedule.state},
        "alarms": None if alarms is None else [_alarm(one) for one in alarms],
        "deadLetterMessages": readable("deadLetters", database.dead_letters),
        "maxHoursWithoutReplication": stack.number("MaxHoursWithoutReplication"),
        "unreadable": unreadable,
    }
    document["headline"] = headline(document)
    said = warnings(
        document,
        names_by_host={one.host: one.identifier for one in instances or [] if one.host},
        left=versions.left,
        hints=hints,
        secret_problem=_secret_problem(stack, database.pointer),
        is_secret_written_by_another=pointer is not None and pointer.is_written_by_another,
        trusted={facts.account, of_source.stack.parameters.get("DestinationAccountNumber")}
        if of_source
        else {facts.account},
    )
    document["warnings"] = [{"name": name, "text": text} for name, text in said]
    return document


def _other_database(name: str, versions: Versions, stack: Stack, hints: Hints) -> dict[str, Any]:
    """What the stack still holds of a database that it no longer serves."""
    serve_it = hints.deploy_destination(f"SourceDBIdentifier={name}", stack=stack.name)
    return {
        "sourceDatabase": name,
        "versions": versions.rows(),
        "restorable": versions.restorable(),
        "destinationSnapshots": versions.destination_snapshots(),
        "advice": f"they stay until an operator decides: {serve_it} makes the stack serve {name} again; otherwise delete the "
        "instances and snapshots in the console or with aws rds",
    }


def _secret_problem(stack: Stack, pointer: Pointer | Unreadable) -> str:
    if not isinstance(pointer, Unreadable):
        return ""
    return unusable_secret(pointer.code, stack.outputs.get("SecretArn", ""), stack.outputs.get("SecretName", ""))


def _secret(stack: Stack, pointer: Pointer | None) -> dict[str, Any] | None:
    if pointer is None:
        return None
    return {
        "name": plain_name(stack.outputs.get("SecretName", "")) or None,
        "arn": stack.outputs.get("SecretArn"),
        "dbHost": pointer.host,
        "dbPrefix": pointer.prefix,
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {"name": alarm.name, "state": alarm.state, "since": timestamp(alarm.since) if alarm.since else None}
