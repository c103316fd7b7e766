"""What `scripts/deploy` itself does with what AWS answers: a copy of it beside stand-ins for `aws`, the build and the checks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

#: Stands in for `aws`: writes down the call, refuses what it is to refuse, and reads the stack with the query that it is given.
AWS = """
import json, pathlib, sys
import jmespath
here = pathlib.Path(__file__).parent
world, words = json.loads((here / "world.json").read_text()), sys.argv[1:]
with open(here / "calls", "a") as calls:
    print(*words, file=calls)
if words[1] in world["refused"]:
    sys.exit("An error occurred (" + world["refused"][words[1]] + ") when calling the operation")
if words[1] == "get-caller-identity":
    print("111111111111", "arn:aws:iam::111111111111:user/me", sep="\\t")
elif words[1] == "deploy":
    (here / "world.json").write_text(json.dumps(world | {"stack": {"Tags": [], "Outputs": []}}))
elif words[1] == "describe-stacks":
    if not world["stack"]:
        sys.exit("An error occurred (ValidationError) when calling DescribeStacks: Stack with id arm64 does not exist")
    found = jmespath.search(words[words.index("--query") + 1], {"Stacks": [world["stack"]]})
    for row in found if isinstance(found, list) else [found]:
        print(*(row if isinstance(row, list) else [row]), sep="\\t")
"""


class Checkout:
    """A directory with the command and its stand-ins, and what it does there."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.bin = directory, directory / "target" / "tools" / "bin"
        for name in ("scripts", "cloudformation", "target/tools/bin"):
            (directory / name).mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "deploy", directory / "scripts" / "deploy")
        (directory / "cloudformation" / "source-account.yaml").write_text("Code: ../target/lambda/copy.zip\n")
        self._program(self.bin / "aws", f"#!{sys.executable}{AWS}")
        # Of the checks only that of the release.
        real = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"'
        self._program(self.bin / "python", f'#!/bin/sh\ncase "$*" in *console.sums*) {real} ;; esac\n')
        self._program(directory / "scripts" / "setup", "#!/bin/sh\n")
        self._program(directory / "scripts" / "build", f'#!/bin/sh\necho build "$@" >>"{self.bin}/calls"\n')

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def release(self, *architectures: str) -> Path:
        """A release for these processors, without functions."""
        release = self.directory / "release"
        for one in architectures:
            (release / one / "cloudformation").mkdir(parents=True)
            (release / one / "cloudformation" / "source-account.yaml").write_text(f"{one}\n")
        listed = ["sha256sum", *(str(path.relative_to(release)) for path in release.rglob("*.yaml"))]
        sums = subprocess.run(listed, cwd=release, capture_output=True, check=True).stdout
        (release / "SHA256SUMS").write_bytes(sums)
        return release

    def deploy(
        self,
        *options: str,
        status: str = "",
        architecture: str = "",
        endpoint: str = "",
        refused: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs it. With a status there is a stack; what is refused has the code of the error."""
        parameters = [{"ParameterKey": "Architecture", "ParameterValue": architecture}] if architecture else []
        stack = {"StackStatus": status, "Parameters": parameters, "Tags": [], "Outputs": []} if status else None
        (self.bin / "world.json").write_text(json.dumps({"stack": stack, "refused": refused or {}}))
        (self.bin / "calls").write_text("")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_REGION": "eu-west-1"} | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
        return subprocess.run(
            [self.directory / "scripts" / "deploy", "source", *options],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def calls(self, of: str) -> list[str]:
        """The calls with this word."""
        return [line for line in (self.bin / "calls").read_text().splitlines() if of in line.split()]


@pytest.fixture
def here(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    ("options", "stack", "architecture"),
    [
        ((), {}, "x86_64"),
        (("--architecture", "arm64"), {}, "arm64"),
        ((), {"status": "CREATE_COMPLETE", "architecture": "x86_64"}, "x86_64"),
        ((), {"status": "CREATE_COMPLETE", "architecture": "arm64"}, "arm64"),
        (("--architecture", "x86_64"), {"status": "CREATE_COMPLETE", "architecture": "arm64"}, "x86_64"),
        # Of an earlier release, which had no such parameter.
        ((), {"status": "UPDATE_COMPLETE"}, "x86_64"),
    ],
)
def test_a_stack_keeps_its_processor_unless_another_is_named(
    here: Checkout, options: tuple[str, ...], stack: dict, architecture: str
) -> None:
    ended = here.deploy(*options, **stack)
    assert ended.returncode == 0, ended.stderr
    assert here.calls("build") == [f"build --architecture {architecture}"]
    [deployed] = here.calls("deploy")
    assert f"--parameter-overrides Architecture={architecture}" in deployed
    [template] = here.directory.glob("target/deploy/*.unpackaged.yaml") if architecture == "arm64" else [None]
    assert template is None or template.read_text() == "Code: ../lambda-arm64/copy.zip\n"


def test_a_processor_that_cannot_be_read_is_not_guessed(here: Checkout) -> None:
    ended = here.deploy(status="CREATE_COMPLETE", refused={"describe-stacks": "AccessDenied"})
    assert ended.returncode == 1 and "(AccessDenied)" in ended.stderr
    assert "to fix this: name it with --architecture" in ended.stderr
    assert here.calls("build") + here.calls("deploy") == []


def test_a_release_is_deployed_for_the_processor_of_the_stack(here: Checkout) -> None:
    release = here.release("arm64")
    arm64 = {"status": "CREATE_COMPLETE", "architecture": "arm64"}
    ended = here.deploy("--release", str(release), **arm64)
    assert ended.returncode == 0, ended.stderr
    [packaged] = here.calls("package")
    assert f"--template-file {release}/arm64/cloudformation/source-account.yaml" in packaged
    ended = here.deploy("--release", str(release), "--architecture", "x86_64", **arm64)
    assert ended.returncode == 1 and f"{release} has no functions for x86_64" in ended.stderr
    ended = here.deploy("--release", str(release))
    assert ended.returncode == 1 and f"{release} has no functions for x86_64" in ended.stderr
    (release / "arm64" / "cloudformation" / "source-account.yaml").write_text("another\n")
    ended = here.deploy("--release", str(release), **arm64)
    assert ended.returncode == 1 and "is not as it was made" in ended.stderr


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "CREATE_FAILED", "UPDATE_COMPLETE"])
def test_only_a_stack_that_holds_nothing_and_is_in_the_way_is_deleted(here: Checkout, status: str) -> None:
    """CloudFormation goes on from one that is only planned, and the checks refuse one that holds something."""
    assert here.deploy(status=status).returncode == 0
    assert bool(here.calls("delete-stack")) == (status == "ROLLBACK_COMPLETE")


PROTECTION = ("put-public-access-block", "put-bucket-versioning", "put-bucket-policy")


@pytest.mark.parametrize("is_there", [False, True])
def test_the_bucket_is_protected_also_if_it_is_there(here: Checkout, is_there: bool) -> None:
    missing = {"get-bucket-policy": "NoSuchBucketPolicy"} | ({} if is_there else {"head-bucket": "404"})
    ended = here.deploy(refused=missing)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(here.calls("create-bucket")) == (not is_there)
    assert [len(here.calls(one)) for one in PROTECTION] == [1, 1, 1]


def test_a_policy_of_the_bucket_is_not_replaced(here: Checkout) -> None:
    assert here.deploy().returncode == 0
    assert [len(here.calls(one)) for one in PROTECTION] == [1, 1, 0]
    assert here.deploy(endpoint="http://127.0.0.1:1").returncode == 0
    assert here.calls("get-bucket-policy") == [], "over plain HTTP it would lock everybody out"


@pytest.mark.parametrize(
    ("refused", "right"),
    [
        ("put-public-access-block", "s3:PutBucketPublicAccessBlock"),
        ("put-bucket-versioning", "s3:PutBucketVersioning"),
        ("get-bucket-policy", "s3:GetBucketPolicy"),
        ("put-bucket-policy", "s3:PutBucketPolicy"),
    ],
)
def test_who_may_not_protect_the_bucket_deploys_and_is_warned(here: Checkout, refused: str, right: str) -> None:
    ended = here.deploy(refused={"get-bucket-policy": "NoSuchBucketPolicy", refused: "AccessDenied"})
    assert ended.returncode == 0 and len(here.calls("deploy")) == 1
    assert "(AccessDenied)" in ended.stderr and f"deploy once with the right {right}" in ended.stderr
