// SPDX-License-Identifier: Apache-2.0
//
// The value and the tangent of linear cross-entropy, tile by tile over the vocabulary: running sums.
//
//     value:    largest logit, sum of exponentials, the label's logit
//     tangent:  sum of probabilities times tangents, the tangent of the label's logit
//
// A vocabulary that the tile does not divide leaves a last, smaller tile, computed after the loop by
// the same code.

import Kernels
import TensorIR

/// Writes the value, or the tangent if there are tangents, as a loop over vocabulary tiles.
struct TiledCrossEntropy {
  private let builder: GraphBuilder
  private let parts: StructuredOperands<ValueID>
  private let rowType: TensorType
  private let width: Int
  private let vocabulary: Int
  /// Rows of w in a tile.
  private let tile: Int

  init(_ builder: GraphBuilder, _ parts: StructuredOperands<ValueID>) {
    self.builder = builder
    self.parts = parts
    let x = builder.type(of: parts.inputs[0])
    rowType = TensorType([x.shape[0]], x.dtype)
    width = x.shape[1]
    vocabulary = builder.shape(of: parts.inputs[1])[0]
    let widths = Machine.logitTileWidths
    let wanted = max(Machine.usual.logitTileElements / x.shape[0], widths.lowerBound)
    let limit = min(wanted, widths.upperBound)
    tile = divisor(of: vocabulary, upTo: limit)
  }

  private var isTangent: Bool { !parts.inputTangents.isEmpty }

  func results() -> [ValueID] {
    let count = vocabulary / tile
    let rest = vocabulary - count * tile
    let tables = [parts.inputs[1]] + parts.inputTangents.dropFirst()
    let shared =
      [parts.inputs[0], parts.constants[0]] + parts.inputTangents.prefix(1)
      + [parts.statistics].compactMap(\.self)
    var sums = initialSums()
    let loop = Loop(
      role: .vocabularyTiles, tripCount: count, carryCount: sums.count,
      stackedInputCount: tables.count, body: loopBody(shared, tables: tables.count))
    let stacked = tables.map { table in
      builder.reshape(
        builder.slice(table, starts: [0, 0], shape: [count * tile, width]),
        to: [count, tile, width])
    }
    sums = builder.append(.loop(loop), sums + stacked + shared)
    if rest > 0 {
      let last = tables.map {
        builder.slice($0, starts: [count * tile, 0], shape: [rest, width])
      }
      let first = builder.constant(Double(count * tile), .scalar(.i32))
      sums = step(builder, shared, last, firstWord: first, sums)
    }
    if isTangent { return [builder.subtract(sums[0], sums[1]), sums[0]] }
    let statistics = builder.add(sums[0], builder.unary(.log, sums[1]))
    return [builder.subtract(statistics, sums[2]), statistics]
  }

  private func initialSums() -> [ValueID] {
    let zero = builder.constant(0, rowType)
    return isTangent ? [zero, zero] : [builder.constant(-.infinity, rowType), zero, zero]
  }

  private func loopBody(_ shared: [ValueID], tables: Int) -> Graph {
    let body = GraphBuilder(name: "vocabulary tile")
    return body.withProvenance(builder.provenance) {
      let index = body.input("tile", .scalar(.i32))
      let sums = initialSums().indices.map { body.input("sum\($0)", rowType) }
      let tile = TensorType([tile, width], rowType.dtype)
      let slices = (0..<tables).map { body.input("w\($0)", tile) }
      let inner = shared.enumerated().map { body.input("x\($0)", builder.type(of: $1)) }
      let first = body.multiply(index, body.constant(Double(self.tile), .scalar(.i32)))
      for (position, sum) in step(body, inner, slices, firstWord: first, sums).enumerated() {
        body.output("sum\(position)", sum)
      }
      return body.graph
    }
  }

  /// The sums with one more tile. `shared` is x and the labels, for the tangent also the tangent of
  /// x and the statistics; `tables` is w, for the tangent also its tangent.
  private func step(
    _ b: GraphBuilder, _ shared: [ValueID], _ tables: [ValueID], firstWord: ValueID,
    _ sums: [ValueID]
  ) -> [ValueID] {
    let z = b.contract(shared[0], tables[0], .logits)
    let shape = b.shape(of: z)
    let isLabel = b.isLabel(shared[1], words: shape[1], first: firstWord)
    func perRow(_ row: ValueID) -> ValueID { b.broadcast(row, to: shape, axes: [0]) }
    func picked(_ x: ValueID) -> ValueID {
      b.sum(b.select(isLabel, x, b.constant(0, like: x)), axes: [1])
    }
    if isTangent {
      let p = b.unary(.exp, b.subtract(z, perRow(shared[3])))
      let z_tan = b.add(
        b.contract(shared[2], tables[0], .logits), b.contract(shared[0], tables[1], .logits))
      return [
        b.add(sums[0], b.sum(b.multiply(p, z_tan), axes: [1])), b.add(sums[1], picked(z_tan)),
      ]
    }
    let largest = b.maximum(sums[0], b.reduce(.maximum, z, axes: [1]))
    // A tile may have nothing but logits of -inf, which are not to be subtracted from themselves.
    let isInfinite = b.compare(
      .equal, b.unary(.abs, largest), b.constant(.infinity, like: largest))
    let shift = b.select(isInfinite, b.constant(0, like: largest), largest)
    let kept = b.multiply(sums[1], b.unary(.exp, b.subtract(sums[0], shift)))
    let sum = b.sum(b.unary(.exp, b.subtract(z, perRow(shift))), axes: [1])
    return [largest, b.add(kept, sum), b.add(sums[2], picked(z))]
  }
}

/// The largest divisor of `count` that is at most `limit` and at least half of it; `limit` if there
/// is none, which leaves a remainder.
func divisor(of count: Int, upTo limit: Int) -> Int {
  let limit = min(limit, count)
  let candidates = stride(from: limit, through: max(limit / 2, 1), by: -1)
  return candidates.first { count % $0 == 0 } ?? limit
}
