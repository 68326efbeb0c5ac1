// SPDX-License-Identifier: Apache-2.0
//
// The derivative orders of linear cross-entropy, strip by strip over the tokens.
//
//     z = x . w^T, p = softmax z               of the strip: [s, v]
//     y = logsumexp z - z_label                a slice of the result
//     z_adj = (p - [v is the label]) y_adj
//     x_adj = z_adj . w                        a slice of the result
//     w_adj += z_adj^T . x                     carried
//
// and the tangents of all of them. Tokens that the strip does not divide leave a last, smaller strip,
// computed after the loop by the same code.

import Kernels
import TensorIR

/// Writes the wanted orders as one loop over strips of tokens.
struct StripedCrossEntropy {
  private let builder: GraphBuilder
  private let operands: StripOperands<ValueID>
  private let orders: Set<DerivativeOrder>
  private let tokens: Int
  private let width: Int
  private let tableType: TensorType
  /// Tokens in a strip: no more than half, so that there never are all logits.
  private let strip: Int

  init(
    _ builder: GraphBuilder, _ operands: StripOperands<ValueID>, _ orders: Set<DerivativeOrder>
  ) {
    self.builder = builder
    self.operands = operands
    self.orders = orders
    tokens = builder.shape(of: operands.x)[0]
    tableType = builder.type(of: operands.w)
    width = tableType.shape[1]
    let lengths = Machine.logitStripLengths
    let wanted = max(
      Machine.usual.logitStripElements / tableType.shape[0], lengths.lowerBound)
    let limit = min(wanted, lengths.upperBound, max(tokens / 2, 1))
    strip = divisor(of: tokens, upTo: limit)
  }

  private static let xLike = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [0, 2])
  private static let wLike = ContractionLabels(lhs: [0, 1], rhs: [0, 2], output: [1, 2])

  /// One strip's results, by order, as the ops have them.
  private typealias Results = [DerivativeOrder: [ValueID]]

  /// A result of one of the orders.
  private struct Member: Hashable {
    var order: DerivativeOrder
    var position: Int

    /// Whether strips add up to it; otherwise it has a row for each token.
    var isSum: Bool { (order == .adjoint || order == .adjointTangent) && position == 1 }
  }

  /// The wanted results, sums first: as the loop returns them.
  private var members: [Member] {
    let all = DerivativeOrder.allCases.filter(orders.contains).flatMap { order in
      [Member(order: order, position: 0), Member(order: order, position: 1)]
    }
    return all.filter(\.isSum) + all.filter { !$0.isSum }
  }

  func results() -> [DerivativeOrder: [ValueID]] {
    let count = tokens / strip
    let rest = tokens - count * strip
    let whole = operands.map { operand in
      isTable(operand) ? operand : window(of: operand, from: 0, count: count * strip)
    }
    var results = loop(whole, count: count)
    if rest > 0 {
      let last = operands.map { operand in
        isTable(operand) ? operand : window(of: operand, from: count * strip, count: rest)
      }
      let more = step(builder, last)
      for member in members {
        let (first, second) = (results[member], more[member.order]?[member.position])
        guard let first, let second else { continue }
        results[member] =
          member.isSum
          ? builder.add(first, second) : builder.concatenate([first, second], axis: 0)
      }
    }
    return Dictionary(grouping: results.keys, by: \.order).mapValues { members in
      members.sorted { $0.position < $1.position }.compactMap { results[$0] }
    }
  }

  /// Whether an operand is w or its tangent; the others have a row for each token.
  private func isTable(_ operand: ValueID) -> Bool {
    operand == operands.w || operand == operands.tangents?.w
  }

  /// Some of the rows of an array.
  private func window(of rows: ValueID, from start: Int, count: Int) -> ValueID {
    let shape = builder.shape(of: rows)
    return builder.slice(
      rows, starts: [start] + shape.dropFirst().map { _ in 0 }, shape: [count] + shape.dropFirst())
  }

  /// The results of `count` strips, which are all of `whole`.
  private func loop(_ whole: StripOperands<ValueID>, count: Int) -> [Member: ValueID] {
    let tables = Set([operands.w] + (operands.tangents.map { [$0.w] } ?? []))
    let rows = whole.all.filter { !tables.contains($0) }
    let sums = members.filter(\.isSum)
    let loop = Loop(
      role: .tokenStrips, tripCount: count, carryCount: sums.count,
      stackedInputCount: rows.count, body: loopBody(whole, sums: sums.count))
    let strips = rows.map { row in
      builder.reshape(row, to: [count, strip] + builder.shape(of: row).dropFirst())
    }
    let zeros = sums.map { _ in builder.constant(0, tableType) }
    let looped = builder.append(.loop(loop), zeros + strips + whole.all.filter(tables.contains))
    let pairs = zip(members, looped).map { member, result in
      let shape = builder.shape(of: result)
      return (
        member,
        member.isSum ? result : builder.reshape(result, to: [count * strip] + shape.dropFirst(2))
      )
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  private func loopBody(_ whole: StripOperands<ValueID>, sums: Int) -> Graph {
    let body = GraphBuilder(name: "token strip")
    return body.withProvenance(builder.provenance) {
      _ = body.input("strip", .scalar(.i32))
      let carried = (0..<sums).map { body.input("sum\($0)", tableType) }
      // Rows before tables: stacked inputs before invariants.
      var inner: [ValueID: ValueID] = [:]
      for row in whole.all where !isTable(row) {
        var type = builder.type(of: row)
        type.shape[0] = strip
        inner[row] = body.input("row\(inner.count)", type)
      }
      for table in whole.all where isTable(table) {
        inner[table] = body.input("w\(inner.count)", tableType)
      }
      let results = step(body, whole.map { inner[$0] ?? $0 })
      for (index, member) in members.enumerated() {
        guard let result = results[member.order]?[member.position] else { continue }
        body.output(
          "\(member.order)\(member.position)",
          member.isSum ? body.add(carried[index], result) : result)
      }
      return body.graph
    }
  }

  /// The results of one strip.
  private func step(_ b: GraphBuilder, _ strip: StripOperands<ValueID>) -> Results {
    let (x, w) = (strip.x, strip.w)
    let z = b.contract(x, w, .logits)
    // Beside the logits, so that one pass over both makes all that is made of them.
    let z_tan = strip.tangents.map {
      b.add(b.contract($0.x, w, .logits), b.contract(x, $0.w, .logits))
    }
    let shape = b.shape(of: z)
    func perRow(_ row: ValueID) -> ValueID { b.broadcast(row, to: shape, axes: [0]) }
    let largest = b.reduce(.maximum, z, axes: [1])
    let powers = b.unary(.exp, b.subtract(z, perRow(largest)))
    let sum = b.sum(powers, axes: [1])
    let p = b.divide(powers, perRow(sum))
    let isLabel = b.isLabel(strip.labels, words: shape[1])
    let error = b.select(isLabel, b.subtract(p, b.constant(1, like: p)), p)
    let z_adj = b.multiply(error, perRow(strip.y_adj))
    var results: Results = [:]
    if orders.contains(.value) {
      let statistics = b.add(largest, b.unary(.log, sum))
      results[.value] = [b.subtract(statistics, b.rowSum(of: z, where: isLabel)), statistics]
    }
    if let tangents = strip.tangents, let z_tan {
      let mean = b.sum(b.multiply(p, z_tan), axes: [1])
      if orders.contains(.tangent) {
        results[.tangent] = [b.subtract(mean, b.rowSum(of: z_tan, where: isLabel)), mean]
      }
      let p_tan = b.multiply(p, b.subtract(z_tan, perRow(mean)))
      var z_adj_tan = b.multiply(p_tan, perRow(strip.y_adj))
      if let y_adj_tan = tangents.y_adj {
        z_adj_tan = b.add(b.multiply(error, perRow(y_adj_tan)), z_adj_tan)
      }
      results[.adjointTangent] = [
        b.add(b.contract(z_adj_tan, w, Self.xLike), b.contract(z_adj, tangents.w, Self.xLike)),
        b.add(b.contract(z_adj_tan, x, Self.wLike), b.contract(z_adj, tangents.x, Self.wLike)),
      ]
    }
    if orders.contains(.adjoint) {
      results[.adjoint] = [b.contract(z_adj, w, Self.xLike), b.contract(z_adj, x, Self.wLike)]
    }
    return results
  }
}
