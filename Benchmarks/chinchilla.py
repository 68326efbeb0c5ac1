# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX and PyTorch on the paper's tasks on transformers, side by side.

    python3 Benchmarks/chinchilla.py                    # three tasks, 6.8 M parameters
    python3 Benchmarks/chinchilla.py --size long        # the same at sequence 4096, batch 1
    python3 Benchmarks/chinchilla.py --size 57M --task maml
    python3 Benchmarks/chinchilla.py --quick            # tiny sizes: does everything still run?

Needs `swift build -c release` first and python3 with its venv module; JAX, and PyTorch if --torch
asks for it, go into virtual environments of their own. All programs read the same .npz of inputs,
one process per measurement. MixFuse and JAX's MixFlow-MG with block rematerialisation, the rival,
take turns for some rounds; the other programs run once. A JAX variant that needs more memory than
the machine has is compiled, not run: its memory is known, its time is not. Writes chinchilla.json,
chinchilla.md and a picture to results/, with the sizes in the names if others were asked for.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import NamedTuple

import environment
from measuring import available_bytes, machine_description, run_json, summary

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"
RESULTS = HERE / "results"

LOSS_TOLERANCE = 1e-5  # relative, between two float32 programs
SEED = 3
RIVAL = "mixed-remat"
OTHER_JAX_VARIANTS = ("mixed", "standard-remat", "standard")
TORCH_VARIANTS = ("mixed", "standard")
DEFAULT_SIZE = "6.8M"
# What MixFuse may use, by size: it keeps as much of the layers as fits. Block rematerialisation
# elsewhere.
MEMORY_LIMITS = {"6.8M": "600MiB", "long": "600MiB", "57M": "3000MiB"}
LONG = {"seq": 4096, "batch": 1}


class Case(NamedTuple):
    """One task at one size."""

    task: str
    size_name: str
    dims: tuple  # a chinchilla_inputs.Size

    @property
    def spec(self):
        """The name of the spec and of the library."""
        return f"chinchilla_{self.task}"

    @property
    def folder(self):
        """Where the library and the arrays of this case lie."""
        return BUILD / f"{self.spec}_{self.size_name}"


class Bench(NamedTuple):
    """How to measure: the compiler, processes in turns, calls in each, PyTorch's Python or None."""

    mixfuse: pathlib.Path
    rounds: int
    repeat: int
    repeat_others: int
    torch_python: pathlib.Path | None
    rival_only: bool


def cases_of(sizes, tasks):
    """The cases that the command line asks for."""
    from chinchilla_inputs import PRESETS

    known = PRESETS | {"long": PRESETS["6.8M"]._replace(**LONG)}
    return [Case(task, name, known[name]) for name in sizes for task in tasks]


# Preparation --------------------------------------------------------------------------------------


def compiler_command(case, mixfuse, command):
    """A command of the compiler on a case."""
    parts = [mixfuse, command, ROOT / "Examples" / f"{case.spec}.mix"]
    for name, number in case.dims._asdict().items():
        parts += ["--set", f"{name}={number}"]
    if case.size_name in MEMORY_LIMITS:
        parts += ["--memory", MEMORY_LIMITS[case.size_name]]
    return [str(part) for part in parts]


def build_library(case, mixfuse):
    """Build a case's library without the cache; return the seconds from spec to library."""
    command = compiler_command(case, mixfuse, "build") + ["--no-cache", "-o", str(case.folder)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=sys.stderr)
    return time.perf_counter() - start


def done_flops(case, mixfuse):
    """The operations that the library's meta-gradient does, from its plan."""
    plan = run_json(compiler_command(case, mixfuse, "plan") + ["--json"])
    return plan["entry_points"]["meta_gradient"]["flops"]


def write_inputs(case):
    """Draw a case's inputs and write them for all programs."""
    import numpy as np
    from chinchilla_inputs import draw_inputs

    np.savez(case.folder / "inputs.npz", **draw_inputs(case.task, case.dims, SEED))


# Measuring ----------------------------------------------------------------------------------------


def gradients_path(case, program, variant):
    """Where a program leaves its gradients."""
    return case.folder / f"gradients_{program}_{variant}.npz"


def measure_mixfuse(case, bench):
    """One process of the compiled library."""
    return run_json(
        [bench.mixfuse, "run", case.folder / f"{case.spec}.so", "--threads", os.cpu_count()]
        + ["--inputs", case.folder / "inputs.npz", "--repeat", bench.repeat, "--json"]
        + ["--outputs", gradients_path(case, "MixFuse", "mixed")]
    )


def measure_script(case, python, script, program, variant, options):
    """One process of the JAX or the PyTorch program."""
    from chinchilla_inputs import size_flags

    return run_json(
        [python, HERE / script, "--task", case.task, "--variant", variant]
        + size_flags(case.dims)
        + ["--inputs", case.folder / "inputs.npz", "--json"]
        + ["--outputs", gradients_path(case, program, variant), *options]
    )


def planned_bytes(case):
    """The arena of the library's meta-gradient with all processors, from its manifest."""
    manifest = json.loads((case.folder / f"{case.spec}.json").read_text())
    for entry in manifest["entry_points"]:
        if entry["name"] == "meta_gradient":
            return entry["arena_bytes"] + os.cpu_count() * entry["arena_bytes_per_worker"]
    sys.exit(f"{case.spec}: the manifest has no meta_gradient")


def gradient_difference(case, program, variant):
    """The largest relative difference of a gradient from the rival's, over the parameters."""
    import numpy as np
    from chinchilla_inputs import relative_error

    with (
        np.load(gradients_path(case, program, variant)) as ours,
        np.load(gradients_path(case, "JAX", RIVAL)) as theirs,
    ):
        names = [name for name in theirs.files if name.startswith("grad.")]
        return max(relative_error(ours[name], theirs[name]) for name in names)


def row(case, program, variant, measured, build_seconds, memory_bytes):
    """One line of the results; what was not measured is None."""
    best = measured.get("seconds_min")
    return {
        "size": case.size_name,
        "task": case.task,
        "program": program,
        "variant": variant,
        "dims": case.dims._asdict(),
        "seconds_min": best,
        "seconds_median": measured.get("seconds_median"),
        "useful_gflops_per_second": best and case.dims.useful_flops / best * 1e-9,
        "memory_bytes": memory_bytes,
        "peak_rss_bytes": measured.get("peak_rss_bytes"),
        "build_seconds": build_seconds,
        "loss": measured.get("loss"),
        "gradient_difference": best and gradient_difference(case, program, variant),
    }


def progress(case, text):
    """Say what is being measured."""
    print(f"{case.size_name} {case.task}: {text}", file=sys.stderr, flush=True)


def measure(case, bench, build_seconds):
    """The rows of one case: MixFuse and the rival in turns, then every other program once."""
    ours, theirs = [], []
    peak = 0
    for number in range(bench.rounds):
        peak = max(peak, machine_peak(bench.mixfuse))
        progress(case, f"round {number + 1} of {bench.rounds}")
        ours.append(measure_mixfuse(case, bench))
        theirs.append(measure_jax(case, RIVAL, ["--repeat", bench.repeat]))
    rows = [
        row(case, "MixFuse", "mixed", summary(ours), build_seconds, planned_bytes(case))
        | {"done_flops": done_flops(case, bench.mixfuse)},
        jax_row(case, RIVAL, theirs[0] | summary(theirs)),
    ]
    for variant in () if bench.rival_only else OTHER_JAX_VARIANTS:
        progress(case, f"JAX {variant}")
        options = ["--repeat", bench.repeat_others, "--run-below", available_bytes()]
        rows.append(jax_row(case, variant, measure_jax(case, variant, options)))
    if bench.torch_python and case.task == "maml":
        for variant in TORCH_VARIANTS:
            progress(case, f"PyTorch {variant}")
            measured = measure_script(
                case,
                bench.torch_python,
                "torch_chinchilla.py",
                "PyTorch",
                variant,
                ["--repeat", bench.repeat],
            )
            rows.append(row(case, "PyTorch", variant, measured, None, None))
    return [line | {"peak_gflops_per_second": peak} for line in rows]


def measure_jax(case, variant, options):
    """One process of the JAX program."""
    return measure_script(case, sys.executable, "jax_chinchilla.py", "JAX", variant, options)


def jax_row(case, variant, measured):
    """The row of a JAX variant."""
    return row(case, "JAX", variant, measured, measured["compile_seconds"], measured["temp_bytes"])


def machine_peak(mixfuse):
    """GFLOP/s of multiply-adds on registers, on all processors: what a profile is held against."""
    spec = ROOT / "Examples" / "mnist1d_lr.mix"
    return run_json([mixfuse, "bench", spec, "--profile", "--json"])["peak_gflops_per_second"]


# Reporting ----------------------------------------------------------------------------------------


def cell(value, scale, digits):
    """A number of the table, or a dash."""
    return "–" if value is None else f"{value * scale:,.{digits}f}"


def table(rows):
    """The rows as Markdown: seconds, MiB, and the rival's time and memory divided by each."""
    lines = [
        "| size | task | program | best (median) s | useful GFLOP/s | of peak | done, of peak "
        "| temporaries MiB | peak MiB | build s | speed and memory, rival = 1 | gradient difference |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rivals = {
        (line["size"], line["task"]): line
        for line in rows
        if (line["program"], line["variant"]) == ("JAX", RIVAL)
    }
    for line in rows:
        rival = rivals[line["size"], line["task"]]
        ratios = [
            None if not line[key] or not rival[key] else rival[key] / line[key]
            for key in ("seconds_min", "memory_bytes")
        ]
        difference = line["gradient_difference"]
        useful = line["useful_gflops_per_second"]
        done = line.get("done_flops") and line["done_flops"] / line["seconds_min"] * 1e-9
        shares = [speed and speed / line["peak_gflops_per_second"] for speed in (useful, done)]
        cells = [
            line["size"],
            line["task"],
            f"{line['program']} {line['variant']}",
            f"{cell(line['seconds_min'], 1, 3)} ({cell(line['seconds_median'], 1, 3)})",
            cell(line["useful_gflops_per_second"], 1, 1),
            *(cell(share and 100 * share, 1, 0) + (" %" if share else "") for share in shares),
            cell(line["memory_bytes"], 2**-20, 1),
            cell(line["peak_rss_bytes"], 2**-20, 0),
            cell(line["build_seconds"], 1, 1),
            " and ".join(cell(ratio, 1, 2) for ratio in ratios),
            "–" if difference is None else f"{difference:.1e}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def report(rows, bench, path):
    """Write the results to a .json file, their table and pictures beside it; print the table."""
    from plots import draw_results

    machine = machine_description()
    packages = environment.JAX_PACKAGES + (environment.TORCH_PACKAGES if bench.torch_python else [])
    text = (
        f"MixFuse, JAX and PyTorch on {machine}; float32. MixFuse and JAX {RIVAL} (the rival) in "
        f"turns, {bench.rounds} processes of each; the others once. Temporaries: MixFuse's arena, "
        "JAX's `temp_size_in_bytes`. Useful: 11 T + 3 forward passes, whether all are done or not. "
        "Gradient difference: relative to the rival's, largest over the parameters; both are "
        f"float32.\n\n{table(rows)}\n"
    )
    path.parent.mkdir(exist_ok=True)
    content = {
        "machine": machine,
        "packages": packages,
        "rounds": bench.rounds,
        "repeat": bench.repeat,
        "rows": rows,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    path.with_suffix(".md").write_text(text)
    print(text)
    for stem in draw_results(path):
        print(f"picture: {stem}.svg")


def disagreements(rows):
    """Descriptions of the rows whose loss is not the rival's."""
    wrong = []
    for line in rows:
        rival = next(
            other
            for other in rows
            if other["size"] == line["size"]
            and other["task"] == line["task"]
            and other["variant"] == RIVAL
        )
        if line["loss"] is None:
            continue
        if not abs(line["loss"] - rival["loss"]) <= LOSS_TOLERANCE * abs(rival["loss"]):
            wrong.append(f"{line['program']} {line['variant']}, {line['size']} {line['task']}")
    return wrong


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / ".build" / "release" / "mixfuse"
    parser.add_argument("--mixfuse", type=pathlib.Path, default=default, help="the compiler")
    sizes = "presets of chinchilla_inputs.py, or long (default 6.8M)"
    parser.add_argument("--size", nargs="+", default=[DEFAULT_SIZE], help=sizes)
    tasks = ["maml", "learning_lr", "loss_weighting"]
    parser.add_argument("--task", nargs="+", choices=tasks, default=tasks, help="default: all")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each (default 2)")
    parser.add_argument("--repeat", type=int, default=2, help="calls in a process (default 2)")
    parser.add_argument("--torch", action="store_true", help="PyTorch too (a 5 GB installation)")
    parser.add_argument("--rival-only", action="store_true", help="no other variants of JAX")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round: a check")
    arguments = parser.parse_args()
    if not arguments.mixfuse.exists():
        parser.error(f"{arguments.mixfuse} is missing: run 'swift build -c release' first")
    arguments.repeat_others = 1
    if arguments.quick:
        arguments.size, arguments.rounds = ["tiny"], 1
        arguments.repeat = arguments.repeat_others = 20
    return arguments


def results_path(sizes):
    """Where the results of some sizes go; those of the tiny one are no results to keep."""
    folder = BUILD if sizes == ["tiny"] else RESULTS
    suffix = "" if sizes == [DEFAULT_SIZE] else "_" + "_".join(sizes)
    return folder / f"chinchilla{suffix}.json"


def main():
    """Prepare, measure, report; exit with 1 if two programs disagree about a loss."""
    arguments = parse_arguments()
    environment.enter(environment.JAX_VENV, environment.JAX_PACKAGES)
    torch_python = None
    if arguments.torch:
        torch_python = environment.prepare(environment.TORCH_VENV, environment.TORCH_PACKAGES)
    bench = Bench(
        arguments.mixfuse,
        arguments.rounds,
        arguments.repeat,
        arguments.repeat_others,
        torch_python,
        arguments.rival_only,
    )
    rows = []
    for case in cases_of(arguments.size, arguments.task):
        case.folder.mkdir(parents=True, exist_ok=True)
        build_seconds = build_library(case, bench.mixfuse)
        write_inputs(case)
        rows += measure(case, bench, build_seconds)
    report(rows, bench, results_path(arguments.size))
    wrong = disagreements(rows)
    if wrong:
        sys.exit(f"the losses disagree with JAX {RIVAL}: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
