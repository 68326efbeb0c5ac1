# SPDX-License-Identifier: Apache-2.0
"""Libraries as functions of JAX: inside `jit`, `scan`, `vmap` and `grad`, with Optax around them.

    loss = mixfuse.jax.meta_loss(library)
    gradient = jax.jit(jax.grad(loss))(eta, data)

XLA calls the library through its foreign function interface, on its own buffers. Where there is no
C compiler for the shim that takes, JAX calls back into Python instead, with a warning.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import matched
from .errors import InputError
from .library import EntryPoint, Library
from .manifest import Array
from .native import NoCompilerError, library as native_library
from .threads import Parallel, parallel
from .trees import flatten, nest

_TARGET = "mixfuse_call"


def function(entry: EntryPoint, threads: int = 1) -> Callable[..., dict[str, Any]]:
    """A function of JAX that calls an entry point: inputs by name, as keywords or in dictionaries,
    outputs as nested dictionaries. It has no derivative; `meta_loss` has.

    Raises InputError, when it is called or traced, if arrays are missing or do not fit. Positions
    out of range are an error of the JAX runtime.
    """
    call = _call(entry, threads)
    facts = entry.facts
    where = f"{entry.library.manifest.name}.{entry.name}"

    def run(*trees: Mapping[str, Any], **inputs: Any) -> dict[str, Any]:
        given = flatten({name: part for tree in trees for name, part in tree.items()} | inputs)
        values = matched(facts.inputs, given, where)
        arrays = [_fitting(value, array, where) for value, array in zip(values, facts.inputs)]
        results = call(*arrays)
        return nest({array.name: result for array, result in zip(facts.outputs, results)})

    return run


def meta_loss(library: Library, threads: int = 1) -> Callable[..., Any]:
    """The outer loss after the inner optimisation, `loss(metas, data)`, whose gradient by `metas`
    is the library's meta-gradient: one call computes both.

    `metas` are the meta parameters by name (`{"eta": {...}, "rate": ...}`), `data` the other
    inputs.
    """
    entry = library.entry("meta_gradient")
    run = function(entry, threads)
    gradients = _gradient_names(entry)

    @jax.custom_vjp
    def loss(metas: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
        return run(metas, data)["loss"]

    def forward(metas: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[Any, Any]:
        outputs = flatten(run(metas, data))
        names = [name for name in flatten(metas)]
        unknown = [name for name in names if name not in gradients]
        if unknown:
            raise InputError(f"{', '.join(unknown)}: no meta parameters; pass them as data")
        leaves = [outputs[gradients[name]] for name in names]
        return outputs["loss"], (_like(metas, leaves), data)

    def backward(saved: Any, cotangent: Any) -> tuple[Any, Any]:
        gradient, data = saved
        return jax.tree.map(lambda leaf: cotangent * leaf, gradient), jax.tree.map(_zero, data)

    loss.defvjp(forward, backward)
    return loss


def _gradient_names(entry: EntryPoint) -> dict[str, str]:
    """The output that is the gradient by each meta parameter. A gradient is called `grad`, or
    `grad.` and the name of its parameter, which a single tree of parameters is left out of."""
    names = [array.name for array in entry.facts.inputs]
    result: dict[str, str] = {}
    for output in (array.name for array in entry.facts.outputs):
        if output != "grad" and not output.startswith("grad."):
            continue
        rest = output[len("grad.") :]
        exact = [name for name in names if name == rest]
        # `theta` and data come after the metas, where names end alike.
        inside = [n for n in names if "." in n and n.split(".", 1)[1] == rest and n[:6] != "theta."]
        found = exact or inside or [name for name in names if not rest and "." not in name]
        if found:
            result[found[0]] = output
    return result


def _like(tree: Any, leaves: list[Any]) -> Any:
    """The leaves, which are in the order of `flatten`, in the structure of the tree."""
    rest = iter(leaves)

    def rebuilt(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {name: rebuilt(part) for name, part in node.items()}
        if isinstance(node, tuple) and hasattr(node, "_fields"):
            return type(node)(*(rebuilt(part) for part in node))
        if isinstance(node, (list, tuple)):
            return type(node)(rebuilt(part) for part in node)
        return next(rest)

    return rebuilt(tree)


def _zero(x: Any) -> Any:
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.zeros_like(x)
    return np.zeros(x.shape, jax.dtypes.float0)


def _fitting(value: Any, wanted: Array, where: str) -> Any:
    """The value as an array of the wanted type; numbers of Python take it. Raises InputError."""
    is_plain = isinstance(value, (bool, int, float))
    array = jnp.asarray(value, wanted.dtype) if is_plain else jnp.asarray(value)
    if array.shape != wanted.shape or array.dtype != wanted.dtype:
        found = f"{array.dtype.name} {list(array.shape)}"
        raise InputError(f"{where}: {wanted.name} is {found}, expected {wanted.description}")
    return array


# Calls -------------------------------------------------------------------------------------------


def _call(entry: EntryPoint, threads: int) -> Callable[..., Any]:
    facts = entry.facts
    results = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in facts.outputs]
    try:
        _register()
    except NoCompilerError as fault:
        warnings.warn(f"{fault}; JAX calls the library through Python", stacklevel=3)
        return _callback(entry, threads, results)
    workers = parallel(threads)
    count = workers.workers if workers else 1
    attributes = {
        "entry": np.int64(entry.address),
        "arena": np.int64(max(facts.arena_bytes + count * facts.arena_bytes_per_worker, 1)),
        "parallel": np.int64(_address(workers)),
    }
    call = jax.ffi.ffi_call(_TARGET, results, vmap_method="sequential")
    return lambda *arrays: call(*arrays, **attributes)


def _address(workers: Parallel | None) -> int:
    return workers.address if workers else 0


def _callback(entry: EntryPoint, threads: int, results: list[Any]) -> Callable[..., Any]:
    names = [array.name for array in entry.facts.inputs]
    outputs = [array.name for array in entry.facts.outputs]

    def run(*arrays: Any) -> list[Any]:
        session = entry.session(threads)
        session.set({name: np.asarray(array) for name, array in zip(names, arrays)})
        found = session.run()
        return [found[name] for name in outputs]

    return lambda *arrays: jax.pure_callback(run, results, *arrays, vmap_method="sequential")


def _register() -> None:
    """Make the shim known to JAX, once. Raises NoCompilerError."""
    global _is_registered
    with _lock:
        if _is_registered:
            return
        shim = native_library("xla_shim", ["xla_shim.c"], [jax.ffi.include_dir()])
        capsule = jax.ffi.pycapsule(shim.mixfuse_xla_call)
        jax.ffi.register_ffi_target(_TARGET, capsule, platform="cpu")
        _is_registered = True


_lock = threading.Lock()
_is_registered = False


def __getattr__(name: str) -> Any:
    # The tracer imports this module, so its names are found when they are asked for.
    if name in ("compile", "Compiled", "ImportRefused"):
        from . import importing

        return getattr(importing, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
