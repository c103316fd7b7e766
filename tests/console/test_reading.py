"""What is read of an account, with real clients and answers of our own: all pages."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import NoCredentialsError, ProfileNotFound

from aws import FakeAccount, stack, tags
from console.facts import Unreadable
from console.failure import Failure
from console.reading import attempt, error_code, read_instances, read_snapshots, read_stacks
from world import B

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def here() -> FakeAccount:
    return FakeAccount(B)


def test_every_page_of_everything_is_read(here: FakeAccount) -> None:
    here.page("DescribeStacks", "Stacks", [stack("one", {}), stack("two", {}), stack("three", {"A": "b"})])
    assert [one.name for one in read_stacks(here)] == ["one", "two", "three"]
    assert read_stacks(here)[0].created == datetime(2026, 11, 1, tzinfo=timezone.utc)
    instances = [
        {
            "DBInstanceIdentifier": f"copy-{number}",
            "DBInstanceStatus": "creating",
            "TagList": tags(name=f"copy-{number}"),
        }
        for number in range(3)
    ]
    here.page("DescribeDBInstances", "DBInstances", instances, token="Marker")
    found = read_instances(here)
    assert [one.identifier for one in found] == ["copy-0", "copy-1", "copy-2"]
    last = found[-1]
    assert (last.host, last.created, last.size, last.version, last.deletion_protection) == ("", None, None, None, False)


def test_the_time_of_the_data_is_never_that_of_a_copy(here: FakeAccount) -> None:
    """Real PostgreSQL answers lack SnapshotDatabaseTime."""
    original, copied = NOW - timedelta(hours=5), NOW - timedelta(hours=1)
    name = {"DBSnapshotIdentifier": "copy-1", "SnapshotCreateTime": copied}
    without = name | {"OriginalSnapshotCreateTime": original}
    one = without | {"SnapshotDatabaseTime": NOW}
    here.page("DescribeDBSnapshots", "DBSnapshots", [one, without, name], token="Marker")
    assert [found.data_time for found in read_snapshots(here)] == [NOW, original, None]


def test_tags_that_an_answer_lacks_are_asked_for_where_the_name_may_be_ours(here: FakeAccount) -> None:
    arn = f"arn:aws:rds:eu-west-1:{B}:db:copy-1"
    bare = {"DBInstanceIdentifier": "copy-1", "DBInstanceArn": arn, "DBInstanceStatus": "available"}
    other = {"DBInstanceIdentifier": "reports-1", "DBInstanceArn": f"{arn}-x", "DBInstanceStatus": "available"}
    here.page("DescribeDBInstances", "DBInstances", [bare, other], token="Marker")
    here.answer("ListTagsForResource", {"TagList": tags(stack="destination-stack", name="copy-1")})
    found, foreign = read_instances(here, ["copy"])
    assert (found.is_of("destination-stack"), foreign.tags) == (True, {})
    assert here.calls["ListTagsForResource"] == 1
    here.refuse("ListTagsForResource")
    assert read_instances(here, ["copy"])[0].tags == {}


def test_errors_are_named_by_their_own_names() -> None:
    def fail() -> None:
        try:
            raise ProfileNotFound(profile="source")
        except ProfileNotFound as error:
            raise Failure("cannot be used") from error

    assert attempt(fail) == Unreadable("ProfileNotFound")
    assert error_code(NoCredentialsError()) == "NoCredentialsError"
    assert error_code(Failure("alone")) == "Failure"
