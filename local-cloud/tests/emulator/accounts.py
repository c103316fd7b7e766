"""What the tests do as an account: databases, snapshots, keys, roles; and the emulator's admin API."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pg8000.native
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud import Cloud

A, B = "111111111111", "222222222222"
PASSWORD = "correct-horse"
# A test that loses an answer counts calls, so the client must not repeat them by itself.
ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=20)
DEADLINE_SECONDS = 30

Database = pg8000.native.Connection
Value = TypeVar("Value")
numbers = itertools.count(1)


def until(look: Callable[[], Value | None], what: str) -> Value:
    """Looks until there is something, and returns it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def tags(**values: str) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


class Server:
    """A running PostgreSQL server of an instance."""

    def __init__(self, instance: dict) -> None:
        self.instance = instance
        self.port: int = instance["Endpoint"]["Port"]

    @contextlib.contextmanager
    def connect(self, password: str = PASSWORD) -> Iterator[Database]:
        user, name = self.instance["MasterUsername"], self.instance.get("DBName", "postgres")
        database = Database(user, host="127.0.0.1", port=self.port, password=password, database=name)
        try:
            yield database
        finally:
            database.close()


class Account:
    """An account of the cloud."""

    def __init__(self, cloud: Cloud, number: str) -> None:
        self.cloud = cloud
        self.number = number
        self.rds = self.client("rds")
        self.kms = cloud.client("kms", number)

    def client(self, service: str, **options: Any) -> Any:
        return self.cloud.client(service, self.number, config=ONCE, **options)

    def arn(self, kind: str, name: str, region: str = "us-east-1") -> str:
        return f"arn:aws:rds:{region}:{self.number}:{kind}:{name}"

    # Instances

    def create(self, name: str, **parameters: Any) -> dict:
        """Begins to create a small database."""
        settings = {
            "Engine": "postgres",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
            "MasterUserPassword": PASSWORD,
            "DBName": "shop",
        }
        return self.rds.create_db_instance(DBInstanceIdentifier=name, **{**settings, **parameters})["DBInstance"]

    def instance(self, name: str) -> dict:
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def server(self, name: str) -> Server:
        """The server of an instance, when it is available."""
        return Server(self.until_instance(name, "available"))

    def until_instance(self, name: str, status: str) -> dict:
        def look() -> dict | None:
            found = self.instance(name)
            return found if found["DBInstanceStatus"] == status else None

        return until(look, f"{name} to be {status}")

    def restore(self, name: str, snapshot: str, **parameters: Any) -> dict:
        """Begins to restore a snapshot as a new instance."""
        return self.rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **parameters
        )["DBInstance"]

    def modify(self, name: str, **parameters: Any) -> dict:
        """Begins to modify an instance."""
        return self.rds.modify_db_instance(DBInstanceIdentifier=name, **parameters)["DBInstance"]

    def until_modified(self, name: str) -> dict:
        """The instance, when nothing is done to it any more: its status does not tell at first that something is."""

        def look() -> dict | None:
            is_busy = Admin(self.cloud).instance(self.arn("db", name))["busy"]
            found = self.instance(name)
            return found if found["DBInstanceStatus"] == "available" and not is_busy else None

        return until(look, f"{name} to be modified")

    def drop(self, name: str) -> None:
        self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    def until_gone(self, name: str) -> None:
        until(lambda: name not in self.instance_names(), f"{name} to be gone")

    def instance_names(self) -> list[str]:
        return [instance["DBInstanceIdentifier"] for instance in self.rds.describe_db_instances()["DBInstances"]]

    # Snapshots

    def snapshot(self, name: str, **parameters: Any) -> dict:
        return self.rds.describe_db_snapshots(DBSnapshotIdentifier=name, **parameters)["DBSnapshots"][0]

    def until_snapshot(self, name: str, status: str = "available") -> dict:
        def look() -> dict | None:
            found = self.snapshot(name)
            return found if found["Status"] == status else None

        return until(look, f"{name} to be {status}")

    def snapshot_names(self, **parameters: Any) -> list[str]:
        """The names of the manual snapshots, or those of another kind."""
        found = self.rds.describe_db_snapshots(**{"SnapshotType": "manual", **parameters})["DBSnapshots"]
        return [snapshot["DBSnapshotIdentifier"] for snapshot in found]

    def take_snapshot(self, instance: str, **parameters: Any) -> str:
        """An available snapshot of an instance; its ARN."""
        name = f"{instance}-{next(numbers)}"
        self.until_instance(instance, "available")
        self.rds.create_db_snapshot(DBInstanceIdentifier=instance, DBSnapshotIdentifier=name, **parameters)
        self.until_instance(instance, "available")
        return self.until_snapshot(name)["DBSnapshotArn"]

    def temporary_snapshot(self, instance: str) -> Iterator[str]:
        arn = self.take_snapshot(instance)
        yield arn
        self.forget(arn)

    def copy(self, source: str, **parameters: Any) -> str:
        """An available copy of a snapshot; its name."""
        name = f"copy-{next(numbers)}"
        self.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=name, **parameters)
        self.until_snapshot(name)
        return name

    def share(self, snapshot: str, account: str) -> None:
        self.rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=snapshot, AttributeName="restore", ValuesToAdd=[account]
        )

    def forget(self, *snapshots: str) -> None:
        """Deletes snapshots that are still there."""
        for snapshot in snapshots:
            with contextlib.suppress(self.rds.exceptions.DBSnapshotNotFoundFault):
                self.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)

    # Groups

    @property
    def major_version(self) -> str:
        """The major version of PostgreSQL that is installed."""
        return self.instance("plain")["EngineVersion"].split(".")[0]

    @contextlib.contextmanager
    def parameter_group(self, name: str, family: str | None = None, **values: str) -> Iterator[str]:
        """A parameter group, of the installed PostgreSQL if no other family is named, with some values."""
        family = family or f"postgres{self.major_version}"
        self.rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=family, Description="d")
        if values:
            self.set_parameters(name, **values)
        yield name
        until(
            lambda: self._is_deleted(lambda: self.rds.delete_db_parameter_group(DBParameterGroupName=name)),
            "the group to go",
        )

    def set_parameters(self, group: str, method: str = "pending-reboot", **values: str) -> None:
        parameters = [
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method} for name, value in values.items()
        ]
        self.rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=parameters)

    @contextlib.contextmanager
    def option_group(
        self, name: str, engine: str = "postgres", major: str | None = None, options: tuple[str, ...] = ()
    ) -> Iterator[str]:
        """An option group, of the installed PostgreSQL if no other version is named, with some options."""
        self.rds.create_option_group(
            OptionGroupName=name,
            EngineName=engine,
            MajorEngineVersion=major or self.major_version,
            OptionGroupDescription="d",
        )
        included = [{"OptionName": option} for option in options]
        if included:
            self.rds.modify_option_group(OptionGroupName=name, OptionsToInclude=included)
        yield name
        until(lambda: self._is_deleted(lambda: self.rds.delete_option_group(OptionGroupName=name)), "the group to go")

    @staticmethod
    def _is_deleted(delete: Callable[[], Any]) -> bool:
        """Whether a group could be deleted: an instance that goes still has it."""
        try:
            delete()
        except ClientError as error:
            assert "State" in error.response["Error"]["Code"], error
            return False
        return True

    # Keys and roles

    def make_key(self, shared_with: str | None = None, actions: list[str] | None = None) -> str:
        """A customer managed key; its ARN. Another account may use it, as the guide on sharing says."""
        use = actions or [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:DescribeKey",
            "kms:CreateGrant",
        ]
        statements = [allow("kms:*", principal=self.number)]
        if shared_with:
            statements.append(allow(*use, principal=shared_with))
        policy = {"Version": "2012-10-17", "Statement": statements}
        return self.kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]

    def role(self, *statements: dict) -> Any:
        """An RDS client as a new role with a policy of these statements."""
        iam, name = self.client("iam"), f"role-{next(numbers)}"
        trust = {"Version": "2012-10-17", "Statement": [allow("sts:AssumeRole", principal=self.number, resource=None)]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=json.dumps(policy))
        session = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return self.client(
            "rds",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )


def allow(*actions: str, resource: str | None = "*", principal: str | None = None, **conditions: dict) -> dict:
    """A statement that allows actions."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions)}
    if resource:
        statement["Resource"] = resource
    if principal:
        statement["Principal"] = {"AWS": f"arn:aws:iam::{principal}:root"}
    if conditions:
        statement["Condition"] = conditions
    return statement


class Admin:
    """The emulator's admin API."""

    QUICK = {
        "createInstanceSeconds": 0.1,
        "snapshotSeconds": 0.1,
        "copySeconds": 0.1,
        "restoreSeconds": 0.1,
        "deleteSeconds": 0.1,
        "modifySeconds": 0.1,
        "passwordSeconds": None,
        "backingUpSeconds": 0,
        "flapSeconds": 0.1,
        "storageSeconds": 0.1,
        "bytesPerSecond": 1e9,
    }
    QUOTAS = {
        "manualSnapshots": 100,
        "instances": 40,
        "copies": 20,
        "allocatedStorage": 100_000,
        "parameterGroups": 50,
        "optionGroups": 20,
    }
    # As the server starts, but for what would make every other test wait.
    SWITCHES = {
        "availableFlaps": False,
        "flapStatus": "modifying",
        "snapshotDatabaseTime": False,
        "backupWindow": "random",
        "sameValuesRefused": True,
        "incrementalRule": "newer",
        "sharedCrossesRegions": True,
        "viaRegion": "both",
        "automatedSnapshots": True,
        "defaultVpc": True,
        "dualStack": False,
        "unknownNetworkRefused": False,
        "storageStatus": False,
    }

    def __init__(self, cloud: Cloud) -> None:
        self._url = f"{cloud.rds_url}/_emulator"

    def call(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self._url}/{path}", method=method, data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def reset(self) -> None:
        self.call("DELETE", "faults")
        self.call("PUT", "quotas", **self.QUOTAS)
        self.timing(**self.QUICK)
        self.switches(**self.SWITCHES)

    def timing(self, **seconds: float | None) -> None:
        self.call("PUT", "timing", **seconds)

    def quotas(self, **limits: int) -> None:
        self.call("PUT", "quotas", **limits)

    def switches(self, **switches: Any) -> None:
        self.call("PUT", "switches", **switches)

    def fault(self, action: str, effect: str, **more: Any) -> None:
        self.call("POST", "faults", action=action, effect=effect, **more)

    def add_tags(self, arn: str, **tags: str) -> None:
        """Gives a resource tags that no client can give."""
        self.call("POST", "resources/tags", arn=arn, tags=tags)

    def set_status(self, arn: str, status: str) -> None:
        self.call("POST", "resources/status", arn=arn, status=status)

    def set_engine(self, arn: str, engine: str, version: str) -> None:
        """Calls an instance or a snapshot one of another engine. Its data stays that of PostgreSQL."""
        self.call("POST", "resources/engine", arn=arn, engine=engine, engineVersion=version)

    def calls(self, action: str) -> list[dict]:
        return [call for call in self.call("GET", "calls") if call["action"] == action]

    def instance(self, arn: str) -> dict:
        """What the emulator knows of an instance."""
        return next(instance for instance in self.call("GET", "instances") if instance["arn"] == arn)

    def aws_backup(self, arn: str, protected: bool) -> None:
        """Lets AWS Backup protect an instance, or no longer."""
        self.call("POST", "resources/aws-backup", arn=arn, protected=protected)

    def snapshot(self, arn: str) -> dict:
        """What the emulator has measured of a snapshot."""
        return next(snapshot for snapshot in self.call("GET", "snapshots") if snapshot["arn"] == arn)
