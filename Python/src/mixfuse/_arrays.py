# SPDX-License-Identifier: Apache-2.0
"""Anything that holds numbers to a NumPy array that a library can read, without a copy if possible.

Types are never changed silently. Python's own numbers have none that could be compared: they are
taken for arrays without dimensions, whole numbers for all types that can hold them, others for
floating-point ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from mixfuse._errors import ArgumentError
from mixfuse._manifest import Array, type_text

CPU_DEVICES = {1, 3, 11, 13}
"""DLPack's numbers of memory that the processor reads: its own, and what drivers share with it."""


def readable(value: Any, expected: Array, where: str, convert: bool) -> numpy.ndarray:
    """The array for an input: its type and shape, in C order, aligned to its elements.

    Contiguous arrays are not copied. With `convert`, other types are converted; shapes never are.
    """
    if _fits(value, expected):
        return value
    array = _number(value, expected) if isinstance(value, (bool, int, float)) else None
    if array is None:
        array = _viewed(value, expected, where, convert)
    if array.shape != expected.shape or (array.dtype != expected.dtype and not convert):
        raise ArgumentError(_mismatch(array, expected, where))
    if array.dtype != expected.dtype:
        array = _converted(array, expected, where)
    return numpy.require(array, requirements=["C", "A"])


def _fits(value: Any, expected: Array) -> bool:
    """Whether this is a NumPy array that can be read as it is: the usual case, decided quickly."""
    if type(value) is not numpy.ndarray or value.shape != expected.shape:
        return False
    return value.dtype == expected.dtype and value.flags.c_contiguous and value.flags.aligned


def _number(value: Any, expected: Array) -> numpy.ndarray | None:
    """A Python number as the element type expected, rounded if need be; None if it does not fit."""
    kind = expected.dtype.kind
    if isinstance(value, bool) != (kind == "b"):
        return None
    if isinstance(value, float) and kind != "f":
        return None
    if kind in "iu":
        # Older NumPy would wrap around.
        limits = numpy.iinfo(expected.dtype)
        return numpy.asarray(value, expected.dtype) if limits.min <= value <= limits.max else None
    try:
        with numpy.errstate(over="ignore"):
            number = numpy.asarray(value, expected.dtype)
    except OverflowError:
        return None
    return number if numpy.isfinite(number) or not numpy.isfinite(float(value)) else None


def _viewed(value: Any, expected: Array, where: str, convert: bool) -> numpy.ndarray:
    if isinstance(value, numpy.ndarray):
        return value
    if hasattr(value, "__dlpack__") and not isinstance(value, numpy.generic):
        view = _from_dlpack(value, expected, where)
        if view is not None:
            return view
    holds_array = hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    if holds_array or convert or isinstance(value, (int, float)):
        try:
            return numpy.asarray(value)
        except Exception as error:
            raise ArgumentError(
                f"{where}: {expected.name}: expected {expected}, found "
                f"{type(value).__name__} that NumPy cannot read: {error}"
            ) from error
    raise ArgumentError(
        f"{where}: {expected.name}: expected {expected}, found {type(value).__name__}"
    )


def _from_dlpack(value: Any, expected: Array, where: str) -> numpy.ndarray | None:
    """The array that shares a tensor's memory, or None if NumPy has to read it in another way."""
    device = value.__dlpack_device__()[0] if hasattr(value, "__dlpack_device__") else 1
    if int(device) not in CPU_DEVICES:
        raise ArgumentError(
            f"{where}: {expected.name}: found an array on another device than the processor; "
            "move it there first"
        )
    if getattr(value, "requires_grad", False):
        # PyTorch refuses to export such tensors, rightly: this call records no gradient.
        raise ArgumentError(
            f"{where}: {expected.name}: found a tensor that records gradients; pass .detach()"
        )
    try:
        return numpy.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError):
        return None


def _converted(array: numpy.ndarray, expected: Array, where: str) -> numpy.ndarray:
    """The same numbers in another type; numbers that the type does not have are refused."""
    if expected.dtype.kind not in "iub":
        return array.astype(expected.dtype)
    with numpy.errstate(invalid="ignore"):
        converted = array.astype(expected.dtype)
    if not numpy.array_equal(converted, array):
        raise ArgumentError(
            f"{where}: {expected.name}: expected {expected}, found {array.dtype} numbers that "
            "this type does not have"
        )
    return converted


def _mismatch(array: numpy.ndarray, expected: Array, where: str) -> str:
    is_type_only = array.shape == expected.shape
    repair = "; pass convert=True to accept it" if is_type_only else ""
    found = type_text(array.dtype, array.shape)
    return f"{where}: {expected.name}: expected {expected}, found {found}{repair}"


def aligned(dtype: numpy.dtype, shape: tuple[int, ...]) -> numpy.ndarray:
    """A new array of zeros that begins on a cache line, as arenas and outputs should."""
    size = math.prod(shape) * dtype.itemsize
    # NumPy's own memory is aligned to 16 bytes only.
    memory = numpy.zeros(size + ALIGNMENT, numpy.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


ALIGNMENT = 64
"""Bytes: what libraries ask of their arenas."""
