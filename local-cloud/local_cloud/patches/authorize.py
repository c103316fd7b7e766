"""POST /_local-cloud/authorize: who made this request, and may they do this? Asked by the RDS emulator.

Request: {"request": {"method", "path", "query", "headers": {lower-case name: value}, "body"}, "service": "rds",
          "checks": [{"action", "resource", "resourceTags": {}, "requestTags": {}, "keys": {}}]}
Answer:  {"account", "principalArn", "region", "allowed": true}
      or {"account", "principalArn", "region", "allowed": false, "denied": {"action", "resource", "message"}}
      or {"error": {"code", "message"}} when the signature or the key is not good, or the signature is for another service.

`resourceTags`, `requestTags` and `keys` (condition keys of the service's own, such as rds:CopyOptionGroup) may be left
out; the tags of a KMS key are looked up here. The checks are made in order and the first that fails is named.
"""

from __future__ import annotations

import contextvars
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router

from local_cloud import permissions
from local_cloud.questions import answer_at

PATH = "/_local-cloud/authorize"


def apply() -> None:
    # The question sets request variables of ministack's; in a copy of the context they end with it.
    answer_at(PATH, lambda question: contextvars.copy_context().run(authorize, question))


def authorize(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question of the form above."""
    service = question["service"]
    principal = _authenticate(question["request"], service)
    if isinstance(principal, iam_evaluator.AuthError):
        code, _, message = iam_actions._auth_failure(service, principal.code, principal.message, {})
        return {"error": {"code": code, "message": message}}
    region = responses.get_region()
    answer = {"account": principal.account, "principalArn": principal.arn, "region": region, "allowed": True}
    for check in question["checks"]:
        message = _denial(principal, region, service, check)
        if message:
            denied = {"action": check["action"], "resource": check["resource"], "message": message}
            return {**answer, "allowed": False, "denied": denied}
    return answer


def _authenticate(request: dict[str, Any], service: str) -> Any:
    headers = {name.lower(): value for name, value in request["headers"].items()}
    query = parse_qs(request.get("query", ""), keep_blank_values=True)
    raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    access_key = router.extract_access_key_id(headers, query)
    if _scope_service(headers, query) not in (None, service):
        message = f"Credential should be scoped to correct service: '{service}'."
        return iam_evaluator.AuthError("SignatureDoesNotMatch", message)
    iam_evaluator.pin_signed_request(request["method"], request["path"], query, raw_headers)
    iam_evaluator.pin_signed_body(request.get("body", "").encode())
    if not access_key or iam_evaluator._anonymous.get():
        return iam_evaluator.AuthError("MissingAuthenticationToken", "Request is missing Authentication Token")
    responses.set_request_account_id(app._request_account_scope(access_key))
    responses.set_request_region(router.extract_region(headers, query))
    account = responses.get_account_id()
    checked = iam_evaluator.authenticate(access_key, account)
    if isinstance(checked, iam_evaluator.AuthError):
        return checked
    return iam_evaluator.resolve_principal(access_key, account, checked)


def _scope_service(headers: dict[str, Any], query: dict[str, Any]) -> str | None:
    """The service that the request was signed for, which stands in the scope of its credential."""
    _, _, rest = headers.get("authorization", "").partition("Credential=")
    scope = rest.partition(",")[0] or query.get("X-Amz-Credential", [""])[0]
    parts = scope.strip().split("/")
    return parts[-2] if len(parts) >= 5 else None


def _denial(principal: iam_evaluator.PrincipalInfo, region: str, service: str, check: dict[str, Any]) -> str | None:
    """Why AWS would refuse this action on this resource, in its words, or None if it would not."""
    request_tags = check.get("requestTags") or {}
    keys = dict(check.get("keys") or {})
    keys.update({f"aws:RequestTag/{name}": value for name, value in request_tags.items()})
    keys.update({f"aws:ResourceTag/{name}": value for name, value in (check.get("resourceTags") or {}).items()})
    if check["action"].startswith("kms:"):
        # The service makes these calls with the caller's rights; a policy may ask for that.
        keys.setdefault("kms:ViaService", f"{service}.{region}.amazonaws.com")
        keys["kms:GrantIsForAWSResource"] = "true"
    return permissions.denial(principal, check["action"], check["resource"], keys, request_tags)
