# SPDX-License-Identifier: Apache-2.0
"""Follows the equations of a jaxpr: those whose operands are known are computed at once, the others
are handed to the rules of the registry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from . import rules  # noqa: F401  (fills the registry)
from .errors import ImportRefused
from .graph import Graph, Origin, Tensor
from .origins import origin_of
from .registry import RULES, Context, applied, dtype_of

#: Known arrays of more elements are computed by the library.
LARGEST_KNOWN = 1 << 22

#: Primitives that call functions: what is inside of them is followed.
CALLS = frozenset({
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "composite",
    "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr",
})  # fmt: skip


class Tracer:
    """Follows jaxprs into graphs."""

    def run_closed(
        self, graph: Graph, closed: Any, operands: Sequence[Tensor], around: Origin
    ) -> list[Tensor]:
        """The results of a jaxpr for operands; a `Jaxpr` or a `ClosedJaxpr`."""
        jaxpr = getattr(closed, "jaxpr", closed)
        consts = [known(value) for value in getattr(closed, "consts", ())]
        info = getattr(jaxpr, "debug_info", None)
        definition = (getattr(info, "func_filename", None) or "") if info else ""
        values: dict[Any, Tensor] = dict(zip(jaxpr.constvars, consts))
        values.update(zip(jaxpr.invars, operands))

        def read(atom: Any) -> Tensor:
            return known(atom.val, atom.aval) if isinstance(atom, core.Literal) else values[atom]

        for equation in jaxpr.eqns:
            origin = origin_of(equation.source_info, around, definition)
            graph.origin = origin
            results = self.equation(graph, equation, [read(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, results))
        graph.origin = around
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, graph: Graph, equation: Any, operands: list[Tensor]) -> list[Tensor]:
        """The results of one equation."""
        name = equation.primitive.name
        if name not in CALLS and all(operand.is_known for operand in operands):
            computed = evaluated(equation, operands)
            if computed is not None:
                origin = graph.origin
                return [
                    self.known_result(equation, operands, value, number, origin)
                    for number, value in enumerate(computed)
                ]
        return self.lowered(graph, equation, operands)

    def lowered(self, graph: Graph, equation: Any, operands: list[Tensor]) -> list[Tensor]:
        """The results of one equation by its rule."""
        name = equation.primitive.name
        location = graph.origin.location
        results = [variable.aval for variable in equation.outvars]
        context = Context(graph, name, equation.params, results)
        context.equation, context.tracer = equation, self
        if name not in RULES:
            raise ImportRefused(name, "", location)
        for aval in results:
            if any(size == 0 for size in getattr(aval, "shape", ())):
                raise ImportRefused(name, "an empty array", location)
        try:
            found = RULES[name](context, *operands)
        except ImportRefused as refusal:
            raise refusal.at(location) from None
        found = [found] if isinstance(found, Tensor) else list(found)
        for tensor, aval in zip(found, results):
            if tensor.shape != tuple(aval.shape):
                raise AssertionError(f"{name}: {tensor.shape} instead of {aval.shape}")
        return found

    def known_result(
        self, equation: Any, operands: list[Tensor], value: Any, number: int, origin: Origin
    ) -> Tensor:
        """A known array that is made, where it is needed, as the program makes it."""
        tensor = known(value)

        def make(graph: Graph) -> Tensor:
            before, graph.origin = graph.origin, origin
            try:
                return self.lowered(graph, equation, operands)[number]
            finally:
                graph.origin = before

        tensor.recipe = make
        return tensor


def known(value: Any, aval: Any = None) -> Tensor:
    """An array whose elements are known."""
    try:
        dtype = dtype_of(value.dtype if hasattr(value, "dtype") else aval.dtype if aval else
                         np.asarray(value).dtype)  # fmt: skip
    except ImportRefused:
        dtype = "key"
    tensor = Tensor(np.shape(value), dtype)
    tensor.raw = value
    return tensor


#: Primitives that work on elements one by one: what repeats along an axis is computed once.
ELEMENTWISE = frozenset({
    "add", "sub", "mul", "div", "rem", "max", "min", "and", "or", "not", "xor", "neg", "sign",
    "abs", "lt", "le", "gt", "ge", "eq", "ne", "select_n", "convert_element_type", "exp", "log",
    "sin", "cos", "sqrt", "rsqrt", "pow", "integer_pow", "square", "tanh", "floor",
    "stop_gradient", "copy",
})  # fmt: skip


def evaluated(equation: Any, operands: list[Tensor]) -> list[Any] | None:
    """The results of an equation of known operands; `None` if they are too large to hold."""
    name, params = equation.primitive.name, equation.params
    arrays = [operand.raw for operand in operands]
    if any(operand.dtype == "key" for operand in operands):
        return applied(equation, arrays)
    arrays = [cast(array, atom) for array, atom in zip(arrays, equation.invars)]
    if name == "broadcast_in_dim" and len(arrays) == 1:
        return [repeated(arrays[0], params["shape"], params["broadcast_dimensions"])]
    if name == "transpose":
        return [arrays[0].transpose(params["permutation"])]
    repeats: list[int] = []
    shape = getattr(equation.outvars[0].aval, "shape", ())
    if name in ELEMENTWISE:
        # JAX stretches axes of one element here.
        arrays = [np.broadcast_to(array, shape) if array.shape else array for array in arrays]
        whole = [array for array in arrays if array.shape == shape]
        repeats = [a for a in range(len(shape)) if all(w.strides[a] == 0 for w in whole)]
        short = tuple(slice(0, 1) if a in repeats else slice(None) for a in range(len(shape)))
        arrays = [array[short] if array.shape else array for array in arrays]
    sizes = [math.prod(getattr(v.aval, "shape", ())) for v in equation.outvars]
    if sum(sizes) // math.prod(shape[a] for a in repeats) > LARGEST_KNOWN:
        return None
    results = applied(equation, [jax.numpy.asarray(array) for array in arrays])
    return [np.broadcast_to(np.asarray(results[0]), shape)] if repeats else results


def cast(array: Any, atom: Any) -> np.ndarray:
    """A known array in the type that the program has for it, repetitions kept."""
    found = np.asarray(array)
    return found if found.dtype == atom.aval.dtype else found.astype(atom.aval.dtype)


def repeated(array: np.ndarray, shape: Any, axes: Any) -> np.ndarray:
    """A view of an array with further axes, along which it repeats."""
    place = [1] * len(shape)
    for size, axis in zip(array.shape, axes):
        place[int(axis)] = size
    return np.broadcast_to(array.reshape(place), tuple(int(size) for size in shape))
