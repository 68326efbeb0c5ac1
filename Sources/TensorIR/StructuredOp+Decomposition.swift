// SPDX-License-Identifier: Apache-2.0
//
// What structured ops mean, in primitives: the formulas of each derivative order, large arrays and
// all. The interpreter evaluates these; derivatives of an order that has no op of its own are taken
// of these. The fused kernels compute the same tile by tile.
//
// Attention's are in `AttentionFormulas.swift`. Names in the formulas: p = probabilities, r = row
// sums, `_t` = tangent, `_a` = adjoint.

extension StructuredOp {
  /// The op as a graph of primitives.
  ///
  /// - Cost: memory for whole scores or logits: for small sizes only.
  package func decomposition(_ types: [TensorType]) -> Graph {
    let builder = GraphBuilder(name: name)
    let values = types.enumerated().map { builder.input("x\($0)", $1) }
    guard let operands = StructuredOperands(values, of: self) else {
      preconditionFailure("compiler bug: \(name) with \(types.count) operands")
    }
    let results =
      switch function {
      case .attention(let scores): AttentionFormulas(builder, operands, scores).results(order)
      case .linearCrossEntropy:
        LinearCrossEntropyFormulas(builder, operands).results(order)
      }
    for (index, result) in results.enumerated() { builder.output("y\(index)", result) }
    return builder.graph
  }
}

extension GraphBuilder {
  /// `x - row` with `row` repeated along the last axis.
  func subtractRow(_ x: ValueID, _ row: ValueID) -> ValueID {
    subtract(x, repeatRow(row, like: x))
  }

  /// `x * row` with `row` repeated along the last axis.
  func multiplyRow(_ x: ValueID, _ row: ValueID) -> ValueID {
    multiply(x, repeatRow(row, like: x))
  }

  func repeatRow(_ row: ValueID, like x: ValueID) -> ValueID {
    let shape = shape(of: x)
    return broadcast(row, to: shape, axes: Array(0..<(shape.count - 1)))
  }

  func rowSum(_ x: ValueID) -> ValueID { sum(x, axes: [shape(of: x).count - 1]) }

  /// The log-sum-exp of each row.
  ///
  /// - Parameter empty: what it is of a row of nothing but minus infinity, if there may be one.
  func rowLogSumExp(_ x: ValueID, empty: Double? = nil) -> ValueID {
    let largest = reduce(.maximum, x, axes: [shape(of: x).count - 1])
    guard let empty else {
      return add(largest, unary(.log, rowSum(unary(.exp, subtractRow(x, largest)))))
    }
    let isEmpty = compare(.equal, largest, constant(-.infinity, like: largest))
    let top = select(isEmpty, constant(empty, like: largest), largest)
    let total = rowSum(unary(.exp, subtractRow(x, top)))
    return add(top, unary(.log, select(isEmpty, constant(1, like: total), total)))
  }
}

/// Linear cross-entropy; logits are `z: [n, v]`.
private struct LinearCrossEntropyFormulas {
  let builder: GraphBuilder
  let operands: StructuredOperands<ValueID>

  private static let logits = ContractionLabels(lhs: [0, 2], rhs: [1, 2], output: [0, 1])
  private static let xLike = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [0, 2])
  private static let wLike = ContractionLabels(lhs: [0, 1], rhs: [0, 2], output: [1, 2])

  init(_ builder: GraphBuilder, _ operands: StructuredOperands<ValueID>) {
    self.builder = builder
    self.operands = operands
  }

  func results(_ order: DerivativeOrder) -> [ValueID] {
    let (x, w) = (operands.inputs[0], operands.inputs[1])
    let z = builder.contract(x, w, Self.logits)
    guard order != .value, let lse = operands.statistics else {
      let lse = builder.rowLogSumExp(z)
      return [builder.subtract(lse, picked(z)), lse]
    }
    let p = builder.unary(.exp, builder.subtractRow(z, lse))
    switch order {
    case .value: return []
    case .tangent:
      let z_tan = logitTangent(x, w)
      let r = builder.rowSum(builder.multiply(p, z_tan))
      return [builder.subtract(r, picked(z_tan)), r]
    case .adjoint:
      guard let y_adj = operands.adjoint else { return [] }
      let z_adj = builder.multiplyRow(error(p), y_adj)
      return [builder.contract(z_adj, w, Self.xLike), builder.contract(z_adj, x, Self.wLike)]
    case .adjointTangent:
      guard let y_adj = operands.adjoint, let r = operands.statisticsTangent,
        let y_adj_tan = operands.adjointTangent
      else { return [] }
      let (x_tan, w_tan) = (operands.inputTangents[0], operands.inputTangents[1])
      let z_adj = builder.multiplyRow(error(p), y_adj)
      let p_tan = builder.multiply(p, builder.subtractRow(logitTangent(x, w), r))
      let z_adj_tan = builder.add(
        builder.multiplyRow(error(p), y_adj_tan), builder.multiplyRow(p_tan, y_adj))
      let x_adj_tan = builder.add(
        builder.contract(z_adj_tan, w, Self.xLike), builder.contract(z_adj, w_tan, Self.xLike))
      let w_adj_tan = builder.add(
        builder.contract(z_adj_tan, x, Self.wLike), builder.contract(z_adj, x_tan, Self.wLike))
      return [x_adj_tan, w_adj_tan]
    }
  }

  private func logitTangent(_ x: ValueID, _ w: ValueID) -> ValueID {
    builder.add(
      builder.contract(operands.inputTangents[0], w, Self.logits),
      builder.contract(x, operands.inputTangents[1], Self.logits))
  }

  private func isLabel(like z: ValueID) -> ValueID {
    let shape = builder.shape(of: z)
    let labels = builder.broadcast(operands.constants[0], to: shape, axes: [0])
    return builder.compare(.equal, labels, builder.iota(axis: 1, shape: shape))
  }

  /// The label's element of each row.
  private func picked(_ z: ValueID) -> ValueID {
    builder.rowSum(builder.select(isLabel(like: z), z, builder.constant(0, like: z)))
  }

  /// `p - onehot(label)`.
  private func error(_ p: ValueID) -> ValueID {
    let one = builder.subtract(p, builder.constant(1, like: p))
    return builder.select(isLabel(like: p), one, p)
  }
}
