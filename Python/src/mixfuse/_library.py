# SPDX-License-Identifier: Apache-2.0
"""Loading a library: everything that could make a call go wrong is looked at first."""

from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any

from mixfuse import _host, _manifest, _parallel
from mixfuse._entry import Entry
from mixfuse._errors import LibraryError, suggestion
from mixfuse._manifest import Manifest


class Library:
    """A generated library. Entry points are attributes: `library.meta_gradient(...)`."""

    def __init__(self, path: str, code: ctypes.CDLL, manifest: Manifest, parallel: Any):
        self.path = path
        self.manifest = manifest
        self.parallel = parallel
        """Who does the work of calls that do not say: see `load`."""
        self._code = code
        self._entries = {
            name: Entry(self, description, self._function(description.symbol))
            for name, description in manifest.entry_points.items()
        }

    def entry(self, name: str) -> Entry:
        """The entry point of a name."""
        if name not in self._entries:
            known = suggestion(name, self._entries)
            raise LibraryError(f"{self.path}: no entry point {name}{known}")
        return self._entries[name]

    @property
    def entries(self) -> dict[str, Entry]:
        """All entry points by name."""
        return dict(self._entries)

    def __getattr__(self, name: str) -> Entry:
        # Only asked for what is no attribute. Underscores are Python's own protocols.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.entry(name)
        except LibraryError as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._entries]

    def __repr__(self) -> str:
        return f"<mixfuse library {self.manifest.name}: {', '.join(self._entries)}>"

    def _function(self, symbol: str) -> Any:
        try:
            function = getattr(self._code, symbol)
        except AttributeError:
            raise LibraryError(f"{self.path}: the library has no symbol {symbol}") from None
        function.restype = ctypes.c_int32
        function.argtypes = [ctypes.c_void_p] * 4
        return function


def load(path: str | os.PathLike, *, threads: int | None = None, executor: Any = None) -> Library:
    """Load a library that `mixfuse build` wrote.

    `threads` or `executor` say who does the work of calls that do not say so themselves. A file
    that was replaced while it is loaded is not loaded again by the system: give a new build a new
    name.
    """
    path = os.fspath(path)
    _host.check_file(path)
    try:
        # Without a folder the system would search its own.
        code = ctypes.CDLL(os.path.abspath(path))
    except OSError as error:
        raise LibraryError(f"{path}: cannot be loaded: {error}") from None
    manifest = _manifest.parse(_text(code, path), path)
    _host.check_target(manifest.target, path)
    _compare_digest(code, manifest, path)
    _compare_sidecar(manifest, path)
    return Library(path, code, manifest, _parallel.choose(threads, executor))


def _text(code: ctypes.CDLL, path: str) -> str:
    try:
        function = code.mixfuse_manifest
    except AttributeError:
        raise LibraryError(
            f"{path}: it is not a MixFuse library: it has no symbol mixfuse_manifest"
        ) from None
    function.restype = ctypes.c_char_p
    text = function()
    if text is None:
        raise LibraryError(f"{path}: manifest cannot be used: it is null")
    return text.decode(errors="replace")


def _compare_digest(code: ctypes.CDLL, manifest: Manifest, path: str) -> None:
    """What the code was built with must be what the manifest describes."""
    function = getattr(code, f"{manifest.name}_abi_digest", None)
    if function is None:
        return
    function.restype = ctypes.c_uint64
    if function() != manifest.abi_digest:
        raise LibraryError(
            f"{path}: its code has the ABI digest {function():016x}, its manifest "
            f"{manifest.abi_digest:016x}; build the library again"
        )


def _compare_sidecar(manifest: Manifest, path: str) -> None:
    sidecar = pathlib.Path(path).with_suffix(".json")
    if not sidecar.exists():
        return
    if sidecar.read_text(errors="replace").strip() != manifest.text.strip():
        raise LibraryError(
            f"{path}: manifest does not match {sidecar}; build the library again"
        )
