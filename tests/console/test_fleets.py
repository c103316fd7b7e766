"""`scripts/status` with many databases: one screen, the worst first, and one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from aws import Machine, answers_of, stack
from both_accounts import NOW as READ_AT
from both_accounts import TOPIC, World, command, machine_arn
from console.execution import replication_id
from console.fleet import Child, FleetRun, Plan
from console.status.facts import Facts, Run, Stack, Unreadable
from console.status.fleets import Fleet
from console.status.report import report
from console.status.text import render
from world import NOW, A, ago, destination_run, execution, source_run, world

RUN = "20261122t110000z-0123456789"


def child(database: str, status: str = "SUCCEEDED") -> Child:
    ended = None if status == "RUNNING" else ago(minutes=50)
    return Child(f"arn:aws:states:eu-west-1:{A}:execution:source:{RUN}-{database}", status, ago(hours=1), ended)


def fleet(status: str = "RUNNING", **changes: object) -> Fleet:
    """Every kind of database, in one run that began an hour ago."""
    names = ["orders", "asleep", "broken", "moving", "crm"]
    plan = Plan(
        RUN,
        {name: f"{RUN}-{name}" for name in names},
        left_out=[
            {"database": "member", "reason": "it is a member of cluster c"},
            {"database": "idle", "reason": "it is stopped", "error": "InstanceNotReady"},
        ],
        done_before=["done"],
    )
    run = FleetRun(
        None,
        f"arn:aws:states:eu-west-1:{A}:execution:fleet:nightly",
        "",
        status=status,
        started=ago(hours=1),
        plan=plan,
        children={
            "orders": child("orders"),
            "broken": child("broken", "FAILED"),
            "moving": child("moving", "RUNNING"),
            "crm": child("crm"),
        },
        last_sent={"orders": ago(hours=1), "crm": ago(hours=1), "broken": ago(days=2)},
    )
    failures = {"broken": ("KeyUnusable", "checking key k: disabled")}
    return replace(Fleet(Stack("source-stack"), run, failures), **changes)


def arrived(status: str, **more: str) -> Run:
    """The destination's run for `orders` of the fleet."""
    found = destination_run(11).execution
    sent = child("orders").replication
    return Run(sent, replace(found, arn=found.arn.rsplit(":", 1)[0] + f":{sent}", status=status, **more))


def facts_with(one: Fleet, **changes: object) -> Facts:
    return replace(world(**changes), fleets=[one])


def rows(facts: Facts) -> list[tuple[str, str]]:
    [one] = report(facts)["fleets"]
    return [(row["sourceDatabase"], row["state"]) for row in one["databases"]]


def test_the_worst_comes_first() -> None:
    assert rows(facts_with(fleet())) == [
        ("broken", "failed"),
        ("idle", "failed"),
        ("moving", "running"),
        ("asleep", "waiting"),
        ("crm", "sent"),
        ("orders", "sent"),
        ("done", "sentBefore"),
        ("member", "leftOut"),
    ]


def test_what_a_run_that_ended_has_not_started_is_worse_than_what_runs() -> None:
    assert rows(facts_with(fleet("ABORTED")))[2] == ("asleep", "notStarted")


@pytest.mark.parametrize(
    ("status", "more", "state"),
    [
        ("FAILED", {"error": "RestoreFailed", "cause": "restoring: no"}, "failedInDestination"),
        ("SUCCEEDED", {}, "replicated"),
        ("RUNNING", {}, "sent"),
    ],
)
def test_a_database_is_what_its_run_in_the_destination_says(status: str, more: dict, state: str) -> None:
    source = source_run(11)
    sent = replace(source, replication=child("orders").replication)
    facts = facts_with(fleet(), runs=[arrived(status, **more)], source_changes={"runs": [sent]})
    [one] = report(facts)["fleets"]
    [orders] = [row for row in one["databases"] if row["sourceDatabase"] == "orders"]
    assert (orders["state"], orders["error"]) == (state, more.get("error"))
    assert (orders["destinationStack"], orders["version"], orders["versions"]) == ("destination-stack", 11, 3)


def test_a_fleet_is_one_line_a_database() -> None:
    shown = render(report(facts_with(fleet())))
    lines = shown.splitlines()
    assert lines[2].startswith(
        "fleet of stack source-stack: run nightly RUNNING, began 1 h 00 min ago; 2 FAILED, 1 running"
    )
    assert "  broken: KeyUnusable: checking key k: disabled" in lines
    assert "  member: left out: it is a member of cluster c" in lines
    [broken] = [line for line in lines if line.startswith("  broken  ")]
    assert broken.split() == ["broken", "FAILED", "KeyUnusable", "10", "min", "2", "d", "0", "h", "ago", "-", "-", "-"]
    assert "scripts/status --source-db NAME shows one database" in lines
    assert "versions, newest first" not in shown, "nothing more of each on this screen"


def test_one_database_of_a_fleet_is_shown_as_one_that_is_alone() -> None:
    alone = render(report(world())).splitlines()
    shown = render(report(facts_with(fleet())), "orders").splitlines()
    assert shown[-len(alone) + 2 :] == alone[2:], "byte for byte"
    assert not any("broken" in line for line in shown)


def test_without_a_fleet_nothing_is_added() -> None:
    document = report(world())
    assert "fleets" not in document and "oneDatabaseCommand" not in document
    assert render(document) == render(document, "orders")


def test_a_fleet_that_has_no_run_or_cannot_be_read_says_so() -> None:
    assert "fleet of stack source-stack: no run yet" in render(report(facts_with(fleet(run=None))))
    hidden = render(report(facts_with(fleet(run=Unreadable("AccessDenied")))))
    assert "fleet of stack source-stack: not readable with these credentials (AccessDenied)" in hidden
    refused = FleetRun(None, "arn:x:nightly", "", "FAILED", "NotFound", "nothing is chosen", NOW)
    assert "  NotFound: nothing is chosen" in render(report(facts_with(fleet(run=refused))))


# ------------------------------------------------------------------------------------------------------------ reading


@pytest.fixture
def here() -> World:
    """The source account has a fleet of two, one of which has failed; and one that has sent three days ago."""
    here = World()
    machine = Machine(machine_arn(A, "fleet"))
    outputs = {"TopicArn": TOPIC, "StateMachineArn": here.source.arn, "FleetStateMachineArn": machine.arn}
    parameters = {"SourceDBIdentifier": "orders"}
    here.a.answer("DescribeStacks", {"Stacks": [stack("source-stack", outputs, parameters)]})
    databases = [{"SourceDBIdentifier": name, "child": f"{RUN}-{name}"} for name in ("orders", "crm")]
    left = {
        "name": "DiscoverDatabases",
        "output": json.dumps({"plan": {"run": RUN, "databases": databases, "room": "ask AWS for 200"}}),
    }
    event = {"id": 1, "type": "TaskStateExited", "timestamp": READ_AT, "stateExitedEventDetails": left}
    start = READ_AT - timedelta(minutes=30)
    machine.run("nightly", start, status="FAILED", error="ReplicationsFailed", events=(event,))
    here.source.run(f"{RUN}-orders", start, input='{"SourceDBIdentifier": "orders"}')
    here.source.run(f"{RUN}-crm", start, status="FAILED", error="KeyUnusable", cause="no")
    here.source.run("20261119t110000z-aaaaaaaaaa-crm", READ_AT - timedelta(days=3))
    answers_of(here.a, here.source, machine)
    return here


def test_the_newest_run_is_read_with_the_errors_of_its_executions(here: World) -> None:
    facts = here.read()
    [one] = facts.fleets
    assert (one.run.name, one.run.error, one.run.plan.room) == ("nightly", "ReplicationsFailed", "ask AWS for 200")
    assert {name: found.status for name, found in one.run.children.items()} == {"orders": "SUCCEEDED", "crm": "FAILED"}
    assert one.failures == {"crm": ("KeyUnusable", "no")}
    assert one.run.last_sent["crm"] == READ_AT - timedelta(days=3), "an earlier run of it"
    # Executions for other databases are not opened to see which database they are about.
    opened = [run.execution.name for run in facts.databases[0].source.runs]
    assert f"{RUN}-orders" in opened and f"{RUN}-crm" not in opened


def test_one_database_is_asked_for_by_its_name(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert command(here, monkeypatch, "--source-db", "ORDERS") == 0
    shown = capsys.readouterr().out
    assert "versions, newest first" in shown and "KeyUnusable" not in shown
    assert command(here, monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "versions, newest first" not in shown and "crm: KeyUnusable: no" in shown
    assert command(here, monkeypatch, "--source-db", "reports") == 1
    assert "no destination stack here takes messages about reports" in capsys.readouterr().err


def test_the_ids_of_a_fleet_are_those_of_single_runs() -> None:
    one = execution("source", f"{RUN}-orders", NOW, ())
    assert Child(one.arn, "RUNNING", NOW).replication == replication_id(one.arn, NOW)
