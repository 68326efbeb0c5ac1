# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX on an activation function that is learned through 301 inner steps.

    python3 Benchmarks/learned_activation.py            # installs JAX, builds the libraries, measures
    python3 Benchmarks/learned_activation.py --rounds 2

Needs `swift build -c release` first. Data and parameters are drawn with a fixed seed; `in_turns.py` says
how is measured. Rows: MixFuse with one thread and with two; JAX has all processors in both. The table
goes to the terminal and to results/learned_activation.md.
"""

from in_turns import BUILD, HERE, Peer, measure, parse, report

STEPS, BATCH, FEATURES, HIDDEN, CLASSES, UNITS = 301, 100, 40, 128, 10, 100
VARIANTS = ["plain", "checkpoint", "mixed"]
# A long run of RMSProp in float32: two right programs differ by this much.
TOLERANCE = 1e-3


def write_inputs():
    """Draw data, parameters and the activation; return the file."""
    import numpy as np

    generator = np.random.default_rng(3)
    normal = generator.normal
    means = normal(size=(CLASSES, FEATURES))
    y = generator.integers(0, CLASSES, (STEPS, BATCH)).astype(np.int32)
    arrays = {
        "x": means[y] + normal(size=(STEPS, BATCH, FEATURES)),
        "theta.w1": normal(size=(FEATURES, HIDDEN)) * np.sqrt(2 / FEATURES),
        "theta.b1": np.zeros(HIDDEN),
        "theta.w2": normal(size=(HIDDEN, CLASSES)) * np.sqrt(1 / HIDDEN),
        "theta.b2": np.zeros(CLASSES),
        "act.w1": normal(size=(1, UNITS)),
        "act.b1": normal(size=UNITS),
        "act.w2": normal(size=(UNITS, 1)) * 0.05,
        "act.b2": np.zeros(1),
    }
    path = BUILD / "learned_activation.npz"
    np.savez(path, y=y, **{name: array.astype(np.float32) for name, array in arrays.items()})
    return path


def main():
    """Prepare, measure, report."""
    arguments = parse(__doc__, rounds=5, repeat=3)
    spec, program = HERE / "learned_activation.mix", HERE / "jax_learned_activation.py"
    peer = Peer(spec, {}, program, VARIANTS, TOLERANCE)
    inputs = write_inputs()
    rows = []
    for threads in (1, 2):
        row = measure(arguments.mixfuse, peer, inputs, arguments.rounds, arguments.repeat, threads)
        rows.append((threads, row))
    problem = f"The meta-gradient of `learned_activation.mix` (T = {STEPS}, {UNITS} units)"
    report("learned_activation", problem, "threads", rows, arguments.rounds)


if __name__ == "__main__":
    main()
