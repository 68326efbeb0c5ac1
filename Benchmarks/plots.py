# SPDX-License-Identifier: Apache-2.0
"""Draws the results of chinchilla.py: memory and time of every program, as bars.

    Benchmarks/.venv/bin/python Benchmarks/plots.py Benchmarks/results/chinchilla.json

One picture per size, chinchilla_SIZE.svg beside the results; chinchilla.py calls it.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402 (the back end is chosen first)

COLOURS = {"MixFuse": "#d1495b", "JAX": "#30638e", "PyTorch": "#8d99ae"}
BAR_INCHES = 0.26
MEMORY = ("memory_bytes", 2**20, "temporary memory, MiB")
TIME = ("seconds_min", 1, "time of one meta-gradient, seconds (best)")


def label(row):
    """The name of a bar."""
    return f"{row['program']} {row['variant']}"


def draw_panel(axes, rows, quantity):
    """Horizontal bars of one quantity, a block of bars per task, a number at the end of each.

    `quantity` is (key of a row, divisor, title of the axis); a row that lacks the quantity says so.
    """
    key, divisor, title = quantity
    positions, position, previous = [], 0.0, None
    for row in rows:
        position += 1.0 if row["task"] == previous or previous is None else 1.8
        previous = row["task"]
        positions.append(position)
    known = [row[key] / divisor for row in rows if row[key] is not None]
    width = max(known, default=1.0)
    for position, row in zip(positions, rows):
        value = None if row[key] is None else row[key] / divisor
        text = (
            "not measured" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        )
        axes.barh(position, value or 0.0, color=COLOURS[row["program"]], height=0.8)
        axes.text((value or 0.0) + 0.01 * width, position, text, va="center", fontsize=8)
    axes.set_yticks(positions, [label(row) for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18 * width)
    axes.set_xlabel(title, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    for task in dict.fromkeys(row["task"] for row in rows):
        first = next(p for p, row in zip(positions, rows) if row["task"] == task)
        axes.text(
            1.0,
            first - 0.9,
            task,
            fontsize=9,
            ha="right",
            va="center",
            weight="bold",
            transform=axes.get_yaxis_transform(),
        )


def draw(rows, machine, stem):
    """Write the picture of one size's rows to STEM.svg."""
    height = 1.6 + BAR_INCHES * (len(rows) + len({row["task"] for row in rows}))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, height), layout="constrained")
    draw_panel(left, rows, MEMORY)
    draw_panel(right, rows, TIME)
    right.set_yticklabels([])
    dims = ", ".join(f"{name} {number}" for name, number in rows[0]["dims"].items())
    figure.suptitle(f"Meta-gradients of a transformer: {dims}\n{machine}, float32", fontsize=10)
    # Neither a date nor random identifiers: equal results are equal files.
    with pyplot.rc_context({"svg.hashsalt": "mixfuse", "svg.fonttype": "none"}):
        figure.savefig(f"{stem}.svg", metadata={"Date": None})
    pyplot.close(figure)


def draw_results(path):
    """Draw every size of a results file; return the paths without their suffixes."""
    content = json.loads(path.read_text())
    stems = []
    for size in dict.fromkeys(row["size"] for row in content["rows"]):
        rows = [row for row in content["rows"] if row["size"] == size]
        stems.append(path.with_name(f"chinchilla_{size}"))
        draw(rows, content["machine"], stems[-1])
    return stems


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: plots.py RESULTS.json")
    for drawn in draw_results(pathlib.Path(sys.argv[1])):
        print(f"{drawn}.svg")
