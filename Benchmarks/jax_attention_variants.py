# SPDX-License-Identifier: Apache-2.0
"""The meta-gradient of attention_variants.mix in JAX, from whole score matrices.

    .venv/bin/python jax_attention_variants.py --variant 2 --derivation mixed --inputs FILE.npz

`reverse` is reverse-over-reverse through the unrolled steps, `mixed` forward-over-reverse: the
product of each step's Hessian with the adjoint is the tangent of the inner gradient. The block may be
rematerialised (`mixed-remat`).
"""

import argparse
import functools
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np

from measuring import peak_resident_bytes, print_result, repeated, time_summary

# By the number of the variant, from 1 on.
PARTS = ["q", "k", "v", "o", "slopes", "by_distance"]


def buckets(seq, count=32, furthest=128):
    """T5's buckets of how far a key lies behind, for each query and key."""
    n = np.maximum(np.arange(seq)[:, None] - np.arange(seq)[None, :], 0)
    exact = count // 2
    large = np.log(np.maximum(n, 1) / exact) / np.log(furthest / exact) * (count - exact)
    wide = np.minimum(exact + np.floor(large + 1e-4), count - 1)
    return np.where(n < exact, n, wide).astype(np.int32)


def programs(variant, seq, batch, heads=4, width=64, steps=2, window=256, rate=0.1):
    """Functions from (theta, data) to (loss, gradient), by derivation."""
    def has(number):
        return variant in (number, 7)

    i, j = np.arange(seq)[:, None], np.arange(seq)[None, :]
    seen = (j <= i) & (i - j <= window) if has(2) else j <= i
    distance, bucket = np.abs(i - j).astype(np.float32), buckets(seq)

    def attend(x, p, n):
        q, k, v = ((x @ p[name]).reshape(batch, seq, heads, width) for name in "qkv")
        s = jnp.einsum("bshd,bthd->bhst", q, k) / np.sqrt(width).astype(x.dtype)
        if has(5):
            s = 30 * jnp.tanh(s / 30)
        if has(3):
            s = s - p["slopes"][:, None, None] * distance.astype(x.dtype)
        if has(4):
            s = s + jnp.transpose(p["by_distance"][bucket], (2, 0, 1))
        visible = seen
        if has(6):
            visible = seen & (jnp.arange(seq) < n[:, None])[:, None, None, :]
        # A query that sees nothing (behind the padding, by more than a window) gets 0.
        w = jax.nn.softmax(jnp.where(visible, s, -1e30), axis=-1)
        w = w * jnp.any(visible, axis=-1, keepdims=True)
        o = jnp.einsum("bhst,bthd->bshd", w, v).reshape(batch, seq, heads * width)
        return x + o @ p["o"]

    def plain_loss(theta, x, y, n, block=attend):
        h, _ = jax.lax.scan(lambda h, p: (block(h, p, n), None), x, theta)
        return jnp.mean((h - y) ** 2)

    def step(theta, data, loss=plain_loss):
        g = jax.grad(loss)(theta, data["x"], data["y"], data["n"])
        return jax.tree.map(lambda a, b: a - rate * b, theta, g)

    def outcome(theta, data):
        for _ in range(steps):
            theta = step(theta, data)
        return plain_loss(theta, data["xv"], data["yv"], data["nv"])

    def mixed(theta, data, block=attend):
        loss = functools.partial(plain_loss, block=block)
        states = [theta]
        for _ in range(steps):
            states.append(step(states[-1], data, loss))
        value, adjoint = jax.value_and_grad(loss)(states[-1], data["xv"], data["yv"], data["nv"])
        for state in reversed(states[:-1]):
            gradient = functools.partial(
                jax.grad(loss), x=data["x"], y=data["y"], n=data["n"]
            )
            _, product = jax.jvp(gradient, (state,), (adjoint,))
            adjoint = jax.tree.map(lambda a, b: a - rate * b, adjoint, product)
        return value, adjoint

    def mixed_remat(theta, data):
        return mixed(theta, data, jax.checkpoint(attend))

    return {
        "mixed": mixed,
        "mixed-remat": mixed_remat,
        "reverse": jax.value_and_grad(outcome),
    }


def main():
    """Measure one program on one file of inputs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", type=int, required=True)
    parser.add_argument("--derivation", default="mixed")
    parser.add_argument("--inputs", type=pathlib.Path, required=True)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--gradients", type=pathlib.Path, help="write loss and gradients here")
    arguments = parser.parse_args()
    with np.load(arguments.inputs) as archive:
        arrays = {name: jnp.asarray(archive[name]) for name in archive}
    theta = {part: arrays.pop(f"eta.block.{part}") for part in PARTS}
    batch, seq, _ = arrays["x"].shape
    function = programs(arguments.variant, seq, batch)[arguments.derivation]
    start = time.perf_counter()
    compiled = jax.jit(function).lower(theta, arrays).compile()
    compile_seconds = time.perf_counter() - start

    def call():
        return jax.block_until_ready(compiled(theta, arrays))

    call()
    seconds, (loss, gradient) = repeated(call, arguments.repeat)
    if arguments.gradients:
        named = {f"grad.block.{part}": np.asarray(array) for part, array in gradient.items()}
        np.savez(arguments.gradients, loss=np.asarray(loss), **named)
    result = time_summary(seconds) | {
        "compile_seconds": compile_seconds,
        "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "peak_rss_bytes": peak_resident_bytes(),
        "loss": float(loss),
    }
    print_result(result, arguments.json)


if __name__ == "__main__":
    main()
