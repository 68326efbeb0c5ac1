# SPDX-License-Identifier: Apache-2.0
"""Building libraries with the `mixfuse` executable."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping

from .errors import CompileError, MixFuseError
from .library import Library, load


def executable() -> pathlib.Path:
    """Where the compiler is: the variable MIXFUSE, a file beside this package, or on PATH.

    Raises MixFuseError if it is in none of these places.
    """
    named = os.environ.get("MIXFUSE")
    if named:
        if not os.access(named, os.X_OK):
            raise MixFuseError(f"MIXFUSE is {named}, which is no program that can be run")
        return pathlib.Path(named)
    beside = pathlib.Path(__file__).with_name("mixfuse")
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("mixfuse")
    if found is None:
        raise MixFuseError(
            "there is no mixfuse compiler: set MIXFUSE to the executable, or put it on PATH"
        )
    return pathlib.Path(found)


def build(
    spec: str | os.PathLike[str],
    *,
    sets: Mapping[str, int] | None = None,
    preset: str | None = None,
    dtype: str | None = None,
    output: str | os.PathLike[str] | None = None,
    **flags: str | int | bool,
) -> Library:
    """Compile a spec and load the library.

    `sets` binds dimensions, `preset` takes the sizes of a preset, `dtype` is "f32" (the default) or
    "f64". `output` is the folder to write to; without it the files are gone when the process ends.
    Further flags are those of `mixfuse build`: `memory="600MiB"`, `derivation="standard"`,
    `no_cache=True`.

    Raises CompileError with the compiler's messages. Costs half a second to some seconds; a few
    milliseconds if the compiler's cache has the result.
    """
    folder = pathlib.Path(output) if output is not None else _temporary_folder()
    command = [str(executable()), "build", os.fspath(spec), "-o", str(folder)]
    for name, size in (sets or {}).items():
        command += ["--set", f"{name}={size}"]
    for name, value in (("preset", preset), ("dtype", dtype)):
        if value is not None:
            command += [f"--{name}", value]
    for name, value in flags.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            command.append(flag)
        elif value is not False:
            command += [flag, str(value)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise CompileError(result.stderr.strip(), result.returncode)
    libraries = [line for line in result.stdout.splitlines() if line.endswith(".so")]
    if len(libraries) != 1:
        raise MixFuseError(f"{command[0]} named no library: {result.stdout.strip()}")
    return load(libraries[0])


def _temporary_folder() -> pathlib.Path:
    """A folder that lives as long as the process."""
    holder = tempfile.TemporaryDirectory(prefix="mixfuse-")
    _folders.append(holder)
    return pathlib.Path(holder.name)


_folders: list[tempfile.TemporaryDirectory[str]] = []
