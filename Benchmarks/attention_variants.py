# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX on attention whose scores are made and masked in all ways.

    python3 Benchmarks/attention_variants.py             # installs JAX, builds, measures in turns

Needs `swift build -c release` first. For each variant of attention_variants.mix both programs read one
file of inputs, one process per measurement, in turns; both may use all cores. JAX's programs are all
tried once, the fastest one stays. The table goes to the terminal and to
results/attention_variants.md, with the arena of each variant over that of plain causal attention.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

from environment import JAX_PACKAGES, JAX_VENV, enter
from measuring import machine_description, run_json, summary

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE / "build"
NAMES = ["causal", "window", "alibi", "t5", "softcap", "padding", "all"]
LOSS_TOLERANCE = 1e-5  # relative, between two float32 programs


def write_inputs(seq, batch, heads=4, width=64, layers=2, buckets=32):
    """One file of inputs for all variants."""
    import numpy as np  # of the environment that `main` enters

    r = np.random.default_rng(3)
    model = heads * width
    arrays = {
        f"eta.block.{part}": r.standard_normal((layers, model, model)) / np.sqrt(model)
        for part in "qkvo"
    }
    arrays["eta.block.slopes"] = r.uniform(0.01, 0.5, (layers, heads))
    arrays["eta.block.by_distance"] = r.standard_normal((layers, buckets, heads)) / 2
    arrays |= {name: r.standard_normal((batch, seq, model)) for name in ("x", "y", "xv", "yv")}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    arrays |= {name: r.integers(seq * 2 // 3, seq, batch, np.int32) for name in ("n", "nv")}
    BUILD.mkdir(exist_ok=True)
    path = BUILD / "attention_variants.npz"
    np.savez(path, **arrays)
    return path


def build(mixfuse, variant, seq, batch):
    """The library of a variant; returns its path and the bytes of its arena."""
    folder = BUILD / f"attention_variants_{variant}"
    shutil.rmtree(folder, ignore_errors=True)
    command = [mixfuse, "build", HERE / "attention_variants.mix", "-o", folder]
    for name, size in {"variant": variant, "seq": seq, "batch": batch}.items():
        command += ["--set", f"{name}={size}"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "attention_variants.so"


def measure(variant, library, inputs, rounds, repeat):
    """Both programs in turns."""

    def jax(derivation):
        return run_json(
            [sys.executable, HERE / "jax_attention_variants.py", "--variant", variant]
            + ["--derivation", derivation, "--inputs", inputs, "--repeat", repeat, "--json"]
        )

    trials = {name: jax(name) for name in ("mixed", "mixed-remat", "reverse")}
    fastest = min(trials, key=lambda name: trials[name]["seconds_min"])
    ours, theirs = [], []
    for number in range(rounds):
        print(f"{NAMES[variant - 1]}: round {number + 1}", file=sys.stderr, flush=True)
        ours.append(
            run_json(
                [mixfuse_path(), "run", library, "--inputs", inputs, "--repeat", repeat]
                + ["--threads", os.cpu_count(), "--json"]
            )
        )
        theirs.append(jax(fastest))
    return fastest, summary(ours), summary(theirs), theirs[0]["temporary_bytes"]


def mixfuse_path():
    """The compiler, as the command line or the environment says."""
    default = HERE.parent / ".build" / "release" / "mixfuse"
    return pathlib.Path(os.environ.get("MIXFUSE", default))


def main():
    """Build, measure, report; exit with 1 if the two programs disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seq", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", type=int, help="the number of one variant")
    arguments = parser.parse_args()
    enter(JAX_VENV, JAX_PACKAGES)
    inputs = write_inputs(arguments.seq, arguments.batch)
    rows, arenas, agree = [], {}, True
    for variant, name in enumerate(NAMES, start=1):
        library = build(mixfuse_path(), variant, arguments.seq, arguments.batch)
        manifest = json.loads(library.with_suffix(".json").read_text())
        arenas[variant] = arena_bytes(manifest)
        if arguments.only not in (None, variant):
            continue
        fastest, ours, theirs, temporaries = measure(
            variant, library, inputs, arguments.rounds, arguments.repeat
        )
        agree &= abs(ours["loss"] - theirs["loss"]) <= LOSS_TOLERANCE * abs(theirs["loss"])
        rows.append(
            f"| {name} | {1e3 * ours['seconds_min']:.1f} ({1e3 * ours['seconds_median']:.1f}) "
            f"| {1e3 * theirs['seconds_min']:.1f} ({1e3 * theirs['seconds_median']:.1f}) "
            f"| {fastest} | {theirs['seconds_min'] / ours['seconds_min']:.2f} "
            f"| {arenas[variant] / 2**20:.1f} | {arenas[variant] / arenas[1]:.3f} "
            f"| {temporaries / 2**20:.0f} |"
        )
    text = (
        f"MixFuse and {JAX_PACKAGES[0].replace('==', ' ')} on {machine_description()}; float32; "
        f"sequence {arguments.seq}, batch {arguments.batch}; {arguments.rounds} processes of each, "
        "in turns.\n\n"
        "| variant | MixFuse min (median) ms | JAX min (median) ms | fastest JAX program | ratio "
        "| arena MiB | over causal | JAX temporaries MiB |\n|---|---|---|---|---|---|---|---|\n"
    ) + "\n".join(rows)
    print(text)
    if arguments.only is None:
        (HERE / "results" / "attention_variants.md").write_text(text + "\n")
    if not agree:
        sys.exit("the losses of the two programs differ")


def arena_bytes(manifest):
    """The arena of the meta-gradient with all processors."""
    entry = next(e for e in manifest["entry_points"] if e["name"] == "meta_gradient")
    return entry["arena_bytes"] + os.cpu_count() * entry["arena_bytes_per_worker"]


if __name__ == "__main__":
    main()
