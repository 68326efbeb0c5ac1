# SPDX-License-Identifier: Apache-2.0
"""Import of JAX programs: traced jaxprs become the graphs of a problem that the compiler reads."""

from .checks import Compared, VerificationFailed, Verified, compare, verify
from .compiled import Compiled, compile
from .errors import ImportRefused
from .problem import Problem, write_problem

__all__ = [
    "Compared",
    "Compiled",
    "ImportRefused",
    "Problem",
    "VerificationFailed",
    "Verified",
    "compare",
    "compile",
    "verify",
    "write_problem",
]
