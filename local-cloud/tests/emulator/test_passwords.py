"""Master passwords: what a change of one shows from outside, and what it does to the server."""

from __future__ import annotations

from collections.abc import Iterator

import pg8000
import pytest
from refusals import refused

from accounts import PASSWORD, Account, Admin, Server, until

OTHER = "battery-staple'"


def lets_in(server: Server, password: str) -> bool:
    """Whether the server takes the password of the master user."""
    try:
        with server.connect(password) as database:
            return database.run("SELECT 1") == [[1]]
    except pg8000.exceptions.DatabaseError as error:
        assert error.args[0]["C"] == "28P01", error
        return False


@pytest.fixture
def server(a: Account, servers: dict[str, Server], admin: Admin) -> Iterator[Server]:
    """The server of the plain database, which has its password again afterwards."""
    yield servers["plain"]
    admin.reset()
    a.until_modified("plain")
    a.modify("plain", MasterUserPassword=PASSWORD)
    a.until_modified("plain")


def test_a_password_changes_after_a_while(a: Account, server: Server, admin: Admin) -> None:
    admin.timing(modifySeconds=2)
    begun = a.modify("plain", MasterUserPassword=OTHER)
    # As on RDS, only the pending value tells at first.
    assert begun["DBInstanceStatus"] == "available"
    assert begun["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert lets_in(server, PASSWORD) and not lets_in(server, OTHER)
    resetting = a.until_instance("plain", "resetting-master-credentials")
    assert resetting["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    with refused("InvalidDBInstanceState"):
        a.modify("plain", MasterUserPassword="yet-another")
    done = a.until_modified("plain")
    assert done["PendingModifiedValues"] == {}
    assert lets_in(server, OTHER) and not lets_in(server, PASSWORD)


def test_a_password_does_not_wait_for_the_maintenance_window(a: Account, server: Server) -> None:
    a.modify("plain", DBInstanceClass="db.m6i.large", MasterUserPassword=OTHER, ApplyImmediately=False)
    done = a.until_modified("plain")
    assert done["PendingModifiedValues"] == {"DBInstanceClass": "db.m6i.large"}
    assert lets_in(server, OTHER)
    a.modify("plain", DBInstanceClass=done["DBInstanceClass"], ApplyImmediately=True)
    assert a.until_modified("plain")["PendingModifiedValues"] == {}


def test_what_comes_before_a_password_is_set_does_not_lose_it(a: Account, server: Server, admin: Admin) -> None:
    admin.timing(modifySeconds=4)
    a.modify("plain", MasterUserPassword="overtaken-soon")
    a.modify("plain", MasterUserPassword=OTHER)
    with refused("InvalidDBInstanceState"):
        a.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="between")
    admin.timing(modifySeconds=0.1)
    a.modify("plain", AutoMinorVersionUpgrade=False)
    a.until_modified("plain")
    assert lets_in(server, OTHER)
    a.modify("plain", AutoMinorVersionUpgrade=True)
    a.until_modified("plain")


def test_a_restored_instance_has_the_password_of_its_data(a: Account, server: Server) -> None:
    snapshot = a.take_snapshot("plain")
    a.modify("plain", MasterUserPassword=OTHER)
    a.until_modified("plain")
    a.restore("as-before", snapshot)
    restored = a.server("as-before")
    assert lets_in(restored, PASSWORD) and not lets_in(restored, OTHER)
    # It is changed there without a word to the source.
    a.modify("as-before", MasterUserPassword="third-password")
    a.until_modified("as-before")
    assert lets_in(restored, "third-password") and not lets_in(restored, PASSWORD)
    assert lets_in(server, OTHER)
    a.drop("as-before")
    a.forget(snapshot)


@pytest.mark.parametrize("weak", ["short", "with space", "with@sign", 'with"quote', "with/slash"])
def test_a_password_that_rds_does_not_take_is_refused(a: Account, servers: dict[str, Server], weak: str) -> None:
    with refused("InvalidParameterValue", "MasterUserPassword"):
        a.modify("plain", MasterUserPassword=weak)
    assert a.instance("plain")["PendingModifiedValues"] == {}


def test_no_log_has_the_password(a: Account, server: Server) -> None:
    secret = "a-needle-of-a-password"
    a.modify("plain", MasterUserPassword=secret)
    a.until_modified("plain")
    assert until(lambda: lets_in(server, secret), "the new password")
    directory = a.cloud.data_directory / "instances" / server.instance["DbiResourceId"]
    logs = [a.cloud.directory / "rds.log", *directory.glob("*.log")]
    assert len(logs) > 1
    for log in logs:
        assert secret not in log.read_text(), log
