"""aws-sdk:s3:putObject, which ministack's integrations lack.

AWS: the Body of a task is a blob, for which JSON is given in place of bytes: what is there is written as JSON text. The
role of the machine needs s3:PutObject on the object.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.services import s3
from ministack.services import stepfunctions as sfn

KNOWN = {"Bucket", "Key", "Body", "ContentType"}


def apply() -> None:
    sfn._invoke_aws_sdk_integration = _with_put_object(sfn._invoke_aws_sdk_integration)


def _with_put_object(invoke: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    def invoke_integration(resource: str, document: Any) -> Any:
        return put_object(document) if resource.endswith(":aws-sdk:s3:putObject") else invoke(resource, document)

    return invoke_integration


def put_object(document: dict[str, Any]) -> dict[str, Any]:
    """Writes an object; what the task answers."""
    unknown = sorted(set(document) - KNOWN)
    if unknown or not {"Bucket", "Key"} <= set(document):
        raise sfn._ExecutionError("States.Runtime", f"the local cloud's putObject takes {sorted(KNOWN)}, not {unknown}")
    headers = {"content-type": document.get("ContentType", "application/octet-stream")}
    body = json.dumps(document["Body"]).encode() if "Body" in document else b""
    # What the role may is checked already (tasks.py).
    status, answered, text = s3._put_object(document["Bucket"], document["Key"], body, headers)
    if status >= 400:
        missing = status == 404
        cause = text.decode() if isinstance(text, bytes) else str(text)
        raise sfn._ExecutionError("S3.NoSuchBucketException" if missing else "S3.S3Exception", cause)
    tag = next((value for name, value in answered.items() if name.lower() == "etag"), "")
    return {"ETag": tag}
