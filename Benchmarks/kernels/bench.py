#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures contraction kernels against the machine's peak and OpenBLAS.

    ./bench.py [--element f32|f64] [--vector-bytes 64|32|16] [--cases "nn 10 40 40 1;..."]

Builds emit.swift with the compiler's contraction sources (a small package, so that neither LLVM
nor the rest of the compiler is needed), writes and compiles the kernels with clang-19 and runs
them. OpenBLAS is compared if its headers are installed (apt install
libopenblas-dev); nothing else needs it. Build products go to --build, by default a folder in the
system's temporary directory.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUNTIME = ROOT / "Templates" / "runtime"
PACKAGE = """// swift-tools-version: 6.2
import PackageDescription
let imports: [SwiftSetting] = [.enableUpcomingFeature("InternalImportsByDefault")]
let package = Package(name: "mixfuse", targets: [
  .target(name: "Scheduling"),
  .target(name: "CEmission", dependencies: ["Scheduling"], swiftSettings: imports),
  .executableTarget(name: "emit", dependencies: ["CEmission", "Scheduling"]),
])
"""
CASES = [
    # What small meta-learning models do: layers of a few dozen units, batches of tasks.
    "nn 10 40 40 1", "nn 10 40 1 1", "nn 10 1 40 1", "nt 10 40 40 1", "tn 40 40 10 1",
    "nn 50 50 40 1", "nt 50 40 50 1", "nn 10 40 40 25", "tn 40 40 10 25",
    "lane 10 40 40 16", "lane 10 40 40 32", "lane 10 40 40 25", "lane 40 40 10 16",
    "lane 10 1 40 16", "lane 10 40 1 16",
    # Primes and small classifiers.
    "nn 7 13 11 1", "nn 31 37 41 1", "nt 31 37 41 1", "nn 50 10 100 1", "nn 50 100 784 1",
    "tn 784 100 50 1", "nn 97 101 103 1",
    # Vectors.
    "nn 1 1 4096 1", "nn 1 256 256 1", "nt 1 256 256 1", "nn 1 2048 2048 1", "nt 1 2048 2048 1",
    "nn 256 256 1 1",
    # Transformers, and the sizes between.
    "nn 64 64 64 1", "nt 64 64 64 1", "tn 64 64 64 1", "nn 128 128 128 1", "nt 128 128 128 1",
    "nn 256 256 256 1", "nt 256 256 256 1", "tn 256 256 256 1", "nn 512 512 512 1",
    "nn 1000 1000 1000 1", "nt 1000 1000 1000 1", "tn 1000 1000 1000 1",
    "nn 1024 1024 1024 1", "nt 1024 1024 1024 1", "nn 16 1024 1024 1", "nt 16 1024 1024 1",
    "nn 2048 2048 2048 1", "nn 4096 4096 4096 1",
]
MARCH = {64: ["-march=x86-64-v4", "-mprefer-vector-width=512"], 32: ["-march=x86-64-v3"], 16: []}


def run(command, **options):
    """Runs a command and stops the script with its status if it fails."""
    result = subprocess.run(command, **options)
    if result.returncode != 0:
        sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}")
    return result


def write_package(folder):
    """Lays out the emitter's package in `folder`; files that did not change keep their time."""
    shape = next(ROOT.glob("Sources/*/ContractionShape.swift"))
    texts = {"Package.swift": PACKAGE, "Sources/emit/main.swift": (HERE / "emit.swift").read_text()}
    texts["Sources/Scheduling/ContractionShape.swift"] = shape.read_text()
    for source in sorted(ROOT.glob("Sources/CEmission/Contraction*.swift")):
        if source.name != shape.name:
            text = source.read_text()
            imports = "" if "import Scheduling" in text else "package import Scheduling\n"
            imports = imports if "\npackage " in text else imports.removeprefix("package ")
            texts[f"Sources/CEmission/{source.name}"] = imports + text
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--element", choices=["f32", "f64"], default="f32")
    parser.add_argument("--vector-bytes", type=int, choices=[64, 32, 16], default=64)
    parser.add_argument("--cases", help="semicolon-separated LAYOUT M N K BATCH")
    parser.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "mixfuse-kernels"))
    options = parser.parse_args()

    build = pathlib.Path(options.build)
    build.mkdir(parents=True, exist_ok=True)
    write_package(build / "emitter")
    run(["swift", "build", "--quiet", "--package-path", build / "emitter"])
    cases = options.cases.split(";") if options.cases else CASES
    emit = [build / "emitter" / ".build" / "debug" / "emit"]
    emit += [options.element, str(options.vector_bytes), RUNTIME]
    text = run(emit, input="\n".join(cases), text=True, stdout=subprocess.PIPE).stdout
    (build / "kernels.c").write_text(text)

    flags = ["-std=gnu11", "-O3", "-ffp-contract=fast", "-Wall", "-Wextra", "-Werror"]
    flags += MARCH[options.vector_bytes] if os.uname().machine == "x86_64" else ["-mcpu=native"]
    real = {"f32": "float", "f64": "double"}[options.element]
    defines = [f"-DREAL={real}", f"-DVECTOR_BYTES={options.vector_bytes}"]
    libraries = ["-lm"]
    has_blas = subprocess.run(
        ["clang-19", "-E", "-x", "c", "-"], input="#include <cblas.h>", text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    if has_blas:
        defines.append("-DUSE_BLAS")
        libraries.append("-lopenblas")
    sources = [build / "kernels.c", HERE / "driver.c"]
    run(["clang-19", *flags, *defines, "-I", HERE, *sources, "-o", build / "bench", *libraries])
    run([build / "bench"], env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})


if __name__ == "__main__":
    main()
