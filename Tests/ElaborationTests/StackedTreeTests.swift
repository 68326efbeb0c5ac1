// SPDX-License-Identifier: Apache-2.0
//
// Trees with axes before those of every array: `[steps] x like theta`, groups stacked more than once.

import MixFuseShared
import TensorIR
import Testing

@Suite("Stacked trees")
struct StackedTreeTests {
  private let spec = """
    spec test
    dim steps = 3, layers = 2, d = 4
    params theta { w: [d]  block[layers]: { v: [d]  head: { b: [] } } }
    meta rates: [steps] x like theta ~ constant(0.1)
    optimizer several(rates) {
      state m: [2] x like theta ~ ones
      update(g, theta, step) {
        m = for (old, k) in (m, 2) { yield old + float(k) * g }
        theta = theta - rates * m[1]
      }
    }
    inner {
      var s = sum(theta.w)
      for p in theta.block { s = s + sum(p.v) * p.head.b }
      minimize s by several(rates[step - 1]) for steps
    }
    outer { minimize sum(theta) }
    """

  @Test("every array gets the axes, at the front, in metas and states")
  func shapes() throws {
    let outcome = elaborated(spec)
    #expect(outcome.report == "")
    let problem = try #require(outcome.problem)
    #expect(problem.meta.map(\.name) == ["rates.w", "rates.block.v", "rates.block.head.b"])
    #expect(problem.meta.map(\.type.shape) == [[3, 4], [3, 2, 4], [3, 2]])
    #expect(problem.meta.map(\.initializer) == .init(repeating: .constant(0.1), count: 3))
    #expect(problem.state.map(\.type.shape) == [[2, 4], [2, 2, 4], [2, 2]])
  }

  @Test("a loop or a subscript takes the outermost axis, then the group's own layers")
  func layers() throws {
    let statements = """
      let stacked = for i in 3 {
        yield {q: for j in 2 { yield {v: float(10 * i + j) * [1, 1]} }}
      }
      var s = zeros([])
      for (step, i) in (stacked, 3) {
        for (layer, j) in (step.q, 2) { s = s + layer.v[0] * float(i + j) }
      }
      """
    // 1*1; 10*1 + 11*2; 20*2 + 21*3
    #expect(try evaluate("s", shape: [], statements: statements) == [136])
    #expect(
      try evaluate("stacked[2].q[1].v + stacked.q[1].v[0]", shape: [2], statements: statements)
        == [31, 31])
    #expect(
      try evaluate("stacked[1:][0].q[0].v", shape: [2], statements: statements) == [10, 10])
  }

  @Test("only sizes may stand before x like")
  func errors() {
    for (type, id) in [
      ("i32 [steps] x like theta", "type.kind"), ("[0] x like theta", "type.kind"),
      ("[steps] x like thetta", "name.unknown"), ("[steps] x theta", "syntax.expected"),
    ] {
      let outcome = elaborated(spec.replacing("[steps] x like theta", with: type))
      #expect(outcome.errorIDs.first == id, "\(type): \(outcome.report)")
    }
  }
}
