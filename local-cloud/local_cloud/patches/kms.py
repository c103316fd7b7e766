"""Key Management Service: keys of other accounts, and the keys that AWS manages.

AWS: the operations of ACROSS_ACCOUNTS take the ARN of a key of any account, if its policy and the caller's allow
that. An alias `alias/aws/<service>` names a key that AWS makes on first use, manages (KeyManager is AWS), and lets
nobody change or share.

A role or user that a key policy names must exist when the policy is put, and is kept as its unique id: one that is
deleted and made anew under the same name is another principal, for which the policy says nothing. Such a policy shows
the unique id where the name was. CloudFormation puts a policy again only if the template's own text of it has changed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import kms
from ministack.services.cloudformation import provisioners

from local_cloud import permissions

ACROSS_ACCOUNTS = {
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetKeyRotationStatus",
    "GetPublicKey",
    "ListGrants",
    "RetireGrant",
    "RevokeGrant",
    "Sign",
    "Verify",
    "VerifyMac",
}
NOT_ON_MANAGED_KEYS = {"DisableKey", "EnableKey", "PutKeyPolicy", "ScheduleKeyDeletion", "UpdateKeyDescription"}
MANAGED = "_managed_by_aws"


def apply() -> None:
    handle = kms.handle_request
    resolve = kms._resolve_key
    metadata = kms._key_metadata

    async def handle_in_owners_account(
        method: str, path: str, headers: dict[str, Any], body: bytes, query_params: dict[str, Any]
    ) -> tuple[Any, ...]:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            request = json.loads(body) if body else {}
        except json.JSONDecodeError:
            return await handle(method, path, headers, body, query_params)
        caller = responses.get_account_id()
        if action in NOT_ON_MANAGED_KEYS and (kms._resolve_key(request.get("KeyId", "")) or {}).get(MANAGED):
            return _refuse(caller, action, request["KeyId"])
        owner = _owner(request) if action in ACROSS_ACCOUNTS else None
        if owner is None or owner == caller:
            return await handle(method, path, headers, body, query_params)
        with responses.request_scope(owner, responses.get_region()):
            answer = await handle(method, path, headers, body, query_params)
        if action == "CreateGrant" and answer[0] == 200:
            _issued_by(json.loads(answer[2])["GrantId"], caller)
        return answer

    def resolve_managed_too(reference: str) -> dict[str, Any] | None:
        found = resolve(reference)
        if found is None and _is_own_managed_alias(reference):
            return _make_managed_key(reference.rpartition(":")[2])
        return found

    def metadata_with_manager(record: dict[str, Any]) -> dict[str, Any]:
        return {**metadata(record), "KeyManager": "AWS" if record.get(MANAGED) else "CUSTOMER"}

    kms.handle_request = handle_in_owners_account
    kms._resolve_key = resolve_managed_too
    kms._key_metadata = metadata_with_manager
    kms.key_policy_for_arn = policy_and_owner
    kms._create_key = _create(kms._create_key)
    kms._put_key_policy = _put_policy(kms._put_key_policy)
    kms._get_key_policy = _get_policy(kms._get_key_policy)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::KMS::Key"]
    handlers["update"] = provisioners._kms_key_update = _update_of_stack(provisioners._kms_key_update)


def _create(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def create(request: dict[str, Any]) -> tuple[Any, ...]:
        refused = _principals_refusal(request.get("Policy") or "")
        if refused:
            return refused
        answer = stock(request)
        if answer[0] == 200:
            _bind(kms._keys[json.loads(answer[2])["KeyMetadata"]["KeyId"]])
        return answer

    return create


def _put_policy(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def put_policy(request: dict[str, Any]) -> tuple[Any, ...]:
        refused = _principals_refusal(request.get("Policy") or "")
        if refused:
            return refused
        answer = stock(request)
        if answer[0] == 200:
            _bind(kms._resolve_key(request["KeyId"]) or {})
        return answer

    return put_policy


def _get_policy(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def get_policy(request: dict[str, Any]) -> tuple[Any, ...]:
        status, headers, body = stock(request)
        if status != 200:
            return status, headers, body
        key = kms._resolve_key(request["KeyId"]) or {}
        return responses.json_response({**json.loads(body), "Policy": permissions.key_policy(key)})

    return get_policy


def _update_of_stack(stock: Callable[..., Any]) -> Callable[..., Any]:
    def update(physical_id: str, before: dict[str, Any], after: dict[str, Any], stack_name: str) -> tuple[Any, ...]:
        if before.get("KeyPolicy") == after.get("KeyPolicy"):
            return stock(physical_id, before, {**after, "KeyPolicy": None}, stack_name)
        policy = after.get("KeyPolicy") or ""
        refused = _principals_refusal(policy if isinstance(policy, str) else json.dumps(policy))
        if refused:
            raise ValueError(json.loads(refused[2])["message"])
        answer = stock(physical_id, before, after, stack_name)
        _bind(kms._resolve_key(answer[0]) or {})
        return answer

    return update


def _principals_refusal(policy: str) -> tuple[Any, ...] | None:
    """The answer to a policy that names a role or user who is not there."""
    named = permissions.principals(policy)
    are_there = all(permissions.unique_id(arn) for arn in named if permissions.IDENTITY.fullmatch(arn))
    if are_there and not any(permissions.UNIQUE_ID.fullmatch(name) for name in named):
        return None
    message = "Policy contains a statement with one or more invalid principals."
    return responses.error_response_json("MalformedPolicyDocumentException", message, 400)


def _bind(key: dict[str, Any]) -> None:
    """Keeps who the principals of a key's policy are now."""
    named = permissions.principals(key.get("Policy") or "")
    key[permissions.BOUND] = {arn: permissions.unique_id(arn) for arn in named if permissions.IDENTITY.fullmatch(arn)}


def policy_and_owner(resource_arn: str) -> tuple[str, str] | None:
    """The policy of a key of any account, and the account; no policy for a key of another account that is missing."""
    key = kms._resolve_key(resource_arn)
    account, _ = permissions.account_and_region(resource_arn)
    if key is None and account != responses.get_account_id():
        key = (permissions.find_key(resource_arn) if ":key/" in resource_arn else None) or {}
    return None if key is None else (permissions.key_policy(key), account)


def _owner(request: dict[str, Any]) -> str | None:
    """The account of the key that a request names by ARN or by a ciphertext made with it."""
    reference = request.get("KeyId") or ""
    if reference.startswith("arn:"):
        return reference.split(":")[4] if reference.count(":") >= 5 else None
    if reference:
        return None
    try:
        key_id = base64.b64decode(request.get("CiphertextBlob") or "")[:36].decode()
    except (binascii.Error, UnicodeDecodeError, TypeError):
        return None
    for account, region, stored_id in list(kms._keys._data):
        if (region, stored_id) == (responses.get_region(), key_id):
            return account
    return None


def _issued_by(grant_id: str, account: str) -> None:
    for grant in list(kms._grants._data.values()):
        if grant["GrantId"] == grant_id:
            grant["IssuingAccount"] = f"arn:aws:iam::{account}:root"


def _is_own_managed_alias(reference: Any) -> bool:
    if not isinstance(reference, str):
        return False
    own = f"arn:aws:kms:{responses.get_region()}:{responses.get_account_id()}:"
    return reference.removeprefix(own).startswith("alias/aws/")


def _make_managed_key(alias: str) -> dict[str, Any]:
    service, account, region = alias.removeprefix("alias/aws/"), responses.get_account_id(), responses.get_region()
    through_service = {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"]
    look = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]
    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": use, "Resource": "*"}
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": look, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [{**anyone, "Condition": {"StringEquals": through_service}}, own]}
    description = f"Default key that protects my {service} data when no other key is defined"
    _, _, body = kms._create_key({"Description": description, "Policy": json.dumps(policy)})
    key = kms._keys[json.loads(body)["KeyMetadata"]["KeyId"]]
    key[MANAGED] = True
    kms._aliases[kms._alias_arn(alias)] = key["KeyId"]
    return key


def _refuse(account: str, action: str, key: str) -> tuple[Any, ...]:
    message = f"User: arn:aws:iam::{account}:root is not authorized to perform: kms:{action} on resource: {key}"
    return responses.error_response_json("AccessDeniedException", message, 400)
