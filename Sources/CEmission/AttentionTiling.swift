// SPDX-License-Identifier: Apache-2.0
//
// How attention is cut into tiles, and where the tiles lie in scratch memory. Tiles of scores have
// a row per key and neighbouring queries along it: softmax statistics are then sums down the
// columns, one query a vector lane, and keys and values are used as they lie, row by row; only
// queries (and adjoints of results) are transposed, once per tile of them.
//
// All tiles have one size, so that their products are compiled for it. Tiles at the end of a
// sequence are filled up: with zero rows, and with masked scores.

import Scheduling
import TensorIR

/// The tiles of one attention kernel.
struct AttentionTiling: Hashable {
  /// Queries and keys of one tile of scores.
  var queries: Int, keys: Int
  /// Tiles along the queries and along the keys.
  var queryTiles: Int, keyTiles: Int

  /// Spreads queries and keys evenly over as few tiles as a limit allows.
  init(_ shape: AttentionShape, _ target: ContractionTarget) {
    let lanes = target.lanes(shape.element)
    let limit = Self.limit(shape)
    queryTiles = (shape.queries + limit.queries - 1) / limit.queries
    let share = (shape.queries + queryTiles - 1) / queryTiles
    var granule = lanes
    while granule > 1 && granule / 2 >= share { granule /= 2 }
    queries = share.roundedUp(to: granule)
    queryTiles = (shape.queries + queries - 1) / queries
    keyTiles = (shape.keys + limit.keys - 1) / limit.keys
    keys = (shape.keys + keyTiles - 1) / keyTiles
    keyTiles = (shape.keys + keys - 1) / keys
  }

  /// Tiles of 64 x 64 amortise their overheads and waste little on the diagonal; two score tiles,
  /// panels of keys and of queries then fit the second-level cache.
  private static func limit(_ shape: AttentionShape) -> (queries: Int, keys: Int) {
    (64, 64)
  }

  /// Units that the kernel's work is split into.
  func unitCount(_ shape: AttentionShape) -> Int {
    switch shape.order {
    case .value, .tangent: shape.batch * shape.heads * queryTiles
    case .adjoint, .adjointTangent: shape.batch * shape.keyHeads
    }
  }

  /// Floating-point operations of all tiles that are not skipped.
  func executedFlops(_ shape: AttentionShape) -> Int {
    var tiles = queryTiles * keyTiles
    if shape.isCausal {
      tiles = (0..<queryTiles).reduce(0) { sum, tile in
        sum + min(keyTiles, (tile * queries + queries - 1) / keys + 1)
      }
    }
    let onePair = 2 * shape.productCount * shape.width
    return shape.batch * shape.heads * tiles * queries * keys * onePair
  }
}

/// Scratch memory as a list of named areas, each at a multiple of 64 bytes.
struct ScratchLayout {
  /// Name, offset and size of each area in elements.
  private(set) var areas: [(name: String, offset: Int)] = []
  /// Elements of all areas together.
  private(set) var elementCount = 0

  /// Adds an area of `count` elements.
  mutating func add(_ name: String, _ count: Int) {
    areas.append((name, elementCount))
    elementCount += count.roundedUp(to: 16)
  }
}
