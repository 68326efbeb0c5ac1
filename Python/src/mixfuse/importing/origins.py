# SPDX-License-Identifier: Apache-2.0
"""Where an equation of a jaxpr comes from: the line of the user's file, what is assigned there, and
the function that was called to get it.

Frames of libraries (JAX, Flax, Optax, ...) are not the user's; if a library was called, its
function names what was computed, as `relu` or `softmax_cross_entropy_with_integer_labels` does.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import sysconfig
from typing import Any

from .graph import Origin

_LIBRARIES = tuple(
    os.path.realpath(path)
    for key in ("stdlib", "platlib", "purelib")
    if (path := sysconfig.get_paths().get(key))
)
#: Files of JAX between a function and what it computes: their functions name nothing.
_MACHINERY = re.compile(
    r"/jax/_src/(core|pjit|traceback_util|api|api_util|linear_util|custom_derivatives|dtypes"
    r"|source_info_util|profiler|util|ad_checkpoint|interpreters/\w+|numpy/array_methods)\.py$"
)
_OWN = os.path.dirname(os.path.realpath(__file__))
_PACKAGE = os.path.dirname(_OWN)


@functools.cache
def is_library(file: str) -> bool:
    """Whether a file is of an installed package, or of this one."""
    path = os.path.realpath(file)
    return any(path.startswith(root + os.sep) for root in (_PACKAGE, *_LIBRARIES))


@functools.cache
def is_own(file: str) -> bool:
    """Whether a file is of this package."""
    return os.path.realpath(file).startswith(_OWN + os.sep)


def origin_of(source_info: Any, around: Origin, definition: str = "") -> Origin:
    """The origin of an equation.

    Args:
        source_info: what JAX knows about it.
        around: the origin of the call that the equation is inside of.
        definition: the file of the function that was called, if it is a jitted one. JAX traces such
            a function once, so the frames around it may be those of another call.
    """
    if definition and is_library(definition):
        return around
    traceback = source_info.traceback
    if traceback is None:
        return around
    called = ""
    for code, instruction in zip(*traceback.raw_frames()):
        path, function = code.co_filename, code.co_name
        if path.startswith("<"):
            continue
        if is_library(path):
            if is_own(path):
                break
            if not function.startswith("_") and not _MACHINERY.search(path):
                called = function
            continue
        line, column, *_ = type(traceback).code_addr2location(code, instruction)
        file = re.sub(r"[\x00-\x1f\\]", "_", os.path.basename(path))
        name, statement = assigned(path, line)
        return Origin(
            name=name,
            statement=statement,
            function=identifier(called or function),
            location=f"{file}:{line}:{column + 1}",
        )
    return around


def identifier(name: str) -> str:
    """A name of letters, digits and underscores; empty for a lambda."""
    return "" if "<" in name else re.sub(r"\W", "_", name, flags=re.ASCII)


@functools.cache
def assignments(file: str) -> list[tuple[int, int, str]]:
    """First line, last line and target of all assignments of a file, and `return` of all
    returns."""
    try:
        with open(file, encoding="utf-8") as stream:
            tree = ast.parse(stream.read())
    except (OSError, SyntaxError, ValueError):
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            target = node.target
        elif isinstance(node, ast.Return) and node.value is not None:
            found.append((node.lineno, node.end_lineno or node.lineno, "result"))
            continue
        else:
            continue
        name = target_name(target)
        if name:
            found.append((node.lineno, node.end_lineno or node.lineno, name))
    return found


def target_name(target: ast.expr) -> str:
    """``h`` of ``h = ...``, ``self.h = ...`` and ``h, c = ...``; empty for anything else."""
    if isinstance(target, ast.Name):
        return identifier(target.id)
    if isinstance(target, ast.Attribute):
        return identifier(target.attr)
    if isinstance(target, (ast.Tuple, ast.List)) and target.elts:
        return target_name(target.elts[0])
    return ""


def assigned(file: str, line: int) -> tuple[str, int]:
    """What the shortest statement around a line assigns to, and the line where it begins."""
    around = [
        (end - start, name, start) for start, end, name in assignments(file) if start <= line <= end
    ]
    return min(around)[1:] if around else ("", line)
