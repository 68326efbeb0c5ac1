# SPDX-License-Identifier: Apache-2.0
"""Virtual environments of the benchmarks' own, so that no rival has to be installed beforehand.

Nothing but the standard library is used here: this runs before the environment exists.
"""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

JAX_VENV = HERE / ".venv"
JAX_PACKAGES = ["jax==0.10.2", "numpy", "matplotlib"]
TORCH_VENV = HERE / ".venv-torch"
TORCH_PACKAGES = ["torch==2.15.0", "numpy"]


def prepare(venv, packages):
    """Create a virtual environment with some packages, if need be; return its Python.

    One that was made for other packages is replaced. Stops the script if venv is missing.
    """
    python = venv / "bin" / "python"
    ready = venv / "ready"
    if not ready.exists() or ready.read_text() != "\n".join(packages):
        print(f"installing {' '.join(packages)} into {venv}", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        created = subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False)
        if created.returncode != 0:
            sys.exit("python3 -m venv failed; on Debian: apt-get install python3-venv")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.write_text("\n".join(packages))
    return python


def enter(venv, packages):
    """Run the calling script inside a virtual environment; returns only when it already is."""
    if pathlib.Path(sys.prefix) == venv:
        return
    python = prepare(venv, packages)
    os.execv(python, [str(python), *sys.argv])
