# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, one class for each thing that a caller may want to tell apart."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MixFuseError(Exception):
    """Anything that this package reports."""


class BuildError(MixFuseError):
    """The compiler could not be run at all, or it did not write a library."""


class CompileError(BuildError):
    """The compiler refused a spec.

    `text` is all that it said, `exit_code` is 1 for an error in the spec, 2 for something that is
    not supported yet, and 3 for a bug of the compiler.
    """

    def __init__(self, text: str, exit_code: int):
        super().__init__(text or f"the compiler ended with exit code {exit_code}")
        self.text = text
        self.exit_code = exit_code


class LibraryError(MixFuseError):
    """A file is not a library that this package can call."""


class NativeError(MixFuseError):
    """The C sources of this package could not be compiled or used."""


class ArgumentError(MixFuseError, ValueError):
    """An entry point was called with other names, shapes or types than it has."""


class CallError(MixFuseError, RuntimeError):
    """A library refused a call; `status` is the number that it returned."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class PositionError(CallError, IndexError):
    """A position, label or step is out of range.

    `check` is the manifest's description of what was checked, `element` the place of the element
    in its array, and `value` what stands there; all None for a library that does not tell.
    """

    def __init__(self, message, check=None, element=None, value=None):
        super().__init__(message, 2)
        self.check = check
        self.element = element
        self.value = value


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known one, or some that exist."""
    known = list(known)
    nearest = difflib.get_close_matches(name, known, n=1)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"; there are: {shown}" if known else ""
