# SPDX-License-Identifier: Apache-2.0
"""The command line of a JAX program that is measured beside a spec (see in_turns.py)."""

import argparse
import pathlib

import jax
import numpy as np

from jax_baselines import read_inputs
from measuring import peak_resident_bytes, print_result, repeated, time_summary


def run(description, variants, meta, objective):
    """Parse the command line and measure one variant.

    `meta` names the group, or the arrays, that the gradient is taken by; `objective(meta, data, variant)`
    is a scalar.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--variant", choices=variants, default=next(iter(variants)))
    parser.add_argument("--inputs", type=pathlib.Path, required=True, help=".npz with the inputs")
    parser.add_argument("--outputs", type=pathlib.Path, help=".npz for loss and gradient")
    parser.add_argument("--repeat", type=int, default=20, help="timed calls (default 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    tree = read_inputs(arguments.inputs, np.float32)
    by = tree.pop(meta) if isinstance(meta, str) else {name: tree.pop(name) for name in meta}
    by = jax.device_put(by)
    data = jax.device_put(tree)
    function = jax.jit(jax.value_and_grad(lambda m, d: objective(m, d, arguments.variant)))
    compiled = function.lower(by, data).compile()
    value, gradient = jax.block_until_ready(compiled(by, data))
    if arguments.outputs:
        gradients = {f"grad.{name}": array for name, array in gradient.items()}
        np.savez(arguments.outputs, loss=value, **gradients)
    seconds, _ = repeated(lambda: jax.block_until_ready(compiled(by, data)), arguments.repeat)
    result = time_summary(seconds) | {
        "peak_rss_bytes": peak_resident_bytes(),
        "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "loss": float(value),
        "variant": arguments.variant,
    }
    print_result(result, arguments.json)
