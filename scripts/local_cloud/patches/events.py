"""EventBridge: who lets a rule or a schedule reach its target.

AWS: a function, a queue or a topic lets a rule in by its own policy; a state machine is started as the target's role,
which must trust EventBridge and allow it. A schedule always acts as its target's role. A function is invoked
asynchronously, with Lambda's retries. What cannot be delivered goes to the dead-letter queue of the target, if it has
one. PutTargets wants the role. In the ARN of a rule of the default bus there is no bus, in policies either.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Callable, Optional

from local_cloud import permissions
from ministack.core import iam_actions, responses
from ministack.core.arn import parse_arn
from ministack.services import eventbridge, lambda_svc, sns, sqs

logger = logging.getLogger("events")

SCHEDULER = "scheduler.amazonaws.com"
ROLE_ACTIONS = {
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}


def apply() -> None:
    eventbridge._invoke_target = _permitted(eventbridge._invoke_target)
    eventbridge._dispatch_to_lambda = invoke_function
    eventbridge._validate_target_arn = _with_role(eventbridge._validate_target_arn)
    iam_actions.extract_resource_arn = _of_default_bus(iam_actions.extract_resource_arn)


def _permitted(invoke: Callable) -> Callable:
    def invoke_if_permitted(target: dict, event: dict, rule: dict, view: Any = None) -> None:
        refusal = _refusal(target, event, rule)
        if refusal is None:
            invoke(target, event, rule, view)
            return
        logger.warning("not delivered from %s to %s: %s", rule.get("Arn"), target.get("Arn"), refusal)
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue and sqs.queue_policy_allows(queue, caller(event), rule.get("Arn", ""), responses.get_account_id()):
            view = view or eventbridge._pattern_event_view(event)
            eventbridge._dispatch_to_sqs(parse_arn(queue), json.dumps(view.event_with_detail()))

    return invoke_if_permitted


def caller(event: dict) -> str:
    """The service that delivers the event: a rule's or a schedule's."""
    return SCHEDULER if event.get("Source") == "aws.scheduler" else "events.amazonaws.com"


def _refusal(target: dict, event: dict, rule: dict) -> Optional[str]:
    """Why the target may not be reached, or None. Targets that we know nothing of are ministack's affair."""
    arn, source = target.get("Arn", ""), rule.get("Arn", "")
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service not in ROLE_ACTIONS:
        return None
    who = caller(event)
    if who == SCHEDULER or service == "states":
        role = target.get("RoleArn") or ""
        if not permissions.service_may_assume(role, who, source):
            return f"the role '{role}' does not let {who} assume it"
        return permissions.role_denial(role, "events", ROLE_ACTIONS[service], arn)
    account = responses.get_account_id()
    allowed = {
        "lambda": lambda: permissions.service_may_invoke(arn, who, source),
        "sqs": lambda: sqs.queue_policy_allows(arn, who, source, account),
        "sns": lambda: sns.topic_policy_allows(arn, who, source, account),
    }[service]()
    return None if allowed else f"the policy of the target does not let {who} in"


def invoke_function(arn: str, payload: str) -> None:
    """Hands the event to a function, asynchronously."""
    function = permissions.find_function(arn)
    if function is not None:
        lambda_svc.invoke_async_with_retry(function, json.loads(payload))


def _with_role(validate: Callable) -> Callable:
    def validate_with_role(target: dict) -> Any:
        if ":states:" in target.get("Arn", "") and not target.get("RoleArn"):
            message = f"RoleArn is required for target {target['Arn']}."
            return responses.error_response_json("ValidationException", message, 400)
        return validate(target)

    return validate_with_role


def _of_default_bus(extract: Callable[..., Any]) -> Callable[..., Any]:
    def extract_without_default_bus(service: str, *request: Any, **options: Any) -> Any:
        arn = extract(service, *request, **options)
        return arn.replace(":rule/default/", ":rule/") if service == "events" and isinstance(arn, str) else arn

    return extract_without_default_bus
