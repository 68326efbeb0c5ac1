// SPDX-License-Identifier: Apache-2.0
//
// Which i32 inputs select rows, and of how many: entry points check those values once, before
// anything runs, so that kernels may trust every index.

import TensorIR

/// For each input of the graph, the least number of rows it is used to look up; `nil` if none.
///
/// Follows inputs through movement ops and into loops. Indices that are computed are not bounded
/// here; Elaboration admits only data arrays and their slices as row indices.
func rowIndexBounds(of graph: Graph) -> [Int?] {
  // For each value, the inputs whose elements are among its own.
  var origins = [Set<Int>](repeating: [], count: graph.types.count)
  for (index, input) in graph.inputs.enumerated() where graph.type(of: input).dtype == .i32 {
    origins[input.index] = [index]
  }
  var bounds = [Int?](repeating: nil, count: graph.inputs.count)
  func narrow(_ value: ValueID, to rows: Int) {
    for input in origins[value.index] { bounds[input] = min(bounds[input] ?? rows, rows) }
  }
  for node in graph.nodes {
    switch node.op {
    case .gather: narrow(node.operands[1], to: graph.type(of: node.operands[0]).shape[0])
    case .scatterAdd(let rows): narrow(node.operands[0], to: rows)
    case .loop(let loop):
      for (bound, operand) in zip(rowIndexBounds(of: loop.body).dropFirst(), node.operands) {
        if let bound { narrow(operand, to: bound) }
      }
    default:
      if node.op.family == .movement {
        origins[node.result.index] = Set(node.operands.flatMap { origins[$0.index] })
      }
    }
  }
  return bounds
}
