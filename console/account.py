"""One of the two AWS accounts: its credentials, its stack, and the clients that speak to it."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from console.failure import Failure
from local_cloud import supervisor

ROOT = Path(__file__).resolve().parents[1]
LOCAL_CLOUD = ROOT / "target" / "local-cloud"
#: What the stacks are called unless somebody chooses other names.
SOURCE_STACK, DESTINATION_STACK = "rds-replication-source", "rds-replication-destination"
#: As the name of a profile: the credentials of the environment and no profile by its name.
ENVIRONMENT = ""

#: Following a run takes hours in a real account; one lost answer must not end it.
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=60)


def use_local_cloud(directory: Path = LOCAL_CLOUD) -> None:
    """Makes every session that follows speak to the local cloud that lives there, and to nothing else."""
    config = directory / "aws-config"
    # The file alone says nothing: a cloud that has been taken down or was killed may have left it.
    if supervisor.find(directory) is None or not config.exists():
        where = [] if directory == LOCAL_CLOUD else ["--directory", str(directory)]
        start = shlex.join(["scripts/local-cloud", "up", *where])
        raise Failure(f"the local cloud is not up in {directory}; start it with {start}")
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]
    os.environ["AWS_CONFIG_FILE"] = str(config)
    # Nothing of the user's real credentials may be read by mistake.
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def region_of_environment() -> str | None:
    """The Region that the environment names: AWS_REGION, else AWS_DEFAULT_REGION, of which boto3 knows only the second."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


def take_accounts(parser: argparse.ArgumentParser, *roles: str) -> None:
    """Adds the options by which every command is given the accounts that it works with."""
    parser.add_argument(
        "--local",
        nargs="?",
        const=LOCAL_CLOUD,
        type=Path,
        metavar="=DIRECTORY",
        help="use the local cloud, started with scripts/local-cloud up (there: --directory)",
    )
    for role in roles:
        words = f"AWS profile of the {role} account (default: {role} or, if there is none, the credentials of the environment)"
        parser.add_argument(f"--{role}-profile", metavar="NAME", help=words)
        words = f"Region of the {role} stack (default: AWS_REGION, else AWS_DEFAULT_REGION, else the profile's)"
        parser.add_argument(f"--{role}-region", metavar="REGION", help=words)


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the arguments; a word after `--local` is an argument of its own, a directory follows an equals sign."""
    words = sys.argv[1:] if arguments is None else arguments
    return parser.parse_args([f"--local={LOCAL_CLOUD}" if word == "--local" else word for word in words])


@dataclass
class Account:
    """The account in which one of the two stacks lives."""

    role: str
    """`source` or `destination`: the word used in everything that is printed."""
    profile: str | None = None
    """An AWS profile. None is the one that is called like the role or, if there is none, `ENVIRONMENT`."""
    stack: str = ""
    """Its name; empty where no stack or several are meant."""
    chosen_region: str | None = None
    """The Region that an option names; None is that of the environment or else of the profile."""

    def __post_init__(self) -> None:
        try:
            self._profile = self._chosen_profile()
            region = self.chosen_region or region_of_environment()
            self._session = boto3.Session(profile_name=self._profile or None, region_name=region)
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of one service in this account, in this Region or else in that which was chosen or found."""
        try:
            return self._session.client(service, region_name=region, config=_CONFIG)
        except (BotoCoreError, ValueError) as error:
            raise self._unusable(error) from error

    def number(self) -> str:
        """The account's twelve digits."""
        return self.client("sts").get_caller_identity()["Account"]

    @property
    def region(self) -> str:
        """The Region that the clients speak to."""
        return self._session.region_name or ""

    @property
    def profile_in_use(self) -> str:
        """The profile whose credentials are used; empty for those of the environment."""
        return self._profile

    @property
    def credentials(self) -> str:
        """Whose credentials are used, as it is printed."""
        if self._profile:
            return f"profile {self._profile}"
        return "credentials of the environment" + (
            "" if self.profile is not None else f", as there is no profile {self.role}"
        )

    def described_stack(self) -> tuple[dict[str, str], dict[str, str]]:
        """The outputs and the parameters of the account's stack, by name."""
        try:
            [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            raise Failure(
                f"cannot read the stack {self.stack} of the {self.role} account ({self.credentials}): {error}"
            ) from error
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
        return outputs, {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}

    def outputs(self) -> dict[str, str]:
        """The outputs of the account's stack, by name."""
        return self.described_stack()[0]

    def output(self, name: str) -> str:
        """One output of the account's stack."""
        return wanted_output(self, self.outputs(), name)

    def _chosen_profile(self) -> str:
        if self.profile is not None:
            return self.profile
        return self.role if self.role in botocore.session.Session().available_profiles else ENVIRONMENT

    def _unusable(self, error: Exception) -> Failure:
        whose = self.credentials if hasattr(self, "_profile") else f"profile {self.profile or self.role}"
        advice = (
            "; to fix this: set AWS_REGION, or give the profile a region" if isinstance(error, NoRegionError) else ""
        )
        return Failure(f"the {self.role} account cannot be used ({whose}): {error}{advice}")


def wanted_output(account: Account, outputs: dict[str, str], name: str) -> str:
    """The output of this name, which every stack of ours has."""
    if name not in outputs:
        raise Failure(
            f"the stack {account.stack} of the {account.role} account has no output {name}; "
            "was it deployed with this project's template?"
        )
    return outputs[name]
