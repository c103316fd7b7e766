"""What is in a release besides this project: the bill of materials in the form of CycloneDX, and the licences.

Both are made from what Cargo itself says (`cargo metadata`, Cargo.lock) and from what the toolchains have beside them
(console/toolchain.py), so that no further tool has to be trusted or installed.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from console.failure import Failure
from console.toolchain import Part, Toolchain

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
        raise Failure(f"{_named(package)} says no licence: it cannot be shipped")
    return re.sub(r"\s*/\s*", " OR ", said)


def bill(
    packages: list[dict[str, Any]],
    platforms: list[dict[str, Any]],
    lock: str,
    parts: list[Part],
    *,
    version: str,
    commit: str,
    time: str,
) -> dict[str, Any]:
    """The bill of materials. The same commit gives the same one: its number and its time are those of the commit.

    `platforms` are what `cargo metadata` says of each: a package may need another one on one of them only.
    """
    sums = checksums(lock)
    references = {package["id"]: _url(package) for package in packages}
    needs: dict[str, set[str]] = {}
    for node in (node for metadata in platforms for node in metadata["resolve"]["nodes"]):
        needs.setdefault(node["id"], set()).update(_normal(node))
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
    ] + [
        {
            "type": "library",
            "bom-ref": _url_of_part(part),
            "name": part.name,
            "version": part.version,
            "licenses": [{"expression": part.expression}],
            "purl": _url_of_part(part),
        }
        for part in parts
    ]
    own = {one for id, needed in needs.items() if id not in references for one in needed}
    dependencies = [
        {
            "ref": "rds-replication",
            "dependsOn": sorted(
                [references[one] for one in own if one in references] + [_url_of_part(one) for one in parts]
            ),
        }
    ]
    dependencies += [
        {"ref": reference, "dependsOn": sorted(references[one] for one in needs[id] if one in references)}
        for id, reference in references.items()
    ]
    dependencies += [{"ref": _url_of_part(part), "dependsOn": []} for part in parts]
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


def _url_of_part(part: Part) -> str:
    return f"pkg:generic/{part.name}@{part.version}"


def _named(package: dict[str, Any]) -> str:
    return f"{package['name']} {package['version']}"


def licences(packages: list[dict[str, Any]], toolchain: Toolchain) -> str:
    """The licence of each package, and of what the toolchains link, with their texts; the same text once."""
    texts: dict[str, list[str]] = {}
    lines = ["What is compiled into the functions and the commands besides this project itself.", ""]
    for package in packages:
        lines.append(f"{_named(package)}: {expression(package)}")
        for text in _own_texts(package) or _usual_texts(package, toolchain):
            texts.setdefault(text, []).append(_named(package))
    for part in toolchain.parts():
        lines.append(f"{part.name} {part.version}: {part.expression}")
        for text in part.texts:
            texts.setdefault(text.strip(), []).append(f"{part.name} {part.version}")
    for text, names in texts.items():
        # A package may have the same text under two names.
        of = ", ".join(dict.fromkeys(names))
        lines += ["", "-" * 100, f"of {of}", "-" * 100, "", text]
    return "\n".join(lines) + "\n"


def _own_texts(package: dict[str, Any]) -> list[str]:
    """The texts that a package brings, also for what it has taken from elsewhere into directories of its own."""
    found = Path(package["manifest_path"]).parent.rglob("*")
    paths = sorted(path for path in found if _LICENCE_FILES.fullmatch(path.name) and path.is_file())
    return [path.read_text(errors="replace").strip() for path in paths]


def _usual_texts(package: dict[str, Any], toolchain: Toolchain) -> list[str]:
    """The usual texts of the licences that a package without any names, with its authors."""
    who = ", ".join(package["authors"]) or f"the authors of {package['name']}"
    holders = f"Copyright (c) {who} ({package['repository']})"
    texts = []
    for licence in re.findall(r"[A-Za-z][\w.+-]*", re.sub(r"\b(OR|AND|WITH)\b", " ", expression(package))):
        text = toolchain.text(licence)
        if text is None:
            raise Failure(f"{_named(package)} brings no text of its licence, and Rust has none of {licence}")
        # The one of Apache has its blanks in an appendix, which says how to fill them in elsewhere.
        blank = "Copyright (c) <year> <copyright holders>"
        texts.append(text.replace(blank, holders) if blank in text else f"{holders}\n\n{text}")
    return texts


def written(document: dict[str, Any]) -> str:
    """A document as it is written into a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
