# SPDX-License-Identifier: Apache-2.0
"""The maml task on Chinchilla transformers in PyTorch, eager, on the processor.

Flags, inputs and output are those of jax_chinchilla.py. Variants (VARIANTS):

    standard   reverse-over-reverse: `torch.autograd.grad(..., create_graph=True)` in every step
    mixed      MixFlow-MG by hand: the inner steps run without a graph and keep their states and
               gradients; going back, each step takes the adjoint of Adam alone and then
               `torch.func.jvp` of the gradient along it

    python torch_chinchilla.py --variant mixed --preset 6.8M --repeat 3 --json
    python torch_chinchilla.py --check ../Tests/Data/reference
"""

import argparse
import math
import sys

import numpy as np
import torch
import torch.nn.functional as functional

import chinchilla_inputs as inputs
from measuring import peak_resident_bytes, print_result, repeated, time_summary

# The transformer; parameters are dictionaries by dotted name --------------------------------------


def rms_norm(x, gain):
    """`x / sqrt(mean(x^2) + 1e-6) * gain` over the last axis."""
    return x * torch.rsqrt(torch.mean(torch.square(x), dim=-1, keepdim=True) + 1e-6) * gain


def rotation_table(length, head_width, dtype):
    """Cosines and sines of the rotary embedding, `[length, head_width / 2]` each."""
    half = head_width // 2
    frequencies = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return torch.cos(angles).to(dtype), torch.sin(angles).to(dtype)


def rotate(x, table):
    """The rotary embedding: a head's halves (a, b) become (a cos - b sin, b cos + a sin)."""
    cosine, sine = table
    a, b = torch.chunk(x, 2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1)


def causal_attention(query, key, value):
    """Causal softmax attention, `[batch, heads, seq, head_width]` in and out.

    Written out: PyTorch's fused kernel has neither a second derivative nor a tangent.
    """
    length, head_width = query.shape[-2:]
    scores = query @ key.transpose(-1, -2) / math.sqrt(head_width)
    visible = torch.ones(length, length, dtype=torch.bool).tril()
    return torch.softmax(scores.masked_fill(~visible, -math.inf), dim=-1) @ value


def block(size, h, layer, table):
    """One layer of the transformer: attention and a gelu network, each added to `h`."""
    batch, length, _ = h.shape
    head_shape = (batch, length, size.heads, size.head_width)
    x = rms_norm(h, layer["n1"])
    query, key, value = (
        (x @ layer[name]).view(head_shape).transpose(1, 2) for name in ("wq", "wk", "wv")
    )
    mixed = causal_attention(rotate(query, table), rotate(key, table), value)
    h = h + mixed.transpose(1, 2).reshape(batch, length, -1) @ layer["wo"]
    hidden = functional.gelu(rms_norm(h, layer["n2"]) @ layer["w1"], approximate="tanh")
    return h + hidden @ layer["w2"]


def mean_loss(size, theta, tokens):
    """Mean cross-entropy over the batch and the positions of `tokens: [batch, seq + 1]`."""
    h = functional.embedding(tokens[:, :-1], theta["embed"])
    table = rotation_table(h.shape[1], size.head_width, h.dtype)
    # One unbind per stacked parameter: its adjoint is one stack, where indexing layer by layer
    # would add up an array of all layers for each.
    unbound = {
        name.removeprefix("block."): torch.unbind(stacked)
        for name, stacked in theta.items()
        if name.startswith("block.")
    }
    for number in range(size.layers):
        h = block(size, h, {name: layers[number] for name, layers in unbound.items()}, table)
    logits = rms_norm(h, theta["norm_f"]) @ theta["embed"].T
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


# Adam and the two derivations ---------------------------------------------------------------------


def adam(gradient, theta, m, v, t):
    """One step of Adam, the `t`-th from 1: the next `(theta, m, v)`, dictionaries all."""
    m = {name: 0.9 * m[name] + 0.1 * g for name, g in gradient.items()}
    v = {name: 0.999 * v[name] + 0.001 * torch.square(g) for name, g in gradient.items()}
    theta = {
        name: old
        - inputs.RATE
        * (m[name] / (1 - 0.9**t))
        / (torch.sqrt(v[name] / (1 - 0.999**t) + 1e-12) + 1e-8)
        for name, old in theta.items()
    }
    return theta, m, v


def differentiable(named):
    """The same arrays, cut off from their history, as variables to differentiate in."""
    return {name: array.detach().requires_grad_() for name, array in named.items()}


def gradient_of(loss, theta, create_graph=False):
    """The gradient of a scalar in every array of `theta`, by name."""
    gradients = torch.autograd.grad(loss, list(theta.values()), create_graph=create_graph)
    return dict(zip(theta, gradients))


def standard(size, eta, tokens, val_tokens):
    """`(loss, gradient)` by reverse mode through the whole trajectory."""
    eta = differentiable(eta)
    theta = eta
    m = v = {name: torch.zeros_like(array) for name, array in eta.items()}
    for step in range(size.steps):
        gradient = gradient_of(mean_loss(size, theta, tokens[step]), theta, create_graph=True)
        theta, m, v = adam(gradient, theta, m, v, step + 1)
    loss = mean_loss(size, theta, val_tokens)
    return loss.detach(), gradient_of(loss, eta)


def mixed(size, eta, tokens, val_tokens):
    """`(loss, gradient)` by forward-over-reverse inside a reverse sweep over the steps."""
    theta = eta
    m = v = {name: torch.zeros_like(array) for name, array in eta.items()}
    saved = []
    for step in range(size.steps):
        variables = differentiable(theta)
        gradient = gradient_of(mean_loss(size, variables, tokens[step]), variables)
        saved.append((gradient, theta, m, v))
        with torch.no_grad():
            theta, m, v = adam(gradient, theta, m, v, step + 1)
    variables = differentiable(theta)
    loss = mean_loss(size, variables, val_tokens)
    state_adj = [gradient_of(loss, variables), None, None]
    for step in reversed(range(size.steps)):
        gradient, theta, m, v = saved.pop()
        gradient_adj, *state_adj = adam_adjoints(gradient, theta, m, v, step + 1, state_adj)
        inner_gradient = torch.func.grad(lambda p: mean_loss(size, p, tokens[step]))
        _, hessian_product = torch.func.jvp(inner_gradient, (theta,), (gradient_adj,))
        for name, tangent in hessian_product.items():
            state_adj[0][name] = state_adj[0][name] + tangent
    return loss.detach(), state_adj[0]


def adam_adjoints(gradient, theta, m, v, t, next_adj):
    """Adjoints of `(gradient, theta, m, v)` from those of the next state; None stands for zero."""
    arguments = [differentiable(tree) for tree in (gradient, theta, m, v)]
    results = adam(*arguments, t)
    pairs = [
        (tree[name], tree_adj[name])
        for tree, tree_adj in zip(results, next_adj)
        if tree_adj is not None
        for name in tree
    ]
    variables = [array for tree in arguments for array in tree.values()]
    outputs, outputs_adj = map(list, zip(*pairs))
    adjoints = iter(torch.autograd.grad(outputs, variables, outputs_adj))
    return [{name: next(adjoints) for name in tree} for tree in arguments]


VARIANTS = {"standard": standard, "mixed": mixed}


# Running ------------------------------------------------------------------------------------------


def meta_gradient(variant, size, arrays):
    """A function without arguments that computes `(loss, gradient)` from numpy arrays by name."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    tokens, val_tokens = (tensors.pop(name).long() for name in ("tokens", "val_tokens"))
    eta = {name.removeprefix("eta."): tensor for name, tensor in tensors.items()}
    return lambda: VARIANTS[variant](size, eta, tokens, val_tokens)


def measure(arguments, size):
    """Run one variant; the numbers by name."""
    arrays = inputs.load_inputs(arguments, "maml", size)
    call = meta_gradient(arguments.variant, size, arrays)
    seconds, (loss, gradient) = repeated(call, arguments.repeat)
    if arguments.outputs:
        gradients = {f"grad.{name}": g.numpy() for name, g in gradient.items()}
        np.savez(arguments.outputs, loss=loss.numpy(), **gradients)
    return {
        "task": "maml",
        "variant": arguments.variant,
        "dims": size._asdict(),
        **time_summary(seconds),
        "peak_rss_bytes": peak_resident_bytes(),
        "loss": loss.item(),
    }


def check(folder):
    """Compare both variants with the reference file; the number of mismatches."""

    def run(variant, arrays):
        loss, gradient = meta_gradient(variant, inputs.PRESETS["reference"], arrays)()
        return loss.numpy(), {name: g.numpy() for name, g in gradient.items()}

    return inputs.check_task("maml", folder, VARIANTS, run)


def main():
    """Parse the command line and run one measurement or the check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=["maml"], default="maml", help="maml only")
    parser.add_argument("--variant", choices=VARIANTS, default="mixed", help="default: mixed")
    inputs.add_run_flags(parser)
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(1 if check(arguments.check) else 0)
    result = measure(arguments, inputs.size_of(arguments))
    print_result(result, arguments.json)


if __name__ == "__main__":
    main()
