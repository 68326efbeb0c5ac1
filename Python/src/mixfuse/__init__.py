# SPDX-License-Identifier: Apache-2.0
"""Meta-gradients as compiled libraries: build one from a spec, load it, call it on arrays.

    import mixfuse
    library = mixfuse.build("maml_sinusoid.mix", sets={"tasks": 8})
    outputs = library.meta_gradient(eta=parameters, x_support=x, y_support=y, ...)

`mixfuse.jax` makes functions of JAX of the same libraries.
"""

from .compiler import build, executable
from .errors import CallError, CompileError, InputError, LibraryError, MixFuseError, PositionError
from .library import EntryPoint, Library, load
from .session import Session

__all__ = [
    "CallError",
    "CompileError",
    "EntryPoint",
    "InputError",
    "Library",
    "LibraryError",
    "MixFuseError",
    "PositionError",
    "Session",
    "build",
    "executable",
    "load",
]
