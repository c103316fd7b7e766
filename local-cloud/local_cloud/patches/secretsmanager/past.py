"""Reads that are some seconds old.

AWS: reads are eventually consistent. GetSecretValue right after a write may give the version that was current before
it. How old a read is, is ordered like a fault: {"effect": "stale", "service": "secretsmanager", "seconds": 20, ...}.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

READS = {"DescribeSecret", "GetSecretValue", "ListSecretVersionIds"}
MOST_STATES_KEPT = 200

# How old the answer of the request that is being served is to be, in seconds.
age: ContextVar[float] = ContextVar("age", default=0.0)
# By the ARN of a secret: the versions that it had, and until when, the oldest first.
_states: dict[str, deque[tuple[float, dict[str, Any]]]] = {}


@contextlib.contextmanager
def seen(secret: dict[str, Any] | None, action: str) -> Iterator[None]:
    """What happens inside reads the secret as it was, or changes it, which is remembered."""
    if secret is None:
        yield
        return
    now = secret["Versions"]
    if action in READS:
        secret["Versions"] = _versions_before(secret, age.get())
        try:
            yield
        finally:
            secret["Versions"] = now
        return
    before = copy.deepcopy(now)
    yield
    if secret["Versions"] != before:
        states = _states.setdefault(secret["ARN"], deque(maxlen=MOST_STATES_KEPT))
        states.append((time.monotonic(), before))


def _versions_before(secret: dict[str, Any], seconds: float) -> dict[str, Any]:
    if seconds > 0:
        moment = time.monotonic() - seconds
        for until, versions in _states.get(secret["ARN"], ()):
            if until > moment:
                return versions
    return secret["Versions"]
