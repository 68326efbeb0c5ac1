# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX on the distillation of images through ten steps of a perceptron.

    python3 Benchmarks/distillation_mlp.py            # installs JAX, builds the library, measures
    python3 Benchmarks/distillation_mlp.py --rounds 2

Needs `swift build -c release` first. Inputs are drawn with a fixed seed; `in_turns.py` says how is
measured. The table goes to the terminal and to results/distillation_mlp.md.
"""

from in_turns import BUILD, HERE, Peer, measure, parse, report

ROWS, PIXELS, HIDDEN, CLASSES, STEPS = 100, 784, 128, 10, 10
VARIANTS = ["reverse-scan", "reverse-unrolled", "mixed-scan", "mixed-unrolled"]


def write_inputs():
    """Draw images, rates and parameters; return the file."""
    import numpy as np

    generator = np.random.default_rng(5)
    normal = generator.normal
    y = generator.integers(0, CLASSES, ROWS).astype(np.int32)
    means = normal(size=(CLASSES, PIXELS))
    arrays = {
        "images": normal(size=(ROWS, PIXELS)),
        "lr": np.full(STEPS, -3.0),
        "x": means[y] + normal(size=(ROWS, PIXELS)),
    }
    widths = (PIXELS, HIDDEN, HIDDEN, CLASSES)
    for layer, (rows, columns) in enumerate(zip(widths, widths[1:]), start=1):
        arrays[f"theta.w{layer}"] = normal(size=(rows, columns)) * np.sqrt(2 / rows)
        arrays[f"theta.b{layer}"] = np.zeros(columns)
    path = BUILD / "distillation_mlp.npz"
    np.savez(path, y=y, **{name: array.astype(np.float32) for name, array in arrays.items()})
    return path


def main():
    """Prepare, measure, report."""
    arguments = parse(__doc__, rounds=5, repeat=50)
    spec, program = HERE / "distillation_mlp.mix", HERE / "jax_distillation_mlp.py"
    peer = Peer(spec, {}, program, VARIANTS, 1e-5)
    row = measure(arguments.mixfuse, peer, write_inputs(), arguments.rounds, arguments.repeat)
    problem = (
        f"The meta-gradient of `distillation_mlp.mix` ({ROWS} images, {PIXELS}-{HIDDEN}-{HIDDEN}-"
        f"{CLASSES}, T = {STEPS})"
    )
    report("distillation_mlp", problem, "rows", [(ROWS, row)], arguments.rounds)


if __name__ == "__main__":
    main()
