#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures loop nests, the optimiser's update and linear cross-entropy against the machine's peak.

    ./nests.py [--element f32|f64] [--vector-bytes 64|32|16] [--only TITLE] [--out nests.md]
    ./nests.py --sharing     # from what size on two threads pay

Builds the emitter, writes and compiles the programs with clang-19 and runs them on one thread
and on two.
Build products go to --build, by default a folder in the system's temporary directory.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

from emitter import HERE, MARCH, ROOT, build_emitter, run

POOL = ROOT / "Sources" / "CMixFuseThreads"


def compile_with_pool(sources, vector_bytes, output):
    """Compiles C sources and the runtime's thread pool."""
    flags = ["-std=gnu11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-Wall", "-Wextra"]
    flags += MARCH[vector_bytes] if os.uname().machine == "x86_64" else ["-mcpu=native"]
    run(["clang-19", *flags, "-I", HERE, "-I", POOL / "include", *sources, *POOL.glob("*.c"),
         "-lm", "-lpthread", "-o", output])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--element", choices=["f32", "f64"], default="f32")
    parser.add_argument("--vector-bytes", type=int, choices=[64, 32, 16], default=64)
    parser.add_argument("--only", help="programs whose title has this in it")
    parser.add_argument("--sharing", action="store_true", help="measure the pool instead")
    parser.add_argument("--out", help="also write the table to this file")
    parser.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "mixfuse-nests"))
    options = parser.parse_args()

    build = pathlib.Path(options.build)
    build.mkdir(parents=True, exist_ok=True)
    if options.sharing:
        compile_with_pool([HERE / "sharing.c"], options.vector_bytes, build / "sharing")
        command = [build / "sharing"]
    else:
        run([build_emitter(), "nests", options.element, str(options.vector_bytes), build])
        sources = [build / "nests.c", build / "peak.c", HERE / "nests_driver.c"]
        compile_with_pool(sources, options.vector_bytes, build / "nests")
        command = [build / "nests"] + ([options.only] if options.only else [])
    if options.out:
        table = run(command, text=True, stdout=subprocess.PIPE).stdout
        pathlib.Path(options.out).write_text(table)
        print(table, end="")
    else:
        run(command)


if __name__ == "__main__":
    main()
