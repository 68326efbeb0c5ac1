# SPDX-License-Identifier: Apache-2.0
"""Losses of PyTorch as problems of the compiler.

`torch.export` gives a loss as a graph of operators at PyTorch's own level (`linear`, `conv2d`, `lstm`,
`cross_entropy_loss`), before they are decomposed. `program` runs such a graph on JAX's arrays by the
functions of `operators`, so what follows the equations of JAX follows PyTorch's, too.
"""

from .compiled import Compiled, compile
from .optimizers import adam, adamw, sgd

__all__ = ["Compiled", "adam", "adamw", "compile", "sgd"]
