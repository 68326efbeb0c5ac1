# SPDX-License-Identifier: Apache-2.0
"""Threads for a library: it has none of its own, and asks its caller to run the parts of a loop.

Results are the same bits for any number of threads.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from typing import Any

from .errors import InputError, MixFuseError
from .native import NoCompilerError, library

_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


class _Request(ctypes.Structure):
    """`mixfuse_parallel` of the libraries' headers."""

    _fields_ = [("run", ctypes.c_void_p), ("context", ctypes.c_void_p), ("workers", ctypes.c_int64)]


class Parallel:
    """Threads for a library: `request` is what it is given, `workers` how many there are."""

    request: Any
    workers: int
    _storage: _Request

    @property
    def address(self) -> int:
        """Where the request lies, for callers in C."""
        return ctypes.addressof(self._storage)


class NativeParallel(Parallel):
    """Runs the parts of a library's loops on the pool of `native/pool.c`."""

    def __init__(self, workers: int) -> None:
        native = library("pool", ["pool.c", "host.c"])
        native.mixfuse_pool_create.restype = ctypes.c_void_p
        native.mixfuse_pool_create.argtypes = [ctypes.c_int64]
        self.workers = workers
        pool = native.mixfuse_pool_create(workers)
        if not pool:
            raise MixFuseError(f"{workers} threads cannot be started")
        # The pool stays for the life of the process: others may wait in it.
        run = ctypes.cast(native.mixfuse_pool_run, ctypes.c_void_p)
        self._storage = _Request(run, pool, ctypes.c_int64(workers))
        self.request = ctypes.byref(self._storage)


class ExecutorParallel(Parallel):
    """Runs the parts of a library's loops on an executor's threads."""

    def __init__(self, executor: Executor, workers: int) -> None:
        self.workers = workers
        self._executor = executor
        # Both are read by the library for as long as this object lives.
        self._callback = _RUN(self._run)
        self._storage = _Request(
            ctypes.cast(self._callback, ctypes.c_void_p), None, ctypes.c_int64(workers)
        )
        self.request = ctypes.byref(self._storage)

    def _run(self, _context: Any, count: int, body: int, arguments: int) -> None:
        function = _BODY(body)
        numbers = itertools.count()

        def work(worker: int) -> None:
            # `next` on a counter is one step for all threads of the interpreter.
            while (index := next(numbers)) < count:
                function(arguments, index, worker)

        helpers = min(self.workers, count)
        futures = [self._executor.submit(work, worker) for worker in range(1, helpers)]
        work(0)
        # A helper that has not begun finds nothing left, and is not waited for.
        running = [future for future in futures if not future.cancel()]
        wait(running)


def parallel(threads: int | Executor) -> Parallel | None:
    """What `threads` asks for; None for one thread. Raises InputError."""
    if isinstance(threads, Executor):
        return ExecutorParallel(threads, getattr(threads, "_max_workers", os.cpu_count() or 1))
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise InputError(f"threads is {threads!r}, expected a number of at least 1 or an executor")
    return None if threads == 1 else _pool(threads)


def _pool(threads: int) -> Parallel:
    """A pool of so many workers, the caller included; kept for the life of the process."""
    with _lock:
        # A forked child has none of its parent's threads.
        key = (os.getpid(), threads)
        if key not in _pools:
            try:
                _pools[key] = NativeParallel(threads)
            except NoCompilerError:
                executor = ThreadPoolExecutor(threads - 1, thread_name_prefix="mixfuse")
                _pools[key] = ExecutorParallel(executor, threads)
        return _pools[key]


_lock = threading.Lock()
_pools: dict[tuple[int, int], Parallel] = {}
