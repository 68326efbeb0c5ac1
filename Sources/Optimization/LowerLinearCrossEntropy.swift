// SPDX-License-Identifier: Apache-2.0
//
// Replaces linear cross-entropy, at each of its derivative orders, by a loop over tiles of the
// vocabulary, so that only one tile of logits exists at a time.
//
//     %y, %s = linear_cross_entropy %x, %w, %labels          logits: [n, v]
//   ->
//     loop "vocabulary tiles" over w: [v / t, t, d]          logits: [n, t]
//
// The loop carries what is summed over the vocabulary (the running log-sum-exp, the adjoint of x)
// and stacks what belongs to a tile (the adjoint of w). A vocabulary that the tile does not divide
// leaves a last, smaller tile, computed after the loop by the same code. No derivative may be asked
// for afterwards: this pass comes after differentiation.

import TensorIR

extension Pass {
  package static let lowerLinearCrossEntropy = Pass(
    name: "lower linear cross entropy",
    summary: "computes linear cross-entropy tile by tile over the vocabulary",
    run: lowered)
}

@Sendable private func lowered(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    guard case .structured(let op) = node.op, op.function == .linearCrossEntropy else {
      return rewriter.append(node.op.mapRegions(lowered), operands)
    }
    let builder = GraphBuilder(name: op.name)
    return builder.withProvenance(node.provenance) {
      let inputs = operands.enumerated().map {
        builder.input("x\($0)", rewriter.type(of: $1))
      }
      guard let parts = StructuredOperands(inputs, of: op) else {
        preconditionFailure("compiler bug: \(op.name) with \(operands.count) operands")
      }
      let results = TiledCrossEntropy(builder, parts, op.order).results()
      for (index, result) in results.enumerated() { builder.output("y\(index)", result) }
      return rewriter.inline(builder.graph, operands)
    }
  }
}

/// Elements of a tile of logits: it should stay in the second- or third-level cache.
private let tileElements = 1 << 20
private let tileWidths = 64...1024

/// Writes one order of the function as a loop over vocabulary tiles.
private struct TiledCrossEntropy {
  let builder: GraphBuilder
  let order: DerivativeOrder
  /// Read whole by every tile: x, labels, statistics and so on.
  let parts: StructuredOperands<ValueID>
  let tokens: Int
  let width: Int
  let vocabulary: Int
  let dtype: DType
  /// Rows of w in a tile.
  let tile: Int

  init(_ builder: GraphBuilder, _ parts: StructuredOperands<ValueID>, _ order: DerivativeOrder) {
    self.builder = builder
    self.order = order
    self.parts = parts
    let x = builder.type(of: parts.inputs[0])
    (tokens, width, dtype) = (x.shape[0], x.shape[1], x.dtype)
    vocabulary = builder.shape(of: parts.inputs[1])[0]
    let limit = min(max(tileElements / tokens, tileWidths.lowerBound), tileWidths.upperBound)
    let rows = vocabulary
    let widths = stride(from: min(limit, rows), through: max(limit / 2, 1), by: -1)
    tile = widths.first { rows % $0 == 0 } ?? min(limit, rows)
  }

  func results() -> [ValueID] {
    let count = vocabulary / tile
    let rest = vocabulary - count * tile
    let tables = [parts.inputs[1]] + parts.inputTangents.dropFirst()
    let shared = sharedOperands()
    var carries = initialCarries()
    var stacks: [[ValueID]] = stackedTypes().map { _ in [] }

    let body = loopBody(shared, tables: tables.count)
    let loop = Loop(
      label: "vocabulary tiles", tripCount: count, carryCount: carries.count,
      stackedInputCount: tables.count, body: body)
    let stacked = tables.map { table in
      builder.reshape(
        builder.slice(table, starts: [0, 0], shape: [count * tile, width]),
        to: [count, tile, width])
    }
    let looped = builder.append(.loop(loop), carries + stacked + shared)
    carries = Array(looped.prefix(carries.count))
    for (index, result) in looped.dropFirst(carries.count).enumerated() {
      stacks[index].append(builder.reshape(result, to: [count * tile, width]))
    }
    if rest > 0 {
      let last = tables.map {
        builder.slice($0, starts: [count * tile, 0], shape: [rest, width])
      }
      let first = builder.constant(Double(count * tile), .scalar(.i32))
      let (next, outputs) = step(builder, parts(shared), last, firstLabel: first, carries)
      carries = next
      for (index, output) in outputs.enumerated() { stacks[index].append(output) }
    }
    return finish(carries, stacks.map { builder.concatenate($0, axis: 0) })
  }

  // MARK: The loop

  private func loopBody(_ shared: [ValueID], tables: Int) -> Graph {
    let body = GraphBuilder(name: "vocabulary tile")
    return body.withProvenance(builder.provenance) {
      let index = body.input("tile", .scalar(.i32))
      let carries = initialCarries().enumerated().map {
        body.input("carry\($0)", builder.type(of: $1))
      }
      let slices = (0..<tables).map { body.input("w\($0)", TensorType([tile, width], dtype)) }
      let inner = shared.enumerated().map { body.input("x\($0)", builder.type(of: $1)) }
      let first = body.multiply(index, body.constant(Double(tile), .scalar(.i32)))
      let (next, outputs) = step(body, parts(inner), slices, firstLabel: first, carries)
      for (position, value) in (next + outputs).enumerated() { body.output("y\(position)", value) }
      return body.graph
    }
  }

  /// The operands other than w and its tangent, in a fixed order.
  private func sharedOperands() -> [ValueID] {
    [parts.inputs[0], parts.constants[0]] + parts.inputTangents.prefix(1)
      + [parts.statistics, parts.adjoint, parts.statisticsTangent, parts.adjointTangent]
      .compactMap(\.self)
  }

  /// The shared operands as seen in a region.
  private func parts(_ values: [ValueID]) -> TileOperands {
    var rest = values[...]
    func next(if isPresent: Bool) -> ValueID? { isPresent ? rest.removeFirst() : nil }
    return TileOperands(
      x: rest.removeFirst(), labels: rest.removeFirst(),
      x_tan: next(if: !parts.inputTangents.isEmpty), statistics: next(if: parts.statistics != nil),
      adjoint: next(if: parts.adjoint != nil),
      statistics_tan: next(if: parts.statisticsTangent != nil),
      adjoint_tan: next(if: parts.adjointTangent != nil))
  }

  private struct TileOperands {
    var x: ValueID
    var labels: ValueID
    var x_tan: ValueID?
    var statistics: ValueID?
    var adjoint: ValueID?
    var statistics_tan: ValueID?
    var adjoint_tan: ValueID?
  }

  // MARK: Sums over the vocabulary

  private var rowType: TensorType { TensorType([tokens], dtype) }

  private func initialCarries() -> [ValueID] {
    switch order {
    case .value:  // Running maximum, sum of exponentials, the label's logit.
      [builder.constant(-.infinity, rowType)]
        + (0..<2).map { _ in builder.constant(0, rowType) }
    case .tangent:  // Row sum, the tangent of the label's logit.
      (0..<2).map { _ in builder.constant(0, rowType) }
    case .adjoint, .adjointTangent:
      [builder.constant(0, TensorType([tokens, width], dtype))]
    }
  }

  private func stackedTypes() -> [TensorType] {
    switch order {
    case .value, .tangent: []
    case .adjoint, .adjointTangent: [TensorType([tile, width], dtype)]
    }
  }

  private func finish(_ carries: [ValueID], _ stacks: [ValueID]) -> [ValueID] {
    switch order {
    case .value:
      let statistics = builder.add(carries[0], builder.unary(.log, carries[1]))
      return [builder.subtract(statistics, carries[2]), statistics]
    case .tangent: return [builder.subtract(carries[0], carries[1]), carries[0]]
    case .adjoint, .adjointTangent: return carries + stacks
    }
  }

  // MARK: One tile

  private static let logits = ContractionLabels(lhs: [0, 2], rhs: [1, 2], output: [0, 1])
  private static let xLike = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [0, 2])
  private static let wLike = ContractionLabels(lhs: [0, 1], rhs: [0, 2], output: [1, 2])

  /// The next carries and the stacked outputs of one tile.
  private func step(
    _ b: GraphBuilder, _ o: TileOperands, _ tables: [ValueID], firstLabel: ValueID,
    _ carries: [ValueID]
  ) -> (carries: [ValueID], outputs: [ValueID]) {
    let w = tables[0]
    let z = b.contract(o.x, w, Self.logits)
    let shape = b.shape(of: z)
    func perRow(_ row: ValueID) -> ValueID { b.broadcast(row, to: shape, axes: [0]) }
    let label = b.add(b.iota(axis: 1, shape: shape), b.broadcast(scalar: firstLabel, to: shape))
    let isLabel = b.compare(.equal, perRow(o.labels), label)
    func picked(_ x: ValueID) -> ValueID {
      b.sum(b.select(isLabel, x, b.constant(0, like: x)), axes: [1])
    }
    guard order != .value, let statistics = o.statistics else {
      let largest = b.maximum(carries[0], b.reduce(.maximum, z, axes: [1]))
      let kept = b.multiply(carries[1], b.unary(.exp, b.subtract(carries[0], largest)))
      let sum = b.sum(b.unary(.exp, b.subtract(z, perRow(largest))), axes: [1])
      return ([largest, b.add(kept, sum), b.add(carries[2], picked(z))], [])
    }
    let p = b.unary(.exp, b.subtract(z, perRow(statistics)))
    var z_tan: ValueID?
    if let x_tan = o.x_tan {
      z_tan = b.add(b.contract(x_tan, w, Self.logits), b.contract(o.x, tables[1], Self.logits))
    }
    if order == .tangent, let z_tan {
      let sum = b.sum(b.multiply(p, z_tan), axes: [1])
      return ([b.add(carries[0], sum), b.add(carries[1], picked(z_tan))], [])
    }
    guard let adjoint = o.adjoint else { return (carries, []) }
    let error = b.select(isLabel, b.subtract(p, b.constant(1, like: p)), p)
    let z_adj = b.multiply(error, perRow(adjoint))
    guard let z_tan, let x_tan = o.x_tan, let statistics_tan = o.statistics_tan,
      let adjoint_tan = o.adjoint_tan
    else {
      let x_adj = b.add(carries[0], b.contract(z_adj, w, Self.xLike))
      return ([x_adj], [b.contract(z_adj, o.x, Self.wLike)])
    }
    let p_tan = b.multiply(p, b.subtract(z_tan, perRow(statistics_tan)))
    let z_adj_tan = b.add(
      b.multiply(error, perRow(adjoint_tan)), b.multiply(p_tan, perRow(adjoint)))
    let x_adj_tan = b.add(
      b.contract(z_adj_tan, w, Self.xLike), b.contract(z_adj, tables[1], Self.xLike))
    let w_adj_tan = b.add(
      b.contract(z_adj_tan, o.x, Self.wLike), b.contract(z_adj, x_tan, Self.wLike))
    return ([b.add(carries[0], x_adj_tan)], [w_adj_tan])
  }
}
