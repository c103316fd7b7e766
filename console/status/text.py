"""The report as it is printed: plain text of at most about 140 columns, to be pasted into a ticket. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from console.screen import age, table
from console.status.fleets import names_of, render_fleet
from console.status.secret import CREATED_ANEW, DELETED, SCHEDULED_FOR_DELETION, WITHOUT_VALUE
from console.vocabulary import READY_SNAPSHOT, STAGES

WIDTH = 140

_OUTCOMES = {
    "succeeded": "succeeded",
    "superseded": "no newer data",
    "failed": "FAILED",
    "running": "running",
    "onItsWay": "on its way",
    "notArrived": "DID NOT ARRIVE",
    "unknown": "not readable",
}
_STATUSES = {"SUCCEEDED": "succeeded", "RUNNING": "running", "TIMED_OUT": "TIMED OUT"}
_SECRET_OUTCOMES = {
    "moved": "moved",
    "alreadyMoved": "named it already",
    "newerIsLive": "newer one is live",
    "heldBack": "held back",
    "prepared": "being prepared",
    "instanceBusy": "instance is busy",
    "passwordPending": "password pending",
}
_KINDS = {
    "ofDatabase": "of the database",
    "encryptedCopy": "encrypted copy",
    "copy": "copy",
    "final": "final",
    "other": "other",
}
_SOURCE_STAGES = tuple(stage.words for stage in STAGES["source"])
_DESTINATION_STAGES = tuple(stage.words for stage in STAGES["destination"])
#: What can be unreadable, as it is printed.
_SECTIONS = {
    "secret": "the secret",
    "versions": "the databases of the destination account",
    "destinationSnapshots": "the snapshots of the destination account",
    "destinationRuns": "the executions of the destination account",
    "rollbacks": "the rollbacks",
    "alarms": "the alarms",
    "deadLetters": "the dead-letter queue",
    "sourceSnapshots": "the snapshots of the source account",
    "sourceRuns": "the executions of the source account",
    "schedule": "the schedule",
}
_OF_SOURCE = ("sourceSnapshots", "sourceRuns", "schedule")
#: Codes of our own, which AWS does not explain.
_CODES = {
    "OtherAccount": "the credentials are of another account than the topic",
    "StackNotFound": "no stack of the source account has the destination's SourceTopicArn as its output TopicArn",
    "SecretInvalid": "the secret is not a JSON object in text form with db_host and db_prefix as texts",
    "ProfileNotFound": "there is no such profile",
    "NoCredentialsError": "there is neither a profile of its name nor are there credentials in the environment",
}
#: Codes that have nothing to do with credentials; a warning says what to do.
_OF_THE_SECRET = {
    SCHEDULED_FOR_DELETION: "it is scheduled for deletion",
    CREATED_ANEW: "it was deleted and created anew",
    DELETED: "it does not exist any more",
    WITHOUT_VALUE: "it has no value",
}


def render(document: dict[str, Any], source_db: str = "") -> str:
    """The report as lines of text, joined; of many databases one line each, unless it is about one of them."""
    lines = [
        f"status of the restored databases in account {document['destinationAccount']}, {document['region']}, at {document['at']}"
    ]
    if not document["databases"]:
        lines += ["", "no destination stack was found here"]
    names = [database["sourceDatabase"] for database in document["databases"]]
    fleets = document.get("fleets", [])
    for fleet in fleets:
        rows = [row for row in fleet["databases"] if source_db in ("", row["sourceDatabase"])]
        lines += ["", *render_fleet(fleet | {"databases": rows})]
    in_fleets = set() if source_db else names_of(fleets)
    if in_fleets:
        lines += ["", f"{document['oneDatabaseCommand']} shows one database"]
    for database in document["databases"]:
        if str(database["sourceDatabase"]).lower() in in_fleets:
            continue
        # Several stacks can hold versions of one database.
        stack = f", stack {database['stack']}" if names.count(database["sourceDatabase"]) > 1 else ""
        lines += ["", *_database(database, stack)]
    return "\n".join(_printable(line).rstrip() for line in lines) + "\n"


def _database(database: dict[str, Any], stack: str) -> list[str]:
    title = f"{database['sourceDatabase'] or database['stack']}{stack}: {database['headline']}"
    lines = [*_wrapped(title, "", "  "), "=" * min(len(title), WIDTH)]
    for warning in database["warnings"]:
        lines += _wrapped(f"warning: {warning['text']}", "", "         ")
    lines += _unreadable(database)
    lines += ["", *_summary(database)]
    sections = (
        ("versions, newest first", _versions),
        ("where they came from", _origins),
        (
            f"versions that exist only as a snapshot in the destination account; {database['restoreCommand']} restores one",
            _restorable,
        ),
        ("replications, newest first", _replications),
        ("how long their stages took", _stages),
        ("rollbacks, newest first", _rollbacks),
        ("snapshots in the source account", lambda found: _snapshots(found["sourceSnapshots"])),
        ("snapshots in the destination account", lambda found: _snapshots(found["destinationSnapshots"])),
    )
    for title, rows in sections:
        found = rows(database)
        if found:
            lines += ["", title, *found]
    for other in database["otherDatabases"]:
        lines += ["", f"held of {other['sourceDatabase']}, which this stack does not serve any more"]
        lines += [*_versions(other), *_restorable(other), *_snapshots(other["destinationSnapshots"])]
        lines += _wrapped(other["advice"], "  ", "  ")
    return lines


def _unreadable(database: dict[str, Any]) -> list[str]:
    """What could not be read, for people; the source account as one if nothing of it could."""
    codes = dict(database["unreadable"])
    of_source = {codes.get(name) for name in _OF_SOURCE}
    sections = dict(_SECTIONS)
    if len(of_source) == 1 and None not in of_source:
        codes = {name: code for name, code in codes.items() if name not in _OF_SOURCE} | {"source": of_source.pop()}
        sections["source"] = "the source account"
    lines = []
    for name, code in codes.items():
        words = f"{code}: {_CODES[code]}" if code in _CODES else code
        hidden = (
            f"not readable: {_OF_THE_SECRET[code]}"
            if code in _OF_THE_SECRET
            else f"not readable with these credentials ({words})"
        )
        lines += _wrapped(f"{sections[name]}: {hidden}", "", "  ")
    return lines


def _summary(database: dict[str, Any]) -> list[str]:
    """The single facts, one a line."""
    live, secret, schedule = database["live"], database["secret"], database["schedule"]
    source = f"source account {database['sourceAccount'] or 'unknown'}, stack {database['sourceStack'] or 'unknown'}"
    rows = [["from", source], ["to", f"stack {database['stack']} ({database['stackStatus']})"]]
    if secret:
        rows.append(["secret", f"{secret['name'] or secret['arn']} names {secret['dbHost'] or 'nothing'}"])
    if live:
        made = f", made {_when(live['createdAt'], live['ageSeconds'])}" if live["createdAt"] else ""
        rows.append(["live", f"version {live['version']}, {live['instance']}, {live['rdsStatus']}{made}"])
        data = f"as of {_when(live['dataTime'], live['dataAgeSeconds'])}" if live["dataTime"] else "of unknown age"
        limit = database["maxHoursWithoutReplication"]
        rows.append(["its data", data + (f"; more than {limit} h is too old" if limit else "")])
    if schedule:
        rows.append(["schedule", f"{schedule['expression']} UTC, {schedule['state']}"])
    if database["alarms"] is not None:
        rows.append(["alarms", ", ".join(f"{one['name']} {one['state']}" for one in database["alarms"]) or "none"])
    if database["deadLetterMessages"] is not None:
        rows.append(["dead letters", f"{database['deadLetterMessages']} messages"])
    return [f"  {name:<12}  {value}" for name, value in rows]


def _versions(database: dict[str, Any]) -> list[str]:
    rows = [["version", "instance", "RDS status", "what it is", "data of", "mark", "data as of", "data age", "size"]]
    for one in database["versions"] or []:
        rows.append(
            [
                _or_dash(one["version"]),
                one["instance"],
                one["rdsStatus"],
                one["words"],
                f"version {one['restoredVersion']}" if one["restoredVersion"] else "",
                "to-be-deleted" if one["marked"] else "",
                one["dataTime"] or "unknown",
                _age(one["dataAgeSeconds"]),
                _gib(one["sizeGib"]),
            ]
        )
    return _table(rows, right=(0, 7, 8))


def _origins(database: dict[str, Any]) -> list[str]:
    rows = [["version", "replication", "created", "snapshot", "where"]]
    for one in database["versions"] or []:
        snapshot = one["sourceSnapshot"] or {"name": "unknown", "isInSource": None, "exists": None}
        account = {True: "in source", False: "in destination", None: ""}[snapshot["isInSource"]]
        gone = ", gone" if snapshot["exists"] is False else ""
        rows.append(
            [
                _or_dash(one["version"]),
                one["replicationId"] or "-",
                one["createdAt"] or "unknown",
                snapshot["name"],
                account + gone,
            ]
        )
    return _table(rows, right=(0,))


def _restorable(database: dict[str, Any]) -> list[str]:
    rows = [["version", "snapshot", "data as of", "data age", "size", "restored as"]]
    for one in database["restorable"] or []:
        rows.append(
            [
                one["version"],
                one["snapshot"],
                one["dataTime"] or "unknown",
                _age(one["dataAgeSeconds"]),
                _gib(one["sizeGib"]),
                ", ".join(f"version {version}" for version in one["restoredAs"]),
            ]
        )
    return _table(rows, right=(0, 3, 4))


def _replications(database: dict[str, Any]) -> list[str]:
    rows = [["replication", "started", "age", "source", "destination", "version", "secret"]]
    failures = []
    for one in database["replications"] or []:
        rows.append(
            [
                _title(one),
                one["startedAt"],
                _age(one["ageSeconds"]),
                _source_result(one, database),
                _destination_result(one, database),
                _or_dash(one["version"]),
                _secret_outcome(one["secretOutcome"]),
            ]
        )
        failures += _failure(_title(one), one)
    return _table(rows, right=(2, 5)) + failures


def _title(replication: dict[str, Any]) -> str:
    """The id or, for a run that an operator has started without a message, its name."""
    return replication["id"] or replication["destination"]["execution"].rsplit(":", 1)[-1]


def _source_result(replication: dict[str, Any], database: dict[str, Any]) -> str:
    if replication["source"]:
        return _status(replication["source"])
    if "sourceRuns" in database["unreadable"]:
        return "not readable"
    return "-" if replication["startedByHandInB"] else "no run found"


def _destination_result(replication: dict[str, Any], database: dict[str, Any]) -> str:
    if replication["outcome"] == "superseded":
        return _OUTCOMES["superseded"]
    if replication["destination"]:
        return _status(replication["destination"]) + (", by hand" if replication["startedByHandInB"] else "")
    if "destinationRuns" in database["unreadable"]:
        return "not readable"
    # A source that is still running or has failed has nothing to announce yet.
    return _OUTCOMES[replication["outcome"]] if replication["outcome"] in ("onItsWay", "notArrived") else "no run"


def _stages(database: dict[str, Any]) -> list[str]:
    replications = database["replications"] or []
    of_source = _SOURCE_STAGES if database["unreadable"].get("sourceRuns") is None else ()
    stages = [*(("source", stage) for stage in of_source), *(("destination", stage) for stage in _DESTINATION_STAGES)]
    seconds = [
        {
            (role, stage["stage"]): stage["seconds"]
            for role in ("source", "destination")
            if one[role]
            for stage in one[role]["stages"]
        }
        for one in replications
    ]
    # A stack that was deployed before there was such a stage has no column for it.
    stages = [stage for stage in stages if stage[1] != "room" or any(stage in of_one for of_one in seconds)]
    heads = {("source", "room"): "room A", ("destination", "room"): "room B"}
    rows = [["replication", *(heads.get(stage, stage[1]) for stage in stages), "in all"]]
    for one, of_one in zip(replications, seconds):
        rows.append([_title(one), *(_length(of_one.get(stage)) for stage in stages), _length(one["seconds"])])
    return _table(rows, right=range(1, len(rows[0])), keep_empty=True)


def _rollbacks(database: dict[str, Any]) -> list[str]:
    rows = [["started", "age", "wanted", "result", "version", "instance", "restored from", "secret", "restore", "move"]]
    failures = []
    for one in database["rollbacks"] or []:
        seconds = {stage["stage"]: stage["seconds"] for stage in one["stages"]}
        rows.append(
            [
                one["startedAt"],
                _age(one["ageSeconds"]),
                _or_dash(one["wanted"]),
                _status(one),
                _or_dash(one["version"]),
                one["instance"] or "-",
                f"snapshot of version {one['restoredVersion']}" if one["restoredVersion"] else "",
                _secret_outcome(one["secretOutcome"]),
                _length(seconds.get("restore")),
                _length(seconds.get("secret")),
            ]
        )
        failures += _failure(one["startedAt"], one)
    return _table(rows, right=(1, 2, 4, 8, 9)) + failures


def _snapshots(snapshots: list[dict[str, Any]] | None) -> list[str]:
    rows = [
        ["snapshot", "kind", "status", "size", "encrypted", "data as of", "data age", "version", "mark", "shared with"]
    ]
    for one in snapshots or []:
        is_ready = one["status"] in READY_SNAPSHOT
        percent = f" {one['percent']}%" if one["percent"] is not None and not is_ready else ""
        shared = "-" if one["sharedWith"] is None else ", ".join(one["sharedWith"]) or "nobody"
        rows.append(
            [
                one["name"],
                _KINDS[one["kind"]],
                one["status"] + percent,
                _gib(one["sizeGib"]),
                "yes" if one["encrypted"] else "no",
                one["dataTime"] or "unknown",
                _age(one["dataAgeSeconds"]),
                one["version"] or "",
                "to-be-deleted" if one["marked"] else "",
                shared if any(each["sharedWith"] is not None for each in snapshots or []) else "",
            ]
        )
    return _table(rows, right=(3, 6, 7))


def _table(rows: list[list[Any]], right: Iterable[int] = (), keep_empty: bool = False) -> list[str]:
    """An indented table without the columns that say nothing; a long first column gets lines of its own."""
    if len(rows) < 2:
        return []
    rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
    used = [column for column in range(len(rows[0])) if keep_empty or any(row[column] for row in rows[1:])]
    rows = [[row[column] for column in used] for row in rows]
    right = [place for place, column in enumerate(used) if column in set(right)]
    lines = table(rows, right)
    if max(map(len, lines)) <= WIDTH - 2:
        return [f"  {line}" for line in lines]
    # What is too wide is the longest column, of names that must not be cut: each goes onto a line of its own.
    widest = max(range(len(rows[0])), key=lambda column: max(len(row[column]) for row in rows))
    rest = [[cell for column, cell in enumerate(row) if column != widest] for row in rows]
    lines = table(rest, [column - (column > widest) for column in right if column != widest])
    return [
        *(f"  {line}" for line in lines[:2]),
        *(
            f"  {line}"
            for row, rest_line in zip(rows[1:], lines[2:])
            for line in (row[widest], f"  {rest_line}")
            if line
        ),
    ]


def _wrapped(text: str, first: str, following: str) -> list[str]:
    folded = " ".join(text.split())
    return textwrap.wrap(
        folded, WIDTH, initial_indent=first, subsequent_indent=following, break_long_words=False, break_on_hyphens=False
    )


def _failure(name: str, failed: dict[str, Any]) -> list[str]:
    """Lines under a table: the error of one of its rows."""
    if not failed["error"]:
        return []
    return _wrapped(f"{name}: {failed['error']}" + (f": {failed['cause']}" if failed["cause"] else ""), "  ", "    ")


def _status(run: dict[str, Any]) -> str:
    said = _STATUSES.get(run["status"], run["status"])
    return f"{said}: {run['stage']}" if run["status"] != "SUCCEEDED" and run["stage"] else said


def _secret_outcome(outcome: str | None) -> str:
    return _SECRET_OUTCOMES.get(outcome, outcome) if outcome else ""


def _when(moment: str, seconds: float) -> str:
    return f"{moment} ({age(seconds)} ago)"


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else age(seconds)


def _length(seconds: float | None) -> str:
    """How long something took, short enough for a column: 0.4 s, 245 s, 42 min, 3 h 05 min."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{int(seconds)} s" if seconds < 600 else age(seconds)


def _gib(size: int | None) -> str:
    return "-" if size is None else f"{size} GiB"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _printable(line: str) -> str:
    """Tags and causes are written by others; nothing of theirs may move the cursor of a terminal."""
    return "".join(character if character.isprintable() else "?" for character in line)
