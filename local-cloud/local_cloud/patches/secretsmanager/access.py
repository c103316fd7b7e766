"""Secrets of other accounts, the keys of secrets, and the condition keys of policies.

AWS: a secret of another account is named by its ARN; it needs an Allow in its resource policy and in the caller's,
and a customer-managed key, because the default one cannot be shared. Reading a secret under such a key takes
kms:Decrypt, writing it kms:GenerateDataKey and kms:Decrypt, by the key's policy too, and Secrets Manager says for which
secret that is: kms:EncryptionContext:SecretARN. A policy may ask which version or label a request names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import kms, secretsmanager

from local_cloud import permissions
from local_cloud.patches.secretsmanager import keys, versions

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


def apply() -> None:
    secretsmanager.secret_policy_for_arn = policy_and_owner
    iam_actions.request_tag_context = _with_condition_keys(iam_actions.request_tag_context)


def _with_condition_keys(stock: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        keys = stock(service, action, body, parameters)
        if service == "secretsmanager":
            named = {name: iam_actions._safe_json_field(body, name) for name in CONDITION_KEYS}
            asked = {name: value for name, value in named.items() if value and action in CONDITION_KEYS[name]}
            keys = {**keys, **{f"secretsmanager:{name}": value for name, value in asked.items()}}
        return keys

    return context


def policy_and_owner(resource_arn: str) -> tuple[Any, str] | None:
    """The resource policy of a secret of any account, and the account; an empty policy for one that is not there."""
    account, region = permissions.account_and_region(resource_arn)
    policy = secretsmanager._resource_policies.get_scoped(account, region, resource_arn)
    with responses.request_scope(account, region):
        _, secret = secretsmanager._resolve(resource_arn)
    if secret is None and account == responses.get_account_id():
        return None
    return policy or "", account


def owner(secret_id: Any) -> str | None:
    """The account that an ARN names, if this is one."""
    if isinstance(secret_id, str) and secret_id.startswith("arn:") and secret_id.count(":") >= 6:
        return secret_id.split(":")[4]
    return None


def refusal(
    secret: dict[str, Any], request: dict[str, Any], action: str, owner: str, caller: str, access_key: str
) -> tuple[Any, ...] | None:
    """The answer to a caller who may not use the key of the secret for this action; None to one who may."""
    denials = [
        _key_denial(secret["ARN"], reference, owner, caller, access_key, KEY_ACTIONS[action])
        for reference in _keys(secret, request, action)
    ]
    if not denials or not all(denials):
        return None
    return responses.error_response_json("AccessDeniedException", denials[-1], 400)


def _keys(secret: dict[str, Any], request: dict[str, Any], action: str) -> list[str | None]:
    """The keys of which the caller needs one."""
    if action == "GetSecretValue":
        return keys.of_version(secret, request)
    if action == "UpdateSecret" and not {"KmsKeyId", *versions.VALUES} & set(request):
        return []
    return [request.get("KmsKeyId") or secret.get("KmsKeyId")] if action in KEY_ACTIONS else []


def _key_denial(
    secret_arn: str, reference: str | None, owner: str, caller: str, access_key: str, actions: tuple[str, ...]
) -> str | None:
    """Why the caller may not use the key of the secret; None if it may. The default key is for its own account."""
    region = responses.get_region()
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
    context = {
        "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
        "kms:EncryptionContext:SecretARN": secret_arn,
    }
    denials = (permissions.denial(principal, action, key["Arn"], context) for action in actions)
    return next((message for message in denials if message), None)
