# SPDX-License-Identifier: Apache-2.0
"""Arrays as a library reads them: row by row, of the type that the manifest says, copied only where
that cannot be helped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import InputError
from .manifest import Array


def matched(inputs: Sequence[Array], given: Mapping[str, Any], where: str) -> list[Any]:
    """The given arrays in the order of the inputs.

    Raises InputError that names all that are missing and unknown.
    """
    wanted = {array.name for array in inputs}
    faults = [
        f"there is no input {name}{_closest(name, wanted)}" for name in given if name not in wanted
    ]
    faults += [
        f"{array.name} is missing, {array.description}"
        for array in inputs
        if array.name not in given
    ]
    if faults:
        raise InputError(f"{where}: " + "; ".join(faults))
    return [given[array.name] for array in inputs]


def _closest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {close[0]}?" if close else ""


def as_input(value: Any, wanted: Array, where: str, convert: bool) -> np.ndarray[Any, Any]:
    """The value as an array that the library can read: itself, unless it has to be copied.

    Accepts NumPy arrays, numbers, lists of numbers, and arrays of other libraries in this
    processor's memory (by DLPack). Python numbers take the wanted type; arrays of another type are
    refused unless `convert` asks for it.

    Raises InputError with what was found and what was expected.
    """
    array = _numpy(value, wanted, where)
    if array.shape != wanted.shape:
        found = f"{array.dtype.name} {list(array.shape)}"
        raise InputError(f"{where}: {wanted.name} is {found}, expected {wanted.description}")
    if array.dtype != wanted.dtype:
        is_plain = isinstance(value, (bool, int, float, list, tuple))
        if not (convert or is_plain):
            raise InputError(
                f"{where}: {wanted.name} is {array.dtype.name}, expected {wanted.dtype.name}; "
                "convert=True converts"
            )
        array = _converted(array, wanted, where)
    return np.ascontiguousarray(array).reshape(wanted.shape)


def _numpy(value: Any, wanted: Array, where: str) -> np.ndarray[Any, Any]:
    if isinstance(value, np.ndarray):
        return value
    try:
        if hasattr(value, "__dlpack__"):
            # A tensor that records its gradient lends its memory only through its data.
            value = value.detach() if hasattr(value, "detach") else value
            return np.from_dlpack(value)
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as fault:
        kind = type(value).__name__
        raise InputError(
            f"{where}: {wanted.name} is a {kind} that is no array here ({fault}), "
            f"expected {wanted.description}"
        ) from fault


def _converted(array: np.ndarray[Any, Any], wanted: Array, where: str) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        result = array.astype(wanted.dtype)
    if wanted.dtype.kind in "iub":
        changed = result.astype(array.dtype) != array
    else:
        changed = np.isfinite(array) & ~np.isfinite(result)
    if np.any(changed):
        first = array[changed].flat[0]
        raise InputError(
            f"{where}: {wanted.name} holds {first}, which no {wanted.dtype.name} can hold"
        )
    return result
