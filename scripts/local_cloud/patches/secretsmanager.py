"""Secrets Manager: secrets of other accounts, the keys of secrets, and repeated requests.

AWS: a secret of another account is named by its ARN; it needs an Allow in its resource policy and in the caller's,
and a customer-managed key, because the default one cannot be shared. Reading a secret under such a key takes
kms:Decrypt, writing it kms:GenerateDataKey and kms:Decrypt, by the key's policy too. PutSecretValue with the
ClientRequestToken of a version that is there changes nothing if the value is the same, and is refused if it is
another.
"""

from __future__ import annotations

import json
from typing import Any, Optional

from local_cloud import permissions
from ministack.core import iam_evaluator, responses, router
from ministack.services import kms, secretsmanager

ACROSS_ACCOUNTS = {"DescribeSecret", "GetSecretValue", "ListSecretVersionIds", "PutSecretValue", "UpdateSecret"}
KEY_ACTIONS = {
    "GetSecretValue": ("kms:Decrypt",),
    "PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    "UpdateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
}


def apply() -> None:
    handle = secretsmanager.handle_request
    put = secretsmanager._put_secret_value

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

    def put_once(request: dict) -> tuple:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        token = request.get("ClientRequestToken")
        version = secret["Versions"].get(token) if secret and token else None
        if version is None:
            return put(request)
        if any(version.get(part) != request.get(part) for part in ("SecretString", "SecretBinary")):
            message = f"You can't modify an existing version, you can only create a new version. Version {token} already exists."
            return responses.error_response_json("ResourceExistsException", message, 400)
        answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}
        return responses.json_response({**answer, "VersionStages": list(version["Stages"])})

    secretsmanager.handle_request = handle_in_owners_account
    secretsmanager.secret_policy_for_arn = policy_and_owner
    secretsmanager._put_secret_value = put_once


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
