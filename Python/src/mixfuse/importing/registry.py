# SPDX-License-Identifier: Apache-2.0
"""The table of lowering rules: one function for each of JAX's primitives, found by its name.

A rule takes a `Context` and the operands of the equation, and returns its result, or a list of
them:

    @rule("add", "add_any")
    def add(c: Context, a: Tensor, b: Tensor) -> Tensor:
        return c.op("add", [a, b])

The parameters of the primitive are in `c.params`. What a rule cannot do it refuses (`c.refuse`);
what has no rule is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .errors import ImportRefused
from .graph import BOOL, I32, F, Graph, Tensor

Rule = Callable[..., Tensor | list[Tensor]]

#: The rules by the name of their primitive. `rules/__init__.py` imports all files that fill it.
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Makes a function the rule of primitives."""

    def add(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        return function

    return add


def dtype_of(dtype: Any) -> str:
    """The IR's element type for one of JAX's: all floats are the problem's float type."""
    try:
        kind = np.dtype(dtype).kind
    except TypeError:
        # bfloat16 and its kin are floats to JAX, and keys are arrays of their own to nobody else.
        kind = "f" if "float" in str(dtype) else "?"
    if kind == "V" and "float" in str(dtype):
        kind = "f"
    kinds = {"b": BOOL, "i": I32, "u": I32, "f": F}
    if kind not in kinds:
        raise ImportRefused(f"an array of {dtype}")
    return kinds[kind]


def uniform(shape: Sequence[int], number: float, like: Tensor) -> Tensor:
    """A known array of one number, of the element type of another."""
    tensor = Tensor(shape, like.dtype)
    tensor.raw = np.broadcast_to(np.asarray(number, like.array.dtype), tensor.shape)
    return tensor


def applied(equation: Any, arguments: Sequence[Any]) -> list[Any]:
    """The results of an equation, computed by JAX."""
    params = equation.primitive.get_bind_params(equation.params)
    # Older versions of JAX give functions beside the parameters.
    functions, params = ((), params) if isinstance(params, dict) else params
    results = equation.primitive.bind(*functions, *arguments, **params)
    return list(results) if equation.primitive.multiple_results else [results]


class Context:
    """What a rule works with: the graph, the equation's parameters and the types of its results."""

    def __init__(self, graph: Graph, name: str, params: dict[str, Any], results: list[Any]) -> None:
        self.graph = graph
        self.name = name
        self.params = params
        self.results = results
        #: The equation itself, and the tracer, for rules that follow functions.
        self.equation: Any = None
        self.tracer: Any = None

    # --- The results that the equation has ----------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return tuple(int(size) for size in self.results[0].shape)

    @property
    def dtype(self) -> str:
        """The element type of the first result."""
        return dtype_of(self.results[0].dtype)

    def refuse(self, reason: str = "") -> NoReturn:
        """Says that the equation is beyond the rule."""
        raise ImportRefused(self.name, reason, self.graph.origin.location)

    # --- Nodes --------------------------------------------------------------------------------

    def op(
        self,
        op: str,
        operands: Sequence[Tensor],
        shape: Sequence[int] | None = None,
        dtype: str | None = None,
    ) -> Tensor:
        """An op; of the shape and type of the first operand unless said otherwise."""
        if shape is None:
            shape = operands[0].shape
        if dtype is None:
            dtype = operands[0].dtype
        return self.graph.op(op, operands, shape, dtype)

    def full(self, shape: Sequence[int], number: float, dtype: str) -> Tensor:
        """An array of one number."""
        if dtype == BOOL:
            one = self.graph.full(shape, float(number), I32)
            return self.compare("notEqual", one, self.graph.full(shape, 0, I32))
        return self.graph.full(shape, number, dtype)

    def like(self, number: float, tensor: Tensor) -> Tensor:
        """An array of one number, shaped like another."""
        return self.full(tensor.shape, number, tensor.dtype)

    def compare(self, comparison: str, a: Tensor, b: Tensor) -> Tensor:
        """Truth values, of numbers."""
        return self.op(comparison, [a, b], a.shape, BOOL)

    def select(self, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """`a` where a condition holds, else `b`."""
        if a.dtype == BOOL:
            return self.truth(self.select(condition, self.number(a), self.number(b)))
        return self.op("select", [condition, a, b], a.shape, a.dtype)

    def number(self, tensor: Tensor) -> Tensor:
        """Truth values as 0 and 1; numbers as they are."""
        if tensor.dtype != BOOL:
            return tensor
        one, zero = (self.full(tensor.shape, x, I32) for x in (1, 0))
        return self.op("select", [tensor, one, zero], tensor.shape, I32)

    def truth(self, tensor: Tensor) -> Tensor:
        """What is not 0."""
        if tensor.dtype == BOOL:
            return tensor
        return self.compare("notEqual", tensor, self.like(0, tensor))

    def converted(self, tensor: Tensor, dtype: str) -> Tensor:
        """The same elements in another type."""
        if tensor.dtype == dtype:
            return tensor
        if dtype == BOOL:
            return self.truth(tensor)
        if tensor.dtype == BOOL:
            one, zero = (self.full(tensor.shape, x, dtype) for x in (1, 0))
            return self.op("select", [tensor, one, zero], tensor.shape, dtype)
        if tensor.uniform is not None:
            number = tensor.uniform
            return self.full(tensor.shape, int(number) if dtype == I32 else number, dtype)
        return self.op(f"convert{{{dtype}}}", [tensor], tensor.shape, dtype)

    def reshape(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """The same elements in another shape."""
        shape = [int(size) for size in shape]
        if tuple(shape) == tensor.shape:
            return tensor
        if tensor.uniform is not None:
            return uniform(shape, tensor.uniform, tensor)
        return self.moved(f"reshape{{shape {shape}}}", tensor, shape)

    def broadcast(self, tensor: Tensor, shape: Sequence[int], axes: Sequence[int]) -> Tensor:
        """Axis `i` becomes axis `axes[i]`, stretched where it has one element only."""
        if tensor.uniform is not None:
            return uniform(shape, tensor.uniform, tensor)
        kept = [i for i, axis in enumerate(axes) if tensor.shape[i] == shape[axis]]
        tensor = self.reshape(tensor, [tensor.shape[i] for i in kept])
        shape, axes = [int(size) for size in shape], [int(axes[i]) for i in kept]
        if tuple(shape) == tensor.shape:
            return tensor
        if axes and sorted(axes) != axes:
            order = [int(i) for i in np.argsort(axes)]
            tensor, axes = self.transpose(tensor, order), sorted(axes)
        if math.prod(shape) == tensor.size:
            return self.reshape(tensor, shape)
        return self.moved(f"broadcast{{shape {shape} axes {axes}}}", tensor, shape)

    def stretched(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """A scalar, or an array of this shape already, in this shape."""
        if tensor.shape == tuple(shape):
            return tensor
        offset = len(shape) - tensor.rank
        return self.broadcast(tensor, shape, range(offset, len(shape)))

    def transpose(self, tensor: Tensor, permutation: Sequence[int]) -> Tensor:
        """Axis `i` of the result is axis `permutation[i]`."""
        permutation = [int(axis) for axis in permutation]
        if permutation == list(range(tensor.rank)):
            return tensor
        shape = [tensor.shape[axis] for axis in permutation]
        return self.moved(f"transpose{{permutation {permutation}}}", tensor, shape)

    def slice(self, tensor: Tensor, starts: Sequence[int], shape: Sequence[int]) -> Tensor:
        """A block of neighbours."""
        starts, shape = [int(x) for x in starts], [int(x) for x in shape]
        if tuple(shape) == tensor.shape:
            return tensor
        return self.moved(f"slice{{starts {starts} shape {shape}}}", tensor, shape)

    def pad(self, tensor: Tensor, low: Sequence[int], high: Sequence[int]) -> Tensor:
        """Zeros around."""
        low, high = [int(x) for x in low], [int(x) for x in high]
        if not any(low + high):
            return tensor
        shape = [a + b + c for a, b, c in zip(low, tensor.shape, high)]
        return self.moved(f"pad{{low {low} high {high}}}", tensor, shape)

    def concatenate(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """One after the other."""
        tensors = [tensor for tensor in tensors if tensor.shape[axis]]
        if len(tensors) == 1:
            return tensors[0]
        if tensors[0].dtype == BOOL:
            return self.truth(self.concatenate([self.number(t) for t in tensors], axis))
        shape = list(tensors[0].shape)
        shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
        return self.op(f"concatenate{{axis {axis}}}", tensors, shape)

    def windows(
        self,
        tensor: Tensor,
        axis: int,
        count: int,
        size: int,
        *,
        start: int = 0,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """An axis as windows and their elements."""
        attributes = (
            f"axis {axis} start {start} count {count} size {size} stride {stride} "
            f"dilation {dilation}"
        )
        shape = [*tensor.shape[:axis], count, size, *tensor.shape[axis + 1 :]]
        return self.moved(f"windows{{{attributes}}}", tensor, shape)

    def moved(self, op: str, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """A movement; truth values move as numbers."""
        if tensor.dtype == BOOL:
            return self.truth(self.moved(op, self.number(tensor), shape))
        return self.op(op, [tensor], shape)

    def iota(self, shape: Sequence[int], axis: int) -> Tensor:
        """The index along an axis."""
        shape = [int(size) for size in shape]
        return self.op(f"iota{{axis {axis} shape {shape}}}", [], shape, I32)

    def reduce(self, reduction: str, tensor: Tensor, axes: Sequence[int]) -> Tensor:
        """`sum` or `maximum` over axes, which vanish."""
        axes = sorted(int(axis) for axis in axes)
        if not axes:
            return tensor
        shape = [size for axis, size in enumerate(tensor.shape) if axis not in axes]
        return self.op(f"reduce_{reduction}{{axes {axes}}}", [tensor], shape)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum."""
        return self.op("add", [a, b])

    def subtract(self, a: Tensor, b: Tensor) -> Tensor:
        """The difference."""
        return self.op("subtract", [a, b])

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        """The product."""
        return self.op("multiply", [a, b])

    def scaled(self, tensor: Tensor, factor: float) -> Tensor:
        """A multiple."""
        return tensor if factor == 1 else self.multiply(tensor, self.like(factor, tensor))

    def negated(self, tensor: Tensor) -> Tensor:
        """The negative."""
        if tensor.dtype == F:
            return self.op("negate", [tensor])
        return self.subtract(self.like(0, tensor), tensor)

    def positions(self, indices: Tensor, limit: int, purpose: str = "a position") -> Tensor:
        """Whole numbers that must be below a limit: checked by the library, unless it is
        certain."""
        subject = self.graph.origin.name or "an index array"
        return self.op(
            f'check_positions{{below {limit} subject "{subject}" purpose "{purpose}"}}', [indices]
        )
