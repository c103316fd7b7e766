"""What an AWS service may do on somebody's behalf, decided by ministack's evaluator."""

from __future__ import annotations

import json
import re
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import iam, kms, lambda_svc


def account_and_region(arn: str) -> tuple[str, str]:
    """The account and Region that an ARN names."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return account, region


def find_function(function_arn: str) -> dict[str, Any] | None:
    """The function as it is to be run, whichever account it is in, or None."""
    account, region = account_and_region(function_arn)
    function, configuration, _ = lambda_svc._get_func_record_for_ref_in_scope(
        function_arn, account_id=account, region=region
    )
    if not function or not configuration:
        return None
    return lambda_svc._execution_record_for_config(function, configuration)


def service_may_invoke(function_arn: str, service: str, source_arn: str) -> bool:
    """Whether the function's own policy lets the service invoke it for this source (a topic, a rule)."""
    account, region = account_and_region(function_arn)
    with responses.request_scope(account, region):
        found = lambda_svc.function_policy_for_arn(function_arn)
    if found is None:
        return False
    source_account, _ = account_and_region(source_arn)
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function_arn,
        region=region,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": source_account},
    )
    return iam_evaluator.evaluate_resource_policy(found[0], context, service=service).decision == "Allow"


def role(role_arn: str) -> dict[str, Any] | None:
    """The role of this ARN, whichever account it is in, or None."""
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    return iam._roles.get_scoped(account, None, role_arn.rsplit("/", 1)[-1])


def service_may_assume(role_arn: str, service: str, source_arn: str = "") -> bool:
    """Whether the role exists and its trust policy names the service."""
    found = role(role_arn)
    if found is None:
        return False
    account = role_arn.split(":")[4]
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region="",
        service_context={"aws:sourcearn": source_arn or None, "aws:sourceaccount": account},
    )
    return (
        iam_evaluator.evaluate_resource_policy(found["AssumeRolePolicyDocument"], context, service=service).decision
        == "Allow"
    )


def role_denial(role_arn: str, session: str, action: str, resource: str) -> str | None:
    """Why a session of this role may not do this, in AWS's words; None if it may."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    with responses.request_scope(account, responses.get_region()):
        principal = iam_evaluator.PrincipalInfo(
            arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            type="AssumedRole",
            account=account,
            policies=iam_evaluator._gather_role_policies(name, account),
            limits=iam_evaluator._permissions_boundary(iam._roles, name, account),
        )
    return denial(principal, action, resource)


def denial(
    principal: iam_evaluator.PrincipalInfo,
    action: str,
    resource: str,
    keys: dict[str, Any] | None = None,
    request_tags: dict[str, str] | None = None,
) -> str | None:
    """Why the principal may not do this, in AWS's words; None if it may.

    `keys` are further condition keys. A KMS key's own policy counts too, also for the root of its account.
    """
    tags = request_tags or {}
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
        request_tags=tags,
        tag_keys=list(tags),
        service_context={name.lower(): value for name, value in (keys or {}).items()},
        principal_keys=principal.keys,
    )
    context.service_context["aws:tagkeys"] = list(tags) or None
    if principal.policies is None:
        identity = iam_evaluator.EvalResult("Allow", principal.arn)
    else:
        identity = iam_evaluator.evaluate(context, principal.policies, *principal.limits)
    result = identity
    if action.startswith("kms:") and ":key/" in resource:
        key = find_key(resource)
        if key is None:
            return f"Invalid keyId '{resource}'"
        context.service_context["kms:calleraccount"] = principal.account
        for tag in key.get("Tags") or []:
            context.service_context.setdefault(f"aws:resourcetag/{tag['TagKey']}".lower(), tag["TagValue"])
        owner, _ = account_and_region(resource)
        policy = key_policy(key)
        result = iam_evaluator.combine_resource_policy(
            identity, context, policy, owner, required=True, limits=principal.limits
        )
        if result.decision == "ImplicitDeny" and grant_allows(principal.arn, action, resource):
            return None
    if result.decision == "Allow":
        return None
    explicit = result.decision == "Deny"
    if identity.decision != "Allow" and _is_limited(principal, context):
        return refusal(principal.arn, action, resource, BOUNDARY, explicit)
    by_resource = result.resource_policy_arn if explicit else identity.decision == "Allow"
    return refusal(principal.arn, action, resource, "resource-based" if by_resource else "identity-based", explicit)


def _is_limited(principal: iam_evaluator.PrincipalInfo, context: iam_evaluator.EvalContext) -> bool:
    """Whether the principal's policies allow what its permissions boundary does not."""
    policies = principal.policies or []
    return bool(principal.limits) and iam_evaluator.evaluate(context, policies).decision == "Allow"


def find_key(key_arn: str) -> dict[str, Any] | None:
    """The KMS key of this ARN, whichever account it is in, or None."""
    account, region = account_and_region(key_arn)
    return kms._keys.get_scoped(account, region, key_arn.rpartition(":key/")[2])


# Roles and users, whom a policy keeps as their unique ids.
IDENTITY = re.compile(r"arn:[^:]+:iam::\d{12}:(?:role|user)/.+")
UNIQUE_ID = re.compile(r"A(?:ROA|IDA)[A-Z0-9]+")
BOUND = "_unique_ids"


def principals(policy: str) -> list[str]:
    """Whom the statements of a policy name as AWS principals."""
    try:
        statements = json.loads(policy).get("Statement", [])
    except (ValueError, AttributeError):
        return []
    found: list[str] = []
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Principal") if isinstance(statement, dict) else None
        named = named.get("AWS", []) if isinstance(named, dict) else []
        found += [named] if isinstance(named, str) else named
    return found


def unique_id(arn: str) -> str | None:
    """The unique id of the role or user of this ARN, or None."""
    account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
    if ":role/" in arn:
        found = role(arn)
        return found["RoleId"] if found else None
    user = iam._users.get_scoped(account, None, name)
    return user["UserId"] if user else None


def key_policy(key: dict[str, Any]) -> str:
    """The policy of a key, with the unique id of every role or user who was deleted since it was put."""
    policy = key.get("Policy") or ""
    for arn, bound in (key.get(BOUND) or {}).items():
        if bound and unique_id(arn) != bound:
            policy = policy.replace(json.dumps(arn), json.dumps(bound))
    return policy


def grant_allows(principal_arn: str, action: str, key_arn: str) -> bool:
    """Whether a grant on the key gives the principal this action. A grant for one encryption context only does not."""
    operation = action.removeprefix("kms:")
    return any(
        grant["KeyId"] == key_arn
        and operation in grant["Operations"]
        and not grant.get("Constraints")
        and iam_evaluator._names_caller({"AWS": grant["GranteePrincipal"]}, principal_arn)
        for grant in list(kms._grants._data.values())
    )


BOUNDARY = "permissions boundary"


def refusal(principal_arn: str, action: str, resource: str, kind: str, explicit: bool) -> str:
    """AWS's sentence for a refusal: who, what, on which thing, and which kind of policy is the cause."""
    policy = kind if kind == BOUNDARY else f"{kind} policy"
    if explicit:
        article = "an" if kind.startswith("i") else "a"
        because = f"with an explicit deny in {article} {policy}"
    else:
        because = f"because no {policy} allows the {action} action"
    return f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} {because}"
