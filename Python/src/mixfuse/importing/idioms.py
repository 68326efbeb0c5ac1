# SPDX-License-Identifier: Apache-2.0
"""Idioms that become fused ops."""

from __future__ import annotations

from .graph import Graph


def recognize(graph: Graph, counts: dict[str, int]) -> None:
    """Replaces the idioms of a graph, and counts them."""
