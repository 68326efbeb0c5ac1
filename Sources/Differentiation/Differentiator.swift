// SPDX-License-Identifier: Apache-2.0
//
// The entry points of differentiation. A `Differentiator` holds the two choices that the sweeps
// depend on, the rule table and the way of differentiating a gradient; its methods take graphs to
// graphs, or append a derivative to a graph under construction.
//
// Where to read on: `DerivativeRule.swift` (what a rule is), `Rules/` (the rules),
// `ForwardSweep.swift` and `ReverseSweep.swift` (applying them), `MetaGradient.swift` (the
// product).

package import TensorIR

/// How the derivative of a `gradient` op is taken: algorithms 2 and 1 of the
/// MixFlow-MG paper.
package enum GradientDerivation: String, Hashable, Sendable, CaseIterable {
  /// A tangent of the gradient program: a forward pass over a reverse-mode program (MixFlow-MG).
  case forwardOverReverse
  /// A reverse sweep over the gradient program: the standard way.
  case reverseOverReverse
}

/// Makes JVPs and VJPs of graphs.
///
/// All methods throw `UndefinedDerivative` if a derivative is asked of an op that has none.
package struct Differentiator {
  package var derivation: GradientDerivation
  /// What loops keep where the derivative of a gradient is taken; their own policy if `nil`.
  package var secondOrderSavePolicy: SavePolicy?
  /// The rule of each op. A parameter so that tests can show that a wrong rule is caught.
  package var rule: (Op) -> DerivativeRule

  package init(
    derivation: GradientDerivation = .forwardOverReverse,
    rule: @escaping (Op) -> DerivativeRule = derivativeRule(for:)
  ) {
    self.derivation = derivation
    self.rule = rule
  }

  // MARK: Appending to a graph under construction

  /// Inlines `graph` and its tangent program.
  ///
  /// - Parameters:
  ///   - graph: the program to differentiate.
  ///   - arguments: what stands for the inputs of `graph`.
  ///   - tangents: per input; `nil` is a zero tangent.
  ///   - builder: where the arguments are and the derivative goes.
  /// - Returns: what stands for the outputs, and their tangents.
  /// - Throws: `UndefinedDerivative`.
  /// - Cost: two to three times that of `graph`.
  package func appendJVP(
    _ graph: Graph, arguments: [ValueID], tangents: [ValueID?], into builder: GraphBuilder
  ) throws -> (outputs: [ValueID], tangents: [ValueID?]) {
    var sweep = ForwardSweep(graph, differentiator: self, builder: builder)
    return try sweep.run(arguments: arguments, tangents: tangents)
  }

  /// Inlines `graph` and its reverse sweep.
  ///
  /// - Parameters:
  ///   - graph: the program to differentiate.
  ///   - arguments: what stands for the inputs of `graph`.
  ///   - outputAdjoints: per output; `nil` is a zero adjoint.
  ///   - wrt: positions of the inputs whose adjoints are wanted.
  ///   - builder: where the arguments are and the derivative goes.
  /// - Returns: what stands for the outputs, and the adjoints of the `wrt` inputs in that order.
  /// - Throws: `UndefinedDerivative`.
  /// - Cost: two to three times that of `graph`.
  package func appendVJP(
    _ graph: Graph, arguments: [ValueID], outputAdjoints: [ValueID?], wrt: [Int],
    into builder: GraphBuilder
  ) throws -> (outputs: [ValueID], adjoints: [ValueID?]) {
    var sweep = ReverseSweep(
      graph, differentiator: self, builder: builder,
      neededInputs: graph.inputs.indices.map(wrt.contains),
      usefulOutputs: outputAdjoints.map { $0 != nil })
    let outputs = try sweep.runForward(arguments: arguments)
    let adjoints = try sweep.runBackward(outputAdjoints: outputAdjoints)
    return (outputs, wrt.map { adjoints[$0] })
  }

  // MARK: Graph to graph

  /// The tangent program of a graph.
  ///
  /// The inputs are those of `graph`, then `NAME_tan` for each position in `tangentInputs`, in
  /// order; the outputs are those of `graph`, then `NAME_tan` for every float output (zeros where
  /// it does not depend on the inputs chosen). Names that are taken get a number.
  package func jvp(of graph: Graph, tangentInputs: [Int]) throws -> Graph {
    let builder = GraphBuilder(name: "jvp of \(graph.name)")
    let arguments = builder.inputs(like: graph)
    var tangents = [ValueID?](repeating: nil, count: arguments.count)
    for position in tangentInputs {
      let name = graph.inputNames[position] + "_tan"
      tangents[position] = builder.input(name, graph.inputTypes[position])
    }
    let result = try appendJVP(graph, arguments: arguments, tangents: tangents, into: builder)
    for (name, output) in zip(graph.outputNames, result.outputs) { builder.output(name, output) }
    for (position, output) in result.outputs.enumerated()
    where builder.type(of: output).dtype.isFloat {
      let tangent = result.tangents[position] ?? builder.constant(0, like: output)
      builder.output(graph.outputNames[position] + "_tan", tangent)
    }
    return builder.graph.withDistinctNames()
  }

  /// The adjoint program of a graph.
  ///
  /// The inputs are those of `graph`, then `NAME_adj` for every float output; the outputs are those
  /// of `graph`, then `NAME_adj` for each position in `wrt`, in order (zeros where no output
  /// depends on it). Names that are taken get a number.
  package func vjp(of graph: Graph, wrt: [Int]) throws -> Graph {
    let builder = GraphBuilder(name: "vjp of \(graph.name)")
    let arguments = builder.inputs(like: graph)
    let adjoints: [ValueID?] = zip(graph.outputNames, graph.outputTypes).map { name, type in
      type.dtype.isFloat ? builder.input(name + "_adj", type) : nil
    }
    let result = try appendVJP(
      graph, arguments: arguments, outputAdjoints: adjoints, wrt: wrt, into: builder)
    for (name, output) in zip(graph.outputNames, result.outputs) { builder.output(name, output) }
    for (position, adjoint) in zip(wrt, result.adjoints) {
      let value = adjoint ?? builder.constant(0, like: arguments[position])
      builder.output(graph.inputNames[position] + "_adj", value)
    }
    return builder.graph.withDistinctNames()
  }
}

extension GraphBuilder {
  /// Adds inputs with the names and types of those of another graph.
  func inputs(like graph: Graph) -> [ValueID] {
    zip(graph.inputNames, graph.inputTypes).map { input($0, $1) }
  }
}
