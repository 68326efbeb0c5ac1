# SPDX-License-Identifier: Apache-2.0
"""Repeated calls of one entry point, with nothing allocated and nothing copied between them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy

from mixfuse._call import Frame, new_outputs
from mixfuse._errors import ArgumentError, CallError, suggestion
from mixfuse._names import unflatten

if TYPE_CHECKING:
    from mixfuse._entry import Entry


class Session:
    """An entry point with its arena, its outputs and the inputs that were bound.

    Bound arrays are not copied: whoever changes them changes the next call. `run` writes to the
    same `outputs` every time; copy what has to survive the next call. A session serves one thread
    at a time; threads that call at once need one each.
    """

    def __init__(self, entry: Entry, parallel: Any, convert: bool):
        self.entry = entry
        self._parallel = parallel
        self._address = parallel.address
        self._convert = convert
        self._frame = Frame(entry.description, parallel.workers)
        self._bound: dict[str, numpy.ndarray] = {}
        self._arrays = new_outputs(entry.description)
        self._frame.point(self._frame.outputs, self._arrays)
        self._busy = threading.Lock()
        self._is_complete = not entry.description.inputs
        names = [array.name for array in entry.description.outputs]
        self.outputs: dict[str, Any] = unflatten(dict(zip(names, self._arrays)))
        """The results of the last call, nested by name."""

    def bind(self, *structures: Any, **inputs: Any) -> Session:
        """Set some inputs, or all; what was bound before stays. Nothing changes if one is wrong."""
        given = self.entry.arrays(structures, inputs, self._convert)
        with self._exclusively():
            for name, array in given.items():
                self._bound[name] = array
                self._frame.inputs[self.entry.positions[name]] = array.ctypes.data
            self._is_complete = len(self._bound) == len(self.entry.description.inputs)
        return self

    @property
    def inputs(self) -> dict[str, numpy.ndarray]:
        """The arrays that calls read, by flat names."""
        return dict(self._bound)

    def array(self, name: str) -> numpy.ndarray:
        """The array that calls read for an input, to be changed in place."""
        if name not in self._bound:
            raise ArgumentError(
                f"{self.entry.where}: {name}: nothing is bound to it{suggestion(name, self._bound)}"
            )
        return self._bound[name]

    def run(self) -> dict[str, Any]:
        """Call with what is bound; returns `outputs`."""
        if not self._busy.acquire(blocking=False):
            raise self._in_use()
        try:
            if not self._is_complete:
                self.entry.require_complete(self._bound)
            frame = self._frame
            status = self.entry.function(
                frame.inputs, frame.outputs, frame.arena_address, self._address
            )
            self._parallel.raise_failure()
            if status:
                raise frame.error(status, self.entry.where)
            return self.outputs
        finally:
            self._busy.release()

    def __call__(self, *structures: Any, **inputs: Any) -> dict[str, Any]:
        """Bind and run."""
        if structures or inputs:
            self.bind(*structures, **inputs)
        return self.run()

    def _exclusively(self) -> threading.Lock:
        if self._busy.locked():
            raise self._in_use()
        return self._busy

    def _in_use(self) -> CallError:
        return CallError(
            f"{self.entry.where}: this session is in use by another thread; make one for each", -1
        )
