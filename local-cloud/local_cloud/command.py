"""The command scripts/local-cloud."""

from __future__ import annotations

import argparse
import fcntl
import math
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from local_cloud import supervisor
from local_cloud.supervisor import Cloud, LocalCloudError

DIRECTORY = supervisor.ROOT / "target" / "local-cloud"


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    try:
        return {"up": _up, "down": _down, "status": _status, "env": _env}[options.command](options)
    except LocalCloudError as error:
        print(f"local-cloud: {error}", file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/local-cloud", description="Two AWS accounts on this machine, on 127.0.0.1 only."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it; does nothing if it runs")
    up.add_argument(
        "--port", type=_whole(0, 65535), default=0, help="port of every service but RDS (default: a free one)"
    )
    up.add_argument("--rds-port", type=_whole(0, 65535), default=0, help="port of RDS (default: a free one)")
    up.add_argument("--region", default="us-east-1")
    up.add_argument(
        "--wait-scale", type=_factor, default=0.1, help="factor on the waits of state machines (default: 0.1)"
    )
    up.add_argument("--no-rds", action="store_true", help="leave the RDS emulator out")
    up.add_argument(
        "--owner",
        type=_whole(1, 2**31 - 1),
        default=None,
        metavar="PID",
        help="nobody else gets the directory while this process runs",
    )
    commands.add_parser("down", help="end it, with every process it started, and remove its databases; the logs stay")
    commands.add_parser("status", help="say what runs where; exit code 3 if nothing does")
    env = commands.add_parser("env", help='print exports: eval "$(scripts/local-cloud env source)"')
    env.add_argument("account", choices=sorted(supervisor.ACCOUNTS))
    for command in commands.choices.values():
        command.add_argument(
            "--directory", type=Path, default=DIRECTORY, help="where it lives (default: target/local-cloud)"
        )
    return parser.parse_args(arguments)


def _whole(first: int, last: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 20 or not first <= int(text) <= last:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {first} to {last}")
        return int(text)

    return read


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # A comparison with nan is false, whatever it is compared with.
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return value


def _command(directory: Path, *words: str) -> str:
    """This command, as it is printed for the cloud in this directory: without the option it would act on another one."""
    where = [] if directory == DIRECTORY else ["--directory", str(directory)]
    return shlex.join(["scripts/local-cloud", *words, *where])


def _up(options: argparse.Namespace) -> int:
    with _only_one(options.directory):
        cloud = supervisor.find(options.directory)
        if cloud is None:
            cloud = supervisor.launch(
                options.directory,
                port=options.port,
                rds_port=options.rds_port,
                region=options.region,
                wait_scale=options.wait_scale,
                with_rds=not options.no_rds,
                owner=options.owner,
            )
        else:
            supervisor.refuse_strangers(options.directory)
            _refuse_other_settings(cloud, options)
    _print(cloud, options.directory)
    return 0


def _refuse_other_settings(cloud: Cloud, options: argparse.Namespace) -> None:
    wanted = {
        "--port": options.port and f"http://127.0.0.1:{options.port}" != cloud.url,
        "--rds-port": options.rds_port and f"http://127.0.0.1:{options.rds_port}" != cloud.rds_url,
        "--region": options.region != cloud.region,
        "--wait-scale": options.wait_scale != cloud.state["waitScale"],
        "--no-rds": options.no_rds == bool(cloud.rds_url),
    }
    different = [name for name, differs in wanted.items() if differs]
    if different:
        raise LocalCloudError(
            f"it already runs with another {', '.join(different)}: run `{_command(options.directory, 'down')}` first"
        )


def _down(options: argparse.Namespace) -> int:
    directory = options.directory
    if not directory.exists():
        print(f"there is no local cloud in {directory}")
        return 0
    with _only_one(directory):
        supervisor.refuse_strangers(directory)
        ran = (directory / "state.json").exists()
        print(f"ending the local cloud in {directory}" if ran else f"no local cloud runs in {directory}")
        supervisor.stop(directory)
        size = supervisor.remove_data(directory)
    if size:
        print(f"removed its databases, snapshots and files ({_size(size)}); its logs stay")
    return 0


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _status(options: argparse.Namespace) -> int:
    cloud = supervisor.find(options.directory)
    if cloud is None:
        print(f"the local cloud does not run; start it with {_command(options.directory, 'up')}")
        return 3
    _print(cloud, options.directory)
    return 0


def _env(options: argparse.Namespace) -> int:
    cloud = supervisor.find(options.directory)
    if cloud is None:
        raise LocalCloudError(f"it does not run: start it with {_command(options.directory, 'up')}")
    print(supervisor.exports(cloud, options.account))
    return 0


def _print(cloud: Cloud, directory: Path) -> None:
    rds = cloud.state["rds"]
    print(
        f"accounts     source {supervisor.SOURCE_ACCOUNT}, destination {supervisor.DESTINATION_ACCOUNT}, in {cloud.region}"
    )
    print(f"services     {cloud.url}  process {cloud.state['cloud']['pid']}, log {cloud.state['cloud']['log']}")
    print(
        f"rds          {cloud.rds_url}  process {rds['pid']}, log {rds['log']}" if rds else "rds          not started"
    )
    source, destination = (_command(directory, "env", account) for account in ("source", "destination"))
    print(f'use it with  eval "$({source})"  or  eval "$({destination})"')


class _only_one:
    """Two commands that start or stop the same cloud wait for each other."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / "lock").open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._lock.close()


if __name__ == "__main__":
    sys.exit(main())
