"""Faults between a client and a service: a layer around ministack that sees each request and each answer."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.http_stream import ASGIHTTPState
from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router

from local_cloud import timing
from local_cloud.faults.orders import BOARD, Call, Order
from local_cloud.patches.secretsmanager import past

OURS = "/_local-cloud/"
CALL_FILTERS = {"since", "service", "action", "resource"}
NOT_A_SERVICE = ("/_ministack/", OURS)


def apply() -> None:
    serve = app.app

    async def serve_with_faults(
        scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[..., Any]
    ) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith((f"{OURS}calls", f"{OURS}faults", f"{OURS}timing")):
            query = scope.get("query_string", b"").decode()
            await _answer(send, *answer(scope["method"], path[len(OURS) :], await _body(receive), query))
        elif scope["type"] != "http" or path.startswith(NOT_A_SERVICE):
            await serve(scope, receive, send)
        else:
            await _serve_call(serve, scope, await _body(receive), send)

    app.app = serve_with_faults


def answer(method: str, path: str, body: bytes, query: str = "") -> tuple[int, Any]:
    """The status and the JSON that answer a request to the API described in __init__.py."""
    kind, _, number = path.partition("/")
    if kind == "calls" and not number:
        if method == "GET":
            return _calls(query)
        if method == "DELETE":
            BOARD.forget_calls()
            return 200, {}
    elif kind == "timing" and not number:
        if method == "GET":
            return 200, timing.current()
        if method == "PUT":
            return _taken(timing.change, body)
    elif kind == "faults":
        if method == "GET" and not number:
            return 200, BOARD.orders()
        if method == "DELETE" and (not number or number.isdigit()):
            return (200, {}) if BOARD.remove(int(number) if number else None) else (404, {"error": "no such order"})
        if method == "POST" and not number:
            return _taken(BOARD.add, body)
    return 404, {"error": "no such address"}


def _calls(query: str) -> tuple[int, Any]:
    """The calls that a query asks for."""
    wanted = dict(parse_qsl(query))
    if wanted.keys() - CALL_FILTERS:
        return 400, {"error": f"calls can be asked for by {', '.join(sorted(CALL_FILTERS))}"}
    return 200, BOARD.calls(**wanted)


def _taken(take: Callable[[Any], dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]]:
    """The answer to an order, which may be written down wrongly."""
    try:
        return 200, take(json.loads(body))
    except ValueError as error:
        return 400, {"error": str(error)}


async def _serve_call(serve: Callable[..., Any], scope: dict[str, Any], body: bytes, send: Callable[..., Any]) -> None:
    service, call, order = _begin(scope, body)
    if order is None:
        await serve(scope, _replay(body), _noting(send, call))
        return
    if order.effect == "stale":
        token = past.age.set(order.seconds)
        try:
            await serve(scope, _replay(body), _noting(send, call))
        finally:
            past.age.reset(token)
        return
    for interval in BOARD.held(order):
        await asyncio.sleep(interval)
    if order.effect == "error":
        call.end(order.code)
        await _send(send, *_refusal(service, scope, order))
        return
    if order.effect == "slow":
        await serve(scope, _replay(body), _noting(send, call))
        return
    if order.effect != "dropBefore":
        await serve(scope, _replay(body), _unheard)
    call.end("ConnectionClosed")
    await _hang_up(send)


def _begin(scope: dict[str, Any], body: bytes) -> tuple[str, Call, Order | None]:
    """Notes the call of a request, and says what is to happen to it."""
    headers = _headers(scope)
    query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    parameters = app._routing_params(scope["method"], scope["path"], headers, body, query)
    service = router.detect_service(scope["method"], scope["path"], headers, parameters)
    action = iam_actions.extract_iam_action(service, scope["method"], scope["path"], headers, body, parameters) or ""
    region = router.extract_region(headers, query)
    key = router.extract_access_key_id(headers, query) or ""
    account, principal, resource = "", "", ""
    try:
        if key:
            account = app._request_account_scope(key)
            # Who it is, without the policies, which ministack reads when it decides.
            found = iam_evaluator.resolve_credential(key, responses._account_from_sts_session(key) or account)
            principal = getattr(found, "principal_arn", "")
        resource = iam_actions.extract_resource_arn(
            service, scope["method"], scope["path"], headers, body, parameters, region, account
        )
    except Exception:  # What ministack cannot make sense of is refused by ministack, not here.
        pass
    return service, *BOARD.begin(service, action.partition(":")[2], account, principal, resource or "")


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}


def _refusal(service: str, scope: dict[str, Any], order: Order) -> tuple[int, dict[str, Any], bytes]:
    """The error, in the encoding of the service's protocol."""
    message = order.message or f"{order.code}, as ordered"
    if iam_actions._SERVICE_PROTOCOL.get(service, "json") == "json" or "x-amz-target" in _headers(scope):
        return responses.error_response_json(order.code, message, order.httpStatus)
    return responses.error_response_xml(order.code, message, order.httpStatus)


def _noting(send: Callable[..., Any], call: Call) -> Callable[..., Any]:
    """Notes the outcome as it goes out: the answer's code where it has one in a header, else its status."""

    async def send_and_note(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = {bytes(name).lower(): bytes(value) for name, value in message.get("headers", [])}
            code = headers.get(b"x-amzn-errortype", b"").decode("latin-1").partition(":")[0]
            call.end("Success" if message["status"] < 400 else code or f"HTTP {message['status']}")
        await send(message)

    return send_and_note


async def _unheard(_: dict[str, Any]) -> None:
    """Takes an answer that nobody hears."""


def _replay(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A request whose body was read already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        # Like a client that waits for its answer.
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


async def _body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _hang_up(send: Any) -> None:
    """Closes the connection without an answer. ASGI has no word for that, so this goes to the server's own stream."""
    stream = send.__self__
    await stream.send(StreamClosed(stream_id=stream.stream_id))
    stream.state = ASGIHTTPState.CLOSED


async def _answer(send: Callable[..., Any], status: int, value: Any) -> None:
    await _send(send, status, {"Content-Type": "application/json"}, json.dumps(value).encode())


async def _send(send: Callable[..., Any], status: int, headers: dict[str, Any], body: bytes) -> None:
    headers = {**headers, "Content-Length": str(len(body)), "x-amzn-requestid": str(uuid.uuid4())}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
