"""The policies in docs for whoever deploys: enough for everything in the templates, and nothing in them is too much."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deployer import OF_PROPERTY, UNDOES, Account, Need, handlers, has, is_allowed, listed

ACCOUNTS = [Account("source"), Account("destination")]
#: The characters of a role's inline policies without blanks (IAM quotas), and of the name of a role or a function.
MOST_CHARACTERS, LONGEST_NAME = 10_240, 64
#: Long values for what an operator puts in.
VALUES = {
    "PARTITION": "aws-us-gov",
    "ACCOUNT": "1" * 12,
    "REGION": "ap-southeast-1",
    "SECRET_NAME": "a/rather/long/name/of/a/secret",
}
#: What CloudFormation puts behind a logical id, with the hyphen.
SUFFIX = 13

both = pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.role)


def denied(account: Account, policy: dict[str, Any]) -> list[Need]:
    return [need for need in account.needs() if not is_allowed(policy, need)]


@both
def test_the_policy_is_enough(account: Account) -> None:
    """> The policies in docs are enough to deploy, update and remove the stacks, as the registry's handlers say."""
    missing = {
        need.action: f"{need.action} on {need.resource} ({need.why})" for need in denied(account, account.policy)
    }
    assert not missing, "\n".join(missing[action] for action in sorted(missing))


def without_each(policy: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The policy without one action, or without one resource, of one statement."""
    for place, statement in enumerate(policy["Statement"]):
        for key in ("Action", "Resource"):
            for one in listed(statement[key]):
                fewer = copy.deepcopy(policy)
                rest = [value for value in listed(statement[key]) if value != one]
                fewer["Statement"][place][key] = rest
                yield f"{statement['Sid']}: {one}", fewer


@both
def test_nothing_in_the_policy_is_too_much(account: Account) -> None:
    """> Without any one action or resource of these policies something of that is refused."""
    needs = [need for need in account.needs() if is_allowed(account.policy, need)]
    unused = [what for what, fewer in without_each(account.policy) if all(is_allowed(fewer, need) for need in needs)]
    assert not unused, "\n".join(unused)


@both
def test_the_policy_fits_and_names_no_families(account: Account) -> None:
    text = json.dumps(account.policy, separators=(",", ":"))
    for placeholder, value in VALUES.items():
        text = text.replace(placeholder, value)
    assert len(text) <= MOST_CHARACTERS
    for statement in account.policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert listed(statement["Action"]) == sorted(listed(statement["Action"]))
        assert not [action for action in listed(statement["Action"]) if "*" in action]


@both
def test_names_are_not_cut_off(account: Account) -> None:
    """The policies go by the beginnings of names, and CloudFormation cuts off names that are too long."""
    for name, resource in account.template["Resources"].items():
        if resource["Type"] in {"AWS::IAM::Role", "AWS::Lambda::Function"}:
            assert len(f"{account.stack}-{name}") + SUFFIX <= LONGEST_NAME, name


def test_what_is_left_out_is_known_to_the_schemas() -> None:
    """Every row of the tables is about a type of the templates, one of its handlers' actions, and a property that it has."""
    kinds = {resource["Type"] for account in ACCOUNTS for resource in account.template["Resources"].values()}
    rows = [(kind, action, name) for kind, actions in OF_PROPERTY.items() for action, name in actions.items()]
    for kind, action, name in rows + [(*row, name) for row, name in UNDOES.items()]:
        called = {one for handler in handlers(kind).values() for one in handler["permissions"]}
        assert kind in kinds and action in called, (kind, action, name)
    for (kind, action), name in UNDOES.items():
        found = [resource for account in ACCOUNTS for resource in account.template["Resources"].values()]
        assert all(has(one["Properties"], name) for one in found if one["Type"] == kind), (kind, action)


def test_the_evaluator_refuses_what_a_condition_does_not_say() -> None:
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": "arn:aws:iam::1:role/*x-*",
                "Condition": {"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com"]}},
            }
        ]
    }
    for arn, service, is_right in (
        ("arn:aws:iam::1:role/a/x-1", "lambda.amazonaws.com", True),
        ("arn:aws:iam::1:role/x-1", "states.amazonaws.com", False),
        ("arn:aws:iam::1:role/y-1", "lambda.amazonaws.com", False),
    ):
        assert is_allowed(policy, Need("iam:PassRole", arn, "", (("iam:PassedToService", service),))) is is_right
