# SPDX-License-Identifier: Apache-2.0
"""Writes linear_algebra_reference.json: derivatives through jax.numpy.linalg, in float64.

    python3 linear_algebra_reference.py        # with jax 0.10.2 (as recorded)

The functions are those of the spec in Tests/MixFuseTests/LinearAlgebraTests.swift, of the matrix w, made
positive definite for the Cholesky factor. JAX has its own rules for each of them. Recorded are for each the
value, the gradient by w, and the product of its Hessian with a direction.
"""

import json
import pathlib

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import jax.scipy as jsp  # noqa: E402
import numpy as np  # noqa: E402

BATCH, SIZE = 2, 4


def ramp(shape, scale, offset):
    """Numbers that any language can make: scale * sin(1.7 i + offset)."""
    return (scale * np.sin(1.7 * np.arange(int(np.prod(shape))) + offset)).reshape(shape)


W = ramp((BATCH, SIZE, SIZE), 1.0, 0) + 0.5 * np.eye(SIZE)
DIRECTION = ramp((BATCH, SIZE, SIZE), 1.0, 3)
X = ramp((BATCH, SIZE, SIZE), 0.7, 5)
V = ramp((BATCH, SIZE), 0.9, 7)


def positive(w):
    """Positive definite, and dependent on all of w."""
    return w @ jnp.swapaxes(w, -1, -2) + 0.5 * jnp.eye(SIZE)


FUNCTIONS = {
    "inverse": lambda w: jnp.sum(X * jnp.linalg.inv(w)),
    "logdet": lambda w: jnp.sum(jnp.linalg.slogdet(w)[1] * jnp.arange(1, 3)),
    "solve": lambda w: jnp.sum(jnp.sin(jnp.linalg.solve(w, X @ w))),
    "solve_vector": lambda w: jnp.sum(jnp.square(jnp.linalg.solve(w, V[..., None]))),
    "triangular": lambda w: jnp.sum(
        jnp.sin(jsp.linalg.solve_triangular(jnp.tril(w), X @ w, lower=True))
    ),
    "triangular_upper": lambda w: jnp.sum(
        jnp.sin(jsp.linalg.solve_triangular(jnp.triu(w), X, lower=False))
    ),
    "cholesky": lambda w: jnp.sum(jnp.sin(jnp.linalg.cholesky(positive(w))) * X),
    "cholesky_raw": lambda w: jnp.sum(X * jnp.linalg.cholesky(w + 4 * jnp.eye(SIZE))),
}


def main():
    """Record everything."""
    numbers = {}
    for name, function in FUNCTIONS.items():
        gradient = jax.grad(function)
        _, product = jax.jvp(gradient, (jnp.asarray(W),), (jnp.asarray(DIRECTION),))
        _, third = jax.jvp(
            lambda w, g=gradient: jax.jvp(g, (w,), (jnp.asarray(DIRECTION),))[1],
            (jnp.asarray(W),),
            (jnp.asarray(DIRECTION),),
        )
        numbers[name] = {
            "value": [float(function(W))],
            "gradient": np.ravel(gradient(jnp.asarray(W))).tolist(),
            "product": np.ravel(product).tolist(),
            "third": np.ravel(third).tolist(),
        }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"jax": jax.__version__, "functions": numbers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
