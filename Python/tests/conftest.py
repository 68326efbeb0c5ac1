# SPDX-License-Identifier: Apache-2.0
"""What the tests share: libraries built once, and where the repository's files are."""

import pathlib

import mixfuse
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sinusoid():
    """MAML on sinusoids in f32."""
    return mixfuse.build(ROOT / "Examples" / "maml_sinusoid.mix", sets={"tasks": 6})


@pytest.fixture(scope="session")
def inputs(sinusoid):
    """Inputs of its meta-gradient."""
    rng = np.random.default_rng(0)
    arrays = sinusoid.meta_gradient.facts.inputs
    return {a.name: rng.normal(size=a.shape).astype(a.dtype) / 2 for a in arrays}


@pytest.fixture(scope="session")
def labels():
    """A problem with labels, which are positions that the library checks."""
    return mixfuse.build(ROOT / "Examples" / "digits_reweighting.mix", sets={"hidden": 8})
