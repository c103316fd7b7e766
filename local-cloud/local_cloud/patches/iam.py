"""Identity and Access Management: keys and secrets of other accounts, grants, and the words of a refusal.

AWS: a key or secret of another account needs an Allow both in its own policy and in the caller's; the root user of an
account is no exception. A KMS alias is judged as the key that it stands for. A grant gives what no policy gives. A
refusal names the resource, and says whether a resource-based or an identity-based policy is the cause. A role that was
just made may have no rights for some seconds: for how many, tests order (../timing.py).
"""

from __future__ import annotations

import contextvars
from datetime import datetime, timezone
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import kms

from local_cloud import permissions, timing

# Services whose refusals read "... on resource: <arn> because no <kind> policy allows the <action> action".
NAMING_RESOURCES = {"kms", "secretsmanager", "lambda", "states", "sns", "events", "cloudformation", "sts"}
ACROSS_ACCOUNTS = {"kms", "secretsmanager"}

_refused_by_resource: contextvars.ContextVar[bool] = contextvars.ContextVar("refused_by_resource", default=False)


def apply() -> None:
    combine = iam_evaluator.combine_resource_policy
    enforce = iam_evaluator.enforce
    respond = iam_actions.access_denied_response
    gather = iam_evaluator._gather_role_policies
    of_lambda = iam_actions._lambda_action

    def lambda_action(method: str, path: str) -> str | None:
        if path.rstrip("/").endswith("/concurrency"):
            return {"GET": "GetFunctionConcurrency", "DELETE": "DeleteFunctionConcurrency"}.get(
                method, "PutFunctionConcurrency"
            )
        return of_lambda(method, path)

    def gather_when_known(role_name: str, account: str) -> list[Any]:
        return [] if _is_fresh(role_name, account) else gather(role_name, account)

    def combine_and_remember(identity: Any, *arguments: Any, **options: Any) -> Any:
        result = combine(identity, *arguments, **options)
        _refused_by_resource.set(identity.decision == "Allow" and result.decision != "Allow")
        return result

    def enforce_across_accounts(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        _refused_by_resource.set(False)
        if service == "kms":
            resource_arn = _key_arn(resource_arn, iam_action)
            service_context = {**(service_context or {}), "kms:CallerAccount": responses.get_account_id()}
        result = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        if result is None and service in ACROSS_ACCOUNTS:
            return _refuse_foreign_root(access_key_id, iam_action, service, region, resource_arn, service_context)
        is_silent = isinstance(result, iam_evaluator.EvalResult) and result.decision == "ImplicitDeny"
        if service == "kms" and is_silent and permissions.grant_allows(result.principal_arn, iam_action, resource_arn):
            return None
        return result

    def respond_naming_resource(
        service: str, action: str, principal_arn: str, request_id: str, **details: Any
    ) -> tuple[Any, ...]:
        resource = details.get("resource_arn", "*")
        if service in NAMING_RESOURCES and not details.get("message") and not details.get("error_code"):
            if service == "kms":
                resource = _key_arn(resource, action)
            kind = "resource-based" if _refused_by_resource.get() else "identity-based"
            explicit = details.get("explicit_deny", False)
            details["message"] = permissions.refusal(principal_arn, action, resource, kind, explicit)
        return respond(service, action, principal_arn, request_id, **details)

    iam_evaluator.combine_resource_policy = combine_and_remember
    iam_evaluator.enforce = enforce_across_accounts
    iam_evaluator._gather_role_policies = gather_when_known
    iam_actions.access_denied_response = respond_naming_resource
    # ministack takes all three for the one that writes.
    iam_actions._lambda_action = lambda_action


def _is_fresh(role_name: str, account: str) -> bool:
    """Whether the rights of the role are not known everywhere yet."""
    patience = timing.seconds("rolePropagationSeconds")
    role = permissions.role(f"arn:aws:iam::{account}:role/{role_name}") if patience else None
    if role is None:
        return False
    made = datetime.fromisoformat(role["CreateDate"].replace("Z", "+00:00"))
    return (datetime.now(timezone.utc) - made).total_seconds() < patience


def _refuse_foreign_root(
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str,
    service_context: dict[str, Any] | None,
) -> Any:
    """A refusal if the caller is the root of another account, which ministack lets pass, and the policy is silent."""
    principal = iam_evaluator.resolve_principal(access_key_id or "", responses.get_account_id())
    if isinstance(principal, iam_evaluator.AuthError) or principal.policies is not None:
        return None
    found = iam_evaluator._resource_policy(service, resource_arn)
    if found is None or found[1] == principal.account:
        return None
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource_arn,
        region=region,
        service_context={name.lower(): value for name, value in (service_context or {}).items()},
        principal_keys=principal.keys,
    )
    identity = iam_evaluator.EvalResult("Allow", principal.arn)
    result = iam_evaluator.combine_resource_policy(identity, context, *found)
    if result.decision == "Allow":
        return None
    result.principal_arn = principal.arn
    return result


def _key_arn(resource_arn: str, action: str) -> str:
    """The ARN of the key that a request means by an alias or, for a ciphertext, by the key's id alone."""
    key = kms._resolve_key(resource_arn) if ":alias/" in resource_arn else None
    if key is not None:
        return key["Arn"]
    if action == "kms:Decrypt" and ":key/" in resource_arn and permissions.find_key(resource_arn) is None:
        _, region = permissions.account_and_region(resource_arn)
        wanted = resource_arn.rpartition(":key/")[2]
        for (_, key_region, key_id), record in list(kms._keys._data.items()):
            if (key_region, key_id) == (region, wanted):
                return record["Arn"]
    return resource_arn
