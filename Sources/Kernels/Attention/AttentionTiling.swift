// SPDX-License-Identifier: Apache-2.0
//
// How attention is cut into tiles, and where the tiles lie in scratch memory. Tiles of scores have
// a row per key and neighbouring queries along it: softmax statistics are then sums down the
// columns, one query a vector lane, and keys and values are used as they lie, row by row; only
// queries (and adjoints of results) are transposed, once per tile of them.
//
// All tiles have one size, so that their products are compiled for it. Tiles at the end of a
// sequence are filled up: with zero rows, and with masked scores.

import MixFuseShared
import TensorIR

/// The tiles of one attention kernel.
package struct AttentionTiling: Hashable, Sendable {
  /// Queries and keys of one tile of scores.
  package var queries: Int, keys: Int
  /// Tiles along the queries and along the keys.
  package var queryTiles: Int, keyTiles: Int
  /// Neighbouring tiles of queries that share each tile of keys as it is copied.
  package var blockTiles: Int

  /// Spreads queries and keys evenly over as few tiles as a limit allows.
  init(_ shape: AttentionShape, on machine: Machine) {
    let lanes = machine.lanes(shape.element)
    let limit = Machine.widestAttentionTile(queries: shape.queries, shape.scores)
    queryTiles = (shape.queries + limit - 1) / limit
    let share = (shape.queries + queryTiles - 1) / queryTiles
    var granule = lanes
    while granule > 1 && granule / 2 >= share { granule /= 2 }
    queries = share.roundedUp(to: granule)
    queryTiles = (shape.queries + queries - 1) / queries
    if shape.scores.isCausal {
      // Square tiles, so that the diagonal crosses one tile per row of tiles.
      keys = min(queries, shape.keys)
    } else {
      let tiles = (shape.keys + limit - 1) / limit
      keys = (shape.keys + tiles - 1) / tiles
    }
    keyTiles = (shape.keys + keys - 1) / keys
    blockTiles = 1
    let scratch = AttentionScratch(shape, self)
    let room = machine.attentionBytes / shape.element.byteCount
    let fitting = (room - scratch.shared.elementCount) / scratch.queryTile.elementCount
    blockTiles = max(1, min(Machine.mostTilesOfBlock, queryTiles, fitting))
  }

  /// Blocks along the queries.
  package var blocks: Int { (queryTiles + blockTiles - 1) / blockTiles }

  /// Units that the kernel's work is split into.
  func unitCount(_ shape: AttentionShape) -> Int {
    switch shape.order {
    case .value, .tangent: shape.batch * shape.heads * blocks
    case .adjoint, .adjointTangent:
      (shape.sumsOverBatch ? 1 : shape.batch) * (shape.sumsOverHeads ? 1 : shape.keyHeads)
    }
  }

  /// Floating-point operations of all tiles that are not skipped.
  func executedFlops(_ shape: AttentionShape) -> Int {
    var tiles = queryTiles * keyTiles
    if shape.scores.isBanded {
      tiles = (0..<queryTiles).reduce(0) { $0 + seenTiles(of: $1, shape) }
    }
    let onePair = 2 * shape.productCount * shape.width
    return shape.batch * shape.heads * tiles * queries * keys * onePair
  }
}

extension AttentionTiling {
  /// Tiles of keys that a tile of queries sees, as far as places decide.
  private func seenTiles(of tile: Int, _ shape: AttentionShape) -> Int {
    let scores = shape.scores
    let first = scores.band(of: tile * queries, keys: shape.keys).lowerBound / keys
    let last = scores.band(of: tile * queries + queries - 1, keys: shape.keys).upperBound
    let end = (last + keys - 1) / keys
    let always = min(keyTiles, (scores.prefix + keys - 1) / keys)
    return max(0, end - first) + max(0, always - end) + min(first, always)
  }
}

/// A list of named areas of memory, each at a multiple of 64 bytes.
package struct ScratchLayout: Hashable, Sendable {
  /// One area.
  package struct Area: Hashable, Sendable {
    package var name: String
    /// First element.
    package var offset: Int
  }

  package private(set) var areas: [Area] = []
  /// Elements of all areas together.
  package private(set) var elementCount = 0

  init(_ areas: [(String, Int)]) {
    for (name, count) in areas { add(name, count) }
  }

  /// Adds an area of `count` elements.
  mutating func add(_ name: String, _ count: Int) {
    areas.append(Area(name: name, offset: elementCount))
    elementCount += count.roundedUp(to: Machine.areaElements)
  }
}

/// The scratch memory of one worker: areas for the tile of keys at hand and its scores, and a
/// record of areas for each tile of queries in a block.
///
/// `queries`, `keys` and `values` hold rows of the operands of those names and `adjoints` those of
/// the adjoint of the result; `.._turned` are transposed.
package struct AttentionScratch: Hashable, Sendable {
  package var shared: ScratchLayout
  package var queryTile: ScratchLayout

  /// The areas of an order of attention, without what its products need.
  init(_ shape: AttentionShape, _ tiling: AttentionTiling) {
    let parts = shape.order.partCount
    let statistics = tiling.queries
    let queries = parts * tiling.queries * shape.width
    let keys = parts * tiling.keys * shape.width
    let scores = parts * tiling.queries * tiling.keys
    let sums = tiling.queries * shape.width
    let rows = [("keys", keys), ("values", keys), ("weights", scores)]
    defer {
      if shape.isBiasTransposed { shared.add("bias_tile", tiling.queries * tiling.keys) }
    }
    switch shape.order {
    case .value:
      shared = ScratchLayout(rows + [("queries", queries), ("factor", statistics)])
      queryTile = ScratchLayout([
        ("queries_turned", queries), ("sums", sums), ("top", statistics), ("total", statistics),
      ])
    case .tangent:
      shared = ScratchLayout(rows + [("queries", queries)])
      queryTile = ScratchLayout([
        ("queries_turned", queries), ("sums", sums), ("l_tile", statistics),
        ("row_sums", statistics),
      ])
    case .adjoint, .adjointTangent:
      let keySums = tiling.keys * shape.width
      shared = ScratchLayout(
        rows + [("score_adjoints", scores), ("key_sums", keySums), ("value_sums", keySums)])
      let tangents = parts == 2 ? [("l_tan_tile", statistics), ("d_tan_tile", statistics)] : []
      if shape.scores.softcap != nil { shared.add("gains", scores) }
      if shape.scores.relative == .moving {
        shared.add("relative_sums", tiling.queries + tiling.keys - 1)
      }
      queryTile = ScratchLayout(
        [
          ("queries", queries), ("queries_turned", queries), ("adjoints", queries),
          ("adjoints_turned", queries), ("sums", sums), ("l_tile", statistics),
          ("d_tile", statistics),
        ] + tangents)
    }
  }
}
