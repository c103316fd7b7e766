"""What the parameters of a group do to the server of an instance, and when."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from accounts import PASSWORD, Account, Database, Server, refused, until

PENDING, IN_SYNC = "pending-reboot", "in-sync"


def status(a: Account, name: str) -> tuple[str, str]:
    group = a.instance(name)["DBParameterGroups"][0]
    return group["DBParameterGroupName"], group["ParameterApplyStatus"]


def setting(server: Server, name: str) -> str:
    with server.connect() as database:
        return database.run(f"SHOW {name}")[0][0]


@contextlib.contextmanager
def restored(a: Account, name: str, snapshot: str, **parameters: str) -> Iterator[Server]:
    a.restore(name, snapshot, **parameters)
    yield a.server(name)
    a.drop(name)


def test_parameters_are_described_with_their_source(a: Account, plain_snapshot: str) -> None:
    with a.parameter_group("told", log_statement="ddl", max_logical_replication_workers="0"):
        found = a.rds.describe_db_parameters(DBParameterGroupName="told")["Parameters"]
        by_name = {one["ParameterName"]: one for one in found}
        statement, workers = by_name["log_statement"], by_name["max_logical_replication_workers"]
        assert (statement["ParameterValue"], statement["Source"], statement["ApplyType"]) == ("ddl", "user", "dynamic")
        assert (workers["ParameterValue"], workers["ApplyType"], workers["AllowedValues"]) == (
            "0",
            "static",
            "0-262143",
        )
        assert by_name["rds.logical_replication"]["Source"] == "system"
        user = a.rds.describe_db_parameters(DBParameterGroupName="told", Source="user")["Parameters"]
        assert {one["ParameterName"] for one in user} == {"log_statement", "max_logical_replication_workers"}
        one = {"Name": "parameter-name", "Values": ["work_mem"]}
        named = a.rds.describe_db_parameters(DBParameterGroupName="told", Filters=[one])["Parameters"]
        assert [parameter["ParameterName"] for parameter in named] == ["work_mem"]
    default = a.rds.describe_db_parameters(DBParameterGroupName="default.mysql8.0")["Parameters"]
    assert "event_scheduler" in {one["ParameterName"] for one in default}
    with refused("DBParameterGroupNotFound", "told"):
        a.rds.describe_db_parameters(DBParameterGroupName="told")


def test_wrong_parameters_are_refused(a: Account, plain_snapshot: str) -> None:
    with a.parameter_group("wrong"):
        for name, value, code, words in (
            ("log_colour", "red", "InvalidParameterValue", "Could not find parameter with name: log_colour"),
            ("log_statement", "some", "InvalidParameterValue", "none,ddl,mod,all"),
            ("event_scheduler", "OFF", "InvalidParameterValue", "event_scheduler"),
        ):
            with refused(code, words):
                a.set_parameters("wrong", **{name: value})
        with refused("InvalidParameterCombination", "cannot use immediate apply method for static parameter"):
            a.set_parameters("wrong", "immediate", max_connections="50")
        with refused("InvalidParameterValue", "default"):
            a.set_parameters(f"default.postgres{a.major_version}", log_statement="ddl")
        with refused("DBParameterGroupNotFound"):
            a.set_parameters("nowhere", log_statement="ddl")


def test_a_restore_starts_with_what_its_group_says(a: Account, plain_snapshot: str) -> None:
    libraries = {"shared_preload_libraries": "auto_explain,pg_cron"}
    with a.parameter_group("tuned", max_connections="33", log_statement="mod", **libraries):
        with restored(a, "tuned", plain_snapshot, DBParameterGroupName="tuned") as server:
            assert status(a, "tuned") == ("tuned", IN_SYNC)
            assert (setting(server, "max_connections"), setting(server, "log_statement")) == ("33", "mod")
            # What is not installed here is left out, so that the server starts.
            assert "pg_cron" not in setting(server, "shared_preload_libraries")
            # A copy of it under another group has nothing of that.
            snapshot = a.take_snapshot("tuned")
            with restored(a, "untuned", snapshot) as other:
                assert setting(other, "max_connections") != "33" and setting(other, "log_statement") == "none"
            a.forget(snapshot)


def test_static_parameters_wait_for_a_reboot_and_dynamic_ones_need_not(a: Account, plain_snapshot: str) -> None:
    with (
        a.parameter_group("changing"),
        restored(a, "changing", plain_snapshot, DBParameterGroupName="changing") as server,
    ):
        a.set_parameters("changing", "immediate", log_statement="ddl")
        until(lambda: setting(server, "log_statement") == "ddl", "the server to hear of it")
        assert status(a, "changing") == ("changing", IN_SYNC)
        before = setting(server, "max_connections")
        a.set_parameters("changing", max_connections="44", work_mem="128")
        assert status(a, "changing") == ("changing", PENDING)
        assert setting(server, "max_connections") == before
        a.rds.reboot_db_instance(DBInstanceIdentifier="changing")
        server = a.server("changing")
        assert (setting(server, "max_connections"), setting(server, "work_mem")) == ("44", "128kB")
        assert setting(server, "log_statement") == "ddl"
        assert status(a, "changing") == ("changing", IN_SYNC)


def test_another_group_is_named_at_once_and_applied_by_a_reboot(a: Account, plain_snapshot: str) -> None:
    with a.parameter_group("other", max_connections="55"), restored(a, "regrouped", plain_snapshot) as server:
        before = setting(server, "max_connections")
        a.modify("regrouped", DBParameterGroupName="other")
        a.until_modified("regrouped")
        assert status(a, "regrouped") == ("other", PENDING)
        assert setting(server, "max_connections") == before
        a.rds.reboot_db_instance(DBInstanceIdentifier="regrouped")
        assert setting(a.server("regrouped"), "max_connections") == "55"
        assert status(a, "regrouped") == ("other", IN_SYNC)


def workers(server: Server) -> int:
    """How many processes of the server there are for subscriptions: their launcher, and one for each that is awake."""
    with server.connect() as database:
        return database.run("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%'")[0][
            0
        ]


def rows(server: Server) -> list:
    with server.connect() as database:
        return database.run("SELECT id FROM news ORDER BY id")


def test_a_restored_subscription_sleeps_under_a_group_that_says_so(a: Account) -> None:
    """Two databases, of which one subscribes to the other; the copies of the subscriber do so too, unless it is forbidden."""
    logical = {"rds.logical_replication": "1"}
    with a.parameter_group("publishing", **logical), a.parameter_group("asleep", max_logical_replication_workers="0"):
        a.create("publisher", DBParameterGroupName="publishing")
        a.create("subscriber")
        publisher, subscriber = a.server("publisher"), a.server("subscriber")
        assert setting(publisher, "wal_level") == "logical"
        with publisher.connect() as one, subscriber.connect() as other:
            for database in (one, other):
                database.run("CREATE TABLE news (id int PRIMARY KEY)")
            one.run("CREATE PUBLICATION all_news FOR TABLE news")
            # Made, but not enabled before the snapshot, so that nothing but a copy ever moves the slot.
            one.run("SELECT pg_create_logical_replication_slot('readers', 'pgoutput')")
            subscribe(other, publisher)
            other.run("UPDATE pg_subscription SET subenabled = true")
            snapshot = a.take_snapshot("subscriber")
            one.run("INSERT INTO news VALUES (1)")
        with restored(a, "sleeper", snapshot, DBParameterGroupName="asleep") as sleeper:
            assert workers(sleeper) == 0
            with restored(a, "waker", snapshot) as waker:
                until(lambda: rows(waker) == [[1]], "the copy to take what was meant for another")
                assert workers(waker) >= 2
            assert rows(sleeper) == [] and workers(sleeper) == 0
            with sleeper.connect() as database:
                assert database.run("SELECT subenabled FROM pg_subscription") == [[True]]
        for name in ("subscriber", "publisher"):
            a.drop(name)
        a.forget(snapshot)


def subscribe(database: Database, publisher: Server) -> None:
    user, name = publisher.instance["MasterUsername"], publisher.instance["DBName"]
    source = f"host=127.0.0.1 port={publisher.port} user={user} password={PASSWORD} dbname={name}"
    options = "connect = false, enabled = false, create_slot = false, slot_name = 'readers'"
    database.run(f"CREATE SUBSCRIPTION readers CONNECTION '{source}' PUBLICATION all_news WITH ({options})")
    oid = database.run("SELECT oid FROM pg_subscription")[0][0]
    table = "'news'::regclass::oid"
    database.run(f"INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) VALUES ({oid}, {table}, 'r')")
