# SPDX-License-Identifier: Apache-2.0
"""Builds the programs that write the C to be measured, and runs commands for all scripts here.

An emitter is one Swift file over the compiler's stages from graphs to C. It is built as a small
package of its own, with links to the stages' sources, so that LLVM is not needed.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUNTIME = ROOT / "Templates" / "runtime"
MARCH = {64: ["-march=x86-64-v4", "-mprefer-vector-width=512"], 32: ["-march=x86-64-v3"], 16: []}
STAGES = ["TensorIR", "Differentiation", "Optimization", "Scheduling", "CEmission"]
PACKAGE = """// swift-tools-version: 6.2
import PackageDescription
let imports: [SwiftSetting] = [.enableUpcomingFeature("InternalImportsByDefault")]
let package = Package(name: "mixfuse", targets: [
  .target(name: "CTemplates", path: "Templates",
    exclude: ["README.md", "STYLE.md", "runtime", "update_table.sh"], sources: ["templates.c"],
    cSettings: [.unsafeFlags(["-w"])]),
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


def run(command, **options):
    """Runs a command and stops the script with its status if it fails."""
    result = subprocess.run(command, **options)
    if result.returncode != 0:
        sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}")
    return result


def build_emitter(folder, main):
    """Builds the Swift file `main` of this folder as a package in `folder`; returns the program."""
    links = {folder / "Templates": ROOT / "Templates"}
    links[folder / "Sources" / "emit" / "main.swift"] = HERE / main
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
    run(["swift", "build", "--quiet", "--package-path", folder])
    return folder / ".build" / "debug" / "emit"
