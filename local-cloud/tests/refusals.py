"""Refusals of AWS, for the tests of both halves of the local cloud."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

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
