"""How late AWS is, as tests order it.

    GET  /_local-cloud/timing    {"rolePropagationSeconds": 0.0}
    PUT  /_local-cloud/timing    changes what it names, and answers everything

rolePropagationSeconds: for so long after a role was made it has no rights at all. IAM is eventually consistent, and the
first calls of a new function may be refused.
"""

from __future__ import annotations

from typing import Any

_seconds: dict[str, float] = {"rolePropagationSeconds": 0.0}


def seconds(name: str) -> float:
    return _seconds[name]


def current() -> dict[str, float]:
    return dict(_seconds)


def change(wanted: Any) -> dict[str, float]:
    """Takes an order. Raises ValueError, with the reason, for one that is written down wrongly."""
    if not isinstance(wanted, dict) or wanted.keys() - _seconds.keys():
        raise ValueError(f"what can be timed is {sorted(_seconds)}")
    for name, value in wanted.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is a number of seconds")
    _seconds.update({name: float(value) for name, value in wanted.items()})
    return current()
