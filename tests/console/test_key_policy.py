"""The policy in docs for a key of one's own: what the key that the source stack makes has."""

from __future__ import annotations

import json
from typing import Any

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from deployer import ROOT

#: What stands in the policy for the parameters of the template.
PLACEHOLDERS = {
    "AWS::Partition": "PARTITION",
    "AWS::AccountId": "ACCOUNT",
    "AWS::Region": "REGION",
    "DestinationRegion": "DESTINATION_REGION",
    "DestinationAccountNumber": "DESTINATION_ACCOUNT",
}


def filled(value: Any) -> Any:
    """A part of the template with the placeholders; of alternatives the one for two Regions."""
    match value:
        case {"Fn::Sub": text}:
            for name, placeholder in PLACEHOLDERS.items():
                text = text.replace(f"${{{name}}}", placeholder)
            return text
        case {"Ref": name}:
            return PLACEHOLDERS[name]
        case {"Fn::If": [_, chosen, _]}:
            return filled(chosen)
        case dict():
            return {key: filled(one) for key, one in value.items()}
        case list():
            return [filled(one) for one in value]
    return value


def test_a_key_of_your_own_has_the_policy_of_the_key_that_the_stack_makes() -> None:
    """> `docs/key-policy.json` is the policy of the key that the source stack makes, for a key of your own."""
    template = yaml_parse((ROOT / "cloudformation/source-account.yaml").read_text())
    policy = filled(template["Resources"]["SnapshotKey"]["Properties"]["KeyPolicy"])
    assert json.loads((ROOT / "docs/key-policy.json").read_text()) == policy
