"""What became of the last replications and rollbacks, and how long their stages took. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from console.execution import Execution
from console.screen import timestamp
from console.status.facts import Run, seconds_between
from console.vocabulary import MOVE_SECRET, RESTORE, STAGE_OF

#: How long a message may take from account to account before its absence is news. Seconds.
_ARRIVAL_SECONDS = 600


def replications(
    now: datetime, source_runs: list[Run] | None, destination_runs: list[Run] | None, since: datetime | None = None
) -> list[dict[str, Any]] | None:
    """Every replication that has a run in either account, newest first. Either list may be None: it could not be read.

    What began before `since`, when the destination stack was created, was not for it unless it has a run there.
    """
    if source_runs is None and destination_runs is None:
        return None
    runs = list(destination_runs or [])
    arrived_ids = {run.replication for run in runs}
    found = []
    for run in source_runs or []:
        if since and run.execution.started < since and run.replication not in arrived_ids:
            continue
        # What a message has started has the replication's name; for one that was lost an operator may have started a run.
        own = [one for one in runs if one.replication == run.replication]
        arrived = next((one for one in own if not _is_by_hand(one)), own[-1] if own else None)
        if arrived:
            runs.remove(arrived)
        found.append(_replication(now, run, arrived, is_b_readable=destination_runs is not None))
    found += [_replication(now, None, run) for run in runs]
    return sorted(found, key=lambda one: one["startedAt"], reverse=True)


def rollback(now: datetime, execution: Execution) -> dict[str, Any]:
    """One run of the rollback machine."""
    instance = execution.result(RESTORE)
    return {
        "wanted": execution.input.get("version"),
        "ageSeconds": seconds_between(execution.started, now),
        "endedAgeSeconds": seconds_between(execution.ended, now),
        **_run(now, execution),
        "cause": execution.cause or None,
        "version": instance.get("db_version"),
        "instance": instance.get("db_instance_identifier"),
        "restoredVersion": instance.get("restoredVersion"),
        "secretOutcome": execution.result(MOVE_SECRET).get("outcome"),
    }


def _replication(
    now: datetime, source_run: Run | None, destination_run: Run | None, is_b_readable: bool = True
) -> dict[str, Any]:
    replication = next(run.replication for run in (source_run, destination_run) if run)
    source = source_run.execution if source_run else None
    destination = destination_run.execution if destination_run else None
    executions = [one for one in (source, destination) if one]
    started = executions[0].started
    ended = None if any(one.running for one in executions) else max(one.ended or one.started for one in executions)
    failed = next((one for one in reversed(executions) if not one.running and not one.succeeded), None)
    made = destination.result(RESTORE) if destination else {}
    moved = destination.result(MOVE_SECRET) if destination else {}
    return {
        "id": replication or None,
        "startedByHandInB": destination_run is not None and _is_by_hand(destination_run),
        "outcome": _outcome(now, source, destination, failed, is_b_readable),
        "startedAt": timestamp(started),
        "ageSeconds": seconds_between(started, now),
        "endedAt": timestamp(ended) if ended else None,
        "endedAgeSeconds": seconds_between(ended, now),
        "seconds": _length(started, ended or now),
        "error": (failed.error or failed.status) if failed else None,
        "cause": (failed.cause or None) if failed else None,
        "failedIn": ("destination" if failed is destination else "source") if failed else None,
        "failedStage": (_words(failed.stage) or None) if failed else None,
        "version": made.get("db_version"),
        "instance": made.get("db_instance_identifier"),
        "secretOutcome": moved.get("outcome"),
        "roomFailures": {
            role: one.room_failure()
            for role, one in (("source", source), ("destination", destination))
            if one and one.room_failure()
        },
        "toldOperators": [text for one in executions for text in one.alerted()],
        "source": _run(now, source) if source else None,
        "destination": _run(now, destination) if destination else None,
    }


def _outcome(
    now: datetime,
    source: Execution | None,
    destination: Execution | None,
    failed: Execution | None,
    is_b_readable: bool,
) -> str:
    if any(one.running for one in (source, destination) if one):
        return "running"
    if failed:
        return "failed"
    if destination:
        return "superseded" if destination.superseded else "succeeded"
    if not is_b_readable:
        return "unknown"
    since_end = seconds_between(source.ended, now) if source else None
    return "onItsWay" if since_end is not None and since_end < _ARRIVAL_SECONDS else "notArrived"


def _run(now: datetime, execution: Execution) -> dict[str, Any]:
    ended = execution.ended
    stages = execution.stage_seconds(ended or now)
    return {
        "execution": execution.arn,
        "status": execution.status,
        "startedAt": timestamp(execution.started),
        "endedAt": timestamp(ended) if ended else None,
        "seconds": _length(execution.started, ended or now),
        "stage": _words(execution.stage) or None,
        "error": execution.error or None,
        "stages": [{"state": state, "stage": _words(state), "seconds": seconds} for state, seconds in stages.items()],
    }


def _is_by_hand(run: Run) -> bool:
    """Whether a run of the destination account was not started by a message, which names it by the replication."""
    return run.execution.name != run.replication


def _length(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 1)


def _words(state: str) -> str:
    """What operators call the stage; a state that is no stage has only its name."""
    return STAGE_OF[state].words if state in STAGE_OF else state
