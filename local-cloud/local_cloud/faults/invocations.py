"""Faults between a service and a function.

Step Functions, SNS and EventBridge invoke functions inside ministack's process, where no request is seen. Each invocation is a
call of service `lambda`, action `Invoke`, without a principal, whose resource is the function's ARN.

`error` fails it with this error before the function runs. `dropBefore` and `dropAfter` lose the connection to Lambda, which
Step Functions reports as Lambda.SdkClientException, or as the `code` of the order, such as
Lambda.ClientExecutionTimeoutException; for `dropAfter` the function has run by then. `twice` runs the function
a second time with the same event and throws the first answer away, like a message that is delivered twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc

from local_cloud.faults.orders import BOARD, Order

LOST = ("Lambda.SdkClientException", "Unable to execute HTTP request: the connection was closed, as ordered")


def apply() -> None:
    # What runs an invocation that was let in; ministack calls it once for each, in the function's account and Region.
    lambda_svc._execute_function_dispatch = _with_faults(lambda_svc._execute_function_dispatch)


def _with_faults(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_with_faults(
        function: dict[str, Any], configuration: dict[str, Any], event: Any, *identity: Any
    ) -> dict[str, Any]:
        arn = configuration.get("FunctionArn", "")
        account = arn.split(":")[4] if arn.count(":") >= 6 else ""
        call, order = BOARD.begin("lambda", "Invoke", account, "", arn)
        result = None
        if order is not None:
            for interval in BOARD.held(order):
                time.sleep(interval)
            if order.effect == "error":
                result = _failure(order.code, order.message)
            elif order.effect == "dropBefore":
                result = _lost(order)
            elif order.effect == "dropAfter":
                execute(function, configuration, event, *identity)
                result = _lost(order)
            elif order.effect == "twice":
                execute(function, configuration, event, *identity)
        if result is None:
            result = execute(function, configuration, event, *identity)
        call.end(_outcome(result))
        return result

    return execute_with_faults


def _lost(order: Order) -> dict[str, Any]:
    return _failure(order.code or LOST[0], order.message or LOST[1])


def _failure(error_type: str, message: str) -> dict[str, Any]:
    """The result of an invocation that failed, in ministack's form."""
    return {
        "error": True,
        "function_error": "Unhandled",
        "body": {"errorType": error_type, "errorMessage": message},
        "log": "",
    }


def _outcome(result: dict[str, Any]) -> str:
    if not result.get("error"):
        return "Success"
    body = result.get("body")
    return str(body.get("errorType", "Unknown")) if isinstance(body, dict) else "Unknown"
