"""scripts/local-cloud: what it starts, where that listens, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts import Accounts
from local_cloud import LocalCloudError, command, launch, processes, supervisor

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def directory(name: str) -> Iterator[Path]:
    directory = ROOT / "target" / "tests" / name
    yield directory
    supervisor.stop(directory)
    shutil.rmtree(directory, ignore_errors=True)


def local_cloud(directory: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(ROOT / "scripts" / "local-cloud"), *arguments, "--directory", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def listening_addresses(pids: list[int]) -> set[str]:
    """The addresses, in the kernel's hexadecimal, at which the processes accept connections."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                found.add(fields[1].split(":")[0])
    return found


def test_commands_that_are_printed_act_on_the_same_directory(directory: Path) -> None:
    where = f"--directory {directory}"
    assert f"start it with scripts/local-cloud up {where}" in local_cloud(directory, "status").stdout
    assert f"start it with scripts/local-cloud up {where}" in local_cloud(directory, "env", "source").stderr
    up = local_cloud(directory, "up", "--no-rds").stdout
    for account in ("source", "destination"):
        assert f'eval "$(scripts/local-cloud env {account} {where})"' in up
    assert (
        f"`scripts/local-cloud down {where}`" in local_cloud(directory, "up", "--no-rds", "--wait-scale", "0.5").stderr
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option in ("--port", "--rds-port") for value in ("-1", "65536", "1.5", "http")]
    + [("--wait-scale", value) for value in ("-0.1", "nan", "inf", "fast")]
    + [("--owner", value) for value in ("0", "-1", "me")],
)
def test_a_number_that_makes_no_sense_is_wrong_usage(
    option: str, value: str, directory: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["up", f"{option}={value}", "--directory", str(directory)])
    assert ended.value.code == 2 and option in capsys.readouterr().err
    assert not directory.exists()


def test_up_is_idempotent_and_down_leaves_no_process(directory: Path) -> None:
    assert local_cloud(directory, "status").returncode == 3
    first = local_cloud(directory, "up", "--no-rds")
    assert first.returncode == 0, first.stderr
    again = local_cloud(directory, "up", "--no-rds")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert local_cloud(directory, "status").stdout == first.stdout

    cloud = supervisor.find(directory)
    assert cloud is not None
    # A warm function is a process too.
    Accounts(cloud).function("source", "warm", "def handler(event, context):\n    return 'warm'\n")
    cloud.client("lambda", "source").invoke(FunctionName="warm")
    pids = processes.marked(directory.resolve())
    assert len(pids) >= 2
    assert listening_addresses(pids) == {"0100007F"}

    kept = directory / "rds" / "left"
    kept.mkdir(parents=True)
    (kept / "data").write_bytes(bytes(3 * 2**20))
    assert (directory / "aws-config").exists()
    down = local_cloud(directory, "down")
    assert down.returncode == 0 and "removed its databases" in down.stdout, down
    assert "MiB" in down.stdout and str(directory) in down.stdout
    # Only what it said stays, and who asks is not sent to where nothing is.
    assert not kept.exists() and not (directory / "aws-config").exists() and (directory / "cloud.log").exists()
    assert processes.marked(directory.resolve()) == []
    assert [pid for pid in pids if processes.started_at(pid)] == []
    down = local_cloud(directory, "down")
    assert down.returncode == 0 and "no local cloud runs" in down.stdout


def test_nobody_takes_the_directory_of_a_cloud_that_somebody_uses(directory: Path) -> None:
    user = subprocess.Popen(["sleep", "600"])
    try:
        up = local_cloud(directory, "up", "--no-rds", "--owner", str(user.pid))
        assert up.returncode == 0, up.stderr
        cloud = supervisor.find(directory)
        for attempt in ("up", "down"):
            refused = local_cloud(directory, attempt, *(["--no-rds"] if attempt == "up" else []))
            assert refused.returncode == 1
            assert f"in use by process {user.pid} (sleep 600)" in refused.stderr
        with pytest.raises(LocalCloudError, match="is in use by process"):
            launch(directory, with_rds=False)
        assert cloud is not None and cloud.is_alive() and (directory / "aws-config").exists()
    finally:
        user.kill()
        user.wait()
    # What nobody uses any more is anybody's.
    with launch(directory, with_rds=False) as second:
        assert not cloud.is_alive() and second.is_alive()
        # The processes that its user starts may do what it may.
        assert local_cloud(directory, "down").returncode == 0
        assert not second.is_alive()


def test_a_symlink_to_the_checkout_is_the_checkout(directory: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(ROOT)
    tools = (ROOT / "target" / "tools" / "stamp").stat()
    command = [str(link / "scripts" / "local-cloud"), "status", "--directory", str(directory)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 3 and answer.stderr == ""
    after = (ROOT / "target" / "tools" / "stamp").stat()
    assert (tools.st_ino, tools.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_env_makes_plain_aws_work(directory: Path) -> None:
    local_cloud(directory, "up", "--no-rds", "--region", "eu-central-1")
    script = (
        f'eval "$({ROOT}/scripts/local-cloud env destination --directory {directory})" && aws sts get-caller-identity'
    )
    # Settings of another account that a user may have must not shine through.
    environment = {**os.environ, "AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "mine"}
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    assert json.loads(answer.stdout)["Account"] == "222222222222", answer.stderr

    # Version 1 of the AWS CLI has fixed endpoints for some services in some Regions.
    script = f'eval "$({ROOT}/scripts/local-cloud env source --directory {directory})" && aws sqs create-queue --queue-name q'
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    assert "111111111111/q" in answer.stdout, answer.stderr

    command = [str(supervisor.TOOLS / "bin" / "aws"), "--profile", "source", "sts", "get-caller-identity"]
    environment = {"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": str(directory / "aws-config")}
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert json.loads(answer.stdout)["Account"] == "111111111111", answer.stderr


def test_up_with_other_settings_asks_for_down(directory: Path) -> None:
    local_cloud(directory, "up", "--no-rds")
    other = local_cloud(directory, "up", "--no-rds", "--region", "eu-central-1")
    assert other.returncode == 1
    assert "--region" in other.stderr and "down" in other.stderr


def test_a_port_that_is_taken_is_told_with_the_log(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = local_cloud(directory, "up", "--no-rds", "--port", str(taken.getsockname()[1]))
    assert answer.returncode == 1
    assert str(directory / "cloud.log") in answer.stderr
    assert processes.marked(directory.resolve()) == []


def test_an_emulator_that_does_not_come_up_is_told_with_the_log(directory: Path) -> None:
    with pytest.raises(LocalCloudError, match="rds.log"):
        launch(directory, emulator=Path(shutil.which("false") or "/bin/false"))
    assert processes.marked(directory.resolve()) == []


def test_a_state_file_that_outlived_its_processes_ends_nobody(directory: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        directory.mkdir(parents=True)
        process = {"pid": bystander.pid, "startedAt": "1", "url": "http://127.0.0.1:1", "log": "x"}
        state: dict[str, Any] = {"region": "us-east-1", "waitScale": 1, "cloud": process, "rds": process}
        (directory / "state.json").write_text(json.dumps(state))
        assert supervisor.find(directory) is None
        supervisor.stop(directory)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_functions_see_this_cloud_and_nothing_of_the_person_who_started_it(directory: Path) -> None:
    code = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    with launch(directory, with_rds=False, region="eu-west-1") as cloud:
        Accounts(cloud).function("destination", "environment", code)
        answer = cloud.client("lambda", "destination").invoke(FunctionName="environment")
        environment = json.load(answer["Payload"])
    assert environment["AWS_ENDPOINT_URL"] == cloud.url
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["AWS_ENDPOINT_URL_RDS"].startswith("http://127.0.0.1:")
    assert "HOME" not in environment
