// SPDX-License-Identifier: Apache-2.0
//
// What the attention kernels of all orders share: the signature, the places of operands and tiles,
// copying rows into tiles, the products that make scores, and the mask. Text goes through the
// writer of contraction kernels; arithmetic on tiles is in the helpers `mf_attention_*`.

import Kernels
import TensorIR

/// Writes the entry function of one attention kernel.
final class AttentionWriter {
  let plan: AttentionPlan
  let name: String
  var writer = CWriter()
  /// Symbols of runtime helpers called so far.
  private(set) var helpers: [String] = []

  init(_ plan: AttentionPlan, named name: String) { (self.plan, self.name) = (plan, name) }

  var shape: AttentionShape { plan.shape }
  var tiling: AttentionTiling { plan.tiling }
  var products: AttentionProducts { plan.products }
  private var element: ContractionElement { shape.element }
  /// Areas of scratch memory used by all tiles of queries, and those of each tile in a block.
  private var shared: ScratchLayout { plan.scratch.shared }
  private var queryTile: ScratchLayout { plan.scratch.queryTile }
  private var transposer: String {
    "mf_pack_transposed_\(element.rawValue)x\(plan.transposedLanes)"
  }

  /// The C text so far.
  var text: String { writer.text }
  /// Parts of each operand; see `AttentionProducts`.
  var parts: Int { shape.order.partCount }
  /// Elements of a tile's rows: one part of queries or of keys.
  var queryTileSize: Int { tiling.queries * shape.width }
  /// Elements from one query's row to the next, and from one key's row to the next.
  var queryStride: Int { shape.heads * shape.width }
  var keyStride: Int { shape.keyHeads * shape.width }

  // MARK: the function

  /// Writes the entry: `operands` are read, `results` are written. `body` writes one unit of work,
  /// whose number is `unit`.
  func writeEntry(operands: [String], results: [String], _ body: () -> Void) {
    writer.comment(summary)
    let parameters =
      operands.map { element.input($0) } + results.map { element.output($0) }
      + [element.output("scratch"), Index.parameter("begin"), Index.parameter("end")]
    nest(
      { $0.kernelFunction(name, parameters, $1) },
      {
        for area in shared.areas {
          writer.writePointer(area.name, to: element, at("scratch", [], plus: area.offset))
        }
        writer.writePointer("records", to: element, at("scratch", [], plus: shared.elementCount))
        nest({ $0.stepLoop("unit", from: "begin", below: "end", $1) }, body)
      })
  }

  private var summary: String {
    let mask = shape.isCausal ? "causal " : ""
    let (t, u) = (tiling.queries, tiling.keys)
    return "\(name): \(mask)attention, \(shape.order.rawValue), tiles of \(t) queries x \(u) keys."
  }

  /// Runs `body` inside a block that `open` writes.
  func nest(
    _ open: (inout CWriter, (inout CWriter) -> Void) -> Void, _ body: () -> Void
  ) {
    var outer = writer
    withoutActuallyEscaping(body) { body in
      open(&outer) { inner in
        writer = inner
        body()
        inner = writer
      }
    }
    writer = outer
  }

  /// Writes a loop over `0 ..< count`.
  func loop(_ variable: String, below end: String, _ body: () -> Void) {
    nest({ $0.stepLoop(variable, below: end, $1) }, body)
  }

  // MARK: calls

  /// Calls the runtime helper `mf_NAME_TYPE`.
  func helper(_ name: String, _ arguments: [String]) {
    let symbol = "mf_\(name)_\(shape.element.rawValue)"
    helpers.append(symbol)
    writer.call(symbol, arguments)
  }

  /// Calls the tile product `part`.
  func product(
    _ part: String, _ plan: ContractionPlan?, _ a: String, _ b: String, _ c: String
  ) {
    guard let plan else { preconditionFailure("\(shape.order) makes no product \(part)") }
    let work = plan.scratchBytes > 0 ? ["work"] : []
    writer.call("\(name)_\(part)", [a, b, c] + work + ["0", "\(plan.splitCount)"])
  }

  /// `pointer + index`.
  func at(_ pointer: String, _ terms: [(String, Int)], plus constant: Int = 0) -> String {
    Index.address(pointer, terms, plus: constant)
  }

  // MARK: places

  /// Declares the range of query tiles of block `block`.
  func writeBlockPlace() {
    let (count, tiles) = (tiling.blockTiles, tiling.queryTiles)
    writer.integer("first_tile", Index.sum([("block", count)]))
    let end = Index.sum([("first_tile", 1)], plus: count)
    writer.integer("last_tile", tiles % count == 0 ? end : "\(end) < \(tiles) ? \(end) : \(tiles)")
  }

  /// Writes a loop over the block's tiles of queries from `start` on, and in it pointers to those
  /// areas of the tile's record that its body uses.
  func forEachQueryTile(from start: String, _ areas: [String], _ body: () -> Void) {
    nest(
      { $0.stepLoop("query_tile", from: start, below: "last_tile", $1) },
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
    writer.integer("key_count", clipped("first_key", tile, count))
    writer.integer(
      "key_place",
      Index.sum([
        ("batch", count * keyStride), ("first_key", keyStride), ("key_head", shape.width),
      ]))
  }

  /// How many of `tile` items from `first` on there are when there are `count` in all.
  private func clipped(_ first: String, _ tile: Int, _ count: Int) -> String {
    if count % tile == 0 { return "\(tile)" }
    return "\(count) - \(first) < \(tile) ? \(count) - \(first) : \(tile)"
  }

  /// Writes a loop over the tiles of keys that the block's queries see.
  func forEachKeyTile(_ body: () -> Void) {
    let (t, u, count) = (tiling.queries, tiling.keys, tiling.keyTiles)
    if shape.isCausal {
      writer.integer("reach", "(\(Index.sum([("last_tile", t)], plus: u - 1))) / \(u)")
      let isShort = tiling.queryTiles * t <= shape.keys
      writer.integer("key_tiles", isShort ? "reach" : "reach < \(count) ? reach : \(count)")
      loop("key_tile", below: "key_tiles", body)
    } else {
      loop("key_tile", below: "\(count)", body)
    }
  }

  /// Writes a loop over the block's tiles of queries that see the tile of keys.
  func forEachSeeingQueryTile(_ areas: [String], _ body: () -> Void) {
    if shape.isCausal {
      writer.integer("level", "first_key / \(tiling.queries)")
      writer.integer("seeing", "level > first_tile ? level : first_tile")
    }
    forEachQueryTile(from: shape.isCausal ? "seeing" : "first_tile", areas, body)
  }

  // MARK: tiles

  /// Sets `count` neighbouring elements.
  func fill(_ area: String, _ count: Int, with value: String) {
    loop("i", below: "\(count)") { writer.line("\(area)[i] = \(value);") }
  }

  /// Copies rows of a query-like operand into `rows`, one part after the other, and transposed
  /// into `turned`, the last part first.
  ///
  /// - Parameter operands: the value and, if there are two parts, the tangent.
  func writeQueryRows(
    _ operands: [String], factor: Double, rows: String, turned: String
  ) {
    let (t, d) = (tiling.queries, shape.width)
    for (part, operand) in operands.enumerated() {
      let place = at(rows, [], plus: part * queryTileSize)
      helper(
        "pack_scaled",
        [
          "\(operand) + query_place", "\(queryStride)", "query_count", "\(d)", literal(factor),
          place, "\(d)", "\(t)",
        ])
      let panel = at(turned, [], plus: (parts - 1 - part) * queryTileSize)
      helpers.append(transposer)
      writer.call(transposer, [place, "\(d)", "\(t)", "\(d)", panel])
    }
  }

  /// Copies rows of a key-like operand into `rows`, its parts side by side.
  func writeKeyRows(_ operands: [String], rows: String) {
    for (part, operand) in operands.enumerated() {
      helper(
        "pack_scaled",
        [
          "\(operand) + key_place", "\(keyStride)", "key_count", "\(shape.width)", literal(1),
          at(rows, [], plus: part * shape.width), "\(parts * shape.width)", "\(tiling.keys)",
        ])
    }
  }

  /// Copies row statistics into a tile.
  func writeRowStatistics(_ operand: String, to tile: String) {
    helper(
      "pack_scaled",
      [
        "\(operand) + row_place", "1", "query_count", "1", literal(1), tile, "1",
        "\(tiling.queries)",
      ])
  }

  /// Makes a tile of products of key-like rows with transposed query-like rows; with two parts,
  /// the tangent comes before the value in each of the tile's rows.
  func writeScores(_ rows: String, _ turned: String, to tile: String) {
    if parts == 2 { product("scores_tan", products.scoresTangent, rows, turned, tile) }
    product(
      "scores", products.scores, rows, at(turned, [], plus: (parts - 1) * queryTileSize),
      at(tile, [], plus: (parts - 1) * tiling.queries))
  }

  /// Masks a tile of scores, if any of its pairs do not count.
  func writeMask(_ tile: String) {
    let (t, u) = (tiling.queries, tiling.keys)
    var conditions: [String] = []
    if shape.keys % u != 0 { conditions.append("key_count < \(u)") }
    if shape.isCausal { conditions.append("first_key + \(u - 1) > query_tile * \(t)") }
    if conditions.isEmpty { return }
    let shift = shape.isCausal ? "first_key - query_tile * \(t)" : "\(-u)"
    let place = at(tile, [], plus: (parts - 1) * t)
    nest(
      { $0.when(conditions.joined(separator: " || "), $1) },
      {
        helper(
          "attention_mask",
          [place, "\(parts * t)", "\(u)", "key_count", "\(t)", shift])
      })
  }

  /// A floating-point literal.
  func literal(_ value: Double) -> String {
    switch shape.element {
    case .f32: DType.f32.literal(value)
    case .f64: DType.f64.literal(value)
    }
  }
}
