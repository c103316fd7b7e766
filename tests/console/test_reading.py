"""What is read from the two accounts, with real clients and answers of our own: all pages."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError, ProfileNotFound

from aws import FakeAccount, entered, stack, tags
from both_accounts import NOW, TOPIC, World, command, snapshot
from console.failure import Failure
from console.status import __main__ as status
from console.status.facts import Pointer, Unreadable, is_readable
from console.status.reading import attempt, error_code
from console.status.report import report
from world import A, B


@pytest.fixture
def here() -> World:
    return World()


def ids(runs: Any) -> list[str]:
    return [run.replication for run in runs]


# ----------------------------------------------------------------------------------------------------- what is there


def test_every_page_of_everything_is_read(here: World) -> None:
    facts = here.read()
    [database] = facts.databases
    assert (facts.account, facts.region, database.stack.name) == (B, "eu-west-1", "destination-stack")
    assert [one.identifier for one in facts.instances] == ["by-hand", "being-made", "copy-1"]
    assert [one.identifier for one in facts.snapshots] == [f"copy-{number}" for number in range(5)]
    assert [(one.name, one.state) for one in database.alarms] == [("AnAlarm", "OK"), ("AnotherAlarm", "OK")]
    assert database.dead_letters == 3, "a message that somebody is looking at is still there"
    assert database.pointer == Pointer("copy-1.c1.example", "copy")
    assert database.rollbacks == []
    source = database.source
    assert (source.account, source.stack.name) == (A, "source-stack")
    assert [(one.identifier, one.shared_with) for one in source.snapshots] == [("snap", [B]), ("snap-copy-in", [B])]
    assert (source.schedule.expression, source.schedule.state) == ("rate(1 day)", "ENABLED")
    assert ids(source.runs) == ids(database.runs) == [here.id]


def test_each_of_several_databases_is_reported_by_itself(here: World) -> None:
    here.stacks[-1]["Parameters"] = [
        {"ParameterKey": key, "ParameterValue": value}
        for key, value in {
            "SourceTopicArn": TOPIC,
            "SourceDBIdentifier": "orders*",
            "DatabaseName": "copy",
            "SecretName": "read",
        }.items()
    ]
    copies = [
        snapshot(B, f"copy-{name}-x", {"stack": "destination-stack", "source_db": name})
        for name in ("orders", "orders-eu", "billing")
    ]
    here.b.page("DescribeDBSnapshots", "DBSnapshots", copies, token="Marker")
    facts = here.read()
    assert [(one.stack.database, one.stack.prefix, one.stack.outputs["SecretArn"]) for one in facts.databases] == [
        ("orders", "copy-orders", "read/orders"),
        ("orders-eu", "copy-orders-eu", "read/orders-eu"),
    ]
    assert [ids(one.runs) for one in facts.databases] == [[here.id], []], "a run of the source is about one of them"
    document = report(facts)
    assert [[left["sourceDatabase"] for left in one["otherDatabases"]] for one in document["databases"]] == [
        ["billing"],
        ["billing"],
    ]
    commands = [one["restoreCommand"] for one in document["databases"]]
    assert all(f"--source-db {one.stack.database}" in command for one, command in zip(facts.databases, commands))
    here.b.page("DescribeDBSnapshots", "DBSnapshots", [], token="Marker")
    [none_yet] = here.read().databases
    assert (none_yet.stack.database, none_yet.pointer) == ("orders*", Pointer("", "")), "no run has made a secret yet"


def test_what_an_instance_lacks_yet_is_unknown(here: World) -> None:
    made = next(one for one in here.read().instances if one.identifier == "being-made")
    assert (made.host, made.created, made.size, made.version, made.deletion_protection) == ("", None, None, None, False)
    last = here.read().instances[-1]
    assert (last.version, last.size, last.deletion_protection) == (1, 20, True)


def test_stacks_are_found_by_their_outputs_or_named(here: World) -> None:
    assert [one.stack.name for one in here.read(stacks=["destination-stack", "destination-stack"]).databases] == [
        "destination-stack"
    ]
    with pytest.raises(Failure, match="stack two of the destination account has no output StateMachineArn"):
        here.read(stacks=["two"])
    here.stacks[:] = here.stacks[:2]
    assert here.read().databases == []


def test_things_of_account_a_are_read_once_for_all_stacks(here: World) -> None:
    here.read()
    once = here.a.calls["DescribeDBSnapshots"]
    again = dict(here.stacks[-1], StackName="another-destination")
    here.stacks.append(again)
    here.a.calls.clear()
    assert len(here.read().databases) == 2
    assert here.a.calls["DescribeDBSnapshots"] == once


def test_an_older_stack_without_a_rollback_machine_or_a_rule_name_is_read_too(here: World) -> None:
    drop = {"RollbackStateMachineArn", "DeadLetterQueueUrl"}
    here.stacks[-1]["Outputs"] = [one for one in here.stacks[-1]["Outputs"] if one["OutputKey"] not in drop]
    here.a.answer(
        "DescribeStacks", {"Stacks": [stack("source-stack", {"TopicArn": TOPIC, "StateMachineArn": here.source.arn})]}
    )
    detail = {"PhysicalResourceId": "rule", "LogicalResourceId": "ScheduleRule", "ResourceType": "AWS::Events::Rule"}
    detail |= {"LastUpdatedTimestamp": NOW, "ResourceStatus": "CREATE_COMPLETE"}
    here.a.answer("DescribeStackResource", {"StackResourceDetail": detail})
    [database] = here.read().databases
    assert (database.rollbacks, database.dead_letters) == (None, None)
    assert database.source.schedule.state == "ENABLED"


def test_only_so_many_snapshots_are_asked_whom_they_are_shared_with(here: World) -> None:
    own = {"stack": "source-stack", "source_db": "orders"}
    many = [snapshot(A, f"snap-{number:02}", own | {"id": f"20261122t{number:06}z-aaaaaa"}) for number in range(30)]
    here.a.page("DescribeDBSnapshots", "DBSnapshots", many, token="Marker", size=10)
    snapshots = here.read().databases[0].source.snapshots
    assert here.a.calls["DescribeDBSnapshotAttributes"] == 20
    assert [one.shared_with for one in snapshots] == [[B]] * 20 + [None] * 10
    assert snapshots[0].identifier == "snap-29"


def test_the_time_of_the_data_is_never_that_of_a_copy(here: World) -> None:
    """Real PostgreSQL answers lack SnapshotDatabaseTime."""
    original, copied = NOW - timedelta(hours=5), NOW - timedelta(hours=1)
    one = snapshot(B, "copy-1", {}) | {"OriginalSnapshotCreateTime": original, "SnapshotCreateTime": copied}
    without = {key: value for key, value in one.items() if key != "SnapshotDatabaseTime"}
    running = {key: value for key, value in without.items() if key != "OriginalSnapshotCreateTime"}
    here.b.page("DescribeDBSnapshots", "DBSnapshots", [one, without, running], token="Marker")
    assert [found.data_time for found in here.read().snapshots] == [NOW - timedelta(hours=1), original, None]


def test_tags_that_an_answer_lacks_are_asked_for_where_the_name_may_be_ours(here: World) -> None:
    arn = f"arn:aws:rds:eu-west-1:{B}:db:copy-1"
    bare = {
        "DBInstanceIdentifier": "copy-1",
        "DBInstanceArn": arn,
        "DBInstanceStatus": "available",
        "DbiResourceId": "db-A",
    }
    other = {"DBInstanceIdentifier": "reports-1", "DBInstanceArn": f"{arn}-x", "DBInstanceStatus": "available"}
    here.b.page("DescribeDBInstances", "DBInstances", [bare, other], token="Marker")
    here.b.answer(
        "ListTagsForResource",
        lambda asked: (
            {"TagList": tags(stack="destination-stack", name="copy-1")} if asked["ResourceName"] == arn else {}
        ),
    )
    found, foreign = here.read().instances
    assert (found.is_of("destination-stack"), found.resource_id, foreign.tags) == (True, "db-A", {})
    assert here.b.calls["ListTagsForResource"] == 1
    here.b.refuse("ListTagsForResource")
    assert here.read().instances[0].tags == {}


def test_when_the_stack_was_created_is_read(here: World) -> None:
    assert here.read().databases[0].stack.created == datetime(2026, 11, 1, tzinfo=timezone.utc)


# ---------------------------------------------------------------------------------------------------- the executions


def test_the_newest_replications_are_read_and_no_more(here: World) -> None:
    newer = [here.replicate(NOW - timedelta(minutes=minutes)) for minutes in (40, 30, 20)]
    [database] = here.read(last=2).databases
    assert ids(database.source.runs) == ids(database.runs) == [newer[2], newer[1]]
    assert here.a.calls["GetExecutionHistory"] == 2


def test_runs_about_another_database_are_left_out(here: World) -> None:
    here.replicate(NOW - timedelta(minutes=30), database="reports", arrives=False)
    own = here.replicate(NOW - timedelta(minutes=20), database="Orders")
    assert ids(here.read().databases[0].source.runs) == [own, here.id]


def test_the_run_of_a_that_an_old_message_came_from_is_looked_for(here: World) -> None:
    for minutes in (40, 30, 20):
        here.replicate(NOW - timedelta(minutes=minutes), arrives=False)
    # The destination got the oldest message only now: it is its newest run there and not among the source's.
    [database] = here.read(last=2).databases
    assert ids(database.runs) == [here.id]
    assert here.id in ids(database.source.runs) and len(database.source.runs) == 3


def test_the_run_of_b_is_asked_for_by_name_when_it_is_not_among_the_newest(here: World) -> None:
    newer = here.replicate(NOW - timedelta(minutes=30))
    for minutes in (3, 2):
        here.destination.run(f"typed-{minutes}", NOW - timedelta(minutes=minutes))
    [database] = here.read(last=2).databases
    assert ids(database.runs) == ["", "", newer, here.id]


def test_input_that_is_no_message_is_no_replication(here: World) -> None:
    for number, input in enumerate(("[]", '"text"', '{"Input": 5}', '{"Input": {"replication": {"id": 7}}}')):
        here.destination.run(f"typed-{number}", NOW - timedelta(minutes=number), input=input)
    assert ids(here.read().databases[0].runs) == ["", "", "", "", here.id]


def test_the_history_is_read_to_its_end(here: World) -> None:
    start = NOW - timedelta(minutes=9)
    states = (
        "RestoreDBInstance",
        "WaitXMinsForNewRDSInstanceAvailability",
        "RestoreDBInstance",
        "UpdateSecretWithDBValue",
    )
    events = [
        entered(
            2 * number + 2,
            state,
            "Wait" if state.startswith("Wait") else "Task",
            start + timedelta(seconds=10 * number),
        )
        for number, state in enumerate(states)
    ]
    here.rollbacks.run(
        "typed", start, input='{"version": 1}', events=tuple(events), output='{"DBInstance": {"db_version": 1}}'
    )
    [rollback] = here.read().databases[0].rollbacks
    assert [state.name for state in rollback.states] == list(states)
    assert rollback.stage_seconds(start + timedelta(seconds=45)) == {
        "RestoreDBInstance": 30.0,
        "UpdateSecretWithDBValue": 15.0,
    }
    assert rollback.input == {"version": 1} and rollback.result("RestoreDBInstance") == {"db_version": 1}


# ------------------------------------------------------------------------------------------------ what cannot be read


def test_each_refusal_hides_one_thing_and_is_named(here: World) -> None:
    for account, operation, hidden in (
        (here.b, "GetSecretValue", lambda facts: facts.databases[0].pointer),
        (here.b, "DescribeDBInstances", lambda facts: facts.instances),
        (here.b, "DescribeDBSnapshots", lambda facts: facts.snapshots),
        (here.b, "ListExecutions", lambda facts: facts.databases[0].runs),
        (here.b, "DescribeAlarms", lambda facts: facts.databases[0].alarms),
        (here.b, "GetQueueAttributes", lambda facts: facts.databases[0].dead_letters),
        (here.a, "DescribeStacks", lambda facts: facts.databases[0].source),
        (here.a, "DescribeDBSnapshots", lambda facts: facts.databases[0].source.snapshots),
        (here.a, "GetExecutionHistory", lambda facts: facts.databases[0].source.runs),
        (here.a, "DescribeRule", lambda facts: facts.databases[0].source.schedule),
    ):
        world = World()
        (world.a if account is here.a else world.b).refuse(operation, "AccessDeniedException")
        assert hidden(world.read()) == Unreadable("AccessDeniedException"), operation


def test_whom_a_snapshot_is_shared_with_may_stay_unknown(here: World) -> None:
    here.a.refuse("DescribeDBSnapshotAttributes")
    assert [one.shared_with for one in here.read().databases[0].source.snapshots] == [None, None]


def test_an_account_a_that_is_out_of_reach_is_said_with_the_reason(here: World) -> None:
    assert here.read(Unreadable("ProfileNotFound")).databases[0].source == Unreadable("ProfileNotFound")
    assert here.read(FakeAccount("333333333333")).databases[0].source == Unreadable("OtherAccount")
    here.a.answer("DescribeStacks", {"Stacks": [stack("source-stack", {"TopicArn": f"{TOPIC}-2"})]})
    assert here.read().databases[0].source == Unreadable("StackNotFound")


def test_errors_are_named_by_their_own_names() -> None:
    def fail() -> None:
        try:
            raise ProfileNotFound(profile="source")
        except ProfileNotFound as error:
            raise Failure("cannot be used") from error

    assert attempt(fail) == Unreadable("ProfileNotFound")
    assert error_code(NoCredentialsError()) == "NoCredentialsError"
    assert error_code(Failure("alone")) == "Failure"


# --------------------------------------------------------------------------------------------------------- the command


def test_json_is_one_document_and_nothing_else(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert command(here, monkeypatch, "--json") == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["format"], document["destinationAccount"], shown.err) == (1, B, "")
    [database] = document["databases"]
    assert (database["live"]["version"], database["replications"][0]["outcome"]) == (1, "succeeded")


def test_every_field_of_the_document_is_described(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    here.rollbacks.run("typed", NOW, input='{"version": 1}')
    command(here, monkeypatch, "--json")
    described = set(re.findall(r"\w+", status.__doc__))

    def fields(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(fields, value.values()))
        return set().union(*map(fields, value)) if isinstance(value, list) else set()

    assert fields(json.loads(capsys.readouterr().out)) - described == set()


def test_the_exit_code_says_whether_b_could_be_read(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    here.a.refuse("DescribeStacks")
    assert command(here, monkeypatch) == 0
    assert "the source account: not readable with these credentials (AccessDenied)" in capsys.readouterr().out
    here.b.refuse("GetSecretValue", "AccessDeniedException")
    assert command(here, monkeypatch) == 1
    assert "the secret: not readable with these credentials (AccessDeniedException)" in capsys.readouterr().out


def test_without_bs_stacks_there_is_nothing_to_tell(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    here.b.refuse("DescribeStacks", "ExpiredToken")
    assert command(here, monkeypatch, "--json") == 1
    shown = capsys.readouterr()
    assert (
        shown.out == ""
        and shown.err.startswith("failed: the destination account cannot be read: ")
        and "ExpiredToken" in shown.err
    )
    assert command(here, monkeypatch, "--destination-stack", "nowhere") == 1


@pytest.mark.parametrize(
    "arguments", [["--last", "0"], ["--last", "x"], ["--local", "x", "y"], ["--unknown"], ["orders"]]
)
def test_wrong_usage_is_two(arguments: list) -> None:
    with pytest.raises(SystemExit) as ended:
        status.main(arguments)
    assert ended.value.code == 2


def test_a_local_cloud_that_is_not_up_is_said(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    # What a cloud that was taken down, or killed, may leave.
    (tmp_path / "aws-config").touch()
    dead = {"pid": 2**22, "startedAt": 1, "url": "http://127.0.0.1:1", "log": ""}
    for state in (None, {"region": "us-east-1", "cloud": dead, "rds": None}):
        if state:
            (tmp_path / "state.json").write_text(json.dumps(state))
        assert status.main([f"--local={tmp_path}"]) == 1
        shown = capsys.readouterr().err
        assert (
            f"the local cloud is not up in {tmp_path}; start it with scripts/local-cloud up --directory {tmp_path}"
            in shown
        )


def test_nothing_is_changed(here: World) -> None:
    here.read()
    for account in (here.a, here.b):
        assert all(call.startswith(("Describe", "List", "Get")) for call in account.calls), account.calls
    assert is_readable(here.read().databases[0].source)
