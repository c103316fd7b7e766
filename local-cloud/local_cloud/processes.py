"""Processes that outlive the command that started them, and how to end them without ending anybody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Every process of a local cloud has this variable in its environment, with the cloud's directory as its value. Children
# inherit it: the functions that ministack starts, and the PostgreSQL servers of the RDS emulator.
MARKER = "LOCAL_CLOUD_DIRECTORY"


def started_at(pid: int) -> str | None:
    """When the process started, in clock ticks of the kernel; with the pid it names a process for ever. None if it ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The program's name, in parentheses, may itself contain spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def is_alive(process: dict[str, Any] | None) -> bool:
    """Whether the process recorded as {"pid", "startedAt"} still runs."""
    # A process that ended before it could be recorded has no time at which it started.
    if not process or not process["startedAt"]:
        return False
    return started_at(process["pid"]) == process["startedAt"]


def ancestors() -> list[int]:
    """This process, the one that started it, the one that started that, and so on."""
    found, pid = [], os.getpid()
    while pid > 0:
        found.append(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def command_of(pid: int) -> str:
    """The command line of a process, as far as it is short."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "?"
    return " ".join(words).strip()[:120]


def marked(directory: Path) -> list[int]:
    """The processes that carry the mark of the cloud in this directory."""
    wanted = f"{MARKER}={directory}".encode()
    return [pid for pid in _all() if wanted in _environment(pid)]


def postgres_servers(data_directory: Path) -> list[int]:
    """The PostgreSQL servers below this directory, for those whose environment was cleared."""
    servers = []
    for pid_file in data_directory.glob("**/postmaster.pid"):
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
            # A server runs inside its data directory. A stale file may name someone else's process.
            if Path(os.readlink(f"/proc/{pid}/cwd")) == pid_file.parent.resolve():
                servers.append(pid)
        except (OSError, ValueError):
            continue
    return servers


def end(pids: Iterable[int], patience_seconds: float) -> None:
    """Ends the processes: asks with SIGTERM, and after the given time takes SIGKILL."""
    waiting = {pid: started_at(pid) for pid in pids}
    for number, patience in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, 5.0)):
        for pid in waiting:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while waiting and time.monotonic() < deadline:
            waiting = {pid: start for pid, start in waiting.items() if start and started_at(pid) == start}
            time.sleep(0.02)


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
