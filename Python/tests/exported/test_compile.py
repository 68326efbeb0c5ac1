# SPDX-License-Identifier: Apache-2.0
"""`mixfuse.torch.compile`: modules and optimisers of PyTorch against its own double backward, in f64."""

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("jax")
pytest.importorskip("optax")

import torch.nn.functional as F  # noqa: E402

import mixfuse.torch  # noqa: E402

from . import reference  # noqa: E402
from .models import MODELS, ROWS, Perceptron, rows  # noqa: E402


@pytest.fixture(autouse=True)
def double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def weighted(model, eta, x, y):
    errors = F.cross_entropy(model(x), y, reduction="none")
    return (F.softplus(eta["weights"]) * errors).mean()


def judged(model, eta, x, y):
    return F.cross_entropy(model(x), y)


def difference(found, expected):
    norm = torch.linalg.vector_norm
    return max(float(norm(found[n] - expected[n]) / norm(expected[n])) for n in expected)


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    make, draw = MODELS[name]
    model, train, held_out = make(), draw(), draw()
    eta = {"weights": torch.randn(ROWS)}
    compiled = mixfuse.torch.compile(
        weighted, judged, model, eta, train, held_out,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), steps=3,
    )
    loss, gradient = compiled(eta, model, train, held_out)
    expected_loss, expected = reference.meta_gradient(
        weighted, judged, model, eta, train, held_out, reference.sgd(0.1), 3)
    assert abs(loss - expected_loss) <= 1e-9 * abs(expected_loss)
    assert difference(gradient, expected) <= 1e-9


OPTIMIZERS = [
    (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (torch.optim.SGD, {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01}),
    (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (torch.optim.SGD, {"lr": 0.05, "maximize": True}),
    (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.02}),
    (torch.optim.Adam, {"lr": 0.01, "betas": (0.8, 0.95), "amsgrad": True}),
    (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-6}),
]


@pytest.mark.parametrize("kind, settings", OPTIMIZERS)
def test_optimizers(kind, settings):
    model, train, held_out = Perceptron(), rows(), rows()
    eta = {"weights": torch.randn(ROWS)}
    compiled = mixfuse.torch.compile(
        weighted, judged, model, eta, train, held_out,
        optimizer=kind(model.parameters(), **settings), steps=4,
    )
    _, gradient = compiled(eta, model, train, held_out)
    expected = reference.differences(
        weighted, judged, model, eta, train, held_out, kind, settings, 4)
    assert difference(gradient, expected) <= 1e-7


def test_learned_rate_and_start():
    """What is learned may be the optimiser's rate; and where the parameters start."""
    model, train, held_out = Perceptron(), rows(), rows()
    eta = {"rate": torch.tensor(-2.0)}
    compiled = mixfuse.torch.compile(
        judged, judged, model, eta, train, held_out,
        optimizer=lambda eta: mixfuse.torch.sgd(lr=eta["rate"] ** 2 / 40), steps=3)
    _, gradient = compiled(eta, model, train, held_out)
    update = reference.sgd(lambda eta: eta["rate"] ** 2 / 40)
    _, expected = reference.meta_gradient(judged, judged, model, eta, train, held_out, update, 3)
    assert difference(gradient, expected) <= 1e-9

    start = {name: p.detach() for name, p in model.named_parameters()}
    compiled = mixfuse.torch.compile(
        judged, judged, model, start, train, held_out,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), steps=2, initial=True)
    _, gradient = compiled(start, None, train, held_out)
    _, expected = reference.meta_gradient(
        judged, judged, model, start, train, held_out, reference.sgd(0.1), 2, initial=True)
    assert difference(gradient, expected) <= 1e-9


def test_tasks_and_streams():
    """An axis of tasks, and one of steps in the inner data of each."""
    tasks, steps = 3, 2
    model = Perceptron()
    x, y = torch.randn(tasks, steps, ROWS, 5), torch.randint(0, 4, (tasks, steps, ROWS))
    held_out = torch.randn(tasks, ROWS, 5), torch.randint(0, 4, (tasks, ROWS))
    start = {name: p.detach() for name, p in model.named_parameters()}
    compiled = mixfuse.torch.compile(
        judged, judged, model, start, (x, y), held_out, steps=steps, tasks=tasks, streamed=True,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), initial=True)
    loss, gradient = compiled(start, None, (x, y), held_out)
    total, sums = 0, {name: 0 for name in start}
    for task in range(tasks):
        places = iter(range(steps))

        def streamed(model, eta, x, y, places=places):
            step = next(places)
            return judged(model, eta, x[step], y[step])

        own = held_out[0][task], held_out[1][task]
        value, part = reference.meta_gradient(
            streamed, judged, model, start, (x[task], y[task]), own, reference.sgd(0.1), steps,
            initial=True)
        total = total + value / tasks
        sums = {name: sums[name] + part[name] / tasks for name in sums}
    assert abs(loss - total) <= 1e-9 * abs(total)
    assert difference(gradient, sums) <= 1e-9


def test_backward_fills_gradients():
    model, train, held_out = Perceptron(), rows(), rows()
    eta = {"weights": torch.randn(ROWS, requires_grad=True)}
    compiled = mixfuse.torch.compile(
        weighted, judged, model, eta, train, held_out,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), steps=2)
    (2 * compiled.loss(eta, model, train, held_out)).backward()
    _, gradient = compiled(eta, model, train, held_out)
    assert torch.allclose(eta["weights"].grad, 2 * gradient["weights"], rtol=1e-12)


def test_names_and_lines_are_the_users(tmp_path):
    model, train, held_out = Perceptron(), rows(), rows()
    eta = {"weights": torch.randn(ROWS)}
    mixfuse.torch.compile(
        weighted, judged, model, eta, train, held_out, output=tmp_path,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), steps=2)
    text = (tmp_path / "weighted.c").read_text()
    assert "theta_first_weight" in text
    assert re.search(r"hidden\w* = .*", text)
    assert re.search(r"models\.py:\d+:\d+", text)


def test_what_is_refused_has_a_place():
    class Sorted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(5, 4))

        def forward(self, x):
            return torch.linalg.qr(x @ self.w)[1]

    model, data = Sorted(), rows()
    with pytest.raises(mixfuse.torch.ImportRefused, match=r"test_compile\.py:\d+: .*qr"):
        mixfuse.torch.compile(
            lambda model, eta, x, y: model(x).sum() * eta["a"], judged, model,
            {"a": torch.ones(())}, data, data, steps=1,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(mixfuse.torch.ImportRefused, match="RMSprop"):
        model = Perceptron()
        mixfuse.torch.compile(
            weighted, judged, model, {"weights": torch.ones(ROWS)}, data, data, steps=1,
            optimizer=torch.optim.RMSprop(model.parameters()))
