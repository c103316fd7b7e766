"""A secret with its versions, and refusals, for the tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError


@contextlib.contextmanager
def refused(code: str, *words: str) -> Iterator[None]:
    """What happens inside is refused with this error, whose message has these words."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    for word in words:
        assert word in error["Message"], error


class Secret:
    """A secret of the source account and its versions."""

    def __init__(self, cloud: Any, name: str) -> None:
        self.cloud, self.name = cloud, name
        self.secrets = cloud.client("secretsmanager", "source")
        made = self.secrets.create_secret(Name=name, SecretString="0")
        self.arn, self.first = made["ARN"], made["VersionId"]

    def put(self, value: str, *labels: str, **options: Any) -> str:
        """The id of a new version."""
        stages = {"VersionStages": list(labels)} if labels else {}
        return self.secrets.put_secret_value(SecretId=self.name, SecretString=value, **stages, **options)["VersionId"]

    def value(self, **version: str) -> str:
        return self.secrets.get_secret_value(SecretId=self.name, **version)["SecretString"]

    def move(self, label: str, **versions: str) -> None:
        self.secrets.update_secret_version_stage(SecretId=self.name, VersionStage=label, **versions)

    def labels(self, **options: Any) -> dict[str, set]:
        listed = self.secrets.list_secret_version_ids(SecretId=self.name, **options)["Versions"]
        return {version["VersionId"]: set(version.get("VersionStages", [])) for version in listed}
