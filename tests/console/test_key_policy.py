"""docs/key-policy.json, for a key of your own, says what the source stack says of the key that it makes."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from deployer import ROOT, Account
from world import A, B


def resolved(value: Any, values: dict[str, str], true: tuple[str, ...]) -> Any:
    """A value of the template with these parameters, and these conditions true."""
    match value:
        case {"Ref": name}:
            return values[name]
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([^}]+)}", lambda found: values[found[1]], text)
        case {"Fn::If": [condition, then, otherwise]}:
            return resolved(then if condition in true else otherwise, values, true)
        case dict():
            return {key: resolved(one, values, true) for key, one in value.items()}
        case list():
            return [resolved(one, values, true) for one in value]
    return value


def of_stack(region: str, *true: str) -> dict[str, Any]:
    """The policy of the key that a source stack in this Region makes, where these conditions are true."""
    key = Account("source").template["Resources"]["SnapshotKey"]
    values = {"AWS::Partition": "aws", "AWS::AccountId": A, "AWS::Region": region}
    return resolved(
        key["Properties"]["KeyPolicy"],
        values | {"DestinationAccountNumber": B, "DestinationRegion": "eu-west-1"},
        true,
    )


def of_document(document: str) -> dict[str, Any]:
    """The policy that the command in a document makes of the file, with the values of this test in place of its own."""
    found = re.findall(
        r"^ *(sed (?:[^\n]*\\\n)*[^\n]*docs/key-policy\.json) > ", (ROOT / document).read_text(), re.MULTILINE
    )
    [command] = found
    for written, value in (("111122223333", A), ("444455556666", B)):
        assert written in command
        command = command.replace(written, value)
    made = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return json.loads(made)


@pytest.mark.parametrize(
    ("document", "conditions"),
    [("docs/security.md", ["eu-west-1"]), ("docs/regions.md", ["us-east-1", "CrossesRegions", "SourceCopies"])],
)
def test_a_key_of_your_own_lets_in_whom_the_stacks_own_key_does(document: str, conditions: list[str]) -> None:
    """> The policy in docs for a key of your own allows what that of the stack's own key does, and nothing else."""
    assert of_document(document) == of_stack(*conditions)


def test_the_two_forms_differ() -> None:
    both = of_stack("us-east-1", "CrossesRegions", "SourceCopies")
    assert of_stack("us-east-1") != both != of_stack("us-east-1", "CrossesRegions")
