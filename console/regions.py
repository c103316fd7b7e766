"""What `scripts/deploy` says about a destination stack in another Region than its source: what AWS cannot do, and what it would
drop without a word."""

from __future__ import annotations

from collections.abc import Iterator

from local_cloud.patches.opt_in import sns_principal

TOPIC, PRINCIPAL = "SourceTopicArn", "SnsPrincipal"

# Between the two Regions of this partition RDS wants a request that is signed for both.
_SIGNS_EVERY_COPY = "aws-us-gov"


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
