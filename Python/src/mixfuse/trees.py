# SPDX-License-Identifier: Apache-2.0
"""Arrays by name: nested containers become dotted names, and dotted names nested dictionaries."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import InputError


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays inside, by dotted name: `{"eta": {"w": a}}` is `{"eta.w": a}`.

    Mappings, sequences, named tuples and dataclasses are containers; everything else is an array.
    Raises InputError if two arrays have one name.
    """
    result: dict[str, Any] = {}
    for name, value in _leaves("", values):
        if name in result:
            raise InputError(f"{name} was given twice")
        result[name] = value
    return result


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    parts = _parts(value)
    if parts is None:
        yield path, value
        return
    for name, part in parts:
        yield from _leaves(f"{path}.{name}" if path else str(name), part)


def _parts(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """The parts of a container with their names; None for an array."""
    if isinstance(value, Mapping):
        return value.items()
    if hasattr(value, "_fields") and isinstance(value, tuple):
        return zip(value._fields, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    # A list of numbers is an array, a list of arrays or containers is not.
    if isinstance(value, (list, tuple)) and any(_is_composite(part) for part in value):
        return enumerate(value)
    return None


def _is_composite(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_is_composite(part) for part in value)
    return isinstance(value, Mapping) or hasattr(value, "shape") or dataclasses.is_dataclass(value)


def nest(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse: dotted names become nested dictionaries. A name that is also the beginning of
    others, as `grad` beside `grad.w`, stays flat."""
    names = list(arrays)
    result: dict[str, Any] = {}
    for name, value in arrays.items():
        *path, last = name.split(".")
        prefixes = {".".join(path[: i + 1]) for i in range(len(path))}
        if prefixes & set(names):
            result[name] = value
            continue
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return result
