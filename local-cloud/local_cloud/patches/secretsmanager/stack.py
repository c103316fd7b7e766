"""AWS::SecretsManager::Secret.

AWS: the creation of a secret whose name is taken, also by one that is scheduled for deletion, fails, and the one that
is there stays as it is. A secret that goes with its stack, or with a creation that failed, goes at once and without a
recovery window.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

# What CloudFormation calls the refusals.
HANDLER_CODES = {"ResourceExistsException": "AlreadyExists", "LimitExceededException": "ServiceLimitExceeded"}


def apply() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    # An update that replaces a secret calls it by its name.
    handlers["create"] = provisioners._sm_secret_create = create


def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    """Creates the secret of a stack as CreateSecret does."""
    name = properties.get("Name") or provisioners._physical_name(stack_name, logical_id)
    request = {part: properties[part] for part in ("Description", "KmsKeyId", "Tags") if properties.get(part)}
    if properties.get("SecretString") is not None or properties.get("GenerateSecretString"):
        request["SecretString"] = provisioners._sm_secret_string(properties)
    status, _, body = secretsmanager._create_secret({**request, "Name": name})
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(_reason(answer))
    if properties.get("ReplicaRegions"):
        provisioners._sm_secret_replicate(name, properties["ReplicaRegions"])
    return name, {"Id": answer["ARN"], "Arn": answer["ARN"]}


def _reason(refusal: dict[str, Any]) -> str:
    code = HANDLER_CODES.get(refusal.get("__type", ""), "InvalidRequest")
    details = f"(Service: SecretsManager, Status Code: 400, Request ID: {uuid.uuid4()})"
    message = f'Resource handler returned message: "{refusal.get("message", "")} {details}"'
    return f"{message} (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})"
