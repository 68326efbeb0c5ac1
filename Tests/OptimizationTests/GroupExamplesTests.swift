// SPDX-License-Identifier: Apache-2.0
//
// Losses that compute some examples of a batch at a time: on random programs, in which anything may be
// taken for examples, and by small models that say what must stay outside.

import Interpreter
import TensorIR
import TestSupport
import Testing

@testable import Optimization

@Suite("Group examples")
struct GroupExamplesTests {
  /// The outputs of a graph.
  private func outputs(_ graph: Graph, _ inputs: [NumericArray]) throws -> [NumericArray] {
    try Evaluator().evaluate(graph, inputs: inputs)
  }

  private func loops(_ graph: Graph) -> [Loop] {
    graph.nodes.compactMap { if case .loop(let loop) = $0.op { loop } else { nil } }
      .filter { $0.role == .exampleGroups }
  }

  @Test("random programs keep their values, in groups of any size", arguments: 0..<120)
  func values(seed: Int) throws {
    let program = RandomProgram(seed: UInt64(seed), nodes: 40)
    let expected = try outputs(program.graph, program.inputs)
    for size in 1...3 {
      let grouped = program.graph.groupingExamples(
        ofInputs: Array(program.graph.inputs.indices), size: size)
      #expect(grouped.problems() == [], "seed \(seed), groups of \(size)")
      #expect(grouped.inputNames == program.graph.inputNames)
      #expect(grouped.outputTypes == program.graph.outputTypes)
      for (index, (a, b)) in zip(expected, try outputs(grouped, program.inputs)).enumerated() {
        let tolerance = 1e-12 * max(1, program.bounds[index])
        for (x, y) in zip(a.elements, b.elements) where !(abs(x - y) <= tolerance) {
          Issue.record("seed \(seed), groups of \(size), output \(index): \(x) became \(y)")
        }
      }
    }
  }

  /// A perceptron with hidden layers of 16 on 6 examples, its errors summed. With `normalizes`, the
  /// first layer's values are centred over the batch.
  private func model(normalizes: Bool) throws -> Graph {
    let centring = """
      %4 = reduce_sum{axes [0]} %3 : f64[16]
      %5 = broadcast{shape [6, 16] axes [1]} %4 : f64[6, 16]
      %6 = subtract %3, %5 : f64[6, 16]
      """
    let elementwise = """
      %4 = sin %3 : f64[6, 16]
      %5 = exp %4 : f64[6, 16]
      %6 = subtract %3, %5 : f64[6, 16]
      """
    let lines = """
      input %0 "w": f64[3, 16]
      input %1 "v": f64[16, 16]
      input %2 "x": f64[6, 3]
      %3 = contract{[0, 1] [1, 2] to [0, 2]} %2, %0 : f64[6, 16]
      \(normalizes ? centring : elementwise)
      %7 = tanh %6 : f64[6, 16]
      %8 = contract{[0, 1] [1, 2] to [0, 2]} %7, %1 : f64[6, 16]
      %9 = exp %8 : f64[6, 16]
      %10 = multiply %9, %8 : f64[6, 16]
      %11 = contract{[0, 1] [1, 2] to [0, 2]} %10, %1 : f64[6, 16]
      %12 = sin %11 : f64[6, 16]
      %13 = reduce_sum{axes [0, 1]} %12 : f64[]
      output "loss" %13
      """
    return try Graph(parsing: "graph \"loss\" {\n\(lines)\n}")
  }

  @Test("one loop, of as many iterations as there are groups", arguments: [(1, 6), (2, 3), (4, 2)])
  func groups(size: Int, trips: Int) throws {
    // Four do not divide six: groups of three.
    let grouped = try model(normalizes: false).groupingExamples(ofInputs: [2], size: size)
    let loops = loops(grouped)
    #expect(loops.map(\.tripCount) == [trips])
    #expect(loops.first?.savePolicy == .carries)
    #expect(!grouped.nodes.contains { if case .contract = $0.op { true } else { false } })
  }

  @Test("a batch that fits a group stays as it is")
  func whole() throws {
    let model = try model(normalizes: false)
    #expect(model.groupingExamples(ofInputs: [2], size: 6) == model)
  }

  @Test("a normalisation over the batch stays outside, and what follows it is grouped")
  func normalization() throws {
    let graph = try model(normalizes: true)
    let grouped = graph.groupingExamples(ofInputs: [2], size: 1)
    #expect(loops(grouped).map(\.tripCount) == [6])
    let outside = grouped.nodes.filter { if case .contract = $0.op { true } else { false } }
    #expect(outside.count == 1)
    let inputs = graph.inputs.map { input in
      let type = graph.type(of: input)
      return NumericArray(type, (0..<type.elementCount).map { Double($0 * 7 % 11) / 11 - 0.4 })
    }
    let (a, b) = (try outputs(graph, inputs)[0], try outputs(grouped, inputs)[0])
    #expect(abs(a.elements[0] - b.elements[0]) <= 1e-12 * abs(a.elements[0]))
  }
}
