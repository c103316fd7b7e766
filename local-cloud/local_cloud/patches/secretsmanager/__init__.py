"""Secrets Manager: where ministack is laxer than AWS.

access.py    secrets of other accounts, the keys of secrets, the condition keys of policies
versions.py  the versions of a secret and their labels, sizes and limits
deletion.py  names that are taken, and secrets that are scheduled for deletion
past.py      reads that are some seconds old, as an order of faults/ asks for them
stack.py     AWS::SecretsManager::Secret
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import responses, router
from ministack.services import secretsmanager

from local_cloud.patches.secretsmanager import access, deletion, past, stack, versions


def apply() -> None:
    for module in (access, versions, deletion, stack):
        module.apply()
    handle = secretsmanager.handle_request

    async def handle_in_owners_account(
        method: str, path: str, headers: dict[str, Any], body: bytes, query_params: dict[str, Any]
    ) -> tuple[Any, ...]:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            request = json.loads(body) if body else {}
        except json.JSONDecodeError:
            request = {}
        caller = responses.get_account_id()
        owner = access.owner(request.get("SecretId")) or caller
        scope = (owner if action in access.ACROSS_ACCOUNTS else caller, responses.get_region())
        with responses.request_scope(*scope):
            _, secret = secretsmanager._resolve(request.get("SecretId"))
            refused = deletion.refusal(secret, action)
        if refused is None and secret:
            access_key = router.extract_access_key_id(headers, query_params) or ""
            refused = access.refusal(secret, action, owner, caller, access_key)
        if refused is not None:
            return refused
        with responses.request_scope(*scope), past.seen(secret, action):
            return await handle(method, path, headers, body, query_params)

    secretsmanager.handle_request = handle_in_owners_account
