"""Lambda: code that is not there, failed events, and the time a warm call takes.

AWS: a function whose code is not in the bucket is refused. An event that fails for good goes to the function's
on-failure destination as the function's role, which must be allowed to. A warm call of a function that does nothing
takes a few milliseconds. A runtime that exits before it has asked for its first event fails the invocation with
Runtime.ExitError.

An idle function costs nothing. ministack looks twenty times a second whether there is an event for it, or its end has come;
with a hundred functions that is a seventh of what a whole trial takes.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import socketserver
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime, responses
from ministack.services import lambda_svc

from local_cloud import permissions

# How long an idle function is not looked after. Nothing waits for that: an event comes at once, and the end, too.
IDLE_SECONDS = 10


class MissingCode(ValueError):
    """The object that holds a function's code does not exist. A stack reports the text as it is."""


def apply() -> None:
    lambda_svc._fetch_code_from_s3 = _existing(lambda_svc._fetch_code_from_s3)
    for name in ("_create_function", "_update_code", "_publish_layer_version"):
        setattr(lambda_svc, name, _refusing_missing_code(getattr(lambda_svc, name)))
    lambda_svc._route_async_failure = _routed_as_role(lambda_svc._route_async_failure)
    lambda_svc._execute_function_dispatch = _with_exit_error(lambda_svc._execute_function_dispatch)
    worker = lambda_runtime.ProvidedWorker
    worker._build_handler_class = _idle_without_work(_without_delay(worker._build_handler_class))
    worker._shutdown_server = _shut_down_at_once(worker._shutdown_server)
    # Nothing else in this process has a server of this class.
    socketserver.ThreadingTCPServer.serve_forever = _serve_patiently  # type: ignore[assignment,method-assign]
    worker._drain_stderr_bounded = _drained_quickly(worker._drain_stderr_bounded)


def _existing(fetch: Callable[..., Any]) -> Callable[..., Any]:
    def fetch_existing(bucket: str, key: str, version_id: str | None = None) -> bytes:
        code = fetch(bucket, key, version_id)
        if code is None:
            raise MissingCode(
                f"Error occurred while GetObject. S3 Error Code: NoSuchKey. "
                f"S3 Error Message: The specified key does not exist. (s3://{bucket}/{key})"
            )
        return code

    return fetch_existing


def _refusing_missing_code(change: Callable[..., Any]) -> Callable[..., Any]:
    def change_or_refuse(*arguments: Any) -> Any:
        try:
            return change(*arguments)
        except MissingCode as error:
            return responses.error_response_json("InvalidParameterValueException", str(error), 400)

    return change_or_refuse


def _routed_as_role(route: Callable[..., Any]) -> Callable[..., Any]:
    def route_as_role(target_arn: str, function_name: str, event: dict[str, Any], result: dict[str, Any]) -> None:
        configuration = (lambda_svc._functions.get(function_name) or {}).get("config") or {}
        service = target_arn.split(":")[2] if target_arn.count(":") >= 5 else ""
        action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}.get(service)
        role = configuration.get("Role", "")
        if action and permissions.role_denial(role, function_name, action, target_arn):
            lambda_svc.logger.warning("%s: its role may not send the failed event to %s", function_name, target_arn)
        else:
            route(target_arn, function_name, event, result)

    return route_as_role


def _with_exit_error(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_with_exit_error(*arguments: Any) -> dict[str, Any]:
        result = execute(*arguments)
        body = result.get("body")
        # A name that AWS does not have.
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.Unknown":
            result = {**result, "body": {**body, "errorType": "Runtime.ExitError"}}
        return result

    return execute_with_exit_error


def _without_delay(build: Callable[..., Any]) -> Callable[..., Any]:
    """The answers to a function's runtime leave in one piece: of two, the second waits for an acknowledgement."""

    def build_without_delay(worker: Any, *arguments: Any) -> type:
        return type("PromptHandler", (build(worker, *arguments),), {"disable_nagle_algorithm": True, "wbufsize": -1})

    return build_without_delay


class _Patient:
    """The events of a function, for the thread that hands them out: it sleeps until there is one."""

    def __init__(self, events: queue.Queue[Any]) -> None:
        self._events = events

    def get(self, timeout: float) -> Any:
        return self._events.get(timeout=max(timeout, IDLE_SECONDS))


def _idle_without_work(build: Callable[..., Any]) -> Callable[..., Any]:
    def build_idle(worker: Any, generation: int, events: queue.Queue[Any]) -> type:
        return build(worker, generation, _Patient(events))

    return build_idle


def _serve_patiently(server: socketserver.BaseServer, poll_interval: float = 0.5) -> None:
    socketserver.BaseServer.serve_forever(server, max(poll_interval, IDLE_SECONDS))


def _shut_down_at_once(shut_down: Callable[..., None]) -> Callable[..., None]:
    """A server that sleeps does not see that it is to end, so it is woken: by a connection, which it no longer takes."""

    def shut_down_at_once(worker: Any) -> None:
        server = worker._server
        if server is not None:
            server._BaseServer__shutdown_request = True
            with contextlib.suppress(OSError):
                socket.create_connection(server.server_address, timeout=1).close()
        shut_down(worker)

    return shut_down_at_once


def _drained_quickly(drain: Callable[..., Any]) -> Callable[..., Any]:
    """What a function logs is in the pipe before its answer; there is nothing to wait 50 ms for."""

    def drain_quickly(worker: Any, first_line_wait: float = 0.005, **options: Any) -> str:
        return drain(worker, first_line_wait=first_line_wait, **{"idle_confirm": 0.002, **options})

    return drain_quickly
