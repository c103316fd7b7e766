"""Many databases on one screen: what became of each in the last run of a fleet, the worst first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.fleet import MACHINE_OUTPUT, FleetRun, newest
from console.screen import age, table, timestamp
from console.status.facts import Facts, Stack, Unreadable, seconds_between

#: How many executions that have failed are asked for their errors, a call each.
_MOST_ASKED = 50

#: The states of a database, the worst first, as they are printed.
STATES = {
    "failed": "FAILED",
    "failedInDestination": "FAILED in destination",
    "notArrived": "DID NOT ARRIVE",
    "notStarted": "NOT STARTED",
    "running": "running",
    "waiting": "to be started",
    "sent": "sent",
    "replicated": "replicated",
    "sentBefore": "sent by an earlier run",
    "leftOut": "left out",
}


@dataclass(frozen=True)
class Fleet:
    """A source stack with a fleet machine, and the newest run of it."""

    stack: Stack
    run: FleetRun | Unreadable | None
    """None if there was none."""
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Error and cause by database."""


def read_fleet(client: Any, stack: Stack) -> Fleet:
    """The newest run of a stack's fleet machine, with the errors of its executions."""
    run = newest(client, stack.outputs[MACHINE_OUTPUT], stack.outputs["StateMachineArn"])
    if run is None:
        return Fleet(stack, None)
    run.poll()
    failed = [name for name, child in run.children.items() if child.status not in ("RUNNING", "SUCCEEDED")]
    return Fleet(stack, run, {name: run.failure_of(name) for name in failed[:_MOST_ASKED]})


def fleet_report(facts: Facts, fleet: Fleet, databases: list[dict[str, Any]]) -> dict[str, Any]:
    """The part of the report about a fleet; `databases` is the report on the destination stacks."""
    run = fleet.run
    report: dict[str, Any] = {
        "stack": fleet.stack.name,
        "run": None,
        "unreadable": run.code if isinstance(run, Unreadable) else None,
        "databases": [],
        "leftOutBeside": 0,
    }
    if run is None or isinstance(run, Unreadable):
        return report
    report["run"] = {
        "name": run.name,
        "execution": run.arn,
        "status": run.status,
        "startedAt": timestamp(run.started) if run.started else None,
        "ageSeconds": seconds_between(run.started, facts.now),
        "endedAt": timestamp(run.ended) if run.ended else None,
        "error": run.error or None,
        "cause": run.cause or None,
        "quota": (run.plan.room or None) if run.plan else None,
    }
    if run.plan is None:
        return report
    of_stacks = {str(one["sourceDatabase"]).lower(): one for one in databases if one["sourceDatabase"]}
    rows = [_row(facts.now, fleet, run, name, of_stacks.get(name)) for name in run.plan.databases]
    for name in run.plan.done_before:
        rows.append(_entry(facts.now, name, "sentBefore", of_stacks.get(name)))
    for one in run.plan.left_out:
        state = "failed" if one.get("error") else "leftOut"
        row = _entry(facts.now, one["database"], state, of_stacks.get(one["database"]))
        rows.append(row | {"error": one.get("error"), "cause": one["reason"]})
    report["databases"] = sorted(rows, key=_order)
    report["leftOutBeside"] = run.plan.left_out_beside
    return report


def _order(row: dict[str, Any]) -> tuple[int, bool, float, str]:
    """The worst state first, and in it what nobody knows the age of, then the oldest data."""
    data_age = row["dataAgeSeconds"]
    return list(STATES).index(row["state"]), data_age is not None, -(data_age or 0), row["sourceDatabase"]


def _row(now: datetime, fleet: Fleet, run: FleetRun, name: str, of_stack: dict[str, Any] | None) -> dict[str, Any]:
    child = run.children.get(name)
    error, cause = fleet.failures.get(name, (None, None))
    arrived = None
    if child is None:
        state = "waiting" if run.running else "notStarted"
    elif child.status == "RUNNING":
        state = "running"
    elif child.status != "SUCCEEDED":
        state, error = "failed", error or child.status
    else:
        replications = (of_stack or {}).get("replications") or []
        arrived = next((one for one in replications if one["id"] == child.replication), None)
        outcome = arrived["outcome"] if arrived else ""
        state = {
            "failed": "failedInDestination",
            "notArrived": "notArrived",
            "succeeded": "replicated",
            "superseded": "replicated",
        }.get(outcome, "sent")
        if arrived and outcome == "failed":
            error, cause = arrived["error"], arrived["cause"]
    row = _entry(now, name, state, of_stack)
    if child:
        row["seconds"] = round(((child.ended or now) - child.started).total_seconds(), 1)
        row["execution"] = child.arn
    sent = run.last_sent.get(name)
    row["lastSentAt"] = timestamp(sent) if sent else None
    row["lastSentAgeSeconds"] = seconds_between(sent, now)
    return row | {"error": error, "cause": cause or None}


def _entry(now: datetime, name: str, state: str, of_stack: dict[str, Any] | None) -> dict[str, Any]:
    """A row with what the destination account holds of the database."""
    live = (of_stack or {}).get("live") or {}
    return {
        "sourceDatabase": name,
        "state": state,
        "error": None,
        "cause": None,
        "seconds": None,
        "execution": None,
        "lastSentAt": None,
        "lastSentAgeSeconds": None,
        "destinationStack": (of_stack or {}).get("stack"),
        "version": live.get("version"),
        "dataTime": live.get("dataTime"),
        "dataAgeSeconds": live.get("dataAgeSeconds"),
        "versions": None if not of_stack or of_stack["versions"] is None else len(of_stack["versions"]),
        "warnings": len(of_stack["warnings"]) if of_stack else 0,
    }


def names_of(fleets: list[dict[str, Any]]) -> set[str]:
    """The databases of the reports on fleets."""
    return {row["sourceDatabase"] for fleet in fleets for row in fleet["databases"]}


def render_fleet(fleet: dict[str, Any]) -> list[str]:
    """The report on a fleet as lines of text."""
    run, rows = fleet["run"], fleet["databases"]
    title = f"fleet of stack {fleet['stack']}"
    if fleet["unreadable"]:
        return [f"{title}: not readable with these credentials ({fleet['unreadable']})"]
    if run is None:
        return [f"{title}: no run yet"]
    counts = {state: sum(1 for row in rows if row["state"] == state) for state in STATES}
    words = [f"{count} {STATES[state]}" for state, count in counts.items() if count]
    title += f": run {run['name']} {run['status']}, began {age(run['ageSeconds'] or 0)} ago; {', '.join(words) or 'no databases'}"
    lines = [title, "=" * min(len(title), 140)]
    if run["error"] and not rows:
        lines.append(f"  {run['error']}: {run['cause'] or ''}".rstrip(": "))
    if run["quota"]:
        lines.append(f"warning: {run['quota']}")
    if rows:
        lines += ["", *(f"  {line}" for line in _table(rows))]
    lines += [
        f"  {row['sourceDatabase']}: {row['error'] or 'left out'}: {row['cause']}" for row in rows if row["cause"]
    ]
    if fleet["leftOutBeside"]:
        lines.append(f"  {fleet['leftOutBeside']} more were left out: the log of the function report names them")
    return lines


def _table(rows: list[dict[str, Any]]) -> list[str]:
    heads = ["database", "state", "error", "took", "last sent", "version", "data age", "held", "warnings"]
    cells = [
        [
            row["sourceDatabase"],
            STATES[row["state"]],
            row["error"] or "",
            "-" if row["seconds"] is None else age(row["seconds"]),
            "-" if row["lastSentAgeSeconds"] is None else f"{age(row['lastSentAgeSeconds'])} ago",
            "-" if row["version"] is None else str(row["version"]),
            "-" if row["dataAgeSeconds"] is None else age(row["dataAgeSeconds"]),
            "-" if row["versions"] is None else str(row["versions"]),
            str(row["warnings"] or ""),
        ]
        for row in rows
    ]
    return table([heads, *cells], right=(3, 4, 5, 6, 7, 8))
