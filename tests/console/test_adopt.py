"""`scripts/adopt`: what becomes a version and with which tags, what is left, what is refused, and what the command writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from aws import FakeAccount, stack, tags
from console import adopt
from console.adoption import Plan, plan_adoption
from console.facts import Instance, Pointer, Snapshot, Stack, Unreadable
from console.failure import Failure
from console.original import Machine, Rule, Traces
from console.vocabulary import PROMOTED, TAGS
from world import A, B

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
SECRET = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:dev/db/read-AbCdEf"
TOPIC = f"arn:aws:sns:eu-west-1:{A}:topic"
OURS = Stack("ours", parameters={"DatabaseName": "app3", "SourceDBIdentifier": "Orders"}, outputs={"SecretArn": SECRET})
STACK, VERSION, DATA_TIME = TAGS["STACK"], TAGS["VERSION"], TAGS["DATA_TIME"]


def instance(number: int | str, hours: float = 0, own: dict[str, str] | None = None, **more: Any) -> Instance:
    """One as the original leaves it, made so many hours ago."""
    name = f"app3-{number}" if isinstance(number, int) else number
    made = NOW - timedelta(hours=hours)
    usual: dict[str, Any] = {"host": f"{name}.c1.example", "created": made, "resource_id": f"db-{name.upper()}"}
    return Instance(name, own or {}, **(usual | {"arn": f"arn:{name}"} | more))


def ours(number: int, data_time: datetime, of: str = "ours", **more: str) -> Instance:
    """A version of a stack."""
    name = f"app3-{number}"
    own = tags(stack=of, name=name, version=str(number), data_time=f"{data_time:%Y-%m-%dT%H:%M:%SZ}", **more)
    return instance(number, own={tag["Key"]: tag["Value"] for tag in own})


def planned(names: str, *found: Instance, older: bool = True) -> Plan:
    return plan_adoption(OURS, Pointer(f"{names}.c1.example", "app3"), list(found), older=older)


def test_the_current_one_gets_the_tags_of_a_restore() -> None:
    plan = planned("app3-7", instance(7, 1), instance(6, 2), older=False)
    [one] = plan.adopted
    assert one.tags == {
        "rds-replication:stack": "ours",
        "rds-replication:name": "app3-7",
        "rds-replication:source-db": "orders",
        "rds-replication:id": one.tags["rds-replication:id"],
        "rds-replication:version": "7",
        "rds-replication:data-time": "2026-11-22T11:00:00Z",
        "rds-replication:resource-id": "db-APP3-7",
        "rds-replication:promoted": "True",
    }
    assert one.tags["rds-replication:id"].startswith("20261122t110000z-")
    adopted = Instance(**{**vars(one.instance), "tags": one.tags})
    assert adopted.is_of("ours") and adopted.version == 7
    assert [(other.identifier, reason) for other, reason in plan.left] == [
        ("app3-6", "older versions are adopted with --older")
    ]
    assert plan.next_version == 8


def test_adopting_again_changes_nothing_and_older_ones_come_later() -> None:
    current = ours(7, NOW - timedelta(hours=1))
    plan = planned("app3-7", current, instance(6, 2), older=False)
    assert (plan.adopted, plan.kept) == ([], [current])
    plan = planned("app3-7", current, instance(6, 2))
    assert [one.version for one in plan.adopted] == [6]
    assert "is version 7 already" in "\n".join(plan.lines())


def test_the_order_of_the_numbers_is_the_order_of_the_data() -> None:
    """Restoring takes longer than an hour, so that 6 was made after the snapshot of 7 was taken, or even after 7."""
    plan = planned("app3-7", instance(7, 3), instance(6, 2), instance(5, 9))
    times = {one.version: one.tags[DATA_TIME] for one in plan.adopted}
    assert times == {7: "2026-11-22T09:00:00Z", 6: "2026-11-22T08:59:59Z", 5: "2026-11-22T03:00:00Z"}
    ours_is_newer = planned("app3-8", ours(8, NOW - timedelta(hours=4)), instance(7, 3))
    assert [one.tags[DATA_TIME] for one in ours_is_newer.adopted] == ["2026-11-22T07:59:59Z"]
    restored = ours(8, NOW - timedelta(hours=40), restored_version="2")
    assert [one.tags[DATA_TIME] for one in planned("app3-8", restored, instance(7, 3)).adopted] == [
        "2026-11-22T09:00:00Z"
    ]


def test_what_is_newer_than_the_current_one_counts_as_waiting() -> None:
    """Somebody has rolled back by editing the secret, or a run of the original did not move it."""
    plan = planned("app3-6", instance(7, 1), instance(6, 2), instance(5, 3))
    assert [(one.version, PROMOTED[0] in one.tags) for one in plan.adopted] == [(7, False), (6, True), (5, True)]
    assert "version 7, newer than the current one" in "\n".join(plan.lines())


def test_the_deletion_tag_of_the_original_is_taken_off_what_is_adopted_only() -> None:
    marked = {"to-be-deleted": "True", "team": "shop"}
    plan = planned("app3-7", instance(7, 1), instance(6, 2, marked), older=False)
    assert [one.has_deletion_tag for one in plan.adopted] == [False]
    plan = planned("app3-7", instance(7, 1), instance(6, 2, marked))
    assert [one.has_deletion_tag for one in plan.adopted] == [False, True]
    assert "version 6, older; its tag to-be-deleted is taken off" in "\n".join(plan.lines())


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (ours(6, NOW, of="theirs"), "it belongs to the stack theirs"),
        (instance(6, own={STACK: "theirs"}), "it has inherited tags of the stack theirs"),
        (instance(6, own={STACK: "ours"}), "it has tags of this stack that it has inherited from another instance"),
        (instance(6, own={"aws:cloudformation:stack-name": "web"}), "it belongs to the CloudFormation stack web"),
        (instance(6, cluster="c"), "it is a member of the DB cluster c"),
        (instance(6, replica_of="app3-7"), "it is a read replica of app3-7"),
        (instance(6, status="creating"), "it is creating: run this again when it is available"),
        (instance(6, host=""), "it is available: run this again when it is available"),
        (instance(6, status="deleting"), "it is being deleted"),
        (instance(6, status="incompatible-restore"), "its restore has failed"),
        (instance(2**32), "its number is larger than 4294967295, the largest of a version"),
        (instance(6, own={f"t{n}": "" for n in range(45)}), "it has 45 tags, and a resource has at most 50: remove 4"),
    ],
)
def test_what_cannot_be_a_version_is_left_with_the_reason(other: Instance, reason: str) -> None:
    plan = planned("app3-7", instance(7), other)
    assert [one.version for one in plan.adopted] == [7]
    assert plan.left == [(other, reason)]
    with pytest.raises(Failure, match="cannot become a version"):
        planned(other.identifier, other, instance(5)) if other.host else planned(
            "app3-6", instance(6, own={STACK: "x"})
        )


def test_names_that_are_no_versions_are_not_looked_at() -> None:
    others = [instance(name) for name in ("app-1", "app3", "app3-07", "app3-x", "app3-7-x", "app33-1")]
    plan = planned("app3-7", instance(7), *others)
    assert [one.version for one in plan.adopted] == [7] and plan.left == []


@pytest.mark.parametrize(
    ("pointer", "said"),
    [
        (Pointer("", ""), "names no database: its db_host is empty or missing"),
        (Pointer("gone.c1.example", "app3"), "no instance of this account and Region has that address"),
        (Pointer("shop-4.c1.example", "shop"), "to fix this: deploy the stack with DatabaseName=shop,"),
        (Pointer("shop-4.c1.example", ""), "to fix this: deploy the stack with DatabaseName=shop,"),
        (Pointer("plain.c1.example", ""), "let the secret name an instance whose name ends in a hyphen and a number"),
        (Unreadable("AccessDeniedException"), "cannot be read with these credentials (AccessDeniedException)"),
        (Unreadable("SecretScheduledForDeletion"), "is scheduled for deletion"),
    ],
)
def test_a_secret_that_names_no_version_is_refused_with_what_to_do(pointer: Any, said: str) -> None:
    with pytest.raises(Failure) as raised:
        plan_adoption(OURS, pointer, [instance(7), instance("shop-4"), instance("plain")], older=True)
    assert said in str(raised.value)


def test_what_the_original_left_is_said_with_the_command_for_it() -> None:
    machine = Machine("arn:machine", 2, [Rule("hourly", "ENABLED", "cron(0 * * * ? *)"), Rule("off", "DISABLED")])
    snapshot = Snapshot("source-database-snapshot", database="orders", size=20)
    said = "\n".join(Traces("source", [machine], [], [snapshot]).lines())
    assert "the original's state machine arn:machine (2 executions run)" in said
    assert "aws events disable-rule --name hourly" in said and "--name off" not in said
    assert "source-database-snapshot  available  20 GiB" in said
    hidden = Unreadable("AccessDenied")
    said = "\n".join(Traces("source", hidden, hidden, hidden).lines())
    assert said.count("cannot be read (AccessDenied)") == 3
    assert Traces("source").lines() == []


# ------------------------------------------------------------------------------------------------------- the command


class World:
    """Account B as the original leaves it: versions 6 and 7, and 7 in the secret; and the state machines that are there."""

    def __init__(self) -> None:
        self.account = FakeAccount(B, stack="ours")
        self.instances = [self.described(6, marked=True), self.described(7)]
        self.machines: dict[str, list[str]] = {
            "arn:ours": ["CopySharedSnapshotInTargetAccount", "UpdateSecretWithDBValue"]
        }
        self.running = 0
        self.hidden: list[dict] = []
        self.written: list[tuple[str, str]] = []
        outputs = {"SecretArn": SECRET, "StateMachineArn": "arn:ours", "LaunchFunctionName": "launch"}
        parameters = {"DatabaseName": "app3", "SourceDBIdentifier": "orders", "SourceTopicArn": TOPIC}
        self.account.answer("DescribeStacks", {"Stacks": [stack("ours", outputs, parameters)]})
        self.account.answer("DescribeDBInstances", lambda _: {"DBInstances": self.instances})
        self.name("app3-7")
        self.account.answer(
            "ListStateMachines",
            lambda _: {
                "stateMachines": [
                    {"stateMachineArn": arn, "name": arn, "type": "STANDARD", "creationDate": NOW}
                    for arn in self.machines
                ]
            },
        )
        self.account.answer("DescribeStateMachine", self._machine)
        self.account.answer("ListExecutions", lambda _: {"executions": [self._execution()] * self.running})
        self.account.answer("ListRuleNamesByTarget", {"RuleNames": []})
        endpoints = [f"arn:aws:lambda:eu-west-1:{B}:function:{name}" for name in ("launch", "InvokeStepFunction")]
        self.account.answer(
            "ListSubscriptions", {"Subscriptions": [{"TopicArn": TOPIC, "Endpoint": one} for one in endpoints]}
        )
        self.account.answer("ListTagsForResource", self._list)
        self.account.answer("AddTagsToResource", self._add)
        self.account.answer("RemoveTagsFromResource", self._remove)

    def name(self, instance: str) -> None:
        value = {"db_host": f"{instance}.c1.example", "db_prefix": "app3", "password": "Canary"}
        self.account.answer("GetSecretValue", {"ARN": SECRET, "SecretString": json.dumps(value), "VersionId": "v"})

    def described(self, number: int, marked: bool = False) -> dict:
        return {
            "DBInstanceIdentifier": f"app3-{number}",
            "DBInstanceArn": f"arn:aws:rds:eu-west-1:{B}:db:app3-{number}",
            "DBInstanceStatus": "available",
            "DbiResourceId": f"db-{number}",
            "Endpoint": {"Address": f"app3-{number}.c1.example"},
            "InstanceCreateTime": NOW + timedelta(hours=number),
            "TagList": [{"Key": "to-be-deleted", "Value": "True"}] if marked else [],
        }

    def tags(self, number: int) -> dict:
        [found] = [one for one in self.instances if one["DBInstanceIdentifier"] == f"app3-{number}"]
        return {tag["Key"]: tag["Value"] for tag in found["TagList"]}

    def _machine(self, asked: dict) -> dict:
        states = dict.fromkeys(self.machines[asked["stateMachineArn"]], {"Type": "Pass"})
        return {"definition": json.dumps({"States": states})}

    def _execution(self) -> dict:
        return {"executionArn": "e", "stateMachineArn": "m", "name": "e", "status": "RUNNING", "startDate": NOW}

    def _of(self, asked: dict) -> dict:
        return next(one for one in self.instances if one["DBInstanceArn"] == asked["ResourceName"])

    def _list(self, asked: dict) -> dict:
        hidden = self.hidden if asked["ResourceName"].endswith("app3-6") else []
        return {"TagList": self._of(asked)["TagList"] + hidden}

    def _add(self, asked: dict) -> dict:
        self._of(asked)["TagList"] += asked["Tags"]
        self.written.append(("add", asked["ResourceName"][-1]))
        return {}

    def _remove(self, asked: dict) -> dict:
        found = self._of(asked)
        found["TagList"] = [tag for tag in found["TagList"] if tag["Key"] not in asked["TagKeys"]]
        self.written.append(("remove", asked["ResourceName"][-1]))
        return {}


@pytest.fixture
def here() -> World:
    return World()


@pytest.fixture
def run(here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """Runs the command with what is typed; answers with its exit code and what it has printed."""

    def command(*arguments: str, typed: str | None = None) -> tuple[int, str]:
        def account(role: str, *_: str, **__: str) -> FakeAccount:
            if role == "source":
                raise Failure("there are no such credentials")
            return here.account

        monkeypatch.setattr(adopt, "Account", account)
        monkeypatch.setattr(adopt, "terminal", lambda: None if typed is None else lambda _: f"{typed}\n")
        code = adopt.main(list(arguments))
        shown = capsys.readouterr()
        assert "Canary" not in shown.out + shown.err
        return code, shown.out

    return command


def test_nothing_is_written_before_it_is_confirmed(here: World, run: Callable) -> None:
    code, said = run()
    assert code == 1 and "to go on, add --yes" in said
    code, said = run(typed="no")
    assert code == 1 and "that is not yes; nothing was changed" in said
    assert here.written == []
    code, said = run(typed="yes")
    assert code == 0 and here.written == [("add", "7")]
    assert here.tags(7)[STACK] == "ours" and here.tags(6) == {"to-be-deleted": "True"}


def test_the_older_ones_are_adopted_first_and_a_second_time_nothing_is_done(here: World, run: Callable) -> None:
    code, said = run("--older", "--yes")
    assert code == 0 and here.written == [("remove", "6"), ("add", "6"), ("add", "7")]
    assert "to-be-deleted" not in here.tags(6) and here.tags(6)[VERSION] == "6"
    assert "function:InvokeStepFunction also listens" in said and "function:launch also" not in said
    assert "source account, beside the instances:\n  the state machines cannot be read (Failure)" in said
    code, said = run("--older")
    assert code == 0 and "nothing to do" in said and len(here.written) == 3


def test_it_goes_on_where_it_was_ended(here: World, run: Callable) -> None:
    add = here.account._answers["AddTagsToResource"]
    here.account.refuse("AddTagsToResource")
    assert run("--older", "--yes")[0] == 1
    here.account.answer("AddTagsToResource", add)
    assert run("--older", "--yes")[0] == 0
    assert here.tags(6)[STACK] == here.tags(7)[STACK] == "ours"


def test_nothing_is_written_while_the_original_is_at_work(here: World, run: Callable) -> None:
    here.machines["arn:original"] = [
        "CopySharedSnapshotInTargetAccount",
        "UpdateSecretWithDBValue",
        "CleanOlderDBInstances",
    ]
    here.machines["arn:unrelated"] = ["CopySharedSnapshotInTargetAccount"]
    here.running = 1
    code, said = run("--yes")
    assert code == 1 and "the original's state machine arn:original is running" in said and "arn:unrelated" not in said
    here.running = 0
    code, said = run("--yes")
    assert code == 0 and "  the original's state machine arn:original (0 executions run)" in said


def test_what_changes_while_it_asks_is_not_written(here: World, run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:

    def confirm(*_: object, **__: object) -> None:
        here.name("app3-6")

    monkeypatch.setattr(adopt, "confirm", confirm)
    code, said = run(typed="yes")
    assert code == 1 and "have changed meanwhile, so nothing was written" in said and here.written == []


def test_tags_that_rds_did_not_show_keep_it_from_writing(here: World, run: Callable) -> None:
    here.hidden = tags(stack="theirs")
    code, said = run("--yes", "--older")
    assert code == 1 and "has other tags than RDS has shown at first" in said and here.written == []
    here.account.refuse("ListTagsForResource")
    assert run("--yes", "--older")[0] == 1 and here.written == []


def test_without_the_stack_it_says_how_to_deploy_it(here: World, run: Callable) -> None:
    here.account.refuse("DescribeStacks", "ValidationError")
    code, said = run("--yes")
    assert code == 1 and "ExistingSecretArn=<the whole ARN of the original's secret>" in said
