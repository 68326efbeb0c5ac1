# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX's `segment_sum` on a graph network of Cora's size, in turns.

    python3 Benchmarks/gnn_cora.py            # installs JAX, builds the libraries, measures
    python3 Benchmarks/gnn_cora.py --rounds 3 --widths 16

Needs `swift build -c release` first. Graphs are drawn with a fixed seed: Cora's numbers of nodes, edges,
features and classes, degrees as uneven as there, sparse features of 0 and 1. Both programs read the same
.npz, in float32, one process per measurement, and may use all cores. Every JAX variant is tried in the
first round, the fastest one then stays. Memory is MixFuse's arena with all processors and JAX's
temporaries. The table goes to the terminal and to results/gnn_cora.md.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from environment import JAX_PACKAGES, JAX_VENV, enter
from measuring import machine_description, run_json, summary

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"
NODES, EDGES, FEATURES, CLASSES = 2708, 10556, 1433, 7
VARIANTS = ["reverse-scan", "reverse-unrolled", "mixed-scan", "mixed-unrolled"]
TOLERANCE = 1e-5  # of the loss, relative, between two float32 programs


def write_inputs(width):
    """Draw two graphs and a start; return the file."""
    import numpy as np

    generator = np.random.default_rng(7)

    def graph(suffix):
        # Half of the edges of a graph, then their opposites; a few nodes have very many.
        popularity = generator.pareto(1.6, NODES) + 0.3
        ends = generator.choice(NODES, (2, EDGES // 2), p=popularity / popularity.sum())
        source, target = np.concatenate([ends, ends[::-1]], axis=1).astype(np.int32)
        degree = np.bincount(target, minlength=NODES) + 1
        scale = 1 / np.sqrt(degree)
        x = (generator.uniform(size=(NODES, FEATURES)) < 18 / FEATURES).astype(np.float32)
        y = generator.integers(0, CLASSES, NODES).astype(np.int32)
        arrays = {"x": x, "source": source, "target": target, "scale": scale, "y": y}
        return {name + suffix: array for name, array in arrays.items()}

    arrays = graph("") | graph("2")
    for name, shape in {"w1": (FEATURES, width), "w2": (width, CLASSES)}.items():
        arrays[f"eta.{name}"] = generator.normal(size=shape) * np.sqrt(2 / sum(shape))
    arrays |= {"eta.b1": np.zeros(width), "eta.b2": np.zeros(CLASSES)}
    path = BUILD / f"gnn_cora_{width}.npz"
    np.savez(path, **{k: v if v.dtype == np.int32 else v.astype(np.float32) for k, v in arrays.items()})
    return path


def build_library(mixfuse, width):
    """Build the library of a width; return it and its arena in bytes."""
    folder = BUILD / f"gnn_cora_{width}"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [mixfuse, "build", HERE / "gnn_cora.mix", "--set", f"width={width}", "-o", folder],
        check=True,
        stdout=sys.stderr,
    )
    manifest = json.loads((folder / "gnn_cora.json").read_text())
    entry = next(e for e in manifest["entry_points"] if e["name"] == "meta_gradient")
    return folder / "gnn_cora.so", entry


def arena_bytes(entry):
    """The arena of an entry point with all processors."""
    threads = os.cpu_count()
    return entry["arena_bytes"] + (threads - 1) * entry.get("arena_bytes_per_worker", 0)


def measure(mixfuse, width, rounds, repeat):
    """Both programs in turns."""
    inputs = write_inputs(width)
    library, entry = build_library(mixfuse, width)

    def jax(variant):
        command = [sys.executable, HERE / "jax_gnn.py", "--variant", variant, "--inputs", inputs]
        return run_json(command + ["--repeat", repeat, "--json"])

    def ours():
        command = [mixfuse, "run", library, "--inputs", inputs, "--repeat", repeat, "--json"]
        return run_json(command + ["--threads", os.cpu_count()])

    trials = {name: jax(name) for name in VARIANTS}
    fastest = min(trials, key=lambda name: trials[name]["seconds_min"])
    runs = [(ours(), jax(fastest)) for _ in range(rounds)]
    mixfuse_runs, jax_runs = (summary(list(side)) for side in zip(*runs, strict=True))
    difference = abs(mixfuse_runs["loss"] - jax_runs["loss"]) / abs(jax_runs["loss"])
    if difference > TOLERANCE:
        sys.exit(f"width {width}: the losses differ by {difference:.1e}")
    return {
        "width": width,
        "mixfuse": mixfuse_runs,
        "jax": jax_runs | {"variant": fastest, "trials": trials},
        "arena": arena_bytes(entry),
        "temporaries": min(trial["temporary_bytes"] for trial in trials.values()),
    }


def table(rows):
    """The results as Markdown."""
    lines = [
        "| width | MixFuse min (median) ms | JAX min (median) ms | fastest JAX variant | ratio min "
        "(median) | arena MiB | JAX's temporaries MiB, the smallest |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, theirs = row["mixfuse"], row["jax"]
        times = [
            f"{1e3 * side['seconds_min']:.2f} ({1e3 * side['seconds_median']:.2f})"
            for side in (ours, theirs)
        ]
        ratios = [theirs[key] / ours[key] for key in ("seconds_min", "seconds_median")]
        lines.append(
            f"| {row['width']} | {times[0]} | {times[1]} | {theirs['variant']} | {ratios[0]:.2f} "
            f"({ratios[1]:.2f}) | {row['arena'] / 2**20:.2f} | {row['temporaries'] / 2**20:.2f} |"
        )
    return "\n".join(lines)


def main():
    """Prepare, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / ".build" / "release" / "mixfuse"
    parser.add_argument("--mixfuse", type=pathlib.Path, default=default, help="the compiler")
    parser.add_argument("--rounds", type=int, default=7, help="processes of each (default 7)")
    parser.add_argument("--repeat", type=int, default=30, help="calls in each (default 30)")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64])
    arguments = parser.parse_args()
    if not arguments.mixfuse.exists():
        parser.error(f"{arguments.mixfuse} is missing: run 'swift build -c release' first")
    enter(JAX_VENV, JAX_PACKAGES)
    BUILD.mkdir(exist_ok=True)
    rows = [
        measure(arguments.mixfuse, width, arguments.rounds, arguments.repeat)
        for width in arguments.widths
    ]
    text = (
        f"The meta-gradient of `gnn_cora.mix` ({NODES} nodes, {EDGES} edges, T = 2) in MixFuse and "
        f"{JAX_PACKAGES[0].replace('==', ' ')} on {machine_description()}; float32; "
        f"{arguments.rounds} processes of each, in turns.\n\n{table(rows)}\n"
    )
    print(text)
    (HERE / "results" / "gnn_cora.md").write_text(text)


if __name__ == "__main__":
    main()
