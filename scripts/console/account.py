"""One of the two AWS accounts: its credentials, its stack, and the clients that speak to it."""

import os
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .failure import Failure

ROOT = Path(__file__).resolve().parents[2]
LOCAL_CLOUD = ROOT / "target" / "local-cloud"

#: Following a run takes hours in a real account; one lost answer must not end it.
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=60)


def use_local_cloud(directory=LOCAL_CLOUD):
    """Makes every session that follows speak to the local cloud that lives there, and to nothing else."""
    config = directory / "aws-config"
    if not config.exists():
        raise Failure(f"the local cloud is not up: {config} does not exist; start it with scripts/local-cloud up")
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]
    os.environ["AWS_CONFIG_FILE"] = str(config)
    # Nothing of a person's real credentials may be read by mistake.
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def take_accounts(parser, *roles):
    """Adds the options by which every command is told where the accounts are that it speaks to."""
    parser.add_argument(
        "--local",
        nargs="?",
        const=LOCAL_CLOUD,
        type=Path,
        metavar="DIRECTORY",
        help="use the local cloud, started with scripts/local-cloud up (there: --directory)",
    )
    letters = {"source": "A", "destination": "B"}
    for role in roles:
        words = f"AWS profile of account {letters[role]} (default: %(default)s)"
        parser.add_argument(f"--{role}-profile", default=role, metavar="NAME", help=words)


@dataclass
class Account:
    """The account in which one of the two stacks lives."""

    role: str
    """`source` or `destination`: the word used in everything that is printed."""
    profile: str
    stack: str = ""
    """Its name; empty where no stack or several are meant."""

    def __post_init__(self):
        try:
            self._session = boto3.Session(profile_name=self.profile)
        except BotoCoreError as error:
            raise Failure(f"the {self.role} account's profile {self.profile} cannot be used: {error}") from error

    def client(self, service):
        """A client of one service in this account and the profile's Region."""
        try:
            return self._session.client(service, config=_CONFIG)
        except (BotoCoreError, ValueError) as error:
            raise Failure(f"the {self.role} account's profile {self.profile} cannot be used: {error}") from error

    def number(self):
        """The account's twelve digits."""
        return self.client("sts").get_caller_identity()["Account"]

    @property
    def region(self):
        """The Region of the profile."""
        return self._session.region_name or ""

    def outputs(self):
        """The outputs of the account's stack, by name."""
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=self.stack)
        except (BotoCoreError, ClientError) as error:
            raise Failure(
                f"cannot read the stack {self.stack} of the {self.role} account (profile {self.profile}): {error}"
            ) from error
        return {item["OutputKey"]: item["OutputValue"] for item in answer["Stacks"][0].get("Outputs", [])}

    def output(self, name):
        """One output of the account's stack."""
        outputs = self.outputs()
        if name not in outputs:
            raise Failure(
                f"the stack {self.stack} of the {self.role} account has no output {name}; "
                "was it deployed with this project's template?"
            )
        return outputs[name]
