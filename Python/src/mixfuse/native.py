# SPDX-License-Identifier: Apache-2.0
"""The C of this package (`native/`), compiled once for each user: the pool of threads, and the shim
that makes libraries functions of XLA."""

from __future__ import annotations

import ctypes
import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence

from .errors import MixFuseError

_FOLDER = pathlib.Path(__file__).with_name("native")
_FLAGS = ["-O2", "-fPIC", "-shared", "-pthread", "-std=gnu11"]


class NoCompilerError(MixFuseError):
    """There is no C compiler on this machine."""


def compiler() -> list[str]:
    """The command of a C compiler: the variable CC, or the first that is on PATH.

    Raises NoCompilerError.
    """
    named = os.environ.get("CC")
    if named:
        return named.split()
    for name in ("clang", "clang-19", "gcc", "cc"):
        if shutil.which(name):
            return [name]
    raise NoCompilerError("there is no C compiler: set CC, or install clang or gcc")


def library(name: str, sources: Sequence[str], includes: Sequence[str] = ()) -> ctypes.CDLL:
    """A library of C files of this package, from the cache or compiled.

    Raises NoCompilerError, or MixFuseError with the compiler's messages.
    """
    command = compiler()
    parts = [*command, *_FLAGS, *includes, os.uname().machine]
    digest = hashlib.sha256("\0".join(parts).encode())
    for file in sorted(_FOLDER.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    target = _cache() / f"{name}-{digest.hexdigest()[:32]}.so"
    if not target.exists():
        _compile(command, [str(_FOLDER / source) for source in sources], includes, target)
    return ctypes.CDLL(str(target))


def _compile(
    command: list[str], sources: list[str], includes: Sequence[str], target: pathlib.Path
) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = pathlib.Path(folder) / target.name
        paths = [f"-I{path}" for path in (str(_FOLDER), *includes)]
        arguments = [*command, *_FLAGS, *paths, *sources, "-o", str(built)]
        result = subprocess.run(arguments, capture_output=True, text=True)
        if result.returncode != 0:
            raise MixFuseError(f"{' '.join(arguments)} failed:\n{result.stderr.strip()}")
        # All or nothing, also where two processes compile at once.
        built.replace(target)


def _cache() -> pathlib.Path:
    """The folder of compiled files, which nobody else can write.

    What lies there is executed, so a folder that is somebody else's is refused.
    """
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(base) / "mixfuse-python"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.lstat()
    is_own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    if not is_own or facts.st_mode & 0o022:
        raise MixFuseError(f"{folder} is not a folder that only you can write; remove it")
    return folder
