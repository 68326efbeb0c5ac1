# SPDX-License-Identifier: Apache-2.0
"""MixFuse for Python: build a spec of a meta-learning problem and call what was built.

    library = mixfuse.build("maml_sinusoid.mix", sets={"tasks": 4})
    outputs = library.meta_gradient(eta=eta, x_support=xs, y_support=ys, x_query=xq, y_query=yq)

Entry points take arrays by name and give a nested dict of NumPy arrays. `mixfuse.jax` and
`mixfuse.torch` make differentiable functions of them.
"""

from mixfuse._build import build, executable
from mixfuse._entry import Entry
from mixfuse._errors import (
    ArgumentError,
    BuildError,
    CallError,
    CompileError,
    LibraryError,
    MixFuseError,
    NativeError,
    PositionError,
)
from mixfuse._library import Library, load
from mixfuse._manifest import Array, EntryPoint, Manifest, PositionCheck
from mixfuse._session import Session

__version__ = "0.2.0"

__all__ = [
    "ArgumentError",
    "Array",
    "BuildError",
    "CallError",
    "CompileError",
    "Entry",
    "EntryPoint",
    "Library",
    "LibraryError",
    "Manifest",
    "MixFuseError",
    "NativeError",
    "PositionCheck",
    "PositionError",
    "Session",
    "build",
    "executable",
    "load",
]
