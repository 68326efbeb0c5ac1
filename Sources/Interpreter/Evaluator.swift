// SPDX-License-Identifier: Apache-2.0
//
// Runs graphs: prepares each graph and region once (when its values die, what its gradient and
// structured ops expand to), then walks the nodes in order. The meaning of each op is in
// `Evaluate.swift`.

package import TensorIR

/// A slow and obvious evaluator of graphs: the definition of what a program means.
package struct Evaluator: Sendable {
  /// Turns a `gradient` op into a graph from its operands to its results. Differentiation supplies
  /// one; the interpreter itself knows nothing about derivatives.
  package typealias GradientExpansion = @Sendable (GradientOp) throws -> Graph

  package private(set) var precision: Precision
  private let expandGradient: GradientExpansion?
  /// Told where pieces of functions meet; see `Kinks.swift`.
  let kinks: KinkLog?

  package init(
    precision: Precision = .float64, expandGradient: GradientExpansion? = nil,
    kinks: KinkLog? = nil
  ) {
    self.precision = precision
    self.expandGradient = expandGradient
    self.kinks = kinks
  }

  /// The outputs of `graph` for the given inputs, in the graph's order.
  ///
  /// - Throws: `EvaluationError`.
  /// - Cost: about a nanosecond for each floating-point operation in a release build; the memory of
  ///   the live values as Doubles.
  package func evaluate(_ graph: Graph, inputs: [NumericArray]) throws -> [NumericArray] {
    guard inputs.count == graph.inputs.count else {
      throw EvaluationError.inputCount(expected: graph.inputs.count, found: inputs.count)
    }
    for (position, input) in inputs.enumerated() where input.type != graph.inputTypes[position] {
      throw EvaluationError.inputType(
        name: graph.inputNames[position], expected: graph.inputTypes[position], found: input.type)
    }
    let rounded = inputs.map { input in
      let precision = precision.appropriate(for: input.type.dtype)
      return NumericArray(input.type, input.elements.map(precision.rounded))
    }
    return try run(prepare(graph), rounded)
  }

  // MARK: Programs

  private func prepare(_ graph: Graph) throws -> Program {
    var regions: [Int: Program] = [:]
    for (index, node) in graph.nodes.enumerated() {
      if case .gradient(let gradient) = node.op {
        guard let expandGradient else {
          throw EvaluationError.gradientNotExpanded(provenance: node.provenance)
        }
        regions[index] = try prepare(expandGradient(gradient))
      } else if case .jvp = node.op {
        throw EvaluationError.jvpNotExpanded(provenance: node.provenance)
      } else if case .structured(let op) = node.op {
        regions[index] = try prepare(op.decomposition(node.operands.map(graph.type(of:))))
      } else if let region = node.op.regions.first {
        regions[index] = try prepare(region)
      }
    }
    return Program(graph: graph, regions: regions)
  }

  /// Evaluates a prepared graph.
  func run(_ program: Program, _ inputs: [NumericArray]) throws -> [NumericArray] {
    let graph = program.graph
    var values = [NumericArray?](repeating: nil, count: graph.types.count)
    for (value, input) in zip(graph.inputs, inputs) { values[value.index] = input }
    for (index, node) in graph.nodes.enumerated() {
      let operands = node.operands.map { defined(values[$0.index], $0) }
      if let kinks, isOnKink(node.op, operands) { kinks.note(node.provenance) }
      let results = try within(node: index).evaluate(
        node, operands, region: program.regions[index])
      for (value, result) in zip(node.results, results) { values[value.index] = result }
      for value in program.dying[index] { values[value.index] = nil }
    }
    return graph.outputs.map { defined(values[$0.index], $0) }
  }

  private func within(node index: Int) -> Evaluator {
    var result = self
    result.precision = precision.within(node: index)
    return result
  }

  private func defined(_ array: NumericArray?, _ value: ValueID) -> NumericArray {
    guard let array else { preconditionFailure("compiler bug: \(value) has no value here") }
    return array
  }
}

/// A graph with what running it many times needs to know.
final class Program {
  let graph: Graph
  /// For each node, the values that no later node and no output reads.
  let dying: [[ValueID]]
  /// The region of each loop node, and the expansion of each gradient and structured node, by node
  /// index.
  let regions: [Int: Program]

  init(graph: Graph, regions: [Int: Program]) {
    self.graph = graph
    self.regions = regions
    var isRead = [Bool](repeating: false, count: graph.types.count)
    for output in graph.outputs { isRead[output.index] = true }
    var dying = [[ValueID]](repeating: [], count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated().reversed() {
      for value in node.operands + node.results where !isRead[value.index] {
        isRead[value.index] = true
        dying[index].append(value)
      }
    }
    self.dying = dying
  }
}
