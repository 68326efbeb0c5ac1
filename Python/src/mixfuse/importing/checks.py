# SPDX-License-Identifier: Apache-2.0
"""A compiled meta-gradient beside JAX's own: whether it is right, and what it costs."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from .._errors import MixFuseError
from .compiled import compile
from .precision import double_precision
from .trees import as_array
from .unrolled import unrolled_loss


class VerificationFailed(MixFuseError):
    """A compiled meta-gradient is not JAX's. `report` has all errors."""

    def __init__(self, report: Verified) -> None:
        self.report = report
        super().__init__(str(report))


@dataclasses.dataclass(frozen=True)
class Verified:
    """How far the loss and each gradient are from JAX's, in relative norm.

    Attributes:
        errors: by name. A gradient that is zero but for rounding is measured by the others: none
            counts as less than 1e-5 of all.
        tolerance: what is allowed.
    """

    errors: dict[str, float]
    tolerance: float

    @property
    def is_right(self) -> bool:
        """Whether nothing is further away than allowed; a NaN is."""
        return all(error <= self.tolerance for error in self.errors.values())

    def __str__(self) -> str:
        width = max(map(len, self.errors))
        lines = [
            f"{name:{width}}  {error:9.1e}" + ("" if error <= self.tolerance else "  WRONG")
            for name, error in self.errors.items()
        ]
        verdict = "verified" if self.is_right else "MISMATCH"
        lines.append(f"{verdict}: relative errors in f64 against jax.grad, at most {self.tolerance:.0e}")
        return "\n".join(lines)


def verify(
    inner_loss: Callable[..., Any],
    outer_loss: Callable[..., Any],
    theta: Any,
    eta: Any,
    inner_data: Sequence[Any] = (),
    outer_data: Sequence[Any] = (),
    *,
    tolerance: float = 1e-9,
    **options: Any,
) -> Verified:
    """Holds the compiled meta-gradient to `jax.grad` of the unrolled program, both in f64.

    Arguments are those of `compile`; floats are made doubles first. The report can be printed.

    Raises VerificationFailed if an error is larger than `tolerance`.
    """
    with double_precision():
        theta, eta, inner_data, outer_data = (
            _in_double(tree) for tree in (theta, eta, tuple(inner_data), tuple(outer_data))
        )
        options = {**options, "dtype": "f64"}
        compiled = compile(inner_loss, outer_loss, theta, eta, inner_data, outer_data, **options)
        arguments = (eta, theta, inner_data, outer_data)
        loss, gradient = compiled(*arguments)
        total = unrolled_loss(inner_loss, outer_loss, **options)
        expected_loss, expected = jax.jit(jax.value_and_grad(total))(*arguments)
        names = compiled.problem.gradients
        pairs = list(zip(jax.tree.leaves(gradient), jax.tree.leaves(expected), strict=True))
    norms = [float(np.linalg.norm(right)) for _, right in pairs]
    floor = 1e-5 * float(np.linalg.norm(norms))
    size = max(abs(float(expected_loss)), np.finfo(np.float64).tiny)
    errors = {"loss": abs(float(loss) - float(expected_loss)) / size}
    for name, (found, right), norm in zip(names, pairs, norms, strict=True):
        difference = float(np.linalg.norm(np.asarray(found) - np.asarray(right)))
        errors[name] = difference / max(norm, floor, np.finfo(np.float64).tiny)
    report = Verified(errors, tolerance)
    if not report.is_right:
        raise VerificationFailed(report)
    return report


def _in_double(tree: Any) -> Any:
    def double(leaf: Any) -> np.ndarray:
        array = np.asarray(as_array(leaf))
        return array.astype(np.float64) if array.dtype.kind == "f" else array

    return jax.tree.map(double, tree)


@dataclasses.dataclass(frozen=True)
class Compared:
    """Time and memory of a call, compiled and by JAX.

    Attributes:
        seconds: medians of (MixFuse, JAX).
        best: the shortest calls of both.
        memory: bytes besides arguments and results: the arena, and XLA's temporaries.
        difference: the relative distance of the two gradients, in the precision that they have.
    """

    seconds: tuple[float, float]
    best: tuple[float, float]
    memory: tuple[int, int]
    difference: float

    @property
    def speedup(self) -> float:
        """JAX's median time by MixFuse's."""
        return self.seconds[1] / self.seconds[0]

    def __str__(self) -> str:
        rows = [("", "median ms", "best ms", "memory MiB")]
        for number, name in enumerate(("MixFuse", "JAX, jitted")):
            cells = (1e3 * self.seconds[number], 1e3 * self.best[number], self.memory[number] / 2**20)
            rows.append((name, *(f"{cell:.3f}" for cell in cells)))
        lines = [f"{row[0]:12}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
        lines.append(f"{self.speedup:.1f} times as fast; gradients {self.difference:.0e} apart")
        return "\n".join(lines)


def compare(
    inner_loss: Callable[..., Any],
    outer_loss: Callable[..., Any],
    theta: Any,
    eta: Any,
    inner_data: Sequence[Any] = (),
    outer_data: Sequence[Any] = (),
    *,
    seconds: float = 2.0,
    **options: Any,
) -> Compared:
    """Measures the compiled meta-gradient and JAX's own of the same program, in turns.

    Arguments are those of `compile`. JAX's is `jax.value_and_grad` through a scan over the inner steps;
    both are called from jitted JAX for about `seconds` in all, at least five times each.
    """
    compiled = compile(inner_loss, outer_loss, theta, eta, inner_data, outer_data, **options)
    total = unrolled_loss(inner_loss, outer_loss, **options)
    arguments = jax.device_put((eta, theta, tuple(inner_data), tuple(outer_data)))
    reference = jax.jit(jax.value_and_grad(total)).lower(*arguments).compile()
    calls = (jax.jit(compiled), reference)
    (_, ours), (_, theirs) = (jax.block_until_ready(call(*arguments)) for call in calls)
    flat = [
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (ours, theirs)
    ]
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for call, taken in zip(calls, times):
            start = time.perf_counter()
            jax.block_until_ready(call(*arguments))
            taken.append(time.perf_counter() - start)
    entry = compiled.library.entry("meta_gradient").description
    size = max(float(np.linalg.norm(flat[1])), np.finfo(np.float32).tiny)
    return Compared(
        seconds=(statistics.median(times[0]), statistics.median(times[1])),
        best=(min(times[0]), min(times[1])),
        memory=(
            entry.arena_size(options.get("threads", 1)),
            reference.memory_analysis().temp_size_in_bytes,
        ),
        difference=float(np.linalg.norm(flat[0] - flat[1])) / size,
    )
