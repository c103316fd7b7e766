"""What the RDS emulator asks about an account: its network, and which roles a service may assume."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

pytestmark = pytest.mark.patch

ACCOUNT = "111111111111"


def ask(cloud: Any, region: str, *roles: dict) -> dict:
    question = json.dumps({"account": ACCOUNT, "region": region, "roles": list(roles)}).encode()
    with urllib.request.urlopen(f"{cloud.url}/_local-cloud/surroundings", question, timeout=10) as answer:
        return json.load(answer)


def test_the_network_is_that_of_ec2(cloud: Any) -> None:
    region = "eu-north-1"
    before = ask(cloud, region)
    default = before["defaultVpc"]
    assert {subnet["vpc"] for subnet in before["subnets"].values()} == {default}
    assert {subnet["zone"] for subnet in before["subnets"].values()} == {f"{region}{zone}" for zone in "abc"}
    ec2 = cloud.client("ec2", ACCOUNT, region_name=region)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="web", Description="d")["GroupId"]
    after = ask(cloud, region)
    assert after["securityGroups"][group] == {"vpc": vpc, "name": "web"}
    assert after["defaultVpc"] == default != vpc
    assert group not in ask(cloud, "eu-west-2")["securityGroups"]


def test_a_role_is_trusted_if_it_trusts_the_service(cloud: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "monitoring.rds.amazonaws.com"},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = cloud.client("iam", ACCOUNT).create_role(RoleName="watching", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    roles = [
        (arn, "monitoring.rds.amazonaws.com"),
        (arn, "rds.amazonaws.com"),
        (f"{arn}-not", "rds.amazonaws.com"),
        ("", "rds.amazonaws.com"),
    ]
    answer = ask(cloud, "us-east-1", *({"arn": role, "service": service} for role, service in roles))
    assert answer["trusted"] == [True, False, False, False]
