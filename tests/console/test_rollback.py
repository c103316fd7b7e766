"""`scripts/rollback`: what it starts, how it follows, what it says at the end."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from aws import FakeAccount, Machine, Refused, answers_of, entered, stack, tags
from console import rollback
from console.execution import Execution
from console.failure import Failure
from console.rollback import follow, main
from console.screen import Screen
from world import B

NOW = datetime(2026, 11, 20, 4, tzinfo=timezone.utc)
MACHINE = f"arn:aws:states:eu-west-1:{B}:stateMachine:rollback"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:orders/read-x"
CANARY = "Canary-1f2e3d-never-shown"
RESTORE, UPDATE = "RestoreDBInstance", "UpdateSecretWithDBValue"


class Clock(datetime):
    """One that stands still: what is tested before these takes more than a minute on a busy machine."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOW.astimezone(tz)


class World:
    """The destination account with versions 3 and 4, the secret naming 4, and a rollback machine that does what is expected of it."""

    def __init__(self) -> None:
        self.account = FakeAccount(B, stack="rds-replication-destination")
        self.machine = Machine(MACHINE)
        self.started: list[dict] = []
        self.looks = 0
        self.name(4)
        outputs = {"SecretArn": SECRET, "SecretName": "orders/read", "RollbackStateMachineArn": MACHINE}
        parameters = {"DatabaseName": "copy", "SourceDBIdentifier": "orders"}
        self.account.answer("DescribeStacks", {"Stacks": [stack("rds-replication-destination", outputs, parameters)]})
        made = [
            {
                "DBInstanceIdentifier": f"copy-{version}",
                "DBInstanceStatus": "available",
                "Endpoint": {"Address": f"copy-{version}.c1.example"},
                "TagList": tags(
                    stack="rds-replication-destination", name=f"copy-{version}", version=str(version), **more
                ),
            }
            for version, more in (
                (3, {"data_time": f"{NOW - timedelta(hours=3, minutes=5):%Y-%m-%dT%H:%M:%SZ}"}),
                (4, {"source_snapshot": "arn:of-4"}),
                (5, {"restored_version": "2"}),
            )
        ]
        self.account.page("DescribeDBInstances", "DBInstances", made, token="Marker")
        copies = [
            {
                "DBSnapshotIdentifier": "c",
                "DBSnapshotArn": "arn:of-4",
                "SnapshotDatabaseTime": NOW - timedelta(minutes=12),
            }
        ]
        self.account.page("DescribeDBSnapshots", "DBSnapshots", copies, token="Marker")
        answers_of(self.account, self.machine)
        self._describe = self.account._answers["DescribeExecution"]
        self.account.answer("DescribeExecution", self._look)
        self.account.answer("StartExecution", self._start)
        self.then(lambda: self.succeed(3))

    def name(self, version: int) -> None:
        fields = {"db_host": f"copy-{version}.c1.example", "db_prefix": "copy", "password": CANARY}
        self.account.answer("GetSecretValue", {"ARN": SECRET, "SecretString": json.dumps(fields)})

    def described(self, secret: str) -> dict:
        """Under its name there is another secret than the one of the stack."""
        if secret == SECRET:
            raise Refused("ResourceNotFoundException")
        return {"ARN": f"{SECRET}2", "Name": secret}

    def then(self, end: Callable[[], None]) -> None:
        """What the machine does at the third look."""
        self._end = end

    def succeed(self, version: int, outcome: str = "moved", **more: Any) -> None:
        self.name(version if outcome == "moved" else 4)
        secret = {"db_host": f"copy-{version}.c1.example", "outcome": outcome, "status": "Available", **more}
        document = {
            "DBInstance": {"db_instance_identifier": f"copy-{version}", "db_version": version},
            "secret": secret,
        }
        self._described().update(status="SUCCEEDED", stopDate=NOW, output=json.dumps(document))

    def fail(self, error: str, cause: str) -> None:
        self._described().update(status="FAILED", stopDate=NOW, error=error, cause=cause)

    def _described(self) -> dict:
        return self.machine.executions[0]["described"]

    def _start(self, asked: dict) -> dict:
        assert asked["stateMachineArn"] == MACHINE
        self.started.append(json.loads(asked["input"]))
        waiting = json.dumps({"DBInstance": {"status": "NotAvailable", "rdsStatus": "modifying"}})
        events = (
            entered(1, RESTORE, "Task", NOW, asked["input"]),
            entered(2, "IsNewRDSInstanceAvailable", "Choice", NOW, waiting),
            entered(3, "WaitXMinsForNewRDSInstanceAvailability", "Wait", NOW, waiting),
            entered(4, RESTORE, "Task", NOW, waiting),
            entered(5, UPDATE, "Task", NOW, waiting),
        )
        self._to_come = events[3:]
        arn = self.machine.run("uuid", NOW, status="RUNNING", input=asked["input"], events=events[:3])
        return {"executionArn": arn, "startDate": NOW}

    def _look(self, asked: dict) -> dict:
        self.looks += 1
        if self.looks == 2:
            self.machine.executions[0]["events"].extend(self._to_come)
        if self.looks == 3:
            self._end()
        return self._describe(asked)


@pytest.fixture
def here() -> World:
    return World()


@pytest.fixture
def run(here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """Runs the command; answers with its exit code and what it has printed."""

    def command(*arguments: str) -> tuple[int, str]:
        def account(role: str, profile: str, name: str, *_: str) -> FakeAccount:
            assert (role, name) == ("destination", "rds-replication-destination")
            return here.account

        monkeypatch.setattr(rollback, "Account", account)
        monkeypatch.setattr(rollback, "datetime", Clock)
        monkeypatch.setattr("time.sleep", lambda _: None)
        code = main(list(arguments))
        shown = capsys.readouterr()
        assert shown.err == "" and CANARY not in shown.out
        return code, shown.out

    return command


def test_it_goes_back_by_one_when_nothing_is_said(here: World, run: Callable) -> None:
    code, shown = run()
    assert (code, here.started) == (0, [{"version": "previous"}])
    said = [line.split("s  ", 1)[1] for line in shown.splitlines()]
    data_time = f"{NOW - timedelta(hours=3, minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    before = f"copy-4 (version 4, data as of {NOW - timedelta(minutes=12):%Y-%m-%dT%H:%M:%SZ}, 12 min old)"
    assert said == [
        f"the secret names {before}",
        f"destination  started {MACHINE.replace(':stateMachine:', ':execution:')}:uuid",
        f"destination  {RESTORE}",
        "destination  WaitXMinsForNewRDSInstanceAvailability  (modifying)",
        f"destination  {UPDATE}",
        f"the secret now names copy-3 (version 3, data as of {data_time}, 3 h 05 min old)",
        f"before it named {before}",
    ]


def test_a_live_instance_that_is_gone_still_tells_which_version_is_the_previous_one(here: World, run: Callable) -> None:
    here.name(7)
    here.then(lambda: here.succeed(5))
    code, shown = run()
    assert (code, here.started) == (0, [{"version": 5}])
    assert "there is no instance of this address; the next lower version that exists is 5\n" in shown


def test_a_version_that_only_a_snapshot_holds_can_be_the_previous_one(here: World, run: Callable) -> None:
    replication = "20261122t110000z-00000b"
    own = {"stack": "rds-replication-destination", "name": f"copy-{replication}", "id": replication, "version": "6"}
    kept = {
        "DBSnapshotIdentifier": f"copy-{replication}",
        "DBSnapshotArn": "arn:of-6",
        "Status": "available",
        "TagList": tags(**own),
    }
    here.account.page("DescribeDBSnapshots", "DBSnapshots", [kept], token="Marker")
    here.name(7)
    assert run()[0] == 0 and here.started == [{"version": 6}]


@pytest.mark.parametrize("version", [3, 99], ids=["none is lower", "not of this stack"])
def test_what_cannot_be_told_from_the_host_is_left_to_the_machine(here: World, run: Callable, version: int) -> None:
    here.name(version)
    if version == 3:
        here.account.page("DescribeDBInstances", "DBInstances", [], token="Marker")
    else:
        here.account.answer("GetSecretValue", {"ARN": SECRET, "SecretString": '{"db_host": "reports-7.c1.example"}'})
    run()
    assert here.started == [{"version": "previous"}]


def test_a_version_that_was_asked_for_is_never_another(here: World, run: Callable) -> None:
    here.name(7)
    assert run("3")[0] == 0 and here.started == [{"version": 3}]


def test_a_readable_secret_that_names_nothing_is_not_called_unreadable(here: World, run: Callable) -> None:
    here.account.answer("GetSecretValue", {"ARN": SECRET, "SecretString": "{}"})
    assert "the secret names no database: its db_host is empty\n" in run()[1]


def test_a_secret_that_no_function_can_use_stops_the_rollback_before_it_starts(here: World, run: Callable) -> None:
    here.account.refuse("GetSecretValue", "ResourceNotFoundException")
    here.account.answer("DescribeSecret", lambda asked: here.described(asked["SecretId"]))
    code, shown = run()
    assert (code, here.started) == (1, [])
    assert (
        "orders/read was deleted and created anew" in shown
        and "deploy with ExistingSecretArn=<the whole ARN of the new one>" in shown
    )


def test_a_version_and_a_database_are_handed_on(here: World, run: Callable) -> None:
    assert run("3", "--source-db", "orders", "--destination-stack", "rds-replication-destination")[0] == 0
    assert here.started == [{"version": 3, "SourceDBIdentifier": "orders"}]


def test_what_was_marked_and_restored_is_said(here: World, run: Callable) -> None:
    here.then(lambda: here.succeed(5, marked=["copy-1", "copy-2"], unmarked=["copy-5"]))
    code, shown = run("2")
    assert code == 0
    assert "the secret now names copy-5 (version 5, restored from the snapshot of version 2)" in shown
    assert "marked to-be-deleted: copy-1, copy-2\n" in shown and "no longer marked: copy-5\n" in shown


def test_a_secret_that_named_it_already_has_not_moved(here: World, run: Callable) -> None:
    here.then(lambda: here.succeed(4, "alreadyMoved"))
    code, shown = run("4")
    assert code == 0 and "the secret now names copy-4" in shown and "it did so before" in shown


def test_an_unknown_version_ends_with_the_list_of_those_that_exist(here: World, run: Callable) -> None:
    cause = json.dumps(
        {
            "errorType": "VersionNotFound",
            "errorMessage": "rolling back to version 9: ...; the versions that exist: 4, 3",
        }
    )
    here.then(lambda: here.fail("VersionNotFound", cause))
    code, shown = run("9")
    assert code == 1
    assert "failed: the rollback machine ended FAILED in UpdateSecretWithDBValue\n" in shown
    assert "  error      VersionNotFound\n" in shown
    assert "  cause      rolling back to version 9: ...; the versions that exist: 4, 3\n" in shown


@pytest.mark.parametrize("outcome", ["newerIsLive", "heldBack", "something new"])
def test_an_end_that_leaves_the_secret_elsewhere_is_no_success(here: World, run: Callable, outcome: str) -> None:
    here.then(lambda: here.succeed(3, outcome))
    code, shown = run("3")
    assert code == 1 and outcome in shown


def test_an_older_stack_has_to_be_deployed_again(here: World, run: Callable) -> None:
    here.account.answer("DescribeStacks", {"Stacks": [stack("rds-replication-destination", {"SecretArn": SECRET})]})
    code, shown = run()
    assert code == 1 and "deploy it again with scripts/deploy destination\n" in shown
    assert here.started == []


def test_credentials_that_cannot_read_the_secret_can_still_roll_back(here: World, run: Callable) -> None:
    def succeed() -> None:
        here.succeed(3)
        here.account.refuse("GetSecretValue")

    here.account.refuse("GetSecretValue")
    here.then(succeed)
    code, shown = run()
    assert code == 0
    assert "the secret names nothing that these credentials can read (AccessDenied)\n" in shown
    assert "the secret now names copy-3 (version 3, " in shown, "as the machine has read it back"


def test_what_the_secret_names_is_reported_without_rights_to_rds(here: World, run: Callable) -> None:
    here.account.refuse("DescribeDBInstances")
    code, shown = run()
    assert code == 0 and "the secret now names copy-3.c1.example\n" in shown


def test_a_refused_start_is_said(here: World, run: Callable) -> None:
    here.account.refuse("StartExecution", "AccessDeniedException")
    code, shown = run()
    assert code == 1 and "AccessDeniedException" in shown


def test_whoever_stops_following_is_reported_that_it_goes_on(here: World, run: Callable) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    here.then(interrupt)
    code, shown = run("--destination-profile", "second")
    assert code == 130
    *_, following, hint = shown.splitlines()
    assert following.startswith("no longer following; the execution continues by itself: arn:aws:states:")
    assert hint == "scripts/status --destination-profile second shows how it ends"


def test_following_has_an_end_and_the_rollback_goes_on(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here.then(lambda: None)
    machines = here.account.client("stepfunctions")
    arn = machines.start_execution(stateMachineArn=MACHINE, input="{}")["executionArn"]
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(
        Failure, match="has not ended within 0.1s; it continues by itself: destination: UpdateSecretWithDBValue"
    ):
        follow(Execution(machines, arn), Screen(io.StringIO()), timeout=0.1, poll=1)


def test_a_stack_that_cannot_be_read_is_said(here: World, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    def fail(_: dict) -> dict:
        raise Refused("ExpiredToken")

    here.account.answer("DescribeStacks", fail)
    code, shown = run()
    assert code == 1 and "ExpiredToken" in shown


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "seven", "٣", "", "last"])
def test_what_is_no_version_is_wrong_usage(version: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([version])
    assert ended.value.code == 2


@pytest.mark.parametrize("version", [str(2**32), "99999999999", "9" * 5000])
def test_a_number_that_no_version_can_have_is_said_to_be_too_large(version: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([version])
    assert ended.value.code == 2
    assert f"{version} is larger than the largest version number there is, 4294967295" in capsys.readouterr().err


def test_help_says_in_which_directions_it_goes(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for words in ("back to an older version", "forward again to a newer one", "Promote=manual holds back", "previous"):
        assert words in shown
