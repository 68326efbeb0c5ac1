# SPDX-License-Identifier: Apache-2.0
"""Functions called inside of a program, which become part of it.

A function with a derivative of its own (`custom_jvp`, `custom_vjp`) becomes what it computes, whose
derivative the compiler takes. That is right if both agree, as they do where such a rule is there
for numerical reasons; it is tried out, and refused where they do not (a gradient that is reversed,
clipped or passed straight through): say such a thing with `stop_gradient`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from ..graph import Tensor
from ..origins import identifier
from ..registry import Context, applied, rule


@rule("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "composite",
      "custom_lin", "xla_call", "core_closed_call")  # fmt: skip
def call(c: Context, *operands: Tensor) -> list[Tensor]:
    inner = c.params.get("jaxpr") or c.params.get("call_jaxpr")
    name = identifier(str(c.params.get("name") or "")).strip("_")
    # What is inside of a library's function has its name; the user's own functions have lines.
    around = dataclasses.replace(c.graph.origin, function=name or c.graph.origin.function)
    return c.tracer.run_closed(c.graph, inner, operands, around)


@rule("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
def custom(c: Context, *operands: Tensor) -> list[Tensor]:
    inner = c.params.get("call_jaxpr") or c.params.get("fun_jaxpr") or c.params.get("jaxpr")
    if is_relu(inner):
        # The rule says that the derivative at 0 is 0; that of a maximum would be shared.
        x = operands[0]
        zero = c.like(0, x)
        return [c.select(c.compare("lessOrEqual", x, zero), zero, x)]
    if not has_own_derivative(c, inner):
        return c.tracer.run_closed(c.graph, inner, operands, c.graph.origin)
    name = c.params.get("name") or inner.jaxpr.debug_info.func_name
    return c.refuse(
        f"the derivative that {name} declares is not that of what it computes; "
        "write x + stop_gradient(f(x) - x) and the like instead"
    )


def is_relu(inner: Any) -> bool:
    """Whether a function is `max(x, 0)` and nothing else."""
    jaxpr = inner.jaxpr
    while len(jaxpr.eqns) == 1 and jaxpr.eqns[0].primitive.name in ("jit", "pjit"):
        jaxpr = jaxpr.eqns[0].params["jaxpr"].jaxpr
    if len(jaxpr.eqns) != 1 or jaxpr.eqns[0].primitive.name != "max":
        return False
    literal = jaxpr.eqns[0].invars[1]
    value = getattr(literal, "val", None)
    return value is not None and np.ndim(value) == 0 and float(value) == 0.0


def has_own_derivative(c: Context, inner: Any) -> bool:
    """Whether a declared derivative differs from that of the function, at points where it is
    tried."""

    def declared(*arguments: Any) -> Any:
        return applied(c.equation, arguments)

    def computed(*arguments: Any) -> Any:
        return jax.core.eval_jaxpr(inner.jaxpr, inner.consts, *arguments)

    generator = np.random.default_rng(0)
    arguments, moving = [], []
    for variable in c.equation.invars:
        shape, dtype = variable.aval.shape, variable.aval.dtype
        is_float = np.issubdtype(dtype, np.floating)
        values = generator.normal(size=shape) if is_float else np.zeros(shape)
        arguments.append(jax.numpy.asarray(values, dtype))
        if is_float:
            moving.append(len(arguments) - 1)

    def derivative(function: Any) -> list[np.ndarray]:
        def of_moving(*values: Any) -> list[Any]:
            whole = list(arguments)
            for place, value in zip(moving, values):
                whole[place] = value
            return [y for y in function(*whole) if np.issubdtype(y.dtype, np.floating)]

        results, pull = jax.vjp(of_moving, *(arguments[place] for place in moving))
        weights = np.random.default_rng(1)
        adjoints = [jax.numpy.asarray(weights.normal(size=y.shape), y.dtype) for y in results]
        return [np.asarray(x, np.float64) for x in pull(adjoints)]

    if not moving or any(math.prod(v.aval.shape) > 1 << 24 for v in c.equation.invars):
        return False
    pairs = zip(derivative(declared), derivative(computed))
    return not all(np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True) for a, b in pairs)


@rule("pure_callback", "io_callback", "debug_callback", "debug_print")
def callback(c: Context, *_: Tensor) -> Any:
    if c.name.startswith("debug"):
        return []
    return c.refuse("a compiled library calls no Python")


@rule("custom_root", "custom_linear_solve", "linear_solve", "cholesky", "triangular_solve", "lu",
      "eigh", "eig", "svd", "qr", "householder_product", "schur", "tridiagonal_solve")  # fmt: skip
def linear_algebra(c: Context, *_: Tensor) -> Any:
    return c.refuse("decompositions of matrices are not supported")


@rule(
    "random_bits", "threefry2x32", "random_seed", "random_wrap", "random_unwrap",
    "random_fold_in", "random_split", "random_gamma", "rng_bit_generator", "rng_uniform",
    "shift_left", "shift_right_logical", "shift_right_arithmetic", "bitcast_convert_type",
)  # fmt: skip
def random(c: Context, *_: Tensor) -> Any:
    return c.refuse(
        "random numbers are drawn while tracing, from keys that are known then; "
        "pass what depends on another key as data"
    )
