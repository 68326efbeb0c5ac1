# SPDX-License-Identifier: Apache-2.0
"""The meta-gradient of gnn_cora.mix in JAX, as a user who wants speed would write it.

One `jit` around everything; messages by `take` and `jax.ops.segment_sum`. The derivations are those of
`jax_baselines.py`: `reverse` (reverse-over-reverse) and `mixed` (a custom reverse rule for the inner
step, forward-over-reverse), each with the inner loop as a scan and unrolled. One process per
measurement:

    python jax_gnn.py --variant mixed-scan --inputs inputs.npz --repeat 20 --json
"""

import jax
import jax.numpy as jnp

import jax_program
from jax_baselines import mixed_mode_step, plain_step

RATE = 0.1
STEPS = 2
VARIANTS = {
    "reverse-scan": (plain_step, False),
    "reverse-unrolled": (plain_step, True),
    "mixed-scan": (mixed_mode_step, False),
    "mixed-unrolled": (mixed_mode_step, True),
}


def neighbours(h, source, target, scale):
    """The sum of the rows of each node's neighbours, scaled at both ends of each edge."""
    messages = jnp.take(scale[:, None] * h, source, axis=0)
    return scale[:, None] * jax.ops.segment_sum(messages, target, num_segments=h.shape[0])


def loss(theta, data):
    """The mean cross-entropy of a graph convolutional network of two layers over all nodes."""
    x, source, target, scale, y = data
    h = jax.nn.relu(neighbours(x @ theta["w1"], source, target, scale) + theta["b1"])
    logits = neighbours(h @ theta["w2"], source, target, scale) + theta["b2"]
    log_probabilities = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_probabilities, y[:, None], axis=-1))


def objective(eta, data, variant):
    """The loss on the second graph after the inner steps on the first."""
    names = ("x", "source", "target", "scale", "y")
    step, unroll = VARIANTS[variant]
    inner = step(loss)

    def body(theta, _):
        theta, _ = inner(theta, RATE, tuple(data[name] for name in names))
        return theta, None

    theta, _ = jax.lax.scan(body, eta, None, length=STEPS, unroll=STEPS if unroll else 1)
    return loss(theta, tuple(data[f"{name}2"] for name in names))


if __name__ == "__main__":
    jax_program.run(__doc__, VARIANTS, "eta", objective)
