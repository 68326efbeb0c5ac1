# SPDX-License-Identifier: Apache-2.0
#
# Writes variants.npz: inputs and float64 results of Tests/Cases/attention/variants.mix, computed by
# JAX from whole score matrices, by reverse-over-reverse through the unrolled loop.
#
#     python3 variants.py       # jax and numpy
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

SEQ, BATCH, HEADS, KEY_HEADS, WIDTH, BUCKETS, STEPS = 13, 2, 2, 1, 3, 8, 2
MODEL = HEADS * WIDTH


def scores_to_result(s, seen, v):
    s = jnp.where(seen, s, -jnp.inf)
    top = jnp.max(s, axis=-1, keepdims=True)
    p = jnp.where(seen, jnp.exp(s - jnp.where(jnp.isfinite(top), top, 0.0)), 0.0)
    total = jnp.sum(p, axis=-1, keepdims=True)
    p = jnp.where(total > 0, p / jnp.where(total > 0, total, 1.0), 0.0)
    return jnp.einsum("bhst,bthd->bshd", p, v)


def attend(x, p, seen, softcap=None, term=0.0):
    q = (x @ p["q"]).reshape(BATCH, SEQ, HEADS, WIDTH)
    kv = (x @ p["kv"]).reshape(BATCH, SEQ, 2 * KEY_HEADS, WIDTH)
    k, v = (jnp.repeat(a, HEADS // KEY_HEADS, axis=2) for a in jnp.split(kv, 2, axis=2))
    s = jnp.einsum("bshd,bthd->bhst", q, k) / np.sqrt(WIDTH)
    if softcap is not None:
        s = softcap * jnp.tanh(s / softcap)
    return x + scores_to_result(s + term, seen, v).reshape(BATCH, SEQ, MODEL)


def t5_buckets(relative, buckets, furthest):
    # mesh_tensorflow's relative_position_bucket, bidirectional.
    half = buckets // 2
    result = np.where(relative > 0, half, 0)
    n = np.abs(relative)
    exact = half // 2
    with np.errstate(divide="ignore"):
        large = exact + np.floor(np.log(n / exact) / np.log(furthest / exact) * (half - exact) + 1e-9)
    return (result + np.where(n < exact, n, np.minimum(large, half - 1))).astype(int)


I, J = np.arange(SEQ)[:, None], np.arange(SEQ)[None, :]


def loss(p, slopes, x, y, n):
    window = ((J <= I) & (I - J <= 3)) | (J < 2)
    alibi = -slopes[:, None, None] * np.abs(I - J)
    h = attend(x, p["near"], window, term=alibi)
    exists = (np.arange(SEQ) < n[:, None])[:, None, None, :]
    by_distance = p["far"]["by_distance"][t5_buckets(J - I, BUCKETS, 16)]
    g = attend(h, p["far"], exists, term=jnp.transpose(by_distance, (2, 0, 1)))
    mask = (I != 2) & ((I + J) % 3 != 1) & ((J <= I) | (J < 1))
    z = attend(g, p["free"], mask & exists, softcap=1.5, term=p["free"]["bias"])
    norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(p)))
    return jnp.mean((z - y) ** 2) + 0.001 * norm


def outcome(metas, data):
    theta, rate = metas["eta"], jnp.exp(metas["log_rate"])
    for _ in range(STEPS):
        g = jax.grad(loss)(theta, metas["slopes"], data["x"], data["y"], data["n"])
        theta = jax.tree.map(lambda a, b: a - rate * b, theta, g)
    return loss(theta, metas["slopes"], data["xv"], data["yv"], data["nv"])


def flat(prefix, tree):
    if not isinstance(tree, dict):
        return {prefix: np.asarray(tree)}
    return {n: a for key in tree for n, a in flat(f"{prefix}.{key}", tree[key]).items()}


def main():
    r = np.random.default_rng(7)

    def layer(**more):
        shapes = {"q": (MODEL, MODEL), "kv": (MODEL, 2 * KEY_HEADS * WIDTH)} | more
        return {name: 0.5 * r.standard_normal(shape) for name, shape in shapes.items()}

    metas = {
        "eta": {
            "near": layer(),
            "far": layer(by_distance=(BUCKETS, HEADS)),
            "free": layer(bias=(HEADS, SEQ, SEQ)),
        },
        "slopes": np.array([0.3, 0.11]),
        "log_rate": np.array(-3.0),
    }
    data = {name: r.standard_normal((BATCH, SEQ, MODEL)) for name in ("x", "y", "xv", "yv")}
    data |= {"n": np.array([13, 5], np.int32), "nv": np.array([0, 9], np.int32)}
    value, gradient = jax.value_and_grad(outcome)(metas, data)
    arrays = {"loss": np.asarray(value)} | data
    for name, tree in metas.items():
        arrays |= flat(name, tree) | flat(f"grad.{name}", gradient[name])
    np.savez_compressed("variants.npz", **arrays)


if __name__ == "__main__":
    main()
