# SPDX-License-Identifier: Apache-2.0
"""Builds the program that writes the C to be measured, and runs commands for all scripts here.

The program is the target `mixfuse-kernel-bench` of the package, over the compiler's own stages.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MARCH = {64: ["-march=x86-64-v4", "-mprefer-vector-width=512"], 32: ["-march=x86-64-v3"], 16: []}
EMITTER = "mixfuse-kernel-bench"


def run(command, **options):
    """Runs a command and stops the script with its status if it fails."""
    result = subprocess.run(command, **options)
    if result.returncode != 0:
        sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}")
    return result


def build_emitter():
    """Builds the program as `make build` does; returns its path."""
    run(["swift", "build", "--quiet", "-c", "release", "--package-path", ROOT, "--product", EMITTER])
    return ROOT / ".build" / "release" / EMITTER
