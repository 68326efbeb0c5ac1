# SPDX-License-Identifier: Apache-2.0
"""An entry point of a library as a function of arrays by name."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy

from mixfuse import _parallel
from mixfuse._arrays import readable
from mixfuse._call import Frame, new_outputs
from mixfuse._errors import ArgumentError, suggestion
from mixfuse._manifest import EntryPoint
from mixfuse._names import children, flatten, unflatten
from mixfuse._session import Session

if TYPE_CHECKING:
    from mixfuse._library import Library

KEPT_ARENAS = 4
"""How many arenas an entry point keeps for later calls, for each number of workers."""


class Entry:
    """An entry point. Call it with arrays by name; any number of threads may, at once.

    Names are flat (`**{"eta.w1": a}`) or nested (`eta={"w1": a}`), or both come in a structure as
    a positional argument, which may also hold names that are arguments of the call itself.
    """

    def __init__(self, library: Library, description: EntryPoint, function: Any):
        self.library = library
        self.description = description
        self.function = function
        self.where = f"{library.manifest.name}.{description.name}"
        self.positions = {array.name: i for i, array in enumerate(description.inputs)}
        self._frames: dict[int, collections.deque] = {}

    def __repr__(self) -> str:
        inputs = ", ".join(f"{array.name}: {array}" for array in self.description.inputs)
        return f"<mixfuse entry point {self.where}({inputs})>"

    @property
    def name(self) -> str:
        """The name a user calls it by."""
        return self.description.name

    def __call__(
        self,
        *structures: Any,
        threads: int | None = None,
        executor: Any = None,
        convert: bool = False,
        **inputs: Any,
    ) -> dict[str, Any]:
        """The results as a nested dict of new arrays.

        `threads` is the number of threads of a pool that do the work, `executor` any
        `concurrent.futures.Executor` of threads. With `convert`, arrays of other types are
        converted instead of refused.
        """
        parallel = self._parallel(threads, executor)
        given = self.arrays(structures, inputs, convert)
        self.require_complete(given)
        return unflatten(self.flat_results(given, parallel))

    def session(
        self, *, threads: int | None = None, executor: Any = None, convert: bool = False
    ) -> Session:
        """A session: repeated calls that allocate and copy nothing."""
        return Session(self, self._parallel(threads, executor), convert)

    def arrays(self, structures: Any, inputs: Mapping[str, Any], convert: bool) -> dict:
        """Checked arrays by flat names, of what a caller gave; they need not be all."""
        given: dict[str, numpy.ndarray] = {}
        for structure in [*structures, inputs]:
            if children(structure) is None:
                raise ArgumentError(
                    f"{self.where}: expected arrays by name, found {type(structure).__name__}"
                )
            for name, value in flatten(structure, self.positions, self.where).items():
                if name in given:
                    raise ArgumentError(f"{self.where}: {name}: given twice; give each array once")
                given[name] = self._array(name, value, convert)
        return given

    def flat_results(self, given: Mapping[str, numpy.ndarray], parallel: Any) -> dict:
        """New arrays by flat names: the results for inputs that were checked and are complete."""
        outputs = new_outputs(self.description)
        self._run([given[name] for name in self.positions], outputs, parallel)
        return dict(zip((array.name for array in self.description.outputs), outputs))

    def require_complete(self, given: Mapping[str, Any]) -> None:
        """Refuse a call that lacks inputs."""
        missing = [array for array in self.description.inputs if array.name not in given]
        if missing:
            listed = "; ".join(f"{array.name}: missing, expected {array}" for array in missing[:8])
            rest = f"; and {len(missing) - 8} more" if len(missing) > 8 else ""
            raise ArgumentError(f"{self.where}: {listed}{rest}")

    def _array(self, name: str, value: Any, convert: bool) -> numpy.ndarray:
        position = self.positions.get(name)
        if position is None:
            raise ArgumentError(
                f"{self.where}: {name or 'an array without a name'}: no such input"
                + suggestion(name, self.positions)
            )
        return readable(value, self.description.inputs[position], self.where, convert)

    def _parallel(self, threads: int | None, executor: Any) -> Any:
        if threads is None and executor is None:
            return self.library.parallel
        return _parallel.choose(threads, executor)

    def _run(self, arrays: list, outputs: list, parallel: Any) -> None:
        frame = self._borrow(parallel.workers)
        try:
            frame.point(frame.inputs, arrays)
            frame.point(frame.outputs, outputs)
            status = self.function(
                frame.inputs, frame.outputs, frame.arena_address, parallel.address
            )
            parallel.raise_failure()
            if status:
                raise frame.error(status, self.where)
        finally:
            self._frames[parallel.workers].append(frame)

    def _borrow(self, workers: int) -> Frame:
        """A frame that no other call uses. A deque gives and takes whole, without a lock."""
        kept = self._frames.setdefault(workers, collections.deque(maxlen=KEPT_ARENAS))
        try:
            return kept.pop()
        except IndexError:
            return Frame(self.description, workers)
