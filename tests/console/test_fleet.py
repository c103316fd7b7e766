"""Many databases: `scripts/replicate --fleet`, and what it says of quotas."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from aws import FakeAccount, Machine, answers_of, stack, tags
from console import replicate as command
from console.execution import replication_id
from console.screen import Screen
from console.status.facts import Stack
from console.stock import INSTANCES, Need, lack, need_of, stock_words
from world import A, B

NOW = datetime.now(timezone.utc).replace(microsecond=0)
TOPIC = f"arn:aws:sns:eu-west-1:{A}:topic"
RUN = "20261122t100000z-0123456789"


def machine(account: str, name: str) -> Machine:
    return Machine(f"arn:aws:states:eu-west-1:{account}:stateMachine:{name}")


class World:
    """A fleet in the source account, and two destination stacks that listen to it."""

    def __init__(self) -> None:
        self.a, self.b = FakeAccount(A, "source", "crm-source"), FakeAccount(B, "destination", "crm-destination")
        self.a.profile_in_use = "a"
        self.fleet, self.one = machine(A, "fleet"), machine(A, "source")
        self.orders, self.billing = machine(B, "orders"), machine(B, "billing")
        self.inputs: list[dict] = []
        self.deploy()
        answers_of(self.a, self.fleet, self.one)
        answers_of(self.b, self.orders, self.billing)
        listed = self.a._answers["ListExecutions"]

        def list_executions(asked: dict) -> dict:
            found = listed(asked)
            if "statusFilter" in asked:
                found["executions"] = [one for one in found["executions"] if one["status"] == asked["statusFilter"]]
            return found

        self.a.answer("ListExecutions", list_executions)
        self.a.answer("StartExecution", self._start)
        quotas = [{"AccountQuotaName": name, "Used": 0, "Max": 100} for name in ("DBInstances", "ManualSnapshots")]
        self.b.answer("DescribeAccountAttributes", {"AccountQuotas": quotas})
        self.b.answer("DescribeDBInstances", {"DBInstances": []})
        self.b.answer("DescribeDBSnapshots", {"DBSnapshots": []})
        self.plan: dict = {}
        self.status = "SUCCEEDED"
        self.error = ""

    def deploy(self, fleet: bool = True) -> None:
        outputs = {"TopicArn": TOPIC, "StateMachineArn": self.one.arn}
        outputs |= {"FleetStateMachineArn": self.fleet.arn} if fleet else {}
        self.a.answer("DescribeStacks", {"Stacks": [stack("crm-source", outputs)]})
        stacks = []
        for database, its in (("orders", self.orders), ("billing", self.billing)):
            given = {"SourceTopicArn": TOPIC, "SourceDBIdentifier": database, "DatabaseName": f"{database}-copy"}
            outputs = {"StateMachineArn": its.arn, "SecretArn": "secret", "LaunchFunctionName": "launch"}
            stacks.append(stack(f"{database}-destination", outputs, given | {"NoOfOlderInstances": "2"}))
        self.b.answer("DescribeStacks", {"Stacks": stacks})

    def run(self, status: str, name: str = "uuid") -> str:
        """An execution of the fleet machine, with the plan behind it."""
        document = json.dumps({"plan": {"run": RUN, **self.plan}})
        left = {"name": "DiscoverDatabases", "output": document}
        event = {"id": 1, "type": "TaskStateExited", "timestamp": NOW, "stateExitedEventDetails": left}
        events = (event,) if self.plan else ()
        more = {"error": self.error, "cause": "choosing databases: none"} if self.error else {}
        return self.fleet.run(name, NOW, status=status, events=events, **more)

    def _start(self, asked: dict) -> dict:
        self.inputs.append(json.loads(asked["input"]))
        return {"executionArn": self.run(self.status), "startDate": NOW}

    def choose(self, *databases: str) -> None:
        self.plan["databases"] = [{"SourceDBIdentifier": name, "child": f"{RUN}-{name}"} for name in databases]

    def child(self, database: str, status: str = "SUCCEEDED", **more: str) -> str:
        """The execution for a database; the id of its replication."""
        arn = self.one.run(f"{RUN}-{database}", NOW, status=status, **more)
        return replication_id(arn, NOW)


@pytest.fixture
def here() -> World:
    return World()


@pytest.fixture
def run(here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    polls = iter(range(5))

    def sleep(_: float) -> None:
        if next(polls, None) is None:
            raise KeyboardInterrupt

    def command_line(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(command, "Account", lambda role, *_: here.a if role == "source" else here.b)
        monkeypatch.setattr("time.sleep", sleep)
        code = command.main(["--fleet", *arguments])
        return code, capsys.readouterr().out

    return command_line


def table_rows(shown: str) -> list[list[str]]:
    lines = shown.splitlines()
    start = next(place for place, line in enumerate(lines) if line.split()[:2] == ["database", "status"])
    rows = []
    for line in lines[start + 2 :]:
        if not line.strip():
            break
        rows.append([cell.strip() for cell in line.strip().split("  ") if cell.strip()])
    return rows


def test_a_fleet_is_followed_to_the_end_of_every_database_in_both_accounts(here: World, run: Callable) -> None:
    here.choose("orders", "billing")
    here.orders.run(here.child("orders"), NOW)
    here.billing.run(here.child("billing"), NOW)
    code, shown = run()
    assert (code, here.inputs) == (0, [{}])
    assert [row[:2] for row in table_rows(shown)] == [["billing", "replicated"], ["orders", "replicated"]]
    assert shown.splitlines()[-1].endswith("done: fleet run uuid")


def test_only_a_few_executions_are_asked_for_in_one_poll(here: World, run: Callable) -> None:
    """Step Functions allows some 20 calls a second, of the machines too; all have their turn."""
    many = [f"orders{number}" for number in range(20)]
    here.choose(*many)
    listens = {"SourceTopicArn": TOPIC, "SourceDBIdentifier": "orders*", "DatabaseName": "copy"}
    outputs = {"StateMachineArn": here.orders.arn, "SecretArn": "secret", "LaunchFunctionName": "launch"}
    here.b.answer("DescribeStacks", {"Stacks": [stack("many", outputs, listens)]})
    for name in many:
        here.orders.run(here.child(name), NOW)
    code, shown = run()
    assert code == 0
    assert [row[1] for row in table_rows(shown)] == ["replicated"] * 20
    assert here.b.calls["DescribeExecution"] == 20, "one that has ended is not asked for again"


def test_what_failed_comes_first_with_its_own_error(here: World, run: Callable) -> None:
    here.choose("orders", "billing")
    here.plan["leftOut"] = [
        {"database": "idle", "reason": "the database is stopped", "error": "InstanceNotReady"},
        {"database": "member", "reason": "it is a member of cluster c"},
    ]
    here.status, here.error = "FAILED", "ReplicationsFailed"
    here.child("orders", "FAILED", error="KeyUnusable", cause=json.dumps({"errorMessage": "checking key k: disabled"}))
    here.billing.run(here.child("billing"), NOW)
    code, shown = run()
    assert code == 1
    assert [row[:3] for row in table_rows(shown)][:2] == [
        ["orders", "FAILED in the source account", "KeyUnusable"],
        ["idle", "FAILED in the source account", "InstanceNotReady"],
    ]
    assert "left out     member: it is a member of cluster c" in shown
    end = shown[shown.index("failed: ") :]
    assert end.startswith("failed: the fleet run uuid ended FAILED: ReplicationsFailed\n")
    assert "  orders: checking key k: disabled\n" in end
    assert "  scripts/replicate --fleet --continue-run uuid\n" in end


def test_a_run_that_fails_in_the_destination_fails_the_command(here: World, run: Callable) -> None:
    here.choose("orders")
    here.orders.run(here.child("orders"), NOW, status="FAILED", error="RestoreFailed", cause="restoring: no")
    code, shown = run()
    assert code == 1
    assert [row[:3] for row in table_rows(shown)] == [["orders", "FAILED in the destination account", "RestoreFailed"]]
    assert "1 of 1 databases failed in the destination account" in shown


def test_a_message_that_does_not_arrive_is_a_failure(here: World, run: Callable) -> None:
    here.choose("orders")
    here.child("orders")
    code, shown = run("--arrival", "0.000001")
    assert code == 1 and "NotArrived" in shown and "1 did not arrive within" in shown


def test_a_database_that_no_stack_takes_is_only_sent(here: World, run: Callable) -> None:
    here.choose("reports")
    here.child("reports")
    code, shown = run()
    assert code == 0
    assert [row[:2] for row in table_rows(shown)] == [["reports", "sent; no destination stack here takes it"]]


def test_a_run_that_is_under_way_is_followed_and_ctrl_c_says_how_to_stop_it(here: World, run: Callable) -> None:
    here.choose("orders", "billing")
    arn = here.run("RUNNING", "nightly")
    here.child("orders", "RUNNING")
    code, shown = run("--source-profile", "a")
    assert (code, here.inputs) == (130, [])
    assert f"a run is under way, which is followed: {arn}" in shown
    assert shown.splitlines()[-1] == (
        "no longer following; what was started continues by itself: scripts/status --source-profile a shows how it ends; "
        f"to stop it: aws stepfunctions stop-execution --execution-arn {arn} --profile a"
    )
    code, shown = run("--continue-run", "before")
    assert code == 1 and "the fleet run nightly is running, so nothing was started" in shown


def test_a_run_is_continued_by_its_name(here: World, run: Callable) -> None:
    here.choose("orders")
    here.plan["doneBefore"] = ["billing"]
    here.orders.run(here.child("orders"), NOW)
    code, shown = run("--continue-run", "before")
    assert (code, here.inputs) == (0, [{"ContinueRun": "before"}])
    assert "1 databases, 1 that were sent before" in shown


def test_a_run_that_was_refused_ends_with_its_error(here: World, run: Callable) -> None:
    here.status, here.error = "FAILED", "NotFound"
    code, shown = run()
    assert code == 1
    assert "ended FAILED: NotFound\n  choosing databases: none\n" in shown and "continue-run" not in shown


def test_a_stack_without_a_fleet_says_how_to_get_one(here: World, run: Callable) -> None:
    here.deploy(fleet=False)
    code, shown = run()
    assert code == 1 and "deploy it with --parameter Fleet=true" in shown


@pytest.mark.parametrize("arguments", [["--source-db", "orders"], ["--no-fleet"]])
def test_one_database_and_many_exclude_each_other(run: Callable, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2


# ------------------------------------------------------------------------------------------------------------- quotas


def test_the_stock_of_a_fleet_is_what_its_stacks_keep() -> None:
    """Live, two older and the one being restored are four instances a database."""
    one = Stack("one", parameters={"SourceDBIdentifier": "orders", "NoOfOlderInstances": "2", "SnapshotsToKeep": "2"})
    many = Stack("many", parameters={"SourceDBIdentifier": "crm-*", "NoOfOlderInstances": "0"})
    names = ["orders", "crm-a", "crm-b", "other"]
    assert need_of(one, names) == Need(1, 4, 3)
    assert need_of(many, names) == Need(2, 4, 6)


def test_a_quota_is_said_with_the_number_to_ask_for() -> None:
    need = Need(10, 40, 30)
    assert lack(need, 40, INSTANCES, {"DBInstances": 40}, 0) == ""
    assert lack(need, 40, INSTANCES, {}, 7) == "", "what AWS does not say is not compared"
    assert lack(need, 40, INSTANCES, {"DBInstances": 40}, 3) == (
        "the destination account may have 40 DB instances in this Region; 10 databases need up to 40 (4 each, with the numbers of "
        "their stacks) beside 3 that are not of these stacks: ask AWS for a quota of 43 DB instances (Service Quotas, Amazon RDS)"
    )


def test_what_the_stacks_have_already_is_part_of_what_they_need(here: World, run: Callable) -> None:
    """Also before the first snapshot of a run."""
    quotas = [{"AccountQuotaName": "DBInstances", "Used": 3, "Max": 5}]
    here.b.answer("DescribeAccountAttributes", {"AccountQuotas": quotas})
    ours = tags(stack="orders-destination", name="orders-copy-1", version="1", source_db="orders")
    found = [
        {"DBInstanceIdentifier": "orders-copy-1", "TagList": ours},
        {"DBInstanceIdentifier": "by-hand", "TagList": []},
        {"DBInstanceIdentifier": "orders-copy-1-restored", "TagList": ours},
    ]
    here.b.answer("DescribeDBInstances", {"DBInstances": found})
    here.choose("orders")
    here.orders.run(here.child("orders"), NOW)
    code, shown = run()
    assert code == 0
    assert "1 databases need up to 4 (4 each" in shown and "beside 2 that are not" in shown
    assert "ask AWS for a quota of 6 DB instances" in shown


def test_a_quota_that_cannot_be_read_stops_nothing(here: World) -> None:
    here.b.refuse("DescribeAccountAttributes")
    orders = Stack("orders-destination", parameters={"SourceDBIdentifier": "orders"})
    [line] = stock_words(here.b, [orders], ["orders"])
    assert line.startswith("quota        not compared, because it cannot be read")
    assert not list(stock_words(here.b, [], ["orders"]))


def test_a_live_table_is_wiped_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    screen = Screen(stream, clock=lambda: 0.0)
    monkeypatch.setenv("LINES", "4")
    monkeypatch.setenv("COLUMNS", "40")
    screen.waiting_for_all("fleet", ["one", "two", "three"])
    assert stream.getvalue().splitlines() == ["    0.0s  fleet", "          one", "          two"], "as many as fit"
    stream.truncate(0)
    stream.seek(0)
    screen.line("said")
    assert stream.getvalue() == "\r\x1b[2K\x1b[1A\r\x1b[2K\x1b[1A\r\x1b[2K    0.0s  said\n"
