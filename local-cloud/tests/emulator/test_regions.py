"""Copies of what another account shares, into another Region than its own: one step, and what is not known about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from refusals import refused

from accounts import Account, Admin, B, allow, until
from local_cloud import Cloud

FAR = "eu-west-1"


class Far:
    """An account in another Region, with a key of its own there."""

    def __init__(self, cloud: Cloud, account: Account) -> None:
        self.rds = account.client("rds", region_name=FAR)
        self.key = cloud.client("kms", account.number, region_name=FAR).create_key()["KeyMetadata"]["Arn"]

    def copy(self, source: str, name: str) -> dict[str, Any]:
        return self.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=name, KmsKeyId=self.key
        )["DBSnapshot"]

    def available(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            [found] = self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
            return found if found["Status"] == "available" else None

        return until(look, f"{name} in {FAR}")

    def forget(self, name: str) -> None:
        self.rds.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.fixture
def far(cloud: Cloud, b: Account) -> Far:
    return Far(cloud, b)


@pytest.fixture
def shared(a: Account, snapshot: str) -> str:
    a.share(snapshot, B)
    return snapshot


def test_a_shared_snapshot_is_copied_into_another_region_in_one_step(far: Far, shared: str, admin: Admin) -> None:
    before = moved(admin)
    begun = far.copy(shared, "one-step")
    # Recorded: a copy between Regions is pending first.
    assert (begun["Status"], begun["SourceRegion"]) == ("pending", "us-east-1")
    assert far.available("one-step")["KmsKeyId"] == far.key
    assert moved(admin) > before
    far.forget("one-step")


def test_an_account_copies_what_is_under_its_default_key_into_another_region(
    cloud: Cloud, a: Account, plain_snapshot: str, admin: Admin
) -> None:
    # The policy of a default key names its own Region only, and the older sentence is about shared snapshots.
    admin.switches(viaRegion="both", sharedCrossesRegions=False)
    a.rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=plain_snapshot, TargetDBSnapshotIdentifier="by-default", KmsKeyId="alias/aws/rds"
    )
    arn = a.until_snapshot("by-default")["DBSnapshotArn"]
    far = Far(cloud, a)
    far.copy(arn, "own-step")
    assert far.available("own-step")["KmsKeyId"] == far.key
    far.forget("own-step")
    a.rds.delete_db_snapshot(DBSnapshotIdentifier="by-default")


def test_the_older_sentence_of_the_guide_is_a_switch(far: Far, shared: str, admin: Admin) -> None:
    admin.switches(sharedCrossesRegions=False)
    with refused("InvalidParameterCombination", "only if it is not encrypted"):
        far.copy(shared, "never")


@pytest.mark.parametrize(
    ("switch", "allowed", "passes"),
    [
        ("source", ["us-east-1"], True),
        ("source", [FAR], False),
        ("destination", [FAR], True),
        ("destination", ["us-east-1"], False),
        ("both", ["us-east-1", FAR], True),
        ("both", ["us-east-1"], False),
        ("both", [FAR], False),
    ],
)
def test_the_key_of_a_snapshot_sees_the_region_of_its_use(
    far: Far, a: Account, shared: str, key: str, admin: Admin, switch: str, allowed: list[str], passes: bool
) -> None:
    admin.switches(viaRegion=switch)
    before = a.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    via = {"StringLike": {"kms:ViaService": [f"rds.{region}.*" for region in allowed]}}
    statements = [allow("kms:*", principal=a.number), allow("kms:*", principal=B, **via)]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    a.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    try:
        if passes:
            far.copy(shared, "via")
            far.available("via")
            far.forget("via")
        else:
            with refused("KMSKeyNotAccessibleFault"):
                far.copy(shared, "via")
    finally:
        a.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)


def moved(admin: Admin) -> int:
    """How many bytes copies have moved from the first Region into the other."""
    entries = admin.call("GET", "moved")
    return sum(one["bytes"] for one in entries if (one["from"], one["to"]) == ("us-east-1", FAR))
