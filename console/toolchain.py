"""What the compiler and the linker put into every program: the standard library of Rust, and parts of what Zig brings to link with.

Cargo knows nothing of it. The licences and their texts are those that the toolchains on this machine have beside them.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import ziglang

from console.failure import Failure

_ZIG = Path(ziglang.__file__).parent
#: Where Rust has the texts of licences, by their names in SPDX.
_LICENCES = "share/doc/rust/licenses"


@dataclass(frozen=True)
class Part:
    """Something that is linked into programs and is no package of Cargo."""

    name: str
    version: str
    expression: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Toolchain:
    """The Rust that compiles a checkout."""

    sysroot: Path
    version: str

    @classmethod
    def of(cls, root: Path) -> Toolchain:
        """The one that rust-toolchain.toml of a checkout names."""
        (version,) = re.findall(r"^release: (.+)$", _rustc(root, "-vV"), re.MULTILINE)
        return cls(Path(_rustc(root, "--print", "sysroot").strip()), version)

    def text(self, licence: str) -> str | None:
        """The text of a licence by its name in SPDX, if Rust brings it."""
        path = self.sysroot / _LICENCES / f"{licence}.txt"
        return path.read_text().strip() if path.is_file() else None

    def standard_library(self) -> str:
        """What the standard library is made of, with every notice, as HTML."""
        return _read(self.sysroot / "share/doc/rust/COPYRIGHT-library.html")

    def parts(self) -> list[Part]:
        """What is linked into the functions, which need a glibc, and into the command, which has musl in it."""
        zig = metadata.version("ziglang")
        rust = ("Apache-2.0", "MIT", "Unicode-3.0", "LLVM-exception")
        (musl,) = re.findall(r'"(.+)"', _read(_ZIG / "lib/libc/musl/src/internal/version.h"))
        # What starts a program, which says in its first comment under which terms it is linked.
        start, _, _ = _read(_ZIG / "lib/libc/glibc/sysdeps/x86_64/start.S").partition("*/")
        return [
            Part(
                "rust-standard-library",
                self.version,
                "(MIT OR Apache-2.0) AND Unicode-3.0 AND Apache-2.0 WITH LLVM-exception",
                tuple(_read(self.sysroot / _LICENCES / f"{name}.txt") for name in rust),
            ),
            Part("zig-compiler-rt", zig, "MIT", (_read(_ZIG / "LICENSE"),)),
            Part(
                "libunwind",
                f"zig-{zig}",
                "Apache-2.0 WITH LLVM-exception",
                (_read(_ZIG / "lib/libunwind/LICENSE.TXT"),),
            ),
            Part("musl", musl, "MIT", (_read(_ZIG / "lib/libc/musl/COPYRIGHT"),)),
            Part(
                "glibc-startup-files",
                f"zig-{zig}",
                "LGPL-2.1-or-later WITH GCC-exception-2.0-note",
                (start.removeprefix("/*"), _read(_ZIG / "lib/libc/glibc/LICENSES")),
            ),
        ]


def _rustc(root: Path, *arguments: str) -> str:
    try:
        made = subprocess.run(["rustc", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Failure("rustc was not found; to fix this: install Rust (https://rustup.rs)") from error
    if made.returncode:
        raise Failure(f"rustc {' '.join(arguments)}: {made.stderr.strip()}")
    return made.stdout


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise Failure(
            f"{path} is not there, and a release has to bring it; to fix this: take the Rust of rustup and the ziglang of "
            "scripts/setup --all"
        ) from error
