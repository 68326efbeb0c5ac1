# SPDX-License-Identifier: Apache-2.0
"""What a library says about itself, read from the JSON text inside of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy

from mixfuse._errors import LibraryError

ABI_VERSION = 1
"""The version of the calling convention that this package speaks."""

DTYPES = {
    "bool": numpy.dtype(numpy.bool_),
    "f16": numpy.dtype(numpy.float16),
    "f32": numpy.dtype(numpy.float32),
    "f64": numpy.dtype(numpy.float64),
    "i32": numpy.dtype(numpy.int32),
    "i64": numpy.dtype(numpy.int64),
    "u8": numpy.dtype(numpy.uint8),
}
"""NumPy's types by the names that manifests use."""

DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def type_text(dtype: Any, shape: Any) -> str:
    """The type of an array as messages show it: `f32 [25, 10, 1]`."""
    return f"{DTYPE_NAMES.get(dtype, dtype)} {list(shape)}"


@dataclass(frozen=True)
class Array:
    """One input or output of an entry point."""

    name: str
    """The name in the spec, with a dot for nesting, such as `eta.w1`."""
    dtype: numpy.dtype
    shape: tuple[int, ...]
    range: tuple[int, int] | None = None
    """The least and the greatest that an element may be, if the entry point checks it."""

    def __str__(self) -> str:
        return type_text(self.dtype, self.shape)


@dataclass(frozen=True)
class PositionCheck:
    """A check of an array of whole numbers, which a call makes before it uses them."""

    subject: str
    purpose: str
    location: str
    range: tuple[int, int]
    shape: tuple[int, ...]

    def place(self, position: int) -> tuple[int, ...]:
        """The indices of the element with a number in C order."""
        if not 0 <= position < int(numpy.prod(self.shape)):
            return (position,)
        return tuple(int(index) for index in numpy.unravel_index(position, self.shape))

    def fault(self, position: int, value: int) -> str:
        """What is wrong with an element, in the words of the Swift runtime."""
        place = list(self.place(position)) if self.shape else []
        element = f"element {place} of {self.subject}" if place else self.subject
        origin = f"{self.location}: " if self.location else ""
        low, high = self.range
        return f"{origin}{element} is {value}, expected {self.purpose} from {low} to {high}"


@dataclass(frozen=True)
class EntryPoint:
    """One function of a library."""

    name: str
    symbol: str
    arena_bytes: int
    arena_bytes_per_worker: int
    flops: int
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    checks: tuple[PositionCheck, ...] = ()

    def arena_size(self, workers: int) -> int:
        """Bytes of arena that a call with a number of workers needs."""
        return self.arena_bytes + max(1, workers) * self.arena_bytes_per_worker


@dataclass(frozen=True)
class Manifest:
    """The description of a library."""

    name: str
    dtype: numpy.dtype
    dims: dict[str, int]
    abi_digest: int
    arrays_digest: str
    compiler: str
    options: dict[str, str]
    target: dict[str, Any]
    entry_points: dict[str, EntryPoint]
    text: str = field(repr=False)


def parse(text: str, path: str) -> Manifest:
    """Read a manifest; `path` is where it comes from, for messages."""
    try:
        tree = json.loads(text)
        version = tree["mixfuse_abi"]
    except (ValueError, KeyError, TypeError) as error:
        raise LibraryError(f"{path}: manifest cannot be used: {_reason(error)}") from None
    # Looked at first, because another version may have other fields.
    if version != ABI_VERSION:
        raise LibraryError(
            f"{path}: this package calls libraries of ABI {ABI_VERSION}, found ABI {version}; "
            "build the library again, or install the package that came with its compiler"
        )
    try:
        return _manifest(tree, text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LibraryError(f"{path}: manifest cannot be used: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return f"it has no field {error}" if isinstance(error, KeyError) else str(error)


def _manifest(tree: dict[str, Any], text: str) -> Manifest:
    entries = [_entry(entry) for entry in tree["entry_points"]]
    _require_distinct([entry.name for entry in entries], "entry points")
    return Manifest(
        name=tree["name"],
        dtype=DTYPES[tree["dtype"]],
        dims={name: int(size) for name, size in tree["dims"].items()},
        abi_digest=int(tree["abi_digest"], 16),
        arrays_digest=tree["arrays_digest"],
        compiler=tree["compiler"],
        options=dict(tree["options"]),
        target=dict(tree["target"]),
        entry_points={entry.name: entry for entry in entries},
        text=text,
    )


def _entry(tree: dict[str, Any]) -> EntryPoint:
    entry = EntryPoint(
        name=tree["name"],
        symbol=tree["symbol"],
        arena_bytes=int(tree["arena_bytes"]),
        arena_bytes_per_worker=int(tree["arena_bytes_per_worker"]),
        flops=int(tree["flops"]),
        inputs=tuple(_array(array) for array in tree["inputs"]),
        outputs=tuple(_array(array) for array in tree["outputs"]),
        checks=tuple(_check(check) for check in tree.get("checks") or ()),
    )
    if entry.arena_bytes < 0 or entry.arena_bytes_per_worker < 0:
        raise ValueError(f"{entry.name}: an arena of negative size")
    _require_distinct([array.name for array in entry.inputs], f"inputs of {entry.name}")
    _require_distinct([array.name for array in entry.outputs], f"outputs of {entry.name}")
    return entry


def _array(tree: dict[str, Any]) -> Array:
    shape = tuple(int(size) for size in tree["shape"])
    if any(size < 0 for size in shape):
        raise ValueError(f"{tree['name']} has the impossible shape {list(shape)}")
    dtype = DTYPES.get(tree["dtype"])
    if dtype is None:
        raise ValueError(f"{tree['name']} has the unknown type {tree['dtype']}")
    return Array(tree["name"], dtype, shape, _range(tree.get("range")))


def _check(tree: dict[str, Any]) -> PositionCheck:
    bounds = _range(tree["range"])
    if bounds is None:
        raise ValueError(f"the check of {tree['subject']} has no range")
    return PositionCheck(
        tree["subject"], tree["purpose"], tree["location"], bounds, tuple(tree["shape"])
    )


def _range(bounds: list[int] | None) -> tuple[int, int] | None:
    if bounds is None:
        return None
    low, high = bounds
    return int(low), int(high)


def _require_distinct(names: list[str], what: str) -> None:
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"two {what} are called {min(repeated)}")
