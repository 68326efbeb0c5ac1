# SPDX-License-Identifier: Apache-2.0
"""Sums, extremes and products of arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .elementwise import converted
from .table import OPERATORS, operator, require


def _axes(dims: Any) -> Any:
    """PyTorch's dims: none, or an empty list, is all."""
    return tuple(dims) or None if isinstance(dims, (list, tuple)) else dims


def _typed(x: Any, dtype: Any) -> Any:
    return x if dtype is None else converted(x, dtype)


@operator("sum.default", "sum.dim_IntList")
def sum_(x: Any, dims: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    return jnp.sum(_typed(x, dtype), axis=_axes(dims), keepdims=keepdim)


@operator("mean.default", "mean.dim")
def mean(x: Any, dims: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    return jnp.mean(_typed(x, dtype), axis=_axes(dims), keepdims=keepdim)


def _correction(unbiased: Any, correction: Any) -> Any:
    return int(unbiased) if isinstance(unbiased, bool) else 1 if correction is None else correction


@operator("var.default", "var.dim", "var.correction")
def var(
    x: Any, dims: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    if isinstance(dims, bool):
        dims, unbiased = None, dims
    ddof = _correction(unbiased, correction)
    return jnp.var(x, axis=_axes(dims), ddof=ddof, keepdims=keepdim)


@operator("std.default", "std.dim", "std.correction")
def std(*arguments: Any, **keywords: Any) -> Any:
    return jnp.sqrt(var(*arguments, **keywords))


@operator("amax.default")
def amax(x: Any, dims: Any = (), keepdim: bool = False) -> Any:
    return jnp.max(x, axis=_axes(dims), keepdims=keepdim)


@operator("amin.default")
def amin(x: Any, dims: Any = (), keepdim: bool = False) -> Any:
    return jnp.min(x, axis=_axes(dims), keepdims=keepdim)


OPERATORS["max.default"] = jnp.max
OPERATORS["min.default"] = jnp.min
OPERATORS["max.other"] = jnp.maximum
OPERATORS["min.other"] = jnp.minimum


@operator("max.dim")
def max_dim(x: Any, dim: int, keepdim: bool = False) -> tuple[Any, Any]:
    places = jnp.argmax(x, axis=dim, keepdims=True)
    values = jnp.take_along_axis(x, places, axis=dim)
    return (values, places) if keepdim else (jnp.squeeze(values, dim), jnp.squeeze(places, dim))


@operator("min.dim")
def min_dim(x: Any, dim: int, keepdim: bool = False) -> tuple[Any, Any]:
    values, places = max_dim(-x, dim, keepdim)
    return -values, places


@operator("argmax.default")
def argmax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.argmax(x, axis=dim, keepdims=keepdim)


@operator("argmin.default")
def argmin(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.argmin(x, axis=dim, keepdims=keepdim)


@operator("any.default", "any.dim", "any.dims")
def any_(x: Any, dims: Any = None, keepdim: bool = False) -> Any:
    return jnp.any(x, axis=_axes(dims), keepdims=keepdim)


@operator("all.default", "all.dim", "all.dims")
def all_(x: Any, dims: Any = None, keepdim: bool = False) -> Any:
    return jnp.all(x, axis=_axes(dims), keepdims=keepdim)


@operator("prod.default", "prod.dim_int")
def prod(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.prod(x, axis=dim, keepdims=keepdim)


@operator("logsumexp.default")
def logsumexp(x: Any, dims: Any, keepdim: bool = False) -> Any:
    return jax.nn.logsumexp(x, axis=_axes(dims), keepdims=keepdim)


@operator("softmax.int", "_softmax.default")
def softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return jax.nn.softmax(_typed(x, dtype or None), axis=dim)


@operator("log_softmax.int", "_log_softmax.default")
def log_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return jax.nn.log_softmax(_typed(x, dtype or None), axis=dim)


@operator("cumsum.default")
def cumsum(x: Any, dim: int, dtype: Any = None) -> Any:
    return jnp.cumsum(_typed(x, dtype), axis=dim)


@operator("linalg_vector_norm.default", "norm.ScalarOpt_dim", "norm.Scalar")
def norm(x: Any, order: Any = 2, dims: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    require(order in (1, 2), "a norm", f"of order {order}; there are 1 and 2")
    if order == 1:
        return jnp.sum(jnp.abs(x), axis=_axes(dims), keepdims=keepdim)
    return jnp.sqrt(jnp.sum(x * x, axis=_axes(dims), keepdims=keepdim))


# --- Products -------------------------------------------------------------------------------------

for _name in ("matmul", "mm", "bmm", "mv", "dot"):
    OPERATORS[f"{_name}.default"] = jnp.matmul
OPERATORS["outer.default"] = jnp.outer


@operator("addmm.default", "baddbmm.default", "addmv.default")
def addmm(x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = a @ b
    return (x if beta == 1 else beta * x) + (product if alpha == 1 else alpha * product)


@operator("einsum.default")
def einsum(equation: str, operands: list[Any], path: Any = None) -> Any:
    return jnp.einsum(equation, *operands)
