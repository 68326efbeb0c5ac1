# SPDX-License-Identifier: Apache-2.0
"""Known arrays as constants of the IR, which has single numbers and counters, but no tables.

An array is written if it is one number, if it changes along some of its axes only and is a counter
there (``a + b * i``), or if what is left has few elements. Anything else becomes an input.
"""

from __future__ import annotations

import numpy as np

from .graph import BOOL, I32, F, Graph, Tensor

#: As many elements are written out one by one.
FEW = 64


def written(graph: Graph, array: np.ndarray, dtype: str) -> Tensor | None:
    """The array as nodes of a graph; `None` if it is not simple enough."""
    if array.size == 0:
        return None
    if dtype == BOOL and array.size:
        number = written(graph, array.astype(np.int32), I32)
        if number is None:
            return None
        return graph.op("notEqual", [number, graph.full(array.shape, 0, I32)], array.shape, BOOL)
    varying = [axis for axis in range(array.ndim) if not is_constant_along(array, axis)]
    small = array[tuple(slice(None) if a in varying else 0 for a in range(array.ndim))]
    made = counter(graph, small, dtype) if small.ndim == 1 else None
    if made is None and small.size <= FEW:
        made = listed(graph, small, dtype)
    if made is None or made.shape == array.shape:
        return made
    shape = list(array.shape)
    return graph.op(f"broadcast{{shape {shape} axes {varying}}}", [made], shape, dtype)


def is_constant_along(array: np.ndarray, axis: int) -> bool:
    """Whether all slices along an axis are equal."""
    if array.strides[axis] == 0:
        return True
    first = np.take(array, [0], axis)
    is_equal = (array == first) | ((array != array) & (first != first))
    return bool(is_equal.all())


def counter(graph: Graph, row: np.ndarray, dtype: str) -> Tensor | None:
    """``a + b * i`` along an axis, if the elements are exactly this."""
    start, step = row[0], row[1] - row[0]
    exact = np.isfinite(row).all() and (start + step * np.arange(row.size) == row).all()
    if not exact or (dtype == F and (start != int(start) or step != int(step))):
        return None
    places = graph.op(f"iota{{axis 0 shape [{row.size}]}}", [], row.shape, I32)
    if step != 1:
        by = graph.full(row.shape, float(step), I32)
        places = graph.op("multiply", [places, by], row.shape, I32)
    if start != 0:
        first = graph.full(row.shape, float(start), I32)
        places = graph.op("add", [places, first], row.shape, I32)
    return places if dtype == I32 else graph.op(f"convert{{{F}}}", [places], row.shape, F)


def listed(graph: Graph, array: np.ndarray, dtype: str) -> Tensor:
    """Single numbers one after the other, equal ones in one piece."""
    flat = array.reshape(-1)
    pieces, start = [], 0
    for end in range(1, flat.size + 1):
        if end == flat.size or flat[end] != flat[start]:
            pieces.append(graph.full([end - start], float(flat[start]), dtype))
            start = end
    row = pieces[0]
    if len(pieces) > 1:
        row = graph.op("concatenate{axis 0}", pieces, flat.shape, dtype)
    if row.shape == array.shape:
        return row
    return graph.op(f"reshape{{shape {list(array.shape)}}}", [row], array.shape, dtype)
