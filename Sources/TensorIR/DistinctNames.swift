// SPDX-License-Identifier: Apache-2.0
//
// Derivatives name what they make after what it is the derivative of, so at the second order one
// name can come up twice: the adjoint of `x` of a program that already has an input `x_adj`.

extension Graph {
  /// The graph with names of inputs, and of outputs, made distinct: `x_adj`, `x_adj_2`, ... The
  /// first holder of a name keeps it.
  package func withDistinctNames() -> Graph {
    var graph = self
    graph.inputNames = distinct(inputNames)
    graph.outputNames = distinct(outputNames)
    return graph
  }

  private func distinct(_ names: [String]) -> [String] {
    var taken = Set<String>()
    return names.map { name in
      var candidate = name
      var number = 2
      while !taken.insert(candidate).inserted {
        candidate = "\(name)_\(number)"
        number += 1
      }
      return candidate
    }
  }
}
