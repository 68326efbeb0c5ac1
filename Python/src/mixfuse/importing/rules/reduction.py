# SPDX-License-Identifier: Apache-2.0
"""Reductions over axes and windows, and running ones along an axis."""

from __future__ import annotations

import math

from ..graph import BOOL, I32, F, Tensor
from ..registry import Context, rule
from .movement import padded


@rule("reduce_sum")
def reduce_sum(c: Context, x: Tensor) -> Tensor:
    return c.reduce("sum", c.number(x), c.params["axes"])


@rule("reduce_max")
def reduce_max(c: Context, x: Tensor) -> Tensor:
    return c.reduce("maximum", x, c.params["axes"])


@rule("reduce_min")
def reduce_min(c: Context, x: Tensor) -> Tensor:
    return c.negated(c.reduce("maximum", c.negated(x), c.params["axes"]))


@rule("reduce_and", "reduce_or")
def reduce_truth(c: Context, x: Tensor) -> Tensor:
    if x.dtype != BOOL:
        c.refuse("of the bits of whole numbers")
    number = c.number(x)
    if c.name == "reduce_or":
        return c.truth(c.reduce("maximum", number, c.params["axes"]))
    none = c.reduce("maximum", c.subtract(c.like(1, number), number), c.params["axes"])
    return c.compare("equal", none, c.like(0, none))


@rule("reduce_prod")
def reduce_prod(c: Context, x: Tensor) -> Tensor:
    axes = sorted(int(axis) for axis in c.params["axes"])
    count = math.prod(x.shape[axis] for axis in axes)
    if count > 64:
        c.refuse(f"of {count} elements, more than 64")
    kept = [axis for axis in range(x.rank) if axis not in axes]
    shape = [x.shape[axis] for axis in kept]
    rows = c.reshape(c.transpose(x, axes + kept), [count, *shape])
    result = None
    for i in range(count):
        row = c.reshape(c.slice(rows, [i] + [0] * len(kept), [1, *shape]), shape)
        result = row if result is None else c.multiply(result, row)
    return c.full(c.shape, 1, x.dtype) if result is None else result


@rule("argmax", "argmin")
def extremum_position(c: Context, x: Tensor) -> Tensor:
    (axis,) = (int(axis) for axis in c.params["axes"])
    x = c.number(x)
    if c.name == "argmin":
        x = c.negated(x)
    if x.dtype == F:
        x = c.op("stop_gradient", [x])
    best = c.reduce("maximum", x, [axis])
    others = [a for a in range(x.rank) if a != axis]
    is_best = c.compare("equal", x, c.broadcast(best, x.shape, others))
    places = c.iota(x.shape, axis)
    # The first of several: the largest of the negatives.
    far = c.like(-x.shape[axis], places)
    first = c.reduce("maximum", c.select(is_best, c.negated(places), far), [axis])
    last = c.like(1 - x.shape[axis], first)
    return c.negated(c.op("maximum", [first, last]))


@rule("cumsum")
def cumulative_sum(c: Context, x: Tensor) -> Tensor:
    x = c.number(x)
    backwards = " reversed" if c.params["reverse"] else ""
    return c.op(f"cumulative_sum{{axis {int(c.params['axis'])}{backwards}}}", [x])


@rule("cummax", "cummin", "cumprod", "cumlogsumexp")
def cumulative(c: Context, x: Tensor) -> Tensor:
    """By doubling: after step `k` each element has combined the `2^k` elements up to it."""
    axis = int(c.params["axis"])
    if c.name == "cumlogsumexp":
        c.refuse("write log(cumsum(exp(x - max))) + max")
    count, step = x.shape[axis], 1
    result = c.negated(x) if c.name == "cummin" else x
    op = "multiply" if c.name == "cumprod" else "maximum"
    while step < count:
        starts, rest = [0] * x.rank, list(x.shape)
        rest[axis] = count - step
        ahead = [step if a == axis else 0 for a in range(x.rank)]
        near, far = c.slice(result, ahead, rest), c.slice(result, starts, rest)
        ends = list(x.shape)
        ends[axis] = step
        if c.params["reverse"]:
            edge = [count - step if a == axis else 0 for a in range(x.rank)]
            result = c.concatenate([c.op(op, [far, near]), c.slice(result, edge, ends)], axis)
        else:
            result = c.concatenate([c.slice(result, starts, ends), c.op(op, [near, far])], axis)
        step *= 2
    return c.negated(result) if c.name == "cummin" else result


@rule("reduce_window_sum", "reduce_window_max", "reduce_window_min")
def reduce_window(c: Context, x: Tensor, *_: Tensor) -> Tensor:
    p = c.params
    kind = c.name.removeprefix("reduce_window_")
    if kind == "min":
        x = c.negated(x)
    edge = 0.0 if kind == "sum" else -math.inf
    if x.dtype == I32 and kind != "sum":
        edge = -(2**31)
    config = [
        (int(low), int(high), int(dilation) - 1)
        for (low, high), dilation in zip(p["padding"], p["base_dilation"])
    ]
    shape = c.shape
    x = padded(c, x, filled(c, edge, x.dtype), config)
    axis, reduced = 0, []
    for i, size in enumerate(p["window_dimensions"]):
        size, stride = int(size), int(p["window_strides"][i])
        dilation = int(p["window_dilation"][i])
        if size == 1 and stride == 1:
            axis += 1
            continue
        x = c.windows(x, axis, shape[i], size, stride=stride, dilation=dilation)
        reduced.append(axis + 1)
        axis += 2
    result = c.reduce("sum" if kind == "sum" else "maximum", x, reduced)
    return c.negated(result) if kind == "min" else result


def filled(c: Context, number: float, dtype: str) -> Tensor:
    """A scalar whose number rules can ask for."""
    import numpy as np

    tensor = Tensor([], dtype)
    tensor.raw = np.asarray(number)
    return tensor
