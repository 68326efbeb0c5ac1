# SPDX-License-Identifier: Apache-2.0
"""Functions of single elements."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import torch

from .layout import ELEMENTS
from .table import OPERATORS, operator, require

_UNARY = {
    "abs": jnp.abs, "neg": jnp.negative, "exp": jnp.exp, "expm1": jnp.expm1, "log": jnp.log,
    "log1p": jnp.log1p, "sqrt": jnp.sqrt, "rsqrt": jax.lax.rsqrt, "sin": jnp.sin, "cos": jnp.cos,
    "tan": jnp.tan, "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "sinh": jnp.sinh,
    "cosh": jnp.cosh, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu,
    "relu6": jax.nn.relu6, "silu": jax.nn.silu, "mish": jax.nn.mish, "sign": jnp.sign,
    "erf": jax.lax.erf, "erfc": jax.lax.erfc, "square": jnp.square, "reciprocal": jnp.reciprocal,
    "logical_not": jnp.logical_not, "bitwise_not": jnp.logical_not, "floor": jnp.floor,
    "log_sigmoid": jax.nn.log_sigmoid, "hardsigmoid": jax.nn.hard_sigmoid,
    "hardswish": jax.nn.hard_swish, "selu": jax.nn.selu, "isnan": jnp.isnan,
}  # fmt: skip
for _name, _function in _UNARY.items():
    OPERATORS[f"{_name}.default"] = _function

_COMPARISONS = {
    "eq": jnp.equal, "ne": jnp.not_equal, "lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater,
    "ge": jnp.greater_equal,
}  # fmt: skip
for _name, _function in _COMPARISONS.items():
    OPERATORS[f"{_name}.Tensor"] = OPERATORS[f"{_name}.Scalar"] = _function

for _name, _function in {
    "logical_and.default": jnp.logical_and, "logical_or.default": jnp.logical_or,
    "logical_xor.default": jnp.logical_xor, "bitwise_and.Tensor": jnp.logical_and,
    "bitwise_or.Tensor": jnp.logical_or, "maximum.default": jnp.maximum,
    "minimum.default": jnp.minimum, "atan2.default": jnp.arctan2, "mul.Tensor": jnp.multiply,
    "mul.Scalar": jnp.multiply, "remainder.Tensor": jnp.remainder,
    "remainder.Scalar": jnp.remainder, "pow.Tensor_Scalar": jnp.power,
    "pow.Tensor_Tensor": jnp.power, "pow.Scalar": jnp.power, "where.self": jnp.where,
    "where.ScalarOther": jnp.where, "where.ScalarSelf": jnp.where, "where.Scalar": jnp.where,
}.items():  # fmt: skip
    OPERATORS[_name] = _function


@operator("add.Tensor", "add.Scalar")
def add(x: Any, y: Any, alpha: Any = 1) -> Any:
    return x + (y if alpha == 1 else alpha * y)


@operator("sub.Tensor", "sub.Scalar")
def sub(x: Any, y: Any, alpha: Any = 1) -> Any:
    return x - (y if alpha == 1 else alpha * y)


@operator("rsub.Scalar", "rsub.Tensor")
def rsub(x: Any, y: Any, alpha: Any = 1) -> Any:
    return y - (x if alpha == 1 else alpha * x)


@operator("div.Tensor", "div.Scalar")
def div(x: Any, y: Any) -> Any:
    return x / y


@operator("div.Tensor_mode", "div.Scalar_mode")
def div_mode(x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    require(rounding_mode in (None, "floor"), "div", f"rounding_mode={rounding_mode!r}")
    return x / y if rounding_mode is None else x // y


OPERATORS["floor_divide.default"] = lambda x, y: x // y


@operator("addcmul.default")
def addcmul(x: Any, y: Any, z: Any, value: Any = 1) -> Any:
    return x + value * y * z


@operator("lerp.Scalar", "lerp.Tensor")
def lerp(x: Any, y: Any, weight: Any) -> Any:
    return x + weight * (y - x)


@operator("clamp.default", "clamp.Tensor", "hardtanh.default")
def clamp(x: Any, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = min if low is None else low, max if high is None else high
    return jnp.clip(x, low, high)


OPERATORS["clamp_min.default"] = jnp.maximum
OPERATORS["clamp_max.default"] = jnp.minimum


@operator("gelu.default")
def gelu(x: Any, approximate: str = "none") -> Any:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


@operator("softplus.default")
def softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    return jnp.where(x * beta > threshold, x, jax.nn.softplus(x * beta) / beta)


@operator("elu.default")
def elu(x: Any, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Any:
    return scale * jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0) * input_scale))


@operator("leaky_relu.default")
def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    return jnp.where(x > 0, x, negative_slope * x)


@operator("prelu.default", "_prelu_kernel.default")
def prelu(x: Any, weight: Any) -> Any:
    weight = weight.reshape((1, -1) + (1,) * (x.ndim - 2)) if weight.size > 1 else weight
    return jnp.where(x > 0, x, weight * x)


@operator("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return jnp.where(mask, value, x)


@operator("dropout.default")
def dropout(x: Any, p: float, train: bool) -> Any:
    require(not train or p == 0, "dropout in training", "call model.eval(), or set p=0")
    return x


@operator(
    "clone.default", "contiguous.default", "alias.default", "lift_fresh_copy.default",
    "detach_.default", "feature_dropout.default",
)  # fmt: skip
def same(x: Any, *arguments: Any, **keywords: Any) -> Any:
    return x


@operator("detach.default")
def detach(x: Any) -> Any:
    return jax.lax.stop_gradient(x)


_TYPES = {
    torch.float32: jnp.float32, torch.float64: jnp.float64, torch.int32: jnp.int32,
    torch.int64: jnp.int64, torch.bool: jnp.bool_, torch.uint8: jnp.int32,
}  # fmt: skip


def converted(x: Any, dtype: Any) -> Any:
    """An array of PyTorch's type, as far as this JAX has it."""
    require(dtype in _TYPES, f"a conversion to {dtype}", "there are f32, f64, whole numbers and bool")
    return jnp.asarray(x).astype(jax.dtypes.canonicalize_dtype(_TYPES[dtype]))


@operator("to.dtype", "_to_copy.default", "to.dtype_layout", "to.device")
def to(x: Any, *arguments: Any, dtype: Any = None, **keywords: Any) -> Any:
    kinds = [a for a in arguments if isinstance(a, torch.dtype)]
    dtype = dtype or (kinds[0] if kinds else None)
    return x if dtype is None else converted(x, dtype)


@operator("type_as.default", "to.other")
def type_as(x: Any, other: Any) -> Any:
    return x.astype(other.dtype)


@operator("_assert_tensor_metadata.default", "_assert_scalar.default", "_assert_async.msg")
def checked(*arguments: Any, **keywords: Any) -> Any:
    return None


# What has been entered so far is done element by element.
ELEMENTS.update(OPERATORS.values())
