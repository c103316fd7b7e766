"""Which credentials and which Region the commands use, and that the commands they print are about the same things."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest

from console.account import ENVIRONMENT, LOCAL_CLOUD, Account, parse, take_accounts
from console.adopt import status_of
from console.failure import Failure

KEYS = {"AWS_ACCESS_KEY_ID": "of-the-environment", "AWS_SECRET_ACCESS_KEY": "x"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No variable of AWS but a configuration with the profile `source`, which has a Region, and `plain`, which has none."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    keys = "aws_access_key_id = of-{0}\naws_secret_access_key = x\n"
    profiles = f"[profile source]\nregion = eu-west-1\n{keys}\n[profile plain]\n{keys}".split("[profile ")
    config = "[profile ".join([profiles[0], profiles[1].format("source"), profiles[2].format("plain")])
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def key_of(account: Account) -> str:
    return account._session.get_credentials().access_key


def set_all(environment: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)


def test_a_profile_is_used_if_there_is_one_of_the_roles_name_and_the_environment_otherwise(
    environment: pytest.MonkeyPatch,
) -> None:
    set_all(environment, **KEYS)
    assert key_of(Account("source")) == "of-source"
    assert key_of(Account("destination")) == "of-the-environment"
    assert key_of(Account("destination", "plain")) == "of-plain"
    assert key_of(Account("source", ENVIRONMENT)) == "of-the-environment"
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.setenv("AWS_PROFILE", "plain")
    assert key_of(Account("destination")) == "of-plain", "AWS_PROFILE belongs to the environment"


def test_a_profile_that_is_named_has_to_exist(environment: pytest.MonkeyPatch) -> None:
    set_all(environment, **KEYS)
    with pytest.raises(
        Failure, match=r"the destination account cannot be used \(profile mine\): .*\(mine\) could not be found"
    ):
        Account("destination", "mine")


def test_whose_credentials_were_used_is_said(environment: pytest.MonkeyPatch) -> None:
    set_all(environment, AWS_REGION="us-east-1", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
    with pytest.raises(
        Failure, match=r"destination account \(credentials of the environment, as there is no profile destination\)"
    ):
        Account("destination", None, "a-stack").outputs()


@pytest.mark.parametrize(
    ("variables", "of_source", "of_plain"),
    [
        ({}, "eu-west-1", ""),
        ({"AWS_REGION": "us-east-1"}, "us-east-1", "us-east-1"),
        ({"AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2", "us-east-2"),
        ({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}, "us-east-1", "us-east-1"),
    ],
)
def test_both_names_of_the_region_mean_the_same(
    environment: pytest.MonkeyPatch, variables: dict, of_source: str, of_plain: str
) -> None:
    set_all(environment, **variables)
    assert (Account("source").region, Account("source", "plain").region) == (of_source, of_plain)
    if of_plain:
        assert Account("source", "plain").client("rds").meta.region_name == of_plain


def test_a_region_that_nobody_has_named_is_asked_for(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        Failure, match="You must specify a region.; to fix this: set AWS_REGION, or give the profile a region"
    ):
        Account("source", "plain").client("rds")


def test_profiles_of_aws_login_can_be_used(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile source]\nregion = eu-west-1\nlogin_session = arn:aws:iam::111111111111:user/me\n"
    )
    with pytest.raises(Exception) as raised:
        Account("source")._session.get_credentials()
    # Nobody has logged in here; without awscrt it would be MissingDependencyException.
    assert type(raised.value).__name__ == "LoginTokenLoadError", raised.value


# ----------------------------------------------------------------------------------------------------------- the options


def parsed(*words: str) -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("version", nargs="?")
    take_accounts(parser, "source", "destination")
    parser.add_argument("--destination-stack", default="rds-replication-destination")
    return parse(parser, words)


def test_a_word_after_local_is_not_its_directory() -> None:
    assert (parsed("--local", "1").local, parsed("--local", "1").version) == (LOCAL_CLOUD, "1")
    assert (parsed("1", "--local").local, parsed("1", "--local").version) == (LOCAL_CLOUD, "1")
    assert (parsed("--local=/tmp/one", "1").local, parsed("--local=/tmp/one", "1").version) == (Path("/tmp/one"), "1")
    assert parsed().local is None


def test_the_command_to_run_next_is_about_the_same_things() -> None:
    assert status_of(parsed()) == "scripts/status"
    given = parsed(
        "--local", "--destination-stack", "crm-destination", "--destination-profile", "b", "--source-profile", "a"
    )
    assert status_of(given) == (
        "scripts/status --destination-stack crm-destination --source-profile a --destination-profile b --local"
    )
    assert status_of(parsed("--local=/tmp/a cloud", "--source-region", "us-east-1")) == (
        "scripts/status --source-region us-east-1 '--local=/tmp/a cloud'"
    )
