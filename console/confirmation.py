"""What an operator has to type before a command changes anything."""

from __future__ import annotations

import sys
from collections.abc import Callable

from console.failure import Failure

#: Shows a question and answers with what was typed.
Ask = Callable[[str], str]


def terminal() -> Ask | None:
    """Asks on the terminal; None if there is none."""
    return _ask if sys.stdin.isatty() else None


def confirm(word: str, ask: Ask | None, *, option: str) -> None:
    """Raises `Failure` unless this word is typed. Without a terminal the option has to stand for it."""
    if ask is None:
        raise Failure(f"nothing was changed: there is no terminal to confirm it on; to go on, add {option}")
    if ask(f"Type {word} to go on: ").strip() != word:
        raise Failure(f"that is not {word}; nothing was changed")


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
