"""From nothing to proof: rows leave a database in the source account and arrive, unchanged, in a new one in the
destination account; and back to an older version, and on."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone

import pg8000.dbapi
from botocore.exceptions import BotoCoreError, ClientError

from console.account import LOCAL_CLOUD, ROOT
from console.failure import Failure
from console.numbers import whole
from console.screen import Screen, duration
from demo.demonstration import DATABASE, DIRECTORY, LOGS, SECRET_NAME, USER, Demonstration

SUMMARY = DIRECTORY / "summary.json"
#: Says that the local cloud that is up is one that `--keep` left behind.
KEPT = LOCAL_CLOUD / "kept-by-demo"


def _cloud_is_up() -> bool:
    return (
        subprocess.run([ROOT / "scripts" / "local-cloud", "status"], capture_output=True, check=False).returncode == 0
    )


def _make_room(screen: Screen) -> None:
    """The demonstration starts from nothing, and never takes away a cloud that is in use."""
    if not _cloud_is_up():
        return
    if not KEPT.exists():
        raise Failure(
            "a local cloud is already up; take it down with scripts/local-cloud down, then run scripts/demo again"
        )
    screen.line("taking down what scripts/demo --keep left")
    _take_down()


def _take_down() -> None:
    subprocess.run([ROOT / "scripts" / "local-cloud", "down"], check=True, stdout=subprocess.DEVNULL)
    KEPT.unlink(missing_ok=True)


def _save_logs() -> None:
    """The logs outlive the cloud that wrote them."""
    for log in LOCAL_CLOUD.glob("*.log"):
        shutil.copy(log, LOGS / log.name)


def _say_what_next(screen: Screen, demonstration: Demonstration) -> None:
    host = demonstration.timeline[-1]["dbHost"]
    screen.plain(
        "\n".join(
            [
                "",
                "everything is still up; what to try next",
                '  eval "$(scripts/local-cloud env destination)"     be the destination account, then:',
                "  aws rds describe-db-instances"
                " --query 'DBInstances[].[DBInstanceIdentifier,Endpoint.Address,Endpoint.Port]' --output text",
                f"  aws secretsmanager get-secret-value --secret-id {SECRET_NAME} --query SecretString --output text",
                f"  psql --host {host} --port <port> --username {USER} --dbname {DATABASE}     (the password is in the secret)",
                "  scripts/status --local                            what is live, what is kept, what the runs did",
                "  scripts/rollback --local                          back to the version before;"
                " scripts/rollback 4 --local: forward",
                "  scripts/replicate --local                         once more",
                "  scripts/local-cloud down                          end it",
            ]
        )
    )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Replicates a database between two accounts on this machine, rolls back and on, and proves every row.",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything up and say what to try next")
    parser.add_argument(
        "--rows",
        type=whole(1, 100_000_000),
        default=20000,
        metavar="N",
        help="rows in the source database, at least (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Answers with its exit code."""
    given = _arguments(arguments)
    signal.signal(signal.SIGTERM, _stop)
    screen = Screen()
    started_at = datetime.now(timezone.utc)
    LOGS.mkdir(parents=True, exist_ok=True)
    SUMMARY.unlink(missing_ok=True)
    demonstration = Demonstration(screen, given.rows)
    failure = None
    code = 1
    cloud_is_ours = False
    try:
        _make_room(screen)
        demonstration.build()
        cloud_is_ours = True
        demonstration.start_cloud()
        demonstration.create_source()
        demonstration.deploy()
        _tell(demonstration)
        code = 0
    except (
        Failure,
        BotoCoreError,
        ClientError,
        OSError,
        subprocess.SubprocessError,
        pg8000.dbapi.Error,
    ) as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure, code = "stopped", 130
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"
        raise
    finally:
        # A second Ctrl-C must not leave half of a cloud behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _write_summary(demonstration, screen, started_at, failure)
        if failure:
            screen.plain(f"\nfailed: {failure}\nlogs: {LOGS} and {LOCAL_CLOUD}")
        if cloud_is_ours:
            _end(given, screen, demonstration, kept=given.keep and not failure)
    screen.plain(f"\nsummary: {SUMMARY.relative_to(ROOT)}, {duration(screen.elapsed())} in all")
    return code


def _tell(demonstration: Demonstration) -> None:
    """The story: of three versions the last two stay, and one can go back and on."""
    demonstration.replicate()
    demonstration.change_source()
    demonstration.replicate()
    demonstration.change_source()
    demonstration.replicate()
    demonstration.expect_versions(2, 3)
    demonstration.roll_back()
    demonstration.change_source()
    demonstration.replicate()
    demonstration.expect_versions(3, 4)
    demonstration.summarize()


def _end(given: argparse.Namespace, screen: Screen, demonstration: Demonstration, *, kept: bool) -> None:
    _save_logs()
    if kept:
        KEPT.touch()
        _say_what_next(screen, demonstration)
        return
    try:
        _take_down()
    except subprocess.SubprocessError as error:
        screen.plain(f"the local cloud could not be taken down: {error}")
        raise SystemExit(1) from error


def _write_summary(demonstration: Demonstration, screen: Screen, started_at: datetime, failure: str | None) -> None:
    summary = {
        "succeeded": failure is None,
        "startedAt": started_at.isoformat(timespec="seconds"),
        "seconds": round(screen.elapsed(), 1),
        "stepSeconds": demonstration.steps,
        "runs": demonstration.runs,
        "timeline": demonstration.timeline,
    }
    if failure:
        summary["failure"] = failure
    SUMMARY.write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
