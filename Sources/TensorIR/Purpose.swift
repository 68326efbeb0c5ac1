// SPDX-License-Identifier: Apache-2.0
//
// What a value is for, once derivatives are taken: a part of the provenance of the node that makes it,
// set where the value is made and handed down as names and places are. Reports sort memory by it;
// nothing that is computed depends on it.
//
// A loop makes several values, each for something of its own: what a carry or a stack is for follows
// from the loop's role, or is said by the node of the body that makes the slice.

/// What a value is for; `nil` where this is not known: it is on its way to another value.
package enum Purpose: String, Hashable, Sendable, CaseIterable, Comparable {
  /// A value of a model, from a forward pass, which a backward pass may read; or its tangent.
  case activation
  /// An inner parameter, the optimiser's state or what an update makes of them; or a gradient,
  /// an adjoint or a tangent of one.
  case state
  /// What an inner step keeps for the backward run over the steps: the parameters and the state at
  /// its start, its gradient, whatever the save policy says.
  case trajectory

  /// Of two values that turn out to be one, the array is for the purpose that needs it longer.
  package static func < (lhs: Purpose, rhs: Purpose) -> Bool {
    (allCases.firstIndex(of: lhs) ?? 0) < (allCases.firstIndex(of: rhs) ?? 0)
  }

  /// What the adjoint of a value is for.
  package var ofAdjoint: Purpose? {
    switch self {
    case .activation: nil
    case .state, .trajectory: .state
    }
  }

  /// What the tangent of a value is for: the same, but that the run over the inner steps keeps none.
  package var ofTangent: Purpose {
    switch self {
    case .activation: .activation
    case .state, .trajectory: .state
    }
  }
}

extension Purpose? {
  /// The purpose that needs the array longer.
  package func or(_ other: Purpose?) -> Purpose? {
    guard let self else { return other }
    return other.map { max(self, $0) } ?? self
  }
}

// MARK: - Loops

extension Loop {
  /// What a result is for: a carry's array, or the stack of a value of the body.
  package func purpose(ofResult position: Int) -> Purpose? {
    let isCarry = position < carryCount
    let value = body.outputs[position]
    switch role.subject {
    case .innerSteps where isCarry:
      // Where a step follows that stands apart, the last carries are kept for its derivative.
      return role.phases.isEmpty ? body.purpose(of: value).or(.state) : .state
    case .innerSteps where role.phases.isEmpty:
      return .trajectory
    case .layers where !isCarry, .other where !isCarry:
      // Only a loop that keeps something for a backward loop stacks what it carries or slices.
      return body.inputs.contains(value) ? .activation : body.purpose(of: value)
    case .innerSteps, .layers, .tasks, .exampleGroups, .tokenStrips, .vocabularyTiles, .other:
      return body.purpose(of: value)
    }
  }
}

// MARK: - Graphs

extension Graph {
  /// What a value is for. An input's purpose is known where it is made.
  ///
  /// - Cost: linear in the number of nodes.
  package func purpose(of value: ValueID) -> Purpose? {
    nodes.last { $0.results.contains(value) }?.purpose(of: value)
  }

  /// The purposes of all values, by `ValueID.index`.
  ///
  /// - Cost: one pass over the nodes, and over the bodies of loops.
  package var purposes: [Purpose?] {
    var purposes = [Purpose?](repeating: nil, count: types.count)
    for node in nodes {
      for result in node.results { purposes[result.index] = node.purpose(of: result) }
    }
    return purposes
  }

  /// Gives a value a purpose, if it has none that needs it longer: the node that makes its array has
  /// it from now on, through views and into the bodies of loops. Inputs are left alone.
  package mutating func raise(_ value: ValueID, to purpose: Purpose) {
    guard let index = nodes.lastIndex(where: { $0.results.contains(value) }) else { return }
    raise(value, madeBy: index, to: purpose)
  }

  /// The same, where it is known which node makes the value.
  mutating func raise(_ value: ValueID, madeBy index: Int, to purpose: Purpose) {
    if case .loop(var loop) = nodes[index].op {
      guard let position = nodes[index].results.firstIndex(of: value) else { return }
      loop.body.raise(loop.body.outputs[position], to: purpose)
      nodes[index].op = .loop(loop)
      return
    }
    nodes[index].provenance.purpose = nodes[index].provenance.purpose.or(purpose)
    if nodes[index].op.isView { raise(nodes[index].operands[0], to: purpose) }
  }

  /// The graph, its values for a purpose where they have none.
  package func `for`(_ purpose: Purpose) -> Graph {
    var graph = self
    for index in nodes.indices where nodes[index].provenance.purpose == nil {
      graph.nodes[index].provenance.purpose = purpose
      if case .loop(var loop) = nodes[index].op {
        loop.body = loop.body.for(purpose)
        graph.nodes[index].op = .loop(loop)
      }
    }
    return graph
  }
}

extension Node {
  /// What one of the results is for.
  package func purpose(of result: ValueID) -> Purpose? {
    guard case .loop(let loop) = op, let position = results.firstIndex(of: result) else {
      return provenance.purpose
    }
    return loop.purpose(ofResult: position)
  }
}

extension Op {
  /// Whether the result usually is the operand's array, read in another order.
  fileprivate var isView: Bool {
    switch self {
    case .broadcast, .reshape, .transpose, .slice: true
    default: false  // A trait: all other ops make an array.
    }
  }
}
