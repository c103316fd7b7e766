"""StartExecution, StopExecution, ListExecutions, and the roles and definitions of machines.

AWS: StartExecution with the name and input of an execution that still runs answers as the first call did; with the
name of any other execution it is ExecutionAlreadyExists. Names have at most 80 characters, without spaces and most
punctuation. Inputs are JSON of at most 256 KiB. A machine whose role does not trust Step Functions is refused, and one that
waits for executions whose role may not make the rule by which Step Functions hears of their ends.
ListExecutions wants a machine that exists, or a Map Run, and gives a hundred executions a page unless asked for more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners

from local_cloud import permissions
from local_cloud.patches.stepfunctions import definition, execution, tasks

INPUT_LIMIT_BYTES = 256 * 1024
DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
# Control characters, space, brackets, wildcards, and what AWS lists as special.
NOT_IN_NAMES = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]""")


def apply() -> None:
    sfn._start_execution = _started(sfn._start_execution)
    sfn._stop_execution = _stopped(sfn._describe_execution)
    sfn._list_executions = _listed(sfn._list_executions)
    sfn._create_state_machine = _checked(sfn._create_state_machine)
    sfn._update_state_machine = _checked(sfn._update_state_machine)
    sfn._validate_state_machine_definition = validate
    handlers = provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]
    handlers["create"] = provisioners._sfn_state_machine_create = _checked_stack_resource(handlers["create"])


def _started(start: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def start_once(request: dict[str, Any]) -> tuple[Any, ...]:
        name, text = request.get("name"), request.get("input", "{}")
        if name is not None and (not 1 <= len(name) <= 80 or NOT_IN_NAMES.search(name)):
            return _error("InvalidName", f"Invalid Name: '{name}'")
        if len(text.encode()) > INPUT_LIMIT_BYTES:
            return _error("ValidationException", f"'input' exceeds the limit of {INPUT_LIMIT_BYTES} bytes")
        try:
            json.loads(text)
        except ValueError as error:
            return _error("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'")
        existing = _existing(request)
        if existing and existing["status"] == "RUNNING" and existing["input"] == text:
            answer = {"executionArn": existing["executionArn"], "startDate": existing["startDate"]}
            return responses.json_response(answer)
        return start(request)

    return start_once


def _existing(request: dict[str, Any]) -> dict[str, Any] | None:
    machine = sfn._state_machines.get(
        sfn._resolve_state_machine_arn(request.get("stateMachineArn", "").partition("#")[0])
    )
    if machine is None or not request.get("name"):
        return None
    prefix = machine["stateMachineArn"].replace(":stateMachine:", ":execution:")
    return sfn._executions.get(f"{prefix}:{request['name']}")


def _stopped(describe: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def stop(request: dict[str, Any]) -> tuple[Any, ...]:
        found = sfn._executions.get(request.get("executionArn"))
        if found is None:
            return describe(request)
        execution.finish(found, "ABORTED", error=request.get("error"), cause=request.get("cause"))
        # An execution that has ended already stays as it ended.
        return responses.json_response({"stopDate": found["stopDate"]})

    return stop


def _listed(list_all: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def list_of_one(request: dict[str, Any]) -> tuple[Any, ...]:
        machine, map_run = request.get("stateMachineArn"), request.get("mapRunArn")
        if bool(machine) == bool(map_run):
            message = "You must specify either a state machine ARN or a Map Run ARN, but not both"
            return _error("ValidationException", message)
        known = (sfn._state_machines, sfn._state_machine_versions, sfn._state_machine_aliases)
        if machine and not any(machine in one for one in known):
            return _error("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine}'")
        size = request.get("maxResults") or DEFAULT_PAGE
        if not 0 < size <= LARGEST_PAGE:
            return _error("ValidationException", f"'maxResults' must be from 0 to {LARGEST_PAGE}")
        return list_all({**request, "maxResults": size})

    return list_of_one


def _checked(change: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def change_if_valid(request: dict[str, Any]) -> tuple[Any, ...]:
        if "definition" in request:
            problems = definition.problems(request["definition"])
            if problems:
                return _error("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(problems)}'")
        if request.get("roleArn") and not tasks.may_be_assumed(request["roleArn"]):
            return _error("AccessDeniedException", _untrusting(request["roleArn"]))
        message = _without_rule(request.get("definition", ""), request.get("roleArn", ""))
        if message:
            return _error("AccessDeniedException", message)
        return change(request)

    return change_if_valid


def _checked_stack_resource(create: Callable[..., Any]) -> Callable[..., Any]:
    def create_if_valid(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        problems = definition.problems(provisioners._sfn_definition(properties))
        if problems:
            raise ValueError(f"Invalid State Machine Definition: '{', '.join(problems)}' (InvalidDefinition)")
        if not tasks.may_be_assumed(properties.get("RoleArn", "")):
            raise ValueError(f"{_untrusting(properties.get('RoleArn', ''))} (AccessDeniedException)")
        message = _without_rule(provisioners._sfn_definition(properties), properties.get("RoleArn", ""))
        if message:
            raise ValueError(f"{message} (AccessDeniedException)")
        return create(logical_id, properties, stack_name)

    return create_if_valid


def _without_rule(text: str, role_arn: str) -> str | None:
    """Why a machine that waits for executions cannot be made with this role; None if it can."""
    if "states:startExecution.sync" not in text or not role_arn:
        return None
    account = role_arn.split(":")[4]
    rule = f"arn:aws:events:{responses.get_region()}:{account}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
        if permissions.role_denial(role_arn, "states", action, rule):
            return f"'{role_arn}' is not authorized to create managed-rule"
    return None


def validate(request: dict[str, Any]) -> tuple[Any, ...]:
    """ValidateStateMachineDefinition."""
    found = definition.problems(request.get("definition", ""))
    diagnostics = [
        {"severity": "ERROR", "code": text.partition(":")[0], "message": text.partition(": ")[2]} for text in found
    ]
    return responses.json_response(
        {"result": "FAIL" if found else "OK", "diagnostics": diagnostics, "truncated": False}
    )


def _untrusting(role_arn: str) -> str:
    return (
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized "
        f"to assume the provided role: {role_arn}"
    )


def _error(code: str, message: str) -> tuple[Any, ...]:
    return responses.error_response_json(code, message, 400)
