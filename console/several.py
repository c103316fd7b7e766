"""The names that a destination stack gives the things of one database, where it replicates several.

`crates/replication/src/destination.rs` computes the same.
"""

from __future__ import annotations

import re

from console.failure import Failure


def is_pattern(databases: str) -> bool:
    """Whether a SourceDBIdentifier stands for several databases."""
    return "*" in databases


def includes(databases: str, name: str) -> bool:
    """Whether a SourceDBIdentifier is this database's, or a pattern that it matches."""
    parts = (re.escape(part) for part in databases.lower().split("*"))
    return re.fullmatch(".*".join(parts), name.lower()) is not None


def of_database(
    outputs: dict[str, str], parameters: dict[str, str], stack: str, database: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """The outputs and parameters that a stack for this one database would have; raises `Failure` where the stack replicates
    several and none of them is named."""
    databases = parameters.get("SourceDBIdentifier", "")
    if not is_pattern(databases):
        return outputs, parameters
    if not database or not includes(databases, database):
        wrong = f"{database} is none of them" if database else "none of them is named"
        raise Failure(
            f"the stack {stack} replicates the databases {databases}, and {wrong}; nothing was started\n"
            "to fix this: name the database with --source-db"
        )
    secret = f"{parameters.get('SecretName', '')}/{database.lower()}"
    prefix = f"{parameters.get('DatabaseName', '')}-{database.lower()}"
    named = {"SourceDBIdentifier": database.lower(), "DatabaseName": prefix, "SecretName": secret}
    return {**outputs, "SecretArn": secret, "SecretName": secret}, {**parameters, **named}
