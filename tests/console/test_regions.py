"""What is said before a destination is deployed in another Region than its source."""

from __future__ import annotations

import pytest

from console.regions import wrong_regions


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
