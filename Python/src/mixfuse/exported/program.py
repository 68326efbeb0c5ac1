# SPDX-License-Identifier: Apache-2.0
"""A loss of PyTorch as a function of JAX's arrays."""

from __future__ import annotations

import functools
import operator
import re
import warnings
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

from ..importing.errors import ImportRefused
from .operators import OPERATORS
from .operators.layout import applied, plain

#: A frame of a traceback as PyTorch writes it.
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\w+)')
_LIBRARIES = re.compile(r"/(site-packages|dist-packages)/|/torch/|/mixfuse/exported/|<")


class _Wrapped(torch.nn.Module):
    """A loss as a module, which is what `torch.export` takes."""

    def __init__(self, model: torch.nn.Module, loss: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, eta: Any, *data: Any) -> Any:
        return self.loss(self.model, eta, *data)


class ExportedLoss:
    """`loss(model, eta, *data)` as a function `(theta, eta, *data)` of trees of JAX's arrays.

    Raises ImportRefused for an operator that has no equal here, with the user's file and line.
    """

    def __init__(
        self, loss: Callable[..., Any], model: torch.nn.Module, eta: Any, data: Sequence[Any]
    ) -> None:
        self.__name__ = getattr(loss, "__name__", "problem")
        self.__wrapped__ = loss  # where the problem's source is found, and the names of data
        wrapped = _Wrapped(model, loss)
        with torch.no_grad(), warnings.catch_warnings():
            # Recurrences keep a list of their weights, which the export replaces for its own time.
            warnings.filterwarnings("ignore", message="The tensor attributes? .*_flat_weights")
            exported = torch.export.export(wrapped, (eta, *data), strict=False)
        # In place becomes out of place; operators stay as the user called them.
        exported = exported.run_decompositions({})
        self.graph = exported.graph
        signature = exported.graph_signature
        self.parameters = {
            name: path.removeprefix("model.") for name, path in signature.inputs_to_parameters.items()
        }
        constants = {**signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        self.constants = {
            name: tensor_array(_found(exported, path)) for name, path in constants.items()
        }
        self.user_inputs = list(signature.user_inputs)
        self.example = (eta, *data)
        self.result = signature.user_outputs[0]
        if len(signature.user_outputs) != 1:
            raise ImportRefused(f"{self.__name__} with several results", "a loss is one scalar")
        for node in self.graph.nodes:
            if node.op == "call_function" and _operator(node) is None:
                raise ImportRefused(str(node.target), "", place(node))

    def __call__(self, theta: dict[str, Any], eta: Any, *data: Any) -> Any:
        values: dict[str, Any] = dict(self.constants)
        values |= {name: theta[path] for name, path in self.parameters.items()}
        given = _leaves(self.example, (eta, *data))
        values |= dict(zip(self.user_inputs, given, strict=True))
        for node in self.graph.nodes:
            if node.op == "call_function":
                arguments = _mapped(node.args, values)
                keywords = _mapped(dict(node.kwargs), values)
                function = _operator(node)
                try:
                    values[node.name] = _at(place(node))(function, arguments, keywords)
                except ImportRefused as refusal:
                    raise refusal.at(place(node)) from None
        return plain(values[self.result])


def _found(exported: Any, path: str) -> torch.Tensor:
    """A buffer or constant of an exported program."""
    tensor = exported.state_dict.get(path)
    return exported.constants[path] if tensor is None else tensor


def tensor_array(tensor: torch.Tensor) -> np.ndarray:
    """The values of a tensor."""
    return tensor.detach().cpu().numpy()


def _leaves(example: Any, tree: Any) -> list[Any]:
    """The leaves of a tree in the order in which PyTorch took those of the example: that of the keys of
    its dicts, which JAX sorts."""
    if isinstance(example, dict):
        return [leaf for name, part in example.items() for leaf in _leaves(part, tree[name])]
    if isinstance(example, (list, tuple)):
        return [leaf for one, part in zip(example, tree) for leaf in _leaves(one, part)]
    return [tree]


def _mapped(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, torch.fx.Node):
        return values[value.name]
    if isinstance(value, (list, tuple)):
        return [_mapped(part, values) for part in value]
    if isinstance(value, dict):
        return {name: _mapped(part, values) for name, part in value.items()}
    return value


def _operator(node: Any) -> Callable[..., Any] | None:
    if node.target is operator.getitem:
        return operator.getitem
    return OPERATORS.get(str(node.target).removeprefix("aten."))


def place(node: Any) -> str:
    """Where the user called an operator: `file:line`, the innermost frame that is no library's."""
    frames = [
        (file, line)
        for file, line, _ in _FRAME.findall(node.meta.get("stack_trace") or "")
        if not _LIBRARIES.search(file)
    ]
    return f"{frames[-1][0]}:{frames[-1][1]}" if frames else ""


@functools.cache
def _at(location: str) -> Callable[..., Any]:
    """A function that calls another at a place of the user's file: what JAX then remembers of its
    equations is that place."""
    file, _, line = location.rpartition(":")
    source = "lambda function, arguments, keywords: applied(function, arguments, keywords)"
    if not file:
        return applied
    code: CodeType = compile("\n" * (int(line) - 1) + source, file, "eval")
    return eval(code, {"applied": applied})


def shape_like(tree: Any) -> Any:
    """A tree of tensors as one of NumPy's arrays."""
    if isinstance(tree, dict):
        return {name: shape_like(part) for name, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(shape_like(part) for part in tree)
    return tensor_array(tree) if isinstance(tree, torch.Tensor) else jnp.asarray(tree)
