#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures loop nests, the optimiser's update and linear cross-entropy against the machine's peak.

    ./nests.py [--element f32|f64] [--vector-bytes 64|32|16] [--only TITLE] [--out nests.md]
    ./nests.py --sharing     # from what size on two threads pay

Builds nests_emit.swift with the compiler's stages from graphs to C (a small package, so that LLVM is
not needed), writes and compiles the programs with clang-19 and runs them on one thread and on two.
Build products go to --build, by default a folder in the system's temporary directory.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

from bench import HERE, MARCH, ROOT, run

STAGES = ["TensorIR", "Differentiation", "Optimization", "Scheduling", "CEmission"]
PACKAGE = """// swift-tools-version: 6.2
import PackageDescription
let imports: [SwiftSetting] = [.enableUpcomingFeature("InternalImportsByDefault")]
let package = Package(name: "mixfuse", targets: [
  .target(name: "CTemplates", path: "Templates",
    exclude: ["README.md", "STYLE.md", "runtime", "update_table.sh"], sources: ["templates.c"], cSettings: [.unsafeFlags(["-w"])]),
  .target(name: "TensorIR", swiftSettings: imports),
  .target(name: "Differentiation", dependencies: ["TensorIR"], swiftSettings: imports),
  .target(name: "Optimization", dependencies: ["TensorIR"], swiftSettings: imports),
  .target(name: "Scheduling", dependencies: ["TensorIR"], swiftSettings: imports),
  .target(name: "CEmission", dependencies: ["CTemplates", "Scheduling", "TensorIR"],
    swiftSettings: imports),
  .executableTarget(name: "emit",
    dependencies: ["CEmission", "Differentiation", "Optimization", "Scheduling", "TensorIR"]),
])
"""
POOL = ROOT / "Sources" / "CMixFuseThreads"


def write_package(folder):
    """Lays out the emitter's package in `folder`, with links to the compiler's sources."""
    links = {folder / "Templates": ROOT / "Templates"}
    links[folder / "Sources" / "emit" / "main.swift"] = HERE / "nests_emit.swift"
    for stage in STAGES:
        for source in (ROOT / "Sources" / stage).rglob("*.swift"):
            name = "_".join(source.relative_to(ROOT / "Sources" / stage).parts)
            links[folder / "Sources" / stage / name] = source
    for old in [*folder.glob("Sources/*/*.swift")]:
        old.unlink()
    for link, source in links.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(source)
    (folder / "Package.swift").write_text(PACKAGE)


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
        write_package(build / "emitter")
        run(["swift", "build", "--quiet", "--package-path", build / "emitter"])
        emit = build / "emitter" / ".build" / "debug" / "emit"
        run([emit, options.element, str(options.vector_bytes), build])
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
