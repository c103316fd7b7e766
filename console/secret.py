"""The secret by which readers find the current version: two fields of it, and why it cannot be read.

Of a secret's value only `db_host` and `db_prefix` leave `read_pointer`, and nothing here raises an error that has seen more.
"""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.facts import Pointer, Unreadable

#: Codes of our own for what AWS answers with InvalidRequestException or ResourceNotFoundException, which say too little.
SCHEDULED_FOR_DELETION = "SecretScheduledForDeletion"
CREATED_ANEW = "SecretCreatedAnew"
DELETED = "SecretDeleted"
WITHOUT_VALUE = "SecretWithoutValue"

_WORDS = {
    SCHEDULED_FOR_DELETION: "the secret {name} is scheduled for deletion: no function can read or move it",
    CREATED_ANEW: "the secret {name} was deleted and created anew: the functions hold the ARN of the old one, {arn}, which is gone",
    DELETED: "the secret {name} does not exist any more; the functions hold its ARN, {arn}",
    WITHOUT_VALUE: "the secret {name} has no value",
}
_REMEDIES = {
    SCHEDULED_FOR_DELETION: (
        "restore it with aws secretsmanager restore-secret --secret-id {arn},"
        " or deploy with ExistingSecretArn=<the whole ARN of another one>"
    ),
    # A secret that is created by hand always has another ARN, even under the same name.
    CREATED_ANEW: "deploy with ExistingSecretArn=<the whole ARN of the new one>; a secret of the same name never has the same ARN",
    DELETED: (
        "create one, and deploy with ExistingSecretArn=<its whole ARN>;"
        " its name alone does not help, because it has another ARN"
    ),
    WITHOUT_VALUE: """give it a value, {{"db_host":"","db_prefix":""}} before the first replication""",
}


def plain_name(secret: str) -> str:
    """The name of a secret. That of one that was there before the stack is known by its ARN only, which ends in six characters."""
    return re.sub("-[A-Za-z0-9]{6}$", "", secret.split(":", 6)[-1]) if secret.startswith("arn:") else secret


def read_pointer(account: Any, secret: str, name: str = "") -> Pointer | Unreadable:
    """The two fields of the secret that are ours. Any other field, and any text that holds one, ends here.

    `secret` is the ARN that the functions hold, `name` the name under which one may have been created anew.
    """
    client = account.client("secretsmanager")
    try:
        answer = client.get_secret_value(SecretId=secret)
    except ClientError as error:
        return Unreadable(
            _why_unreadable(client, secret, name, error.response.get("Error", {}).get("Code", "ClientError"))
        )
    try:
        fields = json.loads(answer.get("SecretString", ""))
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        # The decoding error carries the whole text, so it must not be the cause of this one.
        return Unreadable("SecretInvalid")
    host, prefix = (fields.get(field, "") for field in ("db_host", "db_prefix"))
    if not isinstance(host, str) or not isinstance(prefix, str):
        return Unreadable("SecretInvalid")
    return Pointer(host, prefix, answer.get("VersionId", ""))


def unusable_secret(code: str, arn: str, name: str) -> str:
    """What is wrong with a secret that no function can use and how to fix it; empty for every other code."""
    if code not in _WORDS:
        return ""
    said = {"arn": arn, "name": plain_name(name) or arn}
    return f"{_WORDS[code].format(**said)}; to fix this: {_REMEDIES[code].format(**said)}"


def _why_unreadable(client: Any, secret: str, name: str, code: str) -> str:
    if code == "InvalidRequestException":
        described = _described(client, secret)
        return SCHEDULED_FOR_DELETION if isinstance(described, dict) and described.get("DeletedDate") else code
    if code != "ResourceNotFoundException":
        return code
    described = _described(client, secret)
    if isinstance(described, dict):
        return SCHEDULED_FOR_DELETION if described.get("DeletedDate") else WITHOUT_VALUE
    if described != "ResourceNotFoundException":
        return code
    named = _described(client, plain_name(name)) if name else None
    return CREATED_ANEW if isinstance(named, dict) and named.get("ARN") != secret else DELETED


def _described(client: Any, secret: str) -> dict[str, Any] | str:
    """What DescribeSecret says, or the code of its error."""
    try:
        return client.describe_secret(SecretId=secret)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code", "ClientError")
    except BotoCoreError as error:
        return type(error).__name__
