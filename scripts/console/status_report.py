"""Facts to report: what is live, what can be rolled back to, what went wrong. Pure; the report is the JSON document itself.

The document is described in `status`.
"""

from .screen import age, timestamp
from .status_facts import (
    DATA_TIME,
    SOURCE_DATABASE,
    SOURCE_SNAPSHOT,
    STACK,
    Pointer,
    arn_part,
    is_readable,
    parse_time,
    seconds_between,
    version_in,
)

FORMAT = 1

#: The stages in words, by the state whose task they are, in the order in which a replication goes through them.
STAGES = {
    "CreateLatestSnapshot": "snapshot",
    "CopyEncryptedSnapshot": "copy in A",
    "ShareStatusWithTargetAccount": "share",
    "NotifyToTargetAccount": "notify",
    "CleanOlderSnapshots": "prune in A",
    "CopySharedSnapshotInTargetAccount": "copy in B",
    "RestoreDBInstance": "restore",
    "UpdateSecretWithDBValue": "secret",
    "CleanOlderDBInstances": "prune in B",
}

# The words of crates/replication/src/progress.rs for a restored instance; a word in neither set is on its way.
READY = frozenset({"available", "storage-initialization", "storage-optimization"})
FAILED = frozenset(
    {
        "delete-precheck",
        "deleting",
        "failed",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "incompatible-create",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "restore-error",
        "stopped",
        "stopping",
        "storage-full",
    }
)

#: What a restore that failed leaves; in another failed status a copy that was whole waits for a person.
NEVER_WAS = frozenset({"failed", "incompatible-create", "incompatible-restore", "restore-error"})

#: How long a message may take from account to account before its absence is news. Seconds.
_ARRIVAL_SECONDS = 600
#: What has to be readable for account B to count as read.
_NEEDED = ("secret", "versions", "destinationSnapshots", "destinationRuns")


def report(facts, last=5):
    """The report of these facts, ready to be written as JSON; `last` is how many replications and rollbacks it tells of."""
    return {
        "format": FORMAT,
        "at": timestamp(facts.now),
        "destinationAccount": facts.account,
        "region": facts.region,
        "databases": [_Report(facts, database, last).document() for database in facts.databases],
    }


def is_complete(document):
    """Whether everything that decides what account B holds could be read."""
    return not any(name in database["unreadable"] for database in document["databases"] for name in _NEEDED)


class _Report:
    """The report of one database."""

    def __init__(self, facts, database, last):
        self.now = facts.now
        self.account = facts.account
        self.last = last
        self.database = database
        self.stack = database.stack
        self.source = database.source
        self.unreadable = {}

        self.source_snapshots = self._readable("sourceSnapshots", self._of_source("snapshots"))
        self.source_runs = self._readable("sourceRuns", self._of_source("runs"))
        self.schedule = self._readable("schedule", self._of_source("schedule"))
        self.pointer = self._readable("secret", database.pointer)
        self.runs = self._readable("destinationRuns", database.runs)
        self.executions_of_rollbacks = self._readable("rollbacks", database.rollbacks)
        self.alarms = self._readable("alarms", database.alarms)
        self.dead_letters = self._readable("deadLetters", database.dead_letters)
        self.all_instances = self._readable("versions", facts.instances)
        self.instances = _those(self.all_instances, lambda one: one.is_of(self.stack.name))
        self.snapshots = _those(self._readable("destinationSnapshots", facts.snapshots), self._belongs)

    def document(self):
        """The report as it is written."""
        versions = self._versions()
        live = next((one for one in versions or [] if one["standing"] == "live"), None)
        restorable = self._restorable(versions)
        replications = self._replications()
        rollbacks = self._rollbacks()
        pointer = self.pointer or Pointer("", "")
        document = {
            "stack": self.stack.name,
            "stackStatus": self.stack.status,
            "sourceDatabase": self._parameter("SourceDBIdentifier"),
            "prefix": self._parameter("DatabaseName") or pointer.prefix or None,
            "sourceAccount": arn_part(self.stack.parameters.get("SourceTopicArn", ""), 4) or None,
            "sourceStack": self.source.stack.name if is_readable(self.source) else None,
            "headline": "",
            "warnings": [],
            "secret": self._secret(),
            "live": live,
            "versions": versions,
            "restorable": restorable,
            "replications": replications,
            "rollbacks": rollbacks,
            "sourceSnapshots": self._snapshot_rows(self.source_snapshots, self._kind_in_source),
            "destinationSnapshots": self._snapshot_rows(self.snapshots, self._kind_in_destination),
            "schedule": self.schedule and {"expression": self.schedule.expression, "state": self.schedule.state},
            "alarms": self._alarms(),
            "deadLetterMessages": self.dead_letters,
            "maxHoursWithoutReplication": self.stack.number("MaxHoursWithoutReplication"),
            "unreadable": self.unreadable,
        }
        document["headline"] = _headline(document)
        document["warnings"] = [{"name": name, "text": text} for name, text in self._warnings(document)]
        return document

    # ------------------------------------------------------------------------------------------------ what was read

    def _readable(self, name, fact):
        if is_readable(fact) or fact is None:
            return fact
        self.unreadable[name] = fact.code
        return None

    def _of_source(self, name):
        return getattr(self.source, name) if is_readable(self.source) else self.source

    def _parameter(self, name):
        return self.stack.parameters.get(name) or None

    def _belongs(self, snapshot):
        """Ours by tag, or of an instance of ours: a final snapshot need not carry our tags."""
        if STACK in snapshot.tags:
            return snapshot.is_of(self.stack.name)
        names = {one.identifier for one in self.instances or []}
        prefix = self.stack.parameters.get("DatabaseName", "")
        return snapshot.database in names or (_is_final(snapshot) and version_in(prefix, snapshot.database) is not None)

    # ------------------------------------------------------------------------------------------------- the versions

    def _secret(self):
        return self.pointer and {
            "name": self.stack.outputs.get("SecretName"),
            "arn": self.stack.outputs.get("SecretArn"),
            "dbHost": self.pointer.host,
            "dbPrefix": self.pointer.prefix,
        }

    def _live_instance(self):
        if not self.pointer or not self.pointer.host:
            return None
        return next((one for one in self.instances or [] if one.host == self.pointer.host), None)

    def _versions(self):
        if self.instances is None:
            return None
        live = self._live_instance()
        ordered = sorted(self.instances, key=lambda one: (one.version or 0, one.identifier), reverse=True)
        return [self._version(one, live) for one in ordered]

    def _version(self, instance, live):
        standing, words = self._standing(instance, live)
        data_time, data_time_from = self._data_time(instance)
        return {
            "version": instance.version,
            "instance": instance.identifier,
            "rdsStatus": instance.status,
            "standing": standing,
            "words": words,
            "canRollBack": standing != "live" and instance.version is not None and instance.status in READY,
            "marked": instance.marked,
            "deletionProtection": instance.deletion_protection,
            "notDeleted": self._why_not_deleted(instance),
            "createdAt": _time(instance.created),
            "ageSeconds": seconds_between(instance.created, self.now),
            "dataTime": _time(data_time),
            "dataTimeFrom": data_time_from,
            "dataAgeSeconds": seconds_between(data_time, self.now),
            "sourceSnapshot": self._source_snapshot(instance),
            "replicationId": instance.replication,
            "sizeGib": instance.size,
            "restoredVersion": instance.restored_version,
        }

    def _standing(self, instance, live):
        status, version = instance.status, instance.version
        if instance is live:
            return "live", "live"
        if status in ("deleting", "delete-precheck"):
            return "deleting", "being deleted"
        if status in ("stopped", "stopping"):
            return "stopped", f"{status}; start it before rolling back to it"
        if status in NEVER_WAS:
            return "failed", "left by a restore that failed"
        if status in FAILED:
            return "broken", "cannot be used as it is"
        if version is None:
            return "unnumbered", "without a version number"
        if self.pointer is None:
            return "kept", "kept"
        is_older = bool(live and live.version and version < live.version)
        if status not in READY:
            return ("busy", "older, busy at the moment") if is_older else ("inProgress", "being made")
        if not live or not live.version:
            return "kept", "kept; nothing of this stack is live"
        if is_older:
            return "older", "older, to roll back to"
        run = self._run_of(instance)
        if (run and run.running) or self._is_being_rolled_back_to(instance):
            return "inProgress", "being made"
        if run and not run.succeeded and not run.passed("UpdateSecretWithDBValue"):
            return "leftover", "left by a replication that failed"
        by_hand = " (Promote is manual)" if self.stack.parameters.get("Promote") == "manual" else ""
        return "heldBack", f"held back, newer than live{by_hand}"

    def _run_of(self, instance):
        found = [run for run in self.runs or [] if run.replication == instance.replication]
        return max((run.execution for run in found), key=lambda one: one.started, default=None)

    def _is_being_rolled_back_to(self, instance):
        running = [one for one in self.executions_of_rollbacks or [] if one.running]
        return any(one.result("RestoreDBInstance").get("db_instance_identifier") == instance.identifier for one in running)

    def _why_not_deleted(self, instance):
        """Why something that is superseded is still there, or None."""
        if not instance.marked or instance.status in ("deleting", "delete-precheck"):
            return None
        if instance.deletion_protection:
            return "it has deletion protection, so a person has to decide"
        left = self._left().get(instance.identifier)
        if left:
            return left
        if instance.status not in READY | FAILED:
            return f"it is {instance.status}; a later replication deletes it"
        return "the next replication deletes it"

    def _left(self):
        """What the newest prune wanted to delete and could not, with its reasons."""
        pruned = [run.execution for run in self.runs or [] if isinstance(run.execution.document.get("prune"), dict)]
        newest = max(pruned, key=lambda one: one.started, default=None)
        left = newest.document["prune"].get("left", []) if newest else []
        return {one["identifier"]: one.get("reason", "") for one in left if isinstance(one, dict) and "identifier" in one}

    def _data_time(self, instance):
        """The point in time of the data, and where that is written; the time of a copy is never taken for it."""
        tagged = parse_time(instance.tags.get(DATA_TIME))
        if tagged:
            return tagged, "tag"
        for snapshot in self._lineage(instance):
            if snapshot.data_time:
                return snapshot.data_time, "snapshot"
        return None, None

    def _lineage(self, instance):
        """The snapshots that the instance came from, nearest first: B's copy, the encrypted copy in A, A's own snapshot."""
        everywhere = [*(self.snapshots or []), *(self.source_snapshots or [])]
        by_arn = {one.arn: one for one in everywhere if one.arn}
        found = []
        nearest = by_arn.get(instance.tags.get(SOURCE_SNAPSHOT)) or self._by_replication(instance)
        while nearest and nearest not in found:
            found.append(nearest)
            nearest = by_arn.get(nearest.tags.get(SOURCE_SNAPSHOT))
        return found

    def _by_replication(self, instance):
        """The snapshot nearest to the instance that has the same replication in its tags."""
        if not instance.replication:
            return None
        copies = [one for one in self.snapshots or [] if self._kind_in_destination(one) == "copy"]
        originals = sorted(self.source_snapshots or [], key=lambda one: SOURCE_SNAPSHOT not in one.tags)
        return next((one for one in [*copies, *originals] if one.replication == instance.replication), None)

    def _source_snapshot(self, instance):
        """The farthest snapshot that the tags lead to."""
        lineage = self._lineage(instance)
        arn = lineage[-1].tags.get(SOURCE_SNAPSHOT) or lineage[-1].arn if lineage else instance.tags.get(SOURCE_SNAPSHOT)
        if not arn:
            return None
        is_in_source = arn_part(arn, 4) != self.account
        where = self.source_snapshots if is_in_source else self.snapshots
        return {
            "arn": arn,
            "name": arn.split(":snapshot:")[-1],
            "isInSource": is_in_source,
            "exists": None if where is None else any(one.arn == arn for one in where),
        }

    def _restorable(self, versions):
        if versions is None or self.snapshots is None:
            return None
        present = {one["version"] for one in versions if one["standing"] not in ("failed", "broken", "deleting")}
        found = [
            {
                "version": one.version,
                "snapshot": one.identifier,
                "dataTime": _time(one.data_time),
                "dataAgeSeconds": seconds_between(one.data_time, self.now),
                "replicationId": one.replication,
                "sizeGib": one.size,
                "restoredAs": sorted(each["version"] for each in versions if each["restoredVersion"] == one.version and each["version"]),
            }
            for one in self.snapshots
            if one.version and one.version not in present and one.status == "available" and self._kind_in_destination(one) == "copy"
        ]
        return sorted(found, key=lambda one: one["version"], reverse=True)

    # ------------------------------------------------------------------------------------------------ the snapshots

    def _kind_in_source(self, snapshot):
        if not _is_of_replication(snapshot):
            return "other"
        return "encryptedCopy" if SOURCE_SNAPSHOT in snapshot.tags else "ofDatabase"

    def _kind_in_destination(self, snapshot):
        if snapshot.is_of(self.stack.name) and _is_of_replication(snapshot):
            return "copy"
        return "final" if _is_final(snapshot) else "other"

    def _snapshot_rows(self, snapshots, kind):
        if snapshots is None:
            return None
        rows = [
            {
                "name": one.identifier,
                "kind": kind(one),
                "status": one.status,
                "percent": one.percent,
                "sizeGib": one.size,
                "encrypted": one.encrypted,
                "dataTime": _time(one.data_time),
                "dataAgeSeconds": seconds_between(one.data_time, self.now),
                "sourceDatabase": one.tags.get(SOURCE_DATABASE) or one.database or None,
                "replicationId": one.replication,
                "version": one.version,
                "marked": one.marked,
                "sharedWith": one.shared_with,
            }
            for one in snapshots
        ]
        return sorted(rows, key=lambda one: (one["replicationId"] or "", one["name"]), reverse=True)

    # --------------------------------------------------------------------------------------------- the replications

    def _replications(self):
        if self.runs is None and self.source_runs is None:
            return None
        runs = list(self.runs or [])
        found = []
        for run in self.source_runs or []:
            # What a message has started has the replication's name; for one that was lost a person may have started a run.
            own = [one for one in runs if one.replication == run.replication]
            arrived = next((one for one in own if not _is_by_hand(one)), own[-1] if own else None)
            if arrived:
                runs.remove(arrived)
            found.append(self._replication(run, arrived))
        found += [self._replication(None, run) for run in runs]
        return sorted(found, key=lambda one: one["startedAt"], reverse=True)[: self.last]

    def _replication(self, source_run, destination_run):
        source, destination = (run and run.execution for run in (source_run, destination_run))
        executions = [one for one in (source, destination) if one]
        started = executions[0].started
        ended = None if any(one.running for one in executions) else max(one.ended or one.started for one in executions)
        failed = next((one for one in reversed(executions) if not one.running and not one.succeeded), None)
        made = destination.result("RestoreDBInstance") if destination else {}
        moved = destination.result("UpdateSecretWithDBValue") if destination else {}
        return {
            "id": (source_run or destination_run).replication or None,
            "startedByHandInB": bool(destination_run) and _is_by_hand(destination_run),
            "outcome": self._outcome(source, destination, failed),
            "startedAt": _time(started),
            "ageSeconds": seconds_between(started, self.now),
            "endedAt": _time(ended),
            "endedAgeSeconds": seconds_between(ended, self.now),
            "seconds": _length(started, ended or self.now),
            "error": (failed.error or failed.status) if failed else None,
            "cause": (failed.cause or None) if failed else None,
            "failedIn": ("destination" if failed is destination else "source") if failed else None,
            "failedStage": (STAGES.get(failed.stage, failed.stage) or None) if failed else None,
            "version": made.get("db_version"),
            "instance": made.get("db_instance_identifier"),
            "secretOutcome": moved.get("outcome"),
            "source": self._run(source),
            "destination": self._run(destination),
        }

    def _outcome(self, source, destination, failed):
        if any(one.running for one in (source, destination) if one):
            return "running"
        if failed:
            return "failed"
        if destination:
            return "succeeded"
        if self.runs is None:
            return "unknown"
        return "onItsWay" if seconds_between(source.ended, self.now) < _ARRIVAL_SECONDS else "notArrived"

    def _run(self, execution):
        if execution is None:
            return None
        stages = execution.stage_seconds(execution.ended or self.now)
        return {
            "execution": execution.arn,
            "status": execution.status,
            "startedAt": _time(execution.started),
            "endedAt": _time(execution.ended),
            "seconds": _length(execution.started, execution.ended or self.now),
            "stage": STAGES.get(execution.stage, execution.stage) or None,
            "error": execution.error or None,
            "stages": [
                {"state": state, "stage": STAGES.get(state, state), "seconds": seconds} for state, seconds in stages.items()
            ],
        }

    def _rollbacks(self):
        if self.executions_of_rollbacks is None:
            return None
        return [self._rollback(one) for one in self.executions_of_rollbacks[: self.last]]

    def _rollback(self, execution):
        instance = execution.result("RestoreDBInstance")
        return {
            "wanted": execution.input.get("version"),
            "ageSeconds": seconds_between(execution.started, self.now),
            "endedAgeSeconds": seconds_between(execution.ended, self.now),
            **self._run(execution),
            "cause": execution.cause or None,
            "version": instance.get("db_version"),
            "instance": instance.get("db_instance_identifier"),
            "restoredVersion": instance.get("restoredVersion"),
            "secretOutcome": execution.result("UpdateSecretWithDBValue").get("outcome"),
        }

    def _alarms(self):
        if self.alarms is None:
            return None
        return [{"name": one.name, "state": one.state, "since": _time(one.since)} for one in self.alarms]

    # ------------------------------------------------------------------------------------------------- the warnings

    def _warnings(self, document):
        """Names and texts of what a person should look at, the worst first."""
        yield from self._about_live(document)
        yield from self._about_replications(document)
        yield from self._about_leftovers(document)
        yield from self._about_alarms(document)
        if document["stackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            yield "stackNotComplete", f"the stack {self.stack.name} is {document['stackStatus']}"

    def _about_live(self, document):
        live, pointer = document["live"], self.pointer
        if pointer and document["versions"] is not None and live is None:
            yield "nothingLive", self._why_nothing_is_live(pointer)
        if live is None:
            return
        name = f"version {live['version']} ({live['instance']})"
        if live["rdsStatus"] not in READY:
            yield "liveNotAvailable", f"the live {name} is {live['rdsStatus']}"
        if live["marked"]:
            yield "liveMarked", f"the live {name} is marked to-be-deleted"
        if live["dataTime"] is None:
            yield "dataTimeUnknown", f"how old the data of the live {name} is cannot be told: it has no tag {DATA_TIME} and its snapshot is gone"
        hours = document["maxHoursWithoutReplication"]
        if hours and live["dataAgeSeconds"] is not None and live["dataAgeSeconds"] > hours * 3600:
            text = f"the live data is {age(live['dataAgeSeconds'])} old, more than MaxHoursWithoutReplication ({hours} h)"
            yield "dataTooOld", text

    def _why_nothing_is_live(self, pointer):
        if not pointer.host:
            return "the secret names no database yet: db_host is empty"
        other = next((one for one in self.all_instances or [] if one.host == pointer.host), None)
        if other:
            return f"the secret names {other.identifier}, which this stack did not make ({pointer.host})"
        return f"the secret names a database that is not in this account: {pointer.host}"

    def _about_replications(self, document):
        replications = document["replications"] or []
        finished = [one for one in replications if one["outcome"] not in ("running", "onItsWay")]
        if finished and finished[0]["outcome"] == "failed":
            one = finished[0]
            where = {"source": "account A", "destination": "account B"}[one["failedIn"]]
            text = f"the last replication {one['id'] or ''} failed in {where}"
            text += f", {one['failedStage']}" if one["failedStage"] else ""
            yield "lastReplicationFailed", f"{text}: {one['error']}" + (f": {one['cause']}" if one["cause"] else "")
        for one in replications:
            if one["outcome"] == "notArrived":
                yield "notArrived", f"replication {one['id']} ended well in account A, but account B has no run of it"

    def _about_leftovers(self, document):
        for one in document["versions"] or []:
            name = f"{_name(one)} ({one['instance']})"
            if one["notDeleted"] and one["standing"] != "live":
                yield "markedStillExists", f"{name} is marked to-be-deleted and still exists: {one['notDeleted']}"
            if one["standing"] in ("failed", "broken", "leftover"):
                yield "leftover", f"{name} is {one['rdsStatus']}: {one['words']}"
        left = self._left()
        for one in document["destinationSnapshots"] or []:
            if one["name"] in left:
                yield "notDeleted", f"snapshot {one['name']} was to be deleted and still exists: {left[one['name']]}"
        destination = self.source.stack.parameters.get("DestinationAccountNumber") if is_readable(self.source) else None
        for one in document["sourceSnapshots"] or []:
            others = [number for number in one["sharedWith"] or [] if number not in (destination, self.account)]
            if others:
                yield "sharedWithOthers", f"snapshot {one['name']} in account A is shared with {', '.join(others)}"

    def _about_alarms(self, document):
        for alarm in document["alarms"] or []:
            if alarm["state"] == "ALARM":
                yield "alarm", f"{alarm['name']} is in alarm" + (f" since {alarm['since']}" if alarm["since"] else "")
        if document["deadLetterMessages"]:
            count = document["deadLetterMessages"]
            yield "deadLetters", f"{count} message{'s' if count > 1 else ''} that could not be handled in the dead-letter queue"


def _is_of_replication(snapshot):
    """Whether a replication has made it, of the source database or from a snapshot of it.

    A snapshot that a person or a deletion has made of one of our instances may carry all of its tags, but is of that.
    """
    return bool(snapshot.replication) and snapshot.tags.get(SOURCE_DATABASE) == snapshot.database


def _is_by_hand(run):
    """Whether a run of account B was not started by a message, which names it by the replication."""
    return run.execution.name != run.replication


def _is_final(snapshot):
    return snapshot.identifier.startswith(f"{snapshot.database}-final")


def _headline(document):
    """What a person reads first."""
    words = [_live_words(document)]
    if document["versions"] is not None:
        words.append(_versions_words(document))
    words.extend(_replication_words(document))
    return ", ".join(words)


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
    live = document["live"]
    candidates = [one for one in document["versions"] if one["canRollBack"]]
    older = [one for one in candidates if live is None or live["version"] is None or one["version"] < live["version"]]
    kept = [one for one in document["restorable"] or [] if live is None or live["version"] is None or one["version"] < live["version"]]
    held_back = [one for one in document["versions"] if one["standing"] == "heldBack"]
    said = f"{_count(len(older), 'older version')} to roll back to" if older else "no older version to roll back to"
    if kept:
        said += f" and {len(kept)} more to restore" if older else f" but {len(kept)} to restore from a snapshot"
    return said + (f", {_count(len(held_back), 'newer version')} held back" if held_back else "")


def _replication_words(document):
    replications = document["replications"]
    if replications is None:
        return ["replications not readable"]
    if not replications:
        return ["no replication yet"]
    words = []
    running = next((one for one in replications if one["outcome"] in ("running", "onItsWay")), None)
    if running:
        words.append(f"a replication running since {age(running['ageSeconds'])}")
    finished = [one for one in replications if one["outcome"] not in ("running", "onItsWay")]
    if not finished:
        return words
    last = finished[0]
    before = "the one before" if running else "last replication"
    ago = f"{age(last['endedAgeSeconds'])} ago"
    if last["outcome"] == "succeeded":
        return [*words, f"{before} succeeded {ago}{_secret_words(last)}"]
    if last["outcome"] == "unknown":
        return [*words, f"{before} ended well in account A {ago}"]
    said = f"FAILED {ago}: {last['error']}" if last["outcome"] == "failed" else f"DID NOT ARRIVE in account B ({ago})"
    success = next((one for one in finished if one["outcome"] == "succeeded"), None)
    return [*words, f"{before} {said}" + (f" (last success {age(success['endedAgeSeconds'])} ago)" if success else "")]


def _secret_words(replication):
    said = {"heldBack": "held back", "newerIsLive": "a newer one was live"}.get(replication["secretOutcome"])
    return f" ({said})" if said else ""


def _name(version):
    return f"version {version['version']}" if version["version"] else "an instance without a version"


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _those(things, wanted):
    return None if things is None else [one for one in things if wanted(one)]


def _time(moment):
    return timestamp(moment) if moment else None


def _length(start, end):
    return round((end - start).total_seconds(), 1)
