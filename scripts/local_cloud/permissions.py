"""What an AWS service may do on somebody's behalf, decided by ministack's evaluator."""

from __future__ import annotations

from typing import Any, Optional

from ministack.core import iam_evaluator, responses
from ministack.services import iam, lambda_svc


def account_and_region(arn: str) -> tuple[str, str]:
    """The account and Region that an ARN names."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return account, region


def find_function(function_arn: str) -> Optional[dict]:
    """The function as it is to be run, whichever account it is in, or None."""
    account, region = account_and_region(function_arn)
    function, configuration, _ = lambda_svc._get_func_record_for_ref_in_scope(function_arn, account_id=account, region=region)
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


def role(role_arn: str) -> Optional[dict[str, Any]]:
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
    return iam_evaluator.evaluate_resource_policy(found["AssumeRolePolicyDocument"], context, service=service).decision == "Allow"


def role_denial(role_arn: str, session: str, action: str, resource: str) -> Optional[str]:
    """Why a session of this role may not do this, in AWS's words; None if it may."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    context = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
    )
    with responses.request_scope(account, responses.get_region()):
        policies = iam_evaluator._gather_role_policies(name, account)
        limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
        result = iam_evaluator.evaluate(context, policies, *limits)
    if result.decision == "Allow":
        return None
    return refusal(principal, action, resource, "identity-based", explicit=result.decision == "Deny")


def refusal(principal_arn: str, action: str, resource: str, kind: str, explicit: bool) -> str:
    """AWS's sentence for a refusal: who, what, on which thing, and which kind of policy is the cause."""
    if explicit:
        article = "an" if kind.startswith("i") else "a"
        because = f"with an explicit deny in {article} {kind} policy"
    else:
        because = f"because no {kind} policy allows the {action} action"
    return f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} {because}"
