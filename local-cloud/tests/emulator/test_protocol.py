"""The query protocol as its clients speak it: the service model, the aws CLI, pages, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from accounts import A, Account, Server, refused
from local_cloud import Cloud

RESTORE = "Action=RestoreDBInstanceFromDBSnapshot&Version=2014-10-31&DBInstanceIdentifier=x&DBSnapshotIdentifier=y"
TOOLS = Path(__file__).resolve().parents[3] / "target" / "tools" / "bin"


def test_pages_hold_what_was_asked_for_and_lead_to_the_next(a: Account) -> None:
    rds = a.client("rds", region_name="ap-south-1")
    expected = [f"group-{number:02}" for number in range(45)]
    for name in expected:
        rds.create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription="d", SubnetIds=["subnet-1", "subnet-2"]
        )
    pages = list(rds.get_paginator("describe_db_subnet_groups").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(page["DBSubnetGroups"]) for page in pages] == [20, 20, 5]
    assert [group["DBSubnetGroupName"] for page in pages for group in page["DBSubnetGroups"]] == expected
    assert "Marker" not in pages[-1]
    with refused("InvalidParameterValue", "MaxRecords"):
        rds.describe_db_subnet_groups(MaxRecords=5)
    with refused("InvalidParameterValue", "marker"):
        rds.describe_db_subnet_groups(Marker="page two")


@pytest.mark.parametrize(
    "operation", ["describe_events", "describe_pending_maintenance_actions", "describe_db_clusters"]
)
def test_operations_that_are_not_there_are_refused(a: Account, operation: str) -> None:
    with refused("InvalidAction"):
        getattr(a.rds, operation)()


def send(cloud: Cloud, account: Account, body: str, service: str = "rds") -> tuple[int, str]:
    """A signed request with a body that no SDK would send."""
    credentials = account.rds._get_credentials()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", f"{cloud.rds_url}/", data=body, headers=headers)
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("Action=DescribeDBInstances&Version=2014-10-31&Colour=red", "InvalidParameterCombination"),
        ("Action=DescribeDBInstances&Version=2010-01-01", "InvalidAction"),
        ("Version=2014-10-31", "InvalidAction"),
        ("Action=DeleteDBSnapshot&Version=2014-10-31", "MissingParameter"),
        ("Action=DescribeDBSnapshots&Version=2014-10-31&IncludeShared=perhaps", "InvalidParameterValue"),
        ("Action=DescribeDBSnapshots&Version=2014-10-31&SnapshotType=%3Cb%3E", "InvalidParameterValue"),
        # The model has these for ModifyDBInstance, not for a restore.
        (f"{RESTORE}&MaxAllocatedStorage=100", "InvalidParameterCombination"),
        (f"{RESTORE}&PreferredMaintenanceWindow=sun:04:00-sun:05:00", "InvalidParameterCombination"),
    ],
)
def test_requests_that_no_sdk_would_send_are_refused(cloud: Cloud, a: Account, body: str, code: str) -> None:
    status, answer = send(cloud, a, body)
    assert status == 400
    assert f"<Code>{code}</Code>" in answer
    assert "<b>" not in answer


def test_a_signature_for_another_service_is_refused(cloud: Cloud, a: Account) -> None:
    body = "Action=DescribeDBInstances&Version=2014-10-31"
    assert send(cloud, a, body)[0] == 200
    status, answer = send(cloud, a, body, service="sns")
    assert status == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer and "correct service" in answer


def test_the_command_line_does_the_whole_round(
    cloud: Cloud, a: Account, b: Account, servers: dict[str, Server], key_of_b: str
) -> None:
    def aws(account: Account, *arguments: str) -> dict:
        environment = {**os.environ, **cloud.environment(account.number)}
        command = [str(TOOLS / "aws"), "rds", *arguments, "--output", "json"]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout or "{}")

    create = [
        "--db-instance-identifier",
        "orders",
        "--db-snapshot-identifier",
        "by-hand",
        "--tags",
        "Key=by,Value=hand",
    ]
    source = aws(a, "create-db-snapshot", *create)["DBSnapshot"]["DBSnapshotArn"]
    a.until_snapshot("by-hand")
    aws(a, "wait", "db-snapshot-available", "--db-snapshot-identifier", "by-hand")
    share = ["--db-snapshot-identifier", "by-hand", "--attribute-name", "restore", "--values-to-add", b.number]
    aws(a, "modify-db-snapshot-attribute", *share)
    seen = aws(b, "describe-db-snapshots", "--include-shared", "--db-snapshot-identifier", source)["DBSnapshots"]
    assert seen[0]["SnapshotType"] == "shared"
    copy = [
        "--source-db-snapshot-identifier",
        source,
        "--target-db-snapshot-identifier",
        "mine",
        "--kms-key-id",
        key_of_b,
    ]
    aws(b, "copy-db-snapshot", *copy)
    b.until_snapshot("mine")
    aws(
        b,
        "restore-db-instance-from-db-snapshot",
        "--db-instance-identifier",
        "mine",
        "--db-snapshot-identifier",
        "mine",
        "--no-multi-az",
    )
    with b.server("mine").connect() as database:
        assert database.run("SELECT 1") == [[1]]
    aws(b, "delete-db-instance", "--db-instance-identifier", "mine", "--skip-final-snapshot")
    b.forget("mine")
    a.until_instance("orders", "available")
    a.forget("by-hand")
    b.until_gone("mine")


def test_what_it_listens_on_is_this_machine_only(cloud: Cloud, tmp_path: Path) -> None:
    for listen, complaint in (("0.0.0.0:0", "loopback"), ("nonsense", "invalid")):
        command = emulator_command(cloud, tmp_path, listen)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert ended.returncode != 0
        assert complaint in ended.stderr


def test_it_leaves_nothing_behind(cloud: Cloud, tmp_path: Path) -> None:
    """A second emulator, once killed while a database of its own runs, and once ended."""
    data, config = tmp_path / "data", tmp_path / "config.json"
    config.write_text(json.dumps({"timing": {"createInstanceSeconds": 0}, "quotas": {"instances": 1}}))

    def start() -> tuple[subprocess.Popen, Account]:
        command = [*emulator_command(cloud, data, "127.0.0.1:0"), "--config", str(config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = process.stdout.readline().split()[-1]
        return process, Account(Cloud(tmp_path, {**cloud.state, "rds": {"url": url}}), A)

    def server_process(account: Account) -> int:
        account.create("mine")
        resource = account.server("mine").instance["DbiResourceId"]
        return int((data / "instances" / resource / "data" / "postmaster.pid").read_text().splitlines()[0])

    started: list[subprocess.Popen] = []
    try:
        first, account = start()
        started.append(first)
        killed = server_process(account)
        first.kill()
        first.wait(timeout=20)
        second, account = start()
        started.append(second)
        assert not is_running(killed)
        assert account.instance_names() == []
        ended = server_process(account)
        with refused("InstanceQuotaExceeded"):
            account.create("beyond-the-quota-of-the-file")
        second.terminate()
        assert second.wait(timeout=20) == 0
        assert not is_running(ended)
        assert list(data.iterdir()) == []
    finally:
        for process in started:
            process.kill()


def emulator_command(cloud: Cloud, data: Path, listen: str) -> list[str]:
    """How to start another emulator beside that of the cloud."""
    binary = os.readlink(f"/proc/{cloud.state['rds']['pid']}/exe")
    postgres = (TOOLS.parent / "postgres-bin").read_text().strip()
    return [binary, "--listen", listen, "--data-dir", str(data), "--cloud-url", cloud.url, "--postgres-bin", postgres]


def is_running(process: int) -> bool:
    """Whether a process does anything yet; one that only waits for its parent's notice does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
