# SPDX-License-Identifier: Apache-2.0
"""A spec and a JAX program of the same meta-gradient, measured in turns: what such drivers share.

Both programs read the same .npz in float32, one process per measurement, and may use all cores. Every
JAX variant is tried in the first round, the fastest one then stays. Memory is MixFuse's arena with all
processors and JAX's temporaries.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

from environment import JAX_PACKAGES, JAX_VENV, enter
from measuring import machine_description, run_json, summary

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"


class Peer(NamedTuple):
    """A problem as two programs, and how exactly they must agree."""

    spec: pathlib.Path
    sets: dict  # values of the spec's dims
    program: pathlib.Path  # the script in JAX: --variant, --inputs, --repeat, --json
    variants: list
    tolerance: float  # of the loss, relative, between two float32 programs


def parse(description, rounds, repeat, add=lambda parser: None):
    """Parse the command line of a driver and go into the environment that has JAX."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    default = ROOT / ".build" / "release" / "mixfuse"
    parser.add_argument("--mixfuse", type=pathlib.Path, default=default, help="the compiler")
    parser.add_argument("--rounds", type=int, default=rounds, help="processes of each")
    parser.add_argument("--repeat", type=int, default=repeat, help="calls in each")
    add(parser)
    arguments = parser.parse_args()
    if not arguments.mixfuse.exists():
        parser.error(f"{arguments.mixfuse} is missing: run 'swift build -c release' first")
    enter(JAX_VENV, JAX_PACKAGES)
    BUILD.mkdir(exist_ok=True)
    return arguments


def build_library(mixfuse, peer):
    """Build the library of a problem; return it and its meta-gradient's part of the manifest."""
    folder = BUILD / "-".join([peer.spec.stem, *(f"{k}{v}" for k, v in peer.sets.items())])
    folder.mkdir(parents=True, exist_ok=True)
    sets = [word for name, value in peer.sets.items() for word in ("--set", f"{name}={value}")]
    command = [mixfuse, "build", peer.spec, *sets, "-o", folder]
    subprocess.run(command, check=True, stdout=sys.stderr)
    manifest = json.loads((folder / f"{peer.spec.stem}.json").read_text())
    entry = next(e for e in manifest["entry_points"] if e["name"] == "meta_gradient")
    return folder / f"{peer.spec.stem}.so", entry


def arena_bytes(entry, threads):
    """The arena of an entry point with a number of threads."""
    return entry["arena_bytes"] + (threads - 1) * entry.get("arena_bytes_per_worker", 0)


def measure(mixfuse, peer, inputs, rounds, repeat, threads=None):
    """Both programs in turns; `threads` is the number of MixFuse's, all processors unless given."""
    library, entry = build_library(mixfuse, peer)
    threads = threads or os.cpu_count()

    def jax(variant):
        command = [sys.executable, peer.program, "--variant", variant, "--inputs", inputs]
        return run_json(command + ["--repeat", repeat, "--json"])

    def ours():
        command = [mixfuse, "run", library, "--inputs", inputs, "--repeat", repeat, "--json"]
        return run_json(command + ["--threads", threads])

    trials = {name: jax(name) for name in peer.variants}
    fastest = min(trials, key=lambda name: trials[name]["seconds_min"])
    runs = [(ours(), jax(fastest)) for _ in range(rounds)]
    mixfuse_runs, jax_runs = (summary(list(side)) for side in zip(*runs, strict=True))
    difference = abs(mixfuse_runs["loss"] - jax_runs["loss"]) / abs(jax_runs["loss"])
    if difference > peer.tolerance:
        sys.exit(f"{peer.spec.stem}: the losses differ by {difference:.1e}")
    return {
        "mixfuse": mixfuse_runs,
        "jax": jax_runs | {"variant": fastest, "trials": trials},
        "arena": arena_bytes(entry, threads),
        "temporaries": min(trial["temporary_bytes"] for trial in trials.values()),
    }


def report(name, problem, label, rows, rounds):
    """Print the results as Markdown and keep them in results/NAME.md.

    `rows` are pairs of what a row is labelled with, under the heading `label`, and its measurement.
    """
    lines = [
        f"{problem} in MixFuse and {JAX_PACKAGES[0].replace('==', ' ')} on {machine_description()}; "
        f"float32; {rounds} processes of each, in turns.",
        "",
        f"| {label} | MixFuse min (median) ms | JAX min (median) ms | fastest JAX variant | ratio min "
        "(median) | arena MiB | JAX's temporaries MiB, the smallest |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, row in rows:
        ours, theirs = row["mixfuse"], row["jax"]
        times = [
            f"{1e3 * side['seconds_min']:.2f} ({1e3 * side['seconds_median']:.2f})"
            for side in (ours, theirs)
        ]
        ratios = [theirs[key] / ours[key] for key in ("seconds_min", "seconds_median")]
        lines.append(
            f"| {title} | {times[0]} | {times[1]} | {theirs['variant']} | {ratios[0]:.2f} "
            f"({ratios[1]:.2f}) | {row['arena'] / 2**20:.2f} | {row['temporaries'] / 2**20:.2f} |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / f"{name}.md").write_text(text)
