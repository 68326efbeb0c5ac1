// SPDX-License-Identifier: Apache-2.0
//
// The convention for ties in the maximum over axes.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("reduction rules")
struct ReductionRuleTests {
  @Test("elements that tie for the maximum share its adjoint evenly")
  func tiesShareEvenly() throws {
    let builder = GraphBuilder(name: "f")
    let x = builder.input("x", f64(2, 4))
    builder.output("y", builder.reduce(.maximum, x, axes: [1]))
    let point = NumericArray(f64(2, 4), [3, 1, 3, 3, 0, 2, 1, -1])
    let graph = try Differentiator().vjp(of: builder.graph, wrt: [0])
    let results = try evaluate(graph, [point, NumericArray(f64(2), [6, 5])])
    #expect(results[1].elements == [2, 0, 2, 2, 0, 5, 0, 0])
  }
}
