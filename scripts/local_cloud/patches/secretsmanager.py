"""Secrets Manager: secrets of other accounts, the keys of secrets, and the versions of a secret with their labels.

AWS: a secret of another account is named by its ARN; it needs an Allow in its resource policy and in the caller's,
and a customer-managed key, because the default one cannot be shared. Reading a secret under such a key takes
kms:Decrypt, writing it kms:GenerateDataKey and kms:Decrypt, by the key's policy too.

A label is attached to one version at a time. PutSecretValue moves the labels that it names, or AWSCURRENT, to the new
version; whichever version AWSCURRENT leaves gets AWSPREVIOUS, and no other label moves. With the ClientRequestToken of
a version that is there it changes nothing if the value is the same, and is refused if it is another. A version that
has lost its last label is deprecated: it is still found by its id, and listed only with IncludeDeprecated. AWSCURRENT
cannot be taken away, only moved. A policy may ask which version or label a request names.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, Callable, Optional

from local_cloud import permissions
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import kms, secretsmanager

ACROSS_ACCOUNTS = {"DescribeSecret", "GetSecretValue", "ListSecretVersionIds", "PutSecretValue", "UpdateSecret"}
KEY_ACTIONS = {
    "GetSecretValue": ("kms:Decrypt",),
    "PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    "UpdateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
}
# The condition keys of requests, and the actions that have them (service authorisation reference).
CONDITION_KEYS = {
    "VersionId": {"secretsmanager:GetSecretValue"},
    "VersionStage": {"secretsmanager:GetSecretValue", "secretsmanager:UpdateSecretVersionStage"},
}
VALUES = ("SecretString", "SecretBinary")


def apply() -> None:
    handle = secretsmanager.handle_request

    async def handle_in_owners_account(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> tuple:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            request = json.loads(body) if body else {}
        except json.JSONDecodeError:
            request = {}
        caller = responses.get_account_id()
        owner = _owner(request.get("SecretId")) or caller
        scope = owner if action in ACROSS_ACCOUNTS else caller
        with responses.request_scope(scope, responses.get_region()):
            _, secret = secretsmanager._resolve(request.get("SecretId"))
        if secret and action in KEY_ACTIONS:
            access_key = router.extract_access_key_id(headers, query_params) or ""
            message = _key_denial(secret, owner, caller, access_key, KEY_ACTIONS[action])
            if message:
                return responses.error_response_json("AccessDeniedException", message, 400)
        with responses.request_scope(scope, responses.get_region()):
            return await handle(method, path, headers, body, query_params)

    secretsmanager.handle_request = handle_in_owners_account
    secretsmanager.secret_policy_for_arn = policy_and_owner
    secretsmanager._apply_current_promotion = promote
    secretsmanager._put_secret_value = _put(secretsmanager._put_secret_value)
    secretsmanager._get_secret_value = _get(secretsmanager._get_secret_value)
    secretsmanager._list_secret_version_ids = _list_versions(secretsmanager._list_secret_version_ids)
    secretsmanager._update_secret_version_stage = _update_stage(secretsmanager._update_secret_version_stage)
    iam_actions.request_tag_context = _with_condition_keys(iam_actions.request_tag_context)


def _put(stock: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    def put(request: dict) -> tuple:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        if secret is None or secret.get("DeletedDate") or secretsmanager._is_replica(secret):
            return stock(request)
        token = request.get("ClientRequestToken") or str(uuid.uuid4())
        if not 32 <= len(token) <= 64:
            message = "You must provide a ClientRequestToken value between 32-64 characters long."
            return _refusal("InvalidParameterException", message)
        if sum(request.get(part) is not None for part in VALUES) != 1:
            return _refusal("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
        version = secret["Versions"].get(token)
        if version is None:
            version = _new_version(secret, token, request)
        elif any(version.get(part) != request.get(part) for part in VALUES):
            message = f"You can't modify an existing version, you can only create a new version. Version {token} already exists."
            return _refusal("ResourceExistsException", message)
        answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}
        return responses.json_response({**answer, "VersionStages": list(version["Stages"])})

    return put


def _new_version(secret: dict, version_id: str, request: dict) -> dict:
    now = int(time.time())
    values = {part: request.get(part) for part in VALUES}
    version = secret["Versions"][version_id] = {**values, "CreatedDate": now, "Stages": []}
    for label in request.get("VersionStages") or ["AWSCURRENT"]:
        move_label(secret, label, version_id)
    secret["LastChangedDate"] = now
    secretsmanager._sync_replicas(secret)
    return version


def move_label(secret: dict, label: str, version_id: str) -> None:
    """Takes a label from the version that has it and gives it to this one. No version is ever removed."""
    holder, _ = secretsmanager._find_stage_version(secret, label)
    secretsmanager._remove_stage_everywhere(secret, label, except_version_id=version_id)
    secretsmanager._add_stage(secret, version_id, label)
    if label == "AWSCURRENT" and holder not in (None, version_id):
        move_label(secret, "AWSPREVIOUS", holder)
    if label not in ("AWSPENDING", "AWSPREVIOUS"):
        secretsmanager._emit_secret_label_updated(secret, label, version_id)


def promote(secret: dict, version_id: str) -> None:
    """Makes a version the current one, as UpdateSecret and a rotation do."""
    move_label(secret, "AWSCURRENT", version_id)
    secretsmanager._remove_stage(secret, version_id, "AWSPENDING")


def _get(stock: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    def get(request: dict) -> tuple:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        version = ((secret or {}).get("Versions") or {}).get(request.get("VersionId"))
        label = request.get("VersionStage")
        if version is not None and label and label not in version["Stages"]:
            message = "You provided a VersionStage that is not associated to the provided VersionId."
            return _refusal("InvalidRequestException", message)
        return stock(request)

    return get


def _list_versions(stock: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    def list_versions(request: dict) -> tuple:
        status, headers, body = stock(request)
        if status >= 400 or request.get("IncludeDeprecated"):
            return status, headers, body
        answer = json.loads(body)
        # A page may hold fewer than were asked for.
        answer["Versions"] = [version for version in answer["Versions"] if version["VersionStages"]]
        return responses.json_response(answer)

    return list_versions


def _update_stage(stock: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    def update_stage(request: dict) -> tuple:
        if request.get("VersionStage") == "AWSCURRENT" and not request.get("MoveToVersionId"):
            message = (
                "You can only move staging label AWSCURRENT to a different secret version. "
                "It can't be completely removed."
            )
            return _refusal("InvalidParameterException", message)
        return stock(request)

    return update_stage


def _with_condition_keys(stock: Callable[..., dict]) -> Callable[..., dict]:
    def context(service: str, action: str, body: bytes, parameters: dict) -> dict:
        keys = stock(service, action, body, parameters)
        if service == "secretsmanager":
            named = {name: iam_actions._safe_json_field(body, name) for name in CONDITION_KEYS}
            asked = {name: value for name, value in named.items() if value and action in CONDITION_KEYS[name]}
            keys = {**keys, **{f"secretsmanager:{name}": value for name, value in asked.items()}}
        return keys

    return context


def _refusal(code: str, message: str) -> tuple:
    return responses.error_response_json(code, message, 400)


def policy_and_owner(resource_arn: str) -> Optional[tuple[str, str]]:
    """The resource policy of a secret of any account, and the account; an empty policy for one that is not there."""
    account, region = permissions.account_and_region(resource_arn)
    policy = secretsmanager._resource_policies.get_scoped(account, region, resource_arn)
    with responses.request_scope(account, region):
        _, secret = secretsmanager._resolve(resource_arn)
    if secret is None and account == responses.get_account_id():
        return None
    return policy or "", account


def _owner(secret_id: Any) -> Optional[str]:
    if isinstance(secret_id, str) and secret_id.startswith("arn:") and secret_id.count(":") >= 6:
        return secret_id.split(":")[4]
    return None


def _key_denial(secret: dict, owner: str, caller: str, access_key: str, actions: tuple[str, ...]) -> Optional[str]:
    """Why the caller may not use the key of the secret; None if it may. The default key is for its own account."""
    region = responses.get_region()
    reference = secret.get("KmsKeyId")
    if not reference or "alias/aws/" in reference:
        if owner == caller:
            return None
        return "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."
    with responses.request_scope(owner, region):
        key = kms._resolve_key(reference)
    if key is None:
        return "Access to KMS is not allowed"
    principal = iam_evaluator.resolve_principal(access_key, caller)
    if isinstance(principal, iam_evaluator.AuthError):
        return principal.message
    if principal.policies is None and owner == caller:
        return None
    keys = {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}
    denials = (permissions.denial(principal, action, key["Arn"], keys) for action in actions)
    return next((message for message in denials if message), None)
