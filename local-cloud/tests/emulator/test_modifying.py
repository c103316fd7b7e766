"""ModifyDBInstance and the windows: what is refused, and what RDS picks where nothing is chosen."""

from __future__ import annotations

import pytest

from accounts import PASSWORD, Account, Admin, Server, refused

NOTHING = ("InvalidParameterCombination", "No modifications were requested")
OVERLAP = ("InvalidParameterValue", "The backup window and maintenance window must not overlap.")
BACKUP, MAINTENANCE = "PreferredBackupWindow", "PreferredMaintenanceWindow"


def windows(instance: dict) -> tuple[str, str]:
    return instance[BACKUP], instance[MAINTENANCE]


def test_windows_that_overlap_are_refused(a: Account, servers: dict[str, Server]) -> None:
    a.modify("plain", PreferredBackupWindow="05:00-06:00", PreferredMaintenanceWindow="SUN:06:00-Sun:07:00")
    # They are stored in lower case.
    assert windows(a.until_modified("plain")) == ("05:00-06:00", "sun:06:00-sun:07:00")
    for wrong in (
        {MAINTENANCE: "mon:05:30-mon:06:30"},
        {MAINTENANCE: "sun:23:00-mon:05:01"},
        {BACKUP: "06:59-07:30"},
        {BACKUP: "10:00-11:00", MAINTENANCE: "fri:09:00-fri:10:01"},
    ):
        with refused(*OVERLAP):
            a.modify("plain", **wrong)
    assert windows(a.until_modified("plain")) == ("05:00-06:00", "sun:06:00-sun:07:00")
    with refused(*OVERLAP):
        a.create("wrong", PreferredBackupWindow="05:00-06:00", PreferredMaintenanceWindow="sun:05:30-sun:06:30")


@pytest.mark.parametrize(
    "wrong",
    [
        {BACKUP: "05:00-05:29"},
        {BACKUP: "05:00-05:00"},
        {BACKUP: "24:00-25:00"},
        {MAINTENANCE: "sun:05:00-sun:05:29"},
        {MAINTENANCE: "sun:05:00-mon:05:00"},
        {MAINTENANCE: "sun:05:00-tue:04:00"},
        {MAINTENANCE: "sun:28:00-sun:29:00"},
    ],
)
def test_windows_of_a_wrong_length_are_refused(a: Account, servers: dict[str, Server], wrong: dict) -> None:
    with refused("InvalidParameterValue", *wrong.values()):
        a.modify("plain", **wrong)


def test_where_no_window_is_chosen_rds_picks_one(a: Account, plain_snapshot: str, admin: Admin) -> None:
    seen = []
    for name, chosen in (("picked-1", {}), ("picked-2", {}), ("picked-3", {"PreferredBackupWindow": "21:00-22:00"})):
        a.restore(name, plain_snapshot, BackupRetentionPeriod=3, **chosen)
        seen.append(a.until_instance(name, "available"))
    assert len({windows(instance) for instance in seen}) == 3
    assert seen[2][BACKUP] == "21:00-22:00"
    assert [instance["BackupRetentionPeriod"] for instance in seen] == [3, 3, 3]
    # A test that wants them to meet says which one it is.
    admin.switches(backupWindow="04:00-04:30")
    a.restore("picked-4", plain_snapshot)
    assert a.until_instance("picked-4", "available")[BACKUP] == "04:00-04:30"
    with refused(*OVERLAP):
        a.modify("picked-4", PreferredMaintenanceWindow="wed:04:00-wed:05:00")
    for number in range(1, 5):
        a.drop(f"picked-{number}")


def test_a_modification_that_changes_nothing_is_refused(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    found = a.until_modified("plain")
    same = {"DBInstanceClass": found["DBInstanceClass"], "DeletionProtection": False}
    for parameters in (
        {},
        {"ApplyImmediately": True},
        same,
        {"CloudwatchLogsExportConfiguration": {"DisableLogTypes": ["upgrade"]}},
    ):
        with refused(*NOTHING):
            a.modify("plain", **parameters)
    assert not admin.instance(a.arn("db", "plain"))["busy"]
    # A password is another one each time, as far as RDS can tell.
    a.modify("plain", MasterUserPassword=PASSWORD)
    a.until_modified("plain")
    # What waits is a change when it is to be applied now.
    a.modify("plain", DBInstanceClass="db.m6i.large")
    a.until_modified("plain")
    with refused(*NOTHING):
        a.modify("plain", DBInstanceClass="db.m6i.large")
    a.modify("plain", DBInstanceClass="db.m6i.large", ApplyImmediately=True)
    assert a.until_modified("plain")["DBInstanceClass"] == "db.m6i.large"
    a.modify("plain", DBInstanceClass=found["DBInstanceClass"], ApplyImmediately=True)
    a.until_modified("plain")
    admin.switches(sameValuesRefused=False)
    a.modify("plain", **same)
    a.until_modified("plain")
    with refused(*NOTHING):
        a.modify("plain")


def test_what_only_waits_does_not_make_an_instance_busy(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.timing(modifySeconds=30)
    before = a.until_modified("plain")["DBInstanceClass"]
    a.modify("plain", DBInstanceClass="db.m7g.large")
    assert a.until_modified("plain")["PendingModifiedValues"] == {"DBInstanceClass": "db.m7g.large"}
    a.modify("plain", DBInstanceClass=before)
    assert a.until_modified("plain")["PendingModifiedValues"] == {}


def test_a_change_on_its_way_is_not_lost_to_the_next(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.timing(modifySeconds=4)
    before = a.until_modified("plain")["DBInstanceClass"]
    a.modify("plain", DBInstanceClass="db.m7g.large", ApplyImmediately=True)
    admin.timing(modifySeconds=0.1)
    a.modify("plain", AutoMinorVersionUpgrade=False)
    done = a.until_modified("plain")
    assert (done["DBInstanceClass"], done["AutoMinorVersionUpgrade"]) == ("db.m7g.large", False)
    assert done["PendingModifiedValues"] == {}
    a.modify("plain", DBInstanceClass=before, AutoMinorVersionUpgrade=True, ApplyImmediately=True)
    a.until_modified("plain")


def test_a_password_takes_a_time_of_its_own(a: Account, servers: dict[str, Server], admin: Admin) -> None:
    admin.timing(modifySeconds=0.1, passwordSeconds=1.2)
    a.modify("plain", MasterUserPassword="another-one")
    a.until_instance("plain", "resetting-master-credentials")
    with servers["plain"].connect() as database:
        assert database.run("SELECT 1") == [[1]]
    assert a.instance("plain")["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert a.until_modified("plain")["PendingModifiedValues"] == {}
    with servers["plain"].connect("another-one") as database:
        assert database.run("SELECT 1") == [[1]]
    admin.timing(passwordSeconds=None)
    a.modify("plain", MasterUserPassword=PASSWORD)
    a.until_modified("plain")
