"""`scripts/replicate`: what it refuses to start, and what it says at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from aws import FakeAccount, Machine, answers_of, stack
from console import replicate as command
from console.execution import replication_id
from console.hints import Hints
from console.replicate import Run, conclusion
from world import DESTINATION_STATES, SOURCE_STATES, A, B, execution

NOW = datetime.now(timezone.utc).replace(microsecond=0)
TOPIC = f"arn:aws:sns:eu-west-1:{A}:topic"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:crm/read-x"


class World:
    """Both accounts, with stacks that belong together and machines that run for ever."""

    def __init__(self) -> None:
        self.a, self.b = FakeAccount(A, "source", "crm-source"), FakeAccount(B, "destination", "crm-destination")
        self.machine = Machine(f"arn:aws:states:eu-west-1:{A}:stateMachine:source")
        self.destination_machine = Machine(f"arn:aws:states:eu-west-1:{B}:stateMachine:destination")
        self.started = 0
        self.deploy()
        answers_of(self.a, self.machine)
        answers_of(self.b, self.destination_machine)
        self.a.answer("StartExecution", self._start)

    def deploy(self, topic: str = TOPIC, served: str = "crm") -> None:
        outputs = {"TopicArn": TOPIC, "StateMachineArn": self.machine.arn}
        self.a.answer("DescribeStacks", {"Stacks": [stack("crm-source", outputs, {"SourceDBIdentifier": "CRM"})]})
        outputs = {"StateMachineArn": self.destination_machine.arn, "SecretArn": SECRET, "SecretName": "crm/read"}
        parameters = {"SourceTopicArn": topic, "SourceDBIdentifier": served}
        self.b.answer("DescribeStacks", {"Stacks": [stack("crm-destination", outputs, parameters)]})

    def _start(self, _: dict) -> dict:
        self.started += 1
        return {"executionArn": self.machine.run("uuid", NOW, status="RUNNING"), "startDate": NOW}


@pytest.fixture
def here() -> World:
    return World()


@pytest.fixture
def run(here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    def command_line(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(command, "Account", lambda role, *_: here.a if role == "source" else here.b)
        monkeypatch.setattr("time.sleep", sleep)
        code = command.main([*arguments, "--destination-stack", "crm-destination"])
        return code, capsys.readouterr().out

    return command_line


def test_a_user_who_stops_following_sees_how_to_see_the_end(here: World, run: Callable) -> None:
    code, shown = run("--source-profile", "a")
    assert (code, here.started) == (130, 1)
    assert shown.splitlines()[-1] == (
        "no longer following; what was started continues by itself: "
        "scripts/status --destination-stack crm-destination --source-profile a shows how it ends"
    )


def test_stacks_that_do_not_belong_together_are_told_before_anything_starts(here: World, run: Callable) -> None:
    here.deploy(topic=f"{TOPIC}-2")
    code, shown = run()
    assert (code, here.started) == (1, 0)
    assert (
        "the stacks crm-source (source account) and crm-destination (destination account) do not belong together"
        in shown
    )
    assert f"{TOPIC}\n" in shown and f"{TOPIC}-2 (parameter SourceTopicArn)" in shown


def test_a_database_that_the_destination_leaves_alone_is_reported_before_anything_starts(
    here: World, run: Callable
) -> None:
    here.deploy(served="orders")
    code, shown = run()
    assert (code, here.started) == (1, 0)
    assert "the snapshot would be of CRM, but the stack crm-destination takes only messages about orders" in shown
    assert run("--source-db", "orders")[0] == 130, "that one it takes"


def test_a_secret_that_no_function_can_use_is_reported_before_hours_of_copying(here: World, run: Callable) -> None:
    here.b.refuse("GetSecretValue", "InvalidRequestException")
    here.b.answer("DescribeSecret", {"ARN": SECRET, "Name": "crm/read", "DeletedDate": NOW})
    code, shown = run()
    assert (code, here.started) == (1, 0)
    assert f"to fix this: restore it with aws secretsmanager restore-secret --secret-id {SECRET}" in shown
    # Whoever may not read the secret may still start a replication.
    here.b.refuse("GetSecretValue", "AccessDeniedException")
    assert run()[0] == 130 and here.started == 1


def test_a_message_that_does_not_arrive_is_reported_with_what_the_stack_listens_to(here: World) -> None:
    said = command._never_arrived(here.b, replication_id(TOPIC, NOW), 600)
    assert f"SourceTopicArn={TOPIC}, SourceDBIdentifier=crm" in said and "DestinationAccountNumber" in said


# ------------------------------------------------------------------------------------------------------ how it has ended


def ended(
    source: dict | None = None, destination: dict | None = None, states: tuple[str, ...] = DESTINATION_STATES
) -> Run:
    return Run(
        "20261122t110000z-00000b",
        execution("source", "uuid", NOW, SOURCE_STATES, document=source),
        execution("destination", "uuid", NOW, states, document=destination),
    )


RESTORED = {"db_instance_identifier": "copy-7", "db_version": 7}


def test_the_command_that_releases_a_version_acts_on_the_same_stack() -> None:
    run = ended(destination={"DBInstance": RESTORED, "secret": {"outcome": "heldBack"}})
    assert conclusion(run, Hints(destination_stack="crm-destination", destination_profile="b")) == [
        "done: replication 20261122t110000z-00000b, new version copy-7",
        "the stack promotes by hand: scripts/rollback 7 --destination-stack crm-destination --destination-profile b "
        "makes it the current version",
    ]


def test_a_run_that_was_overtaken_by_newer_data_has_made_nothing() -> None:
    run = ended(
        destination={"DBSnapshot": {"status": "Superseded"}}, states=("MakeRoom", "CopySharedSnapshotInTargetAccount")
    )
    [only] = conclusion(run, Hints())
    assert only.endswith("made no new version: newer or the same data is there, so nothing was copied")


def test_what_stays_and_what_operators_were_told_is_said() -> None:
    tell = "copy-3 was to be deleted in 3 runs and stays: it has deletion protection"
    left = [
        {"identifier": "copy-3", "reason": "it has deletion protection"},
        {"identifier": "copy-4", "reason": "it is modifying"},
    ]
    source = {"roomFailure": {"Error": "AccessDenied", "Cause": json.dumps({"errorMessage": "listing snapshots: no"})}}
    destination = {
        "DBInstance": RESTORED,
        "secret": {"outcome": "moved"},
        "room": {"left": []},
        "prune": {"left": left, "tell": [tell]},
    }
    assert conclusion(ended(source, destination), Hints())[1:] == [
        "source       could not delete anything before it began: AccessDenied: listing snapshots: no",
        "destination  not deleted: copy-4: it is modifying",
        f"destination  for an operator: {tell}",
    ]


def test_results_that_are_no_results_are_passed_over() -> None:
    document: dict[str, Any] = {
        "DBInstance": RESTORED,
        "room": None,
        "prune": {"left": "x", "tell": None, "planned": 5},
        "roomFailure": 1,
    }
    assert conclusion(ended(destination=document), Hints()) == [
        "done: replication 20261122t110000z-00000b, new version copy-7"
    ]
