# SPDX-License-Identifier: Apache-2.0
"""All comparisons are in f64, on the CPU."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
