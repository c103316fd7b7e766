"""`scripts/deploy` with the rights of the policies in docs, in a local cloud that checks the calls of the command itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.release import COMMAND, Commit, make
from deployer import ROOT, Account
from local_cloud import Cloud, launch

#: What the command calls only when something has failed, only over TLS, only where the secret of a stack is changed, or lets
#: CloudFormation and S3 do for it.
NOT_HERE = {
    "cloudformation:DeleteStack",
    "cloudformation:DescribeStackEvents",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "s3:AbortMultipartUpload",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "secretsmanager:GetSecretValue",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with launch(ROOT / "target" / "tests" / "deployer", wait_scale=0.01, with_rds=False) as started:
        yield started


class Deployment:
    """A deployment role in one account, and `scripts/deploy` as a session of it."""

    def __init__(self, cloud: Cloud, account: Account, other: Account) -> None:
        self.cloud, self.account = cloud, account
        self.number = cloud.environment(account.role)["AWS_ACCESS_KEY_ID"]
        self.region = cloud.client("sns", account.role).meta.region_name
        self.other = cloud.environment(other.role)["AWS_ACCESS_KEY_ID"]

    def policy(self) -> dict[str, Any]:
        values = [("PARTITION", "aws"), ("SOURCE_ACCOUNT", self.other), ("ACCOUNT", self.number)]
        values += [("SOURCE_REGION", self.region), ("REGION", self.region), ("SECRET_NAME", "dev/db/read")]
        text = json.dumps(self.account.policy)
        for placeholder, value in values:
            text = text.replace(placeholder, value)
        return json.loads(text)

    def session(self, name: str, policy: dict[str, Any]) -> dict[str, str]:
        """The environment of a session of a new role that has this policy."""
        iam, sts = (self.cloud.client(service, self.account.role) for service in ("iam", "sts"))
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": self.number}, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="deployer", PolicyDocument=json.dumps(policy))
        found = sts.assume_role(RoleArn=role, RoleSessionName="deployer")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    def deploy(
        self, session: dict[str, str], *parameters: str, options: tuple[str, ...] = ("--no-build",)
    ) -> subprocess.CompletedProcess[str]:
        given = [*options, *(part for parameter in parameters for part in ("--parameter", parameter))]
        if self.account.role == "source":
            given += ["--confirm-destination-account", self.other]
        environment = {**os.environ, **self.cloud.environment(self.account.role), **session}
        return subprocess.run(
            [ROOT / "scripts/deploy", self.account.role, *given],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def calls(self, role: str) -> set[str]:
        """The actions that sessions of the role have called, and that were carried out."""
        endpoint = self.cloud.environment(self.account.role)["AWS_ENDPOINT_URL"]
        with urllib.request.urlopen(f"{endpoint}/_local-cloud/calls") as answer:
            made = json.load(answer)
        return {f"{one['service']}:{one['action']}" for one in made if f"/{role}/" in one["principalArn"]}


def own_calls(account: Account) -> set[str]:
    """What the command is said to call itself, and does call here."""
    return {need.action for need in account.needs() if need.why == "scripts/deploy"} - NOT_HERE


def test_the_command_needs_what_the_policies_have(cloud: Cloud) -> None:
    """> The deploy command makes and updates both stacks with the rights of these policies, and calls what they say."""
    assert list((ROOT / "target/lambda").glob("*.zip")), "scripts/build comes first"
    source, destination = Account("source"), Account("destination")
    first, second = Deployment(cloud, source, destination), Deployment(cloud, destination, source)
    topic = ""
    for deployment in (first, second):
        account = deployment.account
        session = deployment.session("deployer", deployment.policy())
        is_source = account is source
        given = f"DestinationAccountNumber={second.number}" if is_source else f"SourceTopicArn={topic}"
        made = deployment.deploy(session, given)
        assert made.returncode == 0, made.stderr
        updated = deployment.deploy(session, "LogRetentionDays=7")
        assert updated.returncode == 0, updated.stderr
        topic = next((line.split()[-1] for line in made.stdout.splitlines() if line.startswith("TopicArn")), "")
        # Everybody may ask who he is.
        assert deployment.calls("deployer") - {"sts:GetCallerIdentity"} == own_calls(account)


def test_a_right_that_is_missing_is_named(cloud: Cloud) -> None:
    deployment = Deployment(cloud, Account("source"), Account("destination"))
    policy = deployment.policy()
    policy["Statement"][0]["Action"].remove("cloudformation:CreateChangeSet")
    refused = deployment.deploy(deployment.session("clerk", policy), f"DestinationAccountNumber={deployment.other}")
    assert refused.returncode == 1 and "cloudformation:CreateChangeSet" in refused.stderr, refused.stderr


def without_rust(programs: Path) -> str:
    """A PATH with every program of this machine but those of Rust."""
    programs.mkdir()
    for directory in os.get_exec_path():
        for program in Path(directory).glob("*"):
            if not program.name.startswith(("cargo", "rust")) and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    assert all(
        shutil.which(name, path=str(programs)) is None for name in ("cargo", "cargo-zigbuild", "rustc", "rustup")
    )
    return str(programs)


def test_a_release_is_deployed_without_rust(cloud: Cloud, tmp_path: Path) -> None:
    """> A release deploys without Rust, for the processor that is asked for, and only as it was made."""
    release, programs = tmp_path / "release", tmp_path / "programs"
    programs.mkdir()
    tasks = [path.stem for path in (ROOT / "target/lambda").glob("*.zip")]
    for task in [*tasks, COMMAND]:
        (programs / task).write_bytes(task.encode())
    make(ROOT, release, tasks, {"arm64": programs}, Commit("1", "c", "2026-11-26T12:00:00Z"))
    deployment = Deployment(cloud, Account("source"), Account("destination"))
    path = {"PATH": without_rust(tmp_path / "bin")}
    options = ("--stack-name", "released", "--release", str(release))
    account = f"DestinationAccountNumber={deployment.other}"
    refused = deployment.deploy(path, account, options=options)
    assert refused.returncode == 1 and "has no functions for x86_64" in refused.stderr
    options += ("--architecture", "arm64")
    made = deployment.deploy(path, account, options=options)
    assert made.returncode == 0, made.stderr
    functions = cloud.client("lambda", "source").list_functions()["Functions"]
    released = [one for one in functions if one["FunctionName"].startswith("released-")]
    assert released and {one["Architectures"][0] for one in released} == {"arm64"}
    # Which commit a stack runs is asked of the stack.
    (stack,) = cloud.client("cloudformation", "source").describe_stacks(StackName="released")["Stacks"]
    assert {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}["ReleaseCommit"] == "c"
    (release / "arm64" / "lambda" / f"{tasks[0]}.zip").write_bytes(b"another")
    refused = deployment.deploy(path, account, options=options)
    assert refused.returncode == 1 and "is not as it was made" in refused.stderr
