# SPDX-License-Identifier: Apache-2.0
"""Layers: linear maps, norms, convolutions, pools, attention, recurrences. Channels are axis 1."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .layout import ChannelsLast, images, last
from .table import operator, require


@operator("linear.default")
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = x @ weight.T
    return y if bias is None else y + bias


@operator("bilinear.default")
def bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    z = jnp.einsum("...i,kij,...j->...k", x, weight, y)
    return z if bias is None else z + bias


# --- Norms ----------------------------------------------------------------------------------------


def _normalized(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    centred = x - jnp.mean(x, axis=axes, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=axes, keepdims=True) + eps)


@operator("layer_norm.default")
def layer_norm(
    x: Any, shape: list[int], weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:  # fmt: skip
    y = _normalized(x, tuple(range(x.ndim - len(shape), x.ndim)), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@operator("rms_norm.default")
def rms_norm(x: Any, shape: list[int], weight: Any = None, eps: float | None = None) -> Any:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    eps = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    y = x * jax.lax.rsqrt(jnp.mean(x * x, axis=axes, keepdims=True) + eps)
    return y if weight is None else y * weight


@images
@operator("group_norm.default")
def group_norm(
    x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:  # fmt: skip
    x = last(x)
    grouped = x.reshape((x.shape[0], -1, groups, x.shape[-1] // groups))
    y = _normalized(grouped, (1, 3), eps).reshape(x.shape)
    y = y if weight is None else y * weight
    return ChannelsLast(y if bias is None else y + bias)


@images
@operator("batch_norm.default")
def batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float,
    eps: float, cudnn_enabled: bool = True,
) -> Any:  # fmt: skip
    x = last(x)
    if training:
        y = _normalized(x, tuple(range(x.ndim - 1)), eps)
    else:
        y = (x - mean) * jax.lax.rsqrt(var + eps)
    y = y if weight is None else y * weight
    return ChannelsLast(y if bias is None else y + bias)


@images
@operator("instance_norm.default")
def instance_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, use_input_stats: bool, momentum: float,
    eps: float, cudnn_enabled: bool = True,
) -> Any:  # fmt: skip
    require(use_input_stats, "instance_norm", "with running statistics")
    x = last(x)
    y = _normalized(x, tuple(range(1, x.ndim - 1)), eps)
    y = y if weight is None else y * weight
    return ChannelsLast(y if bias is None else y + bias)


@images
@operator("_native_batch_norm_legit_functional.default", "_native_batch_norm_legit.default")
def native_batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    # Running statistics are no result of a loss.
    return batch_norm(x, weight, bias, mean, var, training, momentum, eps), None, None, mean, var


# --- Windows --------------------------------------------------------------------------------------


def _each(value: Any, count: int) -> tuple[int, ...]:
    values = [value] if isinstance(value, int) else list(value)
    return tuple(values * count if len(values) == 1 else values)


@images
@operator(
    "conv1d.default", "conv2d.default", "conv3d.default", "conv1d.padding", "conv2d.padding",
    "conv3d.padding",
)  # fmt: skip
def conv(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    axes = weight.ndim - 2
    is_single = not isinstance(x, ChannelsLast) and x.ndim == axes + 1
    x = last(x[None] if is_single else x)
    stride, dilation = _each(stride, axes), _each(dilation, axes)
    if isinstance(padding, str):
        # PyTorch puts what is left over of an even window behind.
        spans = [d * (size - 1) for d, size in zip(dilation, weight.shape[2:])]
        pairs = [(s // 2, s - s // 2) if padding == "same" else (0, 0) for s in spans]
    else:
        pairs = [(p, p) for p in _each(padding, axes)]
    letters = "DHW"[3 - axes :]
    y = jax.lax.conv_general_dilated(
        x, jnp.moveaxis(weight, (0, 1), (-1, -2)), stride, pairs,
        rhs_dilation=dilation, feature_group_count=groups,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
    )  # fmt: skip
    y = ChannelsLast(y if bias is None else y + bias)
    return y.torch[0] if is_single else y


def _pooled(x: Any, start: float, combine: Any, size: Any, stride: Any, pairs: Any) -> Any:
    """Windows over the last axes but the channels', or over the last of an image without examples."""
    is_image = isinstance(x, ChannelsLast) or x.ndim == len(size) + 2
    x = last(x) if is_image else x
    before, behind = (x.ndim - len(size) - 1, 1) if is_image else (x.ndim - len(size), 0)
    y = jax.lax.reduce_window(
        x, np.asarray(start, x.dtype), combine, (1,) * before + size + (1,) * behind,
        (1,) * before + stride + (1,) * behind, [(0, 0)] * before + pairs + [(0, 0)] * behind,
    )  # fmt: skip
    return ChannelsLast(y) if is_image else y


@images
@operator("max_pool1d.default", "max_pool2d.default", "max_pool3d.default")
def max_pool(
    x: Any, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    axes = 2 if isinstance(size, int) else len(size)
    size = _each(size, axes)
    stride = _each(stride, axes) if stride else size
    require(all(d == 1 for d in _each(dilation, axes)), "max_pool", "with a dilation")
    require(not ceil_mode, "max_pool", "with ceil_mode=True")
    pairs = [(p, p) for p in _each(padding, axes)]
    return _pooled(x, -jnp.inf, jax.lax.max, size, stride, pairs)


@images
@operator("avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default")
def avg_pool(
    x: Any, size: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Any = None,
) -> Any:  # fmt: skip
    axes = 2 if isinstance(size, int) else len(size)
    size = _each(size, axes)
    stride = _each(stride, axes) if stride else size
    require(not ceil_mode, "avg_pool", "with ceil_mode=True")
    pairs = [(p, p) for p in _each(padding, axes)]
    total = _pooled(x, 0.0, jax.lax.add, size, stride, pairs)
    count: Any = math.prod(size) if divisor_override is None else divisor_override
    if divisor_override is None and not count_include_pad and any(low for low, _ in pairs):
        ones = jnp.ones_like(x.torch if isinstance(x, ChannelsLast) else x)
        count = _pooled(ones, 0.0, jax.lax.add, size, stride, pairs)
        count = count.array if isinstance(count, ChannelsLast) else count
    return ChannelsLast(total.array / count) if isinstance(total, ChannelsLast) else total / count


@operator("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default", "adaptive_avg_pool3d.default")
def adaptive_avg_pool(x: Any, sizes: list[int]) -> Any:
    for number, size in enumerate(sizes):
        axis = x.ndim - len(sizes) + number
        extent = x.shape[axis]
        require(extent % size == 0, "adaptive_avg_pool", f"from {extent} to {size} elements")
        x = x.reshape(x.shape[:axis] + (size, extent // size) + x.shape[axis + 1 :])
        x = jnp.mean(x, axis=axis + 1)
    return x


# --- Attention ------------------------------------------------------------------------------------


@operator("scaled_dot_product_attention.default")
def scaled_dot_product_attention(
    q: Any, k: Any, v: Any, mask: Any = None, dropout: float = 0.0, is_causal: bool = False, *,
    scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    require(dropout == 0, "attention with dropout", "call model.eval(), or set its rate to 0")
    if enable_gqa:
        k, v = (jnp.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    scores = q @ jnp.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        rows, columns = scores.shape[-2:]
        mask = jnp.arange(rows)[:, None] >= jnp.arange(columns)
    if mask is not None:
        is_choice = mask.dtype == jnp.bool_
        scores = jnp.where(mask, scores, -jnp.inf) if is_choice else scores + mask
    return jax.nn.softmax(scores, axis=-1) @ v


# --- Recurrences ----------------------------------------------------------------------------------


def _recurrence(cell: Any, x: Any, start: Any, is_reversed: bool) -> tuple[Any, Any]:
    """`cell(state, x_t)` over the first axis; the states' first parts, and the last state."""

    def step(state: Any, part: Any) -> tuple[Any, Any]:
        state = cell(state, part)
        return state, state[0]

    last, outputs = jax.lax.scan(step, start, x, reverse=is_reversed)
    return outputs, last


def _layers(
    x: Any, starts: tuple[Any, ...], parameters: list[Any], has_biases: bool, layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool, make_cell: Any,
) -> tuple[Any, ...]:  # fmt: skip
    require(not (train and dropout), "a recurrence with dropout", "call model.eval()")
    is_single = x.ndim == 2
    x = x[:, None] if is_single else jnp.swapaxes(x, 0, 1) if batch_first else x
    starts = tuple(s[:, None] for s in starts) if is_single else starts
    count = 4 if has_biases else 2
    directions = 2 if bidirectional else 1
    lasts: list[tuple[Any, ...]] = []
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            own = parameters[number * count : (number + 1) * count]
            # Of the input all steps at once.
            gates = x @ own[0].T + (own[2] if has_biases else 0)
            cell = make_cell(own[1], own[3] if has_biases else None)
            start = tuple(s[number] for s in starts)
            output, last = _recurrence(cell, gates, start, direction == 1)
            outputs.append(output)
            lasts.append(last)
        x = outputs[0] if directions == 1 else jnp.concatenate(outputs, axis=-1)
    final = tuple(jnp.stack(parts) for parts in zip(*lasts))
    if is_single:
        return x[:, 0], *(part[:, 0] for part in final)
    return jnp.swapaxes(x, 0, 1) if batch_first else x, *final


@operator("lstm.input")
def lstm(
    x: Any, starts: list[Any], parameters: list[Any], has_biases: bool, layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Gates in PyTorch's order: input, forget, cell, output."""

    def make_cell(weight: Any, bias: Any) -> Any:
        def cell(state: Any, given: Any) -> Any:
            h, c = state
            gates = given + h @ weight.T + (0 if bias is None else bias)
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(c), c

        return cell

    return _layers(
        x, tuple(starts), parameters, has_biases, layers, dropout, train, bidirectional,
        batch_first, make_cell,
    )  # fmt: skip


@operator("gru.input")
def gru(
    x: Any, start: Any, parameters: list[Any], has_biases: bool, layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Gates in PyTorch's order: reset, update, new."""

    def make_cell(weight: Any, bias: Any) -> Any:
        def cell(state: Any, given: Any) -> Any:
            (h,) = state
            own = h @ weight.T + (0 if bias is None else bias)
            r, z, n = jnp.split(given, 3, axis=-1)
            own_r, own_z, own_n = jnp.split(own, 3, axis=-1)
            update = jax.nn.sigmoid(z + own_z)
            new = jnp.tanh(n + jax.nn.sigmoid(r + own_r) * own_n)
            return ((1 - update) * new + update * h,)

        return cell

    return _layers(
        x, (start,), parameters, has_biases, layers, dropout, train, bidirectional, batch_first,
        make_cell,
    )  # fmt: skip


@operator("rnn_tanh.input", "rnn_relu.input")
def rnn(*arguments: Any) -> Any:
    require(False, "nn.RNN", "there are nn.LSTM and nn.GRU")
