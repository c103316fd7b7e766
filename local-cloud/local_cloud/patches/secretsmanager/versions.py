"""The versions of a secret and their labels.

AWS: a label is attached to one version at a time. PutSecretValue moves the labels that it names, or AWSCURRENT, to the
new version; whichever version AWSCURRENT leaves gets AWSPREVIOUS, and no other label moves. The first version of a
secret is the current one whatever it names. With the ClientRequestToken of a version that is there it changes nothing
if the value is the same, and is refused if it is another. A version that has lost its last label is deprecated: it is
still found by its id, and listed only with IncludeDeprecated.

UpdateSecretVersionStage moves a label only from the version that has it, and only if RemoveFromVersionId says which
that is: the compare of a compare and swap. AWSCURRENT cannot be taken away, only moved.

A secret has 20 labels and a value 65,536 bytes at most. That AWS keeps about 100 versions, all of the last 24 hours
among them, is not limited here: tests live a month in a minute.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import secretsmanager

VALUES = ("SecretString", "SecretBinary")
MOST_BYTES = 65_536
MOST_LABELS = 20
LONGEST_LABEL = 256


def apply() -> None:
    secretsmanager._apply_current_promotion = promote
    secretsmanager._put_secret_value = _put(secretsmanager._put_secret_value)
    secretsmanager._update_secret = _update(secretsmanager._update_secret)
    secretsmanager._get_secret_value = _get(secretsmanager._get_secret_value)
    secretsmanager._list_secret_version_ids = _list_versions(secretsmanager._list_secret_version_ids)
    secretsmanager._update_secret_version_stage = _update_stage(secretsmanager._update_secret_version_stage)


def refusal(code: str, message: str) -> tuple[Any, ...]:
    """The answer to a request that is refused."""
    return responses.error_response_json(code, message, 400)


def value_refusal(request: dict[str, Any], needed: bool) -> tuple[Any, ...] | None:
    """Why the value of a request is refused; None if it is not, or if there is none and none is needed."""
    given = [part for part in VALUES if request.get(part) is not None]
    if len(given) > 1 or (needed and not given):
        return refusal("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
    if given and _size(request, given[0]) > MOST_BYTES:
        name = given[0][0].lower() + given[0][1:]
        wanted = f"failed to satisfy constraint: Member must have length less than or equal to {MOST_BYTES}"
        return refusal("ValidationException", f"1 validation error detected: Value at '{name}' {wanted}")
    return None


def _size(request: dict[str, Any], part: str) -> int:
    value = request[part]
    return len(base64.b64decode(value)) if part == "SecretBinary" else len(value.encode())


def token_refusal(token: str | None) -> tuple[Any, ...] | None:
    """Why a ClientRequestToken is refused; None if it is not."""
    if token is None or 32 <= len(token) <= 64:
        return None
    message = "You must provide a ClientRequestToken value between 32-64 characters long."
    return refusal("InvalidParameterException", message)


def differs(version: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether a version has another value than the request."""
    return any(version.get(part) != request.get(part) for part in VALUES)


def _missing(secret: dict[str, Any] | None) -> bool:
    """Whether ministack has an answer of its own to a change of this secret."""
    return secret is None or bool(secret.get("DeletedDate")) or secretsmanager._is_replica(secret)


def _put(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def put(request: dict[str, Any]) -> tuple[Any, ...]:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        if _missing(secret):
            return stock(request)
        labels = request.get("VersionStages") or ["AWSCURRENT"]
        version_id, refused = _write(secret, request, labels if secret["Versions"] else {*labels, "AWSCURRENT"})
        if refused:
            return refused
        answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id}
        return responses.json_response({**answer, "VersionStages": list(secret["Versions"][version_id]["Stages"])})

    return put


def _update(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def update(request: dict[str, Any]) -> tuple[Any, ...]:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        if _missing(secret) or not any(request.get(part) is not None for part in VALUES):
            return stock(request)
        version_id, refused = _write(secret, request, ["AWSCURRENT"])
        if refused:
            return refused
        stock({name: value for name, value in request.items() if name not in VALUES})
        return responses.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id})

    return update


def _write(secret: dict[str, Any], request: dict[str, Any], labels: Any) -> tuple[str, tuple[Any, ...] | None]:
    """Makes the version that a request asks for, unless it is there; its id, and the answer if it is refused."""
    token = request.get("ClientRequestToken") or str(uuid.uuid4())
    refused = token_refusal(token) or value_refusal(request, needed=True) or _labels_refusal(secret, labels)
    if refused:
        return token, refused
    version = secret["Versions"].get(token)
    if version is None:
        _new_version(secret, token, request, labels)
    elif differs(version, request):
        message = (
            f"You can't modify an existing version, you can only create a new version. Version {token} already exists."
        )
        return token, refusal("ResourceExistsException", message)
    return token, None


def _labels_refusal(secret: dict[str, Any], labels: Any) -> tuple[Any, ...] | None:
    if any(not 1 <= len(label) <= LONGEST_LABEL for label in labels):
        return refusal("InvalidParameterException", f"A staging label has 1 to {LONGEST_LABEL} characters.")
    there = {label for version in secret["Versions"].values() for label in version["Stages"]}
    if len(there | set(labels)) > MOST_LABELS:
        message = f"You can't attach more than {MOST_LABELS} staging labels to the versions of a secret."
        return refusal("LimitExceededException", message)
    return None


def _new_version(secret: dict[str, Any], version_id: str, request: dict[str, Any], labels: Any) -> None:
    now = int(time.time())
    values = {part: request.get(part) for part in VALUES}
    secret["Versions"][version_id] = {**values, "CreatedDate": now, "Stages": []}
    for label in labels:
        move_label(secret, label, version_id)
    secret["LastChangedDate"] = now
    secretsmanager._sync_replicas(secret)


def move_label(secret: dict[str, Any], label: str, version_id: str) -> None:
    """Takes a label from the version that has it and gives it to this one. No version is ever removed."""
    holder, _ = secretsmanager._find_stage_version(secret, label)
    secretsmanager._remove_stage_everywhere(secret, label, except_version_id=version_id)
    secretsmanager._add_stage(secret, version_id, label)
    if label == "AWSCURRENT" and holder not in (None, version_id):
        move_label(secret, "AWSPREVIOUS", holder)
    if label not in ("AWSPENDING", "AWSPREVIOUS"):
        secretsmanager._emit_secret_label_updated(secret, label, version_id)


def promote(secret: dict[str, Any], version_id: str) -> None:
    """Makes a version the current one, as a rotation does."""
    move_label(secret, "AWSCURRENT", version_id)
    secretsmanager._remove_stage(secret, version_id, "AWSPENDING")


def _get(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def get(request: dict[str, Any]) -> tuple[Any, ...]:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        version = ((secret or {}).get("Versions") or {}).get(request.get("VersionId"))
        label = request.get("VersionStage")
        if version is not None and label and label not in version["Stages"]:
            message = "You provided a VersionStage that is not associated to the provided VersionId."
            return refusal("InvalidRequestException", message)
        return stock(request)

    return get


def _list_versions(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def list_versions(request: dict[str, Any]) -> tuple[Any, ...]:
        status, headers, body = stock(request)
        if status >= 400 or request.get("IncludeDeprecated"):
            return status, headers, body
        answer = json.loads(body)
        # A page may hold fewer than were asked for.
        answer["Versions"] = [version for version in answer["Versions"] if version["VersionStages"]]
        return responses.json_response(answer)

    return list_versions


def _update_stage(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def update_stage(request: dict[str, Any]) -> tuple[Any, ...]:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        label, target = request.get("VersionStage"), request.get("MoveToVersionId")
        if _missing(secret) or not label or not (target or request.get("RemoveFromVersionId")):
            return stock(request)
        refused = _move_refusal(secret, label, target, request.get("RemoveFromVersionId"))
        if refused:
            return refused
        if target:
            move_label(secret, label, target)
        else:
            secretsmanager._remove_stage_everywhere(secret, label)
        secret["LastChangedDate"] = int(time.time())
        secretsmanager._sync_replicas(secret)
        return responses.json_response({"ARN": secret["ARN"], "Name": secret["Name"]})

    return update_stage


def _move_refusal(secret: dict[str, Any], label: str, target: str | None, origin: str | None) -> tuple[Any, ...] | None:
    """Why the label does not go from the version `origin` to the version `target`; None if it does."""
    for version_id in (target, origin):
        if version_id and version_id not in secret["Versions"]:
            message = f"Secrets Manager can't find the specified secret version: {version_id}."
            return refusal("ResourceNotFoundException", message)
    if label == "AWSCURRENT" and not target:
        message = (
            "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."
        )
        return refusal("InvalidParameterException", message)
    holder, _ = secretsmanager._find_stage_version(secret, label)
    if holder not in (None, target) and not origin:
        message = (
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version "
            f"{holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )
        return refusal("InvalidParameterException", message)
    if origin and origin != holder:
        message = (
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the version "
            f"that currently has the staging label {label}."
        )
        return refusal("InvalidParameterException", message)
    return _labels_refusal(secret, [label])
