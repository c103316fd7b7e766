"""Runs aws commands for aws_cli.py, each in a process of its own that begins with the CLI loaded.

    python -m local_cloud.aws_server DIRECTORY      listens on DIRECTORY/aws.socket, and prints `ready` when it does

Each connection brings the three standard streams of a command, then its arguments, directory and environment, and gets
the exit status as one byte. A command sees what it would see if it were started itself; nothing that it reads or keeps is
left for the next one.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import socket
import sys
import traceback
from typing import Any

import awscli
import botocore.loaders
import botocore.session
from awscli.clidriver import main
from awscli.customizations import overridesslcommonname

# What the stories ask most; of every other service a command reads the description itself.
SERVICES = (
    "cloudformation",
    "iam",
    "kms",
    "lambda",
    "logs",
    "rds",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "stepfunctions",
    "sts",
)


def serve(directory: str) -> None:
    """Serves until the process is ended."""
    overridesslcommonname.SSL_COMMON_NAMES.clear()
    # From inside the directory, because the name of a socket may have 107 bytes only.
    os.chdir(directory)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("aws.socket")
    _load()
    with socket.socket(socket.AF_UNIX) as listener:
        os.umask(0o077)
        listener.bind("aws.socket")
        listener.listen(64)
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _run(connection)
            _forget_ended()


def _load() -> None:
    """Loads what commands need, and keeps the descriptions of services for all of them."""
    loader = botocore.loaders.JSONFileLoader
    read, known = loader.load_file, dict[str, Any]()

    def load_file(self: Any, path: str) -> Any:
        if path not in known:
            known[path] = read(self, path)
        return known[path]

    loader.load_file = load_file
    session = botocore.session.Session()
    for service in SERVICES:
        session.create_client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    sys.argv = ["aws", "sts", "get-caller-identity", "--generate-cli-skeleton", "input", "--region", "us-east-1"]
    with contextlib.redirect_stdout(io.StringIO()):
        main()
    gc.collect()
    gc.freeze()


def _forget_ended() -> None:
    """Takes the status of the commands that have ended, which nobody else asks for."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _run(connection: socket.socket) -> None:
    """Runs one command, and ends this process."""
    status = 255
    try:
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        with connection.makefile("rb") as rest:
            request = json.load(rest)
        os.chdir(request["directory"])
        os.environ.clear()
        os.environ.update(request["environment"])
        # It adds the place of its own data to AWS_DATA_PATH when it is loaded.
        importlib.reload(awscli)
        sys.argv = request["arguments"]
        status = main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([status & 0xFF]))
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
