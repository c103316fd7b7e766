"""CloudWatch: alarms.

AWS: an alarm looks by itself, about once a minute, at the data with exactly its dimensions: at each of its last
EvaluationPeriods. It is in ALARM when DatapointsToAlarm of them breach; a period without data counts as
TreatMissingData says. SQS reports how many messages of a queue can be received.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Optional

from ministack.core import responses
from ministack.services import cloudwatch, sqs

logger = logging.getLogger("cloudwatch")

# More often than AWS, so that nobody has to wait for it.
LOOK_SECONDS = 1.0
SQS_REPORT_SECONDS = 5.0

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def apply() -> None:
    cloudwatch._evaluate_alarm = evaluate
    threading.Thread(target=_watch, daemon=True, name="local-cloud-alarms").start()


def evaluate(alarm: dict) -> None:
    """Brings an alarm into the state that its data ask for, and takes the actions of that state."""
    compare = COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if not alarm.get("MetricName") or compare is None:
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


def _values(alarm: dict) -> list[Optional[float]]:
    """The statistic of each of the last periods, the newest first; None where there are no data."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    period, now = alarm.get("Period", 60), time.time()
    periods: list[list[dict]] = [[] for _ in range(alarm.get("EvaluationPeriods", 1))]
    for point in list(points):
        age = int((now - point["Timestamp"]) // period)
        if 0 <= age < len(periods):
            periods[age].append(point)
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    return [cloudwatch._stat_value(cloudwatch._calc_stats(some), name, some) if some else None for some in periods]


def _state(alarm: dict, breaches: list[Optional[bool]]) -> Optional[str]:
    """The state for what each period says (breach, no breach, no data); None means as before."""
    missing = alarm.get("TreatMissingData") or "missing"
    if missing in ("breaching", "notBreaching"):
        breaches = [missing == "breaching" if breach is None else breach for breach in breaches]
    known = [breach for breach in breaches if breach is not None]
    if not known:
        return None if missing == "ignore" else "INSUFFICIENT_DATA"
    needed = alarm.get("DatapointsToAlarm") or len(breaches)
    # With fewer data than that, those there are decide.
    return "ALARM" if sum(known) >= min(needed, len(known)) else "OK"


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
            logger.exception("alarms could not be looked at")


def _report_queues() -> None:
    for (account, region, _), queue in list(sqs._queues._data.items()):
        name = queue["attributes"]["QueueArn"].rpartition(":")[2]
        visible = sum(message["visible_at"] <= time.time() for message in list(queue["messages"]))
        with responses.request_scope(account, region):
            cloudwatch.record_metric(
                "AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", {"QueueName": name}
            )
