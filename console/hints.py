"""Commands to run next, as they are printed: with the options of the command that prints them, because without these they would
act on other accounts and stacks."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path

from console.account import LOCAL_CLOUD

SOURCE_STACK = "rds-replication-source"
DESTINATION_STACK = "rds-replication-destination"


@dataclass(frozen=True)
class Hints:
    """What the command was given that the next one has to be given too."""

    local: Path | None = None
    source_profile: str | None = None
    destination_profile: str | None = None
    destination_stack: str = DESTINATION_STACK
    source_region: str | None = None
    destination_region: str | None = None
    one_of_several: str = ""
    """The database that it is about, of a stack that has several."""

    @classmethod
    def of(cls, given: argparse.Namespace) -> Hints:
        """From the parsed arguments of any of the commands; one that reports several stacks names none."""
        stack = getattr(given, "destination_stack", None)
        return cls(
            given.local,
            getattr(given, "source_profile", None),
            given.destination_profile,
            stack if isinstance(stack, str) else DESTINATION_STACK,
            getattr(given, "source_region", None),
            getattr(given, "destination_region", None),
        )

    def rollback(self, version: object = None, *, stack: str | None = None) -> str:
        """`scripts/rollback` to a version, of the given stack or of the one that this command is about."""
        version_words = [] if version is None else [str(version)]
        version_words += ["--source-db", self.one_of_several] if self.one_of_several else []
        return self._command("rollback", *version_words, *self._stack(stack), *self._profile("destination"))

    def status(self, *, stack: str | None = None) -> str:
        """`scripts/status` of the given stack or of the one that this command is about."""
        return self._command("status", *self._stack(stack), *self._profile("source"), *self._profile("destination"))

    def adopt(self, *, stack: str | None = None) -> str:
        """`scripts/adopt` for the given stack or for the one that this command is about."""
        return self._command("adopt", *self._stack(stack), *self._profile("source"), *self._profile("destination"))

    def deploy_destination(self, *parameters: str, stack: str | None = None) -> str:
        """`scripts/deploy destination` with these parameters."""
        stack = stack or self.destination_stack
        words = [] if stack == DESTINATION_STACK else ["--stack-name", stack]
        words += [] if self.local else [word.replace("--destination-", "--") for word in self._profile("destination")]
        words += [word for parameter in parameters for word in ("--parameter", parameter)]
        return shlex.join(["scripts/deploy", "destination", *words])

    def _stack(self, stack: str | None) -> list[str]:
        stack = stack or self.destination_stack
        return [] if stack == DESTINATION_STACK else ["--destination-stack", stack]

    def _profile(self, role: str) -> list[str]:
        profile = self.source_profile if role == "source" else self.destination_profile
        region = self.source_region if role == "source" else self.destination_region
        of_profile = [f"--{role}-profile", profile] if profile else []
        return of_profile + ([f"--{role}-region", region] if region else [])

    def _command(self, name: str, *words: str) -> str:
        local = [] if not self.local else ["--local" if self.local == LOCAL_CLOUD else f"--local={self.local}"]
        return shlex.join([f"scripts/{name}", *words, *local])
