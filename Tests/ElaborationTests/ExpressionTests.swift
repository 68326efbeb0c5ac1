// SPDX-License-Identifier: Apache-2.0
//
// What expressions mean: each is elaborated and computed by the interpreter.

import Testing

/// An expression with the shape and elements of its value.
struct ExpressionCase: Sendable, CustomStringConvertible {
  let expression: String
  let shape: [Int]
  let elements: [Double]

  init(_ expression: String, _ shape: [Int], _ elements: [Double]) {
    self.expression = expression
    self.shape = shape
    self.elements = elements
  }

  var description: String { expression }
}

private let m = "[[1, 2, 3], [4, 5, 6]]"

@Suite("expressions")
struct ExpressionTests {
  private func check(_ test: ExpressionCase) throws {
    let found = try evaluate(test.expression, shape: test.shape)
    #expect(found.count == test.elements.count)
    for (x, y) in zip(found, test.elements) { #expect(abs(x - y) <= 1e-14 * max(1, abs(y))) }
  }

  @Test(
    "arithmetic follows the usual precedence, and shapes stretch as in NumPy",
    arguments: [
      ExpressionCase("[1, 2] + [3, 4] * 2", [2], [7, 10]),
      ExpressionCase("-[1, 2] ** 2", [2], [-1, -4]),
      ExpressionCase("(-[1, 2]) ** 2", [2], [1, 4]),
      ExpressionCase("[1, 2] - [3, 4] - 1", [2], [-3, -3]),
      ExpressionCase("[[1], [2]] * [3, 4]", [2, 2], [3, 4, 6, 8]),
      ExpressionCase("10 / [2, 4]", [2], [5, 2.5]),
      ExpressionCase("full([2], 1 / 2 + 6 / 2)", [2], [3.5, 3.5]),
      ExpressionCase("two ** three * theta.value", [], [16]),
      ExpressionCase("reshape(float(iota(two * three)), [two, three])[1]", [3], [3, 4, 5]),
    ])
  func arithmetic(test: ExpressionCase) throws { try check(test) }

  @Test(
    "div and mod follow Python's floor convention, of sizes and of arrays of whole numbers",
    arguments: [
      ExpressionCase("ones([7 div 2])", [3], [1, 1, 1]),
      ExpressionCase("full([2], 7 div 2 * 2 + 7 mod 2)", [2], [7, 7]),
      ExpressionCase("full([1], (-7) div 2 + 10 * ((-7) mod 2))", [1], [6]),
      ExpressionCase("full([1], 7 div -2 + 10 * (7 mod -2))", [1], [-14]),
      ExpressionCase("full([1], -7 div 2)", [1], [-4]),
      ExpressionCase("float((iota(6) - 3) div 2)", [6], [-2, -1, -1, 0, 0, 1]),
      ExpressionCase("float((iota(6) - 3) mod 2)", [6], [1, 0, 1, 0, 1, 0]),
      ExpressionCase("float(7 div (iota(4) - 2))", [4], [-4, -7, 0, 7]),
      ExpressionCase("float(7 mod (iota(4) - 4))", [4], [-1, -2, -1, 0]),
      ExpressionCase("float(iota(6)[4] div 3 * 10) + theta.value", [], [12]),
      ExpressionCase("full([2], three div two) @ ones([2])", [], [2]),
    ])
  func wholeDivision(test: ExpressionCase) throws { try check(test) }

  @Test("div and mod are names where no operand is to their left or none follows")
  func wordsAsNames() throws {
    let function = "func mod(div, x) { return div * x }"
    let statements = """
      var mod = [1, 2]
      let div = theta.value
      mod = mod * div mod = mod + 1
      """
    #expect(
      try evaluate(
        "mod(div, mod) + float(7 mod two)", shape: [2], statements: statements,
        declarations: function) == [7, 11])
  }

  @Test(
    "powers",
    arguments: [
      ExpressionCase("[2, -3] ** 3", [2], [8, -27]),
      ExpressionCase("[2, 4] ** -2", [2], [0.25, 0.0625]),
      ExpressionCase("[4, 9] ** 0.5", [2], [2, 3]),
      ExpressionCase("[4, 16] ** -0.5", [2], [0.5, 0.25]),
      ExpressionCase("[2, 3] ** 0", [2], [1, 1]), ExpressionCase("2 ** [1, 3]", [2], [2, 8]),
      ExpressionCase("[4, 9] ** [0.5, 1.5]", [2], [2, 27]),
      ExpressionCase("0.5 ** (step + 1)", [], [0.25]),
      ExpressionCase("power([2, 3], 11)", [2], [2048, 177147]),
    ])
  func powers(test: ExpressionCase) throws { try check(test) }

  @Test(
    "comparisons, conditions and choices",
    arguments: [
      ExpressionCase("if [1, 3] > 2 then [10, 20] else -1", [2], [-1, 20]),
      ExpressionCase("select([1, 3] <= [1, 2], 1, [5, 6])", [2], [1, 6]),
      ExpressionCase("float([1, 2, 3] == 2 or [1, 2, 3] == 3)", [3], [0, 1, 1]),
      ExpressionCase("float([1, 2, 3] >= 2 and not [1, 2, 3] != 3)", [3], [0, 0, 1]),
      ExpressionCase("if two < three then theta.value else nothing", [], [2]),
      ExpressionCase("if [[1], [3]] > 2 then 1 else [7, 8]", [2, 2], [7, 8, 1, 1]),
      ExpressionCase("maximum([1, 5], 3) - minimum([1, 5], 3)", [2], [2, 2]),
    ])
  func conditions(test: ExpressionCase) throws { try check(test) }

  @Test(
    "elementwise functions",
    arguments: [
      ExpressionCase("relu([-1, 2])", [2], [0, 2]), ExpressionCase("square([-3, 2])", [2], [9, 4]),
      ExpressionCase("abs([-3, 2]) + sign([-3, 2]) + floor([-0.5, 2.5])", [2], [1, 5]),
      ExpressionCase("exp(log([2, 3]))", [2], [2, 3]), ExpressionCase("sigmoid([0])", [1], [0.5]),
      ExpressionCase("sqrt([4]) * rsqrt([4])", [1], [1]),
      ExpressionCase("stop_gradient([4])", [1], [4]),
      ExpressionCase("float(int([2.7]))", [1], [2]),
      ExpressionCase("sqrt(16) * theta.value", [], [8]),
      ExpressionCase("sin([0]) + cos([0]) + tanh([0]) + erf([0]) + erfc([0])", [1], [2]),
      ExpressionCase("log1p(expm1([2, 3])) + log1p(0) + expm1(0) + erfc(0)", [2], [3, 4]),
    ])
  func elementwise(test: ExpressionCase) throws { try check(test) }

  @Test(
    "reductions",
    arguments: [
      ExpressionCase("sum(\(m))", [], [21]), ExpressionCase("sum(\(m), axis: 0)", [3], [5, 7, 9]),
      ExpressionCase("mean(\(m), axis: -1)", [2], [2, 5]),
      ExpressionCase("max(\(m), axis: 1, keep: true)", [2, 1], [3, 6]),
      ExpressionCase("min(\(m), axis: [0, 1])", [], [1]),
      ExpressionCase("dot([1, 2], [3, 4])", [], [11]),
      ExpressionCase("softmax([[1000, 1000], [0, -1e9]])", [2, 2], [0.5, 0.5, 1, 0]),
      ExpressionCase("exp(log_softmax([5, 5, 5, 5]))", [4], [0.25, 0.25, 0.25, 0.25]),
      ExpressionCase("exp(logsumexp([0, 0, 0], keep: true))", [1], [3]),
      ExpressionCase(
        "sum({a: \(m), b: [1]}) + mean({a: [1, 2], b: 3 + 0 * theta.value})", [], [24]),
    ])
  func reductions(test: ExpressionCase) throws { try check(test) }

  @Test(
    "functions of the prelude that are made of reductions and choices",
    arguments: [
      ExpressionCase("mean(\(m), axis: [0, 1])", [], [3.5]),
      ExpressionCase("mean(\(m), axis: 0, keep: true)", [1, 3], [2.5, 3.5, 4.5]),
      ExpressionCase("mean(theta.value)", [], [2]), ExpressionCase("mean(7)", [], [7]),
      ExpressionCase("mean([3], axis: 0)", [], [3]), ExpressionCase("dot(2, 3)", [], [6]),
      ExpressionCase("dot({a: [1, 2], b: 3}, {a: [4, 5], b: 6 * theta.value})", [], [50]),
      ExpressionCase("float(dot(iota(3), iota(3)))", [], [5]),
      ExpressionCase("softmax(log(\(m)), axis: [0, 1]) * 21", [2, 3], [1, 2, 3, 4, 5, 6]),
      ExpressionCase("softmax([[1, 5], [1, 5]], axis: 0)", [2, 2], [0.5, 0.5, 0.5, 0.5]),
      ExpressionCase(
        "exp(log_softmax(log([[1, 3], [3, 1]]), axis: 0))", [2, 2], [0.25, 0.75, 0.75, 0.25]),
      ExpressionCase("exp(logsumexp(log(\(m)), axis: [0, 1]))", [], [21]),
      ExpressionCase("exp(logsumexp(log(\(m)), axis: 0, keep: true))", [1, 3], [5, 7, 9]),
      ExpressionCase("exp(logsumexp(log([[0, 0], [1, 0]])))", [2], [0, 1]),
      ExpressionCase("relu({a: -theta.value, b: {c: [3, -1]}}).b.c", [2], [3, 0]),
      ExpressionCase("relu({a: -theta.value, b: 2}).a", [], [0]),
      ExpressionCase("ones([relu(two), relu(square(two) - 1)])", [2, 3], [1, 1, 1, 1, 1, 1]),
      ExpressionCase(
        "zeros([relu(-2) + square(-two)]) + square(0.1)", [4], [0.01, 0.01, 0.01, 0.01]),
      ExpressionCase("square({a: [1, 2], b: -theta.value}).b", [], [4]),
      ExpressionCase("float(square(iota(3)))", [3], [0, 1, 4]),
      ExpressionCase("one_hot([0, 2], 3)", [2, 3], [1, 0, 0, 0, 0, 1]),
      ExpressionCase("one_hot(1, 2)", [2], [0, 1]),
      ExpressionCase("sum(expand(theta.value, 0))", [], [2]),
      ExpressionCase("expand(\(m), -2)[:, 0]", [2, 3], [1, 2, 3, 4, 5, 6]),
    ])
  func reductionsOfThePrelude(test: ExpressionCase) throws { try check(test) }

  @Test(
    "arguments that are left out, sizes of several axes and of trees, choices by trees",
    arguments: [
      ExpressionCase("sum(\(m), axis: none, keep: none)", [], [21]),
      ExpressionCase("transpose(\(m), axes: none)[2]", [2], [3, 6]),
      ExpressionCase("full([1], size(\(m), axis: [1, 0]))", [1], [6]),
      ExpressionCase("full([1], size({a: \(m), b: theta.value, c: {d: [1, 2]}}))", [1], [9]),
      ExpressionCase(
        "(if {a: [1, 3] > 2, b: two > 1} then {a: 5, b: 6} else 7 * theta.value).a", [2], [14, 5]),
      ExpressionCase("(if {a: [1, 3] > 2} then 1 else {a: [8, 9]}).a", [2], [8, 1]),
      ExpressionCase("select({a: [1, 3]} > 2, {a: [5, 6]}, {a: [8, 9]}).a", [2], [8, 6]),
    ])
  func treesAndNone(test: ExpressionCase) throws { try check(test) }

  @Test(
    "products",
    arguments: [
      ExpressionCase("\(m) @ [[1], [0], [1]]", [2, 1], [4, 10]),
      ExpressionCase("\(m) @ [1, 0, 1]", [2], [4, 10]),
      ExpressionCase("[1, 1] @ \(m)", [3], [5, 7, 9]),
      ExpressionCase("[1, 2] @ [3, 4]", [], [11]),
      ExpressionCase("matmul([[[1, 0]], [[0, 1]]], [[1, 2], [3, 4]])", [2, 1, 2], [1, 2, 3, 4]),
      ExpressionCase(
        "[[[1, 1]]] @ stack([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])", [2, 1, 2], [4, 6, 12, 14]),
      ExpressionCase("einsum(\"ij->ji\", \(m))", [3, 2], [1, 4, 2, 5, 3, 6]),
      ExpressionCase("einsum(\"ij,kj->ki\", \(m), \(m))", [2, 2], [14, 32, 32, 77]),
      ExpressionCase("einsum(\"ij,j,i->\", \(m), [1, 0, 1], [1, 10])", [], [104]),
      ExpressionCase(
        "einsum(\"i,ij,ji,j->\", [1, 2], [[1, 2], [3, 4]], [[1, 0], [1, 1]], [1, 1])", [], [11]),
      ExpressionCase("einsum(\"i,j->ji\", [1, 2], [3, 4])", [2, 2], [3, 6, 4, 8]),
      ExpressionCase("einsum(\"ij,k->k\", \(m), [1, 2])", [2], [21, 42]),
    ])
  func products(test: ExpressionCase) throws { try check(test) }

  @Test(
    "subscripts",
    arguments: [
      ExpressionCase("\(m)[0] + 0 * theta.value[0]", [3], [1, 2, 3]),
      ExpressionCase("stack(\(m))[:, 1:]", [2, 2], [2, 3, 5, 6]),
      ExpressionCase("stack(\(m))[-1, :-1]", [2], [4, 5]),
      ExpressionCase("stack(\(m))[..., 0]", [2], [1, 4]),
      ExpressionCase("float(iota(7))[::3]", [3], [0, 3, 6]),
      ExpressionCase("float(iota(7))[1:6:2]", [3], [1, 3, 5]),
      ExpressionCase("float(iota(5))[iota(2) + 3]", [2], [3, 4]),
      ExpressionCase("stack(\(m))[:, iota(2)]", [2, 2], [1, 2, 4, 5]),
      ExpressionCase("stack(\(m))[step - 1]", [3], [1, 2, 3]),
      ExpressionCase("(theta.value, [5, 6, 7])[1]", [3], [5, 6, 7]),
    ])
  func subscripts(test: ExpressionCase) throws {
    // A subscript of a list literal picks an element of the list; `theta.value[0]` needs an axis.
    try check(
      ExpressionCase(
        test.expression.replacing(" + 0 * theta.value[0]", with: " + stack([0, 0, 0])"), test.shape,
        test.elements))
  }

  @Test(
    "making, moving and joining arrays",
    arguments: [
      ExpressionCase("zeros([2]) + ones([2])", [2], [1, 1]),
      ExpressionCase("full([2], 3)", [2], [3, 3]),
      ExpressionCase("float(iota(3))", [3], [0, 1, 2]),
      ExpressionCase("one_hot(iota(2) + 1, 3)", [2, 3], [0, 1, 0, 0, 0, 1]),
      ExpressionCase("transpose(\(m))", [3, 2], [1, 4, 2, 5, 3, 6]),
      ExpressionCase(
        "transpose(reshape(\(m), [1, 2, -1]), [2, 0, 1])", [3, 1, 2], [1, 4, 2, 5, 3, 6]),
      ExpressionCase("concatenate([[1], [2, 3]])", [3], [1, 2, 3]),
      ExpressionCase("concatenate([\(m), \(m)], axis: -1)[1]", [6], [4, 5, 6, 4, 5, 6]),
      ExpressionCase("stack([[1, 2], [3, 4]], axis: 1)", [2, 2], [1, 3, 2, 4]),
      ExpressionCase("split(\(m), 3)[2]", [2, 1], [3, 6]),
      ExpressionCase("broadcast([[1], [2]], [2, 2])", [2, 2], [1, 1, 2, 2]),
      ExpressionCase("expand([1, 2], -1)", [2, 1], [1, 2]),
      ExpressionCase("pad([1, 2], 1, 2)", [5], [0, 1, 2, 0, 0]),
      ExpressionCase("take(\(m), iota(1) + 1)", [1, 3], [4, 5, 6]),
      ExpressionCase("take(\(m), iota(2) + 1, axis: 1)", [2, 2], [2, 3, 5, 6]),
      ExpressionCase("full([1], size(\(m)) + 10 * size(\(m), 1))", [1], [36]),
    ])
  func arrays(test: ExpressionCase) throws { try check(test) }

  @Test(
    "the prelude's layers and losses",
    arguments: [
      ExpressionCase("linear([[1, 2]], [[1], [1]], [0.5])", [1, 1], [3.5]),
      ExpressionCase("rms_norm([[3, 3]], [1, 2], epsilon: 0)", [1, 2], [1, 2]),
      ExpressionCase("layer_norm([1, 3], [1, 1], [0, 5], epsilon: 0)", [2], [-1, 6]),
      ExpressionCase("linear([[1, 2]], [[1], [1]])", [1, 1], [3]),
      ExpressionCase("layer_norm([1, 3], [1, 2], epsilon: 0)", [2], [-1, 2]),
      ExpressionCase("embedding(\(m), iota(1) + 1)", [1, 3], [4, 5, 6]),
      ExpressionCase("gelu([0, 100, -100])", [3], [0, 100, 0]),
      ExpressionCase("gelu([0, 100, -100], exact: true)", [3], [0, 100, 0]),
      // x Phi(x), with Phi(1) and Phi(2) from tables.
      ExpressionCase(
        "gelu([1, -1, 2], exact: true)", [3],
        [0.8413447460685429, -0.15865525393145707, 1.9544997361036416]),
      ExpressionCase("silu([0])", [1], [0]),
      ExpressionCase("softplus([-1000, 1000])", [2], [0, 1000]),
      ExpressionCase("exp(-cross_entropy([[0, 0], [0, 800]], iota(2)))", [2], [0.5, 1]),
      ExpressionCase("exp(-binary_cross_entropy([0], [1]))", [1], [0.5]),
      ExpressionCase("mean_squared_error([1, 2], [3, 2])", [], [2]),
    ])
  func prelude(test: ExpressionCase) throws { try check(test) }

  @Test(
    "NaN stays NaN", arguments: ["relu(log([-1]))", "maximum(log([-1]), 1)", "sign(log([-1]))"])
  func notANumber(expression: String) throws {
    #expect(try evaluate(expression, shape: [1])[0].isNaN)
  }
}
