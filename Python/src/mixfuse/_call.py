# SPDX-License-Identifier: Apache-2.0
"""One call of an entry point: pointers and an arena in, and what a status means.

A frame belongs to one call at a time. Sessions keep one, entry points lend theirs to calls.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy

from mixfuse._arrays import aligned
from mixfuse._errors import CallError, PositionError
from mixfuse._manifest import EntryPoint

REASONS = {
    1: "a null or misaligned argument, or several workers without a function that runs them",
    3: "the library does not belong to this manifest; build it again",
}
"""What the header says about statuses; 2 has a record in the arena instead."""


class Frame:
    """The tables of pointers and the arena of a call with a number of workers."""

    def __init__(self, entry: EntryPoint, workers: int):
        self.entry = entry
        self.inputs = (ctypes.c_void_p * max(1, len(entry.inputs)))()
        self.outputs = (ctypes.c_void_p * max(1, len(entry.outputs)))()
        # Room for the record of a refused call, also where no arena is needed.
        size = max(entry.arena_size(workers), RECORD_BYTES)
        self.arena = aligned(numpy.dtype(numpy.uint8), (size,))
        self.arena_address = self.arena.ctypes.data

    def point(self, table: Any, arrays: list[numpy.ndarray]) -> None:
        """Write the addresses of arrays, which the caller keeps alive, to a table."""
        for position, array in enumerate(arrays):
            table[position] = array.ctypes.data

    def error(self, status: int, where: str) -> CallError:
        """What a status other than 0 means."""
        if status == 2:
            return self._position_error(where)
        reason = REASONS.get(status)
        text = f"{where}: the library returned status {status}"
        return CallError(f"{text}: {reason}" if reason else text, status)

    def _position_error(self, where: str) -> PositionError:
        number, position, value = (int(word) for word in self.arena[:RECORD_BYTES].view("i8"))
        if not 0 <= number < len(self.entry.checks):
            return PositionError(f"{where}: an index array holds a value that is out of range")
        check = self.entry.checks[number]
        fault = f"{where}: {check.fault(position, value)}"
        return PositionError(fault, check, check.place(position), value)


RECORD_BYTES = 24
"""Three 64-bit numbers: the check in the manifest, the element, its value."""


def new_outputs(entry: EntryPoint) -> list[numpy.ndarray]:
    """Arrays for the results of a call."""
    return [aligned(array.dtype, array.shape) for array in entry.outputs]
