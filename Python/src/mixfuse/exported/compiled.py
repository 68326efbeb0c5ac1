# SPDX-License-Identifier: Apache-2.0
"""A program of PyTorch as a compiled meta-gradient: export, trace, build, load, call."""

from __future__ import annotations

import contextlib
import inspect
import os
import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from .._build import build
from .._library import Library
from ..importing.precision import double_precision
from ..importing.problem import Problem, write_problem
from ..torch import meta_loss
from .optimizers import of_torch
from .program import ExportedLoss, shape_like


class Compiled:
    """A meta-gradient made of PyTorch's losses: `loss, gradients = compiled(eta, theta, inner, outer)`.

    `gradients` has the structure of `eta`. `compiled.loss(...)` is the loss alone, for `backward`: what
    in `eta` requires a gradient gets the one that the same call gave.
    """

    def __init__(self, problem: Problem, library: Library, threads: int) -> None:
        #: What was exported: names of leaves, captured arrays, recognised idioms.
        self.problem = problem
        #: The library; its other entry points can be called, too.
        self.library = library
        self._loss = meta_loss(library, threads=threads)
        entry = library.entry("meta_gradient").description
        self._wanted = {array.name for array in entry.inputs}
        self._captured = {name: torch.from_numpy(a) for name, a in problem.captured.items()}

    def loss(
        self, eta: Any, theta: Any, inner_data: Sequence[Any] = (), outer_data: Sequence[Any] = ()
    ) -> torch.Tensor:
        """The outer loss after the inner steps.

        Arrays are those that `compile` was given the shapes of; `theta` is a module or its named
        parameters, or None where `eta` is what it starts from.
        """
        problem = self.problem
        inputs: dict[str, Any] = dict(self._captured)
        parts = [(problem.eta, eta), (problem.inner_data, tuple(inner_data))]
        parts += [(problem.outer_data, tuple(outer_data))]
        if problem.theta != problem.eta:
            parts.append((problem.theta, _parameters(theta)))
        for names, tree in parts:
            leaves = _sorted_leaves(tree)
            if len(leaves) != len(names):
                raise ValueError(f"{len(leaves)} tensors were given for {', '.join(names)}")
            inputs |= dict(zip(names, map(_readable, leaves), strict=True))
        return self._loss({name: x for name, x in inputs.items() if name in self._wanted})

    def __call__(
        self, eta: Any, theta: Any, inner_data: Sequence[Any] = (), outer_data: Sequence[Any] = ()
    ) -> tuple[torch.Tensor, Any]:
        """The outer loss after the inner steps, and its gradient by `eta`."""
        own = _mapped(eta, lambda x: x.detach().requires_grad_())
        with torch.enable_grad():
            loss = self.loss(own, theta, inner_data, outer_data)
        leaves = _sorted_leaves(own)
        found = torch.autograd.grad(loss, leaves)
        by_leaf = {id(leaf): gradient for leaf, gradient in zip(leaves, found)}
        return loss.detach(), _mapped(own, lambda leaf: by_leaf[id(leaf)])


def _readable(tensor: torch.Tensor) -> torch.Tensor:
    """Whole numbers and truth values in the type that libraries have for them."""
    return tensor if tensor.is_floating_point() else tensor.to(torch.int32)


def _parameters(theta: Any) -> Any:
    """Named parameters, without the gradients that a module's ask for: inner runs start from values."""
    named = dict(theta.named_parameters()) if isinstance(theta, torch.nn.Module) else theta
    return _mapped(named, torch.Tensor.detach)


def _mapped(tree: Any, function: Callable[[torch.Tensor], Any]) -> Any:
    if isinstance(tree, dict):
        return {name: _mapped(part, function) for name, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(part, function) for part in tree)
    return function(tree)


def _sorted_leaves(tree: Any) -> list[torch.Tensor]:
    """Leaves in JAX's order, in which the names of a problem are: keys of a dict are sorted."""
    if isinstance(tree, dict):
        return [leaf for name in sorted(tree) for leaf in _sorted_leaves(tree[name])]
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in _sorted_leaves(part)]
    return [tree if isinstance(tree, torch.Tensor) else torch.as_tensor(tree)]


def compile(
    inner_loss: Callable[..., Any],
    outer_loss: Callable[..., Any],
    model: torch.nn.Module,
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
    """Compile the meta-gradient of PyTorch's losses and an optimiser of `torch.optim`.

    `inner_loss(model, eta, *inner_data)` and `outer_loss(model, eta, *outer_data)` are scalars; the
    inner parameters are those of `model`, by their names. `eta` is a tensor, or dicts and lists of them;
    with `initial=True` it is `dict(model.named_parameters())`, where every inner run starts.
    `optimizer` is an optimiser of `torch.optim` that was made for the model (SGD, Adam, AdamW), a
    transformation of Optax's form such as `mixfuse.torch.sgd(lr=0.1)`, or a function of `eta` that makes
    one. `options` are those of `mixfuse.jax.compile`: `initial`, `streamed`, `tasks`, `batched`, `name`,
    `dtype`. Buffers are constants; `batch_norm` in training uses the statistics of the batch, and the
    running ones stay.

    Raises ImportRefused for what cannot be exported, CompileError for what cannot be compiled.
    """
    theta = shape_like(dict(model.named_parameters()))
    doubles = any(array.dtype == np.float64 for array in theta.values())
    with contextlib.ExitStack() as stack:
        if doubles:
            stack.enter_context(double_precision())
        inner = _exported(inner_loss, model, eta, inner_data, steps, options, is_inner=True)
        outer = _exported(outer_loss, model, eta, outer_data, steps, options, is_inner=False)
        place = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mixfuse-"))
            if output is None
            else output
        )
        place.mkdir(parents=True, exist_ok=True)
        problem = write_problem(
            inner,
            outer,
            theta,
            shape_like(eta),
            shape_like(tuple(inner_data)),
            shape_like(tuple(outer_data)),
            optimizer=of_torch(optimizer),
            steps=steps,
            path=place / "problem.graphs",
            **options,
        )
        library = build(problem.path, dtype=problem.dtype, output=output, **(build_flags or {}))
    return Compiled(problem, library, threads)


def _exported(
    loss: Callable[..., Any], model: torch.nn.Module, eta: Any, data: Sequence[Any], steps: int,
    options: dict[str, Any], *, is_inner: bool,
) -> ExportedLoss:  # fmt: skip
    """The loss for the data of one step of one task."""
    names = list(inspect.signature(loss).parameters)[2:]

    def one_use(number: int, tree: Any) -> Any:
        name = names[number] if number < len(names) else f"data_{number}"
        streamed, batched = options.get("streamed", False), options.get("batched", True)
        by_step = is_inner and (streamed if isinstance(streamed, bool) else name in streamed)
        by_task = options.get("tasks") is not None and (
            batched if isinstance(batched, bool) else name in batched
        )
        for is_there in (by_task, by_step):
            if is_there:
                tree = _mapped(tree, lambda tensor: tensor[0])
        return tree

    parts = [one_use(number, tree) for number, tree in enumerate(data)]
    return ExportedLoss(loss, model, eta, parts)
