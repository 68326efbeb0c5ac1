# SPDX-License-Identifier: Apache-2.0
"""Who does the work of a call: the calling thread, a pool of threads in C, or any executor.

Libraries start no threads. They call `run` of the `mixfuse_parallel` structure that the caller
hands in, with a loop body; see native/include/mixfuse_parallel.h.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import functools
import itertools
import os
import threading
from typing import Any

from mixfuse import _native
from mixfuse._errors import ArgumentError, NativeError

BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)

CHUNKS_PER_WORKER = 8
"""How finely an executor's loops are divided: evens out uneven bodies at little cost."""


class Structure(ctypes.Structure):
    """`mixfuse_parallel` of the header."""

    _fields_ = [
        ("run", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
        ("workers", ctypes.c_int64),
    ]


class Serial:
    """The calling thread alone."""

    workers = 1
    address: int | None = None

    def raise_failure(self) -> None:
        """Nothing can fail."""


class Pool:
    """A pool of threads in C. Several calls may use it at once: all but one run serially then."""

    def __init__(self, workers: int):
        code = _native.library("pool", ("pool.c", "host.c"))
        code.mixfuse_pool_create.restype = ctypes.c_void_p
        code.mixfuse_pool_create.argtypes = [ctypes.c_int64]
        ctypes.set_errno(0)
        self.workers = workers
        self.handle = code.mixfuse_pool_create(workers)
        if not self.handle:
            raise NativeError(f"cannot start {workers} workers: threads or memory are short")
        run = ctypes.cast(code.mixfuse_pool_run, ctypes.c_void_p)
        self.structure = Structure(run, self.handle, workers)
        self.address: int | None = ctypes.addressof(self.structure)

    def raise_failure(self) -> None:
        """Nothing can fail once the threads run."""


class Executor:
    """Any `concurrent.futures` executor of threads; the calling thread is worker 0.

    The caller takes part and, when no index is left, takes back what the executor has not begun.
    So a loop ends even if the executor is busy, or if the call itself runs on it.
    """

    def __init__(self, executor: concurrent.futures.Executor, workers: int):
        self.executor = executor
        self.workers = workers
        self._current = threading.local()
        self._callback = RUN(self._run)
        address = ctypes.cast(self._callback, ctypes.c_void_p)
        self.structure = Structure(address, None, workers)
        self.address: int | None = ctypes.addressof(self.structure)

    def raise_failure(self) -> None:
        """Raise what the executor, or an interrupt, raised during this thread's last call.

        An exception cannot pass through the C code between the call and here.
        """
        failure = getattr(self._current, "failure", None)
        if failure is not None:
            self._current.failure = None
            raise failure

    def _run(self, _context: Any, count: int, body_address: int, arguments: int) -> None:
        body = BODY(body_address)
        worker = getattr(self._current, "worker", None)
        # A loop inside of a loop stays on the worker whose body it is in. A loop of one iteration
        # leaves the workers to the loops inside of it, as the pool in C does.
        if worker is not None or count <= 1 or self.workers == 1:
            for index in range(count):
                body(arguments, index, worker or 0)
            return
        self._share(count, functools.partial(body, arguments))

    def _share(self, count: int, body: Any) -> None:
        chunk = max(1, count // (self.workers * CHUNKS_PER_WORKER))
        # `next` of a count is one step of the interpreter: no start is given out twice.
        starts = itertools.count(0, chunk)

        def work(worker: int) -> None:
            self._current.worker = worker
            try:
                while (start := next(starts)) < count:
                    for index in range(start, min(start + chunk, count)):
                        body(index, worker)
            finally:
                self._current.worker = None

        helpers: list[concurrent.futures.Future] = []
        try:
            for worker in range(1, min(self.workers, count)):
                helpers.append(self.executor.submit(work, worker))
        except BaseException as failure:
            self._current.failure = failure
        self._guarded(work, 0)
        for helper in helpers:
            if not helper.cancel():
                self._guarded(helper.result)

    def _guarded(self, action: Any, *arguments: Any) -> None:
        """Do something to its end: an interrupt is kept for later, the arrays are still in use."""
        while True:
            try:
                action(*arguments)
                return
            except (KeyboardInterrupt, SystemExit) as failure:
                self._current.failure = failure
            except BaseException as failure:
                self._current.failure = failure
                return


SERIAL = Serial()
_lock = threading.Lock()
_pools: dict[int, Pool] = {}


def pool(workers: int) -> Pool:
    """The pool of this process with a number of workers; it lives as long as the process."""
    with _lock:
        if workers not in _pools:
            _pools[workers] = Pool(workers)
        return _pools[workers]


def choose(threads: int | None, executor: Any = None) -> Any:
    """Who does the work, by the arguments `threads` and `executor` of a call.

    An executor has as many workers as it has threads, unless `threads` says how many; the calling
    thread is one of them.
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int)):
        raise ArgumentError(f"threads: expected a whole number, found {type(threads).__name__}")
    if threads is not None and threads < 1:
        raise ArgumentError(f"threads: expected at least 1, found {threads}")
    if executor is not None:
        return _executor(executor, threads)
    return SERIAL if threads is None or threads == 1 else pool(threads)


def _executor(executor: Any, threads: int | None) -> Any:
    if isinstance(executor, (Serial, Pool, Executor)):
        return executor
    if isinstance(executor, concurrent.futures.ProcessPoolExecutor):
        raise ArgumentError("executor: expected one of threads, found one of processes")
    if not hasattr(executor, "submit"):
        raise ArgumentError(
            f"executor: expected a concurrent.futures.Executor, found {type(executor).__name__}"
        )
    workers = threads or getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    return Executor(executor, workers)
