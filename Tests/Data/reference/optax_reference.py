# SPDX-License-Identifier: Apache-2.0
"""Writes optax_reference.json: trajectories of Optax's optimisers and values of its schedules, in float64.

    python3 optax_reference.py        # with optax 0.2.8, jax 0.10.2 (as recorded)

The problem is 0.5 * sum(a * (theta - b) ** 2) + sin(sum(theta.w)) * theta.c on a tree of a tall and a wide
matrix, a vector and a number; the spec of Tests/MixFuseTests/OptaxTests.swift has the same. What is
recorded are the parameters after 1 and after 6 steps.
"""

import json
import pathlib

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

SHAPES = {"w": (4, 3), "u": (2, 5), "v": (3,), "c": ()}


def ramp(shape, scale, offset):
    """Numbers that any language can make: scale * sin(1.7 i + offset)."""
    count = int(np.prod(shape))
    return (scale * np.sin(1.7 * np.arange(count) + offset)).reshape(shape)


THETA = {name: ramp(shape, 0.8, i) for i, (name, shape) in enumerate(SHAPES.items())}
CURVATURE = {name: 1 + ramp(shape, 0.5, 5 + i) for i, (name, shape) in enumerate(SHAPES.items())}
TARGET = {name: ramp(shape, 1.0, 9 + i) for i, (name, shape) in enumerate(SHAPES.items())}


def loss(theta):
    """The inner loss."""
    parts = jax.tree.map(lambda t, a, b: 0.5 * jnp.sum(a * (t - b) ** 2), theta, CURVATURE, TARGET)
    return sum(jax.tree.leaves(parts)) + jnp.sin(jnp.sum(theta["w"])) * theta["c"]


def double_decay(step, exponent):
    """Adafactor's decay in float64; Optax's own rounds it to float32."""
    return 1.0 - jnp.asarray(step + 1, jnp.float64) ** (-exponent)


def adafactor(rate):
    """`optax.adafactor(rate, factored=False)` with that decay."""
    return optax.chain(
        optax.scale_by_factored_rms(False, decay_rate_fn=double_decay),
        optax.clip_by_block_rms(1.0),
        optax.scale_by_learning_rate(rate, flip_sign=False),
        optax.scale_by_param_block_rms(),
        optax.scale(-1),
    )


CASES = {
    "lion(rate: 0.03)": optax.lion(0.03),
    "lion(rate: 0.03, beta1: 0.8, beta2: 0.95, weight_decay: 0.1)": optax.lion(
        0.03, b1=0.8, b2=0.95, weight_decay=0.1
    ),
    "adagrad(rate: 0.3)": optax.adagrad(0.3),
    "adafactor(rate: 0.1)": adafactor(0.1),
    "lamb(rate: 0.05, epsilon_root: 0)": optax.lamb(0.05),
    "lamb(rate: 0.05, weight_decay: 0.1, epsilon_root: 0)": optax.lamb(0.05, weight_decay=0.1),
    "nadam(rate: 0.05, epsilon_root: 0)": optax.nadam(0.05),
    "radam(rate: 0.05, epsilon_root: 0)": optax.radam(0.05),
    "radam(rate: 0.05, beta2: 0.9, epsilon_root: 0)": optax.radam(0.05, b2=0.9),
    "amsgrad(rate: 0.05, epsilon_root: 0)": optax.amsgrad(0.05),
    "amsgrad(rate: 0.3, beta2: 0.5, epsilon_root: 0)": optax.amsgrad(0.3, b2=0.5),
    "yogi(rate: 0.05, epsilon_root: 0)": optax.yogi(0.05),
    "muon(rate: 0.05, epsilon_root: 0)": optax.contrib.muon(0.05),
    "muon(rate: 0.05, beta: 0.9, weight_decay: 0.1, epsilon_root: 0)": optax.contrib.muon(
        0.05, beta=0.9, weight_decay=0.1
    ),
    "schedule_free_sgd(rate: 0.2)": optax.contrib.schedule_free_sgd(0.2),
    "schedule_free_sgd(rate: 0.2, beta: 0.7, weight_decay: 0.1)": optax.contrib.schedule_free_sgd(
        0.2, b1=0.7, weight_decay=0.1
    ),
    "schedule_free_adamw(rate: 0.05, weight_decay: 0.1, epsilon_root: 0)": (
        optax.contrib.schedule_free_adamw(0.05, weight_decay=0.1)
    ),
    "adamw(rate: 0.05, weight_decay: 0.1, epsilon_root: 0)": optax.adamw(0.05, weight_decay=0.1),
}

SCHEDULES = {
    "constant_schedule(step, 0.3)": optax.constant_schedule(0.3),
    "linear_schedule(step, 0.1, 0.7, 5)": optax.linear_schedule(0.1, 0.7, 5),
    "linear_schedule(step, 0.7, 0.1, 4, begin: 2)": optax.linear_schedule(0.7, 0.1, 4, 2),
    "polynomial_schedule(step, 0.7, 0.1, 2, 6, begin: 1)": optax.polynomial_schedule(
        0.7, 0.1, 2, 6, 1
    ),
    "exponential_decay(step, 0.5, 3, 0.4)": optax.exponential_decay(0.5, 3, 0.4),
    "exponential_decay(step, 0.5, 3, 0.4, begin: 2, staircase: true)": optax.exponential_decay(
        0.5, 3, 0.4, 2, True
    ),
    "exponential_decay(step, 0.5, 2, 0.3, end: 0.1)": optax.exponential_decay(
        0.5, 2, 0.3, end_value=0.1
    ),
    "cosine_decay(step, 0.5, 6)": optax.cosine_decay_schedule(0.5, 6),
    "cosine_decay(step, 0.5, 6, least: 0.1, exponent: 2)": optax.cosine_decay_schedule(
        0.5, 6, 0.1, 2.0
    ),
    "warmup_constant(step, 0, 0.5, 3)": optax.warmup_constant_schedule(0.0, 0.5, 3),
    "warmup_cosine(step, 0.1, 0.6, 3, 8)": optax.warmup_cosine_decay_schedule(0.1, 0.6, 3, 8),
    "warmup_cosine(step, 0, 0.6, 2, 7, end: 0.06)": optax.warmup_cosine_decay_schedule(
        0.0, 0.6, 2, 7, 0.06
    ),
    "piecewise_constant(step, 0.5, [3, 6], [0.1, 4])": optax.piecewise_constant_schedule(
        0.5, {3: 0.1, 6: 4.0}
    ),
}


def trajectory(optimizer):
    """The parameters after 1 and after 6 steps, leaf by leaf."""
    theta = jax.tree.map(jnp.asarray, THETA)
    state = optimizer.init(theta)
    recorded = {}
    for step in range(1, 7):
        updates, state = optimizer.update(jax.grad(loss)(theta), state, theta)
        theta = optax.apply_updates(theta, updates)
        if step in (1, 6):
            recorded[str(step)] = {k: np.ravel(v).tolist() for k, v in theta.items()}
    return recorded


def main():
    """Record everything."""
    numbers = {
        "versions": {"optax": optax.__version__, "jax": jax.__version__},
        "optimizers": {call: trajectory(optimizer) for call, optimizer in CASES.items()},
        "schedules": {
            call: [float(schedule(np.float64(count))) for count in range(10)]
            for call, schedule in SCHEDULES.items()
        },
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
