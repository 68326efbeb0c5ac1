# SPDX-License-Identifier: Apache-2.0
"""Running the compiler: from a spec to a library that is loaded."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from mixfuse._errors import BuildError, CompileError
from mixfuse._library import Library, load


def executable() -> str:
    """The compiler: what MIXFUSE names, else one beside this package, else one on the PATH."""
    named = os.environ.get("MIXFUSE")
    if named:
        found = shutil.which(named)
        if found is None:
            raise BuildError(f"MIXFUSE is {named}, which is no program that can be run")
        return found
    found = bundled_executable() or shutil.which("mixfuse")
    if found is None:
        raise BuildError(
            "no mixfuse executable found; set MIXFUSE to its path, or put its folder on the PATH"
        )
    return found


def bundled_executable() -> str | None:
    """The compiler that came with this package; `None` unless it was installed from such a wheel."""
    return shutil.which("mixfuse", path=str(pathlib.Path(__file__).parent / "compiler" / "bin"))


def run_compiler() -> None:
    """The command `mixfuse` of a wheel with the compiler in it: becomes that program."""
    program = bundled_executable()
    if program is None:
        raise SystemExit("error: this installation of mixfuse has no compiler in it")
    os.execv(program, [program, *sys.argv[1:]])


def build(
    spec: str | os.PathLike,
    sets: Mapping[str, int] | None = None,
    preset: str | None = None,
    dtype: str = "f32",
    output: str | os.PathLike | None = None,
    *,
    threads: int | None = None,
    executor: Any = None,
    **flags: Any,
) -> Library:
    """Compile a spec and load the library.

    `sets` binds dimensions. Without `output` the files go to a folder of their own, which is
    removed once the library is loaded. Other flags of `mixfuse build` are given by their names
    with underscores: `target_cpu="x86-64-v3"`, `no_cache=True`. `threads` and `executor` are those
    of `load`.
    """
    command = [executable(), "build", os.fspath(spec), "--dtype", dtype]
    for name, size in (sets or {}).items():
        command += ["--set", f"{name}={size}"]
    command += ["--preset", preset] if preset is not None else []
    command += _flags(flags)
    with tempfile.TemporaryDirectory(prefix="mixfuse-") as folder:
        path = _run(command, folder if output is None else os.fspath(output))
        # From the folder of its own, also with `output`: the system would give back what it loaded
        # from that path before, not the new build.
        copy = path if output is None else shutil.copy(path, folder)
        library = load(copy, threads=threads, executor=executor)
        library.path = path
        return library


def _flags(flags: Mapping[str, Any]) -> list[str]:
    arguments = []
    for name, value in flags.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif value is not False and value is not None:
            arguments += [flag, str(value)]
    return arguments


def _run(command: list[str], folder: str) -> str:
    """The path of the library that the compiler wrote to a folder."""
    try:
        result = subprocess.run(
            [*command, "--output", folder], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BuildError(f"{command[0]}: cannot be run: {error.strerror}") from error
    if result.returncode:
        raise CompileError((result.stderr or result.stdout).strip(), result.returncode)
    written = [line for line in result.stdout.splitlines() if line.endswith((".so", ".dylib"))]
    if not written:
        raise BuildError(f"{command[0]} named no library; it said:\n{result.stdout}")
    return written[0]
