"""CloudFormation: the names of what has none in its template.

AWS: such a name ends in random characters, so that a stack which is deleted and made anew has other names, and other
ARNs, than before. An update keeps the name, unless it replaces the resource.
"""

from __future__ import annotations

import secrets
from typing import Any

from ministack.services.cloudformation import provisioners, stacks


def apply() -> None:
    stacks._provision_keeping_seed = provision


def provision(*arguments: Any) -> tuple[Any, ...]:
    """Makes a resource; what makes its name another one is kept with it, as ministack does after a replacement."""
    seed = secrets.token_hex(4)
    token = provisioners._NAME_SEED.set(seed)
    try:
        return stacks._provision_resource(*arguments), provisioners._NAME_SEED.get()
    finally:
        provisioners._NAME_SEED.reset(token)
