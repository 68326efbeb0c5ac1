// SPDX-License-Identifier: Apache-2.0
//
// A graph with inputs to evaluate it at: what the derivative checker checks.

import Differentiation
import Interpreter
import TensorIR

/// A program and a point.
struct TestProgram {
  var graph: Graph
  var inputs: [NumericArray]

  /// Builds a program, from the graph's inputs to its outputs; inputs are drawn from their domains.
  init(
    _ name: String, _ inputs: [(type: TensorType, domain: Domain)], seed: UInt64 = 1,
    build: (GraphBuilder, [ValueID]) -> [ValueID]
  ) {
    var source = RandomSource(seed: seed)
    let builder = GraphBuilder(name: name)
    let values = inputs.enumerated().map { builder.input("x\($0)", $1.type) }
    for (index, output) in build(builder, values).enumerated() {
      builder.output("y\(index)", output)
    }
    graph = builder.graph
    self.inputs = inputs.map { source.array($0.type, in: $0.domain) }
  }

  init(graph: Graph, inputs: [NumericArray]) {
    self.graph = graph
    self.inputs = inputs
  }

  /// Positions of the inputs that can be differentiated.
  var floatInputs: [Int] { graph.inputTypes.indices.filter { graph.inputTypes[$0].dtype.isFloat } }
  /// Positions of the outputs that can be differentiated.
  var floatOutputs: [Int] {
    graph.outputTypes.indices.filter { graph.outputTypes[$0].dtype.isFloat }
  }
}

/// Short names for the types that the tests use.
func f64(_ shape: Int...) -> TensorType { TensorType(shape, .f64) }
func i32(_ shape: Int...) -> TensorType { TensorType(shape, .i32) }

/// The outputs of a graph, whose `gradient` ops are expanded first.
func evaluate(_ graph: Graph, _ inputs: [NumericArray]) throws -> [NumericArray] {
  let expanded = try Differentiator().expandGradients(in: graph)
  return try Evaluator().evaluate(expanded, inputs: inputs)
}

extension NumericArray {
  /// The sum of products of corresponding elements.
  func dot(_ other: NumericArray) -> Double {
    zip(elements, other.elements).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// `self + factor * other`.
  func adding(_ factor: Double, _ other: NumericArray) -> NumericArray {
    NumericArray(type, zip(elements, other.elements).map { $0 + factor * $1 })
  }

  var norm: Double { dot(self).squareRoot() }
}

/// The largest relative norm of the difference of corresponding arrays; absolute below norm 1e-3.
func relativeError(_ actual: [NumericArray], _ expected: [NumericArray]) -> Double {
  zip(actual, expected).map { actual, expected in
    let error = actual.adding(-1, expected).norm / max(expected.norm, 1e-3)
    return error.isNaN ? .infinity : error
  }.max() ?? 0
}
