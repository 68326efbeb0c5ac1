# SPDX-License-Identifier: Apache-2.0
"""The updates of `torch.optim`, as PyTorch does them, in the form of Optax's transformations.

Rates and other settings may be numbers or arrays that are learned, so an inner optimiser can be a function
of the meta parameters: `optimizer=lambda eta: mixfuse.torch.sgd(lr=eta["lr"])`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import torch

from ..importing.errors import ImportRefused


class Transformation(NamedTuple):
    """A start of the state, and `(gradient, state, parameters)` to changes and the next state."""

    init: Callable[[Any], Any]
    update: Callable[..., tuple[Any, Any]]


def sgd(
    lr: Any, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False,
) -> Transformation:  # fmt: skip
    """`torch.optim.SGD`. `lr` is a number, or a tree like the parameters."""

    def init(parameters: Any) -> Any:
        if not momentum:
            return ()
        return jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, parameters)

    def update(gradient: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        gradient = _signed(gradient, maximize)
        gradient = jax.tree.map(lambda g, p: g + weight_decay * p, gradient, parameters)
        if momentum:
            step, buffer = state
            # The first step takes the gradient as it is.
            kept = jnp.where(step == 0, 1.0, 1 - dampening)
            buffer = jax.tree.map(lambda b, g: momentum * b + kept * g, buffer, gradient)
            if nesterov:
                gradient = jax.tree.map(lambda g, b: g + momentum * b, gradient, buffer)
            else:
                gradient = buffer
            state = step + 1, buffer
        return _scaled(lr, gradient), state

    return Transformation(init, update)


def adam(
    lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
    weight_decay: float = 0.0, amsgrad: bool = False, maximize: bool = False,
) -> Transformation:  # fmt: skip
    """`torch.optim.Adam`: weight decay goes into the gradient."""
    return _adam(lr, betas, eps, weight_decay, amsgrad, maximize, is_decoupled=False)


def adamw(
    lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
    weight_decay: float = 1e-2, amsgrad: bool = False, maximize: bool = False,
) -> Transformation:  # fmt: skip
    """`torch.optim.AdamW`: weight decay goes past the moments."""
    return _adam(lr, betas, eps, weight_decay, amsgrad, maximize, is_decoupled=True)


def _adam(
    lr: Any, betas: tuple[Any, Any], eps: float, weight_decay: float, amsgrad: bool, maximize: bool,
    is_decoupled: bool,
) -> Transformation:  # fmt: skip
    first, second = betas

    def init(parameters: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return jnp.zeros((), jnp.int32), zeros, zeros, zeros if amsgrad else ()

    def update(gradient: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        step, mean, square, largest = state
        step = step + 1
        gradient = _signed(gradient, maximize)
        if not is_decoupled:
            gradient = jax.tree.map(lambda g, p: g + weight_decay * p, gradient, parameters)
        mean = jax.tree.map(lambda m, g: first * m + (1 - first) * g, mean, gradient)
        square = jax.tree.map(lambda v, g: second * v + (1 - second) * g * g, square, gradient)
        if amsgrad:
            largest = jax.tree.map(jnp.maximum, largest, square)
        first_correction, second_correction = 1 - first**step, 1 - second**step

        def change(m: Any, v: Any) -> Any:
            return (m / first_correction) / (jnp.sqrt(v / second_correction) + eps)

        changes = jax.tree.map(change, mean, largest if amsgrad else square)
        if is_decoupled:
            changes = jax.tree.map(lambda c, p: c + weight_decay * p, changes, parameters)
        return _scaled(lr, changes), (step, mean, square, largest)

    return Transformation(init, update)


def _signed(gradient: Any, maximize: bool) -> Any:
    return jax.tree.map(jnp.negative, gradient) if maximize else gradient


def _scaled(lr: Any, changes: Any) -> Any:
    """`-lr` times the changes; rates that are a tree belong to its leaves."""
    if isinstance(lr, dict):
        return jax.tree.map(lambda rate, change: -rate * change, lr, changes)
    return jax.tree.map(lambda change: -lr * change, changes)


#: What each setting of PyTorch's must be for the result not to depend on it.
_IGNORED = {"foreach", "differentiable", "capturable", "fused", "decoupled_weight_decay"}


def of_torch(optimizer: Any) -> Any:
    """The transformation of an optimiser of `torch.optim`; anything else is handed on as it is."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        return optimizer
    kinds = {torch.optim.SGD: sgd, torch.optim.Adam: adam, torch.optim.AdamW: adamw}
    kind = kinds.get(type(optimizer))
    if kind is None:
        names = ", ".join(known.__name__ for known in kinds)
        raise ImportRefused(
            f"torch.optim.{type(optimizer).__name__}",
            f"inner optimisers are {names}, or any transformation of Optax's form",
        )
    groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    if any(group != groups[0] for group in groups):
        raise ImportRefused(
            "an optimiser with several groups of settings",
            'say lr={"name": rate, ...}, one for each parameter, to mixfuse.torch.sgd, adam or adamw',
        )
    settings = {name: value for name, value in groups[0].items() if name not in _IGNORED}
    if isinstance(settings["lr"], torch.Tensor):
        settings["lr"] = settings["lr"].item()
    return kind(**settings)
