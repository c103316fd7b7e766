"""Step Functions: where ministack's interpreter is laxer than AWS's.

definition.py  what is refused when a machine is created or updated
paths.py       JSONPath and the comparisons of Choice states
execution.py   how an execution runs, waits, retries and ends
history.py     what its history reports
maps.py        how many items of a Map run at once
tasks.py       what a task may do: the machine's role; nested executions
objects.py     what a task writes to a bucket
api.py         StartExecution, StopExecution, and the stack resource
reports.py     metrics of AWS/States
"""

from __future__ import annotations

from local_cloud.patches.stepfunctions import api, execution, history, maps, objects, paths, reports, tasks


def apply() -> None:
    for module in (paths, history, execution, maps, objects, tasks, reports, api):
        module.apply()
