# SPDX-License-Identifier: Apache-2.0
"""Idioms that become fused ops: softmax attention, and the cross-entropy of a linear classifier.

They are found in the written graph, however they were spelt: `jax.nn.dot_product_attention`, the
modules of Flax and Equinox, or einsums and a softmax by hand. A match is exact or none: what a
fused op computes is, for all values, what the nodes computed that it replaces. (A mask therefore
has to be known, and to leave each query a key; where it hides all keys, a softmax of equal scores
and the fused op differ.)

A softmax may subtract anything from its scores that is the same along its axis, since it cancels;
so nobody looks for a maximum.
"""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np

from .graph import F, Graph, Node, Tensor, Value, once
from .registry import Context

#: With fewer classes the logits are no larger than what they are computed from.
LEAST_CLASSES = 128
#: A score that is replaced by less than this has no weight.
HIDDEN = -1e9


def recognize(graph: Graph, counts: dict[str, int]) -> None:
    """Replaces the idioms of a graph and of its loops, and counts them."""
    for node in graph.live_nodes():
        if node.body is not None:
            recognize(node.body, counts)
    for name, pattern in (("attention", attention), ("linear_cross_entropy", cross_entropy)):
        found = True
        while found:
            found = False
            for node in graph.live_nodes():
                start = len(graph.nodes)
                before, graph.origin = graph.origin, node.origin
                graph.forget()
                replacement = pattern(graph, node)
                graph.origin = before
                if replacement is None:
                    continue
                graph.substitute(node, graph.use(replacement), start)
                counts[name] = counts.get(name, 0) + 1
                found = True
                break


# --- Looking through views --------------------------------------------------------------------


def kind(value: Value) -> str:
    """The op that makes a value; empty for an input."""
    return "" if value.node is None else value.node.op.split("{")[0]


def operand(value: Value, number: int = 0) -> Value:
    """An operand of the node that makes a value."""
    assert value.node is not None
    return value.node.operands[number]


def numbers(op: str, word: str) -> list[int]:
    """The list behind a word among the attributes of an op."""
    match = re.search(word + r" \[([^\]]*)\]", op)
    return [int(x) for x in match[1].split(",") if x.strip()] if match else []


def constant(value: Value) -> float | None:
    """The number that all elements are, if it is known."""
    while kind(value) in ("broadcast", "reshape", "transpose"):
        value = operand(value)
    if kind(value) != "constant":
        return None
    assert value.node is not None
    return float(value.node.op[len("constant{") :].split()[0])


#: For each axis of a value, the axis of another array that it is; `None` for an axis of one
#: element.
Axes = list[int | None]


def through_views(value: Value, axes: Axes) -> tuple[Value, Axes]:
    """What a value is a view of, in another order of axes or with other axes of one element."""
    while kind(value) in ("reshape", "transpose"):
        source = operand(value)
        assert value.node is not None
        if kind(value) == "transpose":
            order = numbers(value.node.op, "permutation")
            moved: Axes = [None] * len(order)
            for place, axis in enumerate(order):
                moved[axis] = axes[place]
        else:
            sizes = [n for n in value.shape if n != 1]
            if sizes != [n for n in source.shape if n != 1]:
                break
            rest = iter([axis for n, axis in zip(value.shape, axes) if n != 1])
            moved = [None if n == 1 else next(rest) for n in source.shape]
        value, axes = source, moved
    return value, axes


def is_same_along(value: Value, axes: Axes, axis: int) -> bool:
    """Whether a value does not change along one of the axes that it is looked at by."""
    value, axes = through_views(value, axes)
    if constant(value) is not None:
        return True
    if axis not in axes:
        return True
    if kind(value) == "broadcast":
        assert value.node is not None
        return axes.index(axis) not in numbers(value.node.op, "axes")
    return kind(value) == "stop_gradient" and is_same_along(operand(value), axes, axis)


def source(value: Value) -> Value:
    """What a value repeats or stops, in whatever shape."""
    while kind(value) in ("broadcast", "reshape", "transpose", "stop_gradient"):
        value = operand(value)
    return value


@dataclasses.dataclass
class Product:
    """A contraction with its labels."""

    operands: tuple[Value, Value]
    labels: tuple[list[int], list[int]]
    output: list[int]

    @classmethod
    def of(cls, value: Value) -> Product | None:
        """The contraction that makes a value."""
        if kind(value) != "contract":
            return None
        node = value.node
        assert node is not None
        lists = [[int(x) for x in part.split(",") if x.strip()]
                 for part in re.findall(r"\[([^\]]*)\]", node.op)]  # fmt: skip
        return cls((node.operands[0], node.operands[1]), (lists[0], lists[1]), lists[2])

    def swapped(self) -> Product:
        """The same product, its operands exchanged."""
        return Product(self.operands[::-1], self.labels[::-1], self.output)

    def sizes(self) -> dict[int, int]:
        """The extent of each label."""
        pairs = zip(self.labels, self.operands)
        return {x: n for labels, value in pairs for x, n in zip(labels, value.shape)}


def arranged(c: Context, value: Value, labels: list[int], order: list[int]) -> Tensor:
    """A value with its labelled axes in an order; labels of one element that are not in it go."""
    rest = [label for label in labels if label not in order]
    present = [label for label in order if label in labels]
    tensor = c.transpose(Tensor.of(value, c.graph), [labels.index(x) for x in present + rest])
    return c.reshape(tensor, tensor.shape[: len(present)])


# --- Softmax ----------------------------------------------------------------------------------


def softmax(value: Value) -> tuple[Value, int] | None:
    """The scores of a softmax and the axis that it is along."""
    if kind(value) != "divide":
        return None
    weights, total = operand(value, 0), operand(value, 1)
    if kind(weights) != "exp" or kind(operand(weights)) != "subtract":
        return None
    axes: Axes = list(range(len(value.shape)))
    summed, places = through_repeats(total, axes)
    if kind(summed) != "reduce_sum" or operand(summed) is not weights:
        return None
    assert summed.node is not None
    reduced = numbers(summed.node.op, "axes")
    if len(reduced) != 1 or not are_rest(places, reduced[0], value.shape):
        return None
    difference = operand(weights)
    if not is_same_along(operand(difference, 1), axes, reduced[0]):
        return None
    return operand(difference, 0), reduced[0]


def through_repeats(value: Value, axes: Axes) -> tuple[Value, Axes]:
    """What a value repeats along axes, or is another view of; axes of one element are left out only
    where the source has none."""
    while True:
        value, axes = through_views(value, axes)
        if kind(value) != "broadcast":
            return value, axes
        assert value.node is not None
        axes = [axes[axis] for axis in numbers(value.node.op, "axes")]
        value = operand(value)


def are_rest(places: Axes, axis: int, shape: tuple[int, ...]) -> bool:
    """Whether axes are those of a shape but for one, in their order, those of one element aside."""
    expected = [a for a, size in enumerate(shape) if a != axis and size != 1]
    return [a for a in places if a is not None and shape[a] != 1] == expected


# --- Attention --------------------------------------------------------------------------------


@dataclasses.dataclass
class Scores:
    """What the scores of a softmax are made of."""

    product: Product
    #: For each label of the product's result, the axis of the softmax.
    places: dict[int, int | None]
    scale: float
    #: The pairs that count, by the axes of the softmax.
    masks: list[np.ndarray]


def scores_of(value: Value, rank: int) -> Scores | None:
    """Follows scores down to the product of queries and keys."""
    axes: Axes = list(range(rank))
    scale, masks = 1.0, []
    while True:
        value, axes = through_views(value, axes)
        product = Product.of(value)
        if product is not None:
            return Scores(product, dict(zip(product.output, axes)), scale, masks)
        name = kind(value)
        if name in ("multiply", "divide"):
            left, right = operand(value, 0), operand(value, 1)
            factor = constant(right)
            if factor is None and name == "multiply":
                left, factor = right, constant(left)
            if factor is None or factor == 0 or not math.isfinite(factor):
                return None
            scale = scale * factor if name == "multiply" else scale / factor
            value = left
        elif name == "select":
            condition, kept, filling = (operand(value, i) for i in range(3))
            lowest, known = constant(filling), condition.known
            if lowest is None or known is None or not lowest * abs(scale) <= HIDDEN:
                return None
            if scale <= 0:
                return None
            masks.append(by_axes(once(np.asarray(known, bool)), axes, rank))
            value = kept
        else:
            return None


def by_axes(array: np.ndarray, axes: Axes, rank: int) -> np.ndarray:
    """An array with its axes where they belong, one element along the others."""
    kept = [place for place, axis in enumerate(axes) if axis is not None]
    array = array[tuple(slice(None) if p in kept else 0 for p in range(array.ndim))]
    order = [axes[p] for p in kept]
    array = array.transpose(np.argsort(order))
    shape = [1] * rank
    for axis, size in zip(sorted(order), array.shape):
        shape[axis] = size
    return array.reshape(shape)


def attention(graph: Graph, node: Node) -> Tensor | None:
    """`softmax(scale * q k^T, masked) v` with axes in any order."""
    outer = Product.of(node.results[0])
    if outer is None:
        return None
    for candidate in (outer, outer.swapped()):
        made = attention_of(graph, candidate)
        if made is not None:
            return made
    return None


def attention_of(graph: Graph, outer: Product) -> Tensor | None:
    """The same, if the first operand is the softmax."""
    first: Axes = list(range(len(outer.operands[0].shape)))
    weights, places = through_views(outer.operands[0], first)
    found = softmax(weights)
    if found is None:
        return None
    rank, along = len(weights.shape), found[1]
    scores = scores_of(found[0], rank)
    if scores is None:
        return None
    # From axes of the softmax to labels of the two products.
    label_outer = {axis: outer.labels[0][p] for axis, p in enumerate(places) if p is not None}
    label_inner = {axis: label for label, axis in scores.places.items() if axis is not None}
    wide = [axis for axis in range(rank) if weights.shape[axis] != 1]
    if any(axis not in label_outer or axis not in label_inner for axis in [*wide, along]):
        return None
    inner = scores.product
    if label_inner[along] in inner.labels[0]:
        inner = inner.swapped()
    queries, keys = inner.labels
    batch = [a for a in wide if label_inner[a] in queries and label_inner[a] in keys]
    own = [a for a in wide if a not in batch and a != along]
    sizes, outer_sizes = inner.sizes(), outer.sizes()
    summed = [x for x in queries if x in keys and x not in inner.output and sizes[x] != 1]
    values = outer.labels[1]
    widths = [x for x in values if x not in outer.labels[0] and outer_sizes[x] != 1]
    if (
        len(own) != 1 or len(summed) != 1 or len(widths) != 1
        or label_inner[along] in queries
        or label_inner[own[0]] not in queries
        or label_outer[along] not in values or label_outer[along] in outer.output
        or label_outer[own[0]] in values
        or any(label_outer[a] not in values or label_outer[a] not in outer.output for a in batch)
        or sizes[summed[0]] != outer_sizes[widths[0]]
    ):  # fmt: skip
        return None
    shape = (weights.shape[own[0]], weights.shape[along])
    variant = band(scores.masks, own[0], along, shape)
    if variant is None:
        return None
    middle = queries.index(label_inner[own[0]])
    before = [a for a in batch if queries.index(label_inner[a]) < middle]
    after = [a for a in batch if a not in before]
    c = Context(graph, "attention", {}, [])
    counts = [math.prod(weights.shape[a] for a in group) for group in (before, after)]
    width = sizes[summed[0]]

    def side(value: Value, labels: list[int], names: dict, axis: int, last: int) -> Tensor:
        order = [names[a] for a in [*before, axis, *after]] + [last]
        tensor = arranged(c, value, labels, order)
        return c.reshape(tensor, [counts[0], weights.shape[axis], counts[1], width])

    q = side(inner.operands[0], queries, label_inner, own[0], summed[0])
    k = side(inner.operands[1], keys, label_inner, along, summed[0])
    v = side(outer.operands[1], values, label_outer, along, widths[0])
    statistics = [counts[0], counts[1], shape[0]]
    op = f"attention{{{variant} scale {float(scores.scale)!r}}}"
    op = re.sub(r"(causal \w+)( window \d+)( scale \S+)\}", r"\1\3\2}", op)
    result = graph.append(op, [q, k, v], [(q.shape, F), (statistics, F)])[0]
    order = [label_outer[a] for a in [*before, own[0], *after]] + [widths[0]]
    result = c.reshape(result, [outer_sizes[label] for label in order])
    present = [label for label in outer.output if label in order]
    result = c.transpose(result, [order.index(label) for label in present])
    return c.reshape(result, [outer_sizes[label] for label in outer.output])


def band(masks: list[np.ndarray], own: int, along: int, shape: tuple[int, int]) -> str | None:
    """The masks as attributes of an attention: none, causal, or causal with a window."""
    seen = np.ones(shape, bool)
    for mask in masks:
        others = tuple(a for a in range(mask.ndim) if a not in (own, along))
        if any(mask.shape[a] != 1 and not (mask == mask.take([0], a)).all() for a in others):
            return None
        pattern = mask[tuple(slice(None) if a not in others else 0 for a in range(mask.ndim))]
        seen = seen & np.broadcast_to(pattern if own < along else pattern.T, shape)
    if seen.all():
        return "causal false"
    if shape[0] != shape[1]:
        return None
    behind = np.subtract.outer(np.arange(shape[0]), np.arange(shape[1]))
    if (seen == (behind >= 0)).all():
        return "causal true"
    window = int(behind[seen].max())
    if (seen == ((behind >= 0) & (behind <= window))).all():
        return f"causal true window {window}"
    return None


# --- Cross-entropy ----------------------------------------------------------------------------


@dataclasses.dataclass
class Pick:
    """`sum(select(iota == labels, x, 0))`: one element of each row of the last axis."""

    values: Value
    labels: Value


def pick_of(value: Value) -> Pick | None:
    """What a value picks, as the rule of `gather` writes it."""
    value, _ = through_views(value, list(range(len(value.shape))))
    if kind(value) != "reduce_sum" or kind(operand(value)) != "select":
        return None
    choice = operand(value)
    last = len(choice.shape) - 1
    assert value.node is not None
    condition, values, nothing = (operand(choice, i) for i in range(3))
    if numbers(value.node.op, "axes") != [last] or constant(nothing) != 0:
        return None
    if kind(condition) != "equal" or kind(operand(condition, 0)) != "iota":
        return None
    counter, labels = operand(condition, 0), operand(condition, 1)
    assert counter.node is not None
    if not counter.node.op.startswith(f"iota{{axis {last} ") or kind(labels) != "broadcast":
        return None
    assert labels.node is not None
    if numbers(labels.node.op, "axes") != list(range(last)):
        return None
    return Pick(values, operand(labels))


def log_sum(value: Value) -> Value | None:
    """`exp` of the argument of a `log(sum(exp(...)))` over the last axis."""
    value, _ = through_views(value, list(range(len(value.shape))))
    if kind(value) != "log":
        return None
    total = operand(value)
    if kind(total) == "abs":  # Of a sum of what is positive.
        total = operand(total)
    total, _ = through_views(total, list(range(len(total.shape))))
    if kind(total) != "reduce_sum" or kind(operand(total)) != "exp":
        return None
    assert total.node is not None
    exponential = operand(total)
    if numbers(total.node.op, "axes") != [len(exponential.shape) - 1]:
        return None
    return operand(exponential)


def cross_entropy(graph: Graph, node: Node) -> Tensor | None:
    """`logsumexp(logits) - logits[label]`, or minus the log-softmax at the label."""
    result = node.results[0]
    if node.op == "subtract":
        found = difference_of(result)
    elif node.op == "negate":
        found = negated_pick(operand(result))
    else:
        return None
    if found is None:
        return None
    logits, labels = found
    product = Product.of(logits)
    if product is None or logits.shape[-1] < LEAST_CLASSES:
        return None
    classes = product.output[-1]
    if classes in product.labels[0]:
        product = product.swapped()
    sizes = product.sizes()
    table = product.labels[1]
    summed = [label for label in table if label != classes]
    rows = product.output[:-1]
    if (
        len(table) != 2 or len(summed) != 1 or summed[0] in product.output
        or sorted(product.labels[0]) != sorted([*rows, summed[0]])
        or math.prod(result.shape) != math.prod(labels.shape)
        or not is_read_only_here(graph, logits)
    ):  # fmt: skip
        return None
    c = Context(graph, "cross entropy", {}, [])
    count = math.prod(sizes[label] for label in rows)
    x = arranged(c, product.operands[0], product.labels[0], [*rows, summed[0]])
    w = arranged(c, product.operands[1], table, [classes, summed[0]])
    operands = [
        c.reshape(x, [count, sizes[summed[0]]]), w, c.reshape(Tensor.of(labels, graph), [count])
    ]  # fmt: skip
    losses = graph.append("linear_cross_entropy", operands, [([count], F), ([count], F)])[0]
    return c.reshape(losses, result.shape)


def difference_of(result: Value) -> tuple[Value, Value] | None:
    """Logits and labels of `log(sum(exp(logits - m))) + m - pick(logits)`."""
    total, picked = operand(result, 0), pick_of(operand(result, 1))
    total, _ = through_views(total, list(range(len(total.shape))))
    if picked is None or kind(total) != "add":
        return None
    for first, second in ((0, 1), (1, 0)):
        shifted = log_sum(operand(total, first))
        if shifted is None or kind(shifted) != "subtract":
            continue
        logits, shift = operand(shifted, 0), operand(shifted, 1)
        last = len(logits.shape) - 1
        is_match = (
            logits is picked.values
            and is_same_along(shift, list(range(last + 1)), last)
            and source(shift) is source(operand(total, second))
        )
        if is_match:
            return logits, picked.labels
    return None


def negated_pick(value: Value) -> tuple[Value, Value] | None:
    """Logits and labels of `pick(shifted - log(sum(exp(shifted))))`, `shifted` being logits - m."""
    picked = pick_of(value)
    if picked is None or kind(picked.values) != "subtract":
        return None
    shifted, repeated = operand(picked.values, 0), operand(picked.values, 1)
    if kind(shifted) != "subtract":
        return None
    logits, shift = operand(shifted, 0), operand(shifted, 1)
    axes: Axes = list(range(len(logits.shape)))
    total, places = through_repeats(repeated, axes)
    if not are_rest(places, len(axes) - 1, logits.shape) or log_sum(total) is not shifted:
        return None
    return (logits, picked.labels) if is_same_along(shift, axes, len(axes) - 1) else None


def is_read_only_here(graph: Graph, logits: Value) -> bool:
    """Whether nothing but a softmax and a pick reads the logits."""
    readers = [node for node in graph.live_nodes() if any(v is logits for v in node.operands)]
    return not any(v is logits for _, v in graph.outputs) and all(
        node.op.split("{")[0] in ("subtract", "select", "reduce_maximum") for node in readers
    )


__all__ = ["recognize"]
