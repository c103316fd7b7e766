"""Simple Notification Service: functions in other accounts, their policies, redrive, and subscriptions of a stack.

AWS: a topic delivers to a function of any account whose policy lets the topic invoke it. The invocation is
asynchronous: once Lambda has taken the event, it is Lambda that retries a function that fails (twice, then the
function's own dead-letter queue or on-failure destination). What Lambda does not take, because the function is gone
or its policy forbids it, is not retried and goes to the dead-letter queue of the subscription's RedrivePolicy.

CloudFormation reads a topic (GetTopicAttributes) before it subscribes to it and before it takes a subscription away.
Without that right in the topic's policy, or with a topic of another account that is gone, the resource fails.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import lambda_svc, sns
from ministack.services.cloudformation import provisioners

from local_cloud import permissions

logger = logging.getLogger("sns")

# What a topic's policy may ask about the subscription that is being made.
_subscribing: ContextVar[Mapping[str, Any]] = ContextVar("subscribing", default=MappingProxyType({}))
_stock_subscribe = sns._subscribe


def apply() -> None:
    sns._deliver_to_lambda = deliver_to_function
    sns._subscribe = subscribe
    sns._enforce_topic_policy = enforce_topic_policy
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]
    handlers["delete"] = delete_subscription
    handlers["create"] = create_subscription
    # An update that replaces a subscription calls these by their names.
    provisioners._sns_sub_create = create_subscription
    provisioners._sns_sub_delete = delete_subscription
    sns._list_subscriptions = list_subscriptions


def deliver_to_function(
    endpoint: str,
    envelope: str,
    topic_arn: str,
    sub_arn: str,
    msg_id: str,
    raw_message: str,
    message_attributes: dict[str, Any],
) -> None:
    """Delivers one message to a function of any account."""
    function = permissions.find_function(endpoint)
    if function is None:
        refusal = "the function does not exist"
    elif not permissions.service_may_invoke(endpoint, "sns.amazonaws.com", topic_arn):
        refusal = "the function's policy does not let the topic invoke it"
    else:
        lambda_svc.invoke_async_with_retry(function, _event(envelope, sub_arn))
        return
    logger.warning("not delivered from %s to %s: %s", topic_arn, endpoint, refusal)
    _redrive(topic_arn, sub_arn, envelope, message_attributes)


def subscribe(parameters: dict[str, Any]) -> Any:
    """Subscribe: the topic's policy may ask for the protocol and the endpoint."""
    asked = {f"sns:{name}".lower(): sns._p(parameters, name) for name in ("Protocol", "Endpoint")}
    token = _subscribing.set(asked)
    try:
        return _stock_subscribe(parameters)
    finally:
        _subscribing.reset(token)


def enforce_topic_policy(topic: dict[str, Any], action: str) -> Any:
    """Why the caller may not do this with the topic, or None; the conditions of its policy see the subscription."""
    from ministack.app import AUTH

    if not AUTH:
        return None
    own_account = responses.get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn=iam_evaluator.caller_arn(),
        principal_type="Root",
        principal_account=own_account,
        action=action,
        resource_arn=topic["arn"],
        region=responses.get_region(),
        service_context=dict(_subscribing.get()),
    )
    policy = topic.get("attributes", {}).get("Policy") or ""
    if iam_evaluator.resource_policy_allows(policy, context, sns._topic_owner(topic) == own_account):
        return None
    refusal = f"User: {context.principal_arn} is not authorized to perform: {action} on resource: {topic['arn']}"
    return sns._error("AuthorizationError", refusal, 403)


def _event(envelope: str, subscription_arn: str) -> dict[str, Any]:
    """The event of a function; it spells some names otherwise than the notification of a queue does."""
    notification = {"Subject": None, "MessageAttributes": {}, **json.loads(envelope)}
    for queue_name, function_name in (("SigningCertURL", "SigningCertUrl"), ("UnsubscribeURL", "UnsubscribeUrl")):
        notification[function_name] = notification.pop(queue_name, "")
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": notification,
    }
    return {"Records": [record]}


def _redrive(topic_arn: str, subscription_arn: str, envelope: str, message_attributes: dict[str, Any]) -> None:
    subscription = sns._find_subscription(topic_arn, subscription_arn)
    policy = (subscription or {}).get("attributes", {}).get("RedrivePolicy")
    queue = json.loads(policy).get("deadLetterTargetArn") if policy else None
    if queue:
        sns._deliver_to_sqs(
            queue, envelope, False, envelope, message_attributes=message_attributes, topic_arn=topic_arn
        )


def create_subscription(
    logical_id: str, properties: dict[str, Any], stack_name: str
) -> tuple[str | None, dict[str, Any]]:
    """AWS::SNS::Subscription: subscribes as the API does, to topics of other accounts too if their policy allows it."""
    _look_at(properties.get("TopicArn", ""))
    parameters = {name: properties.get(name, "") for name in ("TopicArn", "Protocol", "Endpoint")}
    for number, (name, value) in enumerate(provisioners._sns_sub_attributes(properties).items(), start=1):
        parameters[f"Attributes.entry.{number}.key"] = name
        parameters[f"Attributes.entry.{number}.value"] = value
    status, _, body = sns._subscribe(parameters)
    text = body.decode() if isinstance(body, bytes) else body
    if status >= 400:
        raise ValueError(_element(text, "Message") or text)
    arn = _element(text, "SubscriptionArn")
    return arn, {"Arn": arn}


def delete_subscription(physical_id: str, properties: dict[str, Any]) -> None:
    """AWS::SNS::Subscription: takes the subscription out of its topic, whichever account that is in."""
    _look_at(physical_id.rpartition(":")[0])
    sns._unsubscribe({"SubscriptionArn": physical_id})


def _look_at(topic_arn: str) -> None:
    """Raises what the resource handler says that may not see the topic. Of a topic that is not the account's own and
    not there SNS says no more than of one that may not be seen."""
    topic = sns._topic_by_arn_any_scope(topic_arn)
    owner = topic_arn.split(":")[4] if topic_arn.count(":") >= 5 else ""
    if topic is None and owner == responses.get_account_id():
        return
    refused = enforce_topic_policy(topic or {"arn": topic_arn, "owner": owner}, "sns:GetTopicAttributes")
    if refused:
        body = refused[2]
        text = _element(body.decode() if isinstance(body, bytes) else body, "Message")
        raise ValueError(f'Resource handler returned message: "{text}" (HandlerErrorCode: AccessDenied)')


def list_subscriptions(parameters: dict[str, Any]) -> Any:
    """ListSubscriptions: those that the caller owns, in its own topics and in those of others."""
    from ministack.core.responses import get_account_id, get_region

    members = ""
    for (_, region, _), topic in list(sns._topics._data.items()):
        for subscription in topic["subscriptions"] if region == get_region() else ():
            if subscription.get("owner") == get_account_id():
                fields = {
                    "SubscriptionArn": subscription["arn"],
                    "Owner": subscription["owner"],
                    "TopicArn": topic["arn"],
                    "Protocol": subscription["protocol"],
                    "Endpoint": sns._xml_escape(subscription["endpoint"]),
                }
                members += (
                    "<member>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</member>"
                )
    content = f"<ListSubscriptionsResult><Subscriptions>{members}</Subscriptions></ListSubscriptionsResult>"
    return sns._xml(200, "ListSubscriptionsResponse", content)


def _element(xml: str, name: str) -> str | None:
    found = re.search(rf"<{name}>(.*?)</{name}>", xml, re.DOTALL)
    return found.group(1) if found else None
