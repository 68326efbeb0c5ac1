# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX on the small examples, side by side.

    python3 Benchmarks/small_models.py              # installs JAX, builds the libraries, measures
    python3 Benchmarks/small_models.py --lib-only   # builds the libraries and stops
    python3 Benchmarks/small_models.py --reuse      # measures the libraries that are there

Needs `swift build -c release` first and python3 with its venv module. JAX goes into a virtual
environment of its own (Benchmarks/.venv). Both programs read the same .npz of inputs, run one
process per measurement and take turns, so that a slow moment of the machine hits both; both may use
all cores. JAX runs in every variant of jax_baselines.py once, then in the fastest of each family.
The table goes to the terminal and to results/small_models.md, all numbers to small_models.json.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

from environment import JAX_PACKAGES, JAX_VENV, enter
from measuring import machine_description, run_json, summary

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"
RESULTS = HERE / "results"

TASKS = 25
BATCH = 50
TRAJECTORY = 200
LOSS_TOLERANCE = 1e-5  # relative, between two float32 programs
SEED = 2


class Case(NamedTuple):
    """One row: a spec with its dims, and the family of JAX variants that it is held against."""

    title: str
    spec: str
    dims: dict[str, int]
    family: tuple[str, ...]  # prefixes of variant names
    jax_options: list[str]
    repeat: int

    @property
    def key(self):
        """The name of the library folder and the inputs; cases that differ in family share it."""
        return "_".join([self.spec] + [f"{name}{size}" for name, size in self.dims.items()])


def sinusoid_case(steps):
    """The MAML meta-gradient of 25 tasks with `steps` inner steps."""
    return Case(
        title=f"sinusoid MAML, {TASKS} tasks, T = {steps}",
        spec="maml_sinusoid",
        dims={"steps": steps, "tasks": TASKS},
        family=("reverse", "mixed"),
        jax_options=["--steps", str(steps), "--tasks", str(TASKS)],
        repeat=1000,
    )


def mnist1d_case(title, family):
    """The learning-rate meta-gradient against one family of JAX programs."""
    return Case(
        title=f"mnist1d learning rate, T = {TRAJECTORY}, batch {BATCH}{title}",
        spec="mnist1d_lr",
        dims={"steps": TRAJECTORY, "batch": BATCH},
        family=family,
        jax_options=["--steps", str(TRAJECTORY)],
        repeat=100,
    )


CASES = [
    sinusoid_case(1),
    sinusoid_case(5),
    mnist1d_case("", ("reverse", "mixed")),
    # With one scalar to learn, forward mode needs no adjoint at all: JAX's best answer here.
    mnist1d_case(" (JAX: forward mode)", ("forward",)),
]


# Preparation --------------------------------------------------------------------------------------


def build_library(case, mixfuse):
    """Build one library with an empty cache; return the seconds from spec to library."""
    folder = BUILD / case.key
    cache = BUILD / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = [mixfuse, "build", ROOT / "Examples" / f"{case.spec}.mix", "-o", folder]
    for name, size in case.dims.items():
        command += ["--set", f"{name}={size}"]
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    subprocess.run(
        [str(part) for part in command],
        check=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=sys.stderr,
    )
    seconds = time.perf_counter() - start
    shutil.rmtree(cache, ignore_errors=True)
    (folder / "build_seconds.json").write_text(json.dumps(seconds))
    return seconds


def write_inputs(case):
    """Draw the inputs of a case from the example data with a fixed seed; return the file."""
    import numpy as np

    generator = np.random.default_rng(SEED)

    def weights(tree, **shapes):
        return {
            f"{tree}.{name}": (
                generator.normal(size=shape) / np.sqrt(shape[0])
                if len(shape) > 1
                else np.zeros(shape)
            ).astype(np.float32)
            for name, shape in shapes.items()
        }

    data = ROOT / "Examples" / "data"
    if case.spec == "maml_sinusoid":
        arrays = weights("eta", w1=(1, 40), b1=(40,), w2=(40, 40), b2=(40,), w3=(40, 1), b3=(1,))
        with np.load(data / "sinusoid_tasks.npz") as archive:
            for name in ("x_support", "y_support", "x_query", "y_query"):
                arrays[name] = archive[name][:TASKS]
    else:
        arrays = weights("theta", w1=(40, 50), b1=(50,), w2=(50, 10), b2=(10,))
        arrays["lr"] = np.float32(0.5)
        with np.load(data / "mnist1d.npz") as archive:
            rows = generator.integers(0, len(archive["x"]), (TRAJECTORY, BATCH))
            arrays |= {"x": archive["x"][rows], "y": archive["y"][rows]}
    path = BUILD / f"{case.key}.npz"
    np.savez(path, **arrays)
    return path


# Measuring ----------------------------------------------------------------------------------------


def measure_jax(case, variant, inputs):
    """One process of the JAX program."""
    return run_json(
        [sys.executable, HERE / "jax_baselines.py", "--task", case.spec, "--variant", variant]
        + case.jax_options
        + ["--inputs", inputs, "--repeat", case.repeat, "--json"]
    )


def measure_mixfuse(case, mixfuse, inputs):
    """One process of the compiled library."""
    library = BUILD / case.key / f"{case.spec}.so"
    return run_json(
        [mixfuse, "run", library, "--inputs", inputs, "--threads", os.cpu_count()]
        + ["--repeat", case.repeat, "--json"]
    )


def variants_of(case):
    """The JAX variants of a case's family."""
    listed = subprocess.run(
        [sys.executable, HERE / "jax_baselines.py", "--task", case.spec, "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split() if name.startswith(case.family)]


def measure(case, mixfuse, rounds):
    """Both programs in turns; every JAX variant is tried first, the fastest one then stays."""
    inputs = write_inputs(case)
    trials = {name: measure_jax(case, name, inputs) for name in variants_of(case)}
    variant = min(trials, key=lambda name: trials[name]["seconds_min"])
    ours, theirs = [], []
    for number in range(rounds):
        print(f"{case.title}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        ours.append(measure_mixfuse(case, mixfuse, inputs))
        theirs.append(measure_jax(case, variant, inputs))
    mixfuse_summary, jax_summary = summary(ours), summary(theirs)
    losses = mixfuse_summary["loss"], jax_summary["loss"]
    return {
        "title": case.title,
        "dims": case.dims,
        "mixfuse": mixfuse_summary
        | {"build_seconds": json.loads((BUILD / case.key / "build_seconds.json").read_text())},
        "jax": jax_summary
        | {
            "variant": variant,
            "compile_seconds": min(run["compile_seconds"] for run in theirs),
            "variants": {name: trial["seconds_min"] for name, trial in trials.items()},
        },
        "ratio_min": jax_summary["seconds_min"] / mixfuse_summary["seconds_min"],
        "ratio_median": jax_summary["seconds_median"] / mixfuse_summary["seconds_median"],
        "loss_difference": abs(losses[0] - losses[1]) / abs(losses[1]),
    }


# Reporting ----------------------------------------------------------------------------------------


def table(rows):
    """The results as Markdown: times in ms, build and compile times in s, memory in MiB."""
    lines = [
        "| meta-gradient | MixFuse min (median) ms | JAX min (median) ms | fastest JAX variant "
        "| ratio min (median) | build / compile s | memory MiB | loss difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, theirs = row["mixfuse"], row["jax"]
        times = [
            f"{1e3 * part['seconds_min']:.3f} ({1e3 * part['seconds_median']:.3f})"
            for part in (ours, theirs)
        ]
        memory = [f"{part['peak_rss_bytes'] / 2**20:.0f}" for part in (ours, theirs)]
        cells = [
            row["title"],
            *times,
            theirs["variant"],
            f"{row['ratio_min']:.2f} ({row['ratio_median']:.2f})",
            f"{ours['build_seconds']:.2f} / {theirs['compile_seconds']:.2f}",
            " / ".join(memory),
            f"{row['loss_difference']:.1e}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def report(rows, rounds):
    """Write both result files and print the table."""
    machine = machine_description()
    heading = (
        f"MixFuse and {JAX_PACKAGES[0].replace('==', ' ')} on {machine}; float32; {rounds} "
        "processes of each, in turns. Ratio: JAX's time divided by MixFuse's."
    )
    text = f"{heading}\n\n{table(rows)}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "small_models.md").write_text(text)
    content = {"machine": machine, "packages": JAX_PACKAGES, "rounds": rounds, "cases": rows}
    (RESULTS / "small_models.json").write_text(json.dumps(content, indent=2) + "\n")
    print(text)


def main():
    """Prepare, measure, report; exit with 1 if the two programs disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / ".build" / "release" / "mixfuse"
    parser.add_argument("--mixfuse", type=pathlib.Path, default=default, help="the compiler")
    parser.add_argument("--rounds", type=int, default=7, help="processes of each (default 7)")
    parser.add_argument("--only", metavar="WORD", default="", help="cases with WORD in the title")
    parser.add_argument("--lib-only", action="store_true", help="build the libraries and stop")
    parser.add_argument("--reuse", action="store_true", help="do not build the libraries again")
    arguments = parser.parse_args()
    cases = [case for case in CASES if arguments.only in case.title]
    if not cases:
        parser.error(f"--only {arguments.only}: no such case")
    if not arguments.mixfuse.exists():
        parser.error(f"{arguments.mixfuse} is missing: run 'swift build -c release' first")
    if not arguments.lib_only:
        enter(JAX_VENV, JAX_PACKAGES)
    BUILD.mkdir(exist_ok=True)
    for case in {case.key: case for case in cases}.values():
        if not (arguments.reuse and (BUILD / case.key / f"{case.spec}.so").exists()):
            print(f"{case.key}: built in {build_library(case, arguments.mixfuse):.2f} s")
    if arguments.lib_only:
        return
    rows = [measure(case, arguments.mixfuse, arguments.rounds) for case in cases]
    report(rows, arguments.rounds)
    wrong = [row["title"] for row in rows if not row["loss_difference"] <= LOSS_TOLERANCE]
    if wrong:
        sys.exit(f"the losses disagree: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
