"""What is in a release besides this project: the bill of materials in the form of CycloneDX, and the licences.

Both are made from what Cargo itself says (`cargo metadata`, Cargo.lock), so that no further tool has to be trusted or installed.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: The version of the form (https://cyclonedx.org/docs/1.6/json/).
SPECIFICATION = "1.6"
_LICENCE_FILES = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT)([-._].*)?", re.IGNORECASE)
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom")


def shipped(metadata: dict[str, Any], binaries: Iterable[str]) -> list[dict[str, Any]]:
    """The packages from outside that are compiled into these binaries, by name and version.

    `metadata` is what `cargo metadata --filter-platform` says of one platform. What is only for tests or runs only while
    compiling is not shipped.
    """
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    wanted = set(binaries)
    waiting = [
        package["id"]
        for package in packages.values()
        if any("bin" in target["kind"] and target["name"] in wanted for target in package["targets"])
    ]
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one not in seen and not _is_macro(packages[one]):
            seen.add(one)
            waiting += _normal(nodes[one])
    return sorted(
        (packages[one] for one in seen if packages[one]["source"]), key=lambda one: (one["name"], one["version"])
    )


def _normal(node: dict[str, Any]) -> list[str]:
    """What a package needs when it runs."""
    return [one["pkg"] for one in node["deps"] if any(kind["kind"] is None for kind in one["dep_kinds"])]


def _is_macro(package: dict[str, Any]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def checksums(lock: str) -> dict[tuple[str, str], str]:
    """The SHA-256 of the packages in Cargo.lock, by name and version."""
    form = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "([0-9a-f]{64})"')
    return {(name, version): checksum for name, version, checksum in form.findall(lock)}


def expression(package: dict[str, Any]) -> str:
    """The licence as an SPDX expression; earlier manifests have a slash for `OR`."""
    said = package["license"]
    if not said:
        raise ValueError(f"{package['name']} {package['version']} says no licence")
    return re.sub(r"\s*/\s*", " OR ", said)


def bill(
    packages: list[dict[str, Any]], metadata: dict[str, Any], lock: str, *, version: str, commit: str, time: str
) -> dict[str, Any]:
    """The bill of materials. The same commit gives the same one: its number and its time are those of the commit."""
    sums = checksums(lock)
    references = {package["id"]: _url(package) for package in packages}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    product = {
        "type": "application",
        "bom-ref": "rds-replication",
        "name": "rds-replication",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    components = [
        {
            "type": "library",
            "bom-ref": references[package["id"]],
            "name": package["name"],
            "version": package["version"],
            "hashes": [{"alg": "SHA-256", "content": sums[package["name"], package["version"]]}],
            "licenses": [{"expression": expression(package)}],
            "purl": references[package["id"]],
        }
        for package in packages
    ]
    own = {one for node in nodes.values() if node["id"] not in references for one in _normal(node)}
    dependencies = [
        {"ref": "rds-replication", "dependsOn": sorted(references[one] for one in own if one in references)}
    ] + [
        {"ref": reference, "dependsOn": sorted(references[one] for one in _normal(nodes[id]) if one in references)}
        for id, reference in references.items()
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, commit)}",
        "version": 1,
        "metadata": {"timestamp": time, "component": product},
        "components": components,
        "dependencies": dependencies,
    }


def _url(package: dict[str, Any]) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def licences(packages: list[dict[str, Any]]) -> str:
    """The licence of each package with the texts that it brings; the same text once."""
    texts: dict[str, list[str]] = {}
    lines = ["What is compiled into the functions and the commands besides this project itself.", ""]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {expression(package)}")
        directory = Path(package["manifest_path"]).parent
        for path in sorted(
            path for path in directory.iterdir() if _LICENCE_FILES.fullmatch(path.name) and path.is_file()
        ):
            texts.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    for text, names in texts.items():
        # A package may have the same text under two names.
        of = ", ".join(dict.fromkeys(names))
        lines += ["", "-" * 100, f"of {of}", "-" * 100, "", text]
    return "\n".join(lines) + "\n"


def written(document: dict[str, Any]) -> str:
    """A document as it is written into a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
