# SPDX-License-Identifier: Apache-2.0
"""Haiku."""

import haiku as hk
import jax
import jax.numpy as jnp
import optax

from .case import Case, Draw


def haiku_mlp() -> Case:
    def network(x, y):
        logits = hk.nets.MLP([8, 8, 4], activation=jax.nn.tanh)(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    draw, model = Draw("haiku_mlp"), hk.without_apply_rng(hk.transform(network))
    data = (draw.normal(5, 6), draw.labels(4, 5))
    theta = draw.like(model.init(jax.random.key(0), *data))
    return Case(lambda theta, eta, x, y: model.apply(theta, x, y), theta, data)


def haiku_lstm() -> Case:
    def network(x):
        core = hk.LSTM(5)
        outputs, _ = hk.dynamic_unroll(core, x, core.initial_state(x.shape[1]))
        return jnp.mean(hk.Linear(1)(outputs) ** 2)

    draw, model = Draw("haiku_lstm"), hk.without_apply_rng(hk.transform(network))
    x = draw.normal(6, 2, 3)
    theta = draw.like(model.init(jax.random.key(0), x))
    return Case(lambda theta, eta, x: model.apply(theta, x), theta, (x,))


ALL = [haiku_mlp, haiku_lstm]
