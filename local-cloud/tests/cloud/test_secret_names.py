"""Names of secrets that are taken, and secrets that are scheduled for deletion."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from secret import Secret, refused

MARKED = "You can't perform this operation on the secret because it was marked for deletion."
TAKEN = "You can't create this secret because a secret with this name is already scheduled for deletion."


def deploy(cloud: Any, eventually: Callable, stack: str, **properties: Any) -> tuple[str, str]:
    """Makes a stack that is one secret; the status of the stack, and why something failed."""
    stacks = cloud.client("cloudformation", "source")
    resource = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}
    stacks.create_stack(StackName=stack, TemplateBody=json.dumps({"Resources": {"Secret": resource}}))

    def status() -> str:
        found = stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return "" if found.endswith("IN_PROGRESS") else found

    end = eventually(status)
    events = stacks.describe_stack_events(StackName=stack)["StackEvents"]
    return end, " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_a_name_that_is_taken_is_refused(versions: Secret, name: str) -> None:
    with refused("ResourceExistsException", f"the secret {name} already exists"):
        versions.secrets.create_secret(Name=name, SecretString="other")
    assert versions.value() == "0"


@pytest.mark.patch
def test_a_name_that_is_scheduled_for_deletion_is_refused(versions: Secret, name: str) -> None:
    versions.secrets.delete_secret(SecretId=name)
    with refused("InvalidRequestException", TAKEN):
        versions.secrets.create_secret(Name=name, SecretString="other")
    versions.secrets.restore_secret(SecretId=name)
    assert versions.value() == "0"


@pytest.mark.patch
def test_a_create_with_the_token_of_the_first_is_the_first(cloud: Any, name: str) -> None:
    secrets, token = cloud.client("secretsmanager", "source"), str(uuid.uuid4())
    first = secrets.create_secret(Name=name, SecretString="1", ClientRequestToken=token)
    again = secrets.create_secret(Name=name, SecretString="1", ClientRequestToken=token)
    assert first["VersionId"] == again["VersionId"] == token and first["ARN"] == again["ARN"]
    with refused("ResourceExistsException"):
        secrets.create_secret(Name=name, SecretString="2", ClientRequestToken=token)


@pytest.mark.patch
def test_nothing_is_done_with_a_secret_that_is_scheduled_for_deletion(versions: Secret, name: str) -> None:
    secrets, second = versions.secrets, versions.put("1", "mine")
    secrets.delete_secret(SecretId=name)
    for attempt in (
        lambda: versions.value(),
        lambda: versions.value(VersionId=second, VersionStage="mine"),
        lambda: versions.value(VersionId=second, VersionStage="another"),
        lambda: versions.put("2"),
        lambda: versions.put("1", ClientRequestToken=second),
        lambda: versions.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=versions.first),
        lambda: secrets.update_secret(SecretId=name, SecretString="2"),
        lambda: secrets.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "b"}]),
        lambda: secrets.get_resource_policy(SecretId=name),
        lambda: secrets.put_resource_policy(SecretId=name, ResourcePolicy='{"Statement": []}'),
        lambda: secrets.delete_resource_policy(SecretId=name),
    ):
        with refused("InvalidRequestException", MARKED):
            attempt()
    with pytest.raises(ClientError, match="InvalidRequestException"):
        secrets.delete_secret(SecretId=name)
    assert secrets.describe_secret(SecretId=name)["DeletedDate"]
    assert set(versions.labels()) == {versions.first, second}


@pytest.mark.patch
@pytest.mark.parametrize("scheduled", [False, True])
def test_a_stack_never_takes_the_place_of_a_secret(
    versions: Secret, cloud: Any, name: str, eventually: Callable, scheduled: bool
) -> None:
    if scheduled:
        versions.secrets.delete_secret(SecretId=name)
    status, reasons = deploy(cloud, eventually, name, Name=name, SecretString='{"db_host": ""}')
    assert status == "ROLLBACK_COMPLETE"
    code = "InvalidRequest" if scheduled else "AlreadyExists"
    assert (
        TAKEN if scheduled else f"the secret {name} already exists"
    ) in reasons and f"HandlerErrorCode: {code}" in reasons
    if scheduled:
        versions.secrets.restore_secret(SecretId=name)
    assert (versions.value(), versions.secrets.describe_secret(SecretId=name)["ARN"]) == ("0", versions.arn)


@pytest.mark.patch
def test_an_update_of_a_stack_never_takes_the_place_of_a_secret(
    versions: Secret, cloud: Any, name: str, eventually: Callable
) -> None:
    assert deploy(cloud, eventually, name, Name=f"{name}-own", SecretString="own")[0] == "CREATE_COMPLETE"
    stacks = cloud.client("cloudformation", "source")
    resource = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": name, "SecretString": "own"}}
    stacks.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Secret": resource}}))

    def status() -> str:
        return stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    eventually(lambda: status() == "UPDATE_ROLLBACK_COMPLETE")
    assert versions.value() == "0"
    assert versions.secrets.get_secret_value(SecretId=f"{name}-own")["SecretString"] == "own"


def test_a_secret_goes_with_its_stack_and_its_name_is_free_again(cloud: Any, name: str, eventually: Callable) -> None:
    secrets, stacks = cloud.client("secretsmanager", "source"), cloud.client("cloudformation", "source")
    for _ in range(2):
        assert deploy(cloud, eventually, name, Name=name, SecretString="own")[0] == "CREATE_COMPLETE"
        assert secrets.get_secret_value(SecretId=name)["SecretString"] == "own"
        stacks.delete_stack(StackName=name)
        stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 15})
        with refused("ResourceNotFoundException"):
            secrets.get_secret_value(SecretId=name)


@pytest.mark.patch
def test_a_stack_makes_no_value_that_it_was_not_given(cloud: Any, name: str, eventually: Callable) -> None:
    assert deploy(cloud, eventually, name, Name=name)[0] == "CREATE_COMPLETE"
    with refused("ResourceNotFoundException", "AWSCURRENT"):
        cloud.client("secretsmanager", "source").get_secret_value(SecretId=name)
