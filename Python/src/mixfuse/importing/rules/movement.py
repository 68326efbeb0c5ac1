# SPDX-License-Identifier: Apache-2.0
"""Elements in other places: shapes, slices, padding."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Tensor
from ..registry import Context, rule


@rule("reshape", "squeeze", "expand_dims")
def reshape(c: Context, x: Tensor, *_: Tensor) -> Tensor:
    if c.name == "reshape" and c.params.get("dimensions") is not None:
        x = c.transpose(x, c.params["dimensions"])
    return c.reshape(x, c.shape)


@rule("broadcast_in_dim")
def broadcast(c: Context, x: Tensor, *_: Tensor) -> Tensor:
    return c.broadcast(x, c.shape, [int(axis) for axis in c.params["broadcast_dimensions"]])


@rule("transpose")
def transpose(c: Context, x: Tensor) -> Tensor:
    return c.transpose(x, c.params["permutation"])


@rule("concatenate")
def concatenate(c: Context, *tensors: Tensor) -> Tensor:
    return c.concatenate(tensors, int(c.params["dimension"]))


@rule("stack")
def stack(c: Context, *tensors: Tensor) -> Tensor:
    axis = int(c.params["axis"])
    parts = [c.reshape(x, [*x.shape[:axis], 1, *x.shape[axis:]]) for x in tensors]
    return c.concatenate(parts, axis)


@rule("unstack")
def unstack(c: Context, x: Tensor) -> list[Tensor]:
    axis = int(c.params["axis"])
    rest = [*x.shape[:axis], *x.shape[axis + 1 :]]
    one = [*x.shape[:axis], 1, *x.shape[axis + 1 :]]
    starts = [[number if i == axis else 0 for i in range(x.rank)] for number in range(x.shape[axis])]
    return [c.reshape(c.slice(x, start, one), rest) for start in starts]


@rule("slice")
def strided_slice(c: Context, x: Tensor) -> Tensor:
    starts = [int(start) for start in c.params["start_indices"]]
    strides = [int(step) for step in c.params["strides"] or [1] * x.rank]
    if all(step == 1 for step in strides):
        return c.slice(x, starts, c.shape)
    for axis, (start, step) in enumerate(zip(starts, strides)):
        x = stepped(c, x, axis, start, step, c.shape[axis])
    return x


def stepped(c: Context, x: Tensor, axis: int, start: int, step: int, count: int) -> Tensor:
    """Elements of an axis, `step` apart: windows of one element each."""
    if count == 1 or step == 1:
        starts = [start if a == axis else 0 for a in range(x.rank)]
        shape = [count if a == axis else size for a, size in enumerate(x.shape)]
        return c.slice(x, starts, shape)
    shape = [count if a == axis else size for a, size in enumerate(x.shape)]
    return c.reshape(c.windows(x, axis, count, 1, start=start, stride=step), shape)


@rule("split")
def split(c: Context, x: Tensor) -> list[Tensor]:
    axis, parts, start = int(c.params["axis"]), [], 0
    for size in c.params["sizes"]:
        starts = [start if a == axis else 0 for a in range(x.rank)]
        shape = [int(size) if a == axis else n for a, n in enumerate(x.shape)]
        parts.append(c.slice(x, starts, shape))
        start += int(size)
    return parts


@rule("tile")
def tile(c: Context, x: Tensor) -> Tensor:
    repeats = [int(count) for count in c.params["reps"]]
    pairs = [size for pair in zip(repeats, x.shape) for size in pair]
    whole = c.broadcast(x, pairs, [2 * axis + 1 for axis in range(x.rank)])
    return c.reshape(whole, c.shape)


@rule("rev")
def reverse(c: Context, x: Tensor) -> Tensor:
    for axis in c.params["dimensions"]:
        count = x.shape[axis]
        if count > 1:
            turned = c.windows(x, int(axis), count, 1, start=count - 1, stride=-1)
            x = c.reshape(turned, x.shape)
    return x


@rule("pad")
def pad(c: Context, x: Tensor, filling: Tensor) -> Tensor:
    return padded(c, x, filling, [tuple(map(int, p)) for p in c.params["padding_config"]])


def padded(
    c: Context, x: Tensor, filling: Tensor, config: Sequence[tuple[int, int, int]]
) -> Tensor:
    """Low, high (either may cut) and interior padding of each axis, with a number."""
    for axis, (low, high, interior) in enumerate(config):
        if interior and x.shape[axis] > 1:
            x = spread(c, x, filling, axis, interior)
        cut = [max(0, -low), max(0, -high)]
        if any(cut):
            starts = [cut[0] if a == axis else 0 for a in range(x.rank)]
            shape = [n - sum(cut) if a == axis else n for a, n in enumerate(x.shape)]
            x = c.slice(x, starts, shape)
    ends = [[max(0, low), max(0, high)] for low, high, _ in config]
    if filling.uniform == 0 and x.dtype != "bool":
        return c.pad(x, [low for low, _ in ends], [high for _, high in ends])
    for axis, (low, high) in enumerate(ends):

        def piece(size: int, axis: int = axis) -> list[Tensor]:
            shape = [size if a == axis else n for a, n in enumerate(x.shape)]
            return [c.stretched(filling, shape)] if size else []

        x = c.concatenate([*piece(low), x, *piece(high)], axis)
    return x


def spread(c: Context, x: Tensor, filling: Tensor, axis: int, interior: int) -> Tensor:
    """A number of elements of filling between two elements of an axis."""
    count = x.shape[axis]
    one = c.reshape(x, [*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]])
    shape = list(one.shape)
    shape[axis + 1] = interior
    both = c.concatenate([one, c.stretched(filling, shape)], axis + 1)
    whole = c.reshape(both, [*x.shape[:axis], count * (interior + 1), *x.shape[axis + 1 :]])
    starts = [0] * x.rank
    shape = list(whole.shape)
    shape[axis] -= interior
    return c.slice(whole, starts, shape)
