# SPDX-License-Identifier: Apache-2.0
"""Images with their channels last.

PyTorch has channels in axis 1, kernels want them last. A convolution's result stays as it was computed, and so
does what is made of it element by element, by norms and by pools: networks of convolutions have no transpose
between their layers. Every other operator is handed the array as PyTorch has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp


class ChannelsLast:
    """An array `[n, ..., c]` that stands for PyTorch's `[n, c, ...]`."""

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def torch(self) -> Any:
        """The array as PyTorch has it."""
        return jnp.moveaxis(self.array, -1, 1)


def last(x: Any) -> Any:
    """`[n, ..., c]` of either form."""
    return x.array if isinstance(x, ChannelsLast) else jnp.moveaxis(x, 1, -1)


def plain(value: Any) -> Any:
    """Arguments as PyTorch has them."""
    if isinstance(value, ChannelsLast):
        return value.torch
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value


#: Operators that take images in either form.
IMAGES: set[Callable[..., Any]] = set()
#: Operators of single elements.
ELEMENTS: set[Callable[..., Any]] = set()


def images(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks an operator that takes images in either form."""
    IMAGES.add(function)
    return function


def applied(function: Callable[..., Any], arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """The operator's result, of channels last as long as that is possible."""
    if function in IMAGES:
        return function(*arguments, **plain(keywords))
    found = [x for x in arguments if isinstance(x, ChannelsLast)]
    others = [x for x in arguments if hasattr(x, "ndim") and x.ndim > 0]
    is_same = len({x.array.shape for x in found}) == 1
    if function in ELEMENTS and is_same and not others and not plain_tensors(keywords):
        arrays = [x.array if isinstance(x, ChannelsLast) else x for x in arguments]
        return ChannelsLast(function(*arrays, **keywords))
    return function(*plain(arguments), **plain(keywords))


def plain_tensors(keywords: dict[str, Any]) -> bool:
    """Whether keywords hold arrays."""
    return any(hasattr(value, "ndim") or isinstance(value, ChannelsLast) for value in keywords.values())
