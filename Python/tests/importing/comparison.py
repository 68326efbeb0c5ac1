# SPDX-License-Identifier: Apache-2.0
"""A compiled problem against `jax.grad` of the unrolled program."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import optax

from mixfuse.importing import Problem, write_problem

from .library import Library


def unrolled(
    inner: Callable[..., Any], outer: Callable[..., Any], optimizer: Any, steps: int
) -> Callable[..., Any]:
    """The program that is differentiated, as one would write it in JAX."""

    def total(theta: Any, eta: Any, inner_data: Sequence[Any], outer_data: Sequence[Any]) -> Any:
        is_made = hasattr(optimizer, "update")
        transformation = optimizer if is_made else optimizer(eta)
        state = transformation.init(theta)
        for _ in range(steps):
            gradient = jax.grad(inner)(theta, eta, *inner_data)
            changes, state = transformation.update(gradient, state, theta)
            theta = optax.apply_updates(theta, changes)
        return outer(theta, eta, *outer_data)

    return total


def largest_error(
    inner: Callable[..., Any],
    outer: Callable[..., Any],
    theta: Any,
    eta: Any,
    inner_data: Sequence[Any],
    outer_data: Sequence[Any],
    optimizer: Any,
    folder: pathlib.Path,
    *,
    steps: int = 3,
    initial: bool = False,
) -> tuple[float, Problem, Library]:
    """The largest relative error (in norm) of the loss and the gradients.

    A gradient that is zero but for rounding (of the bias of keys in attention) is measured by the
    others: none counts as less than 1e-5 of all.
    """
    problem = write_problem(
        inner, outer, theta, eta, inner_data, outer_data,
        optimizer=optimizer, steps=steps, initial=initial, name="imported",
    )  # fmt: skip
    library = Library(problem.text, folder)
    arrays: dict[str, np.ndarray] = dict(problem.captured)
    named = [
        (problem.theta, theta), (problem.eta, eta), (problem.inner_data, tuple(inner_data)),
        (problem.outer_data, tuple(outer_data)),
    ]  # fmt: skip
    for names, tree in named:
        arrays |= {n: np.asarray(x) for n, x in zip(names, jax.tree.leaves(tree), strict=True)}
    found = library(arrays)
    total = unrolled(inner, outer, optimizer, steps)
    if initial:

        def function(eta: Any) -> Any:
            return total(eta, eta, inner_data, outer_data)
    else:

        def function(eta: Any) -> Any:
            return total(theta, eta, inner_data, outer_data)

    loss, gradient = jax.jit(jax.value_and_grad(function))(eta)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(gradient)]
    floor = 1e-5 * float(np.sqrt(sum(np.sum(leaf**2) for leaf in leaves)))
    errors = [abs(float(found["loss"]) - float(loss)) / max(1e-300, abs(float(loss)))]
    for name, expected in zip(problem.gradients, leaves, strict=True):
        difference = np.linalg.norm(found[name] - expected)
        errors.append(float(difference / max(np.linalg.norm(expected), floor)))
    return max(errors), problem, library
