# SPDX-License-Identifier: Apache-2.0
"""Arithmetic, comparisons and truth values.

Derivatives follow from what the ops of the IR say. Where JAX has another convention at a kink, so
that gradients differ at single points, the rule makes JAX's out of other ops.
"""

from __future__ import annotations

import math

from ..graph import BOOL, I32, F, Tensor
from ..registry import Context, dtype_of, rule

UNARY = {
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt",
    "rsqrt": "rsqrt", "tanh": "tanh", "logistic": "logistic", "sin": "sin", "cos": "cos",
    "erf": "erf", "erfc": "erfc", "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh",
    "cosh": "cosh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "floor": "floor",
}  # fmt: skip
COMPARISONS = {
    "lt": "less", "le": "lessOrEqual", "gt": "greater", "ge": "greaterOrEqual", "eq": "equal",
    "ne": "notEqual", "lt_to": "less", "le_to": "lessOrEqual", "eq_to": "equal",
}  # fmt: skip


@rule(*UNARY)
def unary(c: Context, x: Tensor) -> Tensor:
    if x.dtype != F:
        return x if c.name == "floor" else c.refuse("of whole numbers")
    return c.op(UNARY[c.name], [x])


@rule("neg")
def negate(c: Context, x: Tensor) -> Tensor:
    return c.negated(x)


@rule("abs")
def absolute(c: Context, x: Tensor) -> Tensor:
    return c.op("abs", [x]) if x.dtype == F else c.op("maximum", [x, c.negated(x)])


@rule("sign")
def sign(c: Context, x: Tensor) -> Tensor:
    if x.dtype == F:
        return c.op("sign", [x])
    return c.op("maximum", [c.op("minimum", [x, c.like(1, x)]), c.like(-1, x)])


@rule("exp2")
def exp2(c: Context, x: Tensor) -> Tensor:
    return c.op("exp", [c.scaled(x, math.log(2.0))])


@rule("tan")
def tan(c: Context, x: Tensor) -> Tensor:
    return c.op("divide", [c.op("sin", [x]), c.op("cos", [x])])


@rule("cbrt")
def cbrt(c: Context, x: Tensor) -> Tensor:
    root = c.op("power", [c.op("abs", [x]), c.like(1 / 3, x)])
    return c.multiply(c.op("sign", [x]), root)


@rule("ceil")
def ceil(c: Context, x: Tensor) -> Tensor:
    return c.negated(c.op("floor", [c.negated(x)]))


@rule("round")
def rounded(c: Context, x: Tensor) -> Tensor:
    if x.dtype != F:
        return x
    size = c.op("abs", [x])
    up = c.op("floor", [c.add(size, c.like(0.5, x))])
    if "EVEN" in str(c.params["rounding_method"]):
        half = c.compare("equal", c.subtract(up, size), c.like(0.5, x))
        even = c.scaled(c.op("floor", [c.scaled(up, 0.5)]), 2.0)
        up = c.select(half, even, up)
    return c.multiply(c.op("sign", [x]), up)


@rule("is_finite")
def is_finite(c: Context, x: Tensor) -> Tensor:
    return c.compare("less", c.op("abs", [x]), c.like(math.inf, x))


@rule("square")
def square(c: Context, x: Tensor) -> Tensor:
    return c.multiply(x, x)


@rule("integer_pow")
def integer_power(c: Context, x: Tensor) -> Tensor:
    exponent = c.params["y"]
    if exponent == 0:
        return c.like(1, x)
    result, factor, rest = None, x, abs(exponent)
    while rest:
        if rest & 1:
            result = factor if result is None else c.multiply(result, factor)
        rest >>= 1
        if rest:
            factor = c.multiply(factor, factor)
    return result if exponent > 0 else c.op("divide", [c.like(1, x), result])


@rule("add", "add_any", "sub", "mul", "max", "min")
def arithmetic(c: Context, a: Tensor, b: Tensor) -> Tensor:
    names = {"sub": "subtract", "mul": "multiply", "max": "maximum", "min": "minimum"}
    if a.dtype == BOOL:
        # Truth values: a sum and a maximum are `or`, a product and a minimum are `and`.
        return logical(c, a, b, "minimum" if c.name in ("mul", "min") else "maximum")
    a, b = (c.stretched(x, c.shape) for x in (a, b))
    if b.uniform == {"add": 0, "sub": 0, "mul": 1}.get(c.name, math.nan):
        return a
    if a.uniform == {"add": 0, "add_any": 0, "mul": 1}.get(c.name, math.nan):
        return b
    if c.name == "max" and b.uniform == -math.inf:
        return a
    if c.name == "max" and a.uniform == -math.inf:
        return b
    return c.op(names.get(c.name, "add"), [a, b])


@rule("div")
def divide(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = (c.stretched(x, c.shape) for x in (a, b))
    if a.dtype == F:
        return a if b.uniform == 1 else c.op("divide", [a, b])
    # Towards zero: of the sizes, with the sign of the quotient.
    sizes = [c.op("maximum", [x, c.negated(x)]) for x in (a, b)]
    quotient = c.op("floorDivide", sizes)
    is_negative = c.compare("less", c.multiply(sign(c, a), sign(c, b)), c.like(0, a))
    return c.select(is_negative, c.negated(quotient), quotient)


@rule("rem")
def remainder(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = (c.stretched(x, c.shape) for x in (a, b))
    if a.dtype != F:
        return c.subtract(a, c.multiply(divide(c, a, b), b))
    quotient = c.op("divide", [a, b])
    whole = c.multiply(c.op("sign", [quotient]), c.op("floor", [c.op("abs", [quotient])]))
    return c.subtract(a, c.multiply(whole, b))


@rule("pow")
def power(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = (c.converted(c.stretched(x, c.shape), F) for x in (a, b))
    return c.op("power", [a, b])


@rule("nextafter", "atan2", "lgamma", "digamma", "erf_inv", "igamma", "igammac", "polygamma",
      "bessel_i0e", "bessel_i1e", "regularized_incomplete_beta", "complex", "real", "imag", "conj",
      "fft", "clz", "population_count")  # fmt: skip
def unknown(c: Context, *_: Tensor) -> Tensor:
    return c.refuse("the compiler has no such function")


@rule(*COMPARISONS)
def compare(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = (c.stretched(c.number(x), c.shape) for x in (a, b))
    return c.compare(COMPARISONS[c.name], a, b)


def logical(c: Context, a: Tensor, b: Tensor, function: str) -> Tensor:
    a, b = (c.stretched(x, c.shape) for x in (a, b))
    identity = 0 if function == "maximum" else 1
    for one, other in ((a, b), (b, a)):
        if one.uniform is not None:
            return other if one.uniform == identity else c.full(c.shape, 1 - identity, BOOL)
    return c.truth(c.op(function, [c.number(a), c.number(b)]))


@rule("and", "or")
def conjunction(c: Context, a: Tensor, b: Tensor) -> Tensor:
    if a.dtype != BOOL:
        c.refuse("of the bits of whole numbers")
    return logical(c, a, b, "minimum" if c.name == "and" else "maximum")


@rule("xor")
def exclusive(c: Context, a: Tensor, b: Tensor) -> Tensor:
    if a.dtype != BOOL:
        c.refuse("of the bits of whole numbers")
    a, b = (c.stretched(x, c.shape) for x in (a, b))
    return c.compare("notEqual", c.number(a), c.number(b))


@rule("not")
def negation(c: Context, a: Tensor) -> Tensor:
    if a.dtype != BOOL:
        c.refuse("of the bits of whole numbers")
    return c.compare("equal", c.number(a), c.full(c.shape, 0, I32))


@rule("select_n")
def select(c: Context, which: Tensor, *cases: Tensor) -> Tensor:
    which = c.stretched(which, c.shape)
    cases = tuple(c.stretched(case, c.shape) for case in cases)
    if which.uniform is not None:
        return cases[int(which.uniform)]
    if which.dtype == BOOL:
        return cases[0] if len(cases) == 1 else c.select(which, cases[1], cases[0])
    result = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        is_it = c.compare("lessOrEqual", which, c.like(number, which))
        result = c.select(is_it, cases[number], result)
    return result


@rule("clamp")
def clamp(c: Context, low: Tensor, x: Tensor, high: Tensor) -> Tensor:
    # The derivative of JAX's clamp is 1 between the bounds and 0 on them; those of maximum and
    # minimum share at ties.
    low, high = c.stretched(low, c.shape), c.stretched(high, c.shape)
    if x.dtype != F:
        return c.op("minimum", [c.op("maximum", [x, low]), high])
    raised = c.select(c.compare("greater", x, low), x, low)
    return c.select(c.compare("less", raised, high), raised, high)


@rule("convert_element_type")
def convert(c: Context, x: Tensor) -> Tensor:
    if x.dtype == F and c.dtype == I32:
        # Towards zero.
        size = c.op("floor", [c.op("abs", [x])])
        return c.converted(c.multiply(c.op("sign", [x]), size), I32)
    return c.converted(x, c.dtype)


@rule("reduce_precision", "copy", "copy_p", "optimization_barrier", "sharding_constraint",
      "pvary", "name", "mutable_array")  # fmt: skip
def identity(c: Context, *operands: Tensor) -> list[Tensor]:
    if c.name == "mutable_array":
        c.refuse("arrays that change")
    return list(operands)


@rule("stop_gradient")
def stop_gradient(c: Context, x: Tensor) -> Tensor:
    return c.op("stop_gradient", [x]) if x.dtype == F else x


@rule("iota")
def iota(c: Context) -> Tensor:
    return c.converted(c.iota(c.shape, c.params["dimension"]), dtype_of(c.params["dtype"]))
