# SPDX-License-Identifier: Apache-2.0
"""Entry points as JAX functions: under jit, in scans, under vmap (one after another), and
`jax.grad` of a meta-loss is the meta-gradient that the compiled call gave.

    meta_loss = mixfuse.jax.meta_loss(library)
    loss, gradient = jax.jit(jax.value_and_grad(meta_loss))({"eta": eta}, {"x_support": x, ...})

Arrays are found by name, in structures of any kind that JAX knows. XLA's buffers are handed to the
library as they are. That takes a C compiler, once; without one calls go through Python.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy

from mixfuse import _jax_native, _parallel
from mixfuse._entry import Entry
from mixfuse._errors import ArgumentError, NativeError, suggestion
from mixfuse._gradients import learned_inputs
from mixfuse._library import Library
from mixfuse._manifest import Array, type_text
from mixfuse._names import unflatten

_IMPORTING = (
    "Compared", "Compiled", "ImportRefused", "VerificationFailed", "Verified", "compare", "compile",
    "verify",
)  # fmt: skip
__all__ = [*_IMPORTING, "function", "meta_loss"]


def function(
    entry: Entry, *, threads: int | None = None, convert: bool = False
) -> Callable[..., dict[str, Any]]:
    """An entry point as a JAX function of structures and keywords, which gives a nested dict.

    It has no derivative; `meta_loss` has. `threads` are those of a pool of the library's own; with
    `convert`, arrays of other types are converted instead of refused.
    """
    call = _flat_call(entry, threads)
    names = [array.name for array in entry.description.outputs]

    def called(*structures: Any, **inputs: Any) -> dict[str, Any]:
        arrays = _arrays(entry, [*structures, inputs], convert)
        return unflatten(dict(zip(names, call(*arrays))))

    called.__name__ = called.__qualname__ = entry.name
    called.__doc__ = f"{entry.where} of a MixFuse library."
    return called


def meta_loss(
    library: Library, *, threads: int | None = None, convert: bool = False
) -> Callable[..., Any]:
    """The meta-loss as a JAX function with a derivative, of structures and keywords.

    `jax.grad` and `jax.value_and_grad` cost one call of `meta_gradient`. There are derivatives with
    respect to what the spec learns, once; asking for others is an error.
    """
    entry = library.entry("meta_gradient")
    differentiable = _differentiable(entry, _flat_call(entry, threads))

    def called(*structures: Any, **inputs: Any) -> Any:
        return differentiable(*_arrays(entry, [*structures, inputs], convert))

    called.__name__ = called.__qualname__ = "meta_loss"
    called.__doc__ = f"The meta-loss of {library.manifest.name}."
    return called


def _differentiable(entry: Entry, call: Callable[..., Any]) -> Callable[..., Any]:
    """The loss of flat arrays, whose derivative is the gradients of the same call."""
    outputs = [array.name for array in entry.description.outputs]
    inputs = entry.description.inputs
    loss = outputs.index("loss")
    gradient_of = {
        entry.positions[name]: outputs.index(gradient)
        for name, gradient in learned_inputs(entry.description).items()
    }

    @jax.custom_vjp
    def value(*arrays: Any) -> Any:
        return call(*arrays)[loss]

    def forward(*arrays: Any) -> tuple[Any, Any]:
        for position, array in enumerate(arrays):
            if array.perturbed and position not in gradient_of:
                raise ArgumentError(
                    f"{entry.where}: {inputs[position].name}: the library has no derivative with "
                    "respect to this input; there are: "
                    + ", ".join(inputs[learned].name for learned in gradient_of)
                )
        results = call(*(array.value for array in arrays))
        return results[loss], {i: results[output] for i, output in gradient_of.items()}

    def backward(gradients: dict[int, Any], adjoint: Any) -> tuple[Any, ...]:
        if isinstance(adjoint, jax.custom_derivatives.SymbolicZero):
            return (None,) * len(inputs)
        return tuple(
            adjoint * gradients[i] if i in gradients else None for i in range(len(inputs))
        )

    value.defvjp(forward, backward, symbolic_zeros=True)
    return value


def _flat_call(entry: Entry, threads: int | None) -> Callable[..., Any]:
    """A function of an entry point's arrays in order, which gives its results in order."""
    parallel = entry.library.parallel if threads is None else _parallel.choose(threads)
    results = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in entry.description.outputs]
    # An executor's loops run Python, which needs the lock that XLA's threads do not hold.
    if isinstance(parallel, _parallel.Executor):
        return _through_python(entry, parallel, results)
    try:
        key = _jax_native.register(entry, parallel)
    except NativeError as error:
        warnings.warn(
            f"calls of {entry.where} in JAX go through Python, which is slower: {error}",
            RuntimeWarning,
            stacklevel=3,
        )
        return _through_python(entry, parallel, results)
    call = jax.ffi.ffi_call(_jax_native.TARGET, results, vmap_method="sequential")
    return lambda *arrays: call(*arrays, key=numpy.int64(key))


def _through_python(entry: Entry, parallel: Any, results: Any) -> Callable[..., Any]:
    names = list(entry.positions)
    outputs = [array.name for array in entry.description.outputs]

    def call(*arrays: Any) -> list[numpy.ndarray]:
        given = entry.arrays((), dict(zip(names, map(numpy.asarray, arrays))), False)
        flat = entry.flat_results(given, parallel)
        return [flat[name] for name in outputs]

    return lambda *arrays: jax.pure_callback(call, results, *arrays, vmap_method="sequential")


def _arrays(entry: Entry, structures: list[Any], convert: bool) -> list[Any]:
    """Checked arrays in the order of the call, of structures that may hold traced ones."""
    if entry.library.manifest.dtype == numpy.float64 and not jax.config.jax_enable_x64:
        raise ArgumentError(
            f"{entry.where}: the library computes in f64, which JAX has switched off; call "
            'jax.config.update("jax_enable_x64", True), or build with dtype="f32"'
        )
    given: dict[str, Any] = {}
    for structure in structures:
        for path, value in jax.tree_util.tree_flatten_with_path(structure)[0]:
            name = ".".join(_key_text(key) for key in path)
            if name in given:
                raise ArgumentError(f"{entry.where}: {name}: given twice; give each array once")
            given[name] = _checked(entry, name, value, convert)
    entry.require_complete(given)
    return [given[name] for name in entry.positions]


def _key_text(key: Any) -> str:
    """One part of a path, as JAX's kinds of keys hold it."""
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _checked(entry: Entry, name: str, value: Any, convert: bool) -> Any:
    position = entry.positions.get(name)
    if position is None:
        known = suggestion(name, entry.positions)
        raise ArgumentError(
            f"{entry.where}: {name or 'an array without a name'}: no such input{known}"
        )
    expected = entry.description.inputs[position]
    if isinstance(value, (bool, int, float, numpy.ndarray, numpy.generic)):
        # Checked by NumPy, before JAX may narrow 64-bit arrays on their way in.
        return jnp.asarray(_plain(entry, name, value, convert))
    if not isinstance(value, jax.Array):
        raise ArgumentError(
            f"{entry.where}: {name}: expected {expected}, found {type(value).__name__}"
        )
    if value.shape != expected.shape or (value.dtype != expected.dtype and not convert):
        raise ArgumentError(_mismatch(entry, expected, value))
    return value.astype(expected.dtype)


def _plain(entry: Entry, name: str, value: Any, convert: bool) -> numpy.ndarray:
    return entry.arrays(({name: value},), {}, convert)[name]


def _mismatch(entry: Entry, expected: Array, value: Any) -> str:
    is_type_only = value.shape == expected.shape
    repair = "; pass convert=True to accept it" if is_type_only else ""
    found = type_text(value.dtype, value.shape)
    return f"{entry.where}: {expected.name}: expected {expected}, found {found}{repair}"


def __getattr__(name: str) -> Any:
    # The tracer imports this module, so its names are found when they are asked for.
    if name in _IMPORTING:
        from mixfuse import importing

        return getattr(importing, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
