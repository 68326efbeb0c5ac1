# SPDX-License-Identifier: Apache-2.0
"""Entry points as PyTorch operators, and a meta-loss whose backward pass is the meta-gradient.

    meta_loss = mixfuse.torch.meta_loss(library)
    loss = meta_loss({"eta": dict(model.named_parameters())}, x_support=x, ...)
    loss.backward()

Tensors are found by name, in structures as `mixfuse.Entry` takes them, and read where they are.
Each entry point is a `torch.library.custom_op`, so `torch.compile` leaves it whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy
import torch

from mixfuse import _keys, _parallel
from mixfuse._entry import Entry
from mixfuse._errors import ArgumentError, MixFuseError, suggestion
from mixfuse._gradients import learned_inputs
from mixfuse._library import Library
from mixfuse._manifest import DTYPE_NAMES
from mixfuse._names import flatten, unflatten

__all__ = ["Compiled", "ImportRefused", "adam", "adamw", "compile", "function", "meta_loss", "sgd"]

DTYPES = {
    dtype: torch.from_numpy(numpy.zeros((), dtype)).dtype for dtype in DTYPE_NAMES
}
"""PyTorch's types by NumPy's."""


def function(
    entry: Entry, *, threads: int | None = None, convert: bool = False
) -> Callable[..., dict[str, Any]]:
    """An entry point as a function of tensors by name, which gives a nested dict of new ones.

    It has no derivative; `meta_loss` has. `threads` and `convert` are those of a call of `Entry`.
    """
    operator = _operator(entry, threads)
    names = [array.name for array in entry.description.outputs]

    def called(*structures: Any, **inputs: Any) -> dict[str, Any]:
        tensors = _tensors(entry, [*structures, inputs], convert)
        _refuse_derivatives(entry, tensors, set())
        return unflatten(dict(zip(names, operator(tensors))))

    called.__name__ = called.__qualname__ = entry.name
    called.__doc__ = f"{entry.where} of a MixFuse library."
    return called


def meta_loss(
    library: Library, *, threads: int | None = None, convert: bool = False
) -> Callable[..., torch.Tensor]:
    """The meta-loss as a function of tensors by name, for `backward` and `torch.autograd.grad`.

    There are derivatives with respect to what the spec learns, once; others are an error.
    """
    entry = library.entry("meta_gradient")
    operator = _operator(entry, threads)
    loss = _loss_position(entry)
    learned = set(_gradient_positions(entry))

    def called(*structures: Any, **inputs: Any) -> torch.Tensor:
        tensors = _tensors(entry, [*structures, inputs], convert)
        _refuse_derivatives(entry, tensors, learned)
        return operator(tensors)[loss]

    called.__name__ = called.__qualname__ = "meta_loss"
    called.__doc__ = f"The meta-loss of {library.manifest.name}."
    return called


def _loss_position(entry: Entry) -> int:
    return [array.name for array in entry.description.outputs].index("loss")


def _gradient_positions(entry: Entry) -> dict[int, int]:
    """Positions of gradients among the outputs, by those of the inputs that they belong to."""
    outputs = [array.name for array in entry.description.outputs]
    pairs = learned_inputs(entry.description)
    return {entry.positions[name]: outputs.index(gradient) for name, gradient in pairs.items()}


_lock = threading.Lock()
_operators: dict[int, Any] = {}


def _operator(entry: Entry, threads: int | None) -> Any:
    """The operator of an entry point, of a list of tensors in the order of the call."""
    parallel = entry.library.parallel if threads is None else _parallel.choose(threads)
    if isinstance(parallel, _parallel.Executor):
        # Executors have no identity that another process would know.
        return _define(entry, parallel, f"executor_{id(parallel):x}")
    key = _keys.key(entry, parallel.workers)
    with _lock:
        if key not in _operators:
            _operators[key] = _define(entry, parallel, f"{key:016x}")
        return _operators[key]


def _define(entry: Entry, parallel: Any, suffix: str) -> Any:
    name = f"mixfuse::{entry.library.manifest.name}_{entry.name}_{suffix}"

    def run(inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        arrays = [numpy.ascontiguousarray(tensor.detach().numpy()) for tensor in inputs]
        shaped = [array.reshape(tensor.shape) for array, tensor in zip(arrays, inputs)]
        results = entry.flat_results(dict(zip(entry.positions, shaped)), parallel)
        return [torch.from_numpy(array) for array in results.values()]

    operator = torch.library.custom_op(
        name, run, mutates_args=(), schema="(Tensor[] inputs) -> Tensor[]", device_types="cpu"
    )
    operator.register_fake(
        lambda inputs: [
            torch.empty(array.shape, dtype=DTYPES[array.dtype])
            for array in entry.description.outputs
        ]
    )
    if entry.name == "meta_gradient":
        _register_autograd(operator, entry)
    return operator


def _register_autograd(operator: Any, entry: Entry) -> None:
    """The derivative of the loss among the outputs: the gradients beside it."""
    loss = _loss_position(entry)
    gradient_of = _gradient_positions(entry)

    def keep(ctx: Any, inputs: Any, output: list[torch.Tensor]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*(output[position] for position in gradient_of.values()))

    def backward(ctx: Any, adjoints: list[Any]) -> list[Any]:
        gradients = dict(zip(gradient_of, ctx.saved_tensors))
        adjoint = adjoints[loss]
        # The gradients are outputs of the operator too: who differentiates them ends up here.
        if any(other is not None for i, other in enumerate(adjoints) if i != loss):
            raise MixFuseError(f"{entry.where}: the library has no second derivatives")
        return [
            adjoint * gradients[i] if i in gradients and adjoint is not None else None
            for i in range(len(entry.positions))
        ]

    operator.register_autograd(backward, setup_context=keep)


def _tensors(entry: Entry, structures: list[Any], convert: bool) -> list[torch.Tensor]:
    """Checked tensors in the order of the call."""
    given: dict[str, torch.Tensor] = {}
    for structure in structures:
        for name, value in flatten(structure, entry.positions, entry.where).items():
            if name in given:
                raise ArgumentError(f"{entry.where}: {name}: given twice; give each array once")
            given[name] = _checked(entry, name, value, convert)
    entry.require_complete(given)
    return [given[name] for name in entry.positions]


def _checked(entry: Entry, name: str, value: Any, convert: bool) -> torch.Tensor:
    position = entry.positions.get(name)
    if position is None:
        known = suggestion(name, entry.positions)
        raise ArgumentError(f"{entry.where}: {name}: no such input{known}")
    expected = entry.description.inputs[position]
    if not isinstance(value, torch.Tensor):
        return torch.from_numpy(entry.arrays(({name: value},), {}, convert)[name])
    if value.device.type != "cpu":
        raise ArgumentError(
            f"{entry.where}: {name}: found a tensor on {value.device}; move it to the processor"
        )
    is_type_right = value.dtype == DTYPES[expected.dtype]
    if tuple(value.shape) != expected.shape or not (is_type_right or convert):
        repair = "; pass convert=True to accept it"
        found = f"{value.dtype} {list(value.shape)}".removeprefix("torch.")
        raise ArgumentError(
            f"{entry.where}: {name}: expected {expected}, found {found}"
            + (repair if tuple(value.shape) == expected.shape else "")
        )
    return value.to(DTYPES[expected.dtype])


def _refuse_derivatives(entry: Entry, tensors: list[torch.Tensor], learned: set[int]) -> None:
    """A derivative that the library does not have is an error now, not zeros later."""
    if not torch.is_grad_enabled():
        return
    for position, (name, tensor) in enumerate(zip(entry.positions, tensors)):
        if tensor.requires_grad and position not in learned:
            raise ArgumentError(
                f"{entry.where}: {name}: the library has no derivative with respect to this "
                "input; pass .detach() if none is needed"
            )


def __getattr__(name: str) -> Any:
    # What imports losses needs JAX, and this module, too: its names are found when they are asked for.
    if name == "ImportRefused":
        from mixfuse.importing.errors import ImportRefused

        return ImportRefused
    if name in ("Compiled", "adam", "adamw", "compile", "sgd"):
        from mixfuse import exported

        return getattr(exported, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
