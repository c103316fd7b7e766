"""How many items of an inline Map run at once.

AWS: at most 40, whatever MaxConcurrency says, and 0 means as many as there may be. MaxConcurrencyPath must find a whole
number that is not negative; else it is States.Runtime.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions as sfn

from local_cloud.patches.stepfunctions import paths

MOST_AT_ONCE = 40


def apply() -> None:
    sfn._run_map_items = _limited(sfn._run_map_items)


def _limited(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_items(state: dict[str, Any], document: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        processor = state.get("ItemProcessor") or state.get("Iterator") or {}
        if (processor.get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
            return run(state, document, execution, context)
        limit = state.get("MaxConcurrency", 0)
        path = state.get("MaxConcurrencyPath")
        if path:
            limit = paths.resolve_with_context(path, sfn._apply_input_path(state, document, context), context)
            if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
                wanted = "a whole number from 0 on"
                cause = f"The MaxConcurrencyPath parameter does not reference {wanted}: {path} == {json.dumps(limit)}"
                raise sfn._ExecutionError("States.Runtime", cause)
        if isinstance(limit, int):
            state = {**state, "MaxConcurrency": min(limit or MOST_AT_ONCE, MOST_AT_ONCE)}
        return run(state, document, execution, context)

    return run_items
