# SPDX-License-Identifier: Apache-2.0
"""Numbers of 64 bits in JAX, which has none unless it is told to."""

from __future__ import annotations

from contextlib import AbstractContextManager

import jax


def double_precision() -> AbstractContextManager[None]:
    """JAX with 64-bit numbers, for as long as the context lasts."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()
