"""What `scripts/deploy` refuses about the secret of a destination stack: a secret that the stack cannot use, a name that is
taken, and a change of the secret while readers depend on it, because readers do not move to another one.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from console.facts import Unreadable
from console.failure import Failure
from console.secret import read_pointer, unusable_secret

NAME, EXISTING = "SecretName", "ExistingSecretArn"
#: How many parts the ARN of a secret has.
_ARN_PARTS = 7


def check_secret(
    account: Any, number: str, outputs: dict[str, str] | None, before: dict[str, str], after: dict[str, str]
) -> None:
    """Raises `Failure` unless the stack can have the secret that these parameters say.

    `outputs` are those of the stack as it is, None if there is none; `before` and `after` are its parameters, with their
    defaults. Of the secrets only the field `db_host` is read.
    """
    existing = after.get(EXISTING, "")
    if existing:
        _check_existing(account, number, existing)
    used = (outputs or {}).get("SecretArn", "")
    is_changed = existing != used if existing else before.get(EXISTING, "") != "" or before.get(NAME) != after.get(NAME)
    if used and is_changed:
        _check_readers(account, used, existing, after.get(NAME, ""))
    # What a failed creation has left is removed before the next one.
    if not existing and (outputs is None or (used and is_changed)):
        _check_name(account, after.get(NAME, ""))


def _check_existing(account: Any, number: str, arn: str) -> None:
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[2] != "secretsmanager":
        raise Failure(
            f"{EXISTING}={arn} is no ARN of a secret: give the whole one, as aws secretsmanager describe-secret shows it"
        )
    if parts[3] != account.region or parts[4] != number:
        raise Failure(
            f"{EXISTING}={arn} is in account {parts[4]}, Region {parts[3]}: the stack is deployed to account {number}, Region "
            f"{account.region}, and its functions use a secret of their own account and Region only"
        )
    found = _described(account, arn)
    if found == "ResourceNotFoundException":
        raise Failure(
            f"{EXISTING}={arn} does not exist; to fix this: give the whole ARN, with the six characters at its end"
        )
    if isinstance(found, str):
        return
    if found["ARN"] != arn:
        raise Failure(f"{EXISTING}={arn} is not the whole ARN; to fix this: give {found['ARN']}")
    if found.get("DeletedDate"):
        raise Failure(f"{EXISTING}={arn} is scheduled for deletion; to fix this: {_restore(arn)}")


def _check_readers(account: Any, used: str, existing: str, name: str) -> None:
    """Another secret may take the place of one that names nothing or is lost, or if it names the same version."""
    now = read_pointer(account, used)
    if isinstance(now, Unreadable):
        if unusable_secret(now.code, used, ""):
            return
        known = f"and these credentials cannot read what the old one names ({now.code})"
    elif not now.host:
        return
    else:
        known = f"and the old one names {now.host}, which later runs delete"
        new = read_pointer(account, existing) if existing else None
        if new and not isinstance(new, Unreadable) and new.host == now.host:
            return
    raise Failure(
        f"the secret of this stack would be another one, {existing or name} instead of {used}. Readers do not move to it, {known}. "
        f"To fix this: keep {NAME} and {EXISTING} as they are; or create a secret with the text of the old one, deploy with "
        f"{EXISTING}=<its whole ARN>, and let readers read that before the next run"
    )


def _check_name(account: Any, name: str) -> None:
    found = _described(account, name) if name else ""
    if isinstance(found, str):
        return
    advice = f"to fix this: add --parameter {EXISTING}={found['ARN']}, and the stack uses it as it is; or give another {NAME}"
    if found.get("DeletedDate"):
        raise Failure(
            f"the secret {name} is scheduled for deletion, and no other of its name can be created until then; {advice}."
            f" First, {_restore(name)}"
        )
    raise Failure(f"there is a secret {name} already, and CloudFormation does not make another of its name; {advice}")


def _restore(secret: str) -> str:
    return f"restore it with aws secretsmanager restore-secret --secret-id {secret}"


def _described(account: Any, secret: str) -> dict[str, Any] | str:
    """What DescribeSecret says, or the code of its error. A user who may not ask gets the error from CloudFormation, later."""
    try:
        return account.client("secretsmanager").describe_secret(SecretId=secret)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code", "ClientError")
