# SPDX-License-Identifier: Apache-2.0
"""Imported models against `jax.grad` of the unrolled program, in f64."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import optax
import pytest

from .comparison import largest_error
from .models import ALL, Case
from .models.plain_models import vmapped_examples

LIMIT = 1e-9

OPTIMIZERS = {
    "sgd": optax.sgd(0.05, momentum=0.9, nesterov=True),
    "adam": optax.adam(1e-2, eps_root=1e-12),
    "clipped_adamw": optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(1e-2, eps_root=1e-12, weight_decay=0.1)
    ),
}

#: All on one small model. Adam's kin get an `eps_root`, without which JAX's own gradient is not
#: finite where a second moment is zero.
MORE_OPTIMIZERS = {
    "adabelief": optax.adabelief(1e-2, eps_root=1e-12),
    "adagrad": optax.adagrad(1e-2),
    "adamax": optax.adamax(1e-2),
    "adadelta": optax.adadelta(1e-1),
    "amsgrad": optax.amsgrad(1e-2, eps_root=1e-12),
    "fromage": optax.fromage(1e-2),
    "lamb": optax.lamb(1e-2, eps_root=1e-12),
    "lars": optax.lars(1e-2),
    "lion": optax.lion(1e-2),
    "nadam": optax.nadam(1e-2, eps_root=1e-12),
    "noisy_free_sgd": optax.sgd(1e-1),
    "novograd": optax.novograd(1e-2),
    "radam": optax.radam(1e-2, eps_root=1e-12),
    "rmsprop": optax.rmsprop(1e-2, eps=1e-6, momentum=0.9),
    "sm3": optax.sm3(1e-2),
    "yogi": optax.yogi(1e-2),
    "scheduled": optax.adam(optax.cosine_decay_schedule(1e-1, 10), eps_root=1e-12),
    "warmup": optax.sgd(optax.warmup_cosine_decay_schedule(0.0, 1e-1, 2, 10)),
    "multi_steps": optax.MultiSteps(optax.sgd(1e-1), every_k_schedule=2),
    "masked": optax.masked(optax.sgd(1e-1), {"w": True, "b": False}),
    "lookahead_free": optax.chain(optax.clip(0.1), optax.trace(0.9), optax.scale(-0.1)),
    "injected": optax.inject_hyperparams(optax.adam)(learning_rate=1e-2, eps_root=1e-12),
}


def slow_but_for(names: dict[str, object], *quick: str) -> list[object]:
    """The names as parameters, all but a few marked as slow."""
    return [n if n in quick else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("optimizer", slow_but_for(OPTIMIZERS, "clipped_adamw"))
@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_model(model: Callable[[], Case], optimizer: str, tmp_path: pathlib.Path) -> None:
    case = model()
    is_initial = case.eta is None
    error, _, _ = largest_error(
        case.loss, case.loss, case.theta, case.theta if is_initial else case.eta, case.data,
        case.data, OPTIMIZERS[optimizer], tmp_path, initial=is_initial,
    )  # fmt: skip
    assert error < LIMIT


@pytest.mark.parametrize("optimizer", slow_but_for(MORE_OPTIMIZERS, "lamb", "injected"))
def test_optimizer(optimizer: str, tmp_path: pathlib.Path) -> None:
    case = vmapped_examples()
    error, _, _ = largest_error(
        case.loss, case.loss, case.theta, case.eta, case.data, case.data,
        MORE_OPTIMIZERS[optimizer], tmp_path,
    )  # fmt: skip
    assert error < LIMIT


def test_learned_rates(tmp_path: pathlib.Path) -> None:
    """An optimiser that is a function of the meta parameters."""
    case = vmapped_examples()
    eta = {"weights": case.eta["weights"], "rate": np.array(-3.0), "decay": np.array(2.0)}

    def optimizer(eta):
        return optax.adam(np.e ** eta["rate"], b1=1 / (1 + np.e ** -eta["decay"]), eps_root=1e-12)

    error, problem, _ = largest_error(
        case.loss, case.loss, case.theta, eta, case.data, case.data, optimizer, tmp_path
    )
    assert error < LIMIT
    assert problem.gradients == ["grad.decay", "grad.rate", "grad.weights"]
