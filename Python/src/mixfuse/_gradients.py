# SPDX-License-Identifier: Apache-2.0
"""Which input each meta-gradient belongs to.

A manifest does not say, but the compiler names gradients by a rule: `grad.LEAF` where one thing is
learned (`eta.w1` has `grad.w1`, a single array has `grad`), `grad.INPUT` where several are.
"""

from __future__ import annotations

from collections.abc import Sequence

from mixfuse._errors import LibraryError
from mixfuse._manifest import Array, EntryPoint


def learned_inputs(description: EntryPoint) -> dict[str, str]:
    """The names of gradients by the names of the inputs that they belong to."""
    gradients = [
        array
        for array in description.outputs
        if array.name == "grad" or array.name.startswith("grad.")
    ]
    pairs = (
        _single_array(gradients, description.inputs)
        or _single_group(gradients, description.inputs)
        or _several(gradients, description.inputs)
    )
    if not pairs:
        raise LibraryError(
            f"{description.name}: cannot tell which inputs its gradients belong to"
        )
    return pairs


def _single_array(gradients: Sequence[Array], inputs: Sequence[Array]) -> dict[str, str]:
    if [array.name for array in gradients] != ["grad"]:
        return {}
    # Learned arrays come before data, and parameters (of which there may be some in front) are
    # always in a group.
    (gradient,) = gradients
    fitting = [a for a in inputs if "." not in a.name and a.shape == gradient.shape]
    return {fitting[0].name: "grad"} if fitting else {}


def _single_group(gradients: Sequence[Array], inputs: Sequence[Array]) -> dict[str, str]:
    leaves = {array.name.removeprefix("grad."): array.shape for array in gradients}
    groups: dict[str, dict[str, tuple[int, ...]]] = {}
    for array in inputs:
        group, _, leaf = array.name.partition(".")
        if leaf:
            groups.setdefault(group, {})[leaf] = array.shape
    fitting = [group for group, found in groups.items() if found == leaves]
    # The initial parameters come first and may have the same arrays, as rates for each of them do.
    return {f"{fitting[-1]}.{leaf}": f"grad.{leaf}" for leaf in leaves} if fitting else {}


def _several(gradients: Sequence[Array], inputs: Sequence[Array]) -> dict[str, str]:
    shapes = {array.name: array.shape for array in inputs}
    names = {array.name.removeprefix("grad."): array for array in gradients}
    if any(shapes.get(name) != array.shape for name, array in names.items()):
        return {}
    return {name: array.name for name, array in names.items()}
