"""The names of one of several databases of a destination stack."""

from __future__ import annotations

import pytest

from console.failure import Failure
from console.several import includes, of_database

OUTPUTS = {"SecretArn": "arn:*", "SecretName": "read/*", "RollbackStateMachineArn": "machine"}
PARAMETERS = {"SourceDBIdentifier": "orders-*", "DatabaseName": "copy", "SecretName": "read"}


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "anything", True),
        ("orders-*", "ORDERS-1", True),
        ("orders-*", "orders", False),
        ("*-prod", "shop-prod-2", False),
        ("a*a", "a", False),
        ("orders", "orders-1", False),
        ("Orders", "orders", True),
    ],
)
def test_a_pattern_stands_for_what_it_says(pattern: str, name: str, expected: bool) -> None:
    assert includes(pattern, name) is expected


def test_one_of_several_has_names_and_a_secret_of_its_own() -> None:
    outputs, parameters = of_database(OUTPUTS, PARAMETERS, "stack", "Orders-2")
    assert (outputs["SecretArn"], outputs["SecretName"]) == ("read/orders-2", "read/orders-2")
    assert (parameters["DatabaseName"], parameters["SourceDBIdentifier"]) == ("copy-orders-2", "orders-2")
    assert outputs["RollbackStateMachineArn"] == "machine"


@pytest.mark.parametrize("database", [None, "shop"])
def test_which_of_several_is_asked_for_by_name(database: str | None) -> None:
    with pytest.raises(Failure, match="--source-db"):
        of_database(OUTPUTS, PARAMETERS, "stack", database)


def test_a_stack_for_one_database_stays_as_it_is() -> None:
    one = {**PARAMETERS, "SourceDBIdentifier": "orders"}
    assert of_database(OUTPUTS, one, "stack", None) == (OUTPUTS, one)
