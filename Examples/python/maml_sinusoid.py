# SPDX-License-Identifier: Apache-2.0
"""Meta-trains maml_sinusoid.mix in JAX: Optax outside, a compiled meta-gradient inside.

    pip install ./Python[jax] optax
    MIXFUSE=.build/release/mixfuse python Examples/python/maml_sinusoid.py

Every outer step draws new sinusoids; steps run in blocks, each one jitted `lax.scan`.
"""

import argparse
import pathlib

import jax
import jax.numpy as jnp
import optax

import mixfuse
import mixfuse.jax

SPEC = pathlib.Path(__file__).resolve().parents[1] / "maml_sinusoid.mix"
BLOCK = 100


def initial_parameters(library, key):
    """He-normal weights and zero biases, by the shapes that the library asks for."""
    arrays = [a for a in library.meta_gradient.description.inputs if a.name.startswith("eta.")]
    parameters = {}
    for array, key in zip(arrays, jax.random.split(key, len(arrays))):
        scale = (2 / array.shape[0]) ** 0.5 if len(array.shape) == 2 else 0
        parameters[array.name[4:]] = scale * jax.random.normal(key, array.shape)
    return parameters


def draw_tasks(key, dims):
    """Sinusoids of random amplitude and phase, at random points to learn from and to be judged."""
    amplitude_key, phase_key, support_key, query_key = jax.random.split(key, 4)
    shape = (dims["tasks"], 1, 1)
    amplitude = jax.random.uniform(amplitude_key, shape, minval=0.1, maxval=5)
    phase = jax.random.uniform(phase_key, shape, maxval=jnp.pi)
    points = (dims["tasks"], dims["points"], 1)
    tasks = {}
    for name, key in [("support", support_key), ("query", query_key)]:
        x = jax.random.uniform(key, points, minval=-5, maxval=5)
        tasks |= {f"x_{name}": x, f"y_{name}": amplitude * jnp.sin(x - phase)}
    return tasks


def training_block(library, optimizer):
    """A jitted function that does BLOCK outer steps and gives the mean of their losses."""
    meta_loss = mixfuse.jax.meta_loss(library)

    def step(carry, key):
        eta, state = carry
        tasks = draw_tasks(key, library.manifest.dims)
        loss, gradient = jax.value_and_grad(lambda eta: meta_loss(tasks, eta=eta))(eta)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(eta, updates), state), loss

    @jax.jit
    def block(carry, key):
        carry, losses = jax.lax.scan(step, carry, jax.random.split(key, BLOCK))
        return carry, losses.mean()

    return block


def main():
    """Build, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=20, help=f"blocks of {BLOCK} outer steps")
    parser.add_argument("--rate", type=float, default=1e-3, help="Adam's learning rate")
    options = parser.parse_args()

    library = mixfuse.build(SPEC)
    optimizer = optax.adam(options.rate)
    key, start = jax.random.split(jax.random.key(1))
    eta = initial_parameters(library, start)
    carry = (eta, optimizer.init(eta))
    block = training_block(library, optimizer)
    for number in range(1, options.blocks + 1):
        key, tasks = jax.random.split(key)
        carry, loss = block(carry, tasks)
        print(f"{number * BLOCK:6} outer steps, mean loss after one inner step: {loss:.4f}")


if __name__ == "__main__":
    main()
