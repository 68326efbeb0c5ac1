# SPDX-License-Identifier: Apache-2.0
"""A problem compiled by the command line and called through ctypes."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILDS = [".build/release", ".build-release/release", ".build-debug/debug"]
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32}


def compiler() -> str:
    """The `mixfuse` executable: that of `MIXFUSE`, or a build of this checkout."""
    named = os.environ.get("MIXFUSE")
    if named:
        return named
    builds = [ROOT / f"{folder}/mixfuse" for folder in BUILDS]
    there = [path for path in builds if path.exists()]
    if not there:
        raise RuntimeError("no mixfuse executable: build it, or set MIXFUSE")
    return str(max(there, key=lambda path: path.stat().st_mtime))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the compiler."""
    return subprocess.run([compiler(), *arguments], capture_output=True, text=True, check=False)


class Library:
    """The meta-gradient of a problem."""

    def __init__(self, graphs: str, folder: pathlib.Path) -> None:
        path = folder / "problem.graphs"
        path.write_text(graphs, encoding="utf-8")
        result = run("build", str(path), "-o", str(folder), "--no-cache")
        if result.returncode:
            raise AssertionError(f"mixfuse build: {result.stdout}{result.stderr}")
        (manifest,) = folder.glob("*.json")
        self.source = manifest.with_suffix(".c").read_text(encoding="utf-8")
        contents = json.loads(manifest.read_text(encoding="utf-8"))
        (self.entry,) = (e for e in contents["entry_points"] if e["name"] == "meta_gradient")
        self.library = ctypes.CDLL(str(manifest.with_suffix(".so")))
        self.function = getattr(self.library, self.entry["symbol"])
        self.function.restype = ctypes.c_int32

    def __call__(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The loss and the gradients, for arrays by their names."""
        given = []
        for array in self.entry["inputs"]:
            value = np.array(arrays[array["name"]], DTYPES[array["dtype"]], order="C")
            if list(value.shape) != array["shape"]:
                raise AssertionError(f"{array['name']}: {value.shape} instead of {array['shape']}")
            given.append(value)
        found = {a["name"]: np.empty(a["shape"], DTYPES[a["dtype"]]) for a in self.entry["outputs"]}
        size = self.entry["arena_bytes"] + self.entry["arena_bytes_per_worker"] + 64
        memory = ctypes.create_string_buffer(size)
        start = (ctypes.addressof(memory) + 63) // 64 * 64
        pointers = [
            (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
            for values in (given, list(found.values()))
        ]
        status = self.function(pointers[0], pointers[1], ctypes.c_void_p(start), None)
        if status:
            raise AssertionError(f"the library returned {status}")
        return found
