"""What an order says, which calls it hits, and the log of calls."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

MOST_CALLS_KEPT = 50_000
RELEASE_INTERVAL = 0.02

# What each effect needs, and what it may have beside `seconds`, which but for `stale` is the time that a call is held
# before anything happens, unless the order is taken back earlier.
EFFECTS = {
    "error": ({"code"}, {"message", "httpStatus"}),  # refused with this error; nothing happens
    "dropBefore": (set(), {"code", "message"}),  # the connection is closed; nothing happens
    "dropAfter": (set(), {"code", "message"}),  # carried out, and the connection is closed without an answer
    "slow": ({"seconds"}, set()),  # carried out after this time
    "twice": (set(), set()),  # invocations only: carried out twice, and the first answer is thrown away
    "stale": ({"seconds"}, set()),  # reads of secrets only, at once: the answer is as old as this
}
FILTERS = ("service", "action", "account", "principal", "resource")


@dataclass
class Call:
    """A call. `resource` is an ARN where that is cheap to know; `outcome` is Success, a code, or null while it runs."""

    sequence: int
    time: str
    service: str
    action: str
    account: str
    principalArn: str
    resource: str
    outcome: str | None = None
    seconds: float | None = None
    began: float = field(default=0.0, repr=False)

    def end(self, outcome: str) -> None:
        self.outcome, self.seconds = outcome, round(time.monotonic() - self.began, 3)

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "began"}


@dataclass
class Order:
    """A fault on order, as the API takes and shows it.

    `service`, `action` and `account` are exact, or * (which is also what leaving them out means); `principal` and `resource`
    are parts of ARNs. The `nth` matching call is hit, and `times` calls in a row from there.
    """

    id: int
    effect: str
    service: str = "*"
    action: str = "*"
    account: str = "*"
    principal: str = ""
    resource: str = ""
    nth: int = 1
    times: int = 1
    code: str = ""
    message: str = ""
    httpStatus: int = 400
    seconds: float = 0.0
    matched: int = 0

    def matches(self, call: Call) -> bool:
        exact = ((self.service, call.service), (self.action, call.action), (self.account, call.account))
        return (
            all(wanted in ("*", found) for wanted, found in exact)
            and self.principal in call.principalArn
            and self.resource in call.resource
        )


class Board:
    """The orders that stand and the calls that were made; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._calls: deque[Call] = deque(maxlen=MOST_CALLS_KEPT)
        self._numbers = itertools.count(1)

    def begin(
        self, service: str, action: str, account: str, principal_arn: str, resource: str
    ) -> tuple[Call, Order | None]:
        """Notes a call, and says what is to happen to it. The first order that hits wins; all that match count."""
        moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            call = Call(
                next(self._numbers), moment, service, action, account, principal_arn, resource, began=time.monotonic()
            )
            self._calls.append(call)
            hit = None
            for order in self._orders:
                if order.matches(call):
                    order.matched += 1
                    if hit is None and order.nth <= order.matched < order.nth + order.times:
                        hit = order
            return call, hit

    def add(self, wanted: Any) -> dict[str, Any]:
        """Takes an order. Raises ValueError, with the reason, for one that is written down wrongly."""
        if not isinstance(wanted, dict) or wanted.get("effect") not in EFFECTS:
            raise ValueError(f"an order has an effect: {', '.join(EFFECTS)}")
        needed, optional = EFFECTS[wanted["effect"]]
        known = {"effect", "nth", "times", "seconds", *FILTERS, *needed, *optional}
        if needed - wanted.keys() or wanted.keys() - known:
            raise ValueError(
                f"{wanted['effect']} needs {sorted(needed)} and may have {sorted(known - needed - {'effect'})}"
            )
        for name, value in wanted.items():
            expected = type(getattr(Order, name, ""))
            if not isinstance(value, (int, float) if expected is float else expected) or isinstance(value, bool):
                raise ValueError(f"{name} is not {expected.__name__}")
        if wanted["effect"] == "stale" and wanted.get("service") != "secretsmanager":
            raise ValueError("only the service secretsmanager has answers that are stale")
        if wanted["effect"].startswith("drop") and "code" in wanted and wanted.get("service") != "lambda":
            raise ValueError("only the service lambda reports a lost connection with a code")
        if wanted.get("nth", 1) < 1:
            raise ValueError("nth counts from 1")
        with self._lock:
            order = Order(id=next(self._numbers), **wanted)
            self._orders.append(order)
        return asdict(order)

    def orders(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(order) for order in self._orders]

    def held(self, order: Order) -> Iterator[float]:
        """How long to sleep, again and again, while an order holds a call."""
        until = time.monotonic() + order.seconds
        while (remaining := until - time.monotonic()) > 0 and order in self._orders:
            yield min(remaining, RELEASE_INTERVAL)

    def remove(self, number: int | None = None) -> bool:
        """Removes one order, or all of them; says whether there was one."""
        with self._lock:
            before = len(self._orders)
            self._orders = [order for order in self._orders if number is not None and order.id != number]
            return number is None or len(self._orders) < before

    def calls(self, since: str = "", service: str = "", action: str = "", resource: str = "") -> list[dict[str, Any]]:
        """The calls from this time on (as `Call` has it) with this service and action and this in their resource, oldest
        first. Those who poll must say which: of all fifty thousand an answer takes a second."""
        with self._lock:
            newest_first = itertools.takewhile(lambda call: call.time >= since, reversed(self._calls))
            found = [
                call.to_json()
                for call in newest_first
                if service in ("", call.service) and action in ("", call.action) and resource in call.resource
            ]
        return found[::-1]

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()


# The one of this process: both hooks and the API use it.
BOARD = Board()
