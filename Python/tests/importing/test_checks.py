# SPDX-License-Identifier: Apache-2.0
"""`mixfuse.jax.verify` and `compare`: reports of right programs, and of one that is made wrong."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mixfuse.jax
import numpy as np
import optax
import pytest
from mixfuse.importing import checks

R = np.random.default_rng(2)
THETA = {"w": R.normal(size=(5, 3)).astype(np.float32), "b": np.zeros(3, np.float32)}
ETA = {"weights": R.normal(size=7).astype(np.float32)}
DATA = (R.normal(size=(7, 5)).astype(np.float32), R.integers(0, 3, 7).astype(np.int32))
HELD_OUT = (R.normal(size=(6, 5)).astype(np.float32), R.integers(0, 3, 6).astype(np.int32))
HOW = {"optimizer": optax.adam(1e-2, eps_root=1e-8), "steps": 3}


def losses(theta, x, y):
    logits = jnp.tanh(x) @ theta["w"] + theta["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y)


def inner(theta, eta, x, y):
    return jnp.mean(jax.nn.softplus(eta["weights"]) * losses(theta, x, y))


def outer(theta, eta, x, y):
    return jnp.mean(losses(theta, x, y))


def plain(theta, eta, x, y):
    return jnp.mean(losses(theta, x, y))


def test_right_in_double():
    report = mixfuse.jax.verify(inner, outer, THETA, ETA, DATA, HELD_OUT, **HOW)
    assert set(report.errors) == {"loss", "grad.weights"}
    assert max(report.errors.values()) < 1e-12
    assert str(report).endswith("verified: relative errors in f64 against jax.grad, at most 1e-09")


def test_starts_tasks_and_streams():
    tasks, steps = 2, 3
    x, y = R.normal(size=(tasks, steps, 7, 5)), R.integers(0, 3, (tasks, steps, 7))
    held_out = (R.normal(size=(tasks, 6, 5)), R.integers(0, 3, (tasks, 6)).astype(np.int32))
    report = mixfuse.jax.verify(
        plain, plain, THETA, THETA, (x, y.astype(np.int32)), held_out, initial=True,
        streamed=True, tasks=tasks, **HOW)  # fmt: skip
    assert set(report.errors) == {"loss", "grad.w", "grad.b"}


def test_a_wrong_reference_is_found(monkeypatch):
    right = checks.unrolled_loss

    def wrong(*arguments, **options):
        loss = right(*arguments, **options)
        return lambda eta, *rest: loss(jax.tree.map(lambda leaf: 1.001 * leaf, eta), *rest)

    monkeypatch.setattr(checks, "unrolled_loss", wrong)
    with pytest.raises(mixfuse.jax.VerificationFailed, match=r"grad\.weights .* WRONG\nMISMATCH"):
        mixfuse.jax.verify(inner, outer, THETA, ETA, DATA, HELD_OUT, **HOW)


def test_comparison():
    found = mixfuse.jax.compare(inner, outer, THETA, ETA, DATA, HELD_OUT, seconds=0.2, **HOW)
    assert found.difference < 1e-3
    assert all(0 < best <= median for best, median in zip(found.best, found.seconds))
    assert found.memory[1] > 0
    assert "times as fast" in str(found)
