# SPDX-License-Identifier: Apache-2.0
"""Gathers and scatters of every pattern that indexing makes.

The IR gathers rows by a list of row numbers. An operand is brought into that form: axes that are
indexed, or of which a slice is taken, come first and become one; the row number is computed from
the indices and, for a slice, from the place in it. What remains of the operand is the row.

An index out of range is a fault that the library reports (JAX gives NaN, or clamps, or leaves out):
where the program says `clip`, or what to fill in, or that updates are dropped, it does that.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..graph import BOOL, I32, F, Tensor
from ..registry import Context, rule

#: Pairs of updates that are compared to find the last one of each place.
LARGEST_COMPARISON = 1024


@dataclasses.dataclass
class Layout:
    """How the indices of a gather or scatter address its operand."""

    #: Axes of the operand of which positions are chosen, and the others, which are whole.
    chosen: list[int]
    whole: list[int]
    #: The shape of the row numbers: batch axes of the indices, then one for each window axis.
    shape: list[int]
    #: The window axes of the operand among the chosen ones, in order.
    windows: list[int]
    #: The row numbers, and whether each is inside of the operand (`None`: all are).
    rows: Tensor
    inside: Tensor | None
    count: int
    #: For each row number, whether no other is equal; known while tracing.
    is_unique: bool


def layout(
    c: Context,
    operand: Tensor,
    indices: Tensor,
    index_map: list[int],
    operand_batch: list[int],
    indices_batch: list[int],
    sizes: list[int],
    collapsed: list[int],
    *,
    clips: bool,
    wants_inside: bool,
) -> Layout:
    """Works out the row numbers."""
    batch = list(indices.shape[:-1])
    moved = [axis for axis in range(operand.rank) if axis not in collapsed + operand_batch]
    chosen = (
        operand_batch + collapsed + [axis for axis in moved if sizes[axis] != operand.shape[axis]]
    )
    # A whole axis whose start is an index can only start at 0.
    whole = [axis for axis in moved if axis not in chosen]
    windows = [axis for axis in moved if axis in chosen]
    shape = batch + [sizes[axis] for axis in windows]
    strides = dict(zip(chosen, strides_of([operand.shape[axis] for axis in chosen])))
    rows: Tensor | None = None
    inside: Tensor | None = None
    for axis in chosen:
        extent = operand.shape[axis]
        limit = extent - sizes[axis] if axis in windows else extent - 1
        term: Tensor | None = None
        if axis in operand_batch:
            place = indices_batch[operand_batch.index(axis)]
            # The batch axes of the indices without the last one, which holds coordinates.
            term = c.iota(shape, place)
        elif axis in index_map:
            number = index_map.index(axis)
            start = c.slice(indices, [0] * len(batch) + [number], batch + [1])
            start = c.reshape(start, batch)
            known = known_coordinate(indices, number)
            is_sure = known is not None and bool(((known >= 0) & (known <= limit)).all())
            if not is_sure and clips:
                start = bounded(c, start, limit)
            elif not is_sure and wants_inside:
                is_inside = c.compare("equal", start, bounded(c, start, limit))
                is_inside = c.broadcast(is_inside, shape, range(len(batch)))
                inside = is_inside if inside is None else both(c, inside, is_inside)
                start = bounded(c, start, limit)
            elif not is_sure:
                start = c.positions(start, limit + 1)
            term = c.broadcast(start, shape, range(len(batch)))
        if axis in windows and sizes[axis] > 1:
            offset = c.iota(shape, len(batch) + windows.index(axis))
            term = offset if term is None else c.add(term, offset)
        if term is None:
            continue
        term = c.scaled(term, strides[axis])
        rows = term if rows is None else c.add(rows, term)
    if rows is None:
        rows = c.full(shape, 0, I32)
    known_all = indices.array if indices.is_known else None
    positions = math.prod(batch)
    is_unique = positions == 1 or (
        known_all is not None
        and not operand_batch
        and len(np.unique(known_all.reshape(positions, -1), axis=0)) == positions
        and all(sizes[axis] == 1 for axis in windows)
    )
    count = math.prod(operand.shape[axis] for axis in chosen)
    return Layout(chosen, whole, shape, windows, rows, inside, count, is_unique)


def strides_of(shape: list[int]) -> list[int]:
    """Row-major strides."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


def known_coordinate(indices: Tensor, number: int) -> np.ndarray | None:
    """One coordinate of all positions, if it is known."""
    return indices.array[..., number] if indices.is_known else None


def bounded(c: Context, x: Tensor, limit: int) -> Tensor:
    """Between 0 and a limit, inclusive."""
    return c.op("maximum", [c.op("minimum", [x, c.like(limit, x)]), c.like(0, x)])


def both(c: Context, a: Tensor, b: Tensor) -> Tensor:
    """Where both hold."""
    return c.truth(c.op("minimum", [c.number(a), c.number(b)]))


def is_mode(c: Context, name: str) -> bool:
    """Whether the equation has a mode of JAX's `GatherScatterMode`."""
    return name in str(c.params.get("mode")).upper()


@rule("gather")
def gather(c: Context, operand: Tensor, indices: Tensor) -> Tensor:
    d = c.params["dimension_numbers"]
    sizes = [int(size) for size in c.params["slice_sizes"]]
    picked = last_axis_pick(c, operand, indices, d, sizes)
    if picked is not None:
        return picked
    filling = c.params.get("fill_value") if is_mode(c, "FILL") else None
    # What JAX fills in by itself (NaN) only marks a mistake, which the library reports.
    is_filled = filling is not None and np.isfinite(float(filling)) and operand.dtype == F
    at = layout(
        c, operand, indices, list(d.start_index_map), list(d.operand_batching_dims),
        list(d.start_indices_batching_dims), sizes, list(d.collapsed_slice_dims),
        clips=is_mode(c, "CLIP"), wants_inside=is_filled,
    )  # fmt: skip
    row_shape = [operand.shape[axis] for axis in at.whole]
    table = c.reshape(c.transpose(operand, at.chosen + at.whole), [at.count, *row_shape])
    taken = rows_of(c, table, at)
    if at.inside is not None:
        shape = taken.shape
        inside = c.broadcast(at.inside, shape, range(len(at.shape)))
        taken = c.select(inside, taken, c.full(shape, float(filling), taken.dtype))
    return c.transpose(taken, gathered_order(len(c.shape), list(d.offset_dims), at))


def rows_of(c: Context, table: Tensor, at: Layout) -> Tensor:
    """Rows of a table; one row, or neighbours, whose number is known is a slice."""
    row = list(table.shape[1:])
    if at.count == 1:
        return c.broadcast(c.reshape(table, row), at.shape + row,
                           range(len(at.shape), len(at.shape) + len(row)))  # fmt: skip
    if table.dtype == BOOL:
        return c.truth(rows_of(c, c.number(table), at))
    return c.op("gather", [table, at.rows], at.shape + row, table.dtype)


def gathered_order(rank: int, offsets: list[int], at: Layout) -> list[int]:
    """The permutation from (batch, windows, rest) to the order of the result."""
    batch = len(at.shape) - len(at.windows)
    moved = sorted(at.windows + at.whole)
    order, next_batch, next_offset = [], 0, 0
    for axis in range(rank):
        if axis in offsets:
            source = moved[next_offset]
            next_offset += 1
            in_windows = source in at.windows
            order.append(
                batch + at.windows.index(source)
                if in_windows
                else len(at.shape) + at.whole.index(source)
            )
        else:
            order.append(next_batch)
            next_batch += 1
    return order


def last_axis_pick(
    c: Context, operand: Tensor, indices: Tensor, d: object, sizes: list[int]
) -> Tensor | None:
    """One element of each row of the last axis (`take_along_axis` with labels): a sum of which one
    term counts. That is one pass over the rows, as is its derivative; `None` for other patterns."""
    last = operand.rank - 1
    leading = list(range(last))
    is_pick = (
        operand.dtype == F
        and last >= 0
        and list(d.start_index_map) == [last]
        and list(d.operand_batching_dims) == leading
        and list(d.start_indices_batching_dims) == leading
        and all(size == 1 for size in sizes)
        and list(d.collapsed_slice_dims) == [last]
        and math.prod(indices.shape) == math.prod(operand.shape[:-1])
        and indices.rank >= last
        and not indices.is_known
        and operand.shape[last] > 1
    )
    if not is_pick:
        return None
    index = c.reshape(indices, operand.shape[:-1])
    if is_mode(c, "CLIP"):
        index = bounded(c, index, operand.shape[last] - 1)
    else:
        index = c.positions(index, operand.shape[last], "a label")
    labels = c.broadcast(index, operand.shape, leading)
    is_label = c.compare("equal", c.iota(operand.shape, last), labels)
    terms = c.select(is_label, operand, c.like(0, operand))
    return c.reshape(c.reduce("sum", terms, [last]), c.shape)


@rule("dynamic_slice")
def dynamic_slice(c: Context, operand: Tensor, *starts: Tensor) -> Tensor:
    sizes = [int(size) for size in c.params["slice_sizes"]]
    places = known_starts(operand, starts, sizes)
    if places is not None:
        return c.slice(operand, places, sizes)
    for axis, start in enumerate(starts):
        limit = operand.shape[axis] - sizes[axis]
        if limit == 0:
            continue
        first = bounded(c, c.reshape(start, [1]), limit)
        rows = first
        if sizes[axis] > 1:
            rows = c.add(c.broadcast(first, [sizes[axis]], [0]), c.iota([sizes[axis]], 0))
        operand = taken_along(c, operand, rows, axis)
    return operand


def taken_along(c: Context, x: Tensor, rows: Tensor, axis: int) -> Tensor:
    """Slices of an axis by their numbers."""
    order = [axis] + [a for a in range(x.rank) if a != axis]
    table = c.transpose(x, order)
    is_truth = table.dtype == BOOL
    if is_truth:
        table = c.number(table)
    taken = c.op("gather", [table, rows], [*rows.shape, *table.shape[1:]], table.dtype)
    taken = c.transpose(taken, [order.index(a) for a in range(x.rank)])
    return c.truth(taken) if is_truth else taken


def known_starts(operand: Tensor, starts: tuple, sizes: list[int]) -> list[int] | None:
    """The starts of a slice, clamped as JAX does, if they are known."""
    places = []
    for start, extent, size in zip(starts, operand.shape, sizes):
        if size == extent:
            places.append(0)
        elif start.is_known:
            places.append(min(max(int(start.array), 0), extent - size))
        else:
            return None
    return places


@rule("dynamic_update_slice")
def dynamic_update_slice(c: Context, operand: Tensor, update: Tensor, *starts: Tensor) -> Tensor:
    sizes = list(update.shape)
    places = known_starts(operand, starts, sizes)
    inside: Tensor | None = None
    moved = update
    for axis, start in enumerate(starts):
        extent, size = operand.shape[axis], sizes[axis]
        if size == extent:
            continue
        if places is not None:
            low = [places[axis] if a == axis else 0 for a in range(operand.rank)]
            high = [extent - size - places[axis] if a == axis else 0 for a in range(operand.rank)]
            moved = c.converted(c.pad(c.number(moved), low, high), update.dtype)
        first = c.full([], places[axis], I32) if places is not None else (
            bounded(c, start, extent - size)
        )  # fmt: skip
        place = c.subtract(c.iota(operand.shape, axis), c.stretched(first, operand.shape))
        for holds in (
            c.compare("greaterOrEqual", place, c.like(0, place)),
            c.compare("less", place, c.like(size, place)),
        ):
            inside = holds if inside is None else both(c, inside, holds)
        if places is None:
            # Row `i` of the result is row `i - first` of the update where that exists.
            line = c.subtract(
                c.iota([extent], 0), c.broadcast(c.reshape(first, [1]), [extent], [0])
            )
            moved = taken_along(c, moved, bounded(c, line, size - 1), axis)
    return update if inside is None else c.select(inside, moved, operand)


@rule("scatter-add", "scatter_add", "scatter", "scatter-mul", "scatter_mul", "scatter-min",
      "scatter_min", "scatter-max", "scatter_max", "scatter-sub", "scatter_sub")  # fmt: skip
def scatter(c: Context, operand: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    name = c.name.replace("_", "-")
    if name not in ("scatter", "scatter-add", "scatter-sub"):
        c.refuse("only additions and overwriting are supported")
    d = c.params["dimension_numbers"]
    collapsed = [int(axis) for axis in d.inserted_window_dims]
    operand_batch = [int(axis) for axis in d.operand_batching_dims]
    windows = [int(axis) for axis in d.update_window_dims]
    moved = [a for a in range(operand.rank) if a not in collapsed + operand_batch]
    sizes = [1] * operand.rank
    for axis, place in zip(moved, windows):
        sizes[axis] = updates.shape[place]
    at = layout(
        c, operand, indices, [int(a) for a in d.scatter_dims_to_operand_dims], operand_batch,
        [int(a) for a in d.scatter_indices_batching_dims], sizes, collapsed,
        clips=is_mode(c, "CLIP"), wants_inside=is_mode(c, "FILL"),
    )  # fmt: skip
    order = gathered_order(updates.rank, windows, at)
    updates = c.transpose(updates, [order.index(axis) for axis in range(updates.rank)])
    if operand.dtype == BOOL:
        c.refuse("into truth values; scatter whole numbers")
    chosen = at.chosen + at.whole
    row = [operand.shape[axis] for axis in at.whole]
    result = c.transpose(operand, chosen)
    shape = result.shape
    result = c.reshape(result, [at.count, *row])
    if at.inside is not None:
        # What is outside goes to a row of its own, which is left out again.
        at.rows = c.select(at.inside, at.rows, c.like(at.count, at.rows))
    if name == "scatter":
        result = overwritten(c, result, at, updates)
    else:
        added = sum_of(c, at, updates)
        result = c.op("subtract" if name == "scatter-sub" else "add", [result, added])
    back = [chosen.index(axis) for axis in range(operand.rank)]
    return c.transpose(c.reshape(result, shape), back)


def sum_of(c: Context, at: Layout, updates: Tensor) -> Tensor:
    """The sums of the updates of each row."""
    count = at.count + (at.inside is not None)
    row = list(updates.shape[len(at.shape) :])
    sums = c.op(f"scatter_add{{rows {count}}}", [at.rows, updates], [count, *row], updates.dtype)
    return c.slice(sums, [0] * sums.rank, [at.count, *row])


def overwritten(c: Context, table: Tensor, at: Layout, updates: Tensor) -> Tensor:
    """The rows of a table, those that are updated replaced. Of several updates of a row the last
    one counts, as on JAX's CPU backend."""
    row = list(table.shape[1:])
    if not at.is_unique and not c.params.get("unique_indices"):
        total = math.prod(at.shape)
        if total > LARGEST_COMPARISON:
            c.refuse("of positions that may repeat; pass unique_indices=True if they do not")
        flat = c.reshape(at.rows, [total])
        these = c.broadcast(flat, [total, total], [0])
        others = c.broadcast(flat, [total, total], [1])
        is_later = c.compare("greater", c.iota([total, total], 1), c.iota([total, total], 0))
        is_same = c.compare("equal", these, others)
        overtaken = c.reduce("maximum", c.number(both(c, is_later, is_same)), [1])
        counts = c.compare("equal", c.reshape(overtaken, at.shape), c.full(at.shape, 0, I32))
        wide = c.broadcast(counts, updates.shape, range(len(at.shape)))
        updates = c.select(wide, updates, c.like(0, updates))
    one = c.full(at.shape, 1, I32)
    hits = sum_of(c, at, one)
    is_hit = c.compare("greater", hits, c.like(0, hits))
    wide = c.broadcast(is_hit, [at.count, *row], [0])
    return c.select(wide, sum_of(c, at, updates), table)
