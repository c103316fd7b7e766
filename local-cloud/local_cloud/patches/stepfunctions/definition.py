"""What is refused when a machine is created or updated.

AWS: a definition must be JSON of the Amazon States Language: known fields with values of the right kind, exactly one
way on from every state, targets that exist, no state that cannot be reached, and States.ALL alone and last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

_COMMON = {"Type", "Comment", "InputPath", "OutputPath", "QueryLanguage", "Assign", "Output"}
_FLOW = {"Next", "End"}
_RESULT = {"ResultPath", "ResultSelector", "Parameters"}
_ERRORS = {"Retry", "Catch"}
FIELDS = {
    "Pass": _COMMON | _FLOW | {"Result", "ResultPath", "Parameters"},
    "Task": _COMMON
    | _FLOW
    | _RESULT
    | _ERRORS
    | {
        "Resource",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Credentials",
        "Arguments",
    },
    "Choice": _COMMON | {"Choices", "Default"},
    "Wait": _COMMON | _FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": _COMMON,
    "Fail": {"Type", "Comment", "QueryLanguage", "Error", "ErrorPath", "Cause", "CausePath"},
    "Parallel": _COMMON | _FLOW | _RESULT | _ERRORS | {"Branches", "Arguments"},
    "Map": _COMMON
    | _FLOW
    | _RESULT
    | _ERRORS
    | {
        "ItemProcessor",
        "Iterator",
        "ItemsPath",
        "Items",
        "ItemSelector",
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
        "Label",
    }
    | {"MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailureCount", "ToleratedFailureCountPath"}
    | {"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"},
}
RETRY_FIELDS = {
    "ErrorEquals",
    "IntervalSeconds",
    "BackoffRate",
    "MaxAttempts",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}
CATCH_FIELDS = {"ErrorEquals", "ResultPath", "Next", "Comment", "Assign", "Output"}
MACHINE_FIELDS = {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage", "ProcessorConfig"}


def problems(text: str) -> list[str]:
    """Everything that is wrong with a definition, as AWS words it: code, what, and where."""
    try:
        machine = json.loads(text)
    except (TypeError, ValueError) as error:
        return [f"INVALID_JSON_DESCRIPTION: {error}"]
    if not isinstance(machine, dict):
        return ["INVALID_JSON_DESCRIPTION: a definition is a JSON object"]
    names: set[str] = set()
    return list(_machine(machine, "", names, machine.get("QueryLanguage") == "JSONata"))


def _schema(message: str, where: str) -> str:
    return f"SCHEMA_VALIDATION_FAILED: {message} at {where or '/'}"


def _machine(machine: dict[str, Any], where: str, names: set[str], jsonata: bool) -> Iterator[str]:
    yield from _unknown(machine, MACHINE_FIELDS, where)
    yield from _whole_number(machine, "TimeoutSeconds", 1, where)
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield _schema("These fields are required: [States]", where)
        return
    start = machine.get("StartAt")
    if start not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {start} at {where}/StartAt"
    ends = False
    for name, state in states.items():
        here = f"{where}/States/{name}"
        if len(name) > 80:
            yield _schema("The state name exceeds the maximum length of 80 characters", here)
        if name in names:
            yield f"DUPLICATE_STATE_NAME: Duplicate state name: {name} at {here}"
        names.add(name)
        if not isinstance(state, dict) or state.get("Type") not in FIELDS:
            yield _schema(f"The value of field 'Type' is not one of {sorted(FIELDS)}", f"{here}/Type")
            continue
        ends = ends or state.get("End") is True or state["Type"] in ("Succeed", "Fail")
        yield from _state(state, here, names, jsonata or state.get("QueryLanguage") == "JSONata")
        for field, target in targets(state):
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {here}/{field}"
    if not ends:
        yield f"NO_TERMINAL_STATE: There is no terminal state at {where}/States"
    for name in sorted(set(states) - _reached(states, start)):
        yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {where}/States/{name}'


def _reached(states: dict[str, Any], start: Any) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in found or not isinstance(states.get(name), dict):
            continue
        found.add(name)
        waiting += [target for _, target in targets(states[name])]
    return found


def targets(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The states that a state may go on to, with the field that says so."""
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for number, entry in enumerate(state.get(field) or []):
            if isinstance(entry, dict) and "Next" in entry:
                yield f"{field}[{number}]/Next", entry["Next"]


def _state(state: dict[str, Any], where: str, names: set[str], jsonata: bool) -> Iterator[str]:
    kind = state["Type"]
    yield from _unknown(state, FIELDS[kind], where)
    if kind not in ("Choice", "Succeed", "Fail") and ("Next" in state) == (state.get("End") is True):
        yield _schema("A state has exactly one of 'Next' and 'End'", where)
    if not jsonata:
        yield from _paths(state, where)
    check: Callable[..., Any] = _KINDS.get(kind, lambda *_: iter(()))
    yield from check(state, where, names, jsonata)
    yield from _handlers(state, where)


def _task(state: dict[str, Any], where: str, *_: Any) -> Iterator[str]:
    resource = state.get("Resource")
    if not isinstance(resource, str) or not resource.startswith("arn:") or resource.count(":") < 5:
        yield _schema("Value is not a valid resource ARN", f"{where}/Resource")
    yield from _whole_number(state, "TimeoutSeconds", 1, where)
    yield from _whole_number(state, "HeartbeatSeconds", 1, where)


def _choice(state: dict[str, Any], where: str, _: set[str], jsonata: bool) -> Iterator[str]:
    from local_cloud.patches.stepfunctions import paths

    choices = state.get("Choices")
    if not isinstance(choices, list) or not choices:
        yield _schema("These fields are required: [Choices]", where)
        return
    operators = (
        set(paths.COMPARISONS) | {f"{name}Path" for name in paths.COMPARISONS} | set(paths.TYPE_TESTS) | {"IsPresent"}
    )

    def rule(entry: Any, here: str, top: bool) -> Iterator[str]:
        if not isinstance(entry, dict):
            yield _schema("A rule is an object", here)
            return
        if top and "Next" not in entry:
            yield _schema("These fields are required: [Next]", here)
        if not top and "Next" in entry:
            yield _schema("Field 'Next' is not supported", f"{here}/Next")
        rest = set(entry) - {"Next", "Comment", "Assign", "Output"}
        if jsonata:
            return
        if rest in ({"And"}, {"Or"}):
            field = next(iter(rest))
            for number, part in enumerate(entry[field]):
                yield from rule(part, f"{here}/{field}[{number}]", False)
        elif rest == {"Not"}:
            yield from rule(entry["Not"], f"{here}/Not", False)
        elif "Variable" not in rest or len(rest) != 2 or not rest - {"Variable"} <= operators:
            yield _schema("A rule has a Variable and exactly one comparison", here)
        elif not str(entry["Variable"]).startswith("$"):
            yield _schema("Value is not a Reference Path", f"{here}/Variable")

    for number, entry in enumerate(choices):
        yield from rule(entry, f"{where}/Choices[{number}]", True)


def _wait(state: dict[str, Any], where: str, _: set[str], jsonata: bool) -> Iterator[str]:
    given = {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} & set(state)
    if len(given) != 1:
        yield _schema("A Wait state has exactly one of Seconds, SecondsPath, Timestamp and TimestampPath", where)
    if not jsonata:
        yield from _whole_number(state, "Seconds", 0, where)


def _fail(state: dict[str, Any], where: str, *_: Any) -> Iterator[str]:
    for field in ("Error", "Cause"):
        if field in state and f"{field}Path" in state:
            yield _schema(f"A Fail state has at most one of {field} and {field}Path", where)


def _parallel(state: dict[str, Any], where: str, names: set[str], jsonata: bool) -> Iterator[str]:
    branches = state.get("Branches")
    if not isinstance(branches, list) or not branches:
        yield _schema("These fields are required: [Branches]", where)
        return
    for number, branch in enumerate(branches):
        yield from _machine(branch, f"{where}/Branches[{number}]", names, jsonata)


def _map(state: dict[str, Any], where: str, names: set[str], jsonata: bool) -> Iterator[str]:
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    if not isinstance(state.get(field), dict):
        yield _schema("These fields are required: [ItemProcessor]", where)
        return
    yield from _machine(state[field], f"{where}/{field}", names, jsonata)


_KINDS = {"Task": _task, "Choice": _choice, "Wait": _wait, "Fail": _fail, "Parallel": _parallel, "Map": _map}


def _handlers(state: dict[str, Any], where: str) -> Iterator[str]:
    for field, fields in (("Retry", RETRY_FIELDS), ("Catch", CATCH_FIELDS)):
        entries = state.get(field, [])
        if not isinstance(entries, list):
            yield _schema(f"{field} is a list", f"{where}/{field}")
            continue
        for number, entry in enumerate(entries):
            here = f"{where}/{field}[{number}]"
            yield from _unknown(entry, fields, here)
            names = entry.get("ErrorEquals")
            if not isinstance(names, list) or not names:
                yield _schema("These fields are required: [ErrorEquals]", here)
            elif "States.ALL" in names and (len(names) > 1 or number < len(entries) - 1):
                yield _schema("States.ALL must appear alone and in the last element", f"{here}/ErrorEquals")
            if field == "Catch" and "Next" not in entry:
                yield _schema("These fields are required: [Next]", here)
            if field == "Retry":
                yield from _retry(entry, here)


def _retry(entry: dict[str, Any], where: str) -> Iterator[str]:
    yield from _whole_number(entry, "IntervalSeconds", 1, where)
    yield from _whole_number(entry, "MaxAttempts", 0, where)
    yield from _whole_number(entry, "MaxDelaySeconds", 1, where)
    if entry.get("BackoffRate", 1) < 1:
        yield _schema("BackoffRate is at least 1.0", f"{where}/BackoffRate")
    if "MaxDelaySeconds" in entry and entry["MaxDelaySeconds"] <= entry.get("IntervalSeconds", 1):
        yield _schema("MaxDelaySeconds is greater than IntervalSeconds", f"{where}/MaxDelaySeconds")
    if entry.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
        yield _schema("JitterStrategy is FULL or NONE", f"{where}/JitterStrategy")


def _unknown(entry: dict[str, Any], known: set[str], where: str) -> Iterator[str]:
    for field in entry:
        if field not in known:
            yield _schema(f"Field '{field}' is not supported", f"{where}/{field}")


def _whole_number(entry: dict[str, Any], field: str, least: int, where: str) -> Iterator[str]:
    value = entry.get(field, least)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 99_999_999:
        yield _schema(f"{field} is a whole number from {least} to 99999999", f"{where}/{field}")


def _paths(state: dict[str, Any], where: str) -> Iterator[str]:
    for field in (
        "InputPath",
        "OutputPath",
        "ResultPath",
        "SecondsPath",
        "TimestampPath",
        "ItemsPath",
        "ErrorPath",
        "CausePath",
    ):
        value = state.get(field)
        if value is not None and not str(value).startswith(("$", "States.")):
            yield _schema("Value is not a Reference Path", f"{where}/{field}")
    for field in ("Parameters", "ResultSelector", "ItemSelector"):
        yield from _template(state.get(field), f"{where}/{field}")


def _template(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name.endswith(".$") and not (isinstance(part, str) and part.startswith(("$", "States."))):
                yield _schema(
                    "The value for the field must be a valid JSONPath or a valid intrinsic function call",
                    f"{where}/{name}",
                )
            elif not name.endswith(".$"):
                yield from _template(part, f"{where}/{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _template(part, f"{where}[{number}]")
