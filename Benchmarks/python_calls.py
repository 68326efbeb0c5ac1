# SPDX-License-Identifier: Apache-2.0
"""What a call costs from Python: the meta-gradient of maml_sinusoid, four ways, in microseconds.

    MIXFUSE=.build/release/mixfuse python Benchmarks/python_calls.py

Needs the package of `Python/` with JAX. Prints best and median of each; `jax` is the same
meta-gradient written in JAX and jitted, for comparison.
"""

import pathlib
import statistics

import jax
import jax.numpy as jnp
import numpy

import mixfuse
import mixfuse.jax
from measuring import print_result, repeated

SPEC = pathlib.Path(__file__).resolve().parents[1] / "Examples" / "maml_sinusoid.mix"
REPEAT = 3000


def predict(p, x):
    """The network of the spec."""
    hidden = jax.nn.relu(x @ p["w1"] + p["b1"])
    return jax.nn.relu(hidden @ p["w2"] + p["b2"]) @ p["w3"] + p["b3"]


def jax_meta_loss(eta, x_support, y_support, x_query, y_query):
    """The meta-loss of the spec."""

    def loss(p, x, y):
        return jnp.mean((predict(p, x) - y) ** 2)

    def task(xs, ys, xq, yq):
        gradient = jax.grad(loss)(eta, xs, ys)
        return loss(jax.tree.map(lambda p, g: p - 0.01 * g, eta, gradient), xq, yq)

    return jnp.mean(jax.vmap(task)(x_support, y_support, x_query, y_query))


def calls():
    """The ways to call, by name."""
    library = mixfuse.build(SPEC)
    entry = library.meta_gradient
    draw = numpy.random.default_rng(1)
    inputs = {
        array.name: (0.3 * draw.normal(size=array.shape)).astype(array.dtype)
        for array in entry.description.inputs
    }
    eta = {name[4:]: jnp.asarray(a) for name, a in inputs.items() if name.startswith("eta.")}
    data = {name: jnp.asarray(a) for name, a in inputs.items() if "." not in name}
    meta_loss = mixfuse.jax.meta_loss(library)
    ours = jax.jit(jax.value_and_grad(lambda eta: meta_loss(data, eta=eta)))
    theirs = jax.jit(jax.value_and_grad(lambda eta: jax_meta_loss(eta, **data)))
    numpy.testing.assert_allclose(ours(eta)[0], theirs(eta)[0], rtol=1e-5)
    return {
        "session": entry.session().bind(inputs).run,
        "entry point": lambda: entry(inputs),
        "jax.ffi": lambda: jax.block_until_ready(ours(eta)),
        "jax": lambda: jax.block_until_ready(theirs(eta)),
    }


def main():
    """Measure and print."""
    for name, call in calls().items():
        repeated(call, 100)
        seconds, _ = repeated(call, REPEAT)
        best, median = min(seconds) * 1e6, statistics.median(seconds) * 1e6
        print_result({name: f"best {best:7.1f} us, median {median:7.1f} us"}, as_json=False)


if __name__ == "__main__":
    main()
