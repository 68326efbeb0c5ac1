// SPDX-License-Identifier: Apache-2.0
//
// Where the tiles of attention lie, and which of them see each other: the loops that skip a tile of
// queries and a tile of keys between which no pair counts, as far as places and lengths decide.

import Kernels
import TensorIR

extension AttentionWriter {
  /// Declares the range of query tiles of block `block`.
  func writeBlockPlace() {
    let (count, tiles) = (tiling.blockTiles, tiling.queryTiles)
    writer.integer("first_tile", Index.sum([("block", count)]))
    let end = Index.sum([("first_tile", 1)], plus: count)
    writer.integer("last_tile", tiles % count == 0 ? end : "\(end) < \(tiles) ? \(end) : \(tiles)")
  }

  /// Writes a loop over the block's tiles of queries from `start` on, and in it pointers to those
  /// areas of the tile's record that its body uses.
  func forEachQueryTile(
    from start: String, below end: String = "last_tile", _ areas: [String], _ body: () -> Void
  ) {
    nest(
      { $0.stepLoop("query_tile", from: start, below: end, $1) },
      {
        let record = at("records", [("query_tile - first_tile", queryTile.elementCount)])
        writer.writePointer("record", to: element, record)
        for area in queryTile.areas where areas.contains(area.name) {
          writer.writePointer(area.name, to: element, at("record", [], plus: area.offset))
        }
        body()
      })
  }

  /// Declares the first query of tile `query_tile`, how many there are, and where their rows begin.
  func writeQueryPlace() {
    let (tile, count) = (tiling.queries, shape.queries)
    writer.integer("first_query", Index.sum([("query_tile", tile)]))
    writer.integer("query_count", clipped("first_query", tile, count))
    writer.integer(
      "query_place",
      Index.sum([
        ("batch", count * queryStride), ("first_query", queryStride), ("head", shape.width),
      ]))
  }

  /// Declares where the row statistics of the queries begin.
  func writeRowPlace() {
    let terms = [("batch", shape.heads * shape.queries), ("head", shape.queries)]
    writer.integer("row_place", Index.sum(terms + [("first_query", 1)]))
  }

  /// Declares the tile's first key, how many there are, and where its rows begin.
  func writeKeyPlace() {
    let (tile, count) = (tiling.keys, shape.keys)
    writer.integer("first_key", Index.sum([("key_tile", tile)]))
    writer.integer(
      "key_count",
      shape.scores.hasLengths
        ? clipped("first_key", tile, "length") : clipped("first_key", tile, count))
    writer.integer(
      "key_place",
      Index.sum([
        ("batch", count * keyStride), ("first_key", keyStride), ("key_head", shape.width),
      ]))
  }

  /// How many of `tile` items from `first` on there are when there are `count` in all.
  private func clipped(_ first: String, _ tile: Int, _ count: Int) -> String {
    count % tile == 0 ? "\(tile)" : clipped(first, tile, "\(count)")
  }

  private func clipped(_ first: String, _ tile: Int, _ end: String) -> String {
    "\(end) - \(first) < \(tile) ? \(end) - \(first) : \(tile)"
  }

  /// Declares how many keys the batch element has.
  func writeLength() {
    guard shape.scores.hasLengths else { return }
    let count = shape.keys
    writer.integer("given", "lengths[batch]")
    writer.integer("length", "given < 0 ? 0 : given < \(count) ? given : \(count)")
  }

  /// Writes a loop over the tiles of keys that the block's queries see.
  func forEachKeyTile(_ body: () -> Void) {
    let scores = shape.scores
    writeKeyReach()
    let end = hasReach ? "key_tiles" : "\(tiling.keyTiles)"
    guard let window = scores.window else { return loop("key_tile", below: end, body) }
    let first = Index.sum([("first_tile", tiling.queries)])
    writer.integer(
      "nearest", "\(first) > \(window) ? (\(first) - \(window)) / \(tiling.keys) : 0")
    guard scores.prefix > 0 else {
      return nest({ $0.stepLoop("key_tile", from: "nearest", below: end, $1) }, body)
    }
    loop("key_tile", below: end) {
      let isPrefix = "key_tile < \((scores.prefix + tiling.keys - 1) / tiling.keys)"
      nest({ $0.when("\(isPrefix) || key_tile >= nearest", $1) }, body)
    }
  }

  /// Whether the end of the tiles of keys is computed, in `key_tiles`.
  private var hasReach: Bool { shape.scores.isBanded || shape.scores.hasLengths }

  /// Declares `key_tiles`, how many tiles of keys there are for the block's queries.
  private func writeKeyReach() {
    guard hasReach else { return }
    let (scores, t, u) = (shape.scores, tiling.queries, tiling.keys)
    if scores.hasLengths { writer.integer("present", "(length + \(u - 1)) / \(u)") }
    let all = scores.hasLengths ? "present" : "\(tiling.keyTiles)"
    guard scores.isBanded else { return writer.integer("key_tiles", all) }
    let ahead = scores.isCausal ? 0 : scores.window ?? 0
    writer.integer("reach", "(\(Index.sum([("last_tile", t)], plus: ahead + u - 1))) / \(u)")
    var reach = "reach"
    if scores.prefix > 0 {
      let least = (scores.prefix + u - 1) / u
      writer.integer("wanted", "reach < \(least) ? \(least) : reach")
      reach = "wanted"
    }
    let isShort =
      tiling.queryTiles * t + ahead <= shape.keys && !scores.hasLengths && scores.prefix == 0
    writer.integer("key_tiles", isShort ? reach : "\(reach) < \(all) ? \(reach) : \(all)")
  }

  /// Writes a loop over the block's tiles of queries that see the tile of keys.
  func forEachSeeingQueryTile(_ areas: [String], _ body: () -> Void) {
    let (scores, t) = (shape.scores, tiling.queries)
    guard scores.isBanded else { return forEachQueryTile(from: "first_tile", areas, body) }
    let isFree = scores.prefix > 0 ? "first_key < \(scores.prefix) || " : ""
    if scores.isCausal {
      writer.integer("level", "first_key / \(t)")
    } else if let window = scores.window {
      writer.integer("level", "first_key > \(window) ? (first_key - \(window)) / \(t) : 0")
    }
    writer.integer(
      "seeing",
      scores.prefix > 0
        ? "\(isFree)level < first_tile ? first_tile : level"
        : "level > first_tile ? level : first_tile")
    guard let window = scores.window else {
      return forEachQueryTile(from: "seeing", areas, body)
    }
    writer.integer("beyond", "(first_key + \(tiling.keys - 1 + window)) / \(t) + 1")
    writer.integer("until", "\(isFree)beyond > last_tile ? last_tile : beyond")
    forEachQueryTile(from: "seeing", below: "until", areas, body)
  }
}
