"""EventBridge: who lets a rule or a schedule reach its target.

AWS: a function, a queue or a topic lets a rule in by its own policy; a state machine is started as the target's role,
which must trust EventBridge and allow it. A schedule always acts as its target's role. A function is invoked
asynchronously, with Lambda's retries. To a topic EventBridge fills in no condition keys, so a statement with a
Condition never lets it in (EventBridge guide: "You can't use Condition blocks in Amazon SNS topic policies for
EventBridge"). What cannot be delivered goes to the dead-letter queue of the target, if it has one, and counts in
FailedInvocations of AWS/Events. PutTargets wants the role. In the ARN of a rule of the default bus there is no bus, in
policies either. A rate is of 1 minute, hour or day, or of several minutes, hours or days: `rate(1 minutes)` is
refused.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.core.arn import parse_arn
from ministack.services import cloudwatch, eventbridge, lambda_svc, scheduler, sns, sqs
from ministack.services.cloudformation import provisioners

from local_cloud import permissions

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
    eventbridge._validate_schedule_expression = _with_plural(eventbridge._validate_schedule_expression)
    scheduler._create_schedule = _schedule(scheduler._create_schedule)
    scheduler._update_schedule = _schedule(scheduler._update_schedule)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Events::Rule"]
    handlers["create"] = provisioners._eb_rule_create = _of_stack(provisioners._eb_rule_create)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Scheduler::Schedule"]
    handlers["create"] = provisioners._scheduler_schedule_create = _of_stack(provisioners._scheduler_schedule_create)
    iam_actions.extract_resource_arn = _of_default_bus(iam_actions.extract_resource_arn)


def _permitted(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_if_permitted(
        target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None
    ) -> None:
        refusal = _refusal(target, event, rule)
        if refusal is None:
            invoke(target, event, rule, view)
            return
        logger.warning("not delivered from %s to %s: %s", rule.get("Arn"), target.get("Arn"), refusal)
        if caller(event) != SCHEDULER:
            dimensions = {"RuleName": rule.get("Name", "")}
            cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1, "Count", dimensions)
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue and sqs.queue_policy_allows(queue, caller(event), rule.get("Arn", ""), responses.get_account_id()):
            view = view or eventbridge._pattern_event_view(event)
            eventbridge._dispatch_to_sqs(parse_arn(queue), json.dumps(view.event_with_detail()))

    return invoke_if_permitted


def caller(event: dict[str, Any]) -> str:
    """The service that delivers the event: a rule's or a schedule's."""
    return SCHEDULER if event.get("Source") == "aws.scheduler" else "events.amazonaws.com"


def _refusal(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any]) -> str | None:
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
    policies: dict[str, Callable[[], bool]] = {
        "lambda": lambda: permissions.service_may_invoke(arn, who, source),
        "sqs": lambda: sqs.queue_policy_allows(arn, who, source, account),
        "sns": lambda: _topic_allows(arn, who),
    }
    return None if policies[service]() else f"the policy of the target does not let {who} in"


def _topic_allows(arn: str, service: str) -> bool:
    """Whether the policy of the topic lets EventBridge publish, of which it knows nothing but who it is."""
    topic = sns._topic_by_arn_any_scope(arn)
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sns:Publish",
        resource_arn=arn,
        region="",
    )
    policy = (topic or {}).get("attributes", {}).get("Policy") or ""
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"


def invoke_function(arn: str, payload: str) -> None:
    """Hands the event to a function, asynchronously."""
    function = permissions.find_function(arn)
    if function is not None:
        lambda_svc.invoke_async_with_retry(function, json.loads(payload))


def _with_role(validate: Callable[..., Any]) -> Callable[..., Any]:
    def validate_with_role(target: dict[str, Any]) -> Any:
        if ":states:" in target.get("Arn", "") and not target.get("RoleArn"):
            message = f"RoleArn is required for target {target['Arn']}."
            return responses.error_response_json("ValidationException", message, 400)
        return validate(target)

    return validate_with_role


def _with_plural(validate: Callable[[str], bool]) -> Callable[[str], bool]:
    def validate_with_plural(expression: str) -> bool:
        return validate(expression) and not rate_is_misspelt(expression)

    return validate_with_plural


def rate_is_misspelt(expression: str) -> bool:
    """Whether this is a rate of one of several, or of several of one."""
    found = re.fullmatch(r"rate\((\d+)\s+(?:minute|hour|day)(s?)\)", expression)
    return found is not None and (int(found[1]) == 1) == bool(found[2])


def _schedule(change: Callable[..., Any]) -> Callable[..., Any]:
    def change_if_spelt_well(name: str, body: dict[str, Any], *rest: Any) -> Any:
        expression = body.get("ScheduleExpression") or ""
        if rate_is_misspelt(expression):
            message = f"Invalid Schedule Expression {expression}."
            return scheduler._error(400, "ValidationException", message)
        return change(name, body, *rest)

    return change_if_spelt_well


def _of_stack(create: Callable[..., Any]) -> Callable[..., Any]:
    """A rule or a schedule of a stack, which ministack makes without looking at its expression."""

    def create_if_valid(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        expression = properties.get("ScheduleExpression")
        if expression and not (expression.startswith("at(") or eventbridge._validate_schedule_expression(expression)):
            message = "Parameter ScheduleExpression is not valid."
            raise ValueError(f"{message} (Service: EventBridge, Status Code: 400, Error Code: ValidationException)")
        return create(logical_id, properties, stack_name)

    return create_if_valid


def _of_default_bus(extract: Callable[..., Any]) -> Callable[..., Any]:
    def extract_without_default_bus(service: str, *request: Any, **options: Any) -> Any:
        arn = extract(service, *request, **options)
        return arn.replace(":rule/default/", ":rule/") if service == "events" and isinstance(arn, str) else arn

    return extract_without_default_bus
