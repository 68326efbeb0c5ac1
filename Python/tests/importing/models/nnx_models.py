# SPDX-License-Identifier: Apache-2.0
"""flax.nnx."""

import jax.numpy as jnp
import optax
from flax import nnx

from .case import Case, Draw


def nnx_mlp() -> Case:
    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(6, 8, rngs=rngs)
            self.norm = nnx.RMSNorm(8, rngs=rngs)
            self.last = nnx.Linear(8, 4, rngs=rngs)

        def __call__(self, x):
            return self.last(self.norm(nnx.silu(self.first(x))))

    draw = Draw("nnx_mlp")
    definition, state = nnx.split(Net(nnx.Rngs(0)))

    def loss(theta, eta, x, y):
        logits = nnx.merge(definition, theta)(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return Case(loss, draw.like(state), (draw.normal(5, 6), draw.labels(4, 5)))


def nnx_dropout() -> Case:
    """Dropout whose key is fixed: its mask is drawn while tracing."""

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(6, 8, rngs=rngs)
            self.last = nnx.Linear(8, 1, rngs=rngs)

    draw = Draw("nnx_dropout")
    definition, state = nnx.split(Net(nnx.Rngs(0)))

    def loss(theta, eta, x, y):
        net = nnx.merge(definition, theta)
        hidden = nnx.Dropout(0.5, rngs=nnx.Rngs(3))(jnp.tanh(net.first(x)))
        return jnp.mean((net.last(hidden) - y) ** 2)

    return Case(loss, draw.like(state), (draw.normal(20, 6), draw.normal(20, 1)))


ALL = [nnx_mlp, nnx_dropout]
