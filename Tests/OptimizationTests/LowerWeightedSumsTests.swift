// SPDX-License-Identifier: Apache-2.0
//
// Contractions whose operand need not be stored become sums of products: examples of what does and of
// what does not, and the same values for every layout of labels.

import Interpreter
import TensorIR
import Testing

@testable import Optimization

@Suite("Lower weighted sums")
struct LowerWeightedSumsTests {
  @Test("an array that is made of smaller ones is summed where it is computed")
  func expansion() throws {
    try expect(
      .lowerWeightedSums,
      turns: """
        input %0 "x": f64[5]
        input %1 "u": f64[3]
        input %2 "w": f64[3]
        %3 = broadcast{shape [5, 3] axes [0]} %0 : f64[5, 3]
        %4 = broadcast{shape [5, 3] axes [1]} %1 : f64[5, 3]
        %5 = multiply %3, %4 : f64[5, 3]
        %6 = tanh %5 : f64[5, 3]
        %7 = contract{[0, 1] [1] to [0]} %6, %2 : f64[5]
        output "y" %7
        """,
      into: """
        input %0 "x": f64[5]
        input %1 "u": f64[3]
        input %2 "w": f64[3]
        %3 = broadcast{shape [5, 3] axes [0]} %0 : f64[5, 3]
        %4 = broadcast{shape [5, 3] axes [1]} %1 : f64[5, 3]
        %5 = multiply %3, %4 : f64[5, 3]
        %6 = tanh %5 : f64[5, 3]
        %7 = broadcast{shape [5, 3] axes [1]} %2 : f64[5, 3]
        %8 = multiply %6, %7 : f64[5, 3]
        %9 = reduce_sum{axes [1]} %8 : f64[5]
        output "y" %9
        """)
  }

  @Test("an array of the size of one that is read, and a product of two matrices, stay")
  func others() throws {
    let lines = """
      input %0 "x": f64[5, 3]
      input %1 "w": f64[3]
      input %2 "v": f64[3, 2]
      input %3 "s": f64[5]
      %4 = tanh %0 : f64[5, 3]
      %5 = contract{[0, 1] [1] to [0]} %4, %1 : f64[5]
      %6 = broadcast{shape [5, 3] axes [0]} %3 : f64[5, 3]
      %7 = exp %6 : f64[5, 3]
      %8 = contract{[0, 1] [1, 2] to [0, 2]} %7, %2 : f64[5, 2]
      output "y" %5
      output "z" %8
      """
    try expect(.lowerWeightedSums, turns: lines, into: lines)
  }

  @Test("sums over the same axes are added term by term, scaled and reshaped ones, too")
  func sums() throws {
    try expect(
      .lowerWeightedSums,
      turns: """
        input %0 "x": f64[5]
        input %1 "w": f64[5]
        %2 = broadcast{shape [5, 3] axes [0]} %0 : f64[5, 3]
        %3 = exp %2 : f64[5, 3]
        %4 = sin %2 : f64[5, 3]
        %5 = contract{[0, 1] [0] to [1]} %3, %1 : f64[3]
        %6 = reduce_sum{axes [0]} %4 : f64[3]
        %7 = constant{0.5 f64[3]} : f64[3]
        %8 = multiply %6, %7 : f64[3]
        %9 = reshape{shape [1, 3]} %5 : f64[1, 3]
        %10 = reshape{shape [1, 3]} %8 : f64[1, 3]
        %11 = add %9, %10 : f64[1, 3]
        output "y" %11
        """,
      into: """
        input %0 "x": f64[5]
        input %1 "w": f64[5]
        %2 = broadcast{shape [5, 3] axes [0]} %0 : f64[5, 3]
        %3 = exp %2 : f64[5, 3]
        %4 = sin %2 : f64[5, 3]
        %5 = broadcast{shape [5, 3] axes [0]} %1 : f64[5, 3]
        %6 = multiply %3, %5 : f64[5, 3]
        %7 = constant{0.5 f64[5, 3]} : f64[5, 3]
        %8 = multiply %4, %7 : f64[5, 3]
        %9 = add %6, %8 : f64[5, 3]
        %10 = reduce_sum{axes [0]} %9 : f64[3]
        %11 = reshape{shape [1, 3]} %10 : f64[1, 3]
        output "y" %11
        """)
  }

  /// Labels of an expansion over 0, 1, 2 and of weights, on either side, and what is left of them.
  static let layouts: [(weights: [Int], output: [Int])] = [
    ([2], [0, 1]), ([2], [1, 0]), ([0], [2, 1]), ([2, 0], [1]), ([0, 2], [0, 1]),
    ([1, 2], [2, 0]), ([2, 1, 0], []), ([0, 1, 2], [1]), ([1, 0, 2], [2]),
  ]

  @Test("values stay for all labels, on either side", arguments: layouts, [false, true])
  func values(layout: (weights: [Int], output: [Int]), isOnTheLeft: Bool) throws {
    let extents = [3, 4, 5]
    let builder = GraphBuilder(name: "sum")
    let x = builder.input("x", TensorType([3, 4], .f64))
    let weights = builder.input("w", TensorType(layout.weights.map { extents[$0] }, .f64))
    let repeated = builder.append(.broadcast(shape: extents, axes: [0, 1]), [x])
    let terms = builder.append(.unary(.exp), repeated)[0]
    let labels = ContractionLabels(
      lhs: isOnTheLeft ? layout.weights : [0, 1, 2], rhs: isOnTheLeft ? [0, 1, 2] : layout.weights,
      output: layout.output)
    let operands = isOnTheLeft ? [weights, terms] : [terms, weights]
    builder.output("y", builder.append(.contract(labels), operands)[0])

    let lowered = Pass.lowerWeightedSums.run(builder.graph)
    #expect(lowered.problems() == [])
    #expect(!lowered.nodes.contains { if case .contract = $0.op { true } else { false } })
    let inputs = builder.graph.inputs.map { input in
      let type = builder.graph.type(of: input)
      return NumericArray(type, (0..<type.elementCount).map { Double($0 * 7 % 11) / 8 - 0.5 })
    }
    let expected = try Evaluator().evaluate(builder.graph, inputs: inputs)[0]
    let found = try Evaluator().evaluate(lowered, inputs: inputs)[0]
    #expect(found.shape == expected.shape)
    for (a, b) in zip(expected.elements, found.elements) {
      #expect(abs(a - b) <= 1e-12, "expected \(a), found \(b)")
    }
  }
}
