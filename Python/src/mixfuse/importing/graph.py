# SPDX-License-Identifier: Apache-2.0
"""Graphs of the compiler's IR while they are written, and the arrays that tracing works with.

A `Tensor` is what a rule sees of an array. It has a home (a value of a graph), or it is known: its
elements were found while tracing, and it becomes a node only where something unknown reads it. A
graph that reads a tensor of a graph around it takes it as an invariant of its loop; rules need not
care.

What no output needs is not printed, and equal nodes are one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import ImportRefused

#: The element types of the IR; `F` stands for the float type of the problem until it is printed.
F, I32, BOOL = "F", "i32", "bool"


@dataclasses.dataclass(eq=False)
class Value:
    """An input of a graph or a result of a node."""

    shape: tuple[int, ...]
    dtype: str
    node: Node | None = None
    position: int = 0
    #: The elements, if they were found while tracing.
    known: np.ndarray | None = None


@dataclasses.dataclass(eq=False)
class Node:
    """One application of an op: its text with attributes, and where it comes from."""

    op: str
    operands: list[Value]
    results: list[Value]
    origin: Origin
    body: Graph | None = None


@dataclasses.dataclass(frozen=True)
class Origin:
    """A place in the user's program: what is assigned there, in which function, where."""

    name: str = ""
    function: str = ""
    location: str = ""
    #: The line where the assignment begins.
    statement: int = 0


class Tensor:
    """An array of the traced program."""

    __slots__ = ("shape", "dtype", "home", "graph", "raw", "recipe", "array_name", "_uniform")

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self.shape = tuple(int(size) for size in shape)
        self.dtype = dtype
        self.home: Value | None = None
        self.graph: Graph | None = None
        #: The elements, as JAX has them, if they are known.
        self.raw: Any = None
        #: How a known array is made where it is needed, if not from its elements.
        self.recipe: Callable[[Graph], Tensor] | None = None
        self.array_name = ""
        self._uniform: list[float | None] = []

    @classmethod
    def of(cls, value: Value, graph: Graph) -> Tensor:
        """The tensor that a value of a graph is."""
        tensor = cls(value.shape, value.dtype)
        tensor.home, tensor.graph = value, graph
        return tensor

    @property
    def is_known(self) -> bool:
        """Whether the elements were found while tracing."""
        return self.raw is not None

    @property
    def array(self) -> np.ndarray:
        """The elements of a known tensor."""
        return np.asarray(self.raw)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def uniform(self) -> float | None:
        """The only element of a known tensor, if all are equal."""
        if not self._uniform:
            self._uniform.append(self._only_element())
        return self._uniform[0]

    def _only_element(self) -> float | None:
        if not self.is_known or self.array.dtype.kind not in "fiub":
            return None
        array = once(self.array)
        if array.dtype.kind == "f" and np.isnan(array).all():
            return float("nan")
        return float(array.flat[0]) if array.size and (array == array.flat[0]).all() else None


class Graph:
    """A graph being written. `capture` makes an input of the problem of an array that is none."""

    def __init__(
        self,
        name: str,
        parent: Graph | None = None,
        capture: Callable[[Graph, Tensor], Value] | None = None,
    ) -> None:
        self.name = name
        self.parent = parent
        self.capture = capture
        self.inputs: list[tuple[str, Value]] = []
        self.nodes: list[Node] = []
        self.outputs: list[tuple[str, Value]] = []
        #: Tensors of graphs around this one, in the order in which they were first read.
        self.invariants: list[tuple[Tensor, Value]] = []
        self._local: dict[int, tuple[Tensor, Value]] = {}
        self._equal: dict[tuple, list[Value]] = {}
        self.origin = Origin()

    # --- Building -----------------------------------------------------------------------------

    def input(self, name: str, shape: Sequence[int], dtype: str) -> Tensor:
        """A new input."""
        value = Value(tuple(int(size) for size in shape), dtype)
        self.inputs.append((name, value))
        return Tensor.of(value, self)

    def output(self, name: str, tensor: Tensor) -> None:
        """A new output."""
        self.outputs.append((name, self.use(tensor)))

    def op(self, op: str, operands: Sequence[Tensor], shape: Sequence[int], dtype: str) -> Tensor:
        """The result of an op with one result."""
        return self.append(op, operands, [(shape, dtype)])[0]

    def append(
        self,
        op: str,
        operands: Sequence[Tensor],
        types: Sequence[tuple[Sequence[int], str]],
        body: Graph | None = None,
    ) -> list[Tensor]:
        """The results of an op."""
        values = [self.use(operand) for operand in operands]
        shapes = tuple((tuple(int(n) for n in shape), dtype) for shape, dtype in types)
        key = (op, tuple(map(id, values)), shapes)
        if body is None and key in self._equal:
            return [Tensor.of(value, self) for value in self._equal[key]]
        node = Node(op, values, [], self.origin, body)
        node.results = [Value(shape, dtype, node, i) for i, (shape, dtype) in enumerate(shapes)]
        self.nodes.append(node)
        self._equal[key] = node.results
        return [Tensor.of(value, self) for value in node.results]

    def full(self, shape: Sequence[int], number: float, dtype: str) -> Tensor:
        """An array of one number."""
        sizes = ", ".join(str(int(size)) for size in shape)
        return self.op(f"constant{{{spelled(number, dtype)} {dtype}[{sizes}]}}", [], shape, dtype)

    def use(self, tensor: Tensor) -> Value:
        """The value of this graph that a tensor is, made if need be."""
        if tensor.graph is self and tensor.home is not None:
            return tensor.home
        known = self._local.get(id(tensor))
        if known is None:
            # The tensor is kept so that its id stays its own.
            known = (tensor, self._made(tensor))
            if tensor.is_known and tensor.dtype != "key":
                known[1].known = tensor.array
            self._local[id(tensor)] = known
        return known[1]

    def _made(self, tensor: Tensor) -> Value:
        uniform = tensor.uniform
        if uniform is not None and tensor.dtype != BOOL:
            return self.use(self.full(tensor.shape, uniform, tensor.dtype))
        if tensor.recipe is not None:
            try:
                return self.use(tensor.recipe(self))
            except ImportRefused:
                tensor.recipe = None  # The elements are known all the same.
        if tensor.home is None:
            return self.use(self.dense(tensor))
        if self.parent is None:
            raise AssertionError(f"a tensor of another graph than {self.name}")
        outer = self.parent.use(tensor)
        value = Value(tensor.shape, tensor.dtype)
        self.invariants.append((Tensor.of(outer, self.parent), value))
        return value

    def dense(self, tensor: Tensor) -> Tensor:
        """A known array without a recipe: from constants if it is simple, else a captured input."""
        from .constants import written

        made = written(self, tensor.array, tensor.dtype)
        if made is not None:
            return made
        root = self
        while root.parent is not None:
            root = root.parent
        if root.capture is None:
            raise ImportRefused(
                f"an array constant of shape {list(tensor.shape)} in {root.name}",
                "pass it as data or as a meta parameter",
                self.origin.location,
            )
        if tensor.dtype == BOOL:
            number = Tensor(tensor.shape, I32)
            number.raw, number.array_name = tensor.array.astype(np.int32), tensor.array_name
            zero = self.full(tensor.shape, 0, I32)
            return self.op("notEqual", [number, zero], tensor.shape, BOOL)
        captured = Tensor.of(root.capture(root, tensor), root)
        return captured if root is self else Tensor.of(self.use(captured), self)

    # --- Rewriting ----------------------------------------------------------------------------

    def forget(self) -> None:
        """Makes new nodes from now on, whatever equal ones there are: these may stand too late."""
        self._equal = {}

    def substitute(self, node: Node, value: Value, start: int) -> None:
        """Puts a value in the place of a node's result; the nodes from `start` on, which make it,
        move to where the node is."""
        made = self.nodes[start:]
        del self.nodes[start:]
        place = self.nodes.index(node)
        self.nodes[place:place] = made
        old = node.results[0]
        for reader in self.nodes:
            reader.operands = [value if v is old else v for v in reader.operands]
        self.outputs = [(name, value if v is old else v) for name, v in self.outputs]

    # --- Reading ------------------------------------------------------------------------------

    def live_nodes(self) -> list[Node]:
        """The nodes that some output needs, in order."""
        needed = {id(value.node) for _, value in self.outputs if value.node is not None}
        live = []
        for node in reversed(self.nodes):
            if id(node) not in needed:
                continue
            live.append(node)
            needed.update(id(v.node) for v in node.operands if v.node is not None)
        return live[::-1]

    def reads(self, value: Value) -> bool:
        """Whether a result depends on a value directly."""
        if any(output is value for _, output in self.outputs):
            return True
        return any(value is operand for node in self.live_nodes() for operand in node.operands)

    def text(self, float_type: str, keyword: str = "graph", indentation: str = "") -> str:
        """The graph as the compiler reads it."""
        numbers: dict[int, int] = {}

        def number(value: Value) -> str:
            return f"%{numbers.setdefault(id(value), len(numbers))}"

        inner = indentation + "  "
        lines = [f'{indentation}{keyword} "{self.name}" {{']
        for name, value in self.inputs:
            kind = type_text(value, float_type)
            lines.append(f'{inner}input {number(value)} "{name}": {kind}')
        for node in named(self.live_nodes()):
            node, origin = node
            operands = ", ".join(number(operand) for operand in node.operands)
            results = ", ".join(number(result) for result in node.results)
            types = ", ".join(type_text(result, float_type) for result in node.results)
            name = f" {origin.name}" if origin.name else ""
            function = f" @{origin.function}" if origin.function else ""
            comment = f"   // {escaped(origin.location)}" if origin.location else ""
            op = node.op.replace(f" {F}[", f" {float_type}[").replace(
                f"{{{F}}}", f"{{{float_type}}}"
            )
            space = " " if operands else ""
            lines.append(
                f"{inner}{results}{name}{function} = {op}{space}{operands} : {types}{comment}"
            )
            if node.body is not None:
                lines.append(node.body.text(float_type, "body", inner + "  ").rstrip("\n"))
        for name, value in self.outputs:
            lines.append(f'{inner}output "{name}" {number(value)}')
        return "\n".join(lines + [f"{indentation}}}"]) + "\n"


def once(array: np.ndarray) -> np.ndarray:
    """An array without its repetitions along axes: one element where it is a view of one."""
    return array[tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)]


def named(nodes: list[Node]) -> list[tuple[Node, Origin]]:
    """The nodes with the names of their results: the last one of an assignment is called what is
    assigned, those on the way to it have what they do behind it."""

    def assignment(origin: Origin) -> tuple[str, str, int]:
        return (origin.name, origin.location.split(":")[0], origin.statement)

    last = {assignment(n.origin): n for n in nodes if n.origin.name}
    result = []
    for node in nodes:
        origin = node.origin
        if origin.name and last[assignment(origin)] is not node:
            kind = node.op.split("{")[0]
            origin = dataclasses.replace(origin, name=f"{origin.name}_{KINDS.get(kind, kind)}")
        result.append((node, origin))
    return result


#: What a value on the way to another is called after, where it is not the op's own name.
KINDS = {
    "contract": "product",
    "reduce_sum": "sum",
    "reduce_maximum": "max",
    "select": "choice",
    "less": "mask",
    "lessOrEqual": "mask",
    "greater": "mask",
    "greaterOrEqual": "mask",
    "equal": "mask",
    "notEqual": "mask",
    "check_positions": "positions",
}


def type_text(value: Value, float_type: str) -> str:
    """``f32[10, 40]``."""
    dtype = float_type if value.dtype == F else value.dtype
    return f"{dtype}[{', '.join(map(str, value.shape))}]"


def spelled(number: float, dtype: str) -> str:
    """A number as the compiler prints it."""
    if dtype == I32:
        if not -(2**31) <= number < 2**31:
            raise ImportRefused(f"the whole number {int(number)}", "it has more than 32 bits")
        return f"{float(int(number))!r}"
    text = repr(float(number))
    return text if text in ("nan", "inf", "-inf") else text.replace("e+", "e+")


def escaped(text: str) -> str:
    """A location in the comment behind a node."""
    return text.replace("\\", "\\\\").replace(",", "\\,")
