# SPDX-License-Identifier: Apache-2.0
"""Measures MixFuse against JAX's `segment_sum` on a graph network of Cora's size, in turns.

    python3 Benchmarks/gnn_cora.py            # installs JAX, builds the libraries, measures
    python3 Benchmarks/gnn_cora.py --rounds 3 --widths 16

Needs `swift build -c release` first. Graphs are drawn with a fixed seed: Cora's numbers of nodes, edges,
features and classes, degrees as uneven as there, sparse features of 0 and 1. `in_turns.py` says how is
measured. The table goes to the terminal and to results/gnn_cora.md.
"""

from in_turns import BUILD, HERE, Peer, measure, parse, report

NODES, EDGES, FEATURES, CLASSES = 2708, 10556, 1433, 7
VARIANTS = ["reverse-scan", "reverse-unrolled", "mixed-scan", "mixed-unrolled"]


def write_inputs(width):
    """Draw two graphs and a start; return the file."""
    import numpy as np

    generator = np.random.default_rng(7)

    def graph(suffix):
        # Half of the edges of a graph, then their opposites; a few nodes have very many.
        popularity = generator.pareto(1.6, NODES) + 0.3
        ends = generator.choice(NODES, (2, EDGES // 2), p=popularity / popularity.sum())
        source, target = np.concatenate([ends, ends[::-1]], axis=1).astype(np.int32)
        degree = np.bincount(target, minlength=NODES) + 1
        scale = 1 / np.sqrt(degree)
        x = (generator.uniform(size=(NODES, FEATURES)) < 18 / FEATURES).astype(np.float32)
        y = generator.integers(0, CLASSES, NODES).astype(np.int32)
        arrays = {"x": x, "source": source, "target": target, "scale": scale, "y": y}
        return {name + suffix: array for name, array in arrays.items()}

    arrays = graph("") | graph("2")
    for name, shape in {"w1": (FEATURES, width), "w2": (width, CLASSES)}.items():
        arrays[f"eta.{name}"] = generator.normal(size=shape) * np.sqrt(2 / sum(shape))
    arrays |= {"eta.b1": np.zeros(width), "eta.b2": np.zeros(CLASSES)}
    path = BUILD / f"gnn_cora_{width}.npz"
    np.savez(path, **{k: v if v.dtype == np.int32 else v.astype(np.float32) for k, v in arrays.items()})
    return path


def main():
    """Prepare, measure, report."""
    arguments = parse(
        __doc__,
        rounds=7,
        repeat=30,
        add=lambda parser: parser.add_argument("--widths", type=int, nargs="+", default=[16, 64]),
    )
    rows = []
    for width in arguments.widths:
        peer = Peer(HERE / "gnn_cora.mix", {"width": width}, HERE / "jax_gnn.py", VARIANTS, 1e-5)
        inputs = write_inputs(width)
        row = measure(arguments.mixfuse, peer, inputs, arguments.rounds, arguments.repeat)
        rows.append((width, row))
    problem = f"The meta-gradient of `gnn_cora.mix` ({NODES} nodes, {EDGES} edges, T = 2)"
    report("gnn_cora", problem, "width", rows, arguments.rounds)


if __name__ == "__main__":
    main()
