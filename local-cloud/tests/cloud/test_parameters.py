"""Patterns of parameters, with those of our own templates: what they let through is what the services take."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import regex
from botocore.exceptions import ClientError

TEMPLATES = Path(__file__).resolve().parents[3] / "cloudformation"


def pattern(account: str, parameter: str) -> str:
    """The pattern of one of our parameters."""
    text = (TEMPLATES / f"{account}-account.yaml").read_text()
    parameters = text[text.index("\nParameters:") : text.index("\nConditions:")]
    found = re.search(rf"\n  {parameter}:\n(?:    .*\n)*?    AllowedPattern: '(.*)'\n", parameters)
    assert found, parameter
    return found[1]


def parameters(account: str) -> dict[str, str]:
    """The text of every one of our parameters."""
    text = (TEMPLATES / f"{account}-account.yaml").read_text()
    section = text[text.index("\nParameters:") : text.index("\nConditions:")]
    return {found[1]: found[2] for found in re.finditer(r"\n  (\w+):((?:\n(?!  \w).*)*)", section)}


@pytest.mark.parametrize("account", ["source", "destination"])
def test_a_whole_number_of_the_range_and_nothing_else_is_taken(account: str) -> None:
    ranges = 0
    for parameter, text in parameters(account).items():
        explained = re.search(
            r"ConstraintDescription: must be (empty or )?a (?:whole number|port)\b.*? from (\d+)(?: \(\w+\))? to (\d+)\b",
            text,
        )
        if not explained:
            continue
        ranges += 1
        allowed, first, last = regex.compile(pattern(account, parameter)), int(explained[2]), int(explained[3])
        wrong = [n for n in range(2 * last + 2) if bool(allowed.fullmatch(str(n))) != (first <= n <= last)]
        assert not wrong, (parameter, wrong[:3])
        assert bool(allowed.fullmatch("")) == bool(explained[1]), parameter
        for other in (
            f"{last - 1}.5",
            f"{last}.0",
            f"0{last}",
            f"-{last}",
            f"+{last}",
            f" {last}",
            f"{last} ",
            f"{last}\n",
            "1e1",
            "nan",
            "inf",
        ):
            assert not allowed.fullmatch(other), (parameter, other)
    assert ranges >= 5


@pytest.mark.parametrize("account", ["source", "destination"])
def test_no_parameter_is_of_the_type_that_takes_decimals(account: str) -> None:
    assert not [name for name, text in parameters(account).items() if "Type: Number" in text]


def test_a_number_that_is_not_whole_or_has_another_form_is_refused_at_deploy(cloud: Any, name: str) -> None:
    for number, (account, parameter, value, taken) in enumerate(
        [
            ("destination", "NoOfOlderInstances", "2", True),
            ("destination", "NoOfOlderInstances", "2.5", False),
            ("destination", "NoOfOlderInstances", "02", False),
            ("destination", "CopyDeadlineSeconds", "172800", True),
            ("destination", "CopyDeadlineSeconds", "172801", False),
            ("source", "SnapshotsToKeep", "-2", False),
            ("destination", "Port", "70000", False),
            ("destination", "Iops", "03000", False),
            ("destination", "Iops", "3000", True),
            ("destination", "MaxAllocatedStorage", "0", False),
            ("destination", "StorageThroughput", "12.5", False),
        ]
    ):
        assert is_taken(cloud, f"{name}-{number}", pattern(account, parameter), value) == taken, (parameter, value)


def test_a_parameter_of_type_number_takes_decimals_as_on_aws(cloud: Any, name: str) -> None:
    stacks = cloud.client("cloudformation", "source")
    template = {
        "Parameters": {"Given": {"Type": "Number", "MinValue": 0, "MaxValue": 30}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Given"}}}},
    }
    for number, (value, taken) in enumerate([("2.5", True), ("many", False), ("30.5", False)]):
        given = [{"ParameterKey": "Given", "ParameterValue": value}]
        try:
            stacks.create_stack(StackName=f"{name}-{number}", TemplateBody=json.dumps(template), Parameters=given)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationError" and not taken, (value, error)
        else:
            assert taken, value
            stacks.delete_stack(StackName=f"{name}-{number}")


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
    for number, (value, taken) in enumerate(
        [
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
        ]
    ):
        assert is_taken(cloud, f"{name}-{number}", tags, value) == taken, value


def test_what_rds_refuses_or_stores_in_lower_case_is_refused_at_deploy(cloud: Any, name: str) -> None:
    for number, (parameter, value, taken) in enumerate(
        [
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
        ]
    ):
        assert is_taken(cloud, f"{name}-{number}", pattern("destination", parameter), value) == taken, (
            parameter,
            value,
        )


def test_a_source_stack_that_would_share_with_its_own_account_is_refused_at_deploy(cloud: Any, name: str) -> None:
    stacks = cloud.client("cloudformation", "source")
    own = cloud.client("sts", "source").get_caller_identity()["Account"]
    given = [{"ParameterKey": "DestinationAccountNumber", "ParameterValue": own}]
    template = (TEMPLATES / "source-account.yaml").read_text()
    with pytest.raises(ClientError, match="must be another account than the one that this stack is in"):
        stacks.create_stack(StackName=name, TemplateBody=template, Parameters=given, Capabilities=["CAPABILITY_IAM"])
