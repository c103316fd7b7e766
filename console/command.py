"""What the commands have in common that change something: how an end that is not the wanted one is said."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from console.failure import Failure
from console.screen import Screen

#: What ends a command beside Ctrl-C: `kill` and CI systems, and a terminal that is closed.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def run(work: Callable[[Screen], None], *, stopped: str | Callable[[], str]) -> int:
    """Does the work and answers with the exit code: 0, 1 if it failed, 130 if the operator has stopped it; `stopped` is what is
    said then."""
    screen = Screen()
    try:
        with _handled(_stop, *_ENDING):
            work(screen)
    except (Failure, BotoCoreError, ClientError) as error:
        screen.plain(f"\nfailed: {error}")
        return 1
    except KeyboardInterrupt:
        screen.plain(f"\n{stopped if isinstance(stopped, str) else stopped()}")
        return 130
    return 0


@contextmanager
def undisturbed() -> Iterator[None]:
    """What is done in here no signal ends half-way but SIGKILL and SIGQUIT."""
    with _handled(signal.SIG_IGN, signal.SIGINT, *_ENDING):
        yield


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handled(handler: Callable[..., None] | signal.Handlers, *signals: signal.Signals) -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in signals}
    for one in signals:
        # What `nohup` lets be ignored stays so.
        if before[one] != signal.SIG_IGN:
            signal.signal(one, handler)
    try:
        yield
    finally:
        for one, handled in before.items():
            signal.signal(one, handled)
