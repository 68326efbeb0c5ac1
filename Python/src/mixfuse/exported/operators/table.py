# SPDX-License-Identifier: Apache-2.0
"""The table of operators: a name without `aten.` to a function of the operator's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...importing.errors import ImportRefused

OPERATORS: dict[str, Callable[..., Any]] = {}


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function under names."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            OPERATORS[name] = function
        return function

    return enter


def require(condition: bool, what: str, reason: str) -> None:
    """Refuses a form of an operator that has no equal."""
    if not condition:
        raise ImportRefused(what, reason)
