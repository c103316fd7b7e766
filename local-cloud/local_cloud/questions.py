"""Questions of the RDS emulator to the cloud: JSON to a path, and JSON back."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app

_answers: dict[str, Callable[[Any], dict[str, Any]]] = {}


def answer_at(path: str, answer: Callable[[Any], dict[str, Any]]) -> None:
    """From now on, what is asked at the path is answered by this function."""
    if not _answers:
        app.app = _before(app.app)
    _answers[path] = answer


def _before(serve: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def serve_with_questions(
        scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[..., Any]
    ) -> None:
        answer = _answers.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None:
            await serve(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            status, content = 200, answer(json.loads(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            status, content = 400, {"error": {"code": "MalformedQuestion", "message": repr(error)}}
        text = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return serve_with_questions
