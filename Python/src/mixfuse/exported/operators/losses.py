# SPDX-License-Identifier: Apache-2.0
"""Losses of `torch.nn.functional`. Reductions are 0 (none), 1 (mean) and 2 (sum)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .table import operator, require


def reduced(errors: Any, reduction: int) -> Any:
    """The errors as they are, their mean or their sum."""
    return errors if reduction == 0 else jnp.mean(errors) if reduction == 1 else jnp.sum(errors)


@operator("mse_loss.default")
def mse_loss(x: Any, y: Any, reduction: int = 1) -> Any:
    return reduced(jnp.square(x - y), reduction)


@operator("l1_loss.default")
def l1_loss(x: Any, y: Any, reduction: int = 1) -> Any:
    return reduced(jnp.abs(x - y), reduction)


@operator("smooth_l1_loss.default")
def smooth_l1_loss(x: Any, y: Any, reduction: int = 1, beta: float = 1.0) -> Any:
    size = jnp.abs(x - y)
    return reduced(
        jnp.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction
    )


@operator("huber_loss.default")
def huber_loss(x: Any, y: Any, reduction: int = 1, delta: float = 1.0) -> Any:
    size = jnp.abs(x - y)
    return reduced(
        jnp.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction
    )


@operator("binary_cross_entropy_with_logits.default")
def binary_cross_entropy_with_logits(
    x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> Any:
    positive = 1 if pos_weight is None else pos_weight
    errors = -(positive * y * jax.nn.log_sigmoid(x) + (1 - y) * jax.nn.log_sigmoid(-x))
    return reduced(errors if weight is None else weight * errors, reduction)


@operator("binary_cross_entropy.default")
def binary_cross_entropy(x: Any, y: Any, weight: Any = None, reduction: int = 1) -> Any:
    # PyTorch bounds the logarithms, so that errors stay finite.
    logs = jnp.maximum(jnp.log(x), -100), jnp.maximum(jnp.log1p(-x), -100)
    errors = -(y * logs[0] + (1 - y) * logs[1])
    return reduced(errors if weight is None else weight * errors, reduction)


@operator("kl_div.default")
def kl_div(x: Any, y: Any, reduction: int = 1, *, log_target: bool = False) -> Any:
    if log_target:
        return reduced(jnp.exp(y) * (y - x), reduction)
    return reduced(jax.scipy.special.xlogy(y, y) - y * x, reduction)


@operator("nll_loss_nd.default", "nll_loss.default")
def nll_loss(
    x: Any, y: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100
) -> Any:
    """Of logarithms of probabilities `[n, classes, ...]` and labels `[n, ...]`."""
    axis = 1 if x.ndim > 1 else 0
    is_label = y != ignore_index
    # Labels out of range are the default mark of what is ignored; a library reports them.
    labels = jnp.where(is_label, y, 0) if ignore_index >= 0 else y
    picked = -jnp.take_along_axis(x, jnp.expand_dims(labels, axis), axis=axis)
    errors = jnp.squeeze(picked, axis)
    weights = None if weight is None else jnp.take(weight, labels)
    if ignore_index >= 0:
        weights = is_label * (1 if weights is None else weights)
    if weights is None:
        return reduced(errors, reduction)
    errors = errors * weights
    return jnp.sum(errors) / jnp.sum(weights) if reduction == 1 else reduced(errors, reduction)


@operator("cross_entropy_loss.default")
def cross_entropy_loss(
    x: Any, y: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Of logits `[n, classes, ...]` and labels `[n, ...]`, or probabilities like the logits."""
    axis = 1 if x.ndim > 1 else 0
    logs = jax.nn.log_softmax(x, axis=axis)
    classes = x.shape[axis]
    if jnp.issubdtype(y.dtype, jnp.floating):
        y = y * (1 - label_smoothing) + label_smoothing / classes
        shape = [1] * x.ndim
        shape[axis] = classes
        weighted = logs if weight is None else logs * weight.reshape(shape)
        errors = -jnp.sum(y * weighted, axis=axis)
        rows = errors.size
        return jnp.sum(errors) / rows if reduction == 1 else reduced(errors, reduction)
    hard = nll_loss(logs, y, weight, reduction, ignore_index)
    if not label_smoothing:
        return hard
    require(weight is None and ignore_index < 0, "cross_entropy",
            "label_smoothing together with weight or ignore_index")  # fmt: skip
    soft = reduced(-jnp.mean(logs, axis=axis), reduction)
    return (1 - label_smoothing) * hard + label_smoothing * soft
