# SPDX-License-Identifier: Apache-2.0
"""Results against arrays that other programs computed."""

import numpy
import pytest
from conftest import EXAMPLES, reference

import mixfuse
from mixfuse._gradients import learned_inputs

# Spec, reference file, sizes of the reference, relative tolerance in f64.
MODELS = [
    ("maml_sinusoid", "reference/maml_sinusoid_t5.npz", {"steps": 5, "tasks": 4}),
    ("mnist1d_lr", "reference/mnist1d_lr.npz", {"steps": 20}),
    ("chinchilla_maml", "reference/chinchilla_maml.npz", {}),
    ("chinchilla_learning_lr", "reference/chinchilla_learning_lr.npz", {}),
    ("actor_critic", "models/actor_critic.npz", {}),
    ("anil", "models/anil.npz", {}),
    ("hyperparameters", "models/hyperparameters.npz", {}),
    ("learned_optimizer", "models/learned_optimizer.npz", {}),
]


def flat(structure, path=""):
    if not isinstance(structure, dict):
        return {path: structure}
    parts = [flat(part, f"{path}.{name}" if path else name) for name, part in structure.items()]
    return {name: array for part in parts for name, array in part.items()}


@pytest.mark.parametrize("spec, path, sets", MODELS, ids=[model[0] for model in MODELS])
def test_meta_gradient_in_f64_is_that_of_the_reference(spec, path, sets):
    library = mixfuse.build(EXAMPLES / f"{spec}.mix", sets=sets, dtype="f64")
    inputs, arrays = reference(path, library.meta_gradient)
    results = flat(library.meta_gradient(inputs))
    compared = [name for name in results if name in arrays]
    assert {"loss", *learned_inputs(library.meta_gradient.description).values()} <= set(compared)
    for name in compared:
        scale = numpy.abs(arrays[name]).max()
        numpy.testing.assert_allclose(results[name], arrays[name], rtol=0, atol=1e-9 * scale)


def test_single_precision_is_close(sinusoid, inputs, expected):
    results = sinusoid.meta_gradient(inputs)
    assert results["loss"].dtype == numpy.float32
    assert results["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    for name, gradient in results["grad"].items():
        scale = numpy.abs(expected[f"grad.{name}"]).max()
        numpy.testing.assert_allclose(gradient, expected[f"grad.{name}"], atol=1e-5 * scale, rtol=0)


def test_hessian_vector_product_is_the_difference_of_gradients(sinusoid_f64):
    generator = numpy.random.default_rng(5)
    draw = {a.name: generator.normal(size=a.shape) for a in sinusoid_f64.hvp.description.inputs}
    product = sinusoid_f64.hvp(draw)["hvp"]["theta"]["w2"]

    def gradient(step):
        moved = {k: v + step * draw[f"direction.{k}"] for k, v in draw.items() if "theta" in k[:5]}
        data = {k: v for k, v in draw.items() if k.endswith("_support")}
        return sinusoid_f64.inner_gradient(moved, data)["grad"]["theta"]["w2"]

    difference = (gradient(1e-6) - gradient(-1e-6)) / 2e-6
    numpy.testing.assert_allclose(product, difference, atol=1e-5 * numpy.abs(product).max())


def test_learned_inputs_are_told_from_initial_parameters_of_the_same_shapes():
    library = mixfuse.build(EXAMPLES / "chinchilla_learning_lr.mix")
    pairs = learned_inputs(library.meta_gradient.description)
    assert pairs["eta.block.w1"] == "grad.block.w1"
    assert not any(name.startswith("theta") for name in pairs)
