# SPDX-License-Identifier: Apache-2.0
"""What cannot be imported, said with the name of the primitive and the place in the user's file."""


class ImportRefused(NotImplementedError):
    """A program that has no equal in the compiler's graphs.

    Attributes:
        what: the primitive or feature, by JAX's name.
        reason: what about it is not supported, or what to write instead.
        location: ``file:line:column`` in the user's program; empty if it is not known.
    """

    def __init__(self, what: str, reason: str = "", location: str = "") -> None:
        self.what = what
        self.reason = reason
        self.location = location
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{place}{self.what} cannot be imported{reason}"

    def at(self, location: str) -> "ImportRefused":
        """The same refusal, with a place if it has none yet."""
        return self if self.location else ImportRefused(self.what, self.reason, location)
