# SPDX-License-Identifier: Apache-2.0
"""Models of the kinds that users have, as inner losses. A model is a function that makes a
`Case`."""

from . import equinox_models, flax_models, haiku_models, nnx_models, plain_models
from .case import Case

ALL = [
    *flax_models.ALL,
    *nnx_models.ALL,
    *equinox_models.ALL,
    *haiku_models.ALL,
    *plain_models.ALL,
]

__all__ = ["ALL", "Case"]
