"""Objects that a machine writes to a bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts import allow
from machines import Machines

pytestmark = pytest.mark.patch
PUT = "arn:aws:states:::aws-sdk:s3:putObject"


def put(bucket: str, key: str) -> dict[str, Any]:
    parameters = {"Bucket": bucket, "Key": key, "Body.$": "$.report", "ContentType": "application/json"}
    return {"Put": {"Type": "Task", "Resource": PUT, "Parameters": parameters, "End": True}}


def test_a_machine_writes_json_where_its_role_may(cloud: Any, machines: Machines, name: str) -> None:
    objects = cloud.client("s3", "source")
    objects.create_bucket(Bucket=name)
    role = machines.role(allow("s3:PutObject", f"arn:aws:s3:::{name}/reports/*"))
    report = {"report": {"sent": 9, "failed": ["a"]}}
    machine = machines.create(put(name, "reports/one run.json"), role=role)
    end = machines.end(machines.start(machine, report))
    assert end["status"] == "SUCCEEDED", end.get("cause")
    assert json.loads(end["output"])["ETag"]
    written = objects.get_object(Bucket=name, Key="reports/one run.json")
    assert json.loads(written["Body"].read()) == report["report"]
    assert written["ContentType"] == "application/json"

    refused = machines.end(machines.start(machines.create(put(name, "other.json"), role=role), report))
    assert refused["error"] == "S3.S3Exception"
    assert "s3:PutObject" in refused["cause"]
    nowhere = machines.role(allow("s3:PutObject"))
    missing = machines.end(machines.start(machines.create(put(f"{name}-none", "a"), role=nowhere), report))
    assert missing["error"] == "S3.NoSuchBucketException"
