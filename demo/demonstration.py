"""The steps of the demonstration: what each does, and how it proves it."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from console.account import DESTINATION_STACK, ROOT, SOURCE_STACK, Account, use_local_cloud
from console.facts import VERSION, version_in
from console.failure import Failure
from console.screen import Screen, duration, table
from console.vocabulary import READY_SOURCE
from demo import database

DIRECTORY = ROOT / "target" / "demo"
LOGS = DIRECTORY / "logs"

SOURCE_DATABASE = "orders"
COPY_PREFIX = "orders-copy"
SECRET_NAME = "orders/db/read"
USER = "shop_owner"
DATABASE = "shop"
#: Every server of the local cloud listens here; the names of its endpoints are for reading.
LOCAL_ADDRESS = "127.0.0.1"
#: For one step; the whole demonstration takes a few minutes.
STEP_SECONDS = 1800
#: Between two polls.
POLL_SECONDS = 0.3


class Demonstration:
    """The steps, in the order in which they run, and what they found."""

    def __init__(self, screen: Screen, rows: int) -> None:
        self._screen = screen
        self._rows = rows
        self._environment: dict[str, dict[str, str]] = {}
        # Known to this process and to the two places that a real operator would use: the database and the secret.
        self._password = secrets.token_urlsafe(24)
        # What the source held when each version was made.
        self._sent: dict[int, database.Contents] = {}
        self.steps: dict[str, float] = {}
        self.runs: list[dict[str, Any]] = []
        self.timeline: list[dict[str, Any]] = []

    def build(self) -> None:
        """The functions, without the minutes that it takes to optimise them for AWS."""
        build = [ROOT / "scripts" / "build", "--quick"]
        self._command("build", "building the functions and the local cloud", build)

    def start_cloud(self) -> None:
        """Two accounts on this machine."""
        script = ROOT / "scripts" / "local-cloud"
        self._command("local-cloud", "starting the local cloud", [script, "up"])
        for role in ("source", "destination"):
            exports = f'eval "$("{script}" env {role})" && env --null'
            found = subprocess.run(["bash", "-c", exports], check=True, capture_output=True, text=True).stdout
            self._environment[role] = dict(line.split("=", 1) for line in found.split("\0") if line)
        use_local_cloud()
        self._source = Account("source", "source", SOURCE_STACK)
        self._destination = Account("destination", "destination", DESTINATION_STACK)
        self._screen.line(
            f"the source account is {self._source.number()}, the destination account {self._destination.number()}"
        )

    def create_source(self) -> None:
        """A database in the source account, unencrypted so that the encrypted copy is shown."""
        with self._step("source database"):
            rds = self._source.client("rds")
            rds.create_db_instance(
                DBInstanceIdentifier=SOURCE_DATABASE,
                Engine="postgres",
                DBInstanceClass="db.m6i.large",
                AllocatedStorage=20,
                DBName=DATABASE,
                MasterUsername=USER,
                MasterUserPassword=self._password,
                StorageEncrypted=False,
                PubliclyAccessible=False,
            )
            self._screen.line(
                f"created {SOURCE_DATABASE} in the source account (not encrypted, so that the run has to encrypt)"
            )
            instance = self._available(rds, SOURCE_DATABASE)
            with closing(self._connect(instance)) as connection:
                database.fill(connection, self._rows)
                contents = database.read(connection)
            self._screen.line(f"filled it with {_counts(contents)}")

    def deploy(self) -> None:
        """Both stacks, as for AWS, and the fields that an operator keeps in the secret."""
        parameters: dict[str, object] = {
            "SourceDBIdentifier": SOURCE_DATABASE,
            "DestinationAccountNumber": self._destination.number(),
        }
        self._deploy("source", parameters, ["--confirm-destination-account", self._destination.number()])
        parameters = {
            "SourceTopicArn": self._source.output("TopicArn"),
            "SourceDBIdentifier": SOURCE_DATABASE,
            "DatabaseName": COPY_PREFIX,
            "SecretName": SECRET_NAME,
            "NoOfOlderInstances": 1,
        }
        self._deploy("destination", parameters)
        client = self._destination.client("secretsmanager")
        secret = self._destination.output("SecretArn")
        fields = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
        fields |= {"username": USER, "password": self._password, "dbname": DATABASE, "engine": "postgres", "port": 5432}
        client.put_secret_value(SecretId=secret, SecretString=json.dumps(fields))
        self._screen.line(
            f"put user name, password and database into the secret {SECRET_NAME} of the destination account, as an operator would"
        )

    def replicate(self) -> None:
        """One replication, and the proof that what arrived is what left."""
        number = len(self.runs) + 1
        with self._step(f"replication {number}"):
            with closing(self._connect(self._instance(self._source, SOURCE_DATABASE))) as connection:
                sent = database.read(connection)
            started = time.monotonic()
            run = self._replicate(number)
            seconds = time.monotonic() - started
            version = run["version"]
            self._sent[version] = sent
            received = self._prove(f"replication {number}", version, sent)
            self.runs.append(
                {
                    "replicationId": run["replicationId"],
                    "version": version,
                    "instance": run["instance"],
                    "sourceRows": sent.row_count,
                    "destinationRows": received.row_count,
                    "sourceChecksum": sent.checksum,
                    "destinationChecksum": received.checksum,
                    "match": sent == received,
                    "tables": {
                        name: {"sourceRows": sent.rows[name], "destinationRows": received.rows[name]}
                        for name in sent.rows
                    },
                    "copyInSource": run["source"]["copy"],
                    "copyInDestination": run["destination"]["copy"],
                    "seconds": round(seconds, 1),
                    "stageSeconds": {role: run[role]["stageSeconds"] for role in ("source", "destination")},
                }
            )

    def roll_back(self) -> None:
        """To the previous version: the secret moves, and the older rows are what readers get."""
        self._command("rollback", "going back to the previous version", [ROOT / "scripts" / "rollback", "--local"])
        version = version_in(COPY_PREFIX, self._secret()["db_host"].split(".")[0])
        if version not in self._sent:
            raise Failure(f"the secret names {self._secret()['db_host']}, which no replication here has made")
        self._prove("rollback", version, self._sent[version])

    def change_source(self) -> None:
        """A day in the shop."""
        day = len(self.runs)
        with closing(self._connect(self._instance(self._source, SOURCE_DATABASE))) as connection:
            counts = database.change(connection, day)
            contents = database.read(connection)
        self._screen.line(
            f"day {day}: {counts['INSERT']} rows inserted in the source, {counts['UPDATE']} updated, {counts['DELETE']} orders "
            f"deleted with their lines; it now holds {_counts(contents)}"
        )

    def expect_versions(self, *wanted: int) -> None:
        """Waits until RDS has deleted what was pruned, and fails if other versions are left than these."""
        deadline = time.monotonic() + 300
        while (found := self._versions()) != list(wanted):
            if time.monotonic() > deadline or not set(wanted) <= set(found):
                raise Failure(f"the versions in the destination account are {found}, not {list(wanted)}")
            self._screen.waiting(f"versions {', '.join(map(str, found))}: what was pruned is being deleted")
            time.sleep(POLL_SECONDS)
        self.timeline[-1]["versions"] = found
        self._screen.line(f"versions in the destination account: {', '.join(map(str, found))}")

    def summarize(self) -> None:
        """The closing table, and what an operator would check next."""
        rows = [["after", "live", "rows behind the secret", "checksum", "as expected", "versions"]]
        for step in self.timeline:
            rows.append(
                [
                    step["after"],
                    step["live"],
                    step["rows"],
                    step["checksum"][:12],
                    "yes" if step["asExpected"] else "NO",
                    ", ".join(map(str, step["versions"])),
                ]
            )
        self._screen.plain("\nwhat the database behind the secret held, read with nothing but the secret")
        for line in table(rows, right=(1, 2)):
            self._screen.plain(f"  {line}")
        self._screen.plain("\nscripts/status says")
        status = [str(ROOT / "scripts" / "status"), "--local"]
        shown = subprocess.run(status, capture_output=True, text=True, check=False)
        self._screen.plain(shown.stdout.rstrip())
        if shown.returncode != 0:
            raise Failure(f"scripts/status failed with exit code {shown.returncode}: {shown.stderr}")

    def _prove(self, after: str, version: int, expected: database.Contents) -> database.Contents:
        """Reads the database that the secret names, with what the secret says; answers with what it holds."""
        secret = self._secret()
        instance = self._instance(self._destination, f"{COPY_PREFIX}-{version}")
        if secret["db_host"] != instance["Endpoint"]["Address"]:
            raise Failure(f"the secret names {secret['db_host']}, not {instance['DBInstanceIdentifier']}")
        with closing(self._connect(instance, secret)) as connection:
            found = database.read(connection)
        self._screen.line(f"the secret names {secret['db_host']}; it holds {_counts(found)}")
        self.timeline.append(
            {
                "after": after,
                "live": version,
                "dbHost": secret["db_host"],
                "rows": found.row_count,
                "checksum": found.checksum,
                "asExpected": found == expected,
                "versions": self._versions(),
            }
        )
        if found != expected:
            raise Failure(
                f"{instance['DBInstanceIdentifier']} does not hold what {SOURCE_DATABASE} held when it was made"
            )
        return found

    def _versions(self) -> list[int]:
        """The versions in the destination account, by what RDS shows."""
        pages = self._destination.client("rds").get_paginator("describe_db_instances").paginate()
        tags = ({tag["Key"]: tag["Value"] for tag in one["TagList"]} for page in pages for one in page["DBInstances"])
        return sorted(int(of_one[VERSION]) for of_one in tags if VERSION in of_one)

    def _deploy(self, role: str, parameters: Mapping[str, object], options: Sequence[str] = ()) -> None:
        arguments: list[str | Path] = [ROOT / "scripts" / "deploy", role, "--no-build", *options]
        for name, value in parameters.items():
            arguments += ["--parameter", f"{name}={value}"]
        self._command(f"deploy-{role}", f"deploying the {role} stack", arguments, self._environment[role])

    def _replicate(self, number: int) -> dict[str, Any]:
        """Runs scripts/replicate and says what it says; answers with its document."""
        log, document = LOGS / f"replication-{number}.log", LOGS / f"replication-{number}.json"
        said = 0

        def tell() -> None:
            nonlocal said
            # A line that is being written is said when it is whole.
            lines = log.read_text(errors="replace").split("\n")[:-1]
            for line in lines[said:]:
                # The time in front is its own; ours takes its place.
                if timed := re.match(r" *[0-9:.]+s?  (.*)", line):
                    self._screen.line(timed[1])
            said = len(lines)

        command = [ROOT / "scripts" / "replicate", "--local", "--json", "--timeout", STEP_SECONDS, "--arrival", 120]
        with log.open("wb") as errors, document.open("wb") as output:
            self._process("replicating", command, log, output, errors, each_poll=tell)
        tell()
        return json.loads(document.read_text())

    def _command(
        self, name: str, words: str, arguments: Sequence[object], environment: dict[str, str] | None = None
    ) -> None:
        """Runs a script of this repository, its output going to a log."""
        log = LOGS / f"{name}.log"
        with self._step(name), log.open("wb") as output:
            self._screen.line(words)
            self._process(words, arguments, log, output, subprocess.STDOUT, environment)

    def _process(
        self,
        words: str,
        arguments: Sequence[object],
        log: Path,
        output: IO[bytes],
        errors: IO[bytes] | int,
        environment: dict[str, str] | None = None,
        each_poll: Callable[[], None] = lambda: None,
    ) -> None:
        """Runs a program to its end, and shows the last line of its log meanwhile."""
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
        )
        started = time.monotonic()
        try:
            while process.poll() is None:
                passed = time.monotonic() - started
                if passed > STEP_SECONDS:
                    raise Failure(f"{words} takes longer than {duration(STEP_SECONDS)}; see {log}")
                each_poll()
                self._screen.waiting(f"{words}, since {duration(passed)}: {_last_line(log)}")
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=30)
        if process.returncode != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            raise Failure(f"{words} failed with exit code {process.returncode}; the end of {log}:\n{tail}")

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.steps[name] = round(time.monotonic() - started, 1)

    def _instance(self, account: Account, identifier: str) -> dict[str, Any]:
        return account.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

    def _available(self, rds: Any, identifier: str) -> dict[str, Any]:
        deadline = time.monotonic() + 300
        while True:
            instance = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
            if instance["DBInstanceStatus"] in READY_SOURCE:
                return instance
            if time.monotonic() > deadline:
                raise Failure(f"{identifier} is still {instance['DBInstanceStatus']}")
            self._screen.waiting(f"{identifier} is {instance['DBInstanceStatus']}")
            time.sleep(0.3)

    def _connect(self, instance: dict[str, Any], secret: dict[str, Any] | None = None) -> Any:
        """Connects to an instance, in the destination with nothing but what the secret says (the port apart: see LOCAL_ADDRESS)."""
        secret = secret or {"username": USER, "password": self._password, "dbname": DATABASE}
        port = instance["Endpoint"]["Port"]
        return database.connect(LOCAL_ADDRESS, port, secret["username"], secret["password"], secret["dbname"])

    def _secret(self) -> dict[str, Any]:
        client = self._destination.client("secretsmanager")
        return json.loads(client.get_secret_value(SecretId=self._destination.output("SecretArn"))["SecretString"])


def _counts(contents: database.Contents) -> str:
    tables = ", ".join(f"{count:,} {name}" for name, count in contents.rows.items())
    return f"{contents.row_count:,} rows ({tables})"


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 400, 0))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
