# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, each with a text that says what was found and what was expected."""

from __future__ import annotations


class MixFuseError(Exception):
    """The base of all errors of this package."""


class CompileError(MixFuseError):
    """The compiler refused: the text is its own, `code` its exit status (1 the spec, 3 a bug)."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class LibraryError(MixFuseError):
    """A file is no library that this package can call."""


class InputError(MixFuseError, ValueError):
    """An array that a call was given is missing, unknown, or of another shape or type."""


class CallError(MixFuseError, RuntimeError):
    """A library's function returned an error."""


class PositionError(CallError, IndexError):
    """An index array holds a position that is out of range; nothing was computed."""
