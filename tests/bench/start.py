"""What it takes to start each function and to make it answer, in CPU time, memory and bytes, from interleaved starts.

Beside the functions as they are built stand one that does nothing, on the same runtime, and a handler with boto3 under
Amazon's own runtime client for Python. A stub plays the Lambda runtime: it hands out one event and then no more. CPU time is
the process's own (schedstat), so that a busy machine changes it little; the ratios are of medians of the same rounds.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOTHING = "nothing"
BOTO3 = "boto3"
# No event is answered: what a start takes is measured where the function asks for its first one.
PATIENCE_SECONDS = 60
HANDLER = """
import boto3
rds = boto3.client("rds")
def handler(event, context):
    return rds.describe_db_snapshots(DBSnapshotIdentifier=event["name"])["DBSnapshots"]
"""


@dataclass(frozen=True)
class Start:
    """One start, measured when the function asks for its first event."""

    cpu_milliseconds: float
    wall_milliseconds: float
    memory_kilobytes: int


@dataclass(frozen=True)
class Subject:
    """What is started: its command, and what is deployed of it."""

    name: str
    command: tuple[str, ...]
    binary_bytes: int | None = None
    zip_bytes: int | None = None


class Runtime(ThreadingHTTPServer):
    """The Lambda runtime's side of a start: it says when the first event is asked for, and gives none."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.ended = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.set()
                server.ended.wait(PATIENCE_SECONDS)

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """The function is gone by then."""


def cpu_milliseconds(process: int) -> float:
    """The CPU time of all threads of a process."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


def memory_kilobytes(process: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def start(subject: Subject, environment: dict[str, str]) -> Start:
    """Starts a function and measures it at its first question."""
    runtime = Runtime()
    threading.Thread(target=runtime.serve_forever, daemon=True).start()
    host, port = "127.0.0.1", runtime.server_address[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        subject.command,
        env={**environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if not runtime.asked.wait(PATIENCE_SECONDS):
            raise SystemExit(f"{subject.name} has not asked for an event within {PATIENCE_SECONDS} s")
        wall = (time.perf_counter() - began) * 1e3
        return Start(cpu_milliseconds(process.pid), wall, memory_kilobytes(process.pid))
    finally:
        process.kill()
        process.wait()
        runtime.ended.set()
        runtime.shutdown()
        runtime.server_close()


def function_environment() -> dict[str, str]:
    """What every function finds in its environment; its own variables are missing, which it reports with its first event."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "example",
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "measured",
        "AWS_LAMBDA_LOG_STREAM_NAME": "measured",
        "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
        "RUST_LOG": "info",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def subjects(release: Path, zips: Path, python: Path | None, output: Path) -> Iterator[Subject]:
    """All that are compared."""
    nothing = release / "examples" / NOTHING
    yield Subject(NOTHING, (str(nothing),), nothing.stat().st_size)
    for packed in sorted(zips.glob("*.zip")):
        task = packed.stem
        binary = release / task
        yield Subject(task, (str(binary),), binary.stat().st_size, packed.stat().st_size)
    if python is not None:
        (output / "handler.py").write_text(HANDLER)
        code = (
            f"import sys; sys.path[:0] = [{str(python)!r}, {str(output)!r}]; "
            "import awslambdaric.__main__ as m; m.main(['awslambdaric', 'handler.handler'])"
        )
        yield Subject(BOTO3, (sys.executable, "-c", code))


def middle(starts: list[Start]) -> Start:
    """The medians."""
    return Start(
        statistics.median(one.cpu_milliseconds for one in starts),
        statistics.median(one.wall_milliseconds for one in starts),
        round(statistics.median(one.memory_kilobytes for one in starts)),
    )


def table(compared: list[Subject], found: dict[str, Start]) -> str:
    """The table in Markdown."""
    lines = [
        "| function | CPU ms to its first event | of the do-nothing one | of the boto3 handler "
        "| wall ms | memory MB | binary MB | zip MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    floor = found[NOTHING].cpu_milliseconds
    for subject in compared:
        one = found[subject.name]
        slow = found.get(BOTO3)
        size = [f"{size / 1e6:.2f}" if size else "-" for size in (subject.binary_bytes, subject.zip_bytes)]
        against = f"1/{slow.cpu_milliseconds / one.cpu_milliseconds:.0f}" if slow else "-"
        lines.append(
            f"| {subject.name} | {one.cpu_milliseconds:.2f} | {one.cpu_milliseconds / floor:.1f} | {against} "
            f"| {one.wall_milliseconds:.0f} | {one.memory_kilobytes / 1e3:.1f} | {' | '.join(size)} |"
        )
    return "\n".join(lines) + "\n"


def plot(compared: list[Subject], found: dict[str, Start]) -> str:
    """The CPU times as bars on a logarithmic scale from 1 to 1,000 ms, in SVG."""
    height, left, width = 24, 110, 480
    bars = []
    for row, subject in enumerate(compared):
        value = found[subject.name].cpu_milliseconds
        length = max(1.0, math.log10(max(value, 1.0)) / 3 * width)
        y = row * height + 34
        bars.append(
            f'<text x="{left - 6}" y="{y + 13}" text-anchor="end">{subject.name}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="16" fill="#3b6ea5"/>'
            f'<text x="{left + length + 5:.1f}" y="{y + 13}">{value:.1f}</text>'
        )
    total = len(compared) * height + 44
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{total}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<text x="{left}" y="18">CPU ms to the first event, logarithmic from 1 to 1,000</text>\n'
        + "\n".join(bars)
        + "\n</svg>\n"
    )


def broken_bands(bands: dict[str, dict[str, float]], compared: list[Subject], found: dict[str, Start]) -> list[str]:
    """Which of the committed bands do not hold."""
    broken = []
    floor = found[NOTHING]
    for subject in compared:
        if subject.name in (NOTHING, BOTO3):
            continue
        one = found[subject.name]
        values = {
            "cpuOfNothing": one.cpu_milliseconds / floor.cpu_milliseconds,
            "memoryOfNothing": one.memory_kilobytes / floor.memory_kilobytes,
            "zipMegabytes": (subject.zip_bytes or 0) / 1e6,
        }
        if BOTO3 in found:
            values["boto3OfCpu"] = found[BOTO3].cpu_milliseconds / one.cpu_milliseconds
        for name, value in values.items():
            band = bands[name]
            if not band["least"] <= value <= band["most"]:
                broken.append(f"{subject.name}: {name} is {value:.2f}, not {band['least']} to {band['most']}")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True, help="where the binaries are")
    parser.add_argument("--zips", type=Path, required=True, help="where the packed functions are")
    parser.add_argument("--python", type=Path, help="where awslambdaric is; without it there is no boto3 handler")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--bands", type=Path, help="the bands that the ratios have to hold")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    python = given.python.resolve() if given.python else None
    compared = list(subjects(given.release, given.zips, python, given.output.resolve()))
    environment = function_environment()
    starts: dict[str, list[Start]] = {subject.name: [] for subject in compared}
    # The first round warms the page cache and does not count.
    for number in range(given.rounds + 1):
        for subject in compared:
            one = start(subject, environment)
            if number:
                starts[subject.name].append(one)
    found = {name: middle(each) for name, each in starts.items()}
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    text = table(compared, found)
    print(
        f"{when}, {platform.machine()}, {os.cpu_count()} cores, medians of {given.rounds} interleaved starts\n\n{text}"
    )
    (given.output / "start.md").write_text(text)
    (given.output / "start.svg").write_text(plot(compared, found))
    figures = {name: vars(one) for name, one in found.items()}
    (given.output / "start.json").write_text(json.dumps(figures, indent=2) + "\n")
    if not given.bands:
        return 0
    broken = broken_bands(json.loads(given.bands.read_text())["start"], compared, found)
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
