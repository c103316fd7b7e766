"""An `aws` command behaves alike in the server that tests use and by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud import Cloud

ROOT = Path(__file__).resolve().parents[3]
AWS = ROOT / "target" / "tools" / "bin" / "aws"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Deeper than the name of a socket may be long.
    directory = tmp_path_factory.mktemp("d" * 120)
    command = [sys.executable, "-m", "local_cloud.aws_server", str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "local-cloud")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout and process.stdout.readline() == "ready\n"
    yield directory
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "arguments",
    [
        ["sts", "get-caller-identity"],
        # Other variables than the server was started with, in another directory.
        ["configure", "list"],
        ["cloudformation", "validate-template", "--template-body", "file://template.json"],
        ["s3api", "head-bucket", "--bucket", "nobodys"],
        ["sts", "nonsense"],
        ["kms", "encrypt", "--key-id", "alias/nobodys", "--plaintext", "fileb:///dev/stdin"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_command_ends_as_it_does_alone(cloud: Cloud, server: Path, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "template.json").write_text('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
    environment = {"PATH": os.environ["PATH"], **cloud.environment("destination"), "AWS_DEFAULT_OUTPUT": "text"}

    def run(**more: str) -> tuple[int, str, str]:
        words = [str(AWS), *arguments]
        ended = subprocess.run(
            words, capture_output=True, text=True, input="plain", cwd=tmp_path, env={**environment, **more}
        )
        return ended.returncode, ended.stdout, ended.stderr

    assert run(LOCAL_CLOUD_AWS=str(server)) == run()


def test_a_command_ends_with_an_error_where_the_server_has_ended(tmp_path: Path) -> None:
    ended = subprocess.run([str(AWS), "--version"], env={**os.environ, "LOCAL_CLOUD_AWS": str(tmp_path)})
    assert ended.returncode != 0
