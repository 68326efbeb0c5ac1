# SPDX-License-Identifier: Apache-2.0
"""Imported models against the same programs jitted by JAX: loss and meta-gradient, in turns.

    MIXFUSE=.build/release/mixfuse python Benchmarks/imported_models.py

Needs the package of `Python/` with `jax` and `test`. The models are those of the import tests,
small, in float32; three inner steps of clipped Adam. Both programs are called from jitted JAX,
alternately; best and median of each, and the ratio of the medians.
"""

import pathlib
import statistics
import sys
import time

import jax
import numpy as np
import optax

import mixfuse.jax

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Python" / "tests"))
from importing.comparison import unrolled  # noqa: E402
from importing.models import ALL  # noqa: E402

STEPS, SECONDS = 3, 2.0


def single(tree):
    """The arrays with floats in float32."""

    def cast(x):
        x = np.asarray(x)
        return x.astype(np.float32) if x.dtype == np.float64 else x

    return jax.tree.map(cast, tree)


def programs(case):
    """The two programs, and their arguments."""
    theta, data, is_initial = single(case.theta), single(case.data), case.eta is None
    eta = theta if is_initial else single(case.eta)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2, eps_root=1e-8))
    compiled = mixfuse.jax.compile(
        case.loss, case.loss, theta, eta, data, data,
        optimizer=optimizer, steps=STEPS, initial=is_initial,
    )  # fmt: skip
    total = unrolled(case.loss, case.loss, optimizer, STEPS)

    def reference(eta, theta, data):
        return total(eta if is_initial else theta, eta, data, data)

    def ours(eta, theta, data):
        return compiled(eta, None if is_initial else theta, data, data)

    arguments = jax.device_put((eta, theta, data))
    return jax.jit(ours), jax.jit(jax.value_and_grad(reference)), arguments


def main():
    """Measure and print a table."""
    print("| model | MixFuse us best (median) | JAX us best (median) | ratio |\n|---|---|---|---|")
    for model in ALL:
        ours, theirs, arguments = programs(model())
        times = [[], []]
        for call in (ours, theirs):
            jax.block_until_ready(call(*arguments))
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end or len(times[0]) < 5:
            for call, seconds in zip((ours, theirs), times):
                start = time.perf_counter()
                jax.block_until_ready(call(*arguments))
                seconds.append(time.perf_counter() - start)
        best = [1e6 * min(seconds) for seconds in times]
        median = [1e6 * statistics.median(seconds) for seconds in times]
        cells = [f"{best[i]:.0f} ({median[i]:.0f})" for i in (0, 1)]
        cells.append(f"{median[1] / median[0]:.1f}")
        print(f"| {model.__name__} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
