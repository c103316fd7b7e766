"""CloudWatch: alarms, on a metric or on metric math (metric_math.py), and metrics from logs (log_metrics.py).

AWS: an alarm evaluates by itself, about once a minute, the data with exactly its dimensions. It is in ALARM when
DatapointsToAlarm of its last EvaluationPeriods breach. Where data are missing it evaluates older ones too: as many
real data as it needs are taken from a longer range, and only what is missing then counts as TreatMissingData says. So
an alarm on sparse data with missing data breaching goes off hours late: not before the last good period has left that
range. SQS reports how many messages of a queue can be received.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import cloudwatch, sqs
from ministack.services.cloudformation import provisioners

from local_cloud.patches.cloudwatch import log_metrics, metric_math

logger = logging.getLogger("cloudwatch")

# More often than AWS, so that nobody has to wait for it.
LOOK_SECONDS = 1.0
SQS_REPORT_SECONDS = 5.0
# By how many periods the evaluation range is longer than EvaluationPeriods. AWS does not say; its own example has 5 for 3.
FURTHER_BACK = 2

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def apply() -> None:
    log_metrics.apply()
    cloudwatch._evaluate_alarm = evaluate
    cloudwatch._put_metric_alarm = _put(cloudwatch._put_metric_alarm)
    provisioners._cw_metric_alarm_record = _record(provisioners._cw_metric_alarm_record)
    threading.Thread(target=_watch, daemon=True, name="local-cloud-alarms").start()


def _put(stock: Callable[..., Any]) -> Callable[..., Any]:
    def put(parameters: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
        settings = data if is_cbor or is_json else _from_query(parameters)
        if not settings.get("Metrics"):
            return stock(parameters, data, is_cbor, is_json)
        try:
            metrics = metric_math.check(settings)
        except metric_math.Invalid as error:
            return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
        answer = stock(parameters, data, is_cbor, is_json)
        name = settings.get("AlarmName", "")
        if answer[0] < 400 and name in cloudwatch._alarms:
            cloudwatch._alarms[name] = _on_math(cloudwatch._alarms[name], metrics)
            evaluate(cloudwatch._alarms[name])
        return answer

    return put


def _record(stock: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        if not properties.get("Metrics"):
            return stock(name, properties)
        metrics = metric_math.check(properties)
        # Ministack wants a metric, and is handed one that the alarm does not keep.
        others = {key: value for key, value in properties.items() if key != "Metrics"}
        return _on_math(stock(name, {**others, "MetricName": "-", "Namespace": "-"}), metrics)

    return record


def _on_math(alarm: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """An alarm on metric math has no metric of its own."""
    return {**{name: value for name, value in alarm.items() if name not in metric_math.ALONE}, "Metrics": metrics}


def _from_query(parameters: dict[str, Any]) -> dict[str, Any]:
    """What a request of the query protocol says of metric math."""
    found: dict[str, Any] = {name: cloudwatch._p(parameters, name) for name in ("AlarmName", *metric_math.ALONE)}
    metrics: dict[int, dict[str, Any]] = {}
    for key in parameters:
        parts = key.split(".")
        if parts[:2] != ["Metrics", "member"] or len(parts) < 4:
            continue
        place: dict[str, Any] = metrics.setdefault(int(parts[2]), {})
        for part in parts[3:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = cloudwatch._p(parameters, key)
    for query in metrics.values():
        metric = query.get("MetricStat", {}).get("Metric", {})
        if "Dimensions" in metric:
            metric["Dimensions"] = list(metric["Dimensions"]["member"].values())
    return {**found, "Metrics": [metrics[number] for number in sorted(metrics)]}


def evaluate(alarm: dict[str, Any]) -> None:
    """Brings an alarm into the state that its data ask for, and takes the actions of that state."""
    compare = COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if compare is None or not (alarm.get("MetricName") or alarm.get("Metrics")):
        return
    values = _values(alarm)
    state = _state(alarm, [None if value is None else compare(value, alarm["Threshold"]) for value in values])
    before = alarm["StateValue"]
    if state is None or state == before:
        return
    shown = ", ".join("no data" if value is None else f"{value:g}" for value in values[:3])
    reason = f"Threshold Crossed: the last of {len(values)} periods: [{shown}], threshold {alarm['Threshold']:g}"
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _values(alarm: dict[str, Any]) -> list[float | None]:
    """What each period of the evaluation range has, the newest first; None where there are no data."""
    length = alarm.get("EvaluationPeriods", 1) + FURTHER_BACK
    if alarm.get("Metrics"):

        def statistic(query: dict[str, Any]) -> list[float | None]:
            return _statistic(
                {**query["Metric"], "Statistic": query["Stat"]}, metric_math.period(alarm["Metrics"]), length
            )

        return metric_math.values(alarm["Metrics"], statistic)
    return _statistic(alarm, alarm.get("Period", 60), length)


def _statistic(metric: dict[str, Any], period: int, length: int) -> list[float | None]:
    """The statistic of each of the last periods, the newest first; None where there are no data."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    points = cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or []
    now = time.time()
    periods: list[list[dict[str, Any]]] = [[] for _ in range(length)]
    for point in list(points):
        age = int((now - point["Timestamp"]) // period)
        if 0 <= age < length:
            periods[age].append(point)
    name = metric.get("ExtendedStatistic") or metric.get("Statistic", "Average")
    return [cloudwatch._stat_value(cloudwatch._calc_stats(some), name, some) if some else None for some in periods]


def _state(alarm: dict[str, Any], breaches: list[bool | None]) -> str | None:
    """The state for what each period of the evaluation range says (breach, no breach, no data), the newest first; None
    means as before."""
    missing, length = alarm.get("TreatMissingData") or "missing", alarm.get("EvaluationPeriods", 1)
    needed = alarm.get("DatapointsToAlarm") or length
    known = [breach for breach in breaches if breach is not None][:length]
    filled = length - len(known)
    if filled == 0 or (known and missing == "notBreaching"):
        return "ALARM" if sum(known) >= needed else "OK"
    if missing == "breaching":
        return "ALARM" if sum(known) + filled >= needed else "OK"
    if not known:
        return {"notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}.get(missing)
    # With fewer data than are needed, those there are decide.
    if sum(known) < min(needed, len(known)):
        return "OK"
    return None if missing == "ignore" and sum(known) < needed else "ALARM"


def _watch() -> None:
    reported = 0.0
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            if time.time() - reported >= SQS_REPORT_SECONDS:
                reported = time.time()
                _report_queues()
            for (account, region, _), alarm in list(cloudwatch._alarms._data.items()):
                with responses.request_scope(account, region):
                    evaluate(alarm)
        except Exception:
            logger.exception("alarms could not be evaluated")


def _report_queues() -> None:
    for (account, region, _), queue in list(sqs._queues._data.items()):
        name = queue["attributes"]["QueueArn"].rpartition(":")[2]
        visible = sum(message["visible_at"] <= time.time() for message in list(queue["messages"]))
        with responses.request_scope(account, region):
            cloudwatch.record_metric(
                "AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", {"QueueName": name}
            )
