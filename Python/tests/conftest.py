# SPDX-License-Identifier: Apache-2.0
"""Libraries and reference arrays that the tests share."""

import pathlib

import numpy
import pytest

import mixfuse

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "Examples"
DATA = REPOSITORY / "Tests" / "Data"


def reference(path, entry):
    """Inputs of an entry point in its own types, and all arrays of a reference file."""
    arrays = dict(numpy.load(DATA / path))
    inputs = {
        array.name: arrays[array.name].astype(array.dtype) for array in entry.description.inputs
    }
    return inputs, arrays


@pytest.fixture(scope="session")
def sinusoid():
    """MAML on sinusoids with the sizes of maml_sinusoid_t1.npz."""
    return mixfuse.build(EXAMPLES / "maml_sinusoid.mix")


@pytest.fixture(scope="session")
def sinusoid_f64():
    return mixfuse.build(EXAMPLES / "maml_sinusoid.mix", dtype="f64")


@pytest.fixture(scope="session")
def inputs(sinusoid):
    """Inputs of its meta-gradient by flat names."""
    return reference("reference/maml_sinusoid_t1.npz", sinusoid.meta_gradient)[0]


@pytest.fixture(scope="session")
def expected():
    """Its results in float64, by an independent program."""
    return dict(numpy.load(DATA / "reference/maml_sinusoid_t1.npz"))
