"""The aws command of target/tools: the AWS CLI, version 1, without one habit of it.

Version 1 sends `aws sqs` in most Regions, and `aws rds` in us-east-1, to an old name of the service in AWS, even if
AWS_ENDPOINT_URL or a profile names another endpoint. With that table empty it goes where it is told, like version 2.

Where LOCAL_CLOUD_AWS names the directory of a server (aws_server.py), that runs the same command: it has loaded the CLI
already, which is nine tenths of the CPU of a short command. Only tests set it.
"""

import os
import socket
import sys


def _run() -> int:
    from awscli.clidriver import main
    from awscli.customizations import overridesslcommonname

    overridesslcommonname.SSL_COMMON_NAMES.clear()
    return main()


def _run_in_server(directory: str) -> int:
    import json

    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as server:
        # From inside the directory, because the name of a socket may have 107 bytes only.
        os.chdir(directory)
        server.connect("aws.socket")
        os.chdir(here)
        request = {"arguments": sys.argv, "directory": here, "environment": dict(os.environ)}
        socket.send_fds(server, [b"!"], [0, 1, 2])
        server.sendall(json.dumps(request).encode())
        server.shutdown(socket.SHUT_WR)
        answer = server.recv(1)
    # A server that ended before the command did has not said how it ended.
    return answer[0] if answer else 255


if __name__ == "__main__":
    running = os.environ.pop("LOCAL_CLOUD_AWS", "")
    sys.exit(_run_in_server(running) if running else _run())
