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


def evaluated(equation: Any, operands: list[Tensor]) -> list[Any] | None:
    """The results of an equation of known operands; `None` if they are too large to hold."""
    sizes = [math.prod(getattr(v.aval, "shape", ())) for v in equation.outvars]
    if sum(sizes) > LARGEST_KNOWN:
        return None
    given = []
    for operand, atom in zip(operands, equation.invars):
        is_key = operand.dtype == "key"
        given.append(operand.raw if is_key else jax.numpy.asarray(operand.raw, atom.aval.dtype))
    return applied(equation, given)
