# SPDX-License-Identifier: Apache-2.0
"""Sorting. The place of an element is the number of those before it, found by comparing all pairs
of an axis; the values are gathered from there, so their derivatives are those of a gather."""

from __future__ import annotations

import math

from ..graph import I32, F, Tensor
from ..registry import Context, rule
from .indexing import bounded, strides_of


@rule("sort")
def sort(c: Context, *operands: Tensor) -> list[Tensor]:
    axis, keys = int(c.params["dimension"]), int(c.params["num_keys"])
    if keys != 1:
        c.refuse("by several keys")
    positions = ordered(c, operands[0], axis, descending=False)
    return [elements(c, operand, positions, axis) for operand in operands]


@rule("top_k")
def top_k(c: Context, x: Tensor) -> list[Tensor]:
    axis, count = int(c.params.get("axis", x.rank - 1)), int(c.params["k"])
    positions = ordered(c, x, axis, descending=True)
    shape = [count if a == axis else size for a, size in enumerate(x.shape)]
    positions = c.slice(positions, [0] * x.rank, shape)
    return [elements(c, x, positions, axis), positions]


def ordered(c: Context, x: Tensor, axis: int, *, descending: bool) -> Tensor:
    """The positions of the elements of an axis in increasing order; equal ones keep theirs."""
    x = c.number(x)
    if x.dtype == F:
        x = c.op("stop_gradient", [x])
    keys = c.negated(x) if descending else x
    last, count = x.rank - 1, x.shape[axis]
    keys = moved_axis(c, keys, axis, last)
    pairs = [*keys.shape, count]
    these = c.broadcast(keys, pairs, range(last + 1))
    others = c.broadcast(keys, pairs, [*range(last), last + 1])
    is_earlier = c.compare("less", c.iota(pairs, last + 1), c.iota(pairs, last))
    no_greater = c.number(c.compare("lessOrEqual", others, these))
    is_less = c.number(c.compare("less", others, these))
    before = c.op("select", [is_earlier, no_greater, is_less], pairs, I32)
    if x.dtype == F:
        # NaN comes last, as in JAX.
        one = c.full(pairs, 1, I32)
        is_number = c.number(c.compare("equal", others, others))
        before_nan = c.op("select", [is_earlier, one, is_number], pairs, I32)
        is_nan = c.compare("notEqual", these, these)
        before = c.op("select", [is_nan, before_nan, before], pairs, I32)
    ranks = bounded(c, c.reduce("sum", before, [last + 1]), count - 1)
    total = math.prod(keys.shape)
    places = c.reshape(row_places(c, ranks, count), [total])
    numbers = c.reshape(c.iota(keys.shape, last), [total])
    placed = c.op(f"scatter_add{{rows {total}}}", [places, numbers], [total], I32)
    positions = bounded(c, c.reshape(placed, keys.shape), count - 1)
    return moved_axis(c, positions, last, axis)


def elements(c: Context, x: Tensor, positions: Tensor, axis: int) -> Tensor:
    """The elements of an axis at positions, row by row."""
    last = x.rank - 1
    rows = moved_axis(c, c.number(x), axis, last)
    places = row_places(c, moved_axis(c, positions, axis, last), rows.shape[-1])
    table = c.reshape(rows, [math.prod(rows.shape)])
    taken = c.op("gather", [table, places], places.shape, table.dtype)
    return c.converted(moved_axis(c, taken, last, axis), x.dtype)


def row_places(c: Context, positions: Tensor, length: int) -> Tensor:
    """Positions in rows as positions in all rows, one after the other."""
    leading = list(positions.shape[:-1])
    for axis, stride in enumerate(strides_of([*leading, length])[:-1]):
        if leading[axis] > 1:
            row = c.iota(positions.shape, axis)
            positions = c.add(positions, c.scaled(row, stride))
    return positions


def moved_axis(c: Context, x: Tensor, source: int, target: int) -> Tensor:
    """An axis at another place, the others in their order."""
    order = [axis for axis in range(x.rank) if axis != source]
    order.insert(target, source)
    return c.transpose(x, order)
