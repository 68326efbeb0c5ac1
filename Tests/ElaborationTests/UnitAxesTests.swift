// SPDX-License-Identifier: Apache-2.0
//
// Axes of size 1 that a reduction keeps: the IR has them only where they are asked for.

import TensorIR
import Testing

@Suite("axes of size 1")
struct UnitAxesTests {
  /// The nodes behind the loss of a spec with `x: [4, 3]`, a learned scalar `s` and a learned `b: [4]`.
  private func nodes(_ loss: String) throws -> [Node] {
    let outcome = elaborated(
      """
      spec test
      params theta { w: [3]  b: [4] }
      meta s: []
      inner(x: [4, 3]) { \(loss) by sgd(0.1) for 1 }
      outer { minimize sum(theta.w) * s }
      """)
    #expect(outcome.errors == "")
    let graph = try #require(outcome.problem).innerLoss
    #expect(graph.problems() == [])
    var isNeeded = [Bool](repeating: false, count: graph.types.count)
    for output in graph.outputs { isNeeded[output.index] = true }
    for node in graph.nodes.reversed() where node.results.contains(where: { isNeeded[$0.index] }) {
      for operand in node.operands { isNeeded[operand.index] = true }
    }
    return graph.nodes.filter { $0.results.contains { isNeeded[$0.index] } }
  }

  private func reshapes(_ loss: String) throws -> Int {
    try nodes(loss).count { if case .reshape = $0.op { true } else { false } }
  }

  @Test(
    "what is stretched again was never reshaped",
    arguments: [
      "minimize sum(x - max(x, axis: -1, keep: true))",
      "minimize sum(x * rsqrt(mean(square(x), axis: -1, keep: true) + 1e-6) * s)",
      "minimize sum(rms_norm(x, theta.w)) + sum(layer_norm(x, theta.w, theta.w))",
      "minimize sum(softmax(x) * x) + sum(softmax(x, axis: 0) * x) + sum(log_softmax(x) * x)",
      "minimize sum(x * (if sum(x, axis: 0, keep: true) > 1 then 2 else mean(x, axis: 0, keep: true)))",
      "minimize sum(x / (sum(x, axis: 1, keep: true) * max(x, axis: 1, keep: true)))",
    ])
  func stretched(loss: String) throws {
    #expect(try reshapes(loss) == 0)
  }

  @Test("what keeps its axes has them, and so has what meets an array that was not reduced")
  func kept() throws {
    // Elements of the reshaped arrays are told apart by the sum with another array of that shape.
    #expect(
      try reshapes("let k = exp(sum(x, axis: 1, keep: true)) minimize sum(k @ expand(theta.b, 0))")
        == 2)
    #expect(
      try reshapes("minimize sum(expand(theta.b, 1) + sum(x, axis: 1, keep: true))") == 2)
  }

  @Test("the reduced array has the name that the kept one was given")
  func names() throws {
    let names = try nodes(
      "let total = mean(x, axis: 1, keep: true) minimize sum(x * total) * s"
    ).map(\.provenance.name)
    #expect(names.contains("total"))
  }

  @Test(
    "values are those of the kept arrays",
    arguments: [
      ExpressionCase(
        "[[1, 2], [3, 5]] - exp(0 * max([[1, 2], [3, 5]], axis: 1, keep: true))", [2, 2],
        [0, 1, 2, 4]),
      ExpressionCase(
        "mean([[1, 3], [5, 7]], axis: 0, keep: true) + [[10], [20]]", [2, 2], [13, 15, 23, 25]),
      ExpressionCase(
        "mean([[1, 3], [5, 7]], axis: 1, keep: true) + [[10], [20]]", [2, 1], [12, 26]),
      ExpressionCase("sum([[1, 3], [5, 7]], axis: 1, keep: true) * theta.value", [2, 1], [8, 24]),
      ExpressionCase(
        "sum([[1, 3], [5, 7]], axis: 1, keep: true) / sum([[1, 3], [5, 7]], axis: 0, keep: true)",
        [2, 2], [4.0 / 6, 0.4, 2, 1.2]),
      ExpressionCase(
        "sum([[2]], axis: 0, keep: true) + sum([[3]], axis: 1, keep: true)", [1, 1], [5]),
    ])
  func values(test: ExpressionCase) throws {
    let found = try evaluate(test.expression, shape: test.shape)
    #expect(found == test.elements)
  }
}
