# SPDX-License-Identifier: Apache-2.0
"""Import of JAX programs: traced jaxprs become the graphs of a problem that the compiler reads."""

from .errors import ImportRefused
from .problem import Problem, write_problem

__all__ = ["ImportRefused", "Problem", "write_problem"]
