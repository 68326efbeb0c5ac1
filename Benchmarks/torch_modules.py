# SPDX-License-Identifier: Apache-2.0
"""Modules of PyTorch, compiled, against double backward in eager PyTorch: loss and meta-gradient, in turns.

    MIXFUSE=.build/release/mixfuse python Benchmarks/torch_modules.py

Needs the package of `Python/` with `torch`. Three inner steps of gradient descent with a weight for every
example, in float32; both programs may use all processors. Best and median of each in milliseconds, and the
ratio of the medians. The table goes to the terminal and to results/torch_modules.md.
"""

import os
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

import mixfuse.torch
from measuring import machine_description

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Python" / "tests"))
from exported.models import Block  # noqa: E402
from exported.reference import meta_gradient, sgd  # noqa: E402

STEPS, ROWS, RATE, SECONDS = 3, 32, 0.1, 4.0


class Perceptron(nn.Sequential):
    """784-128-128-10."""

    def __init__(self):
        super().__init__(
            nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
        )


class Convolutions(nn.Sequential):
    """The four blocks of few-shot classification, with 32 filters."""

    def __init__(self):
        blocks = []
        for channels in (1, 32, 32, 32):
            blocks += [nn.Conv2d(channels, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
            blocks += [nn.MaxPool2d(2)]
        super().__init__(*blocks, nn.Flatten(), nn.Linear(32, 10))


class Recurrent(nn.Module):
    """An LSTM of width 64 over 28 rows of an image."""

    def __init__(self):
        super().__init__()
        self.body, self.last = nn.LSTM(28, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.last(self.body(x)[0][:, -1])


class Transformer(nn.Module):
    """Six layers of width 64 over 64 tokens."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(256, 64)
        self.blocks = nn.ModuleList(Block(64, 4) for _ in range(6))
        self.last = nn.Linear(64, 10)

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.last(x.mean(dim=1))


MODELS = {
    "perceptron 784-128-128-10": (Perceptron, lambda: torch.randn(ROWS, 784)),
    "convolutions, batch norm, 32 filters": (Convolutions, lambda: torch.randn(ROWS, 1, 28, 28)),
    "LSTM, width 64, 28 steps": (Recurrent, lambda: torch.randn(ROWS, 28, 28)),
    "transformer, 6 layers, width 64": (Transformer, lambda: torch.randint(0, 256, (ROWS, 64))),
}


def weighted(model, eta, x, y):
    """The inner loss."""
    errors = F.cross_entropy(model(x), y, reduction="none")
    return (F.softplus(eta["weights"]) * errors).mean()


def judged(model, eta, x, y):
    """The outer loss."""
    return F.cross_entropy(model(x), y)


def measured(make, draw):
    """Seconds of both programs, in turns, and how far their gradients are apart."""
    torch.manual_seed(0)
    model = make()
    train, held_out = ((draw(), torch.randint(0, 10, (ROWS,))) for _ in range(2))
    eta = {"weights": torch.zeros(ROWS)}
    compiled = mixfuse.torch.compile(
        weighted, judged, model, eta, train, held_out, steps=STEPS, threads=os.cpu_count(),
        optimizer=torch.optim.SGD(model.parameters(), lr=RATE),
    )  # fmt: skip
    calls = (
        lambda: compiled(eta, model, train, held_out),
        lambda: meta_gradient(weighted, judged, model, eta, train, held_out, sgd(RATE), STEPS),
    )
    (_, ours), (_, theirs) = (call() for call in calls)
    norm = torch.linalg.vector_norm
    apart = float(norm(ours["weights"] - theirs["weights"]) / norm(theirs["weights"]))
    times = [[], []]
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times[0]) < 5:
        for call, seconds in zip(calls, times):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return times, apart


def main():
    """Measure and print a table."""
    lines = [
        f"Modules compiled by `mixfuse.torch.compile` and double backward in PyTorch {torch.__version__} "
        f"(eager) on {machine_description()}; float32; T = {STEPS}, {ROWS} examples; in turns.",
        "",
        "| module | MixFuse ms best (median) | PyTorch ms best (median) | ratio | gradients apart |",
        "|---|---|---|---|---|",
    ]
    for name, (make, draw) in MODELS.items():
        times, apart = measured(make, draw)
        cells = [
            f"{1e3 * min(seconds):.2f} ({1e3 * statistics.median(seconds):.2f})" for seconds in times
        ]
        ratio = statistics.median(times[1]) / statistics.median(times[0])
        lines.append(f"| {name} | {' | '.join(cells)} | {ratio:.1f} | {apart:.0e} |")
    text = "\n".join(lines) + "\n"
    print(text)
    (ROOT / "Benchmarks" / "results" / "torch_modules.md").write_text(text)


if __name__ == "__main__":
    main()
