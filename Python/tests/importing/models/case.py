# SPDX-License-Identifier: Apache-2.0
"""What a model consists of, and random arrays for it."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


@dataclasses.dataclass
class Case:
    """A loss of parameters and data: `loss(theta, eta, *data)`."""

    loss: Callable[..., Any]
    theta: Any
    data: tuple[Any, ...]
    #: Meta parameters of the loss; without any, the start of theta is learned.
    eta: Any = None


class Draw:
    """Random arrays, the same for the same name."""

    def __init__(self, name: str) -> None:
        self.generator = np.random.default_rng(zlib.crc32(name.encode()))

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        """Normal numbers."""
        return self.generator.normal(size=shape) * scale

    def labels(self, count: int, *shape: int) -> np.ndarray:
        """Whole numbers below a count."""
        return self.generator.integers(0, count, shape).astype(np.int32)

    def like(self, tree: Any, scale: float = 0.3) -> Any:
        """Parameters shaped like others, ones being scales around 1."""

        def draw(leaf: Any) -> np.ndarray:
            leaf = np.asarray(leaf)
            is_scale = leaf.ndim == 1 and leaf.size > 0 and bool((leaf == 1).all())
            return np.asarray(self.generator.normal(size=leaf.shape) * scale) + is_scale

        return jax.tree.map(draw, tree)
