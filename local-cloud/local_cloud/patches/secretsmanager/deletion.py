"""Names that are taken, and secrets that are scheduled for deletion.

AWS: a secret keeps its name until its recovery window is over. Meanwhile nobody can create another of that name, and
every call that reads or changes the value, the labels, the tags or the policy of it is an InvalidRequestException; it
is still described, and its versions listed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import secretsmanager

from local_cloud.patches.secretsmanager import versions

# What AWS does with a secret that is scheduled for deletion. The model knows no InvalidRequestException of the first two.
POSSIBLE = {"DescribeSecret", "ListSecretVersionIds", "DeleteSecret", "RestoreSecret"}


def apply() -> None:
    secretsmanager._create_secret = _create(secretsmanager._create_secret)


def refusal(secret: dict[str, Any] | None, action: str) -> tuple[Any, ...] | None:
    """The answer to an action on a secret that is scheduled for deletion; None if the action is possible."""
    if secret is None or not secret.get("DeletedDate") or action in POSSIBLE:
        return None
    message = "You can't perform this operation on the secret because it was marked for deletion."
    return responses.error_response_json("InvalidRequestException", message, 400)


def _create(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def create(request: dict[str, Any]) -> tuple[Any, ...]:
        token = request.get("ClientRequestToken")
        refused = versions.value_refusal(request, needed=False) or versions.token_refusal(token)
        if refused:
            return refused
        existing = secretsmanager._secrets.get(request.get("Name"))
        if existing and existing.get("DeletedDate"):
            message = "You can't create this secret because a secret with this name is already scheduled for deletion."
            return versions.refusal("InvalidRequestException", message)
        version = existing["Versions"].get(token) if existing else None
        if existing and version and not versions.differs(version, request):
            return responses.json_response({"ARN": existing["ARN"], "Name": existing["Name"], "VersionId": token})
        status, headers, body = stock(request)
        if status >= 400:
            return status, headers, body
        return _first_version(secretsmanager._secrets[request["Name"]], request)

    return create


def _first_version(secret: dict[str, Any], request: dict[str, Any]) -> tuple[Any, ...]:
    """Gives the first version the id that was asked for. A secret without a value has no version."""
    ((version_id, version),) = secret["Versions"].items()
    answer = {"ARN": secret["ARN"], "Name": secret["Name"]}
    if not any(request.get(part) is not None for part in versions.VALUES):
        secret["Versions"] = {}
        return responses.json_response(answer)
    version_id = request.get("ClientRequestToken") or version_id
    secret["Versions"] = {version_id: version}
    return responses.json_response({**answer, "VersionId": version_id})
