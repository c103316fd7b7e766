"""Starts and stops the processes of a local cloud: ministack with our patches, and the RDS emulator."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_cloud import processes

SOURCE_ACCOUNT = "111111111111"
DESTINATION_ACCOUNT = "222222222222"
ACCOUNTS = {"source": SOURCE_ACCOUNT, "destination": DESTINATION_ACCOUNT}
# Any secret is good for an access key id of twelve digits, which is the account's root.
SECRET_ACCESS_KEY = "local-cloud"

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target" / "tools"
START_DEADLINE_SECONDS = 60
# How long a restored instance is available before it is busy once more, before `wait_scale`: shorter than the shortest
# time between two polls of a state machine.
FLAP_SECONDS = 5
# How long the storage of a restored instance is filled, before `wait_scale`.
STORAGE_SECONDS = 10


class LocalCloudError(Exception):
    """Something that the user who started the local cloud has to know, in words for them."""


class Cloud:
    """A local cloud that runs, or ran, in a directory."""

    def __init__(self, directory: Path, state: dict[str, Any]) -> None:
        self.directory = directory
        self.state = state
        self.region: str = state["region"]
        self.url: str = state["cloud"]["url"]
        self.rds_url: str | None = state["rds"]["url"] if state["rds"] else None

    @property
    def data_directory(self) -> Path:
        """Where the RDS emulator keeps databases and snapshots."""
        return self.directory / "rds"

    def is_alive(self) -> bool:
        """Whether every process that belongs to this cloud runs."""
        return all(processes.is_alive(self.state[name]) for name in ("cloud", "rds") if self.state[name])

    def environment(self, account: str) -> dict[str, str]:
        """The variables that make aws, psql and boto3 work as the root of an account: 'source', 'destination' or its number."""
        number = ACCOUNTS.get(account, account)
        variables = {
            "AWS_ACCESS_KEY_ID": number,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Not every machine resolves names that end in .localhost, such as those of database instances.
            "PGHOSTADDR": "127.0.0.1",
        }
        if self.rds_url:
            variables["AWS_ENDPOINT_URL_RDS"] = self.rds_url
        return variables

    def client(self, service: str, account: str = "source", **options: Any) -> Any:
        """A boto3 client for a service, as the root of the account."""
        import boto3

        number = ACCOUNTS.get(account, account)
        endpoint = self.rds_url if service == "rds" else self.url
        settings = {"aws_access_key_id": number, "aws_secret_access_key": SECRET_ACCESS_KEY, "region_name": self.region}
        return boto3.client(service, **{"endpoint_url": endpoint, **settings, **options})

    def stop(self) -> None:
        """Ends every process of this cloud. Its logs stay."""
        stop(self.directory)

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _alone(start: Callable[..., Cloud]) -> Callable[..., Cloud]:
    """Those who start a cloud in the same directory wait for each other, and take it from nobody."""

    @functools.wraps(start)
    def start_alone(directory: Path, **options: Any) -> Cloud:
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "launch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refuse_strangers(directory)
            return start(directory, **options)

    return start_alone


@_alone
def launch(
    directory: Path,
    *,
    port: int = 0,
    rds_port: int = 0,
    region: str = "us-east-1",
    wait_scale: float = 0.1,
    with_rds: bool = True,
    emulator: Path | None = None,
    emulator_arguments: tuple[str, ...] = (),
    stock: bool = False,
    owner: int | None = 0,
) -> Cloud:
    """Starts a cloud of its own in the directory, replacing what was there; returns when it answers.

    A port of 0 means a free one. `wait_scale` multiplies the Wait states and retry delays of state machines. `emulator` is
    the binary to run (default: the one that `emulator_binary` builds). `stock` leaves our patches out. `owner` is the
    process that the cloud is for: 0 is this one, None nobody in particular. As long as it and its cloud run, nobody else
    gets the directory.
    """
    stop(directory)
    remove_data(directory)
    (directory / "tmp").mkdir()
    port, rds_port = port or _free_port(), rds_port or _free_port()
    url, rds_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{rds_port}"
    state: dict[str, Any] = {"region": region, "waitScale": wait_scale, "owner": None, "cloud": None, "rds": None}
    if owner is not None:
        pid = owner or os.getpid()
        state["owner"] = {"pid": pid, "startedAt": processes.started_at(pid)}
    environment = {
        processes.MARKER: str(directory),
        "PATH": f"{TOOLS / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "LANG": "C.UTF-8",
    }
    cloud_environment = {
        **environment,
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(directory / "tmp"),
        "S3_DATA_DIR": str(directory / "tmp" / "s3"),
        "STATE_DIR": str(directory / "tmp" / "state"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        # A Docker daemon of this machine is none of our business.
        "DOCKER_HOST": f"unix://{directory}/no-docker.sock",
        "MINISTACK_REGION": region,
        # Functions inherit these, and so talk to this cloud and to nothing else.
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_RDS": rds_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SFN_WAIT_SCALE": str(wait_scale),
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(60 * wait_scale),
        "PYTHONPATH": str(ROOT / "local-cloud"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOCAL_CLOUD_STOCK": "1" if stock else "0",
    }
    try:
        state["cloud"] = _start(
            directory, "cloud", [str(TOOLS / "bin" / "python"), "-m", "local_cloud.cloud"], cloud_environment, url
        )
        _write_state(directory, state)
        _wait_until_healthy(state["cloud"], "/_ministack/health")
        if with_rds:
            command = [str(emulator or emulator_binary()), "--listen", f"127.0.0.1:{rds_port}"]
            command += ["--data-dir", str(directory / "rds"), "--cloud-url", url]
            command += ["--postgres-bin", postgres_bin(), "--flap-seconds", str(FLAP_SECONDS * wait_scale)]
            command += ["--storage-seconds", str(STORAGE_SECONDS * wait_scale), *emulator_arguments]
            state["rds"] = _start(directory, "rds", command, environment, rds_url)
            _write_state(directory, state)
            _wait_until_healthy(state["rds"], "/_emulator/health")
    except BaseException:
        stop(directory)
        raise
    cloud = Cloud(directory, state)
    _write_profiles(cloud)
    return cloud


def refuse_strangers(directory: Path) -> None:
    """Raises if the cloud of this directory runs for a process that runs too, and that did not start this one."""
    try:
        state = json.loads((directory.resolve() / "state.json").read_text())
    except (OSError, ValueError):
        return
    owner = state.get("owner")
    runs = any(processes.is_alive(state.get(name)) for name in ("cloud", "rds"))
    if runs and processes.is_alive(owner) and owner["pid"] not in processes.ancestors():
        raise LocalCloudError(
            f"the local cloud in {directory} is in use by process {owner['pid']} ({processes.command_of(owner['pid'])}); "
            "wait for its end, or end it, or use another directory"
        )


def remove_data(directory: Path) -> int:
    """Removes the databases, the snapshots and whatever else a cloud that has ended kept here, but not its logs, and how
    to reach it. Says how many bytes that were."""
    directory = directory.resolve()
    size = 0
    for name in ("rds", "tmp"):
        size += _size_below(directory / name)
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / "aws-config").unlink(missing_ok=True)
    return size


def _size_below(directory: Path | str) -> int:
    """How many bytes the files below a directory take. Some databases are tens of thousands of files, and a path object for
    each took longer than to remove them."""
    size = 0
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                size += _size_below(entry.path)
            elif not entry.is_symlink():
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
    return size


def find(directory: Path) -> Cloud | None:
    """The cloud whose processes all run in this directory, or None."""
    directory = directory.resolve()
    try:
        cloud = Cloud(directory, json.loads((directory / "state.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return cloud if cloud.is_alive() else None


def stop(directory: Path) -> None:
    """Ends every process of the cloud in this directory, and whatever they started. Does nothing if there is none."""
    directory = directory.resolve()
    try:
        state = json.loads((directory / "state.json").read_text())
    except (OSError, ValueError):
        state = {}
    # The emulator first, and patiently: it stops its PostgreSQL servers in good order.
    if processes.is_alive(state.get("rds")):
        processes.end([state["rds"]["pid"]], patience_seconds=15)
    # Nothing that ministack holds outlives it, and its own way to end can hang.
    if processes.is_alive(state.get("cloud")):
        processes.end([state["cloud"]["pid"]], patience_seconds=1)
    processes.end(processes.marked(directory), patience_seconds=2)
    processes.end(processes.postgres_servers(directory / "rds"), patience_seconds=5)
    (directory / "state.json").unlink(missing_ok=True)


def emulator_binary() -> Path:
    """Builds the RDS emulator if cargo finds it missing or out of date, and says where it is."""
    target = "x86_64-unknown-linux-gnu"
    binary = ROOT / "target" / target / "release" / "rds-emulator"
    # Of the whole workspace, as scripts/build: a selection of packages has other features, and compiles everything again.
    command = ["cargo", "zigbuild", "--release", "--target", f"{target}.2.34", "--workspace", "--bin", "rds-emulator"]
    if _is_current(binary):
        return binary
    if binary.exists():
        command.append("--quiet")
    path = f"{TOOLS / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    try:
        build = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PATH": path})
        try:
            build.wait(timeout=2)
        except subprocess.TimeoutExpired:
            print("local-cloud: building the RDS emulator (some minutes the first time)", file=sys.stderr)
            build.wait()
    except OSError as error:
        raise LocalCloudError(f"cargo could not be started: {error}") from error
    if build.returncode != 0:
        raise LocalCloudError(
            f"the RDS emulator could not be built: {shlex.join(command)} ended with {build.returncode}"
        )
    return binary


def _is_current(binary: Path) -> bool:
    """Whether a program is newer than everything that it was made of. Cargo would say so too, but waits for every other build."""
    try:
        made = binary.stat().st_mtime
        sources = shlex.split(binary.with_suffix(".d").read_text().partition(":")[2])
        settings = [str(ROOT / name) for name in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml")]
        return all(Path(source).stat().st_mtime <= made for source in settings + sources)
    except OSError:
        return False


def postgres_bin() -> str:
    """The directory of PostgreSQL's programs that scripts/setup found or installed."""
    try:
        return (TOOLS / "postgres-bin").read_text().strip()
    except OSError as error:
        raise LocalCloudError("target/tools is incomplete: run scripts/setup --all") from error


def exports(cloud: Cloud, account: str) -> str:
    """Shell commands that make a terminal work in the account."""
    variables = cloud.environment(account)
    # The profiles of this cloud, so that a command never compares an account with a real one of the same profile name.
    variables["AWS_CONFIG_FILE"] = str(cloud.directory / "aws-config")
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # What the system has comes before the wheel's psql.
    path = f'{shlex.quote(str(TOOLS / "bin"))}:"$PATH":{shlex.quote(postgres_bin())}'
    return "\n".join([*lines, f"export PATH={path}", "unset AWS_PROFILE AWS_SESSION_TOKEN"])


def _start(directory: Path, name: str, command: list[str], environment: dict[str, str], url: str) -> dict[str, Any]:
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise LocalCloudError(f"{command[0]} could not be started: {error}") from error
    return {"pid": process.pid, "startedAt": processes.started_at(process.pid), "url": url, "log": str(log)}


def _wait_until_healthy(process: dict[str, Any], path: str) -> None:
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(process["url"] + path, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if not processes.is_alive(process):
            raise LocalCloudError(
                f"the process ended while starting; its log is {process['log']}{_end_of(process['log'])}"
            )
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"{process['url']}{path} did not answer within {START_DEADLINE_SECONDS} s; "
                f"the log is {process['log']}{_end_of(process['log'])}"
            )
        time.sleep(0.05)


def _end_of(log: str) -> str:
    lines = Path(log).read_text(errors="replace").splitlines()[-10:]
    return "".join(f"\n  | {line}" for line in lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _write_state(directory: Path, state: dict[str, Any]) -> None:
    # Renamed into place, so that nobody ever reads half of it.
    new = directory / "state.json.new"
    new.write_text(json.dumps(state, indent=2) + "\n")
    new.rename(directory / "state.json")


def _write_profiles(cloud: Cloud) -> None:
    """Profiles `source` and `destination`, for those who name a profile instead of setting variables."""
    lines: list[str] = []
    for name, number in ACCOUNTS.items():
        lines += [
            f"[profile {name}]",
            f"aws_access_key_id = {number}",
            f"aws_secret_access_key = {SECRET_ACCESS_KEY}",
            f"region = {cloud.region}",
            f"endpoint_url = {cloud.url}",
            "cli_pager =",
        ]
        lines += ["services = local-cloud", ""] if cloud.rds_url else [""]
    if cloud.rds_url:
        lines += ["[services local-cloud]", "rds =", f"  endpoint_url = {cloud.rds_url}", ""]
    (cloud.directory / "aws-config").write_text("\n".join(lines))
