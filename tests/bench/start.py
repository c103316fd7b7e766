"""What it takes to start each function and to make it answer, in CPU time, memory and bytes, from interleaved starts.

Beside the functions as they are built stand one that does nothing, on the same runtime, and a handler with boto3 under
Amazon's own runtime client for Python. A stub plays the Lambda runtime and hands out twenty events, and another plays AWS and
refuses each call at once (answers.py). CPU time is the process's own (schedstat), so that a busy machine changes it little;
the ratios are of medians of the same rounds.
"""

import argparse
import json
import math
import os
import platform
import queue
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.bench import answers

NOTHING = "nothing"
BOTO3 = "boto3"
PATIENCE_SECONDS = 60
# The first answer, and those that are warm.
ANSWERS = 20
HANDLER = """
import boto3
rds = boto3.client("rds")
def handler(event, context):
    return rds.describe_db_snapshots(DBSnapshotIdentifier=event["name"])["DBSnapshots"]
"""


@dataclass(frozen=True)
class Start:
    """One start, measured when the function asks for its first event, and the answers after it."""

    cpu_milliseconds: float
    wall_milliseconds: float
    memory_kilobytes: int
    first_cpu_milliseconds: float
    first_wall_milliseconds: float
    warm_cpu_milliseconds: float
    warm_wall_milliseconds: float


@dataclass(frozen=True)
class Subject:
    """What is started: its command, and what is deployed of it."""

    name: str
    command: tuple[str, ...]
    binary_bytes: int | None = None
    zip_bytes: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    event: Any = None


class Runtime(ThreadingHTTPServer):
    """The Lambda runtime's side: it says when the next event is asked for and what was answered, and hands out events."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: queue.Queue[float] = queue.Queue()
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.answered: queue.Queue[tuple[float, bytes]] = queue.Queue()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server.asked.put(time.perf_counter())
                event = server.events.get()
                if event is not None:
                    deadline = round(time.time() * 1e3) + 60_000
                    self._answer(
                        "200 OK",
                        event,
                        f"Lambda-Runtime-Aws-Request-Id: 11111111-2222-3333-4444-555555555555\r\n"
                        f"Lambda-Runtime-Deadline-Ms: {deadline}\r\n"
                        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:111111111111:function:measured\r\n",
                    )

            def do_POST(self) -> None:
                body = self._body()
                server.answered.put((time.perf_counter(), body))
                self._answer("202 Accepted", b"{}")

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: str, body: bytes, headers: str = "") -> None:
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
                self.wfile.write(head.encode() + body)

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
    """Starts a function, measures it at its first question, and lets it answer."""
    runtime = Runtime()
    threading.Thread(target=runtime.serve_forever, daemon=True).start()
    host, port = "127.0.0.1", runtime.server_address[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        subject.command,
        env={**environment, **subject.environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wall = (runtime.asked.get(timeout=PATIENCE_SECONDS) - began) * 1e3
        cpu, memory = cpu_milliseconds(process.pid), memory_kilobytes(process.pid)
        taken = [answer(subject, runtime, process.pid) for _ in range(ANSWERS)]
        warm_cpu, warm_wall = (statistics.median(one) for one in zip(*taken[1:], strict=True))
        return Start(cpu, wall, memory, *taken[0], warm_cpu, warm_wall)
    except queue.Empty:
        raise SystemExit(f"{subject.name} has not asked or answered within {PATIENCE_SECONDS} s") from None
    finally:
        process.kill()
        process.wait()
        runtime.events.put(None)
        runtime.shutdown()
        runtime.server_close()


def answer(subject: Subject, runtime: Runtime, process: int) -> tuple[float, float]:
    """What one event takes: CPU until the function asks for the next one, and wall time until its answer, in milliseconds."""
    before, sent = cpu_milliseconds(process), time.perf_counter()
    runtime.events.put(json.dumps(subject.event).encode())
    moment, body = runtime.answered.get(timeout=PATIENCE_SECONDS)
    # What a function does after its answer, it has to do before the next event.
    runtime.asked.get(timeout=PATIENCE_SECONDS)
    said = json.loads(body)
    error = said.get("errorType") if isinstance(said, dict) else None
    if subject.name != NOTHING and error not in answers.REFUSED:
        raise SystemExit(f"{subject.name} has not reported that AWS refused its call, but {body.decode()[:2000]}")
    return cpu_milliseconds(process) - before, (moment - sent) * 1e3


def function_environment() -> dict[str, str]:
    """What every function finds in its environment beside its own variables."""
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


def unpacked(packed: Path, into: Path) -> Path:
    """The program in the zip of a function: what Lambda starts, whatever else has been compiled since."""
    binary = into / packed.stem
    with zipfile.ZipFile(packed) as archive:
        binary.write_bytes(archive.read("bootstrap"))
    binary.chmod(0o755)
    return binary


def subjects(nothing: Path, zips: Path, python: Path | None, output: Path) -> Iterator[Subject]:
    """All that are compared."""
    binaries = output / "functions"
    binaries.mkdir(exist_ok=True)
    yield Subject(NOTHING, (str(nothing),), nothing.stat().st_size, event={})
    environments = answers.environments()
    for packed in sorted(zips.glob("*.zip")):
        task = packed.stem
        binary = unpacked(packed, binaries)
        yield Subject(
            task,
            (str(binary),),
            binary.stat().st_size,
            packed.stat().st_size,
            environments[task],
            answers.EVENTS[task],
        )
    if python is not None:
        (output / "handler.py").write_text(HANDLER)
        code = (
            f"import sys; sys.path[:0] = [{str(python)!r}, {str(output)!r}]; "
            "import awslambdaric.__main__ as m; m.main(['awslambdaric', 'handler.handler'])"
        )
        yield Subject(BOTO3, (sys.executable, "-c", code), event={"name": "a-snapshot"})


def middle(starts: list[Start]) -> Start:
    """The medians."""
    each = [asdict(one) for one in starts]
    medians = {name: statistics.median(one[name] for one in each) for name in each[0]}
    return Start(**{**medians, "memory_kilobytes": round(medians["memory_kilobytes"])})


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


def answer_table(compared: list[Subject], found: dict[str, Start]) -> str:
    """The table of answers in Markdown."""
    lines = [
        "| function | first answer, CPU ms | of the boto3 handler | wall ms "
        "| warm answer, CPU ms | of the boto3 handler | wall ms |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    slow = found.get(BOTO3)
    for subject in compared:
        one = found[subject.name]
        first = f"1/{slow.first_cpu_milliseconds / one.first_cpu_milliseconds:.0f}" if slow else "-"
        warm = f"1/{slow.warm_cpu_milliseconds / one.warm_cpu_milliseconds:.1f}" if slow else "-"
        lines.append(
            f"| {subject.name} | {one.first_cpu_milliseconds:.2f} | {first} | {one.first_wall_milliseconds:.1f} "
            f"| {one.warm_cpu_milliseconds:.2f} | {warm} | {one.warm_wall_milliseconds:.1f} |"
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
            "firstAnswerOfNothing": one.first_cpu_milliseconds / floor.first_cpu_milliseconds,
            "warmAnswerOfNothing": one.warm_cpu_milliseconds / floor.warm_cpu_milliseconds,
        }
        if BOTO3 in found:
            values["boto3OfCpu"] = found[BOTO3].cpu_milliseconds / one.cpu_milliseconds
            values["boto3OfFirstAnswer"] = found[BOTO3].first_cpu_milliseconds / one.first_cpu_milliseconds
            values["boto3OfWarmAnswer"] = found[BOTO3].warm_cpu_milliseconds / one.warm_cpu_milliseconds
        for name, value in values.items():
            band = bands[name]
            if not band["least"] <= value <= band["most"]:
                broken.append(f"{subject.name}: {name} is {value:.2f}, not {band['least']} to {band['most']}")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nothing", type=Path, required=True, help="the function that does nothing")
    parser.add_argument("--zips", type=Path, required=True, help="where the packed functions are")
    parser.add_argument("--python", type=Path, help="where awslambdaric is; without it there is no boto3 handler")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--bands", type=Path, help="the bands that the ratios have to hold")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    python = given.python.resolve() if given.python else None
    compared = list(subjects(given.nothing.resolve(), given.zips, python, given.output.resolve()))
    services = answers.Services()
    threading.Thread(target=services.serve_forever, daemon=True).start()
    environment = {**function_environment(), "AWS_ENDPOINT_URL": services.url}
    starts: dict[str, list[Start]] = {subject.name: [] for subject in compared}
    # The first round warms the page cache and does not count.
    for number in range(given.rounds + 1):
        for subject in compared:
            one = start(subject, environment)
            if number:
                starts[subject.name].append(one)
    found = {name: middle(each) for name, each in starts.items()}
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    text = f"{table(compared, found)}\n{answer_table(compared, found)}"
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
