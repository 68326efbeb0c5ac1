# SPDX-License-Identifier: Apache-2.0
"""Products: matrices of any layout, and convolutions as products of windows."""

from __future__ import annotations

from ..graph import F, Tensor
from ..registry import Context, rule
from .movement import padded
from .reduction import filled


@rule("dot_general")
def dot_general(c: Context, a: Tensor, b: Tensor) -> Tensor:
    (a_sum, b_sum), (a_batch, b_batch) = c.params["dimension_numbers"]
    labels_a: list[int | None] = [None] * a.rank
    labels_b: list[int | None] = [None] * b.rank
    count = 0
    for i, j in [*zip(a_batch, b_batch), *zip(a_sum, b_sum)]:
        labels_a[i] = labels_b[j] = count
        count += 1
    for labels in (labels_a, labels_b):
        for axis, label in enumerate(labels):
            if label is None:
                labels[axis] = count
                count += 1
    batch = [labels_a[i] for i in a_batch]
    rows = [x for i, x in enumerate(labels_a) if i not in {*a_batch, *a_sum}]
    columns = [x for i, x in enumerate(labels_b) if i not in {*b_batch, *b_sum}]
    return product(c, a, labels_a, b, labels_b, batch + rows + columns)


def product(
    c: Context, a: Tensor, labels_a: list, b: Tensor, labels_b: list, output: list
) -> Tensor:
    """A product by the labels of its axes."""
    sizes = dict(zip([*labels_a, *labels_b], [*a.shape, *b.shape]))
    is_whole = c.dtype != F
    a, b = c.converted(a, F), c.converted(b, F)
    result = c.op(f"contract{{{labels_a} {labels_b} to {output}}}", [a, b],
                  [sizes[label] for label in output], F)  # fmt: skip
    return c.converted(result, c.dtype) if is_whole else result


@rule("conv_general_dilated")
def convolution(c: Context, x: Tensor, kernel: Tensor) -> Tensor:
    p = c.params
    numbers = p["dimension_numbers"]
    batch, groups = p["batch_group_count"], p["feature_group_count"]
    if batch != 1:
        c.refuse("groups of the batch")
    spatial = x.rank - 2
    x = c.transpose(x, numbers.lhs_spec)  # batch, features, spatial axes
    kernel = c.transpose(kernel, numbers.rhs_spec)  # out features, in features, spatial axes
    zero = filled(c, 0.0, F)
    config = [(0, 0, 0), (0, 0, 0)]
    for (low, high), dilation in zip(p["padding"], p["lhs_dilation"]):
        config.append((int(low), int(high), int(dilation) - 1))
    x = padded(c, x, zero, config)
    for i in range(spatial):
        size, dilation = kernel.shape[2 + i], int(p["rhs_dilation"][i])
        stride, axis = int(p["window_strides"][i]), 2 + 2 * i
        count = (x.shape[axis] - (size - 1) * dilation - 1) // stride + 1
        x = c.windows(x, axis, count, size, stride=stride, dilation=dilation)
    # batch, features, (count, size) of each spatial axis
    n, features, group = 0, 1, 2
    places = [3 + 2 * i for i in range(spatial)]
    sizes = [4 + 2 * i for i in range(spatial)]
    filters = 3 + 2 * spatial
    windows = [label for pair in zip(places, sizes) for label in pair]
    if groups == 1:
        labels_x, labels_k = [n, features, *windows], [filters, features, *sizes]
        output = [n, filters, *places]
    else:
        x = c.reshape(x, [x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]])
        kernel = c.reshape(kernel, [groups, kernel.shape[0] // groups, *kernel.shape[1:]])
        labels_x = [n, group, features, *windows]
        labels_k = [group, filters, features, *sizes]
        output = [n, group, filters, *places]
    extents = dict(zip([*labels_x, *labels_k], [*x.shape, *kernel.shape]))
    result = c.op(f"contract{{{labels_x} {labels_k} to {output}}}", [x, kernel],
                  [extents[label] for label in output], F)  # fmt: skip
    if groups != 1:
        shape = result.shape
        result = c.reshape(result, [shape[0], shape[1] * shape[2], *shape[3:]])
    order = [0] * result.rank
    for place, axis in enumerate(numbers.out_spec):
        order[axis] = place
    return c.transpose(result, order)
