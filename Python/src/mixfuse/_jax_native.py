# SPDX-License-Identifier: Apache-2.0
"""The XLA FFI handler of native/jax_call.c: compiled, registered with JAX, told of entry points."""

from __future__ import annotations

import ctypes
import functools
import threading
from typing import Any

import jax

from mixfuse import _keys, _native
from mixfuse._entry import Entry
from mixfuse._errors import NativeError
from mixfuse._manifest import PositionCheck

TARGET = "mixfuse_call"
"""The name by which compiled programs know the handler."""


class _Check(ctypes.Structure):
    """`position_check` of jax_call.c."""

    _fields_ = [
        ("origin", ctypes.c_char_p),
        ("subject", ctypes.c_char_p),
        ("expectation", ctypes.c_char_p),
        ("rank", ctypes.c_int64),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


class _Description(ctypes.Structure):
    """`entry_description` of jax_call.c."""

    _fields_ = [
        ("key", ctypes.c_int64),
        ("where", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("parallel", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_int64),
        ("input_count", ctypes.c_int64),
        ("output_count", ctypes.c_int64),
        ("check_count", ctypes.c_int64),
        ("checks", ctypes.POINTER(_Check)),
    ]


_lock = threading.Lock()
# Compiled programs outlive every Python object that made them: what they may call stays.
_registered: dict[int, Any] = {}


@functools.cache
def handler() -> ctypes.CDLL:
    """The handler, registered with JAX; `NativeError` where it cannot be compiled."""
    code = _native.library("jax", ("jax_call.c",), (jax.ffi.include_dir(),))
    code.mixfuse_jax_register.argtypes = [ctypes.POINTER(_Description)]
    code.mixfuse_jax_register.restype = ctypes.c_int32
    capsule = jax.ffi.pycapsule(code.mixfuse_jax_call)
    jax.ffi.register_ffi_target(TARGET, capsule, platform="cpu")
    return code


def register(entry: Entry, parallel: Any) -> int:
    """The key by which compiled programs call an entry point."""
    code = handler()
    key = _keys.key(entry, parallel.workers)
    with _lock:
        if key not in _registered:
            description = _describe(entry, parallel, key)
            if code.mixfuse_jax_register(ctypes.byref(description)) < 0:
                raise NativeError(f"{entry.where}: out of memory")
            _registered[key] = (description, entry, parallel)
    return key


def _describe(entry: Entry, parallel: Any, key: int) -> _Description:
    checks = [_check(check) for check in entry.description.checks]
    return _Description(
        key=key,
        where=entry.where.encode(),
        function=ctypes.cast(entry.function, ctypes.c_void_p),
        parallel=parallel.address,
        arena_bytes=entry.description.arena_size(parallel.workers),
        input_count=len(entry.description.inputs),
        output_count=len(entry.description.outputs),
        check_count=len(checks),
        checks=(_Check * max(1, len(checks)))(*checks),
    )


def _check(check: PositionCheck) -> _Check:
    low, high = check.range
    return _Check(
        origin=f"{check.location}: ".encode() if check.location else b"",
        subject=check.subject.encode(),
        expectation=f"{check.purpose} from {low} to {high}".encode(),
        rank=len(check.shape),
        shape=(ctypes.c_int64 * max(1, len(check.shape)))(*check.shape),
    )
