"""CloudFormation: the names of what has none in its template, and the permissions boundaries of roles.

AWS: the name of what has none ends in random characters, so that a stack which is deleted and made anew has other names, and
other ARNs, than before. An update keeps the name, unless it replaces the resource. A role gets the permissions boundary that
its template names, loses it when the template names none any more, and is not made where there is no such policy.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners, stacks


def apply() -> None:
    stacks._provision_keeping_seed = provision
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    # The properties that are wanted come after the names, or the earlier properties.
    handlers["create"] = _with_boundary(handlers["create"], 1)
    handlers["update"] = _with_boundary(handlers["update"], 2)


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
