# SPDX-License-Identifier: Apache-2.0
"""The example meta-gradients written in JAX, the program that MixFuse is measured against.

Each task is written the way a JAX user who wants speed would write it: one `jit` around
everything, `vmap` over the tasks, all inputs on the device before the clock starts. Array names
are those of the `.mix` specs and of the reference files, so one .npz feeds both programs. Every
task comes in several *variants* (see TASKS): which is fastest depends on the sizes.

One process per measurement, so that memory and compilation are those of one program:

    python jax_baselines.py --task maml_sinusoid --steps 5 --variant mixed-scan \
        --inputs inputs.npz --repeat 500 --json

    python jax_baselines.py --check ../Tests/Data/reference    # every variant, float64 and float32
"""

import argparse
import functools
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from measuring import peak_resident_bytes

SINUSOID_RATE = 0.01


# Inner steps in mixed mode ------------------------------------------------------------------------


def mixed_mode_step(loss):
    """An inner step of gradient descent whose adjoint is a tangent of the gradient program.

    `loss(theta, data)` -> scalar. The step maps `(theta, rate, data)` to `(theta', loss)`. Its
    reverse rule is forward-over-reverse: by symmetry of the Hessian, one `jax.jvp` of the gradient
    along the adjoint of the gradient gives the second-order term, and no tape of a tape is kept
    (Kemaev et al., ICML 2025, Algorithm 2). Data get no adjoint.
    """

    def value_and_step(theta, rate, data):
        value, gradient = jax.value_and_grad(loss)(theta, data)
        return jax.tree.map(lambda p, g: p - rate * g, theta, gradient), value

    step = jax.custom_vjp(value_and_step)

    def forward(theta, rate, data):
        return value_and_step(theta, rate, data), (theta, rate, data)

    def backward(saved, adjoints):
        theta, rate, data = saved
        theta_adj, value_adj = adjoints
        gradient_adj = jax.tree.map(lambda a: -rate * a, theta_adj)
        gradient, hessian_product = jax.jvp(
            lambda t: jax.grad(loss)(t, data), (theta,), (gradient_adj,)
        )
        rate_adj = -sum(jax.tree.leaves(jax.tree.map(jnp.vdot, theta_adj, gradient)))
        next_adj = jax.tree.map(
            lambda a, h, g: a + h + value_adj * g, theta_adj, hessian_product, gradient
        )
        return next_adj, rate_adj, None

    step.defvjp(forward, backward)
    return step


def plain_step(loss):
    """The same step with nothing said about its derivative: reverse-over-reverse."""

    def step(theta, rate, data):
        value, gradient = jax.value_and_grad(loss)(theta, data)
        return jax.tree.map(lambda p, g: p - rate * g, theta, gradient), value

    return step


# The tasks ----------------------------------------------------------------------------------------


def sinusoid_loss(theta, data):
    """Mean squared error of the 1-hidden-hidden-1 ReLU perceptron on `data = (x, y)`."""
    x, y = data
    h = jax.nn.relu(x @ theta["w1"] + theta["b1"])
    h = jax.nn.relu(h @ theta["w2"] + theta["b2"])
    return jnp.mean(jnp.square(h @ theta["w3"] + theta["b3"] - y))


def maml_sinusoid(step, unroll, steps):
    """The MAML objective of a batch of sinusoid tasks, as a function of `(eta, data)`."""
    inner = step(sinusoid_loss)

    def task_loss(eta, x_support, y_support, x_query, y_query):
        def body(theta, _):
            theta, _ = inner(theta, SINUSOID_RATE, (x_support, y_support))
            return theta, None

        theta, _ = jax.lax.scan(body, eta, None, length=steps, unroll=steps if unroll else 1)
        return sinusoid_loss(theta, (x_query, y_query))

    def objective(eta, data):
        # One derivative of the mean over tasks, not a mean of derivatives: the first layer products
        # then share their weights over the tasks.
        per_task = jax.vmap(functools.partial(task_loss, eta))
        return jnp.mean(
            per_task(data["x_support"], data["y_support"], data["x_query"], data["y_query"])
        )

    return objective


def classifier_loss(theta, data):
    """Mean softmax cross-entropy of the tanh perceptron on `data = (x, y)`."""
    x, y = data
    logits = jnp.tanh(x @ theta["w1"] + theta["b1"]) @ theta["w2"] + theta["b2"]
    log_probabilities = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_probabilities, y[:, None], axis=-1))


def mnist1d_lr(step, unroll, steps):
    """The mean inner loss over a trajectory, as a function of `(lr, data)`."""
    inner = step(classifier_loss)

    def objective(lr, data):
        def body(theta, batch):
            return inner(theta, lr, batch)

        batches = (data["x"], data["y"])
        # Unrolling all 200 steps takes minutes to compile; four at a time is the usual compromise.
        _, losses = jax.lax.scan(
            body, data["theta"], batches, length=steps, unroll=4 if unroll else 1
        )
        return jnp.mean(losses)

    return objective


def reverse(objective):
    """Value and derivative of an objective in its first argument, by reverse mode."""
    return jax.value_and_grad(objective)


def forward(objective):
    """The same by forward mode, which suits a meta tree that is one scalar."""

    def value_and_derivative(meta, data):
        return jax.jvp(lambda m: objective(m, data), (meta,), (jnp.ones_like(meta),))

    return value_and_derivative


class Task(NamedTuple):
    """One benchmark: its objective, the name of its meta tree, and its variants."""

    objective: Callable
    meta: str
    variants: dict[str, tuple]  # name -> (outer derivative, inner step, unroll)


COMMON_VARIANTS = {
    "reverse-scan": (reverse, plain_step, False),
    "reverse-unrolled": (reverse, plain_step, True),
    "mixed-scan": (reverse, mixed_mode_step, False),
    "mixed-unrolled": (reverse, mixed_mode_step, True),
}
FORWARD_VARIANTS = {
    "forward-scan": (forward, plain_step, False),
    "forward-unrolled": (forward, plain_step, True),
}
TASKS = {
    "maml_sinusoid": Task(maml_sinusoid, "eta", COMMON_VARIANTS),
    "mnist1d_lr": Task(mnist1d_lr, "lr", COMMON_VARIANTS | FORWARD_VARIANTS),
}


# Measuring ----------------------------------------------------------------------------------------


def read_inputs(path, dtype):
    """The arrays of an .npz as nested dictionaries (a dot is nesting), floats as `dtype`."""
    tree = {}
    with np.load(path) as archive:
        for name in archive.files:
            array = archive[name]
            if np.issubdtype(array.dtype, np.floating):
                array = array.astype(dtype)
            *groups, leaf = name.split(".")
            functools.reduce(lambda node, key: node.setdefault(key, {}), groups, tree)[leaf] = array
    return tree


def split_inputs(task, tree):
    """`(meta, data)` as device arrays, results of a reference file left out."""
    data = {name: value for name, value in tree.items() if name not in (task.meta, "loss", "grad")}
    return jax.device_put(tree[task.meta]), jax.device_put(data)


def build(task, variant, steps):
    """The jitted function `(meta, data) -> (loss, gradient)` of one variant."""
    derivative, step, unroll = task.variants[variant]
    return jax.jit(derivative(task.objective(step, unroll, steps)))


def measure(arguments):
    """Time one variant and return the numbers as a dictionary (seconds, bytes)."""
    task = TASKS[arguments.task]
    meta, data = split_inputs(task, read_inputs(arguments.inputs, np.float32))
    if arguments.tasks is not None and data["x_support"].shape[0] != arguments.tasks:
        sys.exit(f"--tasks {arguments.tasks}: the file has {data['x_support'].shape[0]} tasks")
    function = build(task, arguments.variant, arguments.steps)

    start = time.perf_counter()
    loss, _ = jax.block_until_ready(function(meta, data))
    first_call = time.perf_counter() - start

    seconds = []
    for _ in range(arguments.repeat):
        start = time.perf_counter()
        jax.block_until_ready(function(meta, data))
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    return {
        "seconds_median": median,
        "seconds_min": min(seconds),
        "compile_seconds": max(0.0, first_call - median),
        "peak_rss_bytes": peak_resident_bytes(),
        "loss": float(loss),
        "variant": arguments.variant,
    }


# Checking -----------------------------------------------------------------------------------------

REFERENCES = [  # file, task, steps, float32 limit (three times JAX's error)
    ("maml_sinusoid_t1.npz", "maml_sinusoid", 1, 1e-5),
    ("maml_sinusoid_t5.npz", "maml_sinusoid", 5, 2e-5),
    ("mnist1d_lr.npz", "mnist1d_lr", 20, 1e-5),
]


def check(folder):
    """Compare every variant with the reference files; return the number of mismatches."""
    jax.config.update("jax_enable_x64", True)
    failures = 0
    for file, task_name, steps, float32_limit in REFERENCES:
        task = TASKS[task_name]
        for variant in task.variants:
            for dtype, limit in ((np.float64, 1e-9), (np.float32, float32_limit)):
                tree = read_inputs(folder / file, dtype)
                loss, gradient = build(task, variant, steps)(*split_inputs(task, tree))
                pairs = jax.tree.map(
                    lambda got, want: float(jnp.linalg.norm(got - want) / jnp.linalg.norm(want)),
                    {"loss": loss, "grad": gradient},
                    {"loss": tree["loss"], "grad": tree["grad"]},
                )
                error = max(jax.tree.leaves(pairs))
                failures += not error <= limit
                verdict = "ok" if error <= limit else "MISMATCH"
                print(f"{file:24} {variant:18} {np.dtype(dtype).name}  {error:.2e}  {verdict}")
    return failures


def main():
    """Parse the command line and run one measurement or the check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--steps", type=int, default=1, help="inner steps (default 1)")
    parser.add_argument("--tasks", type=int, help="number of tasks that the file must hold")
    parser.add_argument("--variant", help="see --list (default: the task's first)")
    parser.add_argument("--inputs", type=pathlib.Path, help=".npz with the input arrays")
    parser.add_argument("--repeat", type=int, default=200, help="timed calls (default 200)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", type=pathlib.Path, metavar="DIR", help="folder of references")
    parser.add_argument("--list", action="store_true", help="print the variants of --task")
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(1 if check(arguments.check) else 0)
    if not arguments.task:
        parser.error("--task is needed")
    variants = list(TASKS[arguments.task].variants)
    if arguments.list:
        print("\n".join(variants))
        return
    arguments.variant = arguments.variant or variants[0]
    if arguments.variant not in variants:
        parser.error(f"--variant is one of {', '.join(variants)}")
    if not arguments.inputs:
        parser.error("--inputs is needed")
    result = measure(arguments)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
