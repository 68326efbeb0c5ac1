# SPDX-License-Identifier: Apache-2.0
"""The meta-gradient of distillation_mlp.mix in JAX, as a user who wants speed would write it.

One `jit` around everything: reverse-over-reverse and mixed mode (a rule of a step's own, forward-over-
reverse; Kemaev et al., ICML 2025), each with the inner loop as a scan and unrolled. One process per
measurement:

    python jax_distillation_mlp.py --variant mixed-unrolled --inputs inputs.npz --repeat 20 --json
"""

import jax
import jax.numpy as jnp

import jax_program


def loss(theta, x, y):
    """The mean cross-entropy of a perceptron with two hidden layers."""
    h = jax.nn.relu(x @ theta["w1"] + theta["b1"])
    h = jax.nn.relu(h @ theta["w2"] + theta["b2"])
    log_probabilities = jax.nn.log_softmax(h @ theta["w3"] + theta["b3"])
    return -jnp.mean(jnp.take_along_axis(log_probabilities, y[:, None], axis=-1))


def plain(theta, images, rate):
    """A step of gradient descent on the distilled images."""
    labels = jnp.arange(images.shape[0]) % 10
    gradient = jax.grad(loss)(theta, images, labels)
    return jax.tree.map(lambda p, g: p - rate * g, theta, gradient)


@jax.custom_vjp
def mixed(theta, images, rate):
    """The same step, whose adjoint is a tangent of the gradient program."""
    return plain(theta, images, rate)


def _forward(theta, images, rate):
    return plain(theta, images, rate), (theta, images, rate)


def _backward(saved, adjoint):
    theta, images, rate = saved
    labels = jnp.arange(images.shape[0]) % 10

    def gradients(theta):
        return jax.grad(loss, argnums=(0, 1))(theta, images, labels)

    direction = jax.tree.map(lambda a: -rate * a, adjoint)
    (own, _), (second, of_images) = jax.jvp(gradients, (theta,), (direction,))
    rate_adj = -sum(jax.tree.leaves(jax.tree.map(jnp.vdot, adjoint, own)))
    return jax.tree.map(jnp.add, adjoint, second), of_images, rate_adj


mixed.defvjp(_forward, _backward)

VARIANTS = {
    "reverse-scan": (plain, False),
    "reverse-unrolled": (plain, True),
    "mixed-scan": (mixed, False),
    "mixed-unrolled": (mixed, True),
}


def objective(meta, data, variant):
    """The loss on real images after training on distilled ones."""
    step, is_unrolled = VARIANTS[variant]
    rates = jnp.exp(meta["lr"])
    steps = rates.shape[0]
    theta, _ = jax.lax.scan(
        lambda theta, rate: (step(theta, meta["images"], rate), None),
        data["theta"],
        rates,
        unroll=steps if is_unrolled else 1,
    )
    return loss(theta, data["x"], data["y"])


if __name__ == "__main__":
    jax_program.run(__doc__, VARIANTS, ("images", "lr"), objective)
