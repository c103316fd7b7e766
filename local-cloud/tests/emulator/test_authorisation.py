"""Every call is checked against the policies of its principal, as the service authorisation reference says."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from refusals import refused

from accounts import Account, Admin, Server, allow, tags
from local_cloud import Cloud


def test_a_role_may_do_what_its_policy_names_and_no_more(a: Account, servers: dict[str, Server]) -> None:
    role = a.role(allow("rds:DescribeDBInstances", resource=a.arn("db", "orders")))
    assert role.describe_db_instances(DBInstanceIdentifier="Orders")["DBInstances"]
    with refused("AccessDenied", "rds:DescribeDBInstances", a.arn("db", "plain")):
        role.describe_db_instances(DBInstanceIdentifier="plain")
    with refused("AccessDenied", a.arn("db", "*")):
        role.describe_db_instances()
    with refused("AccessDenied", "rds:DescribeDBSnapshots"):
        role.describe_db_snapshots()


def test_what_is_forbidden_is_forbidden_whether_or_not_it_exists(a: Account) -> None:
    with refused("AccessDenied"):
        a.role(allow("rds:DescribeDBInstances")).delete_db_instance(
            DBInstanceIdentifier="nothing", SkipFinalSnapshot=True
        )


def test_a_tag_on_the_resource_decides(a: Account, snapshot: str) -> None:
    ours = {"StringEquals": {"aws:ResourceTag/rds-replication:stack": "mine"}}
    role = a.role(allow("rds:DeleteDBSnapshot", **ours), allow("rds:DescribeDBSnapshots"))
    with refused("AccessDenied", "rds:DeleteDBSnapshot"):
        role.delete_db_snapshot(DBSnapshotIdentifier=snapshot)
    a.rds.add_tags_to_resource(ResourceName=snapshot, Tags=tags(**{"rds-replication:stack": "mine"}))
    role.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


def test_creating_with_tags_needs_the_right_to_tag_and_the_right_tags(a: Account, servers: dict[str, Server]) -> None:
    stack = {"StringEquals": {"aws:RequestTag/stack": "mine"}}
    create = allow("rds:CreateDBSnapshot")

    def try_as(role: Any, **given: str) -> None:
        role.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="tagged", Tags=tags(**given))

    with refused("AccessDenied", "rds:AddTagsToResource"):
        try_as(a.role(create), stack="mine")
    with refused("AccessDenied", "rds:CreateDBSnapshot"):
        try_as(a.role(allow("rds:CreateDBSnapshot", **stack), allow("rds:AddTagsToResource")), stack="yours")
    # Both the instance and the snapshot are asked about.
    with refused("AccessDenied", a.arn("db", "plain")):
        try_as(a.role(allow("rds:*", resource=a.arn("snapshot", "*"))), stack="mine")
    try_as(a.role(allow("rds:CreateDBSnapshot", "rds:AddTagsToResource", **stack)), stack="mine")
    a.until_snapshot("tagged")
    a.until_instance("plain", "available")
    a.forget("tagged")


def test_the_keys_of_tags_decide_on_adding_and_removing(a: Account, servers: dict[str, Server]) -> None:
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["to-be-deleted"]}}
    role = a.role(allow("rds:AddTagsToResource", "rds:RemoveTagsFromResource", **only))
    arn = a.arn("db", "plain")
    role.add_tags_to_resource(ResourceName=arn, Tags=tags(**{"to-be-deleted": "True"}))
    with refused("AccessDenied"):
        role.add_tags_to_resource(ResourceName=arn, Tags=tags(owner="me"))
    with refused("AccessDenied"):
        role.remove_tags_from_resource(ResourceName=arn, TagKeys=["owner"])
    role.remove_tags_from_resource(ResourceName=arn, TagKeys=["to-be-deleted"])


def test_a_copy_asks_about_source_and_target(a: Account, plain_snapshot: str) -> None:
    for resource in (plain_snapshot, a.arn("snapshot", "target")):
        with refused("AccessDenied", "rds:CopyDBSnapshot"):
            a.role(allow("rds:CopyDBSnapshot", resource=resource)).copy_db_snapshot(
                SourceDBSnapshotIdentifier=plain_snapshot, TargetDBSnapshotIdentifier="target"
            )


def test_a_restore_asks_about_instance_snapshot_groups_and_key(a: Account, snapshot: str, key: str) -> None:
    restore = {"DBInstanceIdentifier": "allowed", "DBSnapshotIdentifier": snapshot}
    action = "rds:RestoreDBInstanceFromDBSnapshot"
    with refused("AccessDenied", snapshot):
        a.role(allow(action, resource=a.arn("db", "*"))).restore_db_instance_from_db_snapshot(**restore)
    with refused("AccessDenied", a.arn("subgrp", "private")):
        a.role(
            allow(action, resource=a.arn("db", "*")), allow(action, resource=a.arn("snapshot", "*"))
        ).restore_db_instance_from_db_snapshot(**restore, DBSubnetGroupName="private")
    with refused("KMSKeyNotAccessibleFault", key):
        a.role(allow(action)).restore_db_instance_from_db_snapshot(**restore)


def test_a_restore_that_names_no_group_asks_about_the_default_ones(a: Account, plain_snapshot: str) -> None:
    action = "rds:RestoreDBInstanceFromDBSnapshot"
    statements = [allow(action, resource=a.arn(kind, "*")) for kind in ("db", "snapshot", "subgrp", "pg", "og")]
    for missing, name in ((2, "subgrp:default"), (3, "pg:default.postgres"), (4, "og:default:postgres-")):
        some = [statement for place, statement in enumerate(statements) if place != missing]
        with refused("AccessDenied", name):
            a.role(*some).restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier="allowed", DBSnapshotIdentifier=plain_snapshot
            )


def test_tags_that_are_taken_over_are_tags_that_are_given(
    a: Account, servers: dict[str, Server], plain_snapshot: str
) -> None:
    a.rds.add_tags_to_resource(ResourceName=plain_snapshot, Tags=tags(team="red"))
    copying = allow("rds:CopyDBSnapshot")
    copy = {"SourceDBSnapshotIdentifier": plain_snapshot, "TargetDBSnapshotIdentifier": "taken-over"}
    with refused("AccessDenied", "rds:AddTagsToResource", a.arn("snapshot", "taken-over")):
        a.role(copying).copy_db_snapshot(**copy, CopyTags=True)
    a.role(copying).copy_db_snapshot(**copy)
    a.until_snapshot("taken-over")
    a.forget("taken-over")

    a.modify("plain", CopyTagsToSnapshot=True)
    a.until_modified("plain")
    with refused("AccessDenied", "rds:AddTagsToResource", a.arn("snapshot", "inherits")):
        a.role(allow("rds:CreateDBSnapshot")).create_db_snapshot(
            DBInstanceIdentifier="plain", DBSnapshotIdentifier="inherits"
        )
    a.modify("plain", CopyTagsToSnapshot=False)
    a.until_modified("plain")


def test_a_policy_may_forbid_to_copy_option_groups(b: Account, a: Account, plain_snapshot: str) -> None:
    a.share(plain_snapshot, b.number)
    role = b.role(allow("rds:CopyDBSnapshot", Bool={"rds:CopyOptionGroup": "false"}))
    copy = {"SourceDBSnapshotIdentifier": plain_snapshot, "TargetDBSnapshotIdentifier": "without-options"}
    with refused("AccessDenied", "rds:CopyDBSnapshot"):
        role.copy_db_snapshot(**copy, CopyOptionGroup=True)
    role.copy_db_snapshot(**copy)
    b.until_snapshot("without-options")
    b.forget("without-options")


def test_a_default_key_is_for_everyone_in_its_account(a: Account, plain_snapshot: str) -> None:
    role = a.role(allow("rds:CopyDBSnapshot"), allow("kms:*"))
    role.copy_db_snapshot(
        SourceDBSnapshotIdentifier=plain_snapshot, TargetDBSnapshotIdentifier="by-default", KmsKeyId="alias/aws/rds"
    )
    a.until_snapshot("by-default")
    a.forget("by-default")


@pytest.mark.parametrize(
    "credentials", [{"aws_secret_access_key": "wrong"}, {"aws_access_key_id": "ASIAUNKNOWNUNKNOWN12"}]
)
def test_who_is_not_who_they_say_is_refused(a: Account, credentials: dict) -> None:
    role = a.role(allow("rds:*"))
    session = role._get_credentials().get_frozen_credentials()
    stranger = {
        "aws_access_key_id": session.access_key,
        "aws_secret_access_key": session.secret_key,
        "aws_session_token": session.token,
        **credentials,
    }
    with pytest.raises(role.exceptions.ClientError) as caught:
        a.client("rds", **stranger).describe_db_instances()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_who_has_signed_well_once_is_not_believed_the_next_time(a: Account, admin: Admin) -> None:
    role = a.role(allow("rds:*"))
    role.describe_db_instances()
    session = role._get_credentials().get_frozen_credentials()
    stranger = a.client(
        "rds",
        aws_access_key_id=session.access_key,
        aws_secret_access_key="wrong",
        aws_session_token=session.token,
    )
    # Whatever else is wrong with the request, and also where a fault is on order.
    with refused("SignatureDoesNotMatch"):
        stranger.describe_db_instances(DBInstanceIdentifier="nothing")
    with refused("SignatureDoesNotMatch"):
        stranger.create_db_snapshot(DBInstanceIdentifier="nothing", DBSnapshotIdentifier="no--name")
    with refused("SignatureDoesNotMatch"):
        stranger.describe_db_snapshots(MaxRecords=1)
    admin.fault("DescribeDBSnapshots", "error", code="Throttling")
    with refused("SignatureDoesNotMatch"):
        stranger.describe_db_snapshots()


def test_an_unsigned_request_is_refused(cloud: Cloud) -> None:
    request = urllib.request.Request(cloud.rds_url, data=b"Action=DescribeDBInstances&Version=2014-10-31")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in caught.value.read()
