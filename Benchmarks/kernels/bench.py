#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures contraction kernels against the machine's peak and OpenBLAS.

    ./bench.py [--element f32|f64] [--vector-bytes 64|32|16] [--cases "nn 10 40 40 1;..."]
    ./bench.py --compare [--blas LIBRARY]    # the comparison in ../results/contractions.md

Builds the emitter, writes and compiles the kernels with clang-19 and runs them. OpenBLAS is loaded from --blas, else from the Python package scipy-openblas32, else from the
system; nothing else needs it. Build products go to --build, by default a folder in the system's
temporary directory.
"""

import argparse
import importlib.util
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from emitter import HERE, MARCH, build_emitter, run

RESULTS = HERE.parent / "results" / "contractions.md"
CASES = [
    # What small meta-learning models do: layers of a few dozen units, batches of tasks.
    "nn 10 40 40 1", "nn 10 40 1 1", "nn 10 1 40 1", "nt 10 40 40 1", "tn 40 40 10 1",
    "nn 50 50 40 1", "tn 40 50 50 1", "nn 50 10 50 1", "tn 50 10 50 1", "nt 50 50 10 1",
    "nt 50 40 50 1", "nn 10 40 40 25", "tn 40 40 10 25",
    "lane 10 40 40 16", "lane 10 40 40 32", "lane 10 40 40 25", "lane 40 40 10 16",
    "lane 10 1 40 16", "lane 10 40 1 16",
    # Primes and small classifiers.
    "nn 7 13 11 1", "nn 31 37 41 1", "nt 31 37 41 1", "nn 50 10 100 1", "nn 50 100 784 1",
    "tn 784 100 50 1", "nn 97 101 103 1",
    # Vectors.
    "nn 1 1 4096 1", "nn 1 256 256 1", "nt 1 256 256 1", "nn 1 2048 2048 1", "nt 1 2048 2048 1",
    "nn 256 256 1 1",
    # Transformers: layers, their adjoints, a tile of the vocabulary.
    "nn 2048 256 256 1", "nn 2048 1024 256 1", "nn 2048 256 1024 1", "nt 2048 256 256 1",
    "nt 2048 256 1024 1", "nt 2048 1024 256 1", "tn 256 256 2048 1", "tn 256 1024 2048 1",
    "tn 1024 256 2048 1", "nn 2048 512 256 1", "nt 2048 512 256 1", "nn 2048 256 512 1",
    "tn 512 256 2048 1", "nn 4096 4096 4096 1",
]
# The comparison's sizes, from 64 to 4096, odd ones included; every layout of each.
COMPARED = [
    (64, 64, 64), (96, 96, 96), (128, 128, 128), (64, 256, 256), (67, 71, 73), (100, 100, 100),
    (127, 129, 131), (192, 192, 192), (256, 256, 256), (256, 64, 1024), (333, 77, 200),
    (384, 384, 384), (512, 512, 512), (500, 300, 700), (2048, 256, 256), (2048, 1024, 256),
    (2048, 256, 1024), (256, 1024, 2048), (256, 256, 2048), (2048, 512, 256), (997, 1000, 997),
    (1000, 1000, 1000), (1024, 1024, 1024), (1531, 613, 997), (64, 4096, 1024), (2048, 64, 2048),
    (2048, 2048, 2048), (4096, 4096, 4096),
]
def build_kernels(build, options, cases):
    """Writes, compiles and links the kernels of `cases`; returns the program that times them."""
    build.mkdir(parents=True, exist_ok=True)
    emit = [build_emitter(), "contractions", options.element, str(options.vector_bytes)]
    text = run(emit, input="\n".join(cases), text=True, stdout=subprocess.PIPE).stdout
    (build / "kernels.c").write_text(text)
    flags = ["-std=gnu11", "-O3", "-ffp-contract=fast", "-Wall", "-Wextra", "-Werror"]
    flags += MARCH[options.vector_bytes] if os.uname().machine == "x86_64" else ["-mcpu=native"]
    real = {"f32": "float", "f64": "double"}[options.element]
    flags += [f"-DREAL={real}", f"-DVECTOR_BYTES={options.vector_bytes}", "-I", HERE]
    sources = [build / "kernels.c", HERE / "driver.c"]
    run(["clang-19", *flags, *sources, "-o", build / "bench", "-lm", "-ldl", "-lpthread"])
    return build / "bench"


def rival_library(options):
    """The OpenBLAS to compare with: as asked for, from Python's package, or the system's."""
    if options.blas:
        return options.blas
    package = importlib.util.find_spec("scipy_openblas32")
    if package:
        found = sorted(pathlib.Path(package.origin).parent.glob("lib/lib*openblas*.so"))
        if found:
            return str(found[0])
    return "libopenblas.so.0"


def measure(program, options, threads):
    """Runs the driver, passes its lines on; returns its remarks and the cases' columns."""
    # These would choose another machine's kernels.
    hidden = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    # The rival's workers go to sleep early, lest they take the cores while ours is timed.
    environment["OPENBLAS_THREAD_TIMEOUT"] = "20"
    process = subprocess.Popen(
        [program, str(threads), rival_library(options)], env=environment, text=True,
        stdout=subprocess.PIPE)
    remarks, rows = {}, []
    for line in process.stdout:
        print(line, end="", flush=True)
        if line.startswith("#"):
            _, name, value = line.split(None, 2)
            remarks[name] = value.strip()
        elif not line.startswith("layout"):
            rows.append(re.split(r"\s{2,}|(?<=\d)\s+(?=[\d-])", line.strip()))
    if process.wait() != 0:
        sys.exit(f"{program} failed ({process.returncode})")
    return remarks, rows


def processor():
    """The processor's name, if the system tells."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.MULTILINE))
    family, model = fields.get("cpu family"), fields.get("model")
    return f"{fields.get('model name')}, family {family} model {model}"


def compare(program, options):
    """Measures on one and two threads and writes the table of ratios."""
    columns, remarks = {}, {}
    for threads in (1, 2):
        remarks[threads], rows = measure(program, options, threads)
        for row in rows:
            name, kernel = " ".join(row[:4]), row[5]
            own, other = float(row[7]), float(row[8])
            is_disturbed = row[-1] == "disturbed"
            columns.setdefault(name, [kernel]).append((own, other, own / other, is_disturbed))
    lines = ["# Contractions against OpenBLAS", ""]
    lines += ["Written by `Benchmarks/kernels/bench.py --compare`;"]
    lines += [f"{options.element}, {options.vector_bytes}-byte vectors, GFLOP/s, best of many calls"
              " taking turns. A star: another program ran during every call, so the figures say"
              " nothing.", "",
              f"- Machine: {processor()}, {os.cpu_count()} cores.",
              f"- OpenBLAS: {remarks[1]['rival']}.",
              f"- Peak, multiply-adds on registers: {remarks[1]['peak']} on one thread,"
              f" {remarks[2]['peak']} on two.", ""]
    for threads in (1, 2):
        ratios = {
            name: values[threads][2] for name, values in columns.items() if not values[threads][3]}
        worst = min(ratios, key=ratios.get)
        lines.append(
            f"- {threads} thread{'s' * (threads > 1)}: median ratio"
            f" {statistics.median(ratios.values()):.2f}, smallest {ratios[worst]:.2f} ({worst}),"
            f" {sum(value < 0.8 for value in ratios.values())} of {len(ratios)} under 0.80;"
            f" {len(columns) - len(ratios)} disturbed (*) and left out.")
    lines += ["", "| layout m n k | kernel | 1 thread | OpenBLAS | ratio | of peak | 2 threads |"
              " OpenBLAS | ratio | of peak |", "|" + "---|" * 10]
    for name, (kernel, *values) in columns.items():
        cells = [name, kernel]
        for threads, (own, other, ratio, is_disturbed) in enumerate(values, 1):
            share = own / float(remarks[threads]["peak"])
            cells += [f"{own:.0f}", f"{other:.0f}", f"{ratio:.2f}{'*' * is_disturbed}", f"{share:.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    options.output.write_text(text)
    print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--element", choices=["f32", "f64"], default="f32")
    parser.add_argument("--vector-bytes", type=int, choices=[64, 32, 16], default=64)
    parser.add_argument("--cases", help="semicolon-separated LAYOUT M N K BATCH")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1)
    parser.add_argument("--blas", help="OpenBLAS' shared library")
    parser.add_argument("--compare", action="store_true", help="one and two threads, as a table")
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS, help="the table's file")
    parser.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "mixfuse-kernels"))
    options = parser.parse_args()

    cases = options.cases.split(";") if options.cases else CASES
    if options.compare and not options.cases:
        cases = [f"{layout} {m} {n} {k} 1" for m, n, k in COMPARED for layout in ("nn", "nt", "tn")]
    program = build_kernels(pathlib.Path(options.build), options, cases)
    if options.compare:
        compare(program, options)
    else:
        measure(program, options, options.threads)


if __name__ == "__main__":
    main()
