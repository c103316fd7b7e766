"""What the commands have in common that change something: how an end that is not the wanted one is said."""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from console.failure import Failure
from console.screen import Screen


def run(work: Callable[[Screen], None], *, stopped: str | Callable[[], str]) -> int:
    """Does the work and answers with the exit code: 0, 1 if it failed, 130 if the operator has stopped it; `stopped` is what is
    said then."""
    screen = Screen()
    try:
        work(screen)
    except (Failure, BotoCoreError, ClientError) as error:
        screen.plain(f"\nfailed: {error}")
        return 1
    except KeyboardInterrupt:
        screen.plain(f"\n{stopped if isinstance(stopped, str) else stopped()}")
        return 130
    return 0
