# SPDX-License-Identifier: Apache-2.0
"""Compiles the C sources of this package where it is used, once for each user.

What was compiled lies in a folder that only its owner can enter, under a digest of everything that
went into it: sources, flags, compiler. Neither another version nor another user gets in the way.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import pathlib
import shlex
import shutil
import stat
import subprocess
import tempfile

from mixfuse._errors import NativeError

SOURCES = pathlib.Path(__file__).parent / "native"
FLAGS = ["-std=gnu11", "-O2", "-fPIC", "-shared", "-pthread"]
COMPILERS = ["clang", "clang-19", "gcc", "cc"]


def compiler() -> list[str] | None:
    """The command of the C compiler: CC, or the first of the usual ones; None if there is none."""
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    return next(([name] for name in COMPILERS if shutil.which(name)), None)


@functools.cache
def library(name: str, sources: tuple[str, ...], includes: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The shared library of some files of `native/`, compiled unless that has been done before.

    `includes` are folders beside those of the package.
    """
    command = compiler()
    if command is None:
        raise NativeError(
            f"no C compiler found, which {name} needs; install one of {', '.join(COMPILERS)}, "
            "or set CC to its command"
        )
    path = cache_folder() / f"{name}-{_digest(command, sources, includes)}.so"
    if not path.exists():
        _compile(command, sources, includes, path)
    return ctypes.CDLL(str(path))


def cache_folder() -> pathlib.Path:
    """The folder of compiled code: made if need be, refused if someone else could write to it."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = pathlib.Path(base) / "mixfuse-python"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(folder)
    except OSError as error:
        raise NativeError(
            f"{folder}: cannot be used for compiled code: {error.strerror}; set XDG_CACHE_HOME"
        ) from error
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if not is_private or status.st_uid != os.getuid():
        raise NativeError(
            f"{folder}: others can write to this folder, so code in it will not be run; "
            "remove it, or set XDG_CACHE_HOME"
        )
    return folder


def _digest(command: list[str], sources: tuple[str, ...], includes: tuple[str, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    files = [SOURCES / source for source in sources]
    files += sorted(SOURCES.rglob("*.h"))
    for folder in includes:
        files += sorted(pathlib.Path(folder).rglob("xla/ffi/api/*.h"))
    # A header that is not there is left for the compiler to report.
    for part in [*command, *FLAGS, *(file.name for file in files)]:
        digest.update(part.encode() + b"\0")
    for file in files:
        digest.update(hashlib.blake2b(file.read_bytes()).digest())
    return digest.hexdigest()


def _compile(command, sources, includes, path: pathlib.Path) -> None:
    """Compile to a file of its own and rename it, so that no one sees a half-written library."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".so")
    os.close(handle)
    folders = [str(SOURCES), str(SOURCES / "include"), *includes]
    arguments = [*command, *FLAGS, *(f"-I{folder}" for folder in folders)]
    arguments += [str(SOURCES / source) for source in sources] + ["-o", temporary]
    try:
        result = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if result.returncode:
            raise NativeError(f"{shlex.join(arguments)} failed:\n{result.stderr.strip()}")
        os.chmod(temporary, 0o700)
        os.replace(temporary, path)
    except OSError as error:
        raise NativeError(f"cannot run {command[0]}: {error.strerror}") from error
    finally:
        pathlib.Path(temporary).unlink(missing_ok=True)
