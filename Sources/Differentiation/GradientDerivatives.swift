// SPDX-License-Identifier: Apache-2.0
//
// The `gradient` op: its expansion into a reverse sweep, and the two ways of differentiating it.
//
// With `(L, g) = gradient f(x)` and adjoints `(L_adj, g_adj)`, the adjoint of the operands is
//
//   x_adj = L_adj * grad f(x)  +  d/dx <g, g_adj>
//
// and the second term is, by symmetry of second derivatives, the tangent of `grad f` along `g_adj`.
// *Forward over reverse* computes it so: one JVP of the gradient program, no tape of a tape.
// *Reverse over reverse* is the reverse sweep of the gradient program.

package import TensorIR

extension Differentiator {
  /// The value and gradient of a function as an ordinary graph.
  ///
  /// The inputs are those of the function; the outputs its value, then its derivative with respect
  /// to each input listed in `wrt` (zeros where it does not depend on one).
  package func expandGradient(_ gradient: GradientOp) throws -> Graph {
    let function = gradient.function
    let builder = GraphBuilder(name: "gradient of \(function.name)")
    let arguments = builder.inputs(like: function)
    let seed = builder.constant(1, function.outputTypes[0])
    let (outputs, adjoints) = try appendVJP(
      function, arguments: arguments, outputAdjoints: [seed], wrt: gradient.wrt, into: builder)
    builder.output(function.outputNames[0], outputs[0])
    for (position, adjoint) in zip(gradient.wrt, adjoints) {
      let value = adjoint ?? builder.constant(0, like: arguments[position])
      builder.raise(value, to: .state)
      builder.output(function.inputNames[position] + "_adj", value)
    }
    return builder.graph
  }

  /// The outputs of a function and their tangents as an ordinary graph.
  ///
  /// The inputs are those of the function, then a tangent for each listed in `wrt`; the outputs are
  /// its outputs, then the tangent of each (zeros where it does not depend on those inputs).
  package func expandJVP(_ jvp: JVPOp) throws -> Graph {
    let function = jvp.function
    let builder = GraphBuilder(name: "jvp of \(function.name)")
    let arguments = builder.inputs(like: function)
    var tangents = [ValueID?](repeating: nil, count: arguments.count)
    for position in jvp.wrt {
      tangents[position] = builder.input(
        function.inputNames[position] + "_tan", function.inputTypes[position])
    }
    let (outputs, outputTangents) = try appendJVP(
      function, arguments: arguments, tangents: tangents, into: builder)
    for (name, output) in zip(function.outputNames, outputs) { builder.output(name, output) }
    for (position, tangent) in outputTangents.enumerated() {
      builder.output(
        function.outputNames[position] + "_tan",
        tangent ?? builder.constant(0, like: outputs[position]))
    }
    return builder.graph.withDistinctNames()
  }

  /// The graph with every `gradient` and `jvp` op, also inside loops, replaced by its expansion.
  package func expandGradients(in graph: Graph) throws -> Graph {
    let builder = GraphBuilder(name: graph.name)
    var map = ValueMap(for: graph)
    map[graph.inputs] = builder.inputs(like: graph)
    for node in graph.nodes {
      map[node.results] = try builder.withProvenance(node.provenance) {
        try appendExpanded(node.op, map[node.operands], builder)
      }
    }
    for (name, output) in zip(graph.outputNames, graph.outputs) {
      builder.output(name, map[output])
    }
    return builder.graph
  }

  private func appendExpanded(
    _ op: Op, _ operands: [ValueID], _ builder: GraphBuilder
  ) throws -> [ValueID] {
    if case .gradient(let gradient) = op {
      let results = builder.inline(try expandGradients(in: expandGradient(gradient)), operands)
      if let purpose = builder.provenance.purpose {
        for result in results.dropFirst() { builder.raise(result, to: purpose) }
      }
      return results
    }
    if case .jvp(let jvp) = op {
      return builder.inline(try expandGradients(in: expandJVP(jvp)), operands)
    }
    if case .loop(var loop) = op {
      loop.body = try expandGradients(in: loop.body)
      return builder.append(.loop(loop), operands)
    }
    return builder.append(op, operands)
  }
}

/// The VJP of one `gradient` node.
struct GradientVJP {
  /// The value, then the gradients.
  let results: [ValueID]
  private let gradient: GradientOp
  private let operands: [ValueID]
  private let builder: GraphBuilder
  private let differentiator: Differentiator
  /// Positions of the operands whose adjoints are wanted and not known to be zero.
  private let needed: [Int]
  /// The gradient whose program is differentiated: if that is done forward over reverse, also with
  /// respect to the needed operands.
  private let whole: GradientOp

  /// Emits the gradient.
  ///
  /// Where equal nodes are shared it is put down in full, so that its derivative finds there what it
  /// would compute again.
  init(_ gradient: GradientOp, _ scope: StructuredScope, neededOperands: [Bool]) throws {
    self.gradient = gradient
    (operands, builder, differentiator) = (scope.operands, scope.builder, scope.differentiator)
    let needed = operands.indices.filter { neededOperands[$0] }
    self.needed = needed
    var whole = gradient
    if let policy = differentiator.secondOrderSavePolicy {
      whole.function = whole.function.withSavePolicy(policy)
    }
    if differentiator.derivation == .forwardOverReverse {
      whole.wrt += needed.filter { !gradient.wrt.contains($0) }
    }
    self.whole = whole
    if builder.sharesEqualNodes {
      let values = builder.inline(try differentiator.expandGradient(whole), operands)
      results = Array(values.prefix(gradient.wrt.count + 1))
    } else {
      results = builder.append(scope.op, operands)
    }
  }

  /// Emits the adjoints of the operands from those of the results.
  func emit(_ adjoints: [ValueID?]) throws -> [ValueID?] {
    switch differentiator.derivation {
    case .forwardOverReverse: try emitForwardOverReverse(adjoints)
    case .reverseOverReverse: try emitReverseOverReverse(adjoints)
    }
  }

  private func emitForwardOverReverse(_ adjoints: [ValueID?]) throws -> [ValueID?] {
    var directions = [ValueID?](repeating: nil, count: operands.count)
    for (position, adjoint) in zip(gradient.wrt, adjoints.dropFirst()) {
      directions[position] = builder.sum([directions[position], adjoint])
    }
    var gradients = results
    var tangents = [ValueID?](repeating: nil, count: whole.wrt.count + 1)
    if directions.contains(where: { $0 != nil }) {
      let program = try differentiator.expandGradient(whole)
      let (values, valueTangents) = try differentiator.appendJVP(
        program, arguments: operands, tangents: directions, into: builder)
      gradients += values.dropFirst(results.count)
      tangents = valueTangents
    } else if whole.wrt.count > gradient.wrt.count {
      gradients += builder.append(.gradient(whole), operands).dropFirst(results.count)
    }
    var operandAdjoints = [ValueID?](repeating: nil, count: operands.count)
    for position in needed {
      guard let index = whole.wrt.firstIndex(of: position).map({ $0 + 1 }) else { continue }
      operandAdjoints[position] =
        builder.sum([tangents[index], scaled(gradients[index], by: adjoints[0])])
    }
    return operandAdjoints
  }

  private func emitReverseOverReverse(_ adjoints: [ValueID?]) throws -> [ValueID?] {
    let (_, operandAdjoints) = try differentiator.appendVJP(
      differentiator.expandGradient(whole), arguments: operands, outputAdjoints: adjoints,
      wrt: needed, into: builder)
    var result = [ValueID?](repeating: nil, count: operands.count)
    for (position, adjoint) in zip(needed, operandAdjoints) { result[position] = adjoint }
    return result
  }

  /// An array times a scalar that may be zero.
  private func scaled(_ value: ValueID, by scalar: ValueID?) -> ValueID? {
    scalar.map {
      builder.multiply(builder.broadcast(scalar: $0, to: builder.shape(of: value)), value)
    }
  }
}
