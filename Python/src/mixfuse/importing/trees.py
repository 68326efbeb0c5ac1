# SPDX-License-Identifier: Apache-2.0
"""Names of the leaves of PyTrees: `dense.kernel`, `layers_0.w`, after the path to each leaf."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .errors import ImportRefused


def leaf_names(prefix: str, tree: Any) -> list[str]:
    """A dotted name for each leaf of a tree, all different.

    The key of a mapping or the name of an attribute is a part; the number of an element of a
    sequence is added to the part before it.
    """
    names: list[str] = []
    for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]:
        parts = [prefix]
        for key in path:
            number = getattr(key, "idx", None)
            text = key_text(key)
            if number is not None or text.isdigit():
                parts[-1] += f"_{text}"
            elif text:
                parts.append(text if not text[0].isdigit() else f"n{text}")
        if len(parts) > 1 and parts[-1] == "value" and type(path[-1]).__name__ == "GetAttrKey":
            parts.pop()  # The value of a variable of flax.nnx.
        names.append(".".join(parts))
    return distinct(names)


def key_text(key: Any) -> str:
    """A key of a path as a part of a name."""
    for attribute in ("name", "key", "idx"):
        if hasattr(key, attribute):
            return re.sub(r"\W+", "_", str(getattr(key, attribute)), flags=re.ASCII).strip("_")
    return re.sub(r"\W+", "_", str(key), flags=re.ASCII).strip("_")


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with numbers where several are the same."""
    taken = set(names)
    result: list[str] = []
    for name in names:
        number, candidate = 2, name
        while candidate in result or (candidate != name and candidate in taken):
            candidate = f"{name}_{number}"
            number += 1
        result.append(candidate)
    return result


def initializer(array: Any, *, is_data: bool) -> str:
    """How the compiler's own tools draw an array when they are given none: like the one at hand.

    Args:
        array: the array, or what only has its shape and type.
        is_data: whether zeros stand for an array that is to come, not for a start at zero.
    """
    if isinstance(array, jax.ShapeDtypeStruct):
        is_whole = np.issubdtype(array.dtype, np.integer)
        return "integers(0.0, 1.0)" if is_whole else f"normal(0.0, {1.0 if is_data else 0.1})"
    values = np.asarray(array)
    if values.dtype.kind in "iub":
        return f"integers({float(values.min())!r}, {float(int(values.max()) + 1)!r})"
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        return "normal(0.0, 1.0)"
    if (values == values.flat[0]).all():
        number = float(values.flat[0])
        if number == 0:
            return "normal(0.0, 1.0)" if is_data else "zeros"
        return "ones" if number == 1 else f"constant({number!r})"
    return f"normal({float(values.mean())!r}, {float(values.std())!r})"


def as_array(leaf: Any) -> Any:
    """A leaf with a shape and a type."""
    return leaf if hasattr(leaf, "dtype") and hasattr(leaf, "shape") else np.asarray(leaf)


def require_floats(names: Sequence[str], tree: Any) -> None:
    """Refuses a tree with leaves that have no derivative."""
    for name, leaf in zip(names, jax.tree.leaves(tree)):
        dtype = getattr(leaf, "dtype", np.asarray(leaf).dtype)
        if not jax.numpy.issubdtype(dtype, jax.numpy.floating):
            raise ImportRefused(
                f"the parameter {name} of {dtype}", "parameters are floats; pass it as data"
            )
