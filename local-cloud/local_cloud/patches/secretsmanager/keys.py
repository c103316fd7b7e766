"""The keys of the versions of a secret.

AWS: a version is encrypted under the key that the secret had when it was written. When the secret gets another key, only
what is labelled AWSCURRENT, AWSPENDING or AWSPREVIOUS is re-encrypted, and can then be read with either key; every other
version stays under the earlier one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import secretsmanager

REENCRYPTED = {"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}
# Kept with a version once the secret has had another key; until then it is the secret's.
KEYS = "_keys"


def apply() -> None:
    # A stack changes the key of its secret by the same function.
    secretsmanager._update_secret = _update(secretsmanager._update_secret)


def of_version(secret: dict[str, Any], request: dict[str, Any]) -> list[str | None]:
    """The keys each of which opens the version that a request asks for."""
    label = request.get("VersionStage") or "AWSCURRENT"
    version_id = request.get("VersionId") or secretsmanager._find_stage_version(secret, label)[0]
    version = secret["Versions"].get(version_id) or {}
    return version.get(KEYS) or [secret.get("KmsKeyId")]


def _update(stock: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def update(request: dict[str, Any]) -> tuple[Any, ...]:
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        if secret is None or "KmsKeyId" not in request:
            return stock(request)
        before, written = secret.get("KmsKeyId"), list(secret["Versions"].values())
        answer = stock(request)
        after = secret.get("KmsKeyId")
        if answer[0] < 400 and after != before:
            for version in written:
                kept = version.setdefault(KEYS, [before])
                if REENCRYPTED & set(version["Stages"]):
                    kept.append(after)
        return answer

    return update
