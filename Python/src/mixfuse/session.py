# SPDX-License-Identifier: Apache-2.0
"""Memory for repeated calls of one function: arena, outputs and tables of pointers, made once."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import as_input, matched
from .errors import CallError, InputError, PositionError
from .manifest import EntryPointFacts
from .threads import parallel
from .trees import flatten

if TYPE_CHECKING:
    from .library import Library

#: Arenas begin at multiples of this.
ALIGNMENT = 64


class Session:
    """Calls a function again and again without allocating. Not for several threads at once.

        session = library.meta_gradient.session()
        session.set(eta=parameters, x=x, y=y)
        outputs = session.run()       # arrays of the session, written anew by the next run

    Inputs are read where they are: an array that was set and is changed in place is read changed.
    """

    def __init__(
        self, library: Library, facts: EntryPointFacts, function: Any, threads: int | Executor
    ) -> None:
        self.facts = facts
        self._function = function
        self._where = f"{library.manifest.name}.{facts.name}"
        self._parallel = parallel(threads)
        workers = self._parallel.workers if self._parallel else 1
        self._arena = aligned(facts.arena_bytes + workers * facts.arena_bytes_per_worker)
        #: The outputs by name.
        self.outputs = {array.name: np.empty(array.shape, array.dtype) for array in facts.outputs}
        self._inputs: dict[str, np.ndarray[Any, Any]] = {}
        self._input_table = (ctypes.c_void_p * max(len(facts.inputs), 1))()
        self._output_table = (ctypes.c_void_p * max(len(facts.outputs), 1))(
            *(self.outputs[array.name].ctypes.data for array in facts.outputs)
        )

    def set(self, *trees: Any, convert: bool = False, **inputs: Any) -> None:
        """Set inputs by name; those that were set before and are not named stay.

        Raises InputError.
        """
        given = flatten({name: part for tree in trees for name, part in tree.items()} | inputs)
        values = matched(self.facts.inputs, self._inputs | given, self._where)
        for place, (array, value) in enumerate(zip(self.facts.inputs, values)):
            if array.name in given:
                ready = as_input(value, array, self._where, convert)
                self._inputs[array.name] = ready
                self._input_table[place] = ready.ctypes.data

    def run(self) -> dict[str, np.ndarray[Any, Any]]:
        """Call the function. Raises InputError, PositionError, CallError."""
        if len(self._inputs) != len(self.facts.inputs):
            raise InputError(f"{self._where}: inputs were not set")
        request = self._parallel.request if self._parallel else None
        code = self._function(
            self._input_table, self._output_table, self._arena.ctypes.data, request
        )
        if code != 0:
            raise failure(code, self.facts, self._arena, self._where)
        return self.outputs


def aligned(size: int) -> np.ndarray[Any, Any]:
    """So many bytes, at least one, that begin at a multiple of ALIGNMENT."""
    room = np.empty(max(size, 1) + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + max(size, 1)]


def failure(
    code: int, facts: EntryPointFacts, arena: np.ndarray[Any, Any], where: str
) -> CallError:
    """The error of a return code."""
    if code == 2:
        number, position, value = (int(word) for word in arena[:24].view(np.int64))
        return PositionError(f"{where}: {facts.checks[number].fault(position, value)}")
    reason = {1: "a null or misaligned pointer", 3: "the library is of another build"}
    return CallError(f"{where} returned {code}: {reason.get(code, 'an unknown code')}")
