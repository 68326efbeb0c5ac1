# SPDX-License-Identifier: Apache-2.0
"""The notebooks of Examples/notebooks run from their first cell to their last, and their assertions hold."""

import json

import pytest
from conftest import EXAMPLES, REPOSITORY

NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))
NEEDS = {"jax_loss": ["jax", "optax"], "torch_maml": ["torch"], "transformer_memory": []}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_run_in_order(path, monkeypatch):
    for module in NEEDS[path.stem]:
        pytest.importorskip(module)
    monkeypatch.chdir(REPOSITORY)
    names = {"__name__": path.stem}
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 3
    for number, cell in enumerate(code, start=1):
        source = "".join(cell["source"])
        exec(compile(source, f"{path.name}, code cell {number}", "exec"), names)
