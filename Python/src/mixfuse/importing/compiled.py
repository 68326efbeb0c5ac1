# SPDX-License-Identifier: Apache-2.0
"""A program of JAX as a compiled meta-gradient: trace, build, load, call."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import jax

from .._build import build
from .._library import Library
from .._names import flatten
from ..jax import function
from .problem import Problem, write_problem


class Compiled:
    """A meta-gradient made of JAX losses: `loss, gradient = compiled(eta, theta, inner, outer)`.

    Works inside of `jit`, `scan` and `vmap`. The gradient has the structure of `eta`. Where `eta` is
    what `theta` starts from, `theta` is None.
    """

    def __init__(self, problem: Problem, library: Library, eta: Any, threads: int) -> None:
        #: What was traced: names of leaves, captured arrays, recognised idioms.
        self.problem = problem
        #: The library; its other entry points can be called, too.
        self.library = library
        self._structure = jax.tree.structure(eta)
        self._run = function(library.entry("meta_gradient"), threads=threads)
        self.loss = self._differentiable()

    def __call__(
        self, eta: Any, theta: Any, inner_data: Sequence[Any], outer_data: Sequence[Any]
    ) -> tuple[Any, Any]:
        """The outer loss after the inner steps, and its gradient by `eta`."""
        problem = self.problem
        inputs: dict[str, Any] = dict(problem.captured)
        parts = [(problem.eta, eta), (problem.inner_data, tuple(inner_data))]
        parts += [(problem.outer_data, tuple(outer_data))]
        if problem.theta != problem.eta:
            parts.append((problem.theta, theta))
        for names, tree in parts:
            leaves = jax.tree.leaves(tree)
            if len(leaves) != len(names):
                raise ValueError(f"{len(leaves)} arrays were given for {', '.join(names)}")
            inputs |= dict(zip(names, leaves, strict=True))
        entry = self.library.entry("meta_gradient")
        wanted = {array.name for array in entry.description.inputs}
        # What no graph reads is no input of the library.
        nested = self._run({n: a for n, a in inputs.items() if n in wanted})
        known = [array.name for array in entry.description.outputs]
        outputs = flatten(nested, known, entry.where)
        gradients = [outputs[name] for name in problem.gradients]
        return outputs["loss"], jax.tree.unflatten(self._structure, gradients)

    def _differentiable(self) -> Callable[..., Any]:
        """The loss alone, whose derivative by `eta` is the gradient that the same call gives."""

        @jax.custom_vjp
        def loss(eta: Any, theta: Any, inner_data: Any, outer_data: Any) -> Any:
            return self(eta, theta, inner_data, outer_data)[0]

        def forward(eta: Any, theta: Any, inner_data: Any, outer_data: Any) -> tuple[Any, Any]:
            return self(eta, theta, inner_data, outer_data)

        def backward(gradient: Any, cotangent: Any) -> tuple[Any, ...]:
            return jax.tree.map(lambda leaf: cotangent * leaf, gradient), None, None, None

        loss.defvjp(forward, backward)
        return loss


def compile(
    inner_loss: Callable[..., Any],
    outer_loss: Callable[..., Any],
    theta: Any,
    eta: Any,
    inner_data: Sequence[Any] = (),
    outer_data: Sequence[Any] = (),
    *,
    optimizer: Any,
    steps: int,
    threads: int = 1,
    output: str | os.PathLike[str] | None = None,
    build_flags: dict[str, Any] | None = None,
    **options: Any,
) -> Compiled:
    """Compile the meta-gradient of JAX losses and an Optax optimiser.

    `inner_loss(theta, eta, *inner_data)` and `outer_loss(theta, eta, *outer_data)` are scalars;
    `optimizer` is a gradient transformation of Optax, or a function of `eta` that makes one; the
    arrays say shapes and types. `options` are those of `write_problem`: `initial`, `streamed`,
    `tasks`, `batched`, `name`, `dtype`. `build_flags` are those of `mixfuse.build`, such as
    `{"memory": "600MiB"}`. The files go to the folder `output`, if one is given.

    Raises ImportRefused for what cannot be traced, CompileError for what cannot be compiled.
    """
    with tempfile.TemporaryDirectory(prefix="mixfuse-") as folder:
        place = pathlib.Path(output) if output is not None else pathlib.Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        problem = write_problem(
            inner_loss,
            outer_loss,
            theta,
            eta,
            inner_data,
            outer_data,
            optimizer=optimizer,
            steps=steps,
            path=place / "problem.graphs",
            **options,
        )
        library = build(problem.path, dtype=problem.dtype, output=output, **(build_flags or {}))
    return Compiled(problem, library, eta, threads)
