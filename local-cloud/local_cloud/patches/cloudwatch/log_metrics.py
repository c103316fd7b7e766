"""Metrics that are taken out of log events: metric filters.

AWS: a metric filter is asked about every event that comes into its log group from then on, not about earlier ones. Of an
event that matches it puts one value of its metric: a number, or that of a field of the event, at the time of the event.
Its dimensions are fields too, at most three, and each combination of values is a metric of its own. A field that is
taken must be in the pattern. Nothing is put where the value is no number or a dimension is missing.

Of patterns this knows those of JSON events: comparisons of fields with numbers and texts (`*` stands for anything), &&,
|| and parentheses; and the empty one, which matches everything. A filter with any other, or with a default value, is
refused, which AWS would not do.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import operator
import re
import time
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

logger = logging.getLogger("logs")

MOST_DIMENSIONS = 3
NAME = re.compile(r"[^:*$]{1,255}")
TOKEN = re.compile(r'\s*(?:(&&|\|\||[()])|(\$(?:\.[A-Za-z0-9_-]+)+)|(<=|>=|!=|=|<|>)|"([^"]*)"|([A-Za-z0-9_.*+-]+))')
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Condition = Callable[[dict[str, Any]], bool]


class Invalid(ValueError):
    """Why a metric filter is refused."""


def apply() -> None:
    logs._put_metric_filter = _checked(logs._put_metric_filter)
    logs._fanout_to_subscription_filters = _observed(logs._fanout_to_subscription_filters)


def _checked(put: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def put_metric_filter(data: dict[str, Any]) -> Any:
        try:
            check(data)
        except Invalid as error:
            return logs.error_response_json("InvalidParameterException", str(error), 400)
        return put(data)

    return put_metric_filter


def _observed(fan_out: Callable[..., Any]) -> Callable[..., Any]:
    """Every event that comes into a group is handed to this function of ministack's, whoever has written it."""

    def hand_on(group: str, stream: str, events: list[dict[str, Any]]) -> Any:
        try:
            put_metrics(group, events)
        except Exception:
            logger.exception("no metrics of %s", group)
        return fan_out(group, stream, events)

    return hand_on


def put_metrics(group: str, events: list[dict[str, Any]]) -> None:
    """Puts what the metric filters of a group find in events."""
    filters = [one for (of, _), one in list(logs._metric_filters.items()) if of == group]
    for one in filters:
        matches, _ = condition(one["filterPattern"])
        for event in events:
            document = _document(event.get("message", ""))
            if document is not None and matches(document):
                for transformation in one["metricTransformations"]:
                    _put(transformation, document, event.get("timestamp", time.time() * 1000) / 1000)


def _put(transformation: dict[str, Any], document: dict[str, Any], at: float) -> None:
    value = transformation["metricValue"]
    number = _field(document, value) if value.startswith("$") else float(value)
    dimensions = {key: _field(document, field) for key, field in (transformation.get("dimensions") or {}).items()}
    if not _is_number(number) or not all(isinstance(found, (str, int, float)) for found in dimensions.values()):
        return
    dimensions = {key: str(found) for key, found in dimensions.items()}
    key = (transformation["metricNamespace"], transformation["metricName"], cloudwatch._dims_key(dimensions))
    point = {"Timestamp": at, "Value": float(number), "Unit": transformation.get("unit", "None")}
    cloudwatch._metric_bucket(key).append({**point, "Dimensions": dimensions})


def check(data: dict[str, Any]) -> None:
    """Refuses a filter that CloudWatch Logs would refuse, and one that this does not know."""
    _, fields = condition(data.get("filterPattern", ""))
    transformations = data.get("metricTransformations") or []
    if len(transformations) != 1:
        raise Invalid("metricTransformations has exactly one element")
    transformation = transformations[0]
    for name in ("metricName", "metricNamespace"):
        if not NAME.fullmatch(transformation.get(name) or ""):
            raise Invalid(f"{name} has 1 to 255 characters without colon, asterisk and dollar sign")
    if transformation.get("defaultValue") is not None:
        raise Invalid("the local cloud knows no defaultValue")
    value, dimensions = transformation.get("metricValue") or "", transformation.get("dimensions") or {}
    if len(dimensions) > MOST_DIMENSIONS:
        raise Invalid(f"A metric filter has at most {MOST_DIMENSIONS} dimensions")
    for field in [*dimensions.values(), *([value] if value.startswith("$") else [])]:
        if field not in fields:
            raise Invalid(f"the field {field} is not in the filter pattern")
    if not value.startswith("$"):
        try:
            float(value)
        except ValueError as error:
            raise Invalid(f"Invalid metric value: {value}") from error


def condition(pattern: str) -> tuple[Condition, set[str]]:
    """What a pattern asks of an event, and the fields that it names."""
    text = pattern.strip()
    if not text:
        return (lambda _: True), set()
    if not (text.startswith("{") and text.endswith("}")):
        raise Invalid(f"the local cloud does not know the filter pattern {pattern}")
    parser = _Parser(text[1:-1], pattern)
    found = parser.either()
    if parser.tokens:
        raise Invalid(f"Invalid filter pattern: {pattern}")
    return found, parser.fields


class _Parser:
    """Reads the inside of a pattern: alternatives of conjunctions of comparisons."""

    def __init__(self, text: str, pattern: str) -> None:
        self.pattern = pattern
        self.fields: set[str] = set()
        self.tokens: list[re.Match[str]] = []
        place, text = 0, text.rstrip()
        while place < len(text):
            token = TOKEN.match(text, place)
            if token is None:
                raise self.wrong()
            self.tokens.append(token)
            place = token.end()

    def wrong(self) -> Invalid:
        return Invalid(f"Invalid filter pattern, or one that the local cloud does not know: {self.pattern}")

    def next(self) -> re.Match[str]:
        if not self.tokens:
            raise self.wrong()
        return self.tokens.pop(0)

    def take(self, sign: str) -> bool:
        if self.tokens and self.tokens[0][1] == sign:
            self.tokens.pop(0)
            return True
        return False

    def either(self) -> Condition:
        parts = [self.all()]
        while self.take("||"):
            parts.append(self.all())
        return lambda document: any(part(document) for part in parts)

    def all(self) -> Condition:
        parts = [self.one()]
        while self.take("&&"):
            parts.append(self.one())
        return lambda document: all(part(document) for part in parts)

    def one(self) -> Condition:
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise self.wrong()
            return inner
        field, sign, value = self.next()[2], self.next()[3], self.next()
        if not field or not sign:
            raise self.wrong()
        self.fields.add(field)
        number = _number(value[5]) if value[5] else None
        if number is not None:
            return lambda document: (
                _is_number(_field(document, field)) and COMPARISONS[sign](_field(document, field), number)
            )
        text = value[4] if value[4] is not None else value[5]
        if text is None or sign not in ("=", "!="):
            raise self.wrong()
        return lambda document: _is_like(_field(document, field), text, sign)


def _is_like(found: Any, text: str, sign: str) -> bool:
    if not isinstance(found, (str, int, float)):
        return False
    return fnmatch.fnmatchcase(str(found), text.replace("[", "[[]").replace("?", "[?]")) == (sign == "=")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _document(message: str) -> dict[str, Any] | None:
    try:
        found = json.loads(message)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _field(document: Any, selector: str) -> Any:
    for part in selector.split(".")[1:]:
        document = document.get(part) if isinstance(document, dict) else None
    return document
