// SPDX-License-Identifier: Apache-2.0
//
// `ShareLoopValues` by example: what a later loop computes again is read from an earlier one, and what
// only looks the same is not.

import Interpreter
import Optimization
import TensorIR
import Testing

@Suite("Sharing values between loops")
struct ShareLoopValuesTests {
  /// A loop over layers `x -> tanh(x . w)`, a loop over the same layers with tangents, and `rest`.
  private func program(start: String = "%0", reversed: String = "", rest: String = "") -> String {
    """
    graph "example" {
      input %0 "x": f64[2, 3]
      input %1 "w": f64[4, 3, 3]
      input %2 "x_tan": f64[2, 3]
      %3 = loop{"layers" trips 4 carries 1 stacked 1 save everything} %0, %1 : f64[2, 3]
        body "layer" {
          input %0 "index": i32[]
          input %1 "x": f64[2, 3]
          input %2 "w": f64[3, 3]
          %3 = contract{[0, 1] [1, 2] to [0, 2]} %1, %2 : f64[2, 3]
          %4 = tanh %3 : f64[2, 3]
          output "x" %4
        }
      %4, %5 = loop{"layers" trips 4 carries 2 stacked 1\(reversed) save everything} \(start), %2, %1 \
    : f64[2, 3], f64[2, 3]
        body "layer with tangent" {
          input %0 "index": i32[]
          input %1 "x": f64[2, 3]
          input %2 "x_tan": f64[2, 3]
          input %3 "w": f64[3, 3]
          %4 = contract{[0, 1] [1, 2] to [0, 2]} %1, %3 : f64[2, 3]
          %5 = tanh %4 : f64[2, 3]
          %6 = contract{[0, 1] [1, 2] to [0, 2]} %2, %3 : f64[2, 3]
          %7 = multiply %5, %5 : f64[2, 3]
          %8 = multiply %6, %7 : f64[2, 3]
          %9 = subtract %6, %8 : f64[2, 3]
          output "x" %5
          output "x_tan" %9
        }
      output "first" %3
      output "second" %4
      output "tangent" %5
    }
    """
  }

  /// How often products run, with dead code gone.
  private func products(_ graph: Graph) -> Int {
    func count(_ graph: Graph) -> Int {
      graph.nodes.reduce(0) { total, node in
        guard case .loop(let loop) = node.op else {
          return total + (node.op.family == .contraction ? 1 : 0)
        }
        return total + loop.tripCount * count(loop.body)
      }
    }
    return count(Pass.eliminateDeadCode.run(graph))
  }

  private func loops(_ graph: Graph) -> [Loop] {
    Pass.eliminateDeadCode.run(graph).nodes.compactMap {
      if case .loop(let loop) = $0.op { loop } else { nil }
    }
  }

  private func expectSameValues(_ graph: Graph, _ other: Graph) throws {
    #expect(other.problems() == [])
    let inputs = graph.inputTypes.map { type in
      NumericArray(type, (0..<type.elementCount).map { Double(($0 * 7 + 3) % 11) / 11 - 0.4 })
    }
    let evaluator = Evaluator()
    for (expected, found) in zip(
      try evaluator.evaluate(graph, inputs: inputs), try evaluator.evaluate(other, inputs: inputs))
    {
      #expect(expected.elements == found.elements)
    }
  }

  @Test("the primal values of a loop with tangents come from the loop before it")
  func primalValues() throws {
    let graph = try Graph(parsing: program())
    #expect(products(graph) == 12)
    let result = Pass.shareLoopValues(intensity: 0).run(graph)
    try expectSameValues(graph, result)
    #expect(products(result) == 8)
    // One array more: the product, from which tanh is computed again.
    #expect(loops(result).map(\.stackedOutputCount) == [1, 0])
    #expect(loops(result)[1].carryCount == 1 && loops(result)[1].stackedInputCount == 2)
  }

  @Test("what saves too little for its size is computed again")
  func intensity() throws {
    let graph = try Graph(parsing: program())
    // A product of 36 operations fills 48 bytes: less than one for each.
    let result = Pass.shareLoopValues(intensity: 1).run(graph)
    try expectSameValues(graph, result)
    #expect(products(result) == 12)
    #expect(loops(result).map(\.stackedOutputCount) == [0, 0])
  }

  @Test("loops that begin elsewhere, or run the other way, share nothing")
  func different() throws {
    for text in [program(start: "%2"), program(reversed: " reversed")] {
      let graph = try Graph(parsing: text)
      let result = Pass.shareLoopValues(intensity: 0).run(graph)
      try expectSameValues(graph, result)
      #expect(products(result) == 12)
    }
  }
}
