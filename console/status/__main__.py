"""Shows what the destination account holds and how the last replications went, from tags, the secret and executions.
Nothing is stored.

`scripts/status --json` prints one JSON document. Times are RFC 3339 in UTC, lengths and ages whole seconds unless a field
says otherwise (those of runs have one decimal), sizes GiB; null is what is not known or could not be read. With the same
`format` fields may be added, and none changes its meaning.

    format                        1
    at                            when this was read
    destinationAccount, region    where
    databases[]                   one for each destination stack
      stack, stackStatus          the destination stack; stackStatus is CloudFormation's
      sourceDatabase, prefix      its parameters SourceDBIdentifier and DatabaseName; a stack for several databases has one
                                  entry for each that it holds something of
      sourceAccount, sourceStack  the account of the topic; the stack that made it, if the source account is readable
      headline                    what an operator reads first
      warnings[]                  name (nothingLive, liveNotAvailable, liveMarked, dataTimeUnknown, dataTooOld,
                                  secretUnusable, secretMovedBack, lastReplicationFailed, roomNotMade, notArrived,
                                  markedStillExists, undeleted, leftover, notDeleted, otherDatabase, notManaged,
                                  sharedWithOthers, alarm, deadLetters, stackNotComplete) and text
      secret                      name, arn, dbHost, dbPrefix; no other field of it is read
      live                        the entry of versions that the secret names
      versions[]                  every instance that the stack holds of the database, newest data first
        version, instance, rdsStatus, createdAt, ageSeconds, sizeGib, deletionProtection, replicationId
        resourceId                its DbiResourceId, by which policies for rds-db:connect name it
        standing                  live, older, heldBack, inProgress, busy, stopped, broken (by its status), failed
                                  (its restore was), leftover (of a run that failed), deleting, unnumbered, notServed (only in
                                  otherDatabases), kept (nothing of the stack is live); words says the same
        canRollBack               whether scripts/rollback finds it ready
        marked, notDeleted        the deletion tag; why it still exists
        dataTime, dataAgeSeconds  the point in time of the data; dataTimeFrom: tag or snapshot
        sourceSnapshot            the farthest snapshot that tags lead to: arn, name, isInSource, exists
        restoredVersion           the version whose data a rollback restored into it
        comparedWithLive          live, older, newer, by the time of the data; null if nothing is live
      restorable[]                versions that exist only as a snapshot: version, snapshot, dataTime, dataAgeSeconds,
                                  replicationId, sizeGib, restoredAs[] (versions made from it since), comparedWithLive
      restoreCommand              the command that restores one of them
      otherDatabases[]            what the stack still holds of databases that it no longer serves: sourceDatabase,
                                  versions[], restorable[], destinationSnapshots[]; advice says what to do
      notManaged[]                instances that are named like a version and are none: instance, rdsStatus, reason
      replications[]              the newest, as many as --last says
        id, startedByHandInB      the replication; whether the destination account's run is not the one that a message started
        outcome                   succeeded, failed, running, superseded (newer data is live, or a version holds the same,
                                  so nothing was copied), onItsWay or notArrived (succeeded in the source only),
                                  unknown (the destination's runs are not readable)
        roomFailures              by account: why nothing could be deleted before the run began; it went on
        toldOperators[]           what stays undeleted for so long that operators were alerted
        startedAt, ageSeconds, endedAt, endedAgeSeconds, seconds
        error, cause, failedIn (source, destination), failedStage
        version, instance         what it made; secretOutcome: moved, alreadyMoved, newerIsLive, heldBack, ...
        source, destination       each account's run: execution (ARN), status (Step Functions'), startedAt, endedAt, seconds,
                                  stage, error, stages[] (state, stage, seconds from entering its task to leaving its loop)
      rollbacks[]                 the newest; null if the stack has no rollback machine. wanted, version, instance,
                                  restoredVersion, secretOutcome, cause, ageSeconds, endedAgeSeconds, and as for a run
      sourceSnapshots[], destinationSnapshots[]
        name, kind (A: ofDatabase, encryptedCopy, other; B: copy, final, other), status, percent, sizeGib, encrypted,
        dataTime, dataAgeSeconds, sourceDatabase, replicationId, version, marked, sharedWith[] (null: not asked)
      schedule                    expression, state
      alarms[]                    name (in the stack), state, since
      deadLetterMessages          in the dead-letter queue
      maxHoursWithoutReplication  the stack's parameter
      unreadable                  error codes by what they hide: secret, versions, destinationSnapshots, destinationRuns,
                                  rollbacks, alarms, deadLetters, sourceSnapshots, sourceRuns, schedule

    fleets[]                      only where a stack of the source account has a machine for many databases
      stack, unreadable           the source stack; the error's code if its machine is not readable
      run                         the newest run: name, execution (ARN), status, startedAt, ageSeconds, endedAt, error, cause,
                                  quota (what is to be done about a quota of snapshots); null if there was none
      databases[]                 the worst first
        sourceDatabase, state     failed, failedInDestination, notArrived, notStarted (the run ended before), running, waiting,
                                  sent, replicated (the destination account's run has ended well), sentBefore, leftOut
        error, cause              its own; of what is left out the reason
        seconds, execution        of its run in the source account
        lastSentAt, lastSentAgeSeconds  the start of the newest run that has sent it
        destinationStack, version, dataTime, dataAgeSeconds, versions, warnings
                                  the stack that holds it, the live version and its data; how many of each there are
      leftOutBeside               how many more were left out
    oneDatabaseCommand            with fleets: the command that shows one database

Exit code: 0 if the destination account could be read, 1 if not, 2 for wrong usage. Reading the source account may fail.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone

from botocore.exceptions import BotoCoreError, ClientError

from console.account import Account, parse, take_accounts, use_local_cloud
from console.failure import Failure
from console.hints import Hints
from console.numbers import whole
from console.status.reading import attempt, read_facts
from console.status.report import is_complete, report
from console.status.text import render


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/status",
        description="Says which copy is live, which can be rolled back to, and how the last replications went, for every "
        "destination stack of the destination account. Exits with 0 if the destination account could be read.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    take_accounts(parser, "source", "destination")
    parser.add_argument(
        "--destination-stack",
        action="append",
        default=[],
        metavar="NAME",
        help="only this stack of the destination account; may be given more than once (default: every destination stack)",
    )
    parser.add_argument(
        "--source-db",
        default="",
        metavar="NAME",
        help="only this database; where the source stack replicates many, all that there is about this one (default: of many "
        "databases one line each, the worst first)",
    )
    parser.add_argument(
        "--last",
        type=whole(1, 100),
        default=5,
        metavar="N",
        help="how many replications to report (default: %(default)s)",
    )
    return parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Answers with its exit code."""
    given = _arguments(arguments)
    try:
        if given.local:
            use_local_cloud(given.local)
        destination = Account("destination", given.destination_profile, chosen_region=given.destination_region)
        # The source account may not be readable for those who work in the destination account.
        source = attempt(lambda: Account("source", given.source_profile, chosen_region=given.source_region))
        facts = read_facts(
            destination,
            source,
            stacks=given.destination_stack,
            last=given.last,
            now=datetime.now(timezone.utc),
            source_db=given.source_db.lower(),
        )
    except (Failure, BotoCoreError, ClientError) as error:
        print(f"failed: the destination account cannot be read: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    document = report(facts, given.last, Hints.of(given))
    try:
        print(
            json.dumps(document, indent=2) if given.json else render(document, given.source_db.lower()),
            end="\n" if given.json else "",
            flush=True,
        )
    except BrokenPipeError:
        # The reader has closed the pipe, as with `| head`; nothing may be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if is_complete(document) else 1


if __name__ == "__main__":
    sys.exit(main())
