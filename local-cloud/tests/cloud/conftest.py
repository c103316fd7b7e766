"""One cloud for the whole session, on free ports and without the RDS emulator.

`pytest local-cloud/tests/cloud`          everything works with the patches
`pytest local-cloud/tests/cloud --stock`  each test of a patch fails without them; a test that passes there is reported as failed
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "local-cloud"))

from accounts import Accounts  # noqa: E402
from faults import Faults  # noqa: E402
from local_cloud import Cloud, launch  # noqa: E402
from machines import Machines  # noqa: E402
from secret import Secret  # noqa: E402

Value = TypeVar("Value")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stock", action="store_true", help="prove that each test of a patch fails on stock ministack")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "patch: fails on stock ministack")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--stock"):
        others = [item for item in items if not item.get_closest_marker("patch")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item.get_closest_marker("patch")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    report = yield
    # Only the test itself is turned around: a fixture that fails is an error with or without patches.
    if item.config.getoption("--stock") and report.when == "call":
        if report.outcome == "passed":
            report.outcome, report.longrepr = "failed", "this passes on stock ministack, so it does not prove its patch"
        elif report.outcome == "failed":
            report.outcome, report.longrepr = "passed", None
    return report


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    stock = request.config.getoption("--stock")
    directory = ROOT / "target" / "tests" / f"local-cloud-{'stock' if stock else 'patched'}"
    with launch(directory, with_rds=False, wait_scale=0.01, stock=stock) as cloud:
        yield cloud


@pytest.fixture
def name() -> str:
    """A name of the test's own, so that tests cannot meet in the one cloud."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def eventually(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Calls a function until it returns something true, and returns that; gives up after a deadline."""
    # Without the patches nearly every test ends here, so waiting for long would prove nothing more.
    patience = 2.0 if request.config.getoption("--stock") else 15.0

    def wait(look: Callable[[], Value | None], seconds: float = patience) -> Value:
        deadline = time.monotonic() + min(seconds, patience)
        while True:
            value = look()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing came of {look} within {min(seconds, patience)} s; last: {value!r}")
            time.sleep(0.02)

    return wait


@pytest.fixture
def accounts(cloud: Cloud) -> Accounts:
    return Accounts(cloud)


@pytest.fixture
def faults(cloud: Cloud) -> Iterator[Faults]:
    faults = Faults(cloud)
    yield faults
    faults.take_back()


@pytest.fixture
def versions(cloud: Cloud, name: str) -> Secret:
    return Secret(cloud, name)


@pytest.fixture
def machines(cloud: Cloud, accounts: Accounts, name: str, eventually: Callable[..., Any]) -> Machines:
    return Machines(cloud, accounts, name, eventually)
