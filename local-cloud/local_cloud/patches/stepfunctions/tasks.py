"""What a task may do, and nested executions.

AWS: a task acts with the role of its machine, which must trust Step Functions. A function that may not be invoked
fails the task with Lambda.AWSLambdaException; a throttled one with Lambda.TooManyRequestsException. A nested
execution (.sync) that fails is States.TaskFailed with the description of that execution as the cause; it is stopped
when the outer one ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from local_cloud import permissions
from local_cloud.patches.stepfunctions import execution

# What IAM and Step Functions call the services of SDK integrations, where it is not the name of the integration.
_SERVICES = {"cloudwatchlogs": ("logs", "CloudWatchLogs"), "sfn": ("states", "Sfn")}

_stock_call_lambda = sfn._call_lambda


def apply() -> None:
    sfn._call_lambda = call_function
    sfn._invoke_resource = _authorized(sfn._invoke_resource)
    sfn._invoke_nested_start_execution_sync = run_nested


def call_function(function: str, event: Any) -> Any:
    """Invokes a function as the role of the machine."""
    arn = function if function.startswith("arn:") else lambda_svc._func_arn(function)
    message = _denial("lambda:InvokeFunction", arn)
    if message:
        details = "(Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException)"
        raise sfn._ExecutionError("Lambda.AWSLambdaException", f"{message} {details}")
    try:
        return _stock_call_lambda(function, event)
    except sfn._ExecutionError as error:
        if error.error == "Lambda.Unknown" and "TooManyRequestsException" in str(error.cause):
            raise sfn._ExecutionError("Lambda.TooManyRequestsException", error.cause) from error
        raise


def _authorized(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Checks the role of the machine before a task calls another service than Lambda."""

    def invoke_as_role(resource: str, document: Any) -> Any:
        action, arn, service = _action(resource, document if isinstance(document, dict) else {})
        message = _denial(action, arn) if action else None
        if message:
            raise sfn._ExecutionError(f"{service}.{service}Exception", message)
        return invoke(resource, document)

    return invoke_as_role


def _action(resource: str, document: dict[str, Any]) -> tuple[str | None, str, str]:
    """The action that an optimised integration takes, on what, and what AWS calls the service in errors."""
    integration = resource.partition(":::")[2]
    if integration.startswith("states:startExecution"):
        return "states:StartExecution", document.get("StateMachineArn", "*"), "StepFunctions"
    if integration.startswith("sns:publish"):
        return "sns:Publish", document.get("TopicArn", "*"), "SNS"
    if integration.startswith("sqs:sendMessage"):
        account, _, queue = document.get("QueueUrl", "").rpartition("/")
        return "sqs:SendMessage", f"arn:aws:sqs:{responses.get_region()}:{account.rpartition('/')[2]}:{queue}", "SQS"
    if integration.startswith("aws-sdk:"):
        return _sdk_action(integration.removeprefix("aws-sdk:").partition(".")[0], document)
    return None, "*", ""


def _sdk_action(integration: str, document: dict[str, Any]) -> tuple[str, str, str]:
    """The action of an SDK integration. What it is about is known of some; of the others a role needs it on everything."""
    service, _, operation = integration.partition(":")
    prefix, name = _SERVICES.get(service, (service, service.capitalize()))
    action, arn = f"{prefix}:{operation[:1].upper()}{operation[1:]}", "*"
    if action == "logs:PutRetentionPolicy":
        # With this ending an ARN of a log group is meant in policies, but for tagging (CloudWatch Logs User Guide).
        scope = f"{responses.get_region()}:{responses.get_account_id()}"
        arn = f"arn:aws:logs:{scope}:log-group:{document.get('LogGroupName', '')}:*"
    if action == "s3:PutObject":
        arn = f"arn:aws:s3:::{document.get('Bucket', '')}/{document.get('Key', '')}"
    return action, arn, name


def _denial(action: str, arn: str) -> str | None:
    run = execution.current()
    if run is None:
        return None
    if not may_be_assumed(run.role_arn):
        return f"Step Functions is not authorized to assume the role {run.role_arn}"
    return permissions.role_denial(run.role_arn, run.execution["name"][:64], action, arn)


def may_be_assumed(role_arn: str) -> bool:
    """Whether the role exists and trusts Step Functions, as a service of all Regions or of this one."""
    regional = f"states.{responses.get_region()}.amazonaws.com"
    return any(permissions.service_may_assume(role_arn, service) for service in ("states.amazonaws.com", regional))


def run_nested(resource: str, document: dict[str, Any]) -> dict[str, Any]:
    """startExecution.sync: runs another machine and waits for its end."""
    status, _, body = sfn._start_execution(sfn._nested_start_execution_request(document))
    answer = json.loads(body)
    if status >= 400:
        name = answer.get("__type", "AWSStepFunctions")
        raise sfn._ExecutionError(f"StepFunctions.{name.removesuffix('Exception')}Exception", answer.get("message", ""))
    nested, outer = sfn._executions[answer["executionArn"]], execution.current()
    while nested["status"] == "RUNNING":
        try:
            outer.wait(0.02) if outer else time.sleep(0.02)
        except execution.Ended:
            sfn._stop_execution({"executionArn": nested["executionArn"]})
            raise
    description = _description(nested)
    if nested["status"] != "SUCCEEDED":
        raise sfn._ExecutionError("States.TaskFailed", json.dumps(description))
    if resource.endswith(".sync:2"):
        description["Output"] = json.loads(nested["output"])
    return description


def _description(nested: dict[str, Any]) -> dict[str, Any]:
    """DescribeExecution as an integration shows it: names begin with a capital letter."""
    _, _, body = sfn._describe_execution({"executionArn": nested["executionArn"]})
    return {name[0].upper() + name[1:]: value for name, value in json.loads(body).items() if value is not None}
