#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the four attention kernels against the machine's peak.

    ./attention.py [--element f32|f64] [--vector-bytes 64|32|16] [--cases "value 1 9 2 2 7 full;.."]

A case is ORDER BATCH SEQUENCE HEADS KEY-HEADS WIDTH causal|full, where ORDER is value, tangent,
adjoint or adjointTangent. Builds the emitter, writes and compiles the kernels with clang-19
and runs them on one thread. Build products go to --build, by default a folder in the system's
temporary directory.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

from emitter import HERE, MARCH, build_emitter, run

ORDERS = ["value", "tangent", "adjoint", "adjointTangent"]
SIZES = [
    "1 2048 8 8 64 causal", "1 2048 8 8 64 full", "2 1024 4 4 64 causal", "1 4096 4 4 64 causal",
    "1 1024 8 2 64 causal", "1 1024 4 4 128 causal", "4 256 8 8 64 causal", "1 1000 6 6 40 causal",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--element", choices=["f32", "f64"], default="f32")
    parser.add_argument("--vector-bytes", type=int, choices=[64, 32, 16], default=64)
    parser.add_argument("--cases", help="separated by semicolons; see above")
    parser.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "mixfuse-attention"))
    options = parser.parse_args()

    build = pathlib.Path(options.build)
    every = [f"{order} {size}" for size in SIZES for order in ORDERS]
    cases = options.cases.split(";") if options.cases else every
    emit = [build_emitter(), "attention", options.element, str(options.vector_bytes)]
    build.mkdir(parents=True, exist_ok=True)
    text = run(emit, input="\n".join(cases), text=True, stdout=subprocess.PIPE).stdout
    (build / "kernels.c").write_text(text)

    flags = ["-std=gnu11", "-O3", "-ffp-contract=fast", "-Wall", "-Wextra", "-Werror"]
    flags += MARCH[options.vector_bytes] if os.uname().machine == "x86_64" else ["-mcpu=native"]
    real = {"f32": "float", "f64": "double"}[options.element]
    defines = [f"-DREAL={real}", f"-DVECTOR_BYTES={options.vector_bytes}"]
    sources = [build / "kernels.c", HERE / "attention_driver.c"]
    run(["clang-19", *flags, *defines, "-I", HERE, *sources, "-o", build / "attention"])
    run([build / "attention"])


if __name__ == "__main__":
    main()
