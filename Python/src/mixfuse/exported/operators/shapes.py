# SPDX-License-Identifier: Apache-2.0
"""Movement, indexing and new arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import torch

from .elementwise import converted
from .table import OPERATORS, operator, require


@operator("view.default", "reshape.default", "_unsafe_view.default")
def reshape(x: Any, shape: list[int]) -> Any:
    return x.reshape(shape)


@operator("view_as.default", "reshape_as.default")
def view_as(x: Any, other: Any) -> Any:
    return x.reshape(other.shape)


@operator("flatten.using_ints")
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    start, end = start_dim % max(x.ndim, 1), end_dim % max(x.ndim, 1)
    return x.reshape(x.shape[:start] + (-1,) + x.shape[end + 1 :])


@operator("unflatten.int")
def unflatten(x: Any, dim: int, sizes: list[int]) -> Any:
    dim %= x.ndim
    return x.reshape(x.shape[:dim] + tuple(sizes) + x.shape[dim + 1 :])


@operator("transpose.int", "swapaxes.default")
def transpose(x: Any, first: int, second: int) -> Any:
    return jnp.swapaxes(x, first, second)


OPERATORS["t.default"] = lambda x: x.T
OPERATORS["numpy_T.default"] = OPERATORS["mT.default"] = lambda x: jnp.swapaxes(x, -1, -2)
OPERATORS["permute.default"] = jnp.transpose
OPERATORS["movedim.intlist"] = OPERATORS["movedim.int"] = jnp.moveaxis
OPERATORS["unsqueeze.default"] = jnp.expand_dims
OPERATORS["flip.default"] = jnp.flip
OPERATORS["diagonal.default"] = jnp.diagonal
OPERATORS["tril.default"] = jnp.tril
OPERATORS["triu.default"] = jnp.triu
OPERATORS["broadcast_tensors.default"] = lambda arrays: list(jnp.broadcast_arrays(*arrays))


@operator("squeeze.default", "squeeze.dim", "squeeze.dims")
def squeeze(x: Any, dims: Any = None) -> Any:
    axes = range(x.ndim) if dims is None else [dims] if isinstance(dims, int) else dims
    return jnp.squeeze(x, tuple(axis % x.ndim for axis in axes if x.shape[axis] == 1))


@operator("expand.default")
def expand(x: Any, shape: list[int], implicit: bool = False) -> Any:
    added = len(shape) - x.ndim
    sizes = [x.shape[i - added] if size == -1 else size for i, size in enumerate(shape)]
    return jnp.broadcast_to(x, sizes)


@operator("expand_as.default")
def expand_as(x: Any, other: Any) -> Any:
    return jnp.broadcast_to(x, other.shape)


@operator("repeat.default", "tile.default")
def repeat(x: Any, counts: list[int]) -> Any:
    return jnp.tile(x, counts)


@operator("repeat_interleave.self_int")
def repeat_interleave(x: Any, count: int, dim: int | None = None) -> Any:
    return jnp.repeat(x, count, axis=dim)


@operator("cat.default", "concat.default")
def cat(arrays: list[Any], dim: int = 0) -> Any:
    return jnp.concatenate(arrays, axis=dim)


@operator("stack.default")
def stack(arrays: list[Any], dim: int = 0) -> Any:
    return jnp.stack(arrays, axis=dim)


@operator("chunk.default")
def chunk(x: Any, chunks: int, dim: int = 0) -> list[Any]:
    size = -(-x.shape[dim] // chunks)
    return split(x, size, dim)


@operator("split.Tensor", "split.sizes", "split_with_sizes.default")
def split(x: Any, sizes: Any, dim: int = 0) -> list[Any]:
    extent = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, extent - start) for start in range(0, extent, sizes)]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [
        jax.lax.slice_in_dim(x, start, start + size, axis=dim)
        for start, size in zip(starts, sizes)
    ]


@operator("unbind.int")
def unbind(x: Any, dim: int = 0) -> list[Any]:
    return [jnp.take(x, i, axis=dim) for i in range(x.shape[dim])]


@operator("select.int")
def select(x: Any, dim: int, index: int) -> Any:
    return jax.lax.index_in_dim(x, index % x.shape[dim], axis=dim, keepdims=False)


@operator("slice.Tensor")
def slice_(
    x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    places = slice(start, end, step).indices(x.shape[dim])
    return jax.lax.slice_in_dim(x, places[0], max(places[0], places[1]), step, axis=dim)


@operator("narrow.default")
def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    return jax.lax.slice_in_dim(x, start, start + length, axis=dim)


@operator("index.Tensor")
def index(x: Any, indices: list[Any]) -> Any:
    return x[tuple(slice(None) if places is None else places for places in indices)]


@operator("index_select.default")
def index_select(x: Any, dim: int, places: Any) -> Any:
    return jnp.take(x, places, axis=dim)


@operator("gather.default")
def gather(x: Any, dim: int, places: Any, sparse_grad: bool = False) -> Any:
    return jnp.take_along_axis(x, places, axis=dim)


@operator("scatter_add.default")
def scatter_add(x: Any, dim: int, places: Any, source: Any) -> Any:
    grid = list(jnp.indices(places.shape, sparse=True))
    grid[dim % x.ndim] = places
    return x.at[tuple(grid)].add(source[tuple(slice(size) for size in places.shape)])


@operator("index_add.default")
def index_add(x: Any, dim: int, places: Any, source: Any, alpha: Any = 1) -> Any:
    return x.at[(slice(None),) * (dim % x.ndim) + (places,)].add(alpha * source)


@operator("embedding.default")
def embedding(
    table: Any, places: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:  # fmt: skip
    require(not scale_grad_by_freq, "embedding", "scale_grad_by_freq=True")
    if padding_idx >= 0:
        # The row is read, and never gets a gradient.
        is_padding = jnp.arange(table.shape[0])[:, None] == padding_idx
        table = jnp.where(is_padding, jax.lax.stop_gradient(table), table)
    return jnp.take(table, places, axis=0)


@operator("one_hot.default")
def one_hot(x: Any, classes: int = -1) -> Any:
    require(classes > 0, "one_hot", "without num_classes the size depends on data")
    return jax.nn.one_hot(x, classes, dtype=jnp.int32)


@operator("roll.default")
def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    return jnp.roll(x, shifts, axis=dims or None)


@operator("constant_pad_nd.default", "pad.default")
def pad(x: Any, widths: list[int], mode: Any = 0, value: Any = None) -> Any:
    if isinstance(mode, str):
        require(mode == "constant", "pad", f"mode={mode!r}")
        mode = value or 0
    pairs = [(0, 0)] * x.ndim
    for number in range(len(widths) // 2):
        pairs[x.ndim - 1 - number] = (widths[2 * number], widths[2 * number + 1])
    return jax.lax.pad(x, jnp.asarray(mode, x.dtype), [(low, high, 0) for low, high in pairs])


# --- New arrays -----------------------------------------------------------------------------------


def _typed(array: Any, dtype: Any) -> Any:
    return array if dtype is None else converted(array, dtype)


@operator("arange.default", "arange.start", "arange.start_step")
def arange(*bounds: Any, dtype: Any = None, **keywords: Any) -> Any:
    return _typed(jnp.arange(*bounds), dtype)


def _filled(shape: Any, value: Any, dtype: Any, like: Any = None) -> Any:
    if dtype is None and like is not None:
        return jnp.full(shape, value, like.dtype)
    if dtype is None:
        # PyTorch's own choice for a number that comes without a type.
        whole = torch.bool if isinstance(value, bool) else torch.int64
        dtype = whole if isinstance(value, int) else torch.get_default_dtype()
    return _typed(jnp.full(shape, value), dtype)


for _name, _value in {"zeros": 0.0, "ones": 1.0}.items():
    OPERATORS[f"{_name}.default"] = lambda shape, dtype=None, _v=_value, **keywords: _filled(
        shape, _v, dtype
    )
    OPERATORS[f"{_name}_like.default"] = lambda x, dtype=None, _v=_value, **keywords: _filled(
        x.shape, _v, dtype, x
    )
    OPERATORS[f"new_{_name}.default"] = lambda x, shape, dtype=None, _v=_value, **keywords: _filled(
        shape, _v, dtype, x
    )


@operator("full.default")
def full(shape: Any, value: Any, dtype: Any = None, **keywords: Any) -> Any:
    return _filled(shape, value, dtype)


@operator("full_like.default")
def full_like(x: Any, value: Any, dtype: Any = None, **keywords: Any) -> Any:
    return _filled(x.shape, value, dtype, x)


@operator("new_full.default")
def new_full(x: Any, shape: Any, value: Any, dtype: Any = None, **keywords: Any) -> Any:
    return _filled(shape, value, dtype, x)


@operator("scalar_tensor.default")
def scalar_tensor(value: Any, dtype: Any = None, **keywords: Any) -> Any:
    return _filled((), float(value) if dtype is None else value, dtype)


@operator("eye.default", "eye.m")
def eye(*sizes: int, dtype: Any = None, **keywords: Any) -> Any:
    return _typed(jnp.eye(*sizes), dtype)
