"""What a person reads first: the headline of the report, and what in it is to be looked at. Pure."""

from ..screen import age
from .facts import DATA_TIME
from .versions import READY

_ACCOUNTS = {"source": "account A", "destination": "account B"}


def headline(document):
    """The report on one database in one line."""
    words = [_live_words(document)]
    if document["versions"] is not None:
        words.append(_versions_words(document))
    return ", ".join([*words, *_replication_words(document)])


def warnings(document, *, names_by_host, left, trusted):
    """Names and texts of what a person should look at, the worst first.

    `names_by_host` tells the identifiers of all instances of account B by address, `left` the reasons for which the newest prune
    could not delete what it wanted to, `trusted` the accounts that a snapshot may be shared with.
    """
    yield from _about_live(document, names_by_host)
    yield from _about_replications(document)
    yield from _about_leftovers(document, left)
    yield from _about_sharing(document, trusted)
    for alarm in document["alarms"] or []:
        if alarm["state"] == "ALARM":
            yield "alarm", f"{alarm['name']} is in alarm" + (f" since {alarm['since']}" if alarm["since"] else "")
    if document["deadLetterMessages"]:
        yield "deadLetters", f"{_count(document['deadLetterMessages'], 'message')} that could not be handled in the dead-letter queue"
    if document["stackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield "stackNotComplete", f"the stack {document['stack']} is {document['stackStatus']}"


def _about_live(document, names_by_host):
    live = document["live"]
    if document["secret"] and document["versions"] is not None and live is None:
        yield "nothingLive", _why_nothing_is_live(document["secret"]["dbHost"], names_by_host)
    if live is None:
        return
    name = f"{_name(live)} ({live['instance']})"
    if live["rdsStatus"] not in READY:
        yield "liveNotAvailable", f"the live {name} is {live['rdsStatus']}"
    if live["marked"]:
        yield "liveMarked", f"the live {name} is marked to-be-deleted"
    if live["dataTime"] is None:
        text = f"how old the data of the live {name} is cannot be told: it has no tag {DATA_TIME} and its snapshot is gone"
        yield "dataTimeUnknown", text
    hours = document["maxHoursWithoutReplication"]
    if hours and live["dataAgeSeconds"] is not None and live["dataAgeSeconds"] > hours * 3600:
        text = f"the live data is {age(live['dataAgeSeconds'])} old, more than MaxHoursWithoutReplication ({hours} h)"
        yield "dataTooOld", text


def _why_nothing_is_live(host, names_by_host):
    if not host:
        return "the secret names no database yet: db_host is empty"
    if host in names_by_host:
        return f"the secret names {names_by_host[host]}, which this stack did not make ({host})"
    return f"the secret names a database that is not in this account: {host}"


def _about_replications(document):
    replications = document["replications"] or []
    last = next((one for one in replications if one["outcome"] not in ("running", "onItsWay")), None)
    if last and last["outcome"] == "failed":
        where = _ACCOUNTS[last["failedIn"]] + (f", {last['failedStage']}" if last["failedStage"] else "")
        text = f"the last replication{' ' + last['id'] if last['id'] else ''} failed in {where}: {last['error']}"
        yield "lastReplicationFailed", text + (f": {last['cause']}" if last["cause"] else "")
    for one in replications:
        if one["outcome"] == "notArrived":
            yield "notArrived", f"replication {one['id']} ended well in account A, but account B has no run of it"


def _about_leftovers(document, left):
    for one in document["versions"] or []:
        name = f"{_name(one)} ({one['instance']})"
        if one["notDeleted"] and one["standing"] != "live":
            yield "markedStillExists", f"{name} is marked to-be-deleted and still exists: {one['notDeleted']}"
        if one["standing"] in ("failed", "broken", "leftover"):
            yield "leftover", f"{name} is {one['rdsStatus']}: {one['words']}"
    for one in document["destinationSnapshots"] or []:
        if one["name"] in left:
            yield "notDeleted", f"snapshot {one['name']} was to be deleted and still exists: {left[one['name']]}"


def _about_sharing(document, trusted):
    for one in document["sourceSnapshots"] or []:
        others = [number for number in one["sharedWith"] or [] if number not in trusted]
        if others:
            yield "sharedWithOthers", f"snapshot {one['name']} in account A is shared with {', '.join(others)}"


def _live_words(document):
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


def _versions_words(document):
    live_version = document["live"]["version"] if document["live"] else None

    def is_older(one):
        return live_version is None or one["version"] < live_version

    older = [one for one in document["versions"] if one["canRollBack"] and is_older(one)]
    kept = [one for one in document["restorable"] or [] if is_older(one) and not one["restoredAs"]]
    held_back = [one for one in document["versions"] if one["standing"] == "heldBack"]
    marked = sum(one["marked"] for one in older)
    said = f"{_count(len(older), 'older version')} to roll back to" if older else "no older version to roll back to"
    said += f" ({marked} of them marked to-be-deleted)" if marked else ""
    if kept:
        said += f" and {len(kept)} more to restore" if older else f" but {len(kept)} to restore from a snapshot"
    return said + (f", {_count(len(held_back), 'newer version')} held back" if held_back else "")


def _replication_words(document):
    replications = document["replications"]
    if replications is None:
        return ["replications not readable"]
    if not replications:
        return ["no replication yet"]
    running = next((one for one in replications if one["outcome"] in ("running", "onItsWay")), None)
    finished = [one for one in replications if one["outcome"] not in ("running", "onItsWay")]
    words = [f"a replication running since {age(running['ageSeconds'])}"] if running else []
    if finished:
        words.append(f"{'the one before' if running else 'last replication'} {_how_it_ended(finished, document['live'])}")
    return words


def _how_it_ended(finished, live):
    last = finished[0]
    ago = f"{age(last['endedAgeSeconds'])} ago"
    if last["outcome"] == "succeeded":
        # What was held back may have been released since.
        is_live = live is not None and live["instance"] == last["instance"]
        remark = "" if is_live else {"heldBack": " (held back)", "newerIsLive": " (a newer one was live)"}.get(last["secretOutcome"], "")
        return f"succeeded {ago}{remark}"
    if last["outcome"] == "unknown":
        return f"ended well in account A {ago}"
    said = f"FAILED {ago}: {last['error']}" if last["outcome"] == "failed" else f"DID NOT ARRIVE in account B ({ago})"
    success = next((one for one in finished if one["outcome"] == "succeeded"), None)
    return said + (f" (last success {age(success['endedAgeSeconds'])} ago)" if success else "")


def _name(version):
    return f"version {version['version']}" if version["version"] else "an instance without a version"


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
