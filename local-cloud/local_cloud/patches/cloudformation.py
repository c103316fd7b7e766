"""CloudFormation: the names of what has none in its template, the permissions boundaries of roles, and split conditions.

AWS: the name of what has none ends in random characters, so that a stack which is deleted and made anew has other names, and
other ARNs, than before. An update keeps the name, unless it replaces the resource. A role gets the permissions boundary that
its template names, loses it when the template names none any more, and is not made where there is no such policy. A condition
may select a part of a parameter that is split.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks


def apply() -> None:
    stacks._provision_keeping_seed = provision
    of_roles = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    # The properties that are wanted come after the names, or the earlier properties.
    of_roles["create"] = _with_boundary(of_roles["create"], 1)
    of_roles["update"] = _with_boundary(of_roles["update"], 2)
    evaluate = _with_split(engine._evaluate_conditions)
    for module in (engine, changesets, handlers, stacks):
        module._evaluate_conditions = evaluate


def provision(*arguments: Any) -> tuple[Any, ...]:
    """Makes a resource; what makes its name another one is kept with it, as ministack does after a replacement."""
    seed = secrets.token_hex(4)
    token = provisioners._NAME_SEED.set(seed)
    try:
        return stacks._provision_resource(*arguments), provisioners._NAME_SEED.get()
    finally:
        provisioners._NAME_SEED.reset(token)


def _with_boundary(make: Callable[..., Any], wanted: int) -> Callable[..., Any]:
    def make_with_boundary(*arguments: Any) -> Any:
        boundary = arguments[wanted].get("PermissionsBoundary")
        refused = iam._boundary_policy_error(boundary) if boundary else None
        if refused:
            found = re.search(r"<Message>(.*?)</Message>", refused[2].decode())
            raise ValueError(found[1] if found else "the permissions boundary is not valid")
        answer = make(*arguments)
        iam._roles[answer[0]]["PermissionsBoundary"] = boundary
        return answer

    return make_with_boundary


def _with_split(evaluate: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def evaluate_with_split(template: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        conditions = split(template.get("Conditions", {}), params)
        return evaluate({**template, "Conditions": conditions}, params)

    return evaluate_with_split


def split(value: Any, params: dict[str, Any]) -> Any:
    """A value of a condition, with every Fn::Split of a parameter or a text done."""
    if isinstance(value, list):
        return [split(item, params) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Split" in value:
        delimiter, text = value["Fn::Split"]
        whole = params[text["Ref"]]["Value"] if isinstance(text, dict) else text
        return str(whole).split(delimiter)
    return {name: split(item, params) for name, item in value.items()}
