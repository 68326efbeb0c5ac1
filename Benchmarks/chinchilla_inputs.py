# SPDX-License-Identifier: Apache-2.0
"""Sizes, names and input arrays of the three tasks on Chinchilla transformers.

Shared by every program that runs them (jax_chinchilla.py, torch_chinchilla.py) and by their driver
(chinchilla.py), so that all read the same flags and get the same arrays. Names and shapes are those
of the specs Examples/chinchilla_*.mix and of the reference files: a dot is nesting, the parameters
of the layers are stacked. Nothing but numpy is needed.
"""

import pathlib
from typing import NamedTuple

import numpy as np

TASKS = ("maml", "learning_lr", "loss_weighting")
RATE = 1e-3
"""The inner learning rate of maml and loss_weighting, and the scale of the rates of learning_lr."""
WEIGHT_NETWORK_WIDTH = 8


class Size(NamedTuple):
    """The dims of a task, named as in the specs."""

    layers: int
    width: int
    heads: int
    head_width: int
    ffw: int
    vocab: int
    seq: int
    batch: int
    steps: int

    @property
    def parameters(self):
        """Number of parameters of the transformer."""
        return sum(int(np.prod(shape)) for shape in parameter_shapes(self).values())

    @property
    def useful_flops(self):
        """Operations that a meta-gradient needs: `11 T + 3` forward passes' matrix products.

        Causal attention counts at half; recomputation does not count.
        """
        tokens = self.batch * self.seq
        attention_width = self.heads * self.head_width
        layer_weights = 4 * self.width * attention_width + 2 * self.width * self.ffw
        products = 2 * tokens * (self.layers * layer_weights + self.width * self.vocab)
        attention = self.layers * 2 * tokens * self.seq * attention_width
        return (11 * self.steps + 3) * (products + attention)


def paper_size(layers, width, heads):
    """One of the paper's models; T = 2, batch 2, sequence 2048 is the least of its sweep."""
    return Size(
        layers=layers,
        width=width,
        heads=heads,
        head_width=64,
        ffw=4 * width,
        vocab=32000,
        seq=2048,
        batch=2,
        steps=2,
    )


PRESETS = {
    # The reference files.
    "reference": Size(2, 16, 2, 8, 64, 31, 12, 3, 3),
    # A few milliseconds, with sizes that no kernel likes.
    "tiny": Size(2, 48, 3, 12, 96, 211, 37, 2, 2),
    # What the repository's comparison is made with.
    "6.8M": Size(6, 256, 4, 64, 1024, 8192, 1024, 2, 2),
    "57M": paper_size(9, 576, 9),
    "106M": paper_size(16, 640, 10),
    "163M": paper_size(18, 768, 12),
    "217M": paper_size(18, 896, 14),
    "306M": paper_size(20, 1024, 16),
}


def add_size_flags(parser):
    """Add `--preset` and a flag per dim, which overrides the preset, to an argument parser."""
    parser.add_argument("--preset", choices=PRESETS, default="6.8M", help="default: 6.8M")
    for name in Size._fields:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N")


def add_run_flags(parser):
    """Add the flags that every measured program has: size, arrays, repetitions, output, check."""
    add_size_flags(parser)
    parser.add_argument("--inputs", type=pathlib.Path, metavar="FILE", help=".npz of the inputs")
    parser.add_argument("--seed", type=int, default=0, help="of drawn inputs (default 0)")
    parser.add_argument("--outputs", type=pathlib.Path, metavar="FILE", help=".npz of the results")
    parser.add_argument("--repeat", type=int, default=3, help="timed calls (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", type=pathlib.Path, metavar="DIR", help="folder of references")


def size_of(arguments):
    """The size that the flags of `add_size_flags` ask for."""
    given = {name: getattr(arguments, name) for name in Size._fields}
    given = {name: number for name, number in given.items() if number is not None}
    return PRESETS[arguments.preset]._replace(**given)


def size_flags(size):
    """The command-line arguments that ask for a size, without a preset."""
    return [
        part
        for name, number in size._asdict().items()
        for part in (f"--{name.replace('_', '-')}", str(number))
    ]


# Arrays -------------------------------------------------------------------------------------------


def parameter_shapes(size):
    """Name -> shape of the transformer's parameters."""
    layers, width = size.layers, size.width
    attention_width = size.heads * size.head_width
    return {
        "embed": (size.vocab, width),
        "norm_f": (width,),
        "block.n1": (layers, width),
        "block.wq": (layers, width, attention_width),
        "block.wk": (layers, width, attention_width),
        "block.wv": (layers, width, attention_width),
        "block.wo": (layers, attention_width, width),
        "block.n2": (layers, width),
        "block.w1": (layers, width, size.ffw),
        "block.w2": (layers, size.ffw, width),
    }


def weight_network_shapes(size):
    """Name -> shape of the network that weighs sequences in loss_weighting."""
    hidden = WEIGHT_NETWORK_WIDTH
    return {"embed": (size.vocab, hidden), "w1": (hidden, hidden), "w2": (hidden, 1)}


def input_shapes(task, size):
    """Name -> shape of every input: int32 for the two arrays of tokens, floats for the others."""
    trees = {"eta": parameter_shapes(size)}
    if task != "maml":
        trees["theta"] = parameter_shapes(size)
    if task == "loss_weighting":
        trees["eta"] = weight_network_shapes(size)
    shapes = {
        f"{tree}.{name}": shape for tree, named in trees.items() for name, shape in named.items()
    }
    shapes["tokens"] = (size.steps, size.batch, size.seq + 1)
    shapes["val_tokens"] = (size.batch, size.seq + 1)
    return shapes


def is_tokens(name):
    """Whether an input holds token numbers."""
    return name.endswith("tokens")


def draw_inputs(task, size, seed):
    """Name -> array, drawn with a seed: float32 and int32.

    Matrices and embeddings are normal with the deviation that keeps the size of a row, gains lie
    around 1, the logarithms of learned rates around that of RATE; tokens are uniform.
    """
    generator = np.random.default_rng(seed)

    def draw(name, shape):
        if is_tokens(name):
            return generator.integers(0, size.vocab, shape, dtype=np.int32)
        noise = generator.standard_normal(shape, dtype=np.float32)
        tree, *_, leaf = name.split(".")
        if tree == "eta" and task == "learning_lr":
            return np.float32(np.log(RATE)) + np.float32(0.1) * noise
        if leaf in ("n1", "n2", "norm_f"):
            return 1 + np.float32(0.1) * noise
        rows = shape[-1] if leaf == "embed" else shape[-2]
        return noise / np.float32(np.sqrt(rows))

    return {name: draw(name, shape) for name, shape in input_shapes(task, size).items()}


def read_inputs(path, task, size, dtype=np.float32):
    """The input arrays of a file, floats as `dtype`.

    Raises SystemExit with one line if an array is missing or has another shape.
    """
    arrays = {}
    with np.load(path) as archive:
        for name, shape in input_shapes(task, size).items():
            if name not in archive.files:
                raise SystemExit(f"{path}: there is no array {name}, which {task} needs")
            array = archive[name]
            if array.shape != shape:
                raise SystemExit(f"{path}: {name} has shape {array.shape}, expected {shape}")
            arrays[name] = array.astype(np.int32 if is_tokens(name) else dtype)
    return arrays


def load_inputs(arguments, task, size):
    """The inputs that `--inputs FILE` names, or drawn ones (`--seed N`)."""
    if arguments.inputs:
        return read_inputs(arguments.inputs, task, size)
    return draw_inputs(task, size, arguments.seed)


# References ---------------------------------------------------------------------------------------

FLOAT64_LIMIT = 1e-9
FLOAT32_LIMITS = {"maml": 3e-2, "learning_lr": 3e-5, "loss_weighting": 1.5e-3}
"""Largest relative error of a gradient in float32. The meta-gradient of maml is ill-conditioned:
rounding the inputs to float32 alone moves it by up to 1.2e-2."""


def relative_error(got, want):
    """`|got - want| / |want|` in float64, for arrays and scalars."""
    got, want = (np.asarray(array, dtype=np.float64) for array in (got, want))
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def check_task(task, folder, variants, run):
    """Compare every variant with the reference file of a task; return the number of mismatches.

    `run(variant, arrays)` -> `(loss, {name: gradient})` as numpy arrays in the arrays' own float
    type. One line per variant and float type is printed.
    """
    path = pathlib.Path(folder) / f"chinchilla_{task}.npz"
    failures = 0
    with np.load(path) as archive:
        expected = {name: archive[name] for name in archive.files if name.startswith("grad.")}
        expected["loss"] = archive["loss"]
    for variant in variants:
        for dtype, limit in ((np.float64, FLOAT64_LIMIT), (np.float32, FLOAT32_LIMITS[task])):
            loss, gradients = run(variant, read_inputs(path, task, PRESETS["reference"], dtype))
            results = {f"grad.{name}": array for name, array in gradients.items()}
            results["loss"] = loss
            if results.keys() != expected.keys():
                raise SystemExit(f"{path}: other names than {', '.join(results)}")
            error = max(relative_error(results[name], expected[name]) for name in expected)
            passed = error <= limit
            failures += not passed
            verdict = "ok" if passed else "MISMATCH"
            print(f"{task:15} {variant:16} {np.dtype(dtype).name}  {error:.2e}  {verdict}")
    return failures
