"""What starts executions of a stack: switched off while the stack is removed, and put back as it was if it stays.

Needs: `events:DisableRule` and `EnableRule`; in the destination account also `lambda:GetFunctionConcurrency`,
`PutFunctionConcurrency` and `DeleteFunctionConcurrency`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.command import undisturbed
from console.departure import Removed
from console.destruction import Commands
from console.screen import Screen


@dataclass(frozen=True)
class _Switched:
    """A thing that was switched off."""

    name: str
    put_back: Callable[[], object]
    command: str
    """The one that puts it back."""


class Silence:
    """What was switched off of a stack."""

    def __init__(self, account: Any, commands: Commands, screen: Screen) -> None:
        self._events, self._functions = account.client("events"), account.client("lambda")
        self._commands, self._screen = commands, screen
        self._switched: list[_Switched] = []

    def begin(self, removed: Removed) -> None:
        """Keeps anything from starting an execution."""
        for name in removed.rules:
            self._switch_off_rule(name)
        if removed.launch:
            self._switch_off_function(removed.launch)

    def end(self) -> None:
        """Puts everything back. What AWS refuses is said, with its command, and does not keep the rest from being put back."""
        lines = []
        with undisturbed():
            for one in self._switched:
                try:
                    one.put_back()
                    lines.append(f"{one.name} is as it was before")
                except (BotoCoreError, ClientError) as error:
                    lines.append(f"{one.name} may stay switched off: {error}; to fix this: {one.command}")
        # Last, because the terminal may be the reason why the command ends.
        for line in lines:
            self._screen.line(line)

    def remains(self) -> str:
        """Lines about what is still switched off of a stack that has not gone, with the commands that put it back."""
        lines = [f"  {one.name}: {one.command}\n" for one in self._switched]
        about = (
            "what starts its executions stays switched off, because some of it may be gone; to put back what is left:\n"
        )
        return "".join([about, *lines]) if lines else ""

    def _switch_off_rule(self, name: str) -> None:
        self._switch_off(
            _Switched(
                f"the rule {name}",
                lambda: self._events.enable_rule(Name=name),
                self._commands.aws("events", "enable-rule", "--name", name),
            ),
            lambda: self._events.disable_rule(Name=name),
        )

    def _switch_off_function(self, name: str) -> None:
        """A message that comes now waits in Lambda. If the stack stays it is handled later; otherwise the next run brings its
        data."""
        before = self._functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
        if before is None:
            command = self._commands.aws("lambda", "delete-function-concurrency", "--function-name", name)
        else:
            # An operator has limited it.
            limit = ("--reserved-concurrent-executions", str(before))
            command = self._commands.aws("lambda", "put-function-concurrency", "--function-name", name, *limit)
        self._switch_off(
            _Switched(f"the function {name}", lambda: self._limit(name, before), command),
            lambda: self._limit(name, 0),
        )

    def _limit(self, name: str, executions: int | None) -> None:
        if executions is None:
            self._functions.delete_function_concurrency(FunctionName=name)
        else:
            self._functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)

    def _switch_off(self, one: _Switched, switch_off: Callable[[], object]) -> None:
        # First, because whoever stops the command, or a lost answer, leaves it open whether it is off.
        self._switched.append(one)
        try:
            switch_off()
        except ClientError:
            # AWS has refused it.
            self._switched.pop()
            raise
        self._screen.line(f"switched off {one.name}, which starts executions")
