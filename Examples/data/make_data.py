# SPDX-License-Identifier: Apache-2.0
"""Regenerates the derived data files of this folder; README.md says what each holds.

    python Examples/data/make_data.py            # writes sinusoid_tasks.npz and digits_noisy.npz
    python Examples/data/make_data.py --check    # compares the files with what would be written

Needs numpy only. Every draw comes from a generator with the seed below, one generator per file, so
that a change to one file leaves the others alone. Arrays are float32 or int32: what a spec's inputs
are by default. `mnist1d.npz` and `digits.npz` are originals and are only read.
"""

import argparse
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent
SEED = 20170807

TASKS = 2000  # regression tasks, for training
TEST_TASKS = 500
POINTS = 10  # support points of a task, and as many query points

CLEAN = 100  # trusted digits that only the outer loss sees
TEST = 500
FLIPPED_FRACTION = 0.4
CLASSES = 10


def sinusoid_tasks():
    """Sinusoid regression tasks as in Finn, Abbeel and Levine 2017, section 5.1.

    `y = amplitude * sin(x - phase)` with amplitude in [0.1, 5], phase in [0, pi], x in [-5, 5], all
    uniform. Arrays are `[tasks, points, 1]`; names ending in `_test` hold tasks for evaluation.
    """
    generator = np.random.default_rng(SEED)

    def draw(tasks, suffix):
        amplitude = generator.uniform(0.1, 5.0, (tasks, 1, 1))
        phase = generator.uniform(0.0, np.pi, (tasks, 1, 1))
        arrays = {}
        for part in ("support", "query"):
            x = generator.uniform(-5.0, 5.0, (tasks, POINTS, 1))
            arrays[f"x_{part}{suffix}"] = x.astype(np.float32)
            arrays[f"y_{part}{suffix}"] = (amplitude * np.sin(x - phase)).astype(np.float32)
        return arrays

    return draw(TASKS, "") | draw(TEST_TASKS, "_test")


def digits_noisy():
    """Handwritten digits in [0, 1], with wrong labels for 40 % of the training examples.

    The 1,797 digits are shuffled and cut in three. `x, y`: training, where `flipped` marks the
    examples whose label was replaced by another class, uniformly, and `y_true` keeps the right one.
    `x_clean, y_clean`: a small trusted set. `x_test, y_test`: for evaluation.
    """
    generator = np.random.default_rng(SEED)
    with np.load(FOLDER / "digits.npz") as original:
        images = original["x"].reshape(len(original["x"]), -1).astype(np.float32) / 16.0
        labels = original["y"].astype(np.int32)
    order = generator.permutation(len(images))
    clean, test, train = np.split(order, [CLEAN, CLEAN + TEST])

    flipped = np.zeros(len(train), dtype=np.int32)
    chosen = generator.permutation(len(train))[: round(FLIPPED_FRACTION * len(train))]
    flipped[chosen] = 1
    # Adding 1 to 9 modulo 10 reaches each of the nine other classes equally often.
    shift = generator.integers(1, CLASSES, len(train)).astype(np.int32)
    noisy = (labels[train] + flipped * shift) % CLASSES
    return {
        "x": images[train],
        "y": noisy.astype(np.int32),
        "y_true": labels[train],
        "flipped": flipped,
        "x_clean": images[clean],
        "y_clean": labels[clean],
        "x_test": images[test],
        "y_test": labels[test],
    }


FILES = {"sinusoid_tasks.npz": sinusoid_tasks, "digits_noisy.npz": digits_noisy}


def differences(path, arrays):
    """What differs between a file and the arrays that it should hold, as lines of text."""
    if not path.exists():
        return [f"{path.name}: missing"]
    with np.load(path) as archive:
        stored = {name: archive[name] for name in archive.files}
    lines = [f"{path.name}: {name} is missing" for name in arrays.keys() - stored.keys()]
    lines += [f"{path.name}: {name} is not expected" for name in stored.keys() - arrays.keys()]
    for name in arrays.keys() & stored.keys():
        # sin may round differently from one numpy to the next, hence not bit for bit.
        same_type = arrays[name].dtype == stored[name].dtype
        same_shape = arrays[name].shape == stored[name].shape
        if not (same_type and same_shape and np.allclose(arrays[name], stored[name], rtol=1e-6)):
            lines.append(f"{path.name}: {name} differs")
    return sorted(lines)


def main():
    """Write the files, or with `--check` compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    problems = []
    for file, make in FILES.items():
        path = FOLDER / file
        if check:
            problems += differences(path, make())
        else:
            np.savez_compressed(path, **make())
            print(f"{path}: {path.stat().st_size} bytes")
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
