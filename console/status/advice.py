"""What an operator reads first: the headline of the report, and what in it needs attention. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from console.hints import Hints
from console.screen import age
from console.status.facts import DATA_TIME, version_in
from console.vocabulary import MOVED, READY

_ACCOUNTS = {"source": "the source account", "destination": "the destination account"}


def headline(document: dict[str, Any]) -> str:
    """The report on one database in one line."""
    words = [_live_words(document)]
    if document["versions"] is not None:
        words.append(_versions_words(document))
    return ", ".join([*words, *_replication_words(document)])


def warnings(
    document: dict[str, Any],
    *,
    names_by_host: dict[str, str],
    left: dict[str, str],
    trusted: set[Any],
    hints: Hints,
    secret_problem: str,
    is_secret_written_by_another: bool,
) -> Iterator[tuple[str, str]]:
    """Names and texts of what an operator should check, the worst first.

    `names_by_host` has the identifiers of all instances of the destination account by address, `left` why the newest prune
    could not delete what it wanted to, `trusted` the accounts that a snapshot may be shared with; `secret_problem` is why no
    function can use the secret, if so, and what to do.
    """
    if secret_problem:
        yield "secretUnusable", secret_problem
    yield from _about_live(document, names_by_host, hints)
    if is_secret_written_by_another:
        yield from _about_a_secret_moved_back(document, hints)
    yield from _about_replications(document)
    yield from _about_leftovers(document, left)
    yield from _about_what_is_not_served(document)
    yield from _about_sharing(document, trusted)
    for alarm in document["alarms"] or []:
        if alarm["state"] == "ALARM":
            yield "alarm", f"{alarm['name']} is in alarm" + (f" since {alarm['since']}" if alarm["since"] else "")
    if document["deadLetterMessages"]:
        yield (
            "deadLetters",
            f"{_count(document['deadLetterMessages'], 'message')} that could not be handled in the dead-letter queue",
        )
    if document["stackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield "stackNotComplete", f"the stack {document['stack']} is {document['stackStatus']}"


def _about_live(document: dict[str, Any], names_by_host: dict[str, str], hints: Hints) -> Iterator[tuple[str, str]]:
    live = document["live"]
    if document["secret"] and document["versions"] is not None and live is None:
        yield "nothingLive", _why_nothing_is_live(document, names_by_host, hints)
    if live is None:
        return
    name = f"{_name(live)} ({live['instance']})"
    if live["rdsStatus"] not in READY:
        yield "liveNotAvailable", f"the live {name} is {live['rdsStatus']}"
    if live["marked"]:
        yield "liveMarked", f"the live {name} is marked to-be-deleted"
    if live["dataTime"] is None:
        text = f"how old the data of the live {name} is is unknown: it has no tag {DATA_TIME} and its snapshot is gone"
        yield "dataTimeUnknown", text
    hours = document["maxHoursWithoutReplication"]
    if hours and live["dataAgeSeconds"] is not None and live["dataAgeSeconds"] > hours * 3600:
        text = f"the live data is {age(live['dataAgeSeconds'])} old, more than MaxHoursWithoutReplication ({hours} h)"
        yield "dataTooOld", text


def _why_nothing_is_live(document: dict[str, Any], names_by_host: dict[str, str], hints: Hints) -> str:
    host = document["secret"]["dbHost"]
    if not host:
        return "the secret names no database yet: db_host is empty"
    if host in names_by_host:
        name = names_by_host[host]
        unserved = {
            one["instance"]: other["sourceDatabase"]
            for other in document["otherDatabases"]
            for one in other["versions"] or []
        }
        if name in unserved:
            return f"the secret names {name}, a version of {unserved[name]}, which this stack no longer serves ({host})"
        said = f"the secret names {name}, which this stack did not make ({host})"
        if name in {one["instance"] for one in document["notManaged"]}:
            command = hints.adopt(stack=document["stack"])
            said += f"; if the original of this project did, {command} makes it a version"
        return said
    said = f"the secret names a database that is not in this account: {host}"
    prefixes = {document["prefix"], document["secret"]["dbPrefix"]}
    gone = next(filter(None, (version_in(prefix, host.split(".")[0]) for prefix in prefixes if prefix)), None)
    lower = [one["version"] for one in document["versions"] if one["canRollBack"]]
    lower += [one["version"] for one in document["restorable"] or []]
    lower = [version for version in lower if gone and version < gone]
    if not lower:
        return said
    command = hints.rollback(max(lower), stack=document["stack"])
    return f"{said}; it was version {gone}. To fix this: {command} makes the next lower version live, or start a replication"


def _about_a_secret_moved_back(document: dict[str, Any], hints: Hints) -> Iterator[tuple[str, str]]:
    """What our functions moved the secret to last and what it names now, if something else has put an older version back."""
    if document["live"] is None or document["replications"] is None or "rollbacks" in document["unreadable"]:
        return
    moves = [
        (one["endedAt"], one["instance"])
        for one in [*document["replications"], *(document["rollbacks"] or [])]
        if one["endedAt"] and one["instance"] and one["secretOutcome"] in MOVED
    ]
    if not moves:
        return
    _, moved_to = max(moves)
    newer = next((one for one in document["versions"] if one["instance"] == moved_to), None)
    if newer and newer["comparedWithLive"] == "newer" and newer["version"]:
        live = document["live"]
        yield (
            "secretMovedBack",
            (
                f"the secret was moved to {_name(newer)} and names the older {_name(live)} again; "
                "something else than these functions wrote it since, such as a rotation that had read it before. To fix this: "
                f"{hints.rollback(newer['version'], stack=document['stack'])} moves it forward"
            ),
        )


def _about_replications(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    replications = document["replications"] or []
    last = next((one for one in replications if one["outcome"] not in ("running", "onItsWay")), None)
    if last and last["outcome"] == "failed":
        where = _ACCOUNTS[last["failedIn"]] + (f", {last['failedStage']}" if last["failedStage"] else "")
        text = f"the last replication{' ' + last['id'] if last['id'] else ''} failed in {where}: {last['error']}"
        yield "lastReplicationFailed", text + (f": {last['cause']}" if last["cause"] else "")
    newest = replications[0] if replications else None
    for role, failure in (newest["roomFailures"] if newest else {}).items():
        text = (
            f"the newest replication could delete nothing in {_ACCOUNTS[role]} before it began, and went on: {failure}"
        )
        yield "roomNotMade", text
    for one in replications:
        if one["outcome"] == "notArrived":
            yield (
                "notArrived",
                f"replication {one['id']} ended well in the source account, but the destination account has no run of it",
            )


def _about_leftovers(document: dict[str, Any], left: dict[str, str]) -> Iterator[tuple[str, str]]:
    newest = next((one for one in document["replications"] or [] if one["toldOperators"]), None)
    # What stays is reported with its version or snapshot below, where there is one.
    said = {one["instance"] for one in document["versions"] or [] if one["notDeleted"]} | set(left)
    for text in newest["toldOperators"] if newest and newest is document["replications"][0] else []:
        if not any(name in text for name in said):
            yield "undeleted", text
    for one in document["versions"] or []:
        name = f"{_name(one)} ({one['instance']})"
        if one["notDeleted"] and one["standing"] != "live":
            yield "markedStillExists", f"{name} is marked to-be-deleted and still exists: {one['notDeleted']}"
        if one["standing"] in ("failed", "broken", "leftover"):
            yield "leftover", f"{name} is {one['rdsStatus']}: {one['words']}"
    for one in document["destinationSnapshots"] or []:
        if one["name"] in left:
            yield "notDeleted", f"snapshot {one['name']} was to be deleted and still exists: {left[one['name']]}"


def _about_what_is_not_served(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for other in document["otherDatabases"]:
        held = [(other["versions"], "instance"), (other["destinationSnapshots"], "snapshot")]
        counts = " and ".join(_count(len(things), noun) for things, noun in held if things)
        text = f"this stack serves {document['sourceDatabase']} and still holds {counts} of {other['sourceDatabase']}"
        yield "otherDatabase", f"{text}; {other['advice']}"
    for one in document["notManaged"]:
        text = f"{one['instance']} ({one['rdsStatus']}) is named like a version and is none: {one['reason']}"
        yield "notManaged", f"{text}; no function rolls back to it or deletes it"


def _about_sharing(document: dict[str, Any], trusted: set[str]) -> Iterator[tuple[str, str]]:
    for one in document["sourceSnapshots"] or []:
        others = [number for number in one["sharedWith"] or [] if number not in trusted]
        if others:
            yield "sharedWithOthers", f"snapshot {one['name']} in the source account is shared with {', '.join(others)}"


def _live_words(document: dict[str, Any]) -> str:
    live = document["live"]
    if document["secret"] is None:
        return "live version not readable"
    if live is None:
        return "NO LIVE VERSION" if document["versions"] is not None else "versions not readable"
    said = f"live {_name(live)}"
    if live["restoredVersion"]:
        said += f" (data of version {live['restoredVersion']})"
    if live["rdsStatus"] not in READY:
        said += f" is {live['rdsStatus'].upper()}"
    data_age = live["dataAgeSeconds"]
    return said + (f", data {age(data_age)} old" if data_age is not None else ", data of unknown age")


def _versions_words(document: dict[str, Any]) -> str:
    def is_older(one: dict[str, Any]) -> bool:
        return document["live"] is None or one["comparedWithLive"] == "older"

    older = [one for one in document["versions"] if one["canRollBack"] and is_older(one)]
    kept = [one for one in document["restorable"] or [] if is_older(one) and not one["restoredAs"]]
    held_back = [one for one in document["versions"] if one["standing"] == "heldBack"]
    marked = sum(one["marked"] for one in older)
    said = f"{_count(len(older), 'older version')} to roll back to" if older else "no older version to roll back to"
    said += f" ({marked} of them marked to-be-deleted)" if marked else ""
    if kept:
        said += f" and {len(kept)} more to restore" if older else f" but {len(kept)} to restore from a snapshot"
    return said + (f", {_count(len(held_back), 'newer version')} held back" if held_back else "")


def _replication_words(document: dict[str, Any]) -> list[str]:
    replications = document["replications"]
    if replications is None:
        return ["replications not readable"]
    if not replications:
        return ["no replication yet"]
    running = next((one for one in replications if one["outcome"] in ("running", "onItsWay")), None)
    finished = [one for one in replications if one["outcome"] not in ("running", "onItsWay")]
    words = [f"a replication running since {age(running['ageSeconds'])}"] if running else []
    if finished:
        words.append(
            f"{'the one before' if running else 'last replication'} {_how_it_ended(finished, document['live'])}"
        )
    return words


def _how_it_ended(finished: list[dict[str, Any]], live: dict[str, Any] | None) -> str:
    last = finished[0]
    ago = f"{age(last['endedAgeSeconds'])} ago"
    if last["outcome"] == "succeeded":
        # What was held back may have been released since.
        is_live = live is not None and live["instance"] == last["instance"]
        remark = (
            ""
            if is_live
            else {"heldBack": " (held back)", "newerIsLive": " (a newer one was live)"}.get(last["secretOutcome"], "")
        )
        return f"succeeded {ago}{remark}"
    if last["outcome"] == "superseded":
        return f"ended {ago} without a new version (newer or the same data was there)"
    if last["outcome"] == "unknown":
        return f"ended well in the source account {ago}"
    said = (
        f"FAILED {ago}: {last['error']}"
        if last["outcome"] == "failed"
        else f"DID NOT ARRIVE in the destination account ({ago})"
    )
    success = next((one for one in finished if one["outcome"] == "succeeded"), None)
    return said + (f" (last success {age(success['endedAgeSeconds'])} ago)" if success else "")


def _name(version: dict[str, Any]) -> str:
    return f"version {version['version']}" if version["version"] else "an instance without a version"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
