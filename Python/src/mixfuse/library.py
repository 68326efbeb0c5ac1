# SPDX-License-Identifier: Apache-2.0
"""A library and its functions."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import Executor
from typing import Any

from . import manifest as manifests
from .errors import LibraryError
from .manifest import EntryPointFacts, Manifest
from .session import Session
from .trees import flatten, nest


class EntryPoint:
    """A function of a library, called on arrays by name."""

    def __init__(self, library: Library, facts: EntryPointFacts) -> None:
        self.library = library
        self.facts = facts
        self.name = facts.name
        function = getattr(library.handle, facts.symbol)
        function.argtypes = [ctypes.c_void_p] * 4
        function.restype = ctypes.c_int32
        self.function = function
        self.address = ctypes.cast(function, ctypes.c_void_p).value or 0

    def __call__(
        self, *trees: Any, convert: bool = False, threads: int | Executor = 1, **inputs: Any
    ) -> dict[str, Any]:
        """Call the function and return its outputs as nested dictionaries.

        Inputs are given by name, as keywords or in dictionaries: `eta={"w1": ..., "b1": ...}`, or
        `{"eta.w1": ...}`. `threads` is a number, or an executor whose threads do the work; results
        are the same bits for any. `convert` allows arrays of another type.

        Raises InputError, PositionError, CallError. Safe to call from several threads at once.
        """
        session = self.session(threads)
        given = flatten({name: part for tree in trees for name, part in tree.items()} | inputs)
        session.set(given, convert=convert)
        return nest({name: array.copy() for name, array in session.run().items()})

    def session(self, threads: int | Executor = 1) -> Session:
        """Memory for repeated calls, of one thread at a time."""
        return Session(self.library, self.facts, self.function, threads)

    def __repr__(self) -> str:
        inputs = ", ".join(array.name for array in self.facts.inputs)
        return f"<{self.library.manifest.name}.{self.name}({inputs})>"


class Library:
    """A loaded library. Its functions are attributes: `library.meta_gradient(...)`."""

    def __init__(self, path: str, handle: ctypes.CDLL, manifest: Manifest) -> None:
        self.path = path
        self.handle = handle
        self.manifest = manifest
        self.entry_points = {facts.name: EntryPoint(self, facts) for facts in manifest.entry_points}

    def entry(self, name: str) -> EntryPoint:
        """The function of a name. Raises LibraryError."""
        if name not in self.entry_points:
            names = ", ".join(self.entry_points)
            raise LibraryError(f"{self.path} has no function {name}; it has {names}")
        return self.entry_points[name]

    def __getattr__(self, name: str) -> EntryPoint:
        if name.startswith("_") or name == "entry_points":
            raise AttributeError(name)
        try:
            return self.entry(name)
        except LibraryError as fault:
            raise AttributeError(str(fault)) from fault

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.entry_points]

    def __repr__(self) -> str:
        return f"<mixfuse.Library {self.manifest.name}: {', '.join(self.entry_points)}>"


def load(path: str | os.PathLike[str]) -> Library:
    """Load a library that `mixfuse build` wrote.

    Loading runs the file's own code: load what you built. Raises LibraryError.
    """
    name = os.path.abspath(os.fspath(path))
    try:
        handle = ctypes.CDLL(name)
        handle.mixfuse_manifest.restype = ctypes.c_char_p
        text = handle.mixfuse_manifest()
    except (OSError, AttributeError) as fault:
        raise LibraryError(f"{name} is no library of MixFuse: {fault}") from fault
    return Library(name, handle, manifests.parse((text or b"").decode(), name))
