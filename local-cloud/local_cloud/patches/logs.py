"""POST /_local-cloud/log-groups: RDS makes the log groups of an instance in its account. Asked by the RDS emulator.

Request: {"account", "region", "names": [name]}
Answer:  {"made": [those that were not there]}

AWS: RDS makes a group `/aws/rds/instance/<instance>/<log>` for each log that is published, without a retention, and leaves
it behind when the instance is deleted (RDS User Guide, "Publishing database logs to Amazon CloudWatch Logs").
"""

from __future__ import annotations

from typing import Any

from ministack.core import responses
from ministack.services import cloudwatch_logs

from local_cloud.questions import answer_at

PATH = "/_local-cloud/log-groups"


def apply() -> None:
    answer_at(PATH, make_log_groups)


def make_log_groups(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question of the form above."""
    with responses.request_scope(question["account"], question["region"]):
        made = [name for name in question["names"] if name not in cloudwatch_logs._log_groups]
        for name in made:
            cloudwatch_logs._create_log_group({"logGroupName": name})
    return {"made": made}
