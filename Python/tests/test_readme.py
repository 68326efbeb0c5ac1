# SPDX-License-Identifier: Apache-2.0
"""The README's snippets and the example do what they say."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest
from conftest import EXAMPLES, REPOSITORY

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


def test_snippets_run_in_order(monkeypatch, capsys):
    pytest.importorskip("jax")
    pytest.importorskip("optax")
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(snippets) >= 7
    monkeypatch.chdir(REPOSITORY)
    names = {"__name__": "readme"}
    for snippet in snippets:
        if "import torch" in snippet and not importlib.util.find_spec("torch"):
            continue
        exec(compile(snippet, str(README), "exec"), names)
    assert "did you mean x_support?" in capsys.readouterr().out
    assert 0 < names["loss"] < names["alone"]["loss"]


def test_example_learns():
    pytest.importorskip("optax")
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "python" / "maml_sinusoid.py"), "--blocks", "5"],
        capture_output=True, text=True, check=False, env=os.environ,
    )
    losses = [float(line.rsplit(" ", 1)[1]) for line in result.stdout.splitlines()]
    assert len(losses) == 5, result.stderr
    assert losses[-1] < losses[0]
