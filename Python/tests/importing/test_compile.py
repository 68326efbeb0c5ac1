# SPDX-License-Identifier: Apache-2.0
"""`mixfuse.jax.compile`: losses of JAX become a function of JAX that is compiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mixfuse.jax
import numpy as np
import optax
import pytest

from .comparison import unrolled

R = np.random.default_rng(4)
THETA = {"w": R.normal(size=(5, 3)), "b": R.normal(size=3)}
DATA = (R.normal(size=(7, 5)), R.integers(0, 3, 7).astype(np.int32))
VALIDATION = (R.normal(size=(6, 5)), R.integers(0, 3, 6).astype(np.int32))
OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2, eps_root=1e-12))
STEPS = 4


def losses(theta, x, y):
    logits = jnp.tanh(x) @ theta["w"] + theta["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y)


def inner(theta, eta, x, y):
    return jnp.mean(jax.nn.softplus(eta["weights"]) * losses(theta, x, y)) + 0.1 * jnp.sum(
        jnp.exp(eta["decay"]) * theta["w"] ** 2
    )


def outer(theta, eta, x, y):
    return jnp.mean(losses(theta, x, y))


@pytest.fixture(scope="module")
def compiled():
    return mixfuse.jax.compile(
        inner, outer, THETA, ETA, DATA, VALIDATION, optimizer=OPTIMIZER, steps=STEPS
    )


ETA = {"weights": R.normal(size=7), "decay": R.normal(size=())}


def test_loss_and_gradient_are_those_of_the_unrolled_program(compiled):
    loss, gradient = jax.jit(compiled)(ETA, THETA, DATA, VALIDATION)
    program = unrolled(inner, outer, OPTIMIZER, STEPS)
    right, slope = jax.value_and_grad(program, argnums=1)(THETA, ETA, DATA, VALIDATION)
    assert abs(loss - right) <= 1e-12 * abs(right)
    assert jax.tree.structure(gradient) == jax.tree.structure(ETA)
    for found, wanted in zip(jax.tree.leaves(gradient), jax.tree.leaves(slope), strict=True):
        assert np.linalg.norm(found - wanted) <= 1e-9 * np.linalg.norm(wanted)
    derived = jax.grad(lambda eta: 2 * compiled.loss(eta, THETA, DATA, VALIDATION))(ETA)
    np.testing.assert_allclose(derived["weights"], 2 * gradient["weights"], rtol=1e-12)


def test_it_learns_inside_scan(compiled):
    outer_optimizer = optax.adam(0.1)

    def step(carry, _):
        eta, state = carry
        loss, gradient = compiled(eta, THETA, DATA, VALIDATION)
        updates, state = outer_optimizer.update(gradient, state)
        return (optax.apply_updates(eta, updates), state), loss

    run = jax.jit(
        lambda eta: jax.lax.scan(step, (eta, outer_optimizer.init(eta)), length=40)[1]
    )
    found = run(ETA)
    assert found[-1] < found[0]


def test_an_initialisation_is_learned_without_a_theta():
    def loss(theta, eta, x, y):
        return jnp.mean(losses(theta, x, y))

    compiled = mixfuse.jax.compile(
        loss, loss, THETA, THETA, DATA, VALIDATION, optimizer=OPTIMIZER, steps=2, initial=True
    )
    value, gradient = compiled(THETA, None, DATA, VALIDATION)
    program = unrolled(loss, loss, OPTIMIZER, 2)
    right, slope = jax.value_and_grad(lambda p: program(p, p, DATA, VALIDATION))(THETA)
    assert abs(value - right) <= 1e-12 * abs(right)
    np.testing.assert_allclose(gradient["w"], slope["w"], rtol=1e-9)


def test_what_does_not_fit_is_said(compiled):
    with pytest.raises(ValueError, match="1 arrays were given for"):
        compiled(ETA, THETA, DATA[:1], VALIDATION)
    with pytest.raises(mixfuse.ArgumentError, match="expected"):
        compiled(ETA, THETA, (DATA[0][:3], DATA[1]), VALIDATION)


def test_what_cannot_be_imported_is_refused_with_its_place():
    def draws(theta, eta, x, y):
        return jnp.sum(jax.lax.lgamma(theta["b"])) * jnp.sum(eta["weights"])

    with pytest.raises(mixfuse.jax.ImportRefused, match="lgamma") as refusal:
        mixfuse.jax.compile(
            draws, outer, THETA, ETA, DATA, VALIDATION, optimizer=OPTIMIZER, steps=1
        )
    assert "test_compile.py" in str(refusal.value)
