# SPDX-License-Identifier: Apache-2.0
"""MAML on sinusoids from Python: a library, meta-trained with Optax inside of one jitted loop.

pip install './Python[jax]' optax
MIXFUSE=.build/release/mixfuse python Examples/python/maml_sinusoid.py
"""

import pathlib

import jax
import jax.numpy as jnp
import mixfuse
import mixfuse.jax
import optax

SPEC = pathlib.Path(__file__).parents[1] / "maml_sinusoid.mix"
POINTS, TASKS, OUTER_STEPS = 10, 25, 500


def tasks(key):
    """Support and query points of sinusoids of random amplitude and phase (Finn et al. 2017)."""
    amplitude, phase, points = jax.random.split(key, 3)
    a = jax.random.uniform(amplitude, (TASKS, 1, 1), minval=0.1, maxval=5.0)
    b = jax.random.uniform(phase, (TASKS, 1, 1), maxval=jnp.pi)
    x = jax.random.uniform(points, (2, TASKS, POINTS, 1), minval=-5.0, maxval=5.0)
    y = a * jnp.sin(x - b)
    return {"x_support": x[0], "y_support": y[0], "x_query": x[1], "y_query": y[1]}


def initial(library, key):
    """Parameters of the network: He-normal weights, zero biases."""
    shapes = {a.name: a.shape for a in library.meta_gradient.facts.inputs}
    eta = {name[4:]: shape for name, shape in shapes.items() if name.startswith("eta.")}
    keys = dict(zip(eta, jax.random.split(key, len(eta))))
    return {
        "eta": {
            name: jax.random.normal(keys[name], shape) * (2 / shape[0]) ** 0.5
            if len(shape) == 2
            else jnp.zeros(shape)
            for name, shape in eta.items()
        }
    }


def main():
    """Meta-train, and print how well the query points are fitted after one inner step."""
    library = mixfuse.build(SPEC, sets={"tasks": TASKS, "points": POINTS})
    loss = mixfuse.jax.meta_loss(library)
    optimizer = optax.adam(1e-3)

    def step(carry, key):
        metas, state = carry
        value, gradient = jax.value_and_grad(loss)(metas, tasks(key))
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(metas, updates), state), value

    metas = initial(library, jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), OUTER_STEPS)
    run = jax.jit(lambda m: jax.lax.scan(step, (m, optimizer.init(m)), keys))
    losses = run(metas)[1]
    for start in range(0, OUTER_STEPS, OUTER_STEPS // 5):
        part = losses[start : start + OUTER_STEPS // 5]
        print(f"outer steps {start + 1:4} to {start + len(part):4}: loss {part.mean():.3f}")


if __name__ == "__main__":
    main()
