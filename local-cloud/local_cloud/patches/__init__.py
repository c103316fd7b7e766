"""What ministack lacks or does more laxly than AWS, one module a service.

A patch replaces a function of ministack's with one that behaves as AWS does, and says in its docstring what AWS does.
Each has a test in local-cloud/tests/cloud that fails without it (`pytest local-cloud/tests/cloud --stock` proves that).
"""

from __future__ import annotations

from importlib import import_module, metadata

VERSION = "1.5.33"

MODULES = (
    "authorize",
    "surroundings",
    "logs",
    "iam",
    "simulation",
    "kms",
    "secretsmanager",
    "sns",
    "functions",
    "events",
    "stepfunctions",
    "cloudwatch",
    "parameters",
    "cloudformation",
)


def apply() -> None:
    """Applies every patch to the ministack of this process."""
    found = metadata.version("ministack")
    if found != VERSION:
        raise SystemExit(
            f"the patches are made for ministack {VERSION}, but {found} is installed: run scripts/setup --all"
        )
    for name in MODULES:
        import_module(f"{__name__}.{name}").apply()
