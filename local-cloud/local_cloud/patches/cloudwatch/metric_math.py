"""Alarms on metric math.

AWS: an alarm may have a list of Metrics instead of a metric of its own: statistics of metrics (MetricStat) and
expressions on them, of which exactly one returns data (ReturnData, which is true where it is left out). FILL(m1, 0)
puts a value where a period of m1 has none, and so has data for every period.

Of expressions this knows FILL with a number or REPEAT, numbers, the four operations, and SUM, MIN, MAX of several; an
alarm with any other is refused, which AWS would not do.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

Series = list[float | None]
ALONE = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
OPERATIONS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
OF_SEVERAL: dict[str, Callable[[list[float]], float]] = {"SUM": sum, "MIN": min, "MAX": max}


class Invalid(ValueError):
    """Why a list of metrics is refused, in CloudWatch's words where they are known."""


def check(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The list of metrics of an alarm, complete, or why it is refused."""
    metrics = [{**query, "ReturnData": _is_true(query.get("ReturnData", True))} for query in settings["Metrics"]]
    if any(settings.get(name) for name in ALONE):
        raise Invalid(f"Metrics cannot be used with {', '.join(ALONE)}.")
    if sum(query["ReturnData"] for query in metrics) != 1:
        raise Invalid("Exactly one element of the metrics list should return data.")
    ids = [query.get("Id") for query in metrics]
    if len(set(ids)) < len(ids) or not all(ids):
        raise Invalid("The ids of the metrics list must be unique.")
    for query in metrics:
        if ("MetricStat" in query) == ("Expression" in query):
            raise Invalid(f"Element {query['Id']} needs either MetricStat or Expression.")
    # With no data at all every expression can be tried.
    values(metrics, lambda _: [None])
    return metrics


def _is_true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def period(metrics: list[dict[str, Any]]) -> int:
    """The seconds of a period: those of the longest."""
    return max([int(query["MetricStat"]["Period"]) for query in metrics if "MetricStat" in query], default=60)


def values(metrics: list[dict[str, Any]], statistic: Callable[[dict[str, Any]], Series]) -> Series:
    """What the element that returns data has for each period, the newest first."""
    by_id = {query["Id"]: query for query in metrics}
    (returned,) = (query["Id"] for query in metrics if query["ReturnData"])
    length = 1

    def series(name: str, pending: frozenset[str]) -> Series:
        nonlocal length
        query = by_id.get(name)
        if query is None or name in pending:
            raise Invalid(f"Error in expression: {name} is not the id of a metric.")
        if "MetricStat" in query:
            found = statistic(query["MetricStat"])
            length = len(found)
            return found
        try:
            tree = ast.parse(query["Expression"].strip(), mode="eval").body
        except SyntaxError as error:
            raise Invalid(f"Error in expression '{name}': {error.msg}") from error
        result = _evaluate(tree, lambda other: series(other, pending | {name}))
        return result if isinstance(result, list) else [result] * length

    return series(returned, frozenset())


def _evaluate(tree: ast.expr, series: Callable[[str], Series]) -> Series | float:
    if isinstance(tree, ast.Name):
        return series(tree.id)
    if isinstance(tree, ast.Constant) and isinstance(tree.value, (int, float)):
        return float(tree.value)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return _combine(operator.sub, 0.0, _evaluate(tree.operand, series))
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATIONS:
        return _combine(OPERATIONS[type(tree.op)], _evaluate(tree.left, series), _evaluate(tree.right, series))
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        name, arguments = tree.func.id, tree.args
        if name == "FILL" and len(arguments) == 2:
            return _fill(_evaluate(arguments[0], series), arguments[1], series)
        if name in OF_SEVERAL and len(arguments) == 1 and isinstance(arguments[0], ast.List):
            return _of_several(name, [_evaluate(part, series) for part in arguments[0].elts])
    raise Invalid(f"the local cloud does not know the expression {ast.unparse(tree)}")


def _combine(operation: Callable[..., Any], left: Series | float, right: Series | float) -> Series | float:
    if not isinstance(left, list) and not isinstance(right, list):
        return operation(left, right)
    length = len(left) if isinstance(left, list) else len(right)  # type: ignore[arg-type]
    lefts = left if isinstance(left, list) else [left] * length
    rights = right if isinstance(right, list) else [right] * length
    return [_value(operation, one, other) for one, other in zip(lefts, rights)]


def _value(operation: Callable[..., Any], left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        return operation(left, right)
    except ZeroDivisionError:
        return None


def _fill(filled: Series | float, value: ast.expr, series: Callable[[str], Series]) -> Series | float:
    if not isinstance(filled, list):
        return filled
    if isinstance(value, ast.Name) and value.id == "REPEAT":
        repeated: Series = []
        for one in reversed(filled):
            repeated.append(one if one is not None or not repeated else repeated[-1])
        return repeated[::-1]
    other = _evaluate(value, series)
    others = other if isinstance(other, list) else [other] * len(filled)
    return [instead if one is None else one for one, instead in zip(filled, others)]


def _of_several(name: str, parts: list[Any]) -> Series:
    length = max((len(part) for part in parts if isinstance(part, list)), default=1)
    rows = zip(*(part if isinstance(part, list) else [part] * length for part in parts))
    known = [[value for value in row if value is not None] for row in rows]
    return [OF_SEVERAL[name](row) if row else None for row in known]
