"""`scripts/destroy`: what goes, what stays and with which command, what has to be confirmed, and in which order it acts."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from aws import FakeAccount, Refused, tags
from aws import stack as described
from console import destroy
from console.destruction import Commands, Found, parameters_to_keep, plan_removal, stays_lines, what_stays
from console.facts import Instance, Pointer, Snapshot, Stack, Unreadable
from world import B

NOW = datetime(2026, 11, 26, 4, 10, 6, tzinfo=timezone.utc)
ID = "20261122t103400z-1f2e3d"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{B}:secret:app/read-AbCdEf"
KEY = f"arn:aws:kms:eu-west-1:{B}:key/1"
COMMANDS = Commands("destination", "", "eu-west-1")


def own_tags(name: str, **more: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags(stack="ours", name=name, **more)}


def instance(version: int, **more: Any) -> Instance:
    name = f"app-{version}"
    usual = {"host": f"{name}.c1.example", "resource_id": f"db-{version}", "instance_class": "db.m6i.large", "size": 20}
    return Instance(name, own_tags(name, version=str(version), resource_id=f"db-{version}"), **(usual | more))


def snapshot(name: str = f"app-{ID}", **more: Any) -> Snapshot:
    return Snapshot(name, own_tags(name, id=ID), **({"size": 20} | more))


def found(*things: Instance | Snapshot, names: int | None = 7, **more: Any) -> Found:
    instances = [one for one in things if isinstance(one, Instance)]
    snapshots = [one for one in things if isinstance(one, Snapshot)]
    pointer = Pointer(f"app-{names}.c1.example", "app") if names else Pointer("", "")
    return Found(**({"name": "ours", "instances": instances, "snapshots": snapshots, "pointer": pointer} | more))


def removal(of: Found, *, confirmed: str = "", final_snapshots: bool = True) -> Any:
    return plan_removal(of, confirmed=confirmed, final_snapshots=final_snapshots, now=NOW)


def test_only_what_the_stack_has_made_goes() -> None:
    inherited = Instance("app-5", own_tags("app-5", version="5", resource_id="db-of-another"), resource_id="db-5")
    foreign = Instance("app-4", {}, resource_id="db-4")
    by_hand = Snapshot("before-the-upgrade", own_tags("app-6"), database="app-6")
    last = Snapshot(f"app-6-final-{ID}", own_tags("app-6"), database="app-6")
    plan = removal(found(instance(6), instance(7), inherited, foreign, snapshot(), by_hand, last))
    assert [(one.identifier, final) for one, final in plan.instances] == [("app-6", "app-6-final-20261126t041006z")]
    assert [one.identifier for one in plan.snapshots] == [f"app-{ID}"]
    assert plan.left == {"app-7": "the secret names it, and readers depend on it"}


def test_what_the_secret_names_goes_only_under_its_own_name() -> None:
    everything = found(instance(6), instance(7))
    assert [one.identifier for one, _ in removal(everything, confirmed="app-7").instances] == ["app-6", "app-7"]
    assert [one.identifier for one, _ in removal(everything, confirmed="app-6").instances] == ["app-6"]


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        (Unreadable("AccessDeniedException"), "the secret cannot be read (AccessDeniedException)"),
        (None, "add --secret ARN"),
    ],
)
def test_where_nobody_knows_what_readers_read_no_instance_goes(pointer: Any, reason: str) -> None:
    plan = removal(found(instance(6), instance(7), snapshot(), pointer=pointer))
    assert plan.instances == [] and reason in plan.left["app-6"] and len(plan.snapshots) == 1


@pytest.mark.parametrize(
    ("more", "final_snapshots", "outcome"),
    [
        ({}, True, "app-6-final-20261126t041006z"),
        ({}, False, ""),
        ({"status": "incompatible-restore"}, True, ""),
        ({"status": "stopped"}, True, "start it, or add --skip-final-snapshots"),
        ({"status": "stopped"}, False, ""),
        ({"status": "modifying"}, True, "it is modifying: run this again later"),
        ({"status": "no-such-word"}, True, "it is no-such-word: run this again later"),
        ({"deletion_protection": True}, True, "it has deletion protection: take that off, or keep it"),
        ({"replicas": ("r",)}, True, "it has the read replica r: delete or promote that first"),
    ],
)
def test_an_instance_gets_a_final_snapshot_or_stays_with_the_reason(
    more: dict, final_snapshots: bool, outcome: str
) -> None:
    plan = removal(found(instance(6, **more)), final_snapshots=final_snapshots)
    said = [final for _, final in plan.instances] or list(plan.left.values())
    assert len(said) == 1 and (outcome in said[0] if outcome else said == [""])


def test_a_snapshot_that_is_not_ready_stays_and_what_is_being_deleted_is_not_told_of() -> None:
    plan = removal(found(instance(6, status="deleting"), snapshot(status="copying")))
    assert (plan.instances, plan.snapshots) == ([], [])
    assert plan.left == {f"app-{ID}": "it is copying: run this again later"}


def test_what_stays_has_its_class_and_the_command_that_removes_it() -> None:
    last = Snapshot("app-5-final", own_tags("app-5"), database="app-5")
    stays = what_stays(
        found(
            *(instance(6, status="stopped"), instance(7, deletion_protection=True), snapshot(), last),
            secret=SECRET,
            keys=(KEY,),
            log_groups=("/aws/rds/instance/app-6/postgresql",),
            bucket="packages",
            other_stacks=("theirs",),
        ),
        Commands("destination", "b", "eu-west-1"),
        NOW,
    )
    kinds = ["instance", "instance", "snapshot", "snapshot", "log group", "secret", "key", "bucket"]
    assert [one.kind for one in stays] == kinds
    for one in stays:
        assert one.command.count("--profile b --region eu-west-1") == one.command.count("aws ")
        assert shlex.split(one.command)[0] == ("while" if one.kind == "bucket" else "aws")
    said = "\n".join(stays_lines(stays))
    for words in (
        "app-6  (db.m6i.large, 20 GiB, stopped: billed for its storage, and RDS starts it again after 7 days;",
        "app-7  (db.m6i.large, 20 GiB, available: billed by the hour; THE SECRET NAMES IT; it has deletion protection",
        "modify-db-instance --db-instance-identifier app-7 --no-deletion-protection",
        "delete-db-snapshot --db-snapshot-identifier app-5-final",
        f"delete-secret --secret-id {SECRET} --recovery-window-in-days 30",
        f"schedule-key-deletion --key-id {KEY} --pending-window-in-days 30",
        "packages of scripts/deploy; also of theirs",
    ):
        assert words in said


def test_the_next_stack_gets_the_parameters_of_this_one_and_what_it_leaves() -> None:
    stack = Stack("ours", parameters={"SGID": "", "Port": "5433", "SecretName": "app/read", "DatabaseName": "app"})
    stack = Stack(**{**vars(stack), "outputs": {"SecretArn": SECRET, "KMSKeyArn": KEY}})
    kept = parameters_to_keep(stack, {"SGID": "", "Port": "", "SecretName": "dev/db/read", "DatabaseName": "app"})
    assert kept == {"Port": "5433", "SecretName": "app/read", "ExistingSecretArn": SECRET, "KMSKey": KEY}
    several = replace(stack, parameters={**stack.parameters, "SourceDBIdentifier": "orders-*"})
    assert "ExistingSecretArn" not in parameters_to_keep(several, {}), "each has a secret of its own"


def test_the_deployment_that_is_printed_is_of_the_same_account_region_and_processor() -> None:
    given = {"SGID": "a,b", "Port": "1", "Architecture": "arm64"}
    assert Commands("destination", "b", "eu-west-1").deploy("ours", given) == (
        "scripts/deploy destination --stack-name ours --profile b --region eu-west-1 "
        "--architecture arm64 --parameter Port=1 --parameter SGID=a,b"
    )
    assert COMMANDS.deploy("ours", {}) == "scripts/deploy destination --stack-name ours --region eu-west-1"


@pytest.mark.parametrize(
    ("more", "about", "commands"),
    [
        ({"status": "modifying"}, "; not possible while it is modifying", ["delete-db-instance"]),
        (
            {"status": "stopped"},
            "; it is started first, because a final snapshot can only be made while it runs",
            ["start-db-instance", "wait db-instance-available", "delete-db-instance"],
        ),
        (
            {"status": "stopping", "deletion_protection": True},
            "; not possible while it is stopping",
            ["start-db-instance", "wait db-instance-available", "modify-db-instance", "delete-db-instance"],
        ),
        (
            {"replicas": ("r", "s")},
            "; it has the read replica r, s: delete or promote that first",
            ["delete-db-instance"],
        ),
    ],
)
def test_the_deletion_of_an_instance_that_is_printed_is_one_that_rds_accepts(
    more: dict, about: str, commands: list[str]
) -> None:
    [stays] = what_stays(found(instance(6, **more)), COMMANDS, NOW)
    assert stays.about.endswith(about)
    steps = stays.command.split(" && ")
    assert [one.split(" --")[0].removeprefix("aws rds ") for one in steps] == commands
    assert steps[-1].endswith("--final-db-snapshot-identifier app-6-final-20261126t041006z --region eu-west-1")


#: Stands in for `aws` with a bucket of as many pages as the file `left` says; the second one is denied if `denied` is there.
BUCKET = """
import json, pathlib, sys
import jmespath
here = pathlib.Path(__file__).parent
option = lambda name: sys.argv[sys.argv.index(name) + 1]
assert option("--bucket") == "packages" and option("--region") == "eu-west-1"
pages, answer = int((here / "left").read_text()), {}
if sys.argv[2] == "delete-bucket":
    sys.exit("BucketNotEmpty" if pages else 0)
elif sys.argv[2] == "list-object-versions":
    kinds = [[], ["DeleteMarkers"], ["Versions"], ["Versions", "DeleteMarkers"]][pages]
    answer = {kind: [{"Key": kind, "VersionId": "v", "Size": 1}] for kind in kinds}
else:
    objects = json.loads(option("--delete"))["Objects"]
    assert objects and all(set(one) == {"Key", "VersionId"} for one in objects), objects
    if pages == 2 and (here / "denied").exists():
        answer = {"Errors": [{"Key": "Versions", "Code": "AccessDenied"}]}
    else:
        (here / "left").write_text(str(pages - 1))
print(json.dumps(jmespath.search(option("--query"), answer)))
"""


def test_the_deletion_of_the_bucket_that_is_printed_empties_it_page_by_page(tmp_path: Path) -> None:
    (tmp_path / "aws").write_text(f"#!{sys.executable}{BUCKET}")
    (tmp_path / "aws").chmod(0o755)
    [bucket] = what_stays(found(bucket="packages"), COMMANDS, NOW)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(pages: int) -> subprocess.CompletedProcess:
        (tmp_path / "left").write_text(str(pages))
        command = ["bash", "-c", bucket.command]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    for pages in (0, 1, 3):
        ended = run(pages)
        assert (ended.returncode, ended.stderr) == (0, "") and (tmp_path / "left").read_text() == "0"
    (tmp_path / "denied").touch()
    ended = run(3)
    assert ended.returncode == 1 and "AccessDenied" in ended.stdout and "BucketNotEmpty" in ended.stderr


# ------------------------------------------------------------------------------------------------------- the command


class World:
    """Account B with a stack, two versions, the newer one in the secret, and a machine that may run."""

    def __init__(self) -> None:
        self.account = FakeAccount(B, stack="ours")
        self.account.profile_in_use = ""  # type: ignore[attr-defined]
        self.done: list[str] = []
        self.running: list[str] = []
        self.of_fleet: list[str] = []
        """The executions of the fleet that run; as long as there is one, another of `running` begins with each that is stopped."""
        self.stopped: list[str] = []
        self.concurrency: dict[str, int] = {}
        """What an operator has reserved for the function, as Lambda answers."""
        self.limits: list[int] = []
        self.arrives = False
        self.is_gone = False
        self.is_refused = False
        self.outputs = {
            "SecretArn": SECRET,
            "StateMachineArn": "arn:aws:m",
            "LaunchFunctionName": "launch",
            "KMSKeyArn": KEY,
        }
        self.parameters = {"DatabaseName": "app", "SourceDBIdentifier": "orders"}
        self.more: dict[str, Any] = {}
        self.instances = ["app-6", "app-7"]
        resources = [
            ("AWS::Events::Rule", "rule"),
            ("AWS::Lambda::Function", "launch"),
            ("AWS::StepFunctions::StateMachine", "arn:aws:m"),
            ("AWS::StepFunctions::StateMachine", "arn:aws:fleet"),
            ("AWS::KMS::Key", "1"),
        ]
        summaries = [
            {
                "LogicalResourceId": name.replace("-", ""),
                "ResourceType": kind,
                "PhysicalResourceId": name,
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": NOW,
            }
            for kind, name in resources
        ]
        answers: dict[str, Any] = {
            "DescribeStacks": self._stacks,
            "ListStackResources": {"StackResourceSummaries": summaries},
            "DescribeRule": {"Name": "rule", "State": "ENABLED"},
            "ListExecutions": self._executions,
            "DescribeDBInstances": self._instances,
            "DescribeDBSnapshots": {"DBSnapshots": []},
            "DescribeLogGroups": {"logGroups": []},
            "DescribeStackEvents": {
                "StackEvents": [
                    {
                        "LogicalResourceId": "Topic",
                        "ResourceStatus": "DELETE_FAILED",
                        "ResourceStatusReason": "denied",
                        "StackId": "s",
                        "EventId": "e",
                        "StackName": "ours",
                        "Timestamp": NOW,
                    }
                ]
            },
            "StopExecution": self._stop,
            "DeleteStack": self._delete_stack,
        }
        for name in ("DisableRule", "EnableRule", "DeleteFunctionConcurrency"):
            answers[name] = lambda _, name=name: self.done.append(name) or {}
        answers["GetFunctionConcurrency"] = lambda _: self.concurrency
        answers["PutFunctionConcurrency"] = self._limit
        for name in ("DeleteDBInstance", "DeleteDBSnapshot"):
            answers[name] = self._delete
        for operation, answer in answers.items():
            self.account.answer(operation, answer)
        self.name("app-7")

    def name(self, instance: str) -> None:
        value = {"db_host": f"{instance}.c1.example", "db_prefix": "app", "password": "Canary"}
        self.account.answer("GetSecretValue", {"ARN": SECRET, "SecretString": json.dumps(value), "VersionId": "v"})

    def _stacks(self, asked: dict) -> dict:
        if self.is_gone and "StackName" in asked:
            raise Refused("ValidationError")
        status = "DELETE_FAILED" if self.is_refused and "DeleteStack" in self.done else "CREATE_COMPLETE"
        found = described("ours", self.outputs, self.parameters, status)
        return {"Stacks": [] if self.is_gone else [found | self.more]}

    def _executions(self, asked: dict) -> dict:
        assert asked["statusFilter"] == "RUNNING"
        if self.arrives and "DisableRule" in self.done:
            self.running.append("arn:late")
        machine = asked["stateMachineArn"]
        row = {"stateMachineArn": machine, "name": "e", "status": "RUNNING", "startDate": NOW}
        running = self.of_fleet if machine == "arn:aws:fleet" else self.running
        return {"executions": [row | {"executionArn": arn} for arn in running]}

    def _stop(self, asked: dict) -> dict:
        self.done.append("StopExecution")
        self.stopped.append(asked["executionArn"])
        if asked["executionArn"] in self.of_fleet:
            self.of_fleet.remove(asked["executionArn"])
            return {"stopDate": NOW}
        self.running.remove(asked["executionArn"])
        self.running += [f"{asked['executionArn']}-next"] if self.of_fleet else []
        return {"stopDate": NOW}

    def _limit(self, asked: dict) -> dict:
        self.done.append("PutFunctionConcurrency")
        self.limits.append(asked["ReservedConcurrentExecutions"])
        return {}

    def _instances(self, _: dict) -> dict:
        return {
            "DBInstances": [
                {
                    "DBInstanceIdentifier": name,
                    "DBInstanceStatus": "available",
                    "DBInstanceClass": "db.m6i.large",
                    "AllocatedStorage": 20,
                    "Endpoint": {"Address": f"{name}.c1.example"},
                    "TagList": tags(stack="ours", name=name, version=name.split("-")[1]),
                }
                for name in self.instances
            ]
        }

    def _delete_stack(self, _: dict) -> dict:
        self.done.append("DeleteStack")
        self.is_gone = not self.is_refused
        return {}

    def _delete(self, asked: dict) -> dict:
        name = asked["DBInstanceIdentifier"]
        self.done.append(f"{name} {'without' if asked.get('SkipFinalSnapshot') else 'final'}")
        self.instances.remove(name)
        return {}


@pytest.fixture
def here() -> World:
    return World()


@pytest.fixture
def run(here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """Runs the command with what is typed, one after the other; answers with its exit code and what it has printed."""

    def command(*arguments: str, typed: tuple[str, ...] | None = None) -> tuple[int, str]:
        answers = list(typed or ())
        monkeypatch.setattr(destroy, "Account", lambda *_: here.account)
        monkeypatch.setattr(destroy, "terminal", lambda: None if typed is None else lambda _: f"{answers.pop(0)}\n")
        monkeypatch.setattr(destroy, "is_missing", lambda error: "ValidationError" in str(error))
        monkeypatch.setattr("console.departure.is_missing", lambda error: "ValidationError" in str(error))
        monkeypatch.setattr("time.sleep", lambda _: None)
        code = destroy.main(["destination", "--stack-name", "ours", *arguments])
        shown = capsys.readouterr()
        assert "Canary" not in shown.out + shown.err and answers == []
        return code, shown.out

    return command


def test_nothing_is_changed_before_it_is_confirmed(here: World, run: Callable) -> None:
    code, said = run()
    assert code == 1 and "add --yes" in said and "will be removed: the stack ours" in said
    assert run(typed=("ours",))[0] == 1, "without --everything it is the word yes"
    assert run("--everything", typed=("yes",))[0] == 1, "with it, it is the name of the stack"
    assert here.done == []


def test_what_starts_executions_is_switched_off_first_and_then_the_stack_goes(here: World, run: Callable) -> None:
    code, said = run(typed=("yes",))
    assert code == 0 and here.done == ["DisableRule", "PutFunctionConcurrency", "DeleteStack"]
    assert here.instances == ["app-6", "app-7"]
    assert "THE SECRET NAMES IT" in said and f"schedule-key-deletion --key-id {KEY}" in said
    assert f"--parameter ExistingSecretArn={SECRET} --parameter KMSKey={KEY}" in said
    code, said = run()
    assert code == 0 and "there is no stack ours" in said and "delete-db-instance" in said


def test_running_executions_are_refused_or_stopped(here: World, run: Callable) -> None:
    here.running = ["arn:1", "arn:2"]
    code, said = run("--yes")
    assert code == 1 and "2 executions of the destination account run" in said and "add --stop" in said
    assert here.done == []
    code, said = run("--yes", "--stop")
    assert code == 0
    assert here.done == ["DisableRule", "PutFunctionConcurrency", "StopExecution", "StopExecution", "DeleteStack"]


def test_a_fleet_that_runs_is_refused_or_stopped_before_what_it_starts(here: World, run: Callable) -> None:
    here.outputs["FleetStateMachineArn"] = "arn:aws:fleet"
    here.of_fleet = ["arn:fleet:1"]
    code, said = run("--yes")
    assert code == 1 and "arn:fleet:1" in said and "add --stop" in said and here.done == []
    here.running = ["arn:1"]
    code, said = run("--yes", "--stop")
    assert code == 0 and here.stopped == ["arn:fleet:1", "arn:1"], "otherwise it would start the next one"


def test_what_was_switched_off_is_switched_on_again_if_the_stack_stays(here: World, run: Callable) -> None:
    here.arrives = True
    code, said = run("--yes")
    assert code == 1 and "an execution has begun meanwhile: arn:late" in said
    assert here.done == ["DisableRule", "PutFunctionConcurrency", "EnableRule", "DeleteFunctionConcurrency"]


def test_a_limit_that_an_operator_has_set_is_put_back(here: World, run: Callable) -> None:
    here.arrives, here.concurrency = True, {"ReservedConcurrentExecutions": 5}
    assert run("--yes")[0] == 1
    assert here.limits == [0, 5] and "DeleteFunctionConcurrency" not in here.done


def test_what_cannot_be_switched_on_again_does_not_keep_the_rest(here: World, run: Callable) -> None:
    here.arrives = True
    here.account.refuse("EnableRule")
    code, said = run("--yes")
    assert code == 1 and here.done == ["DisableRule", "PutFunctionConcurrency", "DeleteFunctionConcurrency"]
    assert "the rule rule may stay switched off" in said and "to fix this: aws events enable-rule --name rule" in said
    assert "the function launch is as it was before" in said


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_switched_off_is_switched_on_again_if_the_command_is_ended(
    here: World, run: Callable, one: signal.Signals
) -> None:
    """Also if it is ended once more meanwhile, and if the answer about what was switched off has not come yet."""
    put = here.account._answers["PutFunctionConcurrency"]
    enable = here.account._answers["EnableRule"]
    here.account.answer("PutFunctionConcurrency", lambda asked: put(asked) and {} or os.kill(os.getpid(), one))
    here.account.answer("EnableRule", lambda asked: os.kill(os.getpid(), one) or enable(asked))
    # What a shell starts in the background ignores Ctrl-C, and so would these tests.
    before = signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL
    of_tests = signal.signal(one, before)
    try:
        code, said = run("--yes")
        assert signal.getsignal(one) == before
    finally:
        signal.signal(one, of_tests)
    assert code == 130 and "stopped; running this again goes on" in said
    assert here.done == ["DisableRule", "PutFunctionConcurrency", "EnableRule", "DeleteFunctionConcurrency"]


def test_what_was_switched_off_is_switched_on_again_if_a_right_is_missing(here: World, run: Callable) -> None:
    here.account.refuse("PutFunctionConcurrency")
    code, said = run("--yes")
    assert code == 1 and "AccessDenied" in said and here.done == ["DisableRule", "EnableRule"]


def test_a_stack_that_cannot_be_removed_is_said(here: World, run: Callable) -> None:
    here.more = {"EnableTerminationProtection": True}
    code, said = run("--yes")
    assert code == 1 and "update-termination-protection --no-enable-termination-protection" in said
    here.more = {"StackStatus": "UPDATE_IN_PROGRESS"}
    code, said = run("--yes")
    assert code == 1 and "is UPDATE_IN_PROGRESS" in said and here.done == []


def test_what_stays_switched_off_of_a_stack_that_was_not_removed_is_said_with_its_commands(
    here: World, run: Callable
) -> None:
    here.is_refused, here.concurrency = True, {"ReservedConcurrentExecutions": 5}
    code, said = run("--yes")
    assert code == 1 and "Topic: denied" in said and "what starts its executions stays switched off" in said
    for command in (
        "aws events enable-rule --name rule --region eu-west-1",
        "put-function-concurrency --function-name launch --reserved-concurrent-executions 5 --region eu-west-1",
    ):
        assert command in said


def test_a_stack_that_cloudformation_is_at_work_on_is_told_from_one_that_is_not() -> None:
    changing = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"]
    at_rest = ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_FAILED", "UPDATE_COMPLETE"]
    assert [one for one in [*changing, *at_rest] if Stack("ours", one).is_changing] == changing


@pytest.mark.parametrize("outputs", [{"Url": "x"}, {}])
def test_a_stack_of_somebody_else_is_not_touched(here: World, run: Callable, outputs: dict[str, str]) -> None:
    here.outputs, here.parameters = outputs, {"DatabaseName": "web"}
    code, said = run("--yes", "--everything")
    assert code == 1 and "is no destination stack of this project, and is not touched" in said and here.done == []


def test_what_a_failed_creation_left_can_be_removed(here: World, run: Callable) -> None:
    here.outputs, here.parameters = {}, {"DatabaseName": "app", "SourceTopicArn": "arn:topic"}
    code, _ = run("--yes")
    assert code == 0 and here.done == ["DisableRule", "DeleteStack"]


def test_everything_keeps_what_the_secret_names(here: World, run: Callable) -> None:
    code, said = run("--everything", "--yes")
    assert code == 0 and here.done[-2:] == ["DeleteStack", "app-6 final"]
    assert "left app-7: the secret names it" in said
    code, said = run("--everything", "--yes")
    assert code == 0 and "add --secret ARN" in said and here.instances == ["app-7"]
    code, said = run("--everything", "--yes", "--secret", SECRET)
    assert code == 0 and here.instances == ["app-7"]


@pytest.mark.parametrize(
    ("options", "typed", "goes"),
    [
        ((), ("ours", "app-7"), ["app-6 final", "app-7 final"]),
        ((), ("ours", ""), ["app-6 final"]),
        ((), ("ours", "app-6"), ["app-6 final"]),
        (("--yes",), (), ["app-6 final"]),
        (("--confirm-current", "app-7"), ("ours",), ["app-6 final", "app-7 final"]),
        (("--confirm-current", "app-7", "--yes", "--skip-final-snapshots"), None, ["app-6 without", "app-7 without"]),
    ],
)
def test_what_the_secret_names_is_confirmed_on_its_own(
    here: World, run: Callable, options: tuple[str, ...], typed: tuple[str, ...] | None, goes: list[str]
) -> None:
    code, _ = run("--everything", *options, typed=typed)
    assert code == 0 and [one for one in here.done if one.startswith("app-")] == goes


def test_a_confirmation_of_another_instance_is_refused(here: World, run: Callable) -> None:
    code, said = run("--everything", "--yes", "--confirm-current", "app-6")
    assert code == 1 and "--confirm-current app-6 is not what the secret names, app-7" in said and here.done == []


def test_what_became_current_meanwhile_stays(here: World, run: Callable) -> None:
    here.account.answer("DisableRule", lambda _: here.name("app-6") or {})
    code, said = run("--everything", typed=("ours", "app-7"))
    assert code == 0 and here.instances == ["app-6"] and "left app-6: the secret names it" in said


def test_what_rds_refuses_does_not_keep_the_rest(here: World, run: Callable) -> None:
    delete = here.account._answers["DeleteDBInstance"]

    def some(asked: dict) -> dict:
        if asked["DBInstanceIdentifier"] == "app-6":
            raise Refused("InvalidDBInstanceState")
        return delete(asked)

    here.account.answer("DeleteDBInstance", some)
    code, said = run("--everything", "--yes", "--confirm-current", "app-7")
    assert code == 1 and "app-6: An error occurred (InvalidDBInstanceState)" in said and here.instances == ["app-6"]


@pytest.mark.parametrize("option", [["--skip-final-snapshots"], ["--confirm-current", "x"]])
def test_options_of_everything_need_it(run: Callable, option: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*option)
    assert ended.value.code == 2
