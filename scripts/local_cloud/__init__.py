"""The local two-account cloud: ministack, pinned, with patches of ours where it is laxer than AWS, and the RDS emulator.

    cloud.py       the process: applies patches/ to ministack and runs it
    patches/       one module a service; each says what AWS does and ministack does not
    faults/        faults on order and the log of calls, for tests
    supervisor.py  starts and stops the processes
    processes.py   ends processes without ending anybody else's
    command.py     scripts/local-cloud

Tests start a cloud of their own, with its own ports and directory, next to any other (PYTHONPATH must contain scripts/):

    from local_cloud import launch

    with launch(Path("target/tests/my-cloud"), wait_scale=0.01) as cloud:
        cloud.client("rds", "source").describe_db_instances()
        subprocess.run(["aws", "rds", ...], env={**os.environ, **cloud.environment("destination")})

`launch(..., with_rds=False)` leaves the RDS emulator out, and `emulator=Path(...)` names its binary.
"""

from local_cloud.supervisor import ACCOUNTS, DESTINATION_ACCOUNT, SOURCE_ACCOUNT, Cloud, LocalCloudError, launch

__all__ = ["ACCOUNTS", "DESTINATION_ACCOUNT", "SOURCE_ACCOUNT", "Cloud", "LocalCloudError", "launch"]
