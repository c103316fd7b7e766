"""JSONPath and the comparisons of Choice states.

AWS: a path that finds nothing ends the execution with States.Runtime, which no Retry and no Catch handles; only
IsPresent may ask for what is not there. Every comparison has a form with Path, and values of the wrong type do not
match.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    sfn._resolve_path = resolve
    sfn._resolve_path_or_ctx = resolve_with_context
    sfn._resolve_ctx_path = resolve_in_context
    sfn._resolve_params_obj = fill
    sfn._evaluate_rule = matches


def resolve(path: str | None, data: Any) -> Any:
    """What the path finds in the data. A path with a wildcard finds a list, which may be empty."""
    if not path or path == "$" or not path.startswith("$"):
        return data
    steps = sfn._parse_jsonpath_tokens(path)
    if steps is None:
        raise sfn._ExecutionError("States.Runtime", f"The path '{path}' is not one that this interpreter understands.")
    found = [data]
    for kind, value in steps:
        found = [item for current in found for item in _step(kind, value, current)]
    if any(kind == "wildcard" for kind, _ in steps):
        return found
    if not found:
        raise sfn._ExecutionError("States.Runtime", f"Invalid path '{path}': it could not be found in the input.")
    return found[0]


def _step(kind: str, value: Any, current: Any) -> list[Any]:
    if kind == "field":
        return [current[value]] if isinstance(current, dict) and value in current else []
    if kind == "index":
        return [current[value]] if isinstance(current, list) and value < len(current) else []
    return list(current.values()) if isinstance(current, dict) else list(current) if isinstance(current, list) else []


def resolve_with_context(path: str, data: Any, context: dict[str, Any] | None) -> Any:
    """What the path finds, in the context object if it begins with $$."""
    return resolve(path[1:], context or {}) if path.startswith("$$") else resolve(path, data)


def resolve_in_context(path: str, context: dict[str, Any]) -> Any:
    return resolve(path[1:], context)


def fill(template: Any, data: Any, context: dict[str, Any] | None = None) -> Any:
    """Parameters, ResultSelector, ItemSelector: names that end in .$ get what their path or intrinsic function gives."""
    if isinstance(template, list):
        return [fill(item, data, context) for item in template]
    if not isinstance(template, dict):
        return template
    filled = {}
    for name, value in template.items():
        if not name.endswith(".$"):
            filled[name] = fill(value, data, context)
        elif value.startswith("States."):
            filled[name[:-2]] = sfn._evaluate_intrinsic(value, data, context)
        else:
            try:
                filled[name[:-2]] = resolve_with_context(value, data, context)
            except sfn._ExecutionError as error:
                raise sfn._ExecutionError(error.error, not_found(value, name, data)) from error
    return filled


def not_found(path: str, field: str, data: Any) -> str:
    """AWS's sentence for a path that finds nothing."""
    return (
        f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{json.dumps(data)}'"
    )


def matches(rule: dict[str, Any], data: Any, context: dict[str, Any] | None = None) -> bool:
    """Whether a rule of a Choice state matches."""
    if "And" in rule:
        return all(matches(part, data, context) for part in rule["And"])
    if "Or" in rule:
        return any(matches(part, data, context) for part in rule["Or"])
    if "Not" in rule:
        return not matches(rule["Not"], data, context)
    if "IsPresent" in rule:
        return _is_present(rule["Variable"], data, context) == rule["IsPresent"]
    value = resolve_with_context(rule["Variable"], data, context)
    name = next(name for name in rule if name in TYPE_TESTS or name.removesuffix("Path") in COMPARISONS)
    if name in TYPE_TESTS:
        return TYPE_TESTS[name](value) == rule[name]
    wanted = resolve_with_context(rule[name], data, context) if name.endswith("Path") else rule[name]
    convert, compare = COMPARISONS[name.removesuffix("Path")]
    left, right = convert(value), convert(wanted)
    return left is not None and right is not None and compare(left, right)


def _is_present(path: str, data: Any, context: dict[str, Any] | None) -> bool:
    try:
        resolve_with_context(path, data, context)
    except sfn._ExecutionError:
        return False
    return True


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: Any) -> datetime | None:
    # RFC 3339 with a time zone: without one, two times cannot be compared.
    if not isinstance(value, str) or not re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value
    ):
        return None
    try:
        return datetime.fromisoformat(
            re.sub(r"\.(\d{1,6})\d*", lambda part: "." + part[1].ljust(6, "0"), value.replace("Z", "+00:00"))
        )
    except ValueError:
        return None


def _like(value: str, pattern: str) -> bool:
    r"""StringMatches: * stands for anything, and \* for itself."""
    parts = re.split(r"(\\.|\*)", pattern)
    expression = "".join(
        ".*" if part == "*" else re.escape(part[1:] if part.startswith("\\") else part) for part in parts
    )
    return re.fullmatch(expression, value, re.DOTALL) is not None


TYPE_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not None,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _time(value) is not None,
}
_ORDERS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_KINDS = {"String": _string, "Numeric": _number, "Timestamp": _time}
COMPARISONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    **{f"{kind}{order}": (convert, compare) for kind, convert in _KINDS.items() for order, compare in _ORDERS.items()},
    "BooleanEquals": (_boolean, operator.eq),
    "StringMatches": (_string, _like),
}
