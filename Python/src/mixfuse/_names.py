# SPDX-License-Identifier: Apache-2.0
"""Nested structures to flat names and back: `{"eta": {"w1": a}}` is `{"eta.w1": a}`.

Paths are joined by dots. Mappings give their keys, lists and tuples their positions, named tuples
and dataclasses the names of their fields. What the entry point knows by a path is an array, however
it looks, so a structure is entered only where no array is expected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mixfuse._errors import ArgumentError


def children(value: Any) -> list[tuple[str, Any]] | None:
    """The parts of a structure by name, or None for something that is no structure."""
    if isinstance(value, Mapping):
        return [(str(key), part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value))
    if isinstance(value, (list, tuple)):
        return [(str(position), part) for position, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return [(field.name, getattr(value, field.name)) for field in fields]
    return None


def flatten(structure: Any, known: Collection[str], where: str) -> dict[str, Any]:
    """The arrays of a structure by their flat names; `known` are the names of arrays."""
    flat: dict[str, Any] = {}
    for name, value in _leaves("", structure, known):
        if name in flat:
            raise ArgumentError(f"{where}: {name}: given twice; give each array once")
        flat[name] = value
    return flat


def _leaves(path: str, value: Any, known: Collection[str]) -> Iterator[tuple[str, Any]]:
    parts = None if path in known else children(value)
    if parts is None:
        yield path, value
        return
    for name, part in parts:
        yield from _leaves(f"{path}.{name}" if path else name, part, known)


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The nested dict of arrays by flat names.

    Where an array's name also begins other names (`grad` and `grad.w`), those others stay flat,
    because a dict cannot hold both an array and its parts under one key.
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        if any(".".join(path[: end + 1]) in flat for end in range(len(path))):
            nested[name] = value
            continue
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested
