# SPDX-License-Identifier: Apache-2.0
"""Idioms are found in whatever spelling, and only where the fused op is exact."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mixfuse.importing import write_problem

from .models.equinox_models import equinox_attention
from .models.flax_models import flax_transformer
from .models.plain_models import rope_transformer, softmax_attention


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (flax_transformer, {"attention": 2, "linear_cross_entropy": 2}),
        (rope_transformer, {"attention": 2, "linear_cross_entropy": 2}),
        (equinox_attention, {"attention": 2}),
    ],
)
def test_models(model, expected) -> None:
    case = model()
    problem = write_problem(
        case.loss, case.loss, case.theta, case.theta, case.data, case.data,
        optimizer=optax.sgd(0.1), steps=1, initial=True,
    )  # fmt: skip
    assert problem.idioms == expected


def idioms(attention, positions: int = 6) -> tuple[dict[str, int], str]:
    """The idioms of a loss with an attention, and its text."""
    theta = {"w": np.ones((8, 8))}

    def loss(theta, eta, x):
        q = (x @ theta["w"]).reshape(2, positions, 2, 4)
        return jnp.sum(attention(q, q * 2, q + 1) ** 2) * eta["scale"]

    x = np.ones((2, positions, 8))
    problem = write_problem(
        loss, loss, theta, {"scale": np.array(1.0)}, [x], [x], optimizer=optax.sgd(0.1), steps=1
    )
    return problem.idioms, problem.text


def test_spellings_of_attention() -> None:
    def library(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, is_causal=True)

    def windowed(q, k, v):
        places = jnp.arange(q.shape[1])
        ahead = places[:, None] - places
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) * 0.5
        scores = jnp.where((ahead >= 0) & (ahead <= 2), scores, -1e30)
        return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)

    for attention, text in (
        (library, "attention{causal true scale 0.5}"),
        (softmax_attention, "attention{causal true scale 0.5}"),
        (jax.nn.dot_product_attention, "attention{causal false scale 0.5}"),
        (windowed, "attention{causal true scale 0.5 window 2}"),
    ):
        counts, found = idioms(attention)
        assert counts == {"attention": 2}
        assert text in found


def test_a_mask_over_many_heads_is_not_held_whole() -> None:
    def library(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, is_causal=True)

    assert idioms(library, positions=1200)[0] == {"attention": 2}


def test_what_is_not_exact_is_left_alone() -> None:
    def unknown_mask(q, k, v):
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k)
        scores = jnp.where(scores > 0, scores, -1e30)
        return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)

    def weak_mask(q, k, v):
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k)
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -10.0)
        return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)

    def other_axis(q, k, v):
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k)
        return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores, axis=2), v)

    for attention in (unknown_mask, weak_mask, other_axis):
        assert idioms(attention)[0] == {}


def test_cross_entropy_of_other_forms() -> None:
    labels = np.arange(6, dtype=np.int32)

    def count(loss) -> dict[str, int]:
        theta = {"w": np.ones((8, 200)), "b": np.ones(200)}
        return write_problem(
            loss, loss, theta, {"scale": np.array(1.0)}, [np.ones((6, 8)), labels],
            [np.ones((6, 8)), labels], optimizer=optax.sgd(0.1), steps=1,
        ).idioms  # fmt: skip

    def by_log_softmax(theta, eta, x, y):
        log_p = jax.nn.log_softmax(x @ theta["w"])
        return -jnp.take_along_axis(log_p, y[:, None], 1)[:, 0].mean() * eta["scale"]

    def negated_first(theta, eta, x, y):
        log_p = jax.nn.log_softmax(x @ theta["w"])
        return jnp.mean(-jnp.take_along_axis(log_p, y[:, None], 1)[:, 0]) * eta["scale"]

    def with_bias(theta, eta, x, y):
        logits = x @ theta["w"] + theta["b"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    assert count(negated_first) == {"linear_cross_entropy": 2}
    assert count(by_log_softmax) == {}  # The sign stands behind the mean: no node is the loss.
    assert count(with_bias) == {}
