"""Patterns of parameters, with those of our own templates: what they let through is what the services take."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

TEMPLATES = Path(__file__).resolve().parents[2] / "cloudformation"


def pattern(account: str, parameter: str) -> str:
    """The pattern of one of our parameters."""
    text = (TEMPLATES / f"{account}-account.yaml").read_text()
    parameters = text[text.index("\nParameters:") : text.index("\nConditions:")]
    found = re.search(rf"\n  {parameter}:\n(?:    .*\n)*?    AllowedPattern: '(.*)'\n", parameters)
    assert found, parameter
    return found[1]


def is_taken(cloud: Any, name: str, pattern: str, value: str) -> bool:
    stacks = cloud.client("cloudformation", "source")
    template = {
        "Parameters": {"Given": {"Type": "String", "AllowedPattern": pattern}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Given"}}}},
    }
    given = [{"ParameterKey": "Given", "ParameterValue": value}]
    try:
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationError", error
        return False
    stacks.delete_stack(StackName=name)
    return True


@pytest.mark.patch
def test_a_pattern_may_name_classes_of_characters(cloud: Any, name: str) -> None:
    tags = pattern("destination", "ExtraTags")
    for number, (value, taken) in enumerate([
        ("", True),
        ("team=data", True),
        ("Stufe=Prüfung 2,a:b/c+d@e_f.g-h==x", True),
        ("部門=データ", True),
        ("team=da?ta", False),
        ("price=3€", False),
        ("te(am=data", False),
        ("aws:team=data", False),
        ("a=b,rds:team=data", False),
        ("a" * 129 + "=b", False),
        ("a=" + "b" * 257, False),
        ("a=b,", False),
    ]):
        assert is_taken(cloud, f"{name}-{number}", tags, value) == taken, value


def test_what_rds_refuses_or_stores_in_lower_case_is_refused_at_deploy(cloud: Any, name: str) -> None:
    for number, (parameter, value, taken) in enumerate([
        ("PreferredBackupWindow", "02:00-02:30", True),
        ("PreferredBackupWindow", "23:45-00:15", True),
        ("PreferredBackupWindow", "24:00-24:30", False),
        ("PreferredMaintenanceWindow", "sun:04:00-sun:04:30", True),
        ("PreferredMaintenanceWindow", "sun:24:00-sun:24:30", False),
        ("PreferredMaintenanceWindow", "sun:29:00-mon:01:00", False),
        ("DBParameterGroupName", "default.postgres16", True),
        ("DBParameterGroupName", "Orders", False),
        ("OptionGroupName", "orders-1", True),
        ("OptionGroupName", "orDers", False),
    ]):
        assert is_taken(cloud, f"{name}-{number}", pattern("destination", parameter), value) == taken, (parameter, value)
