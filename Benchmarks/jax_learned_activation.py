# SPDX-License-Identifier: Apache-2.0
"""The meta-gradient of learned_activation.mix in JAX, as a user who wants speed would write it.

One `jit` around everything, the inner steps in a scan: as they are, with `jax.checkpoint` around a step,
and in mixed mode (a rule of a step's own, forward-over-reverse; Kemaev et al., ICML 2025). One process
per measurement:

    python jax_learned_activation.py --variant checkpoint --inputs inputs.npz --repeat 3 --json
"""

import jax
import jax.numpy as jnp

import jax_program

RATE, DECAY, EPSILON = 0.001, 0.4, 1e-8


def loss(theta, act, data):
    """The mean cross-entropy of a perceptron whose activation has a network for every element."""
    x, y = data
    a = x @ theta["w1"] + theta["b1"]
    h = jnp.tanh(a.reshape(-1, 1) @ act["w1"] + act["b1"])
    h = jax.nn.elu(a) + 0.2 * (h @ act["w2"] + act["b2"]).reshape(a.shape)
    logits = jax.nn.log_softmax(h @ theta["w2"] + theta["b2"])
    return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=-1))


def update(carry, gradient):
    """RMSProp whose moment starts at one."""
    theta, moment = carry
    moment = jax.tree.map(lambda m, g: DECAY * m + (1 - DECAY) * g * g, moment, gradient)
    theta = jax.tree.map(
        lambda p, g, m: p - RATE * g / (jnp.sqrt(m) + EPSILON), theta, gradient, moment
    )
    return theta, moment


def plain(act, carry, data):
    """A step, and its loss."""
    value, gradient = jax.value_and_grad(loss)(carry[0], act, data)
    return update(carry, gradient), value


@jax.custom_vjp
def mixed(act, carry, data):
    """A step, and its loss, whose adjoint is a tangent of the gradient program."""
    return plain(act, carry, data)


def _forward(act, carry, data):
    value, gradient = jax.value_and_grad(loss)(carry[0], act, data)
    return (update(carry, gradient), value), (act, carry, data, gradient)


def _backward(saved, adjoints):
    act, carry, data, gradient = saved
    carry_adj, value_adj = adjoints
    carry_adj, gradient_adj = jax.vjp(update, carry, gradient)[1](carry_adj)

    def gradients(theta):
        # Along theta: the adjoints of theta and of the activation, one transposed sweep for both.
        return jax.grad(loss, argnums=(0, 1))(theta, act, data)

    (own, of_act), (second, second_of_act) = jax.jvp(gradients, (carry[0],), (gradient_adj,))
    theta_adj = jax.tree.map(lambda a, s, g: a + s + value_adj * g, carry_adj[0], second, own)
    act_adj = jax.tree.map(lambda s, g: s + value_adj * g, second_of_act, of_act)
    return act_adj, (theta_adj, carry_adj[1]), None


mixed.defvjp(_forward, _backward)

VARIANTS = {"plain": plain, "checkpoint": jax.checkpoint(plain), "mixed": mixed}


def objective(act, data, variant):
    """The mean of the inner losses."""
    step = VARIANTS[variant]
    start = (data["theta"], jax.tree.map(jnp.ones_like, data["theta"]))
    _, losses = jax.lax.scan(lambda c, d: step(act, c, d), start, (data["x"], data["y"]))
    return jnp.mean(losses)


if __name__ == "__main__":
    jax_program.run(__doc__, VARIANTS, "act", objective)
