"""One local cloud with the RDS emulator for the whole session, on free ports, where every operation takes a moment.

`pytest local-cloud/tests/emulator [--emulator PATH]`, where PATH is a binary that is built already.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "local-cloud"))

from accounts import A, Account, Admin, B, Database, Server  # noqa: E402
from local_cloud import Cloud, launch  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--emulator", type=Path, help="the binary to test; by default it is built")


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    # Two runs at the same time do not end each other's cloud. What failed leaves its logs.
    directory = ROOT / "target" / "tests" / f"rds-emulator-{os.getpid()}"
    emulator = request.config.getoption("--emulator")
    with launch(directory, emulator=emulator.resolve() if emulator else None) as cloud:
        yield cloud
    if not request.session.testsfailed:
        shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def admin(cloud: Cloud) -> Iterator[Admin]:
    """The admin API. No test inherits faults, quotas or timing of another."""
    admin = Admin(cloud)
    admin.reset()
    yield admin
    admin.reset()


@pytest.fixture(scope="session")
def a(cloud: Cloud) -> Account:
    """The account that owns the databases."""
    return Account(cloud, A)


@pytest.fixture(scope="session")
def b(cloud: Cloud) -> Account:
    """The account that gets copies."""
    return Account(cloud, B)


@pytest.fixture(scope="session")
def key(a: Account) -> str:
    """A key of A that B may use as the guide says."""
    return a.make_key(shared_with=B)


@pytest.fixture(scope="session")
def key_of_b(b: Account) -> str:
    return b.make_key()


@pytest.fixture(scope="session")
def servers(cloud: Cloud, a: Account, key: str) -> dict[str, Server]:
    """Two running databases of A, encrypted and plain; they start at the same time."""
    Admin(cloud).reset()
    a.create("orders", StorageEncrypted=True, KmsKeyId=key)
    a.create("plain")
    return {name: a.server(name) for name in ("orders", "plain")}


@pytest.fixture
def orders(servers: dict[str, Server]) -> Iterator[Database]:
    """A connection to the encrypted database of A."""
    with servers["orders"].connect() as database:
        yield database


@pytest.fixture
def plain(servers: dict[str, Server]) -> Iterator[Database]:
    """A connection to the database of A that is not encrypted."""
    with servers["plain"].connect() as database:
        yield database


@pytest.fixture
def snapshot(a: Account, orders: Database) -> Iterator[str]:
    """An available snapshot of the encrypted database; its ARN."""
    yield from a.temporary_snapshot("orders")


@pytest.fixture
def plain_snapshot(a: Account, plain: Database) -> Iterator[str]:
    """An available snapshot of the database that is not encrypted; its ARN."""
    yield from a.temporary_snapshot("plain")
