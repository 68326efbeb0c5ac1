// SPDX-License-Identifier: Apache-2.0
//
// The adjoint of linear cross-entropy and its tangent, strip by strip over the tokens.
//
//     z = x . w^T, p = softmax z               of the strip: [s, v]
//     z_adj = (p - [v is the label]) y_adj
//     x_adj = z_adj . w                        a slice of the result
//     w_adj += z_adj^T . x                     carried
//
// Tokens that the strip does not divide leave a last, smaller strip, computed after the loop by the
// same code.

import TensorIR

/// Elements of a strip of logits: a few such arrays should stay in the last-level cache.
private let stripElements = 1 << 21
/// Tokens of a strip. Each strip adds to the whole adjoint of w, so short ones are costly: with 256
/// tokens there are 512 operations for the eight bytes that an element of it moves.
private let stripLengths = 256...1024

/// Writes the adjoint, or its tangent if there are tangents, as a loop over strips of tokens.
struct StripedCrossEntropy {
  private let builder: GraphBuilder
  private let parts: StructuredOperands<ValueID>
  private let tokens: Int
  private let width: Int
  private let tableType: TensorType
  /// Tokens in a strip: no more than half, so that there never are all logits.
  private let strip: Int

  init(_ builder: GraphBuilder, _ parts: StructuredOperands<ValueID>) {
    self.builder = builder
    self.parts = parts
    tokens = builder.shape(of: parts.inputs[0])[0]
    tableType = builder.type(of: parts.inputs[1])
    width = tableType.shape[1]
    let wanted = max(stripElements / tableType.shape[0], stripLengths.lowerBound)
    let limit = min(wanted, stripLengths.upperBound, max(tokens / 2, 1))
    strip = divisor(of: tokens, upTo: limit)
  }

  private static let xLike = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [0, 2])
  private static let wLike = ContractionLabels(lhs: [0, 1], rhs: [0, 2], output: [1, 2])

  /// What has one row for each token: x, labels, the adjoint of the result; then the tangents of x
  /// and of the adjoint.
  private var rows: [ValueID] {
    [parts.inputs[0], parts.constants[0]] + [parts.adjoint].compactMap(\.self)
      + parts.inputTangents.prefix(1) + [parts.adjointTangent].compactMap(\.self)
  }

  func results() -> [ValueID] {
    let count = tokens / strip
    let rest = tokens - count * strip
    let tables = [parts.inputs[1]] + parts.inputTangents.dropFirst()
    let loop = Loop(
      label: "token strips", tripCount: count, carryCount: 1, stackedInputCount: rows.count,
      body: loopBody(tables: tables.count))
    let strips = rows.map { row in
      let shape = [count, strip] + builder.shape(of: row).dropFirst()
      return builder.reshape(window(of: row, from: 0, count: count * strip), to: shape)
    }
    var w_adj = builder.constant(0, tableType)
    let looped = builder.append(.loop(loop), [w_adj] + strips + tables)
    w_adj = looped[0]
    var x_adj = builder.reshape(looped[1], to: [count * strip, width])
    if rest > 0 {
      let last = rows.map { window(of: $0, from: count * strip, count: rest) }
      let (x_adj_rest, w_adj_rest) = step(builder, last, tables)
      x_adj = builder.concatenate([x_adj, x_adj_rest], axis: 0)
      w_adj = builder.add(w_adj, w_adj_rest)
    }
    return [x_adj, w_adj]
  }

  /// Some of the rows of an array.
  private func window(of rows: ValueID, from start: Int, count: Int) -> ValueID {
    let shape = builder.shape(of: rows)
    return builder.slice(
      rows, starts: [start] + shape.dropFirst().map { _ in 0 }, shape: [count] + shape.dropFirst())
  }

  private func loopBody(tables: Int) -> Graph {
    let body = GraphBuilder(name: "token strip")
    return body.withProvenance(builder.provenance) {
      _ = body.input("strip", .scalar(.i32))
      let sum = body.input("w_adj", tableType)
      let rows = self.rows.enumerated().map { position, row in
        var type = builder.type(of: row)
        type.shape[0] = strip
        return body.input("row\(position)", type)
      }
      let tables = (0..<tables).map { body.input("w\($0)", tableType) }
      let (x_adj, w_adj) = step(body, rows, tables)
      body.output("w_adj", body.add(sum, w_adj))
      body.output("x_adj", x_adj)
      return body.graph
    }
  }

  /// The results of one strip; `rows` are as in the property of that name, `tables` is w, for the
  /// tangent also its tangent.
  private func step(
    _ b: GraphBuilder, _ rows: [ValueID], _ tables: [ValueID]
  ) -> (x_adj: ValueID, w_adj: ValueID) {
    let (x, labels, adjoint, w) = (rows[0], rows[1], rows[2], tables[0])
    let z = b.contract(x, w, .logits)
    let shape = b.shape(of: z)
    func perRow(_ row: ValueID) -> ValueID { b.broadcast(row, to: shape, axes: [0]) }
    let powers = b.unary(.exp, b.subtract(z, perRow(b.reduce(.maximum, z, axes: [1]))))
    let sum = b.sum(powers, axes: [1])
    let p = b.divide(powers, perRow(sum))
    let isLabel = b.isLabel(labels, words: shape[1])
    let error = b.select(isLabel, b.subtract(p, b.constant(1, like: p)), p)
    let z_adj = b.multiply(error, perRow(adjoint))
    guard tables.count > 1 else {
      return (b.contract(z_adj, w, Self.xLike), b.contract(z_adj, x, Self.wLike))
    }
    let (x_tan, adjoint_tan, w_tan) = (rows[3], rows[4], tables[1])
    let z_tan = b.add(b.contract(x_tan, w, .logits), b.contract(x, w_tan, .logits))
    let mean = b.sum(b.multiply(p, z_tan), axes: [1])
    let p_tan = b.multiply(p, b.subtract(z_tan, perRow(mean)))
    let z_adj_tan = b.add(
      b.multiply(error, perRow(adjoint_tan)), b.multiply(p_tan, perRow(adjoint)))
    return (
      b.add(b.contract(z_adj_tan, w, Self.xLike), b.contract(z_adj, w_tan, Self.xLike)),
      b.add(b.contract(z_adj_tan, x, Self.wLike), b.contract(z_adj, x_tan, Self.wLike))
    )
  }
}
