# SPDX-License-Identifier: Apache-2.0
"""The program that a compiled meta-gradient stands for, as one would write it in JAX."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .problem import argument_names


def unrolled_loss(
    inner_loss: Callable[..., Any],
    outer_loss: Callable[..., Any],
    *,
    optimizer: Any,
    steps: int,
    initial: bool | str = False,
    streamed: bool | Collection[str] = False,
    tasks: int | None = None,
    batched: bool | Collection[str] = True,
    **ignored: Any,
) -> Callable[..., Any]:
    """`(eta, theta, inner_data, outer_data)` to the outer loss after the inner steps, which are a scan.

    Options are those of `compile`. Where `eta` is what the parameters start from, `theta` is not read.
    """
    import optax

    def marked(loss: Callable[..., Any], data: Sequence[Any], which: Any) -> list[bool]:
        names = argument_names(loss, len(data))
        return [which if isinstance(which, bool) else name in which for name in names]

    def one_task(eta: Any, theta: Any, inner_data: Any, outer_data: Any, by_step: Any) -> Any:
        if initial is not False:
            theta = eta if initial is True else eta[initial]
        is_made = hasattr(optimizer, "update")
        transformation = optimizer if is_made else optimizer(eta)

        def step(carry: Any, slices: Any) -> tuple[Any, None]:
            theta, state = carry
            given = iter(slices)
            data = [next(given) if s else x for s, x in zip(by_step, inner_data)]
            gradient = jax.grad(inner_loss)(theta, eta, *data)
            changes, state = transformation.update(gradient, state, theta)
            return (optax.apply_updates(theta, changes), state), None

        slices = [x for s, x in zip(by_step, inner_data) if s]
        start = (theta, transformation.init(theta))
        (theta, _), _ = jax.lax.scan(step, start, slices, length=steps)
        return outer_loss(theta, eta, *outer_data)

    def loss(eta: Any, theta: Any, inner_data: Sequence[Any], outer_data: Sequence[Any]) -> Any:
        by_step = marked(inner_loss, inner_data, streamed)
        if tasks is None:
            return one_task(eta, theta, inner_data, outer_data, by_step)
        axes = [
            tuple(0 if is_batched else None for is_batched in marked(f, data, batched))
            for f, data in ((inner_loss, inner_data), (outer_loss, outer_data))
        ]
        run = jax.vmap(
            lambda inner, outer: one_task(eta, theta, inner, outer, by_step), in_axes=tuple(axes)
        )
        return jnp.mean(run(tuple(inner_data), tuple(outer_data)))

    return loss
