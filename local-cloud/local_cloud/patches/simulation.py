"""Identity and Access Management: what the policies of a role or user would let it do.

AWS: SimulatePrincipalPolicy knows a role or user by its whole ARN, path included, and none that is not there. It judges
every action on every resource, with the condition keys that the request gives and no others, and by the permissions
boundary too. Policies of the resources are not part of it, and for a role the request cannot give one: so nothing allows a
role the resource of another account, which both sides have to allow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import iam

from local_cloud import permissions


def apply() -> None:
    iam._simulate_principal_policy = simulate
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate
    iam_actions.extract_resource_arn = _of_principal(iam_actions.extract_resource_arn)


def _of_principal(stock: Callable[..., str]) -> Callable[..., str]:
    """The right to simulate is one on the role or user (Service Authorization Reference)."""

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, parameters: Any, *scope: Any) -> str:
        if service == "iam":
            source = iam_actions._query_param(parameters, "PolicySourceArn")
            if source:
                return source
        return stock(service, method, path, headers, body, parameters, *scope)

    return extract


def simulate(parameters: dict[str, Any]) -> Any:
    source = iam._p(parameters, "PolicySourceArn")
    found = _principal(source)
    if found is None:
        name = source.rsplit("/", 1)[-1]
        kind = "role" if ":role/" in source else "user"
        return iam._error(404, "NoSuchEntity", f"The {kind} with name {name} cannot be found.", ns="iam")
    actions = _members(parameters, "ActionNames.member.{}")
    resources = _members(parameters, "ResourceArns.member.{}") or ["*"]
    keys = {
        name.lower(): _members(parameters, f"ContextEntries.member.{place}.ContextKeyValues.member.{{}}")[0]
        for place, name in enumerate(_members(parameters, "ContextEntries.member.{}.ContextKeyName"), 1)
    }
    results = "".join(_result(found, action, resource, keys) for action in actions for resource in resources)
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>",
        ns="iam",
    )


def _principal(arn: str) -> iam_evaluator.PrincipalInfo | None:
    """The role or user of this ARN with its policies, or None."""
    if arn.count(":") < 5:
        return None
    account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
    if ":role/" in arn:
        found, store = permissions.role(arn), iam._roles
        policies = iam_evaluator._gather_role_policies(name, account)
    else:
        found, store = iam._users.get_scoped(account, None, name), iam._users
        policies = iam_evaluator._gather_user_policies(name, account)
    if found is None or found["Arn"] != arn:
        return None
    limits = iam_evaluator._permissions_boundary(store, name, account)
    return iam_evaluator.PrincipalInfo(arn=arn, type="User", account=account, policies=policies, limits=limits)


def _members(parameters: dict[str, Any], name: str) -> list[str]:
    """The values of a list in a request, up to the first that is not there."""
    found: list[str] = []
    while value := iam._p(parameters, name.format(len(found) + 1)):
        found.append(value)
    return found


def _account(resource: str) -> str:
    """The account in an ARN; empty where it names none."""
    parts = resource.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def _result(principal: iam_evaluator.PrincipalInfo, action: str, resource: str, keys: dict[str, str]) -> str:
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
        service_context=dict(keys),
    )
    decided = iam_evaluator.evaluate(context, principal.policies or [], *principal.limits).decision
    if decided == "Allow" and _account(resource) not in ("", principal.account):
        decided = "ImplicitDeny"
    word = {"Allow": "allowed", "Deny": "explicitDeny"}.get(decided, "implicitDeny")
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{word}</EvalDecision><MatchedStatements></MatchedStatements>"
        "<MissingContextValues></MissingContextValues></member>"
    )
