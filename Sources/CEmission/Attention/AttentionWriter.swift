// SPDX-License-Identifier: Apache-2.0
//
// What the attention kernels of all orders share: the signature, the calls, and copying rows into
// tiles. Places and loops over tiles are in `AttentionPlaces`, scores, their terms and masks in
// `AttentionScoreText`. Text goes through the writer of contraction kernels; arithmetic on tiles is
// in the helpers `mf_attention_*`.

import Kernels
import MixFuseShared
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
  var element: FloatType { shape.element }
  /// Areas of scratch memory used by all tiles of queries, and those of each tile in a block.
  private var shared: ScratchLayout { plan.scratch.shared }
  var queryTile: ScratchLayout { plan.scratch.queryTile }

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
      operands.map(input) + results.map { element.output($0) }
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
    let (t, u) = (tiling.queries, tiling.keys)
    return "\(name): \(shape.scores.title), \(shape.order.rawValue), "
      + "tiles of \(t) queries x \(u) keys."
  }

  /// The parameter of an operand.
  private func input(_ operand: String) -> String {
    switch operand {
    case AttentionExtra.lengths.word: "const \(DType.i32.cName) *restrict \(operand)"
    case AttentionExtra.mask.word: "const \(DType.bool.cName) *restrict \(operand)"
    default: element.input(operand)
    }
  }

  /// The operands that follow queries, keys and values.
  var extras: [String] { shape.scores.extras.map(\.word) }
  /// Those of them that have tangents and adjoints.
  var movingExtras: [String] { shape.scores.extras.filter(shape.scores.isMoving).map(\.word) }

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

  /// Calls the helper that transposes `columns` rows of `depth` neighbouring elements into a panel.
  func transpose(
    _ source: String, stride: String, columns: String, depth: String, into panel: String
  ) {
    let symbol = "mf_pack_transposed_\(shape.element.rawValue)x\(plan.transposedLanes)"
    helpers.append(symbol)
    writer.call(symbol, [source, stride, columns, depth, panel])
  }

  /// `pointer + index`.
  func at(_ pointer: String, _ terms: [(String, Int)], plus constant: Int = 0) -> String {
    Index.address(pointer, terms, plus: constant)
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
      transpose(place, stride: "\(d)", columns: "\(t)", depth: "\(d)", into: panel)
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

  /// A floating-point literal.
  func literal(_ value: Double) -> String { shape.element.dtype.literal(value) }
}
