"""The name under which SNS calls a function (SNS guide, cross-Region delivery)."""

from __future__ import annotations

# The Regions that an account has to opt in to (Account Management guide).
OPT_IN = frozenset(
    {
        "af-south-1",
        *("ap-east-1", "ap-east-2", "ap-south-2"),
        *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
        *("ca-west-1", "mx-central-1"),
        *("eu-central-2", "eu-south-1", "eu-south-2"),
        *("il-central-1", "me-central-1", "me-south-1"),
    }
)


def sns_principal(topic_arn: str, function_arn: str) -> str:
    """The name under which SNS calls a function for a topic."""
    of_topic, of_function = (arn.split(":")[3] for arn in (topic_arn, function_arn))
    if of_topic == of_function or not OPT_IN & {of_topic, of_function}:
        return "sns.amazonaws.com"
    return f"sns.{of_function if of_function in OPT_IN else of_topic}.amazonaws.com"
