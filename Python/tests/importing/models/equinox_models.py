# SPDX-License-Identifier: Apache-2.0
"""Equinox: modules of one example, vmapped."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from .case import Case, Draw


def equinox_lstm() -> Case:
    class Net(eqx.Module):
        cell: eqx.nn.LSTMCell
        out: eqx.nn.Linear

        def __init__(self, key):
            first, second = jax.random.split(key)
            self.cell = eqx.nn.LSTMCell(3, 6, key=first)
            self.out = eqx.nn.Linear(6, 4, key=second)

        def __call__(self, xs):
            start = (jnp.zeros(6), jnp.zeros(6))
            (h, _), _ = jax.lax.scan(lambda state, x: (self.cell(x, state), None), start, xs)
            return self.out(h)

    draw = Draw("equinox_lstm")
    theta, static = eqx.partition(Net(jax.random.key(0)), eqx.is_array)

    def loss(theta, eta, xs, y):
        logits = jax.vmap(eqx.combine(theta, static))(xs)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return Case(loss, draw.like(theta), (draw.normal(4, 7, 3), draw.labels(4, 4)))


def equinox_attention() -> Case:
    class Net(eqx.Module):
        attention: eqx.nn.MultiheadAttention
        norm: eqx.nn.LayerNorm
        mlp: eqx.nn.MLP

        def __init__(self, key):
            self.attention = eqx.nn.MultiheadAttention(2, 8, key=key)
            self.norm = eqx.nn.LayerNorm(8)
            self.mlp = eqx.nn.MLP(8, 8, 12, 1, key=key)

        def __call__(self, x):
            y = jax.vmap(self.norm)(x)
            mask = jnp.tril(jnp.ones((x.shape[0],) * 2, bool))
            x = x + self.attention(y, y, y, mask=mask)
            return x + jax.vmap(self.mlp)(x)

    draw = Draw("equinox_attention")
    theta, static = eqx.partition(Net(jax.random.key(0)), eqx.is_array)

    def loss(theta, eta, x):
        return jnp.mean(jax.vmap(eqx.combine(theta, static))(x) ** 2)

    return Case(loss, draw.like(theta), (draw.normal(2, 6, 8),))


ALL = [equinox_lstm, equinox_attention]
