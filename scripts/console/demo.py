"""From nothing to proof: rows leave a database in account A and arrive, unchanged, in a new one in account B."""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from . import database
from .account import LOCAL_CLOUD, ROOT, Account, use_local_cloud
from .failure import Failure
from .replicate import DESTINATION_STACK, SOURCE_STACK, replicate
from .screen import Screen, duration, table

DIRECTORY = ROOT / "target" / "demo"
SUMMARY = DIRECTORY / "summary.json"
LOGS = DIRECTORY / "logs"
#: Says that the local cloud that is up is one that `--keep` left behind.
KEPT = LOCAL_CLOUD / "kept-by-demo"

SOURCE_DATABASE = "orders"
COPY_PREFIX = "orders-copy"
SECRET_NAME = "orders/db/read"
USER = "shop_owner"
DATABASE = "shop"
#: Every server of the local cloud listens here; the names of its endpoints are for reading.
LOCAL_ADDRESS = "127.0.0.1"
#: For one step; the whole demonstration takes a few minutes.
STEP_SECONDS = 1800


class Demonstration:
    """The steps, in the order in which they run, and what they found."""

    def __init__(self, screen, rows):
        self._screen = screen
        self._rows = rows
        self._environment = {}
        # Known to this process and to the two places that a real operator would use: the database and the secret.
        self._password = secrets.token_urlsafe(24)
        self.steps = {}
        self.runs = []
        self._contents = []

    def build(self):
        """The functions, as they ship."""
        self._command("build", "building the functions and the local cloud", [ROOT / "scripts" / "build"])

    def start_cloud(self):
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
        self._screen.line(f"account A is {self._source.number()}, account B is {self._destination.number()}")

    def create_source(self):
        """A database in account A, unencrypted so that the way through CopyEncryptedSnapshot is shown."""
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
            self._screen.line(f"created {SOURCE_DATABASE} in account A (not encrypted, so that the run has to encrypt)")
            instance = self._available(rds, SOURCE_DATABASE)
            with closing(self._connect(instance)) as connection:
                database.fill(connection, self._rows)
                contents = database.read(connection)
            self._screen.line(f"filled it with {_counts(contents)}")

    def deploy(self):
        """Both stacks, as for AWS, and the fields that an operator keeps in the secret."""
        parameters = {"SourceDBIdentifier": SOURCE_DATABASE, "DestinationAccountNumber": self._destination.number()}
        self._deploy("source", parameters)
        parameters = {
            "SourceTopicArn": self._source.output("TopicArn"),
            "SourceDBIdentifier": SOURCE_DATABASE,
            "DatabaseName": COPY_PREFIX,
            "SecretName": SECRET_NAME,
        }
        self._deploy("destination", parameters)
        client = self._destination.client("secretsmanager")
        secret = self._destination.output("SecretArn")
        fields = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
        fields |= {"username": USER, "password": self._password, "dbname": DATABASE, "engine": "postgres", "port": 5432}
        client.put_secret_value(SecretId=secret, SecretString=json.dumps(fields))
        self._screen.line(f"put user name, password and database into the secret {SECRET_NAME} of account B, as an operator would")

    def run(self):
        """One replication, and the proof that what arrived is what left."""
        number = len(self.runs) + 1
        with self._step(f"replication {number}"):
            with closing(self._connect(self._instance(self._source, SOURCE_DATABASE))) as connection:
                sent = database.read(connection)
            started = time.monotonic()
            run = replicate(self._source, self._destination, self._screen, timeout=STEP_SECONDS, arrival=120, poll=0.3)
            seconds = time.monotonic() - started

            secret = self._secret()
            restored = run.destination.result("RestoreDBInstance")
            instance = self._instance(self._destination, restored["db_instance_identifier"])
            if secret["db_host"] != instance["Endpoint"]["Address"]:
                raise Failure(f"the secret names {secret['db_host']}, not the new copy {instance['DBInstanceIdentifier']}")
            with closing(self._connect(instance, secret)) as connection:
                received = database.read(connection)
            self._screen.line(f"the secret names {secret['db_host']}; it holds {_counts(received)}")

            tags = {tag["Key"]: tag["Value"] for tag in instance.get("TagList", [])}
            self._contents.append((instance["DBInstanceIdentifier"], sent, received))
            self.runs.append(
                {
                    "replicationId": run.id,
                    "version": tags.get("rds-replication:version"),
                    "instance": instance["DBInstanceIdentifier"],
                    "dbHost": secret["db_host"],
                    "sourceRows": sent.row_count,
                    "destinationRows": received.row_count,
                    "sourceChecksum": sent.checksum,
                    "destinationChecksum": received.checksum,
                    "match": sent == received,
                    "tables": {
                        name: {"sourceRows": sent.rows[name], "destinationRows": received.rows[name]} for name in sent.rows
                    },
                    "copyInSource": run.source.result("CopyEncryptedSnapshot").get("copy"),
                    "copyInDestination": run.destination.result("CopySharedSnapshotInTargetAccount").get("copy"),
                    "seconds": round(seconds, 1),
                    "stageSeconds": run.stages(),
                }
            )
            if sent != received:
                raise Failure(f"what arrived in {instance['DBInstanceIdentifier']} is not what left {SOURCE_DATABASE}")

    def change_source(self):
        """A day in the shop."""
        with closing(self._connect(self._instance(self._source, SOURCE_DATABASE))) as connection:
            counts = database.change(connection)
            contents = database.read(connection)
        self._screen.line(
            f"changed the source: {counts['INSERT']} rows inserted, {counts['UPDATE']} updated, {counts['DELETE']} orders "
            f"deleted with their lines; it now holds {_counts(contents)}"
        )

    def compare_versions(self):
        """Both copies are there at the same time, each as the source was then."""
        names = [name for name, _, _ in self._contents]
        if len(set(names)) < len(names):
            raise Failure(f"the runs did not make an instance each: {', '.join(names)}")
        rows = [["", *(name for name, _, _ in self._contents)]]
        found = []
        for name, sent, _ in self._contents:
            with closing(self._connect(self._instance(self._destination, name))) as connection:
                found.append(database.read(connection))
            if found[-1] != sent:
                raise Failure(f"{name} no longer holds what the source held when it was made")
        for table_name in database.TABLES:
            rows.append([table_name, *(contents.rows[table_name] for contents in found)])
        rows.append(["rows", *(contents.row_count for contents in found)])
        rows.append(["checksum", *(contents.checksum[:12] for contents in found)])
        self._screen.plain("\nboth versions side by side, read again just now")
        for line in table(rows, right=range(1, len(rows[0]))):
            self._screen.plain(f"  {line}")

    def summarize(self):
        """The closing table."""
        rows = [["run", "instance", "rows in A", "rows in B", "checksum in A", "checksum in B", "equal", "seconds"]]
        for number, run in enumerate(self.runs, start=1):
            rows.append(
                [
                    number,
                    run["instance"],
                    run["sourceRows"],
                    run["destinationRows"],
                    run["sourceChecksum"][:12],
                    run["destinationChecksum"][:12],
                    "yes" if run["match"] else "NO",
                    run["seconds"],
                ]
            )
        self._screen.plain("\nwhat left account A and what arrived in account B")
        for line in table(rows, right=(2, 3, 7)):
            self._screen.plain(f"  {line}")

    def _deploy(self, role, parameters):
        arguments = [ROOT / "scripts" / "deploy", role, "--no-build"]
        for name, value in parameters.items():
            arguments += ["--parameter", f"{name}={value}"]
        self._command(f"deploy-{role}", f"deploying the {role} stack", arguments, self._environment[role])

    def _command(self, name, words, arguments, environment=None):
        """Runs a script of this repository, its output going to a log."""
        log = LOGS / f"{name}.log"
        with self._step(name), log.open("wb") as output:
            self._screen.line(words)
            process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            started = time.monotonic()
            try:
                while process.poll() is None:
                    passed = time.monotonic() - started
                    if passed > STEP_SECONDS:
                        raise Failure(f"{words} takes longer than {duration(STEP_SECONDS)}; see {log}")
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
    def _step(self, name):
        started = time.monotonic()
        yield
        self.steps[name] = round(time.monotonic() - started, 1)

    def _instance(self, account, identifier):
        return account.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

    def _available(self, rds, identifier):
        deadline = time.monotonic() + 300
        while True:
            instance = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
            if instance["DBInstanceStatus"] == "available":
                return instance
            if time.monotonic() > deadline:
                raise Failure(f"{identifier} is still {instance['DBInstanceStatus']}")
            self._screen.waiting(f"{identifier} is {instance['DBInstanceStatus']}")
            time.sleep(0.3)

    def _connect(self, instance, secret=None):
        """Connects to an instance, in B with nothing but what the secret says (the port apart: see LOCAL_ADDRESS)."""
        secret = secret or {"username": USER, "password": self._password, "dbname": DATABASE}
        port = instance["Endpoint"]["Port"]
        return database.connect(LOCAL_ADDRESS, port, secret["username"], secret["password"], secret["dbname"])

    def _secret(self):
        client = self._destination.client("secretsmanager")
        return json.loads(client.get_secret_value(SecretId=self._destination.output("SecretArn"))["SecretString"])


def _counts(contents):
    tables = ", ".join(f"{count:,} {name}" for name, count in contents.rows.items())
    return f"{contents.row_count:,} rows ({tables})"


def _last_line(log):
    with log.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 400, 0))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _cloud_is_up():
    return subprocess.run([ROOT / "scripts" / "local-cloud", "status"], capture_output=True, check=False).returncode == 0


def _make_room(screen):
    """The demonstration starts from nothing, and never takes away a cloud that a person is using."""
    if not _cloud_is_up():
        return
    if not KEPT.exists():
        raise Failure("a local cloud is already up; take it down with scripts/local-cloud down, then run scripts/demo again")
    screen.line("taking down what scripts/demo --keep left")
    _take_down()


def _take_down():
    subprocess.run([ROOT / "scripts" / "local-cloud", "down"], check=True, stdout=subprocess.DEVNULL)
    KEPT.unlink(missing_ok=True)


def _save_logs():
    """The logs outlive the cloud that wrote them."""
    for log in LOCAL_CLOUD.glob("*.log"):
        shutil.copy(log, LOGS / log.name)


def _say_what_next(screen, demonstration):
    copy = demonstration.runs[-1]
    screen.plain(
        "\n".join(
            [
                "",
                "everything is still up; what to try next",
                '  eval "$(scripts/local-cloud env destination)"     be account B, then:',
                "  aws rds describe-db-instances --query 'DBInstances[].[DBInstanceIdentifier,Endpoint.Address,Endpoint.Port]' --output text",
                f"  aws secretsmanager get-secret-value --secret-id {SECRET_NAME} --query SecretString --output text",
                f"  psql --host {copy['dbHost']} --port <port> --username {USER} --dbname {DATABASE}     (the password is in the secret)",
                "  scripts/replicate --local                         once more",
                "  scripts/local-cloud down                          end it",
            ]
        )
    )


def _arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Replicates a database between two accounts on this machine and proves that every row arrived.",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything up and say what to try next")
    parser.add_argument("--rows", type=int, default=20000, metavar="N", help="rows in the source database, at least (default: %(default)s)")
    given = parser.parse_args(arguments)
    if given.rows < 1:
        parser.error("--rows must be at least 1")
    return given


def _stop(_signal, _frame):
    raise KeyboardInterrupt


def main(arguments=None):
    """The command. Answers with its exit code."""
    given = _arguments(arguments)
    signal.signal(signal.SIGTERM, _stop)
    screen = Screen()
    started_at = datetime.now(timezone.utc)
    LOGS.mkdir(parents=True, exist_ok=True)
    SUMMARY.unlink(missing_ok=True)
    demonstration = Demonstration(screen, given.rows)
    failure = None
    code = 1
    cloud_is_ours = False
    try:
        _make_room(screen)
        demonstration.build()
        cloud_is_ours = True
        demonstration.start_cloud()
        demonstration.create_source()
        demonstration.deploy()
        demonstration.run()
        demonstration.change_source()
        demonstration.run()
        demonstration.compare_versions()
        demonstration.summarize()
        code = 0
    except (Failure, BotoCoreError, ClientError, OSError, subprocess.SubprocessError, database.pg8000.dbapi.Error) as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure, code = "stopped", 130
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"
        raise
    finally:
        # A second Ctrl-C must not leave half of a cloud behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _write_summary(demonstration, screen, started_at, failure)
        if failure:
            screen.plain(f"\nfailed: {failure}\nlogs: {LOGS} and {LOCAL_CLOUD}")
        if cloud_is_ours:
            _end(given, screen, demonstration, kept=given.keep and not failure)
    screen.plain(f"\nsummary: {SUMMARY.relative_to(ROOT)}, {duration(screen.elapsed())} in all")
    return code


def _end(given, screen, demonstration, *, kept):
    _save_logs()
    if kept:
        KEPT.touch()
        _say_what_next(screen, demonstration)
        return
    try:
        _take_down()
    except subprocess.SubprocessError as error:
        screen.plain(f"the local cloud could not be taken down: {error}")
        raise SystemExit(1) from error


def _write_summary(demonstration, screen, started_at, failure):
    summary = {
        "succeeded": failure is None,
        "startedAt": started_at.isoformat(timespec="seconds"),
        "seconds": round(screen.elapsed(), 1),
        "stepSeconds": demonstration.steps,
        "runs": demonstration.runs,
    }
    if failure:
        summary["failure"] = failure
    SUMMARY.write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
