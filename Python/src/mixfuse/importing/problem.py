# SPDX-License-Identifier: Apache-2.0
"""From JAX functions and an Optax optimiser to the text of a problem, which `mixfuse build` reads.

    problem = write_problem(
        inner_loss, outer_loss, theta, eta, (x, y), (x_query, y_query),
        optimizer=lambda eta: optax.adam(eta["rate"]), steps=8, path="maml.graphs")

`inner_loss(theta, eta, *inner_data)` and `outer_loss(theta, eta, *outer_data)` return scalars. The
text has four graphs: the inner loss, the optimiser's start and step, and the outer loss.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import numpy as np
from jax._src.interpreters import partial_eval

from .errors import ImportRefused
from .graph import BOOL, I32, F, Graph, Origin, Tensor, Value
from .idioms import recognize
from .registry import Context, dtype_of
from .trace import Tracer
from .trees import as_array, distinct, initializer, leaf_names, require_floats


@dataclasses.dataclass
class Problem:
    """A problem as it was written, and what a caller of its library must know.

    Attributes:
        text: the file's text.
        path: where it was written; empty if it was not.
        theta: the names of the leaves of the inner parameters, in the order of the tree; those of
            `eta` if that is where they start.
        eta: the names of the leaves of the meta parameters.
        gradients: the names of their gradients.
        inner_data: the names of the leaves of the inner data.
        outer_data: the names of the leaves of the outer data.
        captured: arrays that the losses closed over, which every call must be given.
        idioms: how often each idiom was recognised.
    """

    text: str
    path: str
    theta: list[str]
    eta: list[str]
    gradients: list[str]
    inner_data: list[str]
    outer_data: list[str]
    captured: dict[str, np.ndarray]
    idioms: dict[str, int]

    @property
    def dtype(self) -> str:
        """The float type that the problem is written with: `f32` or `f64`."""
        found = re.search(r'^problem "[^"]*" (\w+)', self.text, re.MULTILINE)
        return found[1] if found else "f32"


@dataclasses.dataclass
class Leaves:
    """Leaves of a tree: their names, and arrays of the shape and type of one use."""

    names: list[str]
    tree: Any
    is_streamed: list[bool] = dataclasses.field(default_factory=list)
    is_batched: list[bool] = dataclasses.field(default_factory=list)

    @property
    def arrays(self) -> list[Any]:
        """The leaves, or what stands for them."""
        return jax.tree.leaves(self.tree)


def write_problem(
    inner_loss: Callable[..., Any],
    outer_loss: Callable[..., Any],
    theta: Any,
    eta: Any,
    inner_data: Sequence[Any],
    outer_data: Sequence[Any],
    *,
    optimizer: Any,
    steps: int,
    initial: bool | str = False,
    streamed: bool | Collection[str] = False,
    tasks: int | None = None,
    batched: bool | Collection[str] = True,
    name: str = "",
    dtype: str = "",
    seed: int = 1,
    path: str | os.PathLike[str] | None = None,
    recognizing: bool = True,
) -> Problem:
    """Writes a bilevel problem as a text that the compiler reads.

    Args:
        inner_loss: `inner_loss(theta, eta, *inner_data)`, a scalar.
        outer_loss: `outer_loss(theta, eta, *outer_data)`, a scalar.
        theta: the inner parameters: a tree of float arrays, or of `jax.ShapeDtypeStruct`.
        eta: the meta parameters, likewise.
        inner_data: the arrays (or trees of them) that the inner loss reads.
        outer_data: those that the outer loss reads.
        optimizer: an `optax.GradientTransformation`, or a function of `eta` that makes one.
        steps: the number of inner steps.
        initial: whether `eta` is where `theta` starts (or the entry of `eta` with this name).
        streamed: whether the inner data have a leading axis of one slice for each step; or the
            names of those arguments that do.
        tasks: the number of tasks, if there is a batch of them; their data have a leading axis.
        batched: whether all data are of one task each; or the names of those arguments that are.
        name: the name of the problem and of its library; that of the inner loss by default.
        dtype: `f32` or `f64`; the type of `theta` by default.
        seed: what the compiler's tools draw arrays with.
        path: where to write the text, if anywhere.
        recognizing: whether idioms become fused ops.

    Raises:
        ImportRefused: for what the compiler has no op for, with the place in the user's file.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    trees = named_trees(theta, eta)
    if not dtype:
        is_double = any(np.dtype(x.dtype) == np.float64 for x in map(as_array, trees[0].arrays))
        dtype = "f64" if is_double else "f32"
    data = [
        data_leaves(inner_loss, inner_data, streamed, steps, tasks, batched),
        data_leaves(outer_loss, outer_data, False, steps, tasks, batched),
    ]
    separate(data, trees)
    writer = ProblemWriter(trees[0], trees[1], *data, optimizer, steps)
    writer.trace_inner(inner_loss)
    writer.trace_optimizer()
    writer.trace_outer(outer_loss)
    counts: dict[str, int] = {}
    if recognizing:
        for graph in writer.graphs:
            recognize(graph, counts)
    name = re.sub(r"\W", "_", name or getattr(inner_loss, "__name__", "problem"), flags=re.ASCII)
    if not re.match(r"[A-Za-z_]", name):
        name = "problem_" + name.strip("_")
    source = source_name(inner_loss)
    lines = [
        "mixfuse-problem 1",
        f'problem "{name}" {dtype} seed {seed} steps {steps}'
        + (f" tasks {tasks}" if tasks else ""),
        f'source "{source}"',
        f'dim "steps" {steps}',
        *([f'dim "tasks" {tasks}'] if tasks else []),
        *writer.header(dtype, initial),
    ]
    graphs = "\n".join(graph.text(dtype) for graph in writer.graphs)
    text = "\n".join(lines) + "\n\n" + graphs
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return Problem(
        text=text,
        path="" if path is None else os.fspath(path),
        theta=writer.theta_inputs(initial),
        eta=trees[1].names,
        gradients=writer.gradient_names(),
        inner_data=data[0].names,
        outer_data=data[1].names,
        captured=writer.captured,
        idioms=counts,
    )


def named_trees(theta: Any, eta: Any) -> tuple[Leaves, Leaves]:
    """The parameters by name."""
    result = []
    for prefix, tree in (("theta", theta), ("eta", eta)):
        tree = jax.tree.map(as_array, tree)
        names = leaf_names(prefix, tree)
        require_floats(names, tree)
        if not names:
            raise ImportRefused(f"{prefix} without arrays", "there is nothing to differentiate by")
        result.append(Leaves(names, tree))
    return result[0], result[1]


def data_leaves(
    loss: Callable[..., Any], data: Sequence[Any], streamed: bool | Collection[str], steps: int,
    tasks: int | None, batched: bool | Collection[str],
) -> Leaves:  # fmt: skip
    """The data of a loss, each leaf by the name of its argument and its path in it."""
    given = argument_names(loss, len(data))
    names: list[str] = []
    arguments: list[Any] = []
    is_streamed: list[bool] = []
    is_batched: list[bool] = []
    for number, argument in enumerate(data):
        name = given[number]
        by_step = streamed if isinstance(streamed, bool) else name in streamed
        by_task = tasks is not None and (batched if isinstance(batched, bool) else name in batched)

        def one_use(leaf: Any, name: str = name, by_step: bool = by_step, by_task: bool = by_task):
            array = as_array(leaf)
            shape = list(array.shape)
            for size, is_there in ((tasks, by_task), (steps, by_step)):
                if not is_there:
                    continue
                if not shape or shape[0] != size:
                    raise ValueError(f"{name} has the shape {array.shape}, expected {size} slices")
                del shape[0]
            if not (by_step or by_task):
                return array
            if isinstance(array, jax.ShapeDtypeStruct):
                return jax.ShapeDtypeStruct(tuple(shape), array.dtype)
            return np.asarray(array).reshape((-1, *shape))[0]

        argument = jax.tree.map(one_use, argument)
        found = leaf_names(name, argument)
        names += found
        is_streamed += [by_step] * len(found)
        is_batched += [by_task] * len(found)
        arguments.append(argument)
    return Leaves(distinct(names), tuple(arguments), is_streamed, is_batched)


def argument_names(loss: Callable[..., Any], count: int) -> list[str]:
    """The names of a loss's arguments after the parameters, as far as it names them."""
    try:
        parameters = list(inspect.signature(loss).parameters.values())[2:]
    except (TypeError, ValueError):
        parameters = []
    positional = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    names = [*positional[:count], *(f"data_{number}" for number in range(len(positional), count))]
    return [re.sub(r"\W", "_", name, flags=re.ASCII) for name in names]


def separate(data: list[Leaves], trees: tuple[Leaves, Leaves]) -> None:
    """Gives the outer data other names where the inner data or the parameters have theirs."""
    taken = {*data[0].names, *trees[0].names, *trees[1].names}
    data[1].names = [f"outer_{name}" if name in taken else name for name in data[1].names]
    names = distinct([*trees[0].names, *trees[1].names, *data[0].names, *data[1].names])
    data[0].names = names[-len(data[0].names + data[1].names) :][: len(data[0].names)]
    data[1].names = names[len(names) - len(data[1].names) :]


def source_name(function: Callable[..., Any]) -> str:
    """The file that a function is written in, without folders."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(function)) or ""
    except TypeError:
        file = ""
    return re.sub(r'[\x00-\x1f\\"]', "_", os.path.basename(file)) or "Python"


class ProblemWriter:
    """Traces the four graphs and writes the header that goes with them."""

    def __init__(
        self, theta: Leaves, eta: Leaves, inner: Leaves, outer: Leaves, optimizer: Any, steps: int
    ) -> None:
        self.theta, self.eta, self.inner, self.outer = theta, eta, inner, outer
        self.optimizer = optimizer
        self.steps = steps
        self.graphs: list[Graph] = []
        self.captured: dict[str, np.ndarray] = {}
        self.captured_lines: dict[str, list[str]] = {"inner": [], "outer": []}
        self.state_lines: list[str] = []

    # --- Losses -------------------------------------------------------------------------------

    def trace_inner(self, loss: Callable[..., Any]) -> None:
        """`(theta..., eta..., data...) -> loss`."""
        graph = Graph("inner_loss", capture=self.capturing("inner"))
        arguments = [self.given(graph, leaves) for leaves in (self.theta, self.eta, self.inner)]
        self.finish_loss(graph, loss, self.inner, arguments)

    def trace_outer(self, loss: Callable[..., Any]) -> None:
        """`(theta..., eta..., inner losses, data...) -> loss`."""
        graph = Graph("outer_loss", capture=self.capturing("outer"))
        arguments = [self.given(graph, leaves) for leaves in (self.theta, self.eta)]
        graph.input("inner.losses", [self.steps], F)
        arguments.append(self.given(graph, self.outer))
        self.finish_loss(graph, loss, self.outer, arguments)

    def finish_loss(
        self, graph: Graph, loss: Callable[..., Any], data: Leaves, arguments: list[list[Tensor]]
    ) -> None:
        closed = jax.make_jaxpr(loss)(self.theta.tree, self.eta.tree, *data.tree)
        results = closed.out_avals
        if len(results) != 1 or results[0].shape != () or dtype_of(results[0].dtype) != F:
            found = ", ".join(str(aval) for aval in results)
            raise ImportRefused(f"a loss that returns ({found})", "a loss is one float scalar")
        flat = [tensor for group in arguments for tensor in group]
        (value,) = Tracer().run_closed(graph, closed, flat, Origin())
        graph.output("loss", value)
        self.graphs.append(graph)

    def given(self, graph: Graph, leaves: Leaves, prefix: str = "") -> list[Tensor]:
        """Inputs for leaves, as the program reads them."""
        tensors = []
        for name, array in zip(leaves.names, leaves.arrays):
            dtype = dtype_of(array.dtype)
            given = graph.input(prefix + name, array.shape, I32 if dtype == BOOL else dtype)
            tensors.append(Context(graph, "convert", {}, []).converted(given, dtype))
        return tensors

    def capturing(self, which: str) -> Callable[[Graph, Tensor], Value]:
        """Makes arrays that a loss closed over inputs of its graph, each once."""
        known_arrays: dict[tuple, Value] = {}

        def capture(graph: Graph, tensor: Tensor) -> Value:
            array = tensor.array
            dtype = I32 if tensor.dtype == I32 else F
            key = (array.shape, dtype, array.tobytes())
            if key not in known_arrays:
                prefix = "captured" if which == "inner" else "outer_captured"
                name = f"{prefix}.array_{len(known_arrays)}"
                value = Value(tensor.shape, dtype)
                graph.inputs.append((name, value))
                known_arrays[key] = value
                self.captured[name] = array
                self.captured_lines[which].append(
                    self.leaf_line(name, array, is_data=True, dtype=dtype)
                )
            return known_arrays[key]

        return capture

    # --- Optimiser ----------------------------------------------------------------------------

    def transformation(self, eta: Any) -> Any:
        """The optimiser for meta parameters."""
        is_made = hasattr(self.optimizer, "update") and hasattr(self.optimizer, "init")
        return self.optimizer if is_made else self.optimizer(eta)

    def trace_optimizer(self) -> None:
        """`(theta..., eta...) -> state...` and `(g..., theta..., state..., eta..., step) ->
        (theta..., state...)`."""
        import optax

        theta, eta = self.theta.tree, self.eta.tree
        start = jax.eval_shape(lambda t, e: self.transformation(e).init(t), theta, eta)
        structure = jax.tree.structure(start)
        shapes = jax.tree.leaves(start)

        def begin(theta: Any, eta: Any) -> list[Any]:
            return jax.tree.leaves(self.transformation(eta).init(theta))

        def advance(gradient: Any, theta: Any, state: list[Any], eta: Any) -> list[Any]:
            tree = jax.tree.unflatten(structure, state)
            changes, tree = self.transformation(eta).update(gradient, tree, theta)
            return [*jax.tree.leaves(optax.apply_updates(theta, changes)), *jax.tree.leaves(tree)]

        first = jax.make_jaxpr(begin)(theta, eta)
        step = jax.make_jaxpr(advance)(theta, theta, shapes, eta)
        if len(step.out_avals) != len(self.theta.names) + len(shapes):
            raise ImportRefused("an optimiser whose state changes its form")
        counted = [self.is_step(first, step, number, aval) for number, aval in enumerate(shapes)]
        kept = [number for number, is_counted in enumerate(counted) if not is_counted]
        names = leaf_names("state", start)
        for number in kept:
            sizes = ", ".join(map(str, shapes[number].shape))
            self.state_lines.append(f'"{names[number]}": {{F}}[{sizes}] ~ zeros')
        self.trace_start(first, kept, names, shapes)
        self.trace_update(step, kept, names, shapes)

    def trace_start(self, first: Any, kept: list[int], names: list[str], shapes: list[Any]) -> None:
        graph = Graph("initial_state")
        flat = [t for leaves in (self.theta, self.eta) for t in self.given(graph, leaves)]
        values = Tracer().run_closed(graph, first, flat, Origin())
        for number in kept:
            self.require_numbers(names[number], shapes[number])
            graph.output(names[number], self.as_float(graph, values[number]))
        self.graphs.append(graph)

    def trace_update(self, step: Any, kept: list[int], names: list[str], shapes: list[Any]) -> None:
        graph = Graph("update")
        gradients = [
            graph.input(name.replace("theta", "g", 1), array.shape, F)
            for name, array in zip(self.theta.names, self.theta.arrays)
        ]
        theta = self.given(graph, self.theta)
        state: dict[int, Tensor] = {}
        for number in kept:
            given = graph.input(names[number], shapes[number].shape, F)
            context = Context(graph, "convert", {}, [])
            state[number] = context.converted(given, dtype_of(shapes[number].dtype))
        eta = self.given(graph, self.eta)
        counter = graph.input("step", [], I32)
        whole = [state.get(number, counter) for number in range(len(shapes))]
        values = Tracer().run_closed(graph, step, [*gradients, *theta, *whole, *eta], Origin())
        count = len(theta)
        for name, value in zip(self.theta.names, values):
            graph.output(name, self.as_float(graph, value))
        for number in kept:
            graph.output(names[number], self.as_float(graph, values[count + number]))
        self.graphs.append(graph)

    @staticmethod
    def as_float(graph: Graph, tensor: Tensor) -> Tensor:
        """States are floats: whole numbers and truth values travel as such."""
        return Context(graph, "convert", {}, []).converted(tensor, F)

    @staticmethod
    def require_numbers(name: str, aval: Any) -> None:
        """Refuses optimiser states that are no numbers."""
        try:
            dtype_of(aval.dtype)
        except ImportRefused:
            raise ImportRefused(f"the optimiser state {name} of {aval.dtype}") from None

    def is_step(self, first: Any, step: Any, number: int, aval: Any) -> bool:
        """Whether a state is the number of the step: it starts at 0, depends on itself alone, and
        is `k` after `k` steps. Then it is not stored."""
        if aval.shape != () or not np.issubdtype(aval.dtype, np.integer):
            return False
        outputs = [place == number for place in range(len(first.out_avals))]
        begin, used = partial_eval.dce_jaxpr(first.jaxpr, outputs)
        if any(used):
            return False
        (value,) = jax.core.eval_jaxpr(begin, first.consts)
        count = len(self.theta.names)
        outputs = [place == count + number for place in range(len(step.out_avals))]
        advance, used = partial_eval.dce_jaxpr(step.jaxpr, outputs)
        own = 2 * count + number
        if any(is_used for place, is_used in enumerate(used) if place != own) or not used[own]:
            return False
        for k in range(self.steps):
            if int(value) != k:
                return False
            (value,) = jax.core.eval_jaxpr(advance, step.consts, value)
        return True

    # --- Header -------------------------------------------------------------------------------

    def header(self, dtype: str, initial: bool | str) -> list[str]:
        """The lines of the header that speak of arrays."""
        lines = [
            f"theta {self.leaf_line(name, array, is_data=False)}"
            for name, array in zip(self.theta.names, self.theta.arrays)
        ]
        lines.append(self.initial_line(initial))
        lines += [
            f'meta {self.leaf_line(name, array, is_data=False)} gives "{gradient}"'
            for name, array, gradient in zip(self.eta.names, self.eta.arrays, self.gradient_names())
        ]
        for which, leaves in (("inner", self.inner), ("outer", self.outer)):
            flags = zip(leaves.names, leaves.arrays, leaves.is_streamed, leaves.is_batched)
            for name, array, is_streamed, is_batched in flags:
                line = self.leaf_line(name, array, is_data=True)
                line += " streamed" if is_streamed else ""
                lines.append(f"{which} {line}" + (" batched" if is_batched else ""))
            lines += [f"{which} {line}" for line in self.captured_lines[which]]
        lines += [f"state {line}" for line in self.state_lines]
        return [line.replace("{F}", dtype) for line in lines]

    def initial_line(self, initial: bool | str) -> str:
        if initial is False:
            return "initial input"
        prefix = "eta." if initial is True else f"eta.{initial}."
        wanted = [prefix + name.removeprefix("theta.") for name in self.theta.names]
        if initial is True and self.theta.names == ["theta"]:
            wanted = ["eta"]
        for start in range(len(self.eta.names) - len(wanted) + 1):
            if self.eta.names[start : start + len(wanted)] == wanted:
                return f"initial meta {start}"
        raise ValueError(f"theta starts at {wanted}, but eta has {self.eta.names}")

    def theta_inputs(self, initial: bool | str) -> list[str]:
        """What the leaves of theta are called as inputs of the library."""
        line = self.initial_line(initial).split()
        if line[1] == "input":
            return self.theta.names
        start = int(line[2])
        return self.eta.names[start : start + len(self.theta.names)]

    def gradient_names(self) -> list[str]:
        """What the library calls the gradients by the meta parameters."""
        return ["grad" + name.removeprefix("eta") for name in self.eta.names]

    @staticmethod
    def leaf_line(name: str, array: Any, *, is_data: bool, dtype: str = "") -> str:
        dtype = dtype or dtype_of(array.dtype)
        dtype = I32 if dtype == BOOL else dtype
        sizes = ", ".join(str(int(size)) for size in array.shape)
        kind = "{F}" if dtype == F else dtype
        return f'"{name}": {kind}[{sizes}] ~ {initializer(array, is_data=is_data)}'


__all__ = ["Problem", "write_problem"]
