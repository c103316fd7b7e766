"""How an execution runs, waits, retries and ends.

AWS: an execution keeps the definition and the role that its machine had when it started. It ends once: what comes
after StopExecution or the machine's TimeoutSeconds changes nothing, and nothing new is begun. States.Runtime is neither
retried nor caught by States.ALL, nor is the States.DataLimitExceeded of a state whose output is over 256 KiB; that of a
task whose result is so large is (recorded, against the documentation). A task that took too long fails with
States.Timeout and an empty cause. A Fail state without an Error ends the execution without one. A delay of a Retry is as
long as MaxDelaySeconds at most, and with JitterStrategy FULL anything between nothing and that.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

from ministack.services import stepfunctions as sfn

from local_cloud.patches.stepfunctions import history, paths

logger = logging.getLogger("states")

DATA_LIMIT_BYTES = 256 * 1024
_ENDED = "LocalCloud.Ended"


class Run:
    """What belongs to an execution while it runs."""

    def __init__(self, execution: dict[str, Any], role_arn: str) -> None:
        self.execution = execution
        self.role_arn = role_arn
        self.ended = threading.Event()

    def wait(self, seconds: float) -> None:
        """Waits, unless the execution ends meanwhile."""
        if self.ended.wait(seconds):
            raise Ended()


class Ended(sfn._ExecutionError):
    """Raised where an execution that has ended would go on."""

    def __init__(self) -> None:
        super().__init__(_ENDED, "the execution has ended")


_running: ContextVar[Run | None] = ContextVar("running", default=None)
_runs: dict[str, Run] = {}
_ending = threading.Lock()


def apply() -> None:
    sfn._run_execution = run
    sfn._run_sub_machine = run_states
    sfn._fail_execution = lambda execution, error, cause: finish(execution, "FAILED", error=error, cause=cause)
    sfn._scaled_sleep = wait_scaled
    sfn._execute_wait = _wait_state(sfn._execute_wait)
    sfn._error_matches = error_matches
    sfn._invoke_resource = _limited(sfn._invoke_resource)
    sfn._invoke_resource_with_timeout = _without_cause(sfn._invoke_resource_with_timeout)
    sfn._fail_state_error = fail_state_error
    sfn._find_matching_retrier = retrier_after_its_delay


class Final(str):
    """The name of an error that nothing catches, whatever it is."""


def current() -> Run | None:
    """The run of the execution that this thread works for; None when a single state is tested."""
    return _running.get()


def run(execution_arn: str) -> None:
    """Runs an execution to its end."""
    execution = sfn._executions[execution_arn]
    machine = sfn._state_machines[execution["stateMachineArn"]]
    definition = json.loads(machine["definition"])
    document = json.loads(execution["input"])
    this = _runs[execution_arn] = Run(execution, machine["roleArn"])
    _running.set(this)
    history.begin(execution)
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution_arn,
            "Input": document,
            "Name": execution["name"],
            "RoleArn": machine["roleArn"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }
    timer = None
    if "TimeoutSeconds" in definition:
        # The account and the Region of this thread belong to the context.
        timer = threading.Timer(
            definition["TimeoutSeconds"], copy_context().run, (finish, execution, "TIMED_OUT", "States.Timeout")
        )
        timer.daemon = True
        timer.start()
    try:
        output = run_states(definition["States"], definition["StartAt"], document, execution, context)
        finish(execution, "SUCCEEDED", output=json.dumps(output))
    except sfn._ExecutionError as error:
        finish(execution, "FAILED", error=error.error, cause=error.cause)
    except Exception as error:
        logger.exception("the interpreter failed in %s", execution_arn)
        finish(execution, "FAILED", error="States.Runtime", cause=str(error))
    finally:
        if timer:
            timer.cancel()
        _runs.pop(execution_arn, None)


def run_states(
    states: dict[str, Any], start_at: str, document: Any, execution: dict[str, Any], context: dict[str, Any]
) -> Any:
    """Runs states from one to the end; those of a machine, of a branch or of an item. Returns the last output."""
    # Branches run side by side and must not see each other's current state; their variables they share.
    context = dict(context)
    name: str | None = start_at
    while name is not None:
        this = current()
        if this is not None and this.ended.is_set():
            raise Ended()
        state = states[name]
        kind = state["Type"]
        context["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
        text = json.dumps(document)
        entered = history.add_event(
            execution, f"{kind}StateEntered", {"stateEnteredEventDetails": {"name": name, "input": text}}
        )
        try:
            document, following = _run_state(kind, state, document, execution, context)
        except sfn._ExecutionError as error:
            if error.error == "States.Runtime" and "while executing the state" not in error.cause:
                where = (
                    f"An error occurred while executing the state '{name}' (entered at the event id #{entered['id']})."
                )
                raise sfn._ExecutionError(error.error, f"{where} {error.cause}") from error
            raise
        text = json.dumps(document)
        if len(text.encode()) > DATA_LIMIT_BYTES:
            cause = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
            raise sfn._ExecutionError(Final("States.DataLimitExceeded"), cause)
        history.add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": {"name": name, "output": text}})
        name = following
    return document


def _run_state(
    kind: str, state: dict[str, Any], document: Any, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[Any, str | None]:
    if kind == "Fail":
        raise sfn._ExecutionError(*sfn._fail_state_error(state, document, context))
    if kind == "Succeed":
        selected = sfn._apply_input_path(state, document, context)
        return sfn._apply_output_path(state, selected, context), None
    # Looked up here, because other patches may replace them.
    run_one: Callable[..., Any] = getattr(sfn, f"_execute_{kind.lower()}")
    if kind in ("Task", "Parallel", "Map"):
        return run_one(state, document, execution, context)
    return run_one(state, document, context)


def finish(
    execution: dict[str, Any],
    status: str,
    error: str | None = None,
    cause: str | None = None,
    output: str | None = None,
) -> bool:
    """Ends an execution, unless something else has ended it; says whether it did."""
    cause = cause or None
    with _ending:
        if execution["status"] != "RUNNING":
            return False
        execution.update(status=status, stopDate=sfn.now_iso(), output=output, error=error, cause=cause)
    event = "TimedOut" if status == "TIMED_OUT" else status.capitalize()
    details = {
        name: value for name, value in (("error", error), ("cause", cause), ("output", output)) if value is not None
    }
    this = _runs.get(execution["executionArn"])
    told = {f"execution{event}EventDetails": details}
    history.add_event(execution, f"Execution{event}", told, stopped=this is not current())
    if this is not None:
        this.ended.set()
    sfn._emit_execution_status_event(execution)
    return True


def wait_scaled(seconds: float) -> None:
    """Waits the seconds of a Wait state or a Retry, scaled, unless the execution ends meanwhile."""
    scaled = seconds * sfn._SFN_WAIT_SCALE
    this = current()
    if this is not None:
        this.wait(scaled)
    elif scaled > 0:
        threading.Event().wait(scaled)


def _wait_state(stock: Callable[..., Any]) -> Callable[..., Any]:
    def execute_wait(
        state: dict[str, Any], document: Any, context: dict[str, Any] | None = None
    ) -> tuple[Any, str | None]:
        """SecondsPath must find a whole number up to 99999999, and TimestampPath a time; else it is States.Runtime."""
        selected = sfn._apply_input_path(state, document, context)
        if "SecondsPath" in state:
            seconds = paths.resolve_with_context(state["SecondsPath"], selected, context)
            problem = _seconds_problem(seconds)
            if problem:
                cause = f"The SecondsPath parameter {problem}: {state['SecondsPath']} == {json.dumps(seconds)}"
                raise sfn._ExecutionError("States.Runtime", cause)
            state = {**{key: value for key, value in state.items() if key != "SecondsPath"}, "Seconds": seconds}
        elif "TimestampPath" in state:
            timestamp = paths.resolve_with_context(state["TimestampPath"], selected, context)
            if not paths.TYPE_TESTS["IsTimestamp"](timestamp):
                wanted = "a valid ISO-8601 extended offset date-time format string"
                cause = f"The TimestampPath parameter does not reference {wanted}: {json.dumps(timestamp)}"
                raise sfn._ExecutionError("States.Runtime", cause)
        return stock(state, document, context)

    return execute_wait


def _seconds_problem(seconds: Any) -> str | None:
    """What is wrong with what a SecondsPath has found, in AWS's words."""
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return "cannot be parsed as a long value"
    if seconds < 0:
        return "references a negative value"
    return "references a value greater than 99999999" if seconds > 99_999_999 else None


def fail_state_error(
    state: dict[str, Any], document: Any, context: dict[str, Any] | None = None
) -> tuple[str | None, str | None]:
    """The error and the cause of a Fail state, which may have neither."""
    return _fail_field("Error", state, document, context), _fail_field("Cause", state, document, context)


def _fail_field(name: str, state: dict[str, Any], document: Any, context: dict[str, Any] | None) -> str | None:
    path = state.get(f"{name}Path")
    try:
        return sfn._fail_state_field(state, name, None, document, context)
    except sfn._ExecutionError as error:
        if not str(path).startswith("$") or "could not be found" not in str(error.cause):
            raise
        raise sfn._ExecutionError(error.error, paths.not_found(str(path), f"{name}Path", document)) from error


def _limited(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """A task fails whose result is too large; that a Catch may handle."""

    def invoke_limited(resource: str, document: Any) -> Any:
        result = invoke(resource, document)
        if len(json.dumps(result).encode()) > DATA_LIMIT_BYTES:
            cause = (
                f"The state/task '{resource}' returned a result with a size exceeding the maximum number of bytes "
                "service limit."
            )
            raise sfn._ExecutionError("States.DataLimitExceeded", cause)
        return result

    return invoke_limited


def _without_cause(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_in_time(resource: str, document: Any, timeout: float) -> Any:
        try:
            return invoke(resource, document, timeout)
        except sfn._ExecutionError as error:
            if error.error == "States.Timeout":
                raise sfn._ExecutionError("States.Timeout", "") from error
            raise

    return invoke_in_time


def error_matches(names: list[str], error: str | None) -> bool:
    """Whether a Retry or a Catch for these names is for this error."""
    if error in (_ENDED, "States.Runtime") or isinstance(error, Final):
        return False
    if error in names or "States.ALL" in names:
        return True
    return "States.TaskFailed" in names and error != "States.Timeout"


def retrier_after_its_delay(
    retriers: list[dict[str, Any]], error: str, counts: dict[int, int]
) -> tuple[dict[str, Any] | None, int]:
    """The Retry for the error, once its delay has passed, and its place; the first that matches decides.

    The caller would wait too, at most 60 s and knowing nothing of MaxDelaySeconds; so it is handed a delay of nothing.
    """
    for place, retrier in enumerate(retriers):
        if not error_matches(retrier["ErrorEquals"], error):
            continue
        count = counts.get(place, 0)
        if count >= retrier.get("MaxAttempts", 3):
            return None, -1
        wait_scaled(delay_seconds(retrier, count))
        return {**retrier, "IntervalSeconds": 0}, place
    return None, -1


def delay_seconds(retrier: dict[str, Any], count: int) -> float:
    """How long to wait before the retry that comes after `count` retries."""
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** count
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay
