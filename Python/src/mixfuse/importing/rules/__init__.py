# SPDX-License-Identifier: Apache-2.0
"""The lowering rules, a file for each subject. Importing this fills the registry."""

from . import (  # noqa: F401
    calls,
    contraction,
    control_flow,
    elementwise,
    indexing,
    movement,
    order,
    reduction,
)
