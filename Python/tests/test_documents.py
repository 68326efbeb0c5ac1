# SPDX-License-Identifier: Apache-2.0
"""The snippets of the README and the example run as they stand."""

import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT


def test_readme_snippets_run(monkeypatch, capsys):
    pytest.importorskip("jax")
    monkeypatch.chdir(ROOT)
    text = (ROOT / "Python" / "README.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(snippets) == 4
    names = {}
    for snippet in snippets:
        exec(snippet, names)
    printed = capsys.readouterr().out
    assert printed.count("(1, 40)") == 2
    assert "(20,)" in printed


def test_the_example_learns():
    pytest.importorskip("optax")
    script = ROOT / "Examples" / "python" / "maml_sinusoid.py"
    result = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=os.environ, check=True
    )
    losses = [float(line.rsplit(" ", 1)[1]) for line in result.stdout.splitlines()]
    assert len(losses) == 5
    assert losses[-1] < 0.8 * losses[0]
