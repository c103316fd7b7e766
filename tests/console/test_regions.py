"""What is said before a pair of stacks is deployed in two Regions, and what is read of the second one."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from aws import FakeAccount, snapshot
from console.destruction import Commands, Found, what_stays
from console.facts import Stack
from console.reading import read_snapshots
from console.regions import wrong_destination_region, wrong_regions
from world import A


@pytest.mark.parametrize(
    ("partition", "topic", "region", "principal", "words"),
    [
        ("aws", "us-east-1", "us-east-1", "sns.amazonaws.com", ""),
        ("aws", "us-east-1", "eu-west-1", "sns.amazonaws.com", ""),
        ("aws", "me-south-1", "me-south-1", "sns.amazonaws.com", ""),
        ("aws", "us-east-1", "me-south-1", "sns.me-south-1.amazonaws.com", ""),
        ("aws", "us-east-1", "me-south-1", "sns.amazonaws.com", "it is SnsPrincipal=sns.me-south-1.amazonaws.com"),
        ("aws", "me-south-1", "us-east-1", "sns.amazonaws.com", "it is SnsPrincipal=sns.me-south-1.amazonaws.com"),
        ("aws", "us-east-1", "eu-west-1", "sns.eu-west-1.amazonaws.com", "it is SnsPrincipal=sns.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-east-1", "sns.amazonaws.com", "signed for both"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1", "sns.amazonaws.com", ""),
        ("aws-cn", "cn-north-1", "cn-northwest-1", "sns.amazonaws.com", ""),
    ],
)
def test_what_aws_cannot_do_or_would_drop_is_refused(
    partition: str, topic: str, region: str, principal: str, words: str
) -> None:
    parameters = {"SourceTopicArn": f"arn:{partition}:sns:{topic}:111111111111:t", "SnsPrincipal": principal}
    problems = list(wrong_regions(parameters, partition, region))
    assert len(problems) == bool(words)
    assert words in "".join(problems)


def test_partitions_are_apart() -> None:
    [problem] = wrong_regions({"SourceTopicArn": "arn:aws:sns:us-east-1:111111111111:t"}, "aws-cn", "cn-north-1")
    assert "AWS copies nothing between partitions" in problem


SOURCE_COPIES = {"CrossRegionCopy": "source-copies", "DestinationRegion": "eu-west-1"}
KEY_THERE = {"DestinationRegionKMSKey": f"arn:aws:kms:eu-west-1:{A}:key/1"}


@pytest.mark.parametrize(
    ("region", "parameters", "words"),
    [
        ("us-east-1", {"DestinationRegion": ""}, ""),
        ("us-east-1", {"DestinationRegion": "us-east-1", "SharedSnapshotHours": "0"}, ""),
        ("us-east-1", {"DestinationRegion": "eu-west-1", "SharedSnapshotHours": "10"}, ""),
        (
            "us-east-1",
            {"DestinationRegion": "eu-west-1", "SharedSnapshotHours": "9"},
            "SharedSnapshotHours=9 is too short",
        ),
        ("us-east-1", {"DestinationRegion": "cn-north-1"}, "AWS copies nothing between partitions"),
        ("us-east-1", {"DestinationRegion": "us-gov-west-1"}, "AWS copies nothing between partitions"),
        ("us-gov-east-1", {"DestinationRegion": "us-gov-west-1"}, "signed for both"),
        ("us-gov-east-1", {"DestinationRegion": "us-gov-east-1"}, ""),
        ("cn-north-1", {"DestinationRegion": "cn-northwest-1"}, ""),
        ("us-east-1", SOURCE_COPIES | KEY_THERE, ""),
        ("us-east-1", SOURCE_COPIES, "needs DestinationRegionKMSKey, the ARN of a key of this account in eu-west-1"),
        ("eu-west-1", SOURCE_COPIES | KEY_THERE, "is for another Region than that of the stack"),
        ("us-east-1", {"CrossRegionCopy": "source-copies"}, "is for another Region than that of the stack"),
        (
            "us-east-1",
            SOURCE_COPIES | {"DestinationRegionKMSKey": f"arn:aws:kms:us-east-1:{A}:key/1"},
            "give a key of that",
        ),
    ],
)
def test_a_source_for_another_region_is_refused_where_its_runs_would_end(
    region: str, parameters: dict[str, str], words: str
) -> None:
    problems = list(wrong_destination_region(parameters, region))
    assert len(problems) == bool(words), problems
    assert words in "".join(problems)


def test_what_a_source_stack_has_copied_into_another_region_is_counted_and_offered_with_its_region() -> None:
    here, there = FakeAccount(A, "source"), FakeAccount(A, "source")
    here.elsewhere["us-west-2"] = there
    name = "nightly-20261122t103400z-1f2e3d"
    own = {"stack": "ours", "id": "20261122t103400z-1f2e3d"}
    here.page("DescribeDBSnapshots", "DBSnapshots", [snapshot(A, name, own)], token="Marker")
    copy = snapshot(A, f"{name}-copy-in", own)
    copy["DBSnapshotArn"] = copy["DBSnapshotArn"].replace("eu-west-1", "us-west-2")
    there.page("DescribeDBSnapshots", "DBSnapshots", [copy], token="Marker")
    stack = Stack("ours", parameters={"CrossRegionCopy": "source-copies", "DestinationRegion": "us-west-2"})
    found = read_snapshots(here, [], [stack.copies_into])
    assert [(one.identifier, one.region) for one in found] == [(name, "eu-west-1"), (f"{name}-copy-in", "us-west-2")]
    assert (
        read_snapshots(here, [], [Stack("ours", parameters={"DestinationRegion": "us-west-2"}).copies_into])
        == found[:1]
    )
    now = datetime(2026, 11, 26, tzinfo=timezone.utc)
    stays = what_stays(Found("ours", snapshots=found), Commands("source", "", "eu-west-1"), now)
    commands = [one.command for one in stays]
    assert [command.rsplit(maxsplit=1)[-1] for command in commands] == ["eu-west-1", "us-west-2"]
