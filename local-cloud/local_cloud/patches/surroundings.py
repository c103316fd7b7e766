"""POST /_local-cloud/surroundings: what RDS finds in an account by its own rights. Asked by the RDS emulator.

Request: {"account", "region", "roles": [{"arn", "service"}]}
Answer:  {"defaultVpc": "vpc-..." or null, "subnets": {id: {"vpc", "zone"}},
          "securityGroups": {id: {"vpc", "name"}}, "trusted": [whether each role exists and trusts its service]}

The network is that of EC2: an account whose default VPC was deleted has none here either.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import responses
from ministack.services import ec2

from local_cloud import permissions

PATH = "/_local-cloud/surroundings"


def apply() -> None:
    serve = app.app

    async def serve_with_surroundings(
        scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[..., Any]
    ) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await serve(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            status, answer = 200, surroundings(json.loads(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            status, answer = 400, {"error": {"code": "MalformedQuestion", "message": repr(error)}}
        content = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    app.app = serve_with_surroundings


def surroundings(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question of the form above."""
    roles = question.get("roles") or []
    with responses.request_scope(question["account"], question["region"]):
        ec2._ensure_defaults_initialized()
        default = [vpc["VpcId"] for vpc in ec2._vpcs.values() if vpc.get("IsDefault")]
        subnets = {
            subnet["SubnetId"]: {"vpc": subnet["VpcId"], "zone": subnet["AvailabilityZone"]}
            for subnet in ec2._subnets.values()
        }
        groups = {
            group["GroupId"]: {"vpc": group["VpcId"], "name": group["GroupName"]}
            for group in ec2._security_groups.values()
        }
    return {
        "defaultVpc": default[0] if default else None,
        "subnets": subnets,
        "securityGroups": groups,
        "trusted": [permissions.service_may_assume(role["arn"], role["service"]) for role in roles],
    }
