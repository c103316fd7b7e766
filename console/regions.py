"""What `scripts/deploy` says about a pair of stacks in two Regions: what AWS cannot do, and what it would drop without a word."""

from __future__ import annotations

from collections.abc import Iterator

from local_cloud.patches.opt_in import sns_principal

TOPIC, PRINCIPAL = "SourceTopicArn", "SnsPrincipal"

# Between the two Regions of this partition RDS wants a request that is signed for both.
_SIGNS_EVERY_COPY = "aws-us-gov"


# How the names of Regions begin that are not of the first partition, as `replication::place` has them.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
_FEWEST_HOURS = 10


def wrong_destination_region(parameters: dict[str, str], region: str) -> Iterator[str]:
    """What is wrong with the Region of the destination and what goes with it, for a source stack that is here."""
    other = parameters.get("DestinationRegion", "")
    copies = parameters.get("CrossRegionCopy") == "source-copies"
    key = parameters.get("DestinationRegionKMSKey", "")
    if other in ("", region):
        if copies:
            yield (
                "CrossRegionCopy=source-copies is for another Region than that of the stack: give that of the destination stack in "
                "DestinationRegion, or leave CrossRegionCopy out"
            )
        return
    own_partition, other_partition = _partition(region), _partition(other)
    if own_partition != other_partition:
        yield (
            f"DestinationRegion={other} is of partition {other_partition}, the stack would be in Region {region} of partition "
            f"{own_partition}: AWS copies nothing between partitions"
        )
    elif own_partition == _SIGNS_EVERY_COPY:
        yield (
            f"DestinationRegion={other}, and the stack would be in {region}: between Regions of GovCloud (US) RDS wants a request "
            "that is signed for both, which this product does not make, whoever copies"
        )
    if copies and not key:
        yield f"CrossRegionCopy=source-copies needs DestinationRegionKMSKey, the ARN of a key of this account in {other}"
    elif copies and key.count(":") == 5 and key.split(":")[3] != other:
        yield (
            f"DestinationRegionKMSKey={key} is in Region {key.split(':')[3]}, and the copies that it is for are made in {other}: "
            "give a key of that Region"
        )
    hours = parameters.get("SharedSnapshotHours", "")
    if hours.isdecimal() and int(hours) < _FEWEST_HOURS:
        yield (
            f"SharedSnapshotHours={hours} is too short for a destination in {other}: RDS may leave copies between Regions waiting "
            f"for hours, and a snapshot that is deleted ends them. Give at least {_FEWEST_HOURS}, and not less than the "
            "destination's CopyDeadlineSeconds"
        )


def _partition(region: str) -> str:
    return next((name for beginning, name in _PARTITIONS.items() if region.startswith(beginning)), "aws")


def wrong_regions(parameters: dict[str, str], partition: str, region: str) -> Iterator[str]:
    """What is wrong with the topic's Region and the name of SNS, for a destination stack that is here."""
    topic = parameters.get(TOPIC, "")
    if topic.count(":") != 5:
        return
    _, of_topic, _, topic_region, _, _ = topic.split(":")
    if of_topic != partition:
        yield (
            f"{TOPIC} is in Region {topic_region} of partition {of_topic}, the stack would be in Region {region} of partition "
            f"{partition}: AWS copies nothing between partitions"
        )
    elif topic_region != region and partition == _SIGNS_EVERY_COPY:
        yield (
            f"{TOPIC} is in Region {topic_region}, the stack would be in {region}: between Regions of GovCloud (US) RDS wants a "
            "request that is signed for both, which this product does not make"
        )
    wanted = sns_principal(topic, f"arn:{partition}:lambda:{region}::function")
    given = parameters.get(PRINCIPAL, "")
    if given and given != wanted:
        yield (
            f"{PRINCIPAL}={given} would let AWS drop every message without a word: for a topic in {topic_region} and a function in "
            f"{region} it is {PRINCIPAL}={wanted}"
        )
