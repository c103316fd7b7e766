"""What `scripts/deploy` refuses before anything is made: parameters that the template does not have, maintenance and backup
windows that RDS will refuse, tags that are reserved, an account number that nothing has confirmed, a source in the account of
the destination, and another secret than readers know.

CloudFormation's own client drops parameters that it does not know, and deploys with the default instead.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from console.account import ENVIRONMENT, Account
from console.departure import ROLE_PARAMETERS, is_missing, refuse_foreign
from console.facts import Stack
from console.failure import Failure
from console.reading import read_stacks
from console.regions import TOPIC, wrong_destination_region, wrong_regions
from console.secret_choice import NAME, check_secret

TAGS = "ExtraTags"
BACKUP, MAINTENANCE = "PreferredBackupWindow", "PreferredMaintenanceWindow"
DESTINATION = "DestinationAccountNumber"

# How keys and values begin that only AWS may set (RDS API model, Tag), and the keys of this product.
_OF_AWS = ("aws:", "rds:")
_OURS = ("rds-replication:", "to-be-deleted")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_SHORTEST = 30

#: A creation that was not rolled back, or not wholly, and a removal that has failed: what is there is for the operator to judge.
_LEFT = ("CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_BACKUP = re.compile(f"{_TIME}-{_TIME}")
_MAINTENANCE = re.compile(f"({'|'.join(_DAYS)}):{_TIME}-({'|'.join(_DAYS)}):{_TIME}")


# In Python alone it takes a quarter of a second.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Template(_Loader):
    """Reads a template; what `!Ref` and its kind refer to is not needed."""


_Template.add_multi_constructor("!", lambda *_: None)


def parameter_names(template: Path) -> list[str]:
    """The parameters of a template."""
    return list(_parameters(template))


def parameter_defaults(template: Path) -> dict[str, str]:
    """The defaults of those that have one."""
    return {name: str(about["Default"]) for name, about in _parameters(template).items() if "Default" in about}


@functools.cache
def _parameters(template: Path) -> dict[str, dict[str, Any]]:
    return yaml.load(template.read_text(), _Template)["Parameters"]


def unknown_parameters(given: dict[str, str], names: Sequence[str]) -> str:
    """What is wrong with the names of the given parameters, with those that were probably meant; empty if nothing is."""
    lines = []
    folded = {name.casefold(): name for name in names}
    for name in given:
        if name not in names:
            near = [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
            lines.append(
                f"the template has no parameter {name}" + (f"; did you mean {' or '.join(near)}?" if near else "")
            )
    return "\n".join([*lines, f"its parameters are {', '.join(sorted(names))}"]) if lines else ""


def wrong_windows(parameters: dict[str, str]) -> Iterator[str]:
    """What RDS will refuse of the two windows; each is empty, or in UTC."""
    backup, maintenance = parameters.get(BACKUP, ""), parameters.get(MAINTENANCE, "")
    windows = {}
    for name, text, read, example in (
        (BACKUP, backup, _backup_minutes, "03:00-03:30"),
        (MAINTENANCE, maintenance, _maintenance_minutes, "sun:04:00-sun:04:30"),
    ):
        found = read(text) if text else None
        if text and found is None:
            yield f"{name}={text} is no window: it has the form {example}, in lower case and with hours from 00 to 23"
        elif found and not _SHORTEST <= found[1] < _DAY:
            limits = f"RDS takes windows of {_SHORTEST} minutes and more, and of less than 24 hours"
            yield f"{name}={text} lasts {found[1]} minutes: {limits}"
        elif found and _DAY - found[1] < _SHORTEST and name == MAINTENANCE:
            yield f"{name}={text} leaves no {_SHORTEST} minutes of its day for the backup window"
        elif found:
            windows[name] = found
    if len(windows) == 2 and _overlap(*windows[BACKUP], *windows[MAINTENANCE]):
        yield f"{BACKUP}={backup} and {MAINTENANCE}={maintenance} overlap, which RDS refuses after the restore"


def reserved_tags(where: str, tags: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is wrong with the beginnings of the tags that an operator has chosen."""
    for key, value in tags:
        key, value = key.strip(), value.strip()
        if not key:
            yield f"{where}: ={value} has no key"
        elif key.startswith(_OURS):
            yield f"{where}: the tag {key} is reserved: keys that begin with {' or '.join(_OURS)} are of this product"
        elif key.casefold().startswith(_OF_AWS) or value.casefold().startswith(_OF_AWS):
            yield f"{where}: the tag {key}={value} is reserved: what begins with {' or '.join(_OF_AWS)} is of AWS"


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _backup_minutes(text: str) -> tuple[int, int] | None:
    """The start in minutes of the day, and the length."""
    found = _BACKUP.fullmatch(text)
    if not found:
        return None
    hour, minute, end_hour, end_minute = map(int, found.groups())
    start = hour * 60 + minute
    return start, (end_hour * 60 + end_minute - start) % _DAY


def _maintenance_minutes(text: str) -> tuple[int, int] | None:
    """The start in minutes of the week, and the length."""
    found = _MAINTENANCE.fullmatch(text)
    if not found:
        return None
    day, hour, minute, end_day, end_hour, end_minute = found.groups()
    start = _DAYS.index(day) * _DAY + int(hour) * 60 + int(minute)
    return start, (_DAYS.index(end_day) * _DAY + int(end_hour) * 60 + int(end_minute) - start) % _WEEK


def _overlap(backup: int, backup_length: int, maintenance: int, maintenance_length: int) -> bool:
    """Whether the daily window overlaps the weekly one on any day; both may continue past the end of their day or week."""
    starts = (backup + day * _DAY for day in range(-7, 14))
    return any(start < maintenance + maintenance_length and maintenance < start + backup_length for start in starts)


def check_account(
    wanted: str,
    *,
    own: str,
    deployed: str | None,
    confirmed: str | None,
    of_profile: Callable[[], str | None],
    ask: Callable[[str], str] | None,
) -> None:
    """Raises `Failure` unless the user or a profile confirms the account with which production will be shared.

    `own` is the source account, `deployed` what the stack has now, `confirmed` what --confirm-destination-account says,
    `of_profile` returns the account of the destination profile or None, and `ask` shows a question and answers with what was
    typed; None without a terminal.
    """
    confirmation = f"--confirm-destination-account {wanted}"
    if not re.fullmatch("[0-9]{12}", wanted):
        raise Failure(f"{DESTINATION}={wanted} is no account number: give its 12 digits, without hyphens")
    if wanted == own:
        raise Failure(
            f"{DESTINATION}={wanted} is the source account itself: RDS shares a snapshot with other accounts only"
        )
    if confirmed is not None:
        if confirmed != wanted:
            raise Failure(f"--confirm-destination-account {confirmed} is not {DESTINATION}={wanted}")
        return
    if wanted == deployed:
        return
    found = of_profile()
    if found == wanted:
        return
    if found:
        raise Failure(
            f"{DESTINATION}={wanted} is not the account of the destination profile, {found}: snapshots of the source database and "
            f"its key would be shared with a stranger. If it is right nevertheless, add {confirmation}"
        )
    if ask is None:
        raise Failure(
            f"nothing here confirms that {wanted} is the account that may have snapshots of the source database: there is no "
            f"destination profile to compare it with. If it is, add {confirmation}"
        )
    typed = ask(
        f"Snapshots of the source database and its key will be shared with account {wanted}, and no profile shows whose that is.\n"
        "Type the account number again to go on: "
    )
    if typed.replace("-", "").strip() != wanted:
        raise Failure("that is another number; nothing was deployed")


def wrong_topic(parameters: dict[str, str], own: str) -> str:
    """What is wrong with the account of the topic, for a destination stack in the account `own`; empty if nothing is.

    The template cannot refuse it: the rules of CloudFormation cannot take an ARN apart.
    """
    topic = parameters.get(TOPIC, "")
    if topic.count(":") != 5 or topic.split(":")[4] != own:
        return ""
    return (
        f"{TOPIC}={topic} is a topic of account {own}, to which the destination stack would be deployed: the source is in another "
        "account, because RDS shares a snapshot with other accounts only; to fix this: deploy with credentials of the destination "
        "account (such as --profile destination), or give the output TopicArn of a source stack in another account"
    )


def account_of_profile(name: str | None) -> str | None:
    """The account of the destination profile; None if there is none, or the default one cannot be used."""
    if name is None and "destination" not in botocore.session.Session().available_profiles:
        return None
    try:
        return Account("destination", name or "destination").number()
    except (Failure, BotoCoreError, ClientError) as error:
        if name is None:
            print(f"deploy: the profile destination does not show its account: {error}", file=sys.stderr)
            return None
        raise Failure(f"the profile {name} does not show its account: {error}") from error


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def check_stack(stack: Stack, role: str) -> None:
    """Raises `Failure` unless the stack that is there is one of this project and role, and may be updated or replaced."""
    # One that is only planned holds nothing, and CloudFormation need not know its parameters: deploying goes on from it.
    if stack.parameters or stack.status != "REVIEW_IN_PROGRESS":
        refuse_foreign(stack, role, "parameter")
    if stack.status in _LEFT:
        raise Failure(
            f"the stack {stack.name} is {stack.status}: it cannot be updated, and holds resources; to fix this: let "
            f"scripts/destroy {role} --stack-name {stack.name} remove it, which says what stays"
        )


def _deployed(account: Any) -> Stack | None:
    """The stack as it is; None if there is none yet."""
    try:
        [stack] = read_stacks(account, account.stack)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return stack


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m console.deployment", description=__doc__)
    parser.add_argument("--role", required=True, choices=ROLE_PARAMETERS)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument(
        "--stack", help="also compare with this stack and check the account, with the credentials of the environment"
    )
    parser.add_argument("--account", default="", help="the number of the account that is deployed to")
    parser.add_argument("--partition", default="aws", help="that of this account")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag of the stack")
    parser.add_argument("--destination-profile")
    parser.add_argument("--confirm-destination-account")
    parser.add_argument("parameters", nargs="*", metavar="KEY=VALUE")
    return parser.parse_args(arguments)


def _check(given: argparse.Namespace) -> None:
    parameters = dict(one.split("=", 1) for one in given.parameters)
    wrong = unknown_parameters(parameters, parameter_names(given.template))
    if wrong:
        raise Failure(wrong)
    tags = [_pair(one) for one in parameters.get(TAGS, "").split(",") if one.strip()]
    wrong = "\n".join([*reserved_tags(TAGS, tags), *reserved_tags("--tags", map(_pair, given.tag))])
    if wrong:
        raise Failure(wrong)
    account = Account("deployed-to", ENVIRONMENT, given.stack) if given.stack else None
    stack = _deployed(account) if account else None
    if stack:
        check_stack(stack, given.role)
    outputs, deployed = (stack.outputs, stack.parameters) if stack else (None, {})
    if BACKUP in parameters or MAINTENANCE in parameters:
        wrong = "\n".join(wrong_windows(deployed | parameters))
        if wrong:
            raise Failure(wrong)
    defaults = parameter_defaults(given.template)
    wrong = wrong_topic(deployed | parameters, given.account) if account else ""
    if wrong:
        raise Failure(wrong)
    if account and NAME in defaults:
        before = defaults | deployed
        check_secret(account, given.account, outputs, before, before | parameters)
    if account and TOPIC in defaults | deployed | parameters:
        wrong = "\n".join(wrong_regions(defaults | deployed | parameters, given.partition, account.region))
        if wrong:
            raise Failure(wrong)
    if account and "DestinationRegion" in defaults:
        wrong = "\n".join(wrong_destination_region(defaults | deployed | parameters, account.region))
        if wrong:
            raise Failure(wrong)
    if given.stack and DESTINATION in parameters:
        check_account(
            parameters[DESTINATION],
            own=given.account,
            deployed=deployed.get(DESTINATION),
            confirmed=given.confirm_destination_account,
            of_profile=lambda: account_of_profile(given.destination_profile),
            ask=_ask if sys.stdin.isatty() else None,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The checks. Answers with the exit code."""
    try:
        _check(_arguments(arguments))
    except (Failure, BotoCoreError, ClientError) as error:
        print("\n".join(f"deploy: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndeploy: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
