# SPDX-License-Identifier: Apache-2.0
"""The three tasks of the paper on Chinchilla transformers, in JAX.

Written the way a JAX user who wants speed and little memory would: stacked layers under
`jax.lax.scan`, inner steps under another, one `jit` around everything. Variants (VARIANTS):

    standard         reverse-over-reverse through the inner steps, every activation kept
    standard-remat   the same with `jax.checkpoint` on the block of the transformer and on the
                     inner step
    mixed            MixFlow-MG: forward-over-reverse inside the reverse sweep over the inner steps,
                     inner gradients kept
    mixed-remat      the same with `jax.checkpoint` on the block: MixFlow-MG as the paper runs it

One process per measurement, so that memory and compilation are those of one program:

    python jax_chinchilla.py --task maml --variant mixed-remat --preset 6.8M --repeat 3 --json
    python jax_chinchilla.py --task maml --variant mixed-remat --preset 57M --plan-only
    python jax_chinchilla.py --check ../Tests/Data/reference    # all variants, float64 and float32
"""

import argparse
import functools
import sys
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import chinchilla_inputs as inputs
from measuring import peak_resident_bytes, print_result, repeated, time_summary

# The transformer ----------------------------------------------------------------------------------


def rms_norm(x, gain):
    """`x / sqrt(mean(x^2) + 1e-6) * gain` over the last axis."""
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6) * gain


def rotation_table(length, head_width, dtype):
    """Cosines and sines of the rotary embedding, `[length, 1, head_width / 2]` each."""
    half = head_width // 2
    frequencies = 10000.0 ** (-np.arange(half) / half)
    angles = np.arange(length)[:, None, None] * frequencies
    return jnp.asarray(np.cos(angles), dtype), jnp.asarray(np.sin(angles), dtype)


def rotate(x, table):
    """The rotary embedding: a head's halves (a, b) become (a cos - b sin, b cos + a sin)."""
    cosine, sine = table
    a, b = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([a * cosine - b * sine, b * cosine + a * sine], axis=-1)


def causal_attention(query, key, value):
    """Causal softmax attention, `[batch, seq, heads, head_width]` in and out."""
    length, head_width = query.shape[1], query.shape[3]
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(head_width).astype(query.dtype)
    visible = jnp.tril(jnp.ones((length, length), dtype=bool))
    weights = jax.nn.softmax(jnp.where(visible, scores, -jnp.inf), axis=-1)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


def block(size, h, layer):
    """One layer of the transformer: attention and a gelu network, each added to `h`."""
    batch, length, width = h.shape
    head_shape = (batch, length, size.heads, size.head_width)
    table = rotation_table(length, size.head_width, h.dtype)
    x = rms_norm(h, layer["n1"])
    query, key, value = ((x @ layer[name]).reshape(head_shape) for name in ("wq", "wk", "wv"))
    mixed = causal_attention(rotate(query, table), rotate(key, table), value)
    h = h + mixed.reshape(batch, length, size.heads * size.head_width) @ layer["wo"]
    hidden = jax.nn.gelu(rms_norm(h, layer["n2"]) @ layer["w1"], approximate=True)
    return h + hidden @ layer["w2"]


def sequence_losses(size, remat, theta, tokens):
    """Mean cross-entropy of each sequence of `tokens: [batch, seq + 1]`, as `[batch]`."""

    def body(h, layer):
        return block(size, h, layer), None

    if remat:
        # Inside a scan nothing can be merged across the checkpoint, so no barrier is needed.
        body = jax.checkpoint(body, prevent_cse=False)
    h, _ = jax.lax.scan(body, theta["embed"][tokens[:, :-1]], theta["block"])
    logits = rms_norm(h, theta["norm_f"]) @ theta["embed"].T
    picked = jnp.take_along_axis(logits, tokens[:, 1:, None], axis=-1)[..., 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=-1) - picked, axis=-1)


# Adam and the inner step --------------------------------------------------------------------------


class AdamState(NamedTuple):
    """Parameters and the two moments, all of one tree structure."""

    theta: Any
    m: Any
    v: Any


def adam(gradient, state, rates, t):
    """One step of Adam, the `t`-th from 1; `rates` is a tree like theta, or None for RATE."""

    def update(g, theta, m, v, rate=inputs.RATE):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * jnp.square(g)
        scale = jnp.sqrt(v / (1 - 0.999**t) + 1e-12) + 1e-8
        return AdamState(theta - rate * (m / (1 - 0.9**t)) / scale, m, v)

    trees = (gradient, *state) if rates is None else (gradient, *state, rates)
    updated = jax.tree.map(update, *trees)
    theta_structure, state_structure = map(jax.tree.structure, (gradient, AdamState(0, 0, 0)))
    return jax.tree.transpose(theta_structure, state_structure, updated)


def plain_step(inner_loss):
    """An inner step with nothing said about its derivative: reverse-over-reverse.

    `inner_loss(theta, loss_meta, tokens)` -> scalar. The step maps `(state, rates, loss_meta,
    tokens, t)` to the next state; `rates` and `loss_meta` are learned trees, or None.
    """

    def step(state, rates, loss_meta, tokens, t):
        return adam(jax.grad(inner_loss)(state.theta, loss_meta, tokens), state, rates, t)

    return step


def checkpointed_step(inner_loss):
    """The same step, itself recomputed: a tape of a tape exists for one step at a time."""
    return jax.checkpoint(plain_step(inner_loss), prevent_cse=False)


def mixed_mode_step(inner_loss):
    """The same step with MixFlow-MG's reverse rule: a tangent of the gradient program.

    The inner gradient is kept from the forward sweep, so the tangent's primal outputs are unused
    and XLA drops their matrix products (Kemaev et al., ICML 2025, Algorithm 2).
    """

    @jax.custom_vjp
    def step(state, rates, loss_meta, tokens, t):
        return plain_step(inner_loss)(state, rates, loss_meta, tokens, t)

    def forward(state, rates, loss_meta, tokens, t):
        gradient = jax.grad(inner_loss)(state.theta, loss_meta, tokens)
        return adam(gradient, state, rates, t), (gradient, state, rates, loss_meta, tokens, t)

    def backward(saved, next_state_adj):
        gradient, state, rates, loss_meta, tokens, t = saved
        _, pull_back = jax.vjp(lambda g, s, r: adam(g, s, r, t), gradient, state, rates)
        gradient_adj, state_adj, rates_adj = pull_back(next_state_adj)

        def gradients(theta):
            return jax.grad(inner_loss, argnums=(0, 1))(theta, loss_meta, tokens)

        # The Hessian is symmetric: these tangents are the adjoints that the gradient sends back.
        _, (hessian_product, loss_meta_adj) = jax.jvp(gradients, (state.theta,), (gradient_adj,))
        theta_adj = jax.tree.map(jnp.add, state_adj.theta, hessian_product)
        return state_adj._replace(theta=theta_adj), rates_adj, loss_meta_adj, None, None

    step.defvjp(forward, backward)
    return step


VARIANTS = {  # name -> (inner step, block rematerialisation)
    "standard": (plain_step, False),
    "standard-remat": (checkpointed_step, True),
    "mixed": (mixed_mode_step, False),
    "mixed-remat": (mixed_mode_step, True),
}


# The tasks ----------------------------------------------------------------------------------------


def mean_loss(losses, loss_meta, theta, tokens):
    """The inner loss of maml and learning_lr: the mean over the batch."""
    return jnp.mean(losses(theta, tokens))


def weighted_loss(losses, loss_meta, theta, tokens):
    """The inner loss of loss_weighting: a sum over the batch with learned weights."""
    features = jnp.mean(loss_meta["embed"][tokens[:, :-1]] @ loss_meta["w1"], axis=1)
    weights = jax.nn.softmax((jnp.tanh(features) @ loss_meta["w2"])[:, 0])
    return jnp.sum(weights * losses(theta, tokens))


def objective(task, variant, size):
    """The outer loss of a task as a function of `(eta, data)`, data being the other inputs."""
    step_kind, remat = VARIANTS[variant]
    losses = functools.partial(sequence_losses, size, remat)
    inner_loss = weighted_loss if task == "loss_weighting" else mean_loss
    step = step_kind(lambda theta, meta, tokens: inner_loss(losses, meta, theta, tokens))

    def outer_loss(eta, data):
        theta = eta if task == "maml" else data["theta"]
        rates = jax.tree.map(jnp.exp, eta) if task == "learning_lr" else None
        loss_meta = eta if task == "loss_weighting" else None
        zeros = jax.tree.map(jnp.zeros_like, theta)

        def body(state, batch):
            return step(state, rates, loss_meta, *batch), None

        counts = jnp.arange(1, size.steps + 1, dtype=theta["embed"].dtype)
        state = AdamState(theta, zeros, zeros)
        state, _ = jax.lax.scan(body, state, (data["tokens"], counts))
        return jnp.mean(losses(state.theta, data["val_tokens"]))

    return outer_loss


def meta_gradient(task, variant, size):
    """The jitted function `(eta, data) -> (loss, gradient)`."""
    return jax.jit(jax.value_and_grad(objective(task, variant, size)))


# Running ------------------------------------------------------------------------------------------


def nested(arrays):
    """`(eta, data)` from arrays by dotted name, as nested dictionaries."""
    tree = {}
    for name, array in arrays.items():
        *groups, leaf = name.split(".")
        functools.reduce(lambda node, key: node.setdefault(key, {}), groups, tree)[leaf] = array
    return tree.pop("eta"), tree


def flat(tree, prefix=""):
    """Arrays by dotted name from nested dictionaries."""
    named = {}
    for name, part in tree.items():
        named |= flat(part, f"{prefix}{name}.") if isinstance(part, dict) else {prefix + name: part}
    return named


def shapes_only(task, size):
    """The inputs' shapes and types, for compiling without arrays."""
    return nested(
        {
            name: jax.ShapeDtypeStruct(shape, jnp.int32 if inputs.is_tokens(name) else jnp.float32)
            for name, shape in inputs.input_shapes(task, size).items()
        }
    )


def measure(arguments, size):
    """Compile one variant and, unless only its plan is wanted, run it; the numbers by name."""
    task, variant = arguments.task, arguments.variant
    start = time.perf_counter()
    compiled = meta_gradient(task, variant, size).lower(*shapes_only(task, size)).compile()
    result = {
        "task": task,
        "variant": variant,
        "dims": size._asdict(),
        "compile_seconds": time.perf_counter() - start,
        "temp_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "compile_peak_rss_bytes": peak_resident_bytes(),
    }
    if arguments.plan_only or result["temp_bytes"] > arguments.run_below:
        return result
    eta, data = jax.device_put(nested(inputs.load_inputs(arguments, task, size)))
    seconds, (loss, gradient) = repeated(
        lambda: jax.block_until_ready(compiled(eta, data)), arguments.repeat
    )
    if arguments.outputs:
        gradients = {f"grad.{name}": np.asarray(g) for name, g in flat(gradient).items()}
        np.savez(arguments.outputs, loss=np.asarray(loss), **gradients)
    return (
        result
        | time_summary(seconds)
        | {
            "peak_rss_bytes": peak_resident_bytes(),
            "loss": float(loss),
        }
    )


def check(folder):
    """Compare every variant of every task with the reference files; the number of mismatches."""
    jax.config.update("jax_enable_x64", True)

    def run(task, variant, arrays):
        function = meta_gradient(task, variant, inputs.PRESETS["reference"])
        loss, gradient = function(*nested(arrays))
        return np.asarray(loss), {name: np.asarray(g) for name, g in flat(gradient).items()}

    return sum(
        inputs.check_task(task, folder, VARIANTS, functools.partial(run, task))
        for task in inputs.TASKS
    )


def main():
    """Parse the command line and run one measurement or the check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=inputs.TASKS, default="maml", help="default: maml")
    parser.add_argument("--variant", choices=VARIANTS, default="mixed-remat", help="see above")
    inputs.add_run_flags(parser)
    parser.add_argument("--plan-only", action="store_true", help="compile, report, do not run")
    parser.add_argument(
        "--run-below",
        type=int,
        default=sys.maxsize,
        metavar="BYTES",
        help="run only if the temporaries take no more than this",
    )
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(1 if check(arguments.check) else 0)
    result = measure(arguments, inputs.size_of(arguments))
    print_result(result, arguments.json)


if __name__ == "__main__":
    main()
