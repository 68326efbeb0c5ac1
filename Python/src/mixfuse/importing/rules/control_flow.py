# SPDX-License-Identifier: Apache-2.0
"""Loops and branches. A scan stays a loop, with its consts as invariants; a `while` whose number of
iterations follows from what is known becomes one; a branch on unknown values computes all cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax._src.interpreters import partial_eval

from ..graph import BOOL, I32, F, Graph, Tensor
from ..registry import Context, dtype_of, rule

#: A `while` is followed this far to find out when it ends.
LONGEST_WHILE = 100_000


@rule("scan")
def scan(c: Context, *operands: Tensor) -> list[Tensor]:
    p = c.params
    consts, carries = int(p["num_consts"]), int(p["num_carry"])
    parts = operands[:consts], operands[consts : consts + carries], operands[consts + carries :]
    return loop(c, p["jaxpr"], int(p["length"]), *parts, reverse=bool(p["reverse"]))


@rule("while")
def while_loop(c: Context, *operands: Tensor) -> list[Tensor]:
    p = c.params
    tests, consts = int(p["cond_nconsts"]), int(p["body_nconsts"])
    test_consts, rest = operands[:tests], operands[tests:]
    body_consts, carries = rest[:consts], rest[consts:]
    count = iterations(p["cond_jaxpr"], test_consts, p["body_jaxpr"], body_consts, carries)
    if count is None:
        c.refuse("its number of iterations depends on values that are not known while tracing")
    if count == 0:
        return list(carries)
    return loop(c, p["body_jaxpr"], count, body_consts, carries, [], reverse=False)


def iterations(
    test: Any, test_consts: Sequence[Tensor], body: Any, body_consts: Sequence[Tensor],
    carries: Sequence[Tensor],
) -> int | None:  # fmt: skip
    """How often a `while` runs, if the carries that this depends on are known."""
    _, read = partial_eval.dce_jaxpr(test.jaxpr, [True])
    if not all(t.is_known for t, is_read in zip(test_consts, read) if is_read):
        return None
    needed = list(read[len(test_consts) :])
    while True:
        part, used = partial_eval.dce_jaxpr(body.jaxpr, needed)
        wider = [a or b for a, b in zip(needed, used[len(body_consts) :])]
        if wider == needed:
            break
        needed = wider
    known = [t.is_known for t, is_used in zip(body_consts, used) if is_used]
    known += [t.is_known for t, is_needed in zip(carries, needed) if is_needed]
    if not all(known):
        return None
    fixed = [t.raw for t, is_used in zip(body_consts, used) if is_used]
    values = [t.raw for t, is_needed in zip(carries, needed) if is_needed]
    used_carries = used[len(body_consts) :]

    def test_of(values: list[Any]) -> bool:
        whole = [t.raw for t in test_consts]
        stream = iter(values)
        whole += [next(stream) if n else np.zeros(v.aval.shape, v.aval.dtype)
                  for n, v in zip(needed, test.jaxpr.invars[len(test_consts) :])]  # fmt: skip
        return bool(jax.core.eval_jaxpr(test.jaxpr, test.consts, *whole)[0])

    for count in range(LONGEST_WHILE):
        if not test_of(values):
            return count
        places = [n for n, is_needed in enumerate(needed) if is_needed]
        given = [value for n, value in zip(places, values) if used_carries[n]]
        values = list(jax.core.eval_jaxpr(part, body.consts, *fixed, *given))
    return None


def loop(
    c: Context,
    body: Any,
    length: int,
    consts: Sequence[Tensor],
    carries: Sequence[Tensor],
    stacked: Sequence[Tensor],
    *,
    reverse: bool,
) -> list[Tensor]:
    """A loop of fixed length, as JAX's scan defines it."""
    results = body.jaxpr.outvars
    if length == 0:
        if len(results) > len(carries):
            c.refuse("of no iterations with stacked results")
        return list(carries)
    counters = {
        k: carry for k, carry in enumerate(carries) if is_counter(body.jaxpr, len(consts) + k, k)
    }
    moving = [k for k in range(len(carries)) if k not in counters]
    inner = Graph("step", parent=c.graph)
    inner.origin = c.graph.origin
    inside = Context(inner, c.name, {}, c.results)
    index = inner.input("iteration", [], I32)
    variables = body.jaxpr.invars[len(consts) :]

    def made(variable: Any, name: str) -> Tensor:
        dtype = dtype_of(variable.aval.dtype)
        given = inner.input(name, variable.aval.shape, I32 if dtype == BOOL else dtype)
        return inside.truth(given) if dtype == BOOL else given

    arguments: list[Tensor] = []
    for k, variable in enumerate(variables[: len(carries)]):
        if k in counters:
            count = inside.subtract(inside.full([], length - 1, I32), index) if reverse else index
            arguments.append(inside.add(count, counters[k]))
        else:
            arguments.append(made(variable, f"carry{k}"))
    arguments += [made(v, f"slice{k}") for k, v in enumerate(variables[len(carries) :])]
    values = c.tracer.run_closed(inner, body, [*consts, *arguments], c.graph.origin)
    outputs = [values[k] for k in moving] + values[len(carries) :]
    if not outputs:
        return [ended(c, counters[k], length) for k in range(len(carries))]
    names = [f"carry{k}" for k in moving] + [f"stack{k}" for k in range(len(values) - len(carries))]
    for name, value in zip(names, outputs):
        inner.output(name, inside.number(value))
    return finished(c, inner, length, carries, moving, counters, stacked, outputs, reverse)


def finished(
    c: Context, inner: Graph, length: int, carries: Sequence[Tensor], moving: list[int],
    counters: dict[int, Tensor], stacked: Sequence[Tensor], outputs: list[Tensor], reverse: bool,
) -> list[Tensor]:  # fmt: skip
    """The loop as a node, once its body is known."""
    live = {id(v) for node in inner.live_nodes() for v in node.operands}
    live |= {id(v) for _, v in inner.outputs}
    invariants = [(outer, value) for outer, value in inner.invariants if id(value) in live]
    for number, (_, value) in enumerate(invariants):
        inner.inputs.append((f"invariant{number}", value))
    types = [
        (([] if n < len(moving) else [length]) + list(t.shape), I32 if t.dtype == BOOL else t.dtype)
        for n, t in enumerate(outputs)
    ]
    role = "layers" if any(is_parameter(tensor) for tensor in stacked) else "scan"
    op = (
        f'loop{{"{role}" trips {length} carries {len(moving)} stacked {len(stacked)}'
        f"{' reversed' if reverse else ''} save everything}}"
    )
    given = [c.number(carries[k]) for k in moving] + [c.number(t) for t in stacked]
    for tensor, (_, expected) in zip(given, types[: len(moving)]):
        if tensor.dtype != expected:
            c.refuse("of a carry that changes its type")
    operands = given + [outer for outer, _ in invariants]
    found = c.graph.append(op, operands, types, inner)
    found = [c.converted(t, wanted.dtype) for t, wanted in zip(found, outputs)]
    ends = dict(zip(moving, found))
    return [
        ends[k] if k in ends else ended(c, counters[k], length) for k in range(len(carries))
    ] + found[len(moving) :]


def ended(c: Context, start: Tensor, length: int) -> Tensor:
    """What a counter is after a loop."""
    return c.add(start, c.full([], length, I32))


def is_counter(jaxpr: Any, place: int, result: int) -> bool:
    """Whether a carry is a whole number to which each iteration adds 1."""
    variable, end = jaxpr.invars[place], jaxpr.outvars[result]
    if variable.aval.shape != () or np.dtype(variable.aval.dtype).kind != "i":
        return False
    for equation in jaxpr.eqns:
        if equation.outvars and equation.outvars[0] is end:
            first, second = (*equation.invars, None)[:2]
            value = getattr(second, "val", None)
            is_one = value is not None and np.ndim(value) == 0 and int(value) == 1
            return equation.primitive.name == "add" and first is variable and is_one
    return False


def is_parameter(tensor: Tensor) -> bool:
    """Whether an array is a leaf of the parameters, as it is."""
    if tensor.graph is None or tensor.dtype != F:
        return False
    return any(
        value is tensor.home and name.startswith(("theta.", "eta."))
        for name, value in tensor.graph.inputs
    )


@rule("cond")
def cond(c: Context, which: Tensor, *operands: Tensor) -> list[Tensor]:
    branches = c.params["branches"]
    if which.is_known:
        number = min(max(int(which.array), 0), len(branches) - 1)
        return c.tracer.run_closed(c.graph, branches[number], operands, c.graph.origin)
    origin = c.graph.origin
    cases = [c.tracer.run_closed(c.graph, branch, operands, origin) for branch in branches]
    c.graph.origin = origin
    number = c.number(which)
    result = cases[-1]
    for place in range(len(branches) - 2, -1, -1):
        is_it = c.compare("lessOrEqual", number, c.like(place, number))
        result = [c.select(c.stretched(is_it, a.shape), a, b) for a, b in zip(cases[place], result)]
    return result
