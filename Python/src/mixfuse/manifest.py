# SPDX-License-Identifier: Apache-2.0
"""The manifest: what a library says about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import LibraryError

#: The version of the ABI that this package calls.
ABI_VERSION = 1

_DTYPES = {
    "f32": "float32",
    "f64": "float64",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "bool": "bool",
}


@dataclass(frozen=True)
class Array:
    """An input or an output: its name in the spec, element type and shape."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def description(self) -> str:
        """`float32 [1, 40]`, for messages."""
        return f"{self.dtype.name} {list(self.shape)}"


@dataclass(frozen=True)
class Check:
    """Positions that the library checks while it runs."""

    subject: str
    purpose: str
    location: str
    shape: tuple[int, ...]
    low: int
    high: int

    def fault(self, position: int, value: int) -> str:
        """What is wrong with an element, found by its flat position."""
        place = [int(i) for i in np.unravel_index(position, self.shape)] if self.shape else []
        element = f"element {place} of {self.subject}" if place else self.subject
        where = f" ({self.location})" if self.location else ""
        expected = f"{self.purpose} from {self.low} to {self.high}"
        return f"{element} is {value}, expected {expected}{where}"


@dataclass(frozen=True)
class EntryPointFacts:
    """A function of a library."""

    name: str
    symbol: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    arena_bytes: int
    arena_bytes_per_worker: int
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Manifest:
    """The parts of a manifest that a caller needs; `json` is all of it."""

    name: str
    entry_points: tuple[EntryPointFacts, ...]
    json: dict[str, Any]


def parse(text: str, path: str) -> Manifest:
    """Read a manifest. Raises LibraryError if it is none, or one of another version."""
    try:
        facts = json.loads(text)
        version = facts["mixfuse_abi"]
        if version != ABI_VERSION:
            raise LibraryError(
                f"{path} has version {version} of the ABI; this package calls version {ABI_VERSION}"
            )
        entries = tuple(_entry(entry) for entry in facts["entry_points"])
        return Manifest(name=facts["name"], entry_points=entries, json=facts)
    except (KeyError, TypeError, ValueError) as fault:
        raise LibraryError(f"{path} has a manifest that cannot be read: {fault!r}") from fault


def _entry(facts: dict[str, Any]) -> EntryPointFacts:
    return EntryPointFacts(
        name=facts["name"],
        symbol=facts["symbol"],
        inputs=tuple(_array(array) for array in facts["inputs"]),
        outputs=tuple(_array(array) for array in facts["outputs"]),
        arena_bytes=facts["arena_bytes"],
        arena_bytes_per_worker=facts["arena_bytes_per_worker"],
        checks=tuple(_check(check) for check in facts.get("checks", [])),
    )


def _array(facts: dict[str, Any]) -> Array:
    return Array(
        name=facts["name"], dtype=np.dtype(_DTYPES[facts["dtype"]]), shape=tuple(facts["shape"])
    )


def _check(facts: dict[str, Any]) -> Check:
    low, high = facts["range"]
    return Check(
        subject=facts["subject"],
        purpose=facts["purpose"],
        location=facts.get("location", ""),
        shape=tuple(facts["shape"]),
        low=low,
        high=high,
    )
