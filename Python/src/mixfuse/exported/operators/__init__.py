# SPDX-License-Identifier: Apache-2.0
"""PyTorch's operators on JAX's arrays, by the names that `torch.export` gives them: `linear.default`."""

from . import elementwise, losses, networks, reductions, shapes  # noqa: F401  (fill the table)
from .table import OPERATORS

__all__ = ["OPERATORS"]
