# SPDX-License-Identifier: Apache-2.0
"""Losses written in jax.numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .case import Case, Draw


def softmax_attention(q, k, v):
    """Causal attention by hand: `[batch, positions, heads, width]`."""
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
    scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -1e30)
    return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)


def rope_transformer() -> Case:
    """RMS norms, rotary positions, attention by hand, a scan of checkpointed layers, a tied
    loss."""
    layers, width, heads, classes = 2, 16, 2, 129
    draw = Draw("rope_transformer")
    theta = {
        "embedding": draw.normal(classes, width, scale=0.3),
        "norm": 1 + draw.normal(width, scale=0.1),
        "block": {
            "norm1": 1 + draw.normal(layers, width, scale=0.1),
            "norm2": 1 + draw.normal(layers, width, scale=0.1),
            **{name: draw.normal(layers, width, width, scale=0.2) for name in ("q", "k", "v", "o")},
            "up": draw.normal(layers, width, 2 * width, scale=0.2),
            "down": draw.normal(layers, 2 * width, width, scale=0.2),
        },
    }

    def rms_norm(x, gain):
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * gain

    def rotated(x):
        half = x.shape[-1] // 2
        rates = 10000.0 ** (-jnp.arange(half) / half)
        angles = jnp.arange(x.shape[1])[:, None] * rates
        cosine, sine = jnp.cos(angles)[None, :, None], jnp.sin(angles)[None, :, None]
        first, second = jnp.split(x, 2, -1)
        return jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)

    def loss(theta, eta, tokens):
        hidden = theta["embedding"][tokens[:, :-1]]
        batch, length = hidden.shape[:2]

        def block(h, w):
            x = rms_norm(h, w["norm1"])
            q, k, v = ((x @ w[n]).reshape(batch, length, heads, -1) for n in ("q", "k", "v"))
            mixed = softmax_attention(rotated(q), rotated(k), v)
            h = h + mixed.reshape(h.shape) @ w["o"]
            return h + jax.nn.gelu(rms_norm(h, w["norm2"]) @ w["up"]) @ w["down"], None

        hidden, _ = jax.lax.scan(jax.checkpoint(block), hidden, theta["block"])
        logits = rms_norm(hidden, theta["norm"]) @ theta["embedding"].T
        return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()

    return Case(loss, theta, (draw.labels(classes, 2, 8),))


def actor_critic() -> Case:
    """Meta-gradient reinforcement learning: lambda returns by a scan that runs backwards."""
    draw = Draw("actor_critic")
    theta = {
        "w": draw.normal(4, 8, scale=0.4), "b": draw.normal(8, scale=0.1),
        "policy": draw.normal(8, 3, scale=0.4), "value": draw.normal(8, 1, scale=0.4),
    }  # fmt: skip

    def loss(theta, eta, observations, actions, rewards):
        hidden = jnp.tanh(observations @ theta["w"] + theta["b"])
        logits, values = hidden @ theta["policy"], (hidden @ theta["value"])[..., 0]
        discount, mixing = jax.nn.sigmoid(eta["discount"]), jax.nn.sigmoid(eta["mixing"])

        def back(following, step):
            reward, value = step
            following = reward + discount * ((1 - mixing) * value + mixing * following)
            return following, following

        fixed = jax.lax.stop_gradient(values)
        _, returns = jax.lax.scan(back, fixed[-1], (rewards[:-1], fixed[1:]), reverse=True)
        advantage = returns - values[:-1]
        log_policy = jax.nn.log_softmax(logits)
        chosen = jnp.take_along_axis(log_policy, actions[..., None], -1)[..., 0][:-1]
        entropy = -jnp.sum(jnp.exp(log_policy) * log_policy, -1).mean()
        policy_loss = -(chosen * jax.lax.stop_gradient(advantage)).mean()
        return policy_loss + 0.5 * (advantage**2).mean() - 0.01 * entropy

    data = (draw.normal(9, 4), draw.labels(3, 9), draw.normal(9))
    eta = {"discount": np.array(2.0), "mixing": np.array(1.0)}
    return Case(loss, theta, data, eta)


def vmapped_examples() -> Case:
    """A loss of one example, vmapped, with a weight for each from the meta parameters."""
    draw = Draw("vmapped_examples")
    theta = {"w": draw.normal(5, 3, scale=0.5), "b": draw.normal(3, scale=0.1)}

    def one(theta, x, y):
        logits = jnp.dot(x, theta["w"]) + theta["b"]
        return jax.nn.logsumexp(logits) - logits[y]

    def loss(theta, eta, x, y):
        losses = jax.vmap(one, (None, 0, 0))(theta, x, y)
        return jnp.sum(jax.nn.softmax(eta["weights"]) * losses)

    eta = {"weights": draw.normal(7)}
    return Case(loss, theta, (draw.normal(7, 5), draw.labels(3, 7)), eta)


def indexing() -> Case:
    """Rows, columns, windows, reversed and strided slices, scattered updates."""
    draw = Draw("indexing")
    theta = {"table": draw.normal(6, 5), "line": draw.normal(12)}

    def loss(theta, eta, rows, columns):
        table, line = theta["table"], theta["line"]
        total = jnp.sum(table[rows] ** 2) + jnp.sum(jnp.sin(table[rows, columns]))
        total += jnp.sum(table[:, columns] ** 3) + jnp.sum(table[-1] * table[::2, 1::3].sum())
        total += jnp.sum(line[::-1][:5] * line[3:8]) + jnp.sum(jnp.cumsum(line) * line)
        window = jax.lax.dynamic_slice(line, (rows[0],), (4,))
        total += jnp.sum(window**3) * line[columns[1]]
        changed = line.at[rows].add(2.0 * line[:4]).at[3].set(0.5).at[columns].set(line[8:12])
        total += jnp.sum(changed**2) + jnp.sum(
            jnp.take_along_axis(table, rows[None, :] % 5, 1) ** 2
        )
        updated = jax.lax.dynamic_update_slice(table, table[:2, :2] ** 2, (rows[1], columns[0]))
        total += jnp.sum(updated * table) + jnp.sum(jnp.sort(line)[:4] * line[4:8])
        best, places = jax.lax.top_k(line, 3)
        total += jnp.sum(best**2 * line[places]) + line[jnp.argmax(line)] ** 2
        return total / 50 + jnp.sum(jnp.pad(line, (1, 2), constant_values=0.3) ** 2) / 20

    rows, columns = np.array([0, 2, 2, 5], np.int32), np.array([1, 4, 0, 3], np.int32)
    return Case(loss, theta, (rows, columns))


def control_flow() -> Case:
    """Loops of known length, branches, whole numbers and truth values that a loop carries."""
    draw = Draw("control_flow")
    theta = {"w": draw.normal(4, 4, scale=0.4), "b": draw.normal(4, scale=0.3)}

    def loss(theta, eta, x, limit):
        def body(i, state):
            h, count, is_on = state
            h = jnp.tanh(h @ theta["w"] + theta["b"] * (i + 1) / 3)
            count = count + (h.sum() > 0).astype(jnp.int32)
            h = jax.lax.cond(count < limit, lambda y: y * 1.1, lambda y: y - 0.1, h)
            return h, count, jnp.logical_xor(is_on, count > 1)

        h, count, is_on = jax.lax.fori_loop(0, 5, body, (x, jnp.int32(0), jnp.bool_(False)))

        picked = jax.lax.switch(count % 3, [jnp.sin, jnp.tanh, lambda y: y * 0.5], h)
        return jnp.mean(jnp.clip(picked, -0.8, 0.8) ** 2) + jnp.where(is_on, 0.1, 0.2) * h.sum()

    return Case(loss, theta, (draw.normal(3, 4), np.int32(2)))


ALL = [rope_transformer, actor_critic, vmapped_examples, indexing, control_flow]
