// SPDX-License-Identifier: Apache-2.0
//
// The correspondence every transformation of a graph keeps: which value of the new graph stands for
// a value of the old one.

import TensorIR

/// A map from the values of one graph to those of another, filled in definition order.
struct ValueMap {
  private let graphName: String
  private var values: [ValueID?]

  /// An empty map for the values of `graph`.
  init(for graph: Graph) {
    graphName = graph.name
    values = [ValueID?](repeating: nil, count: graph.types.count)
  }

  /// Whether something stands for a value already.
  func contains(_ old: ValueID) -> Bool { values[old.index] != nil }

  /// What stands for a value. Reading one that nothing stands for is a compiler bug.
  subscript(old: ValueID) -> ValueID {
    get {
      guard let new = values[old.index] else {
        preconditionFailure("compiler bug: \(old) of \(graphName) is used before it is defined")
      }
      return new
    }
    set { values[old.index] = newValue }
  }

  /// What stands for each of several values.
  subscript(old: [ValueID]) -> [ValueID] {
    get { old.map { self[$0] } }
    set { for (old, new) in zip(old, newValue) { self[old] = new } }
  }
}
