// SPDX-License-Identifier: Apache-2.0
//
// The dot kernel: vector lanes run along the sum, which is contiguous in both operands. It serves
// matrix-vector products with a row-major matrix, single dot products, and products with so few
// rows that transposing the right operand would cost more than it saves. Every sum is made by the
// same fixed tree of additions, so results do not depend on how the work is split.

import Scheduling

/// Register tiles of a dot kernel.
struct DotTiling: Hashable {
  var rows: RowSplit
  var columns: RowSplit
  /// Elements per vector.
  var width: Int
  /// Accumulators per sum, which take turns along the sum.
  var copies: Int

  /// Chooses tiles that load little and keep enough additions in flight.
  init(_ contraction: CanonicalContraction, model: IssueModel) {
    var lanes = model.lanes
    while lanes > contraction.inner.extent { lanes /= 2 }
    width = lanes
    let height = min(contraction.rows.extent, 4)
    rows = RowSplit(rows: contraction.rows.extent, limit: height)
    let room = (model.registers - 1 - rows.height) / (rows.height + 1)
    columns = RowSplit(rows: contraction.columns.extent, limit: min(max(room, 1), 8))
    let accumulators = rows.height * columns.height
    var copies = 1
    while copies * accumulators < 8 && copies * 2 * lanes <= contraction.inner.extent {
      copies *= 2
    }
    self.copies = copies
  }
}

/// A contraction whose vector lanes run along the sum.
struct DotContraction {
  let contraction: CanonicalContraction
  let tiling: DotTiling
  let name: String

  init(_ contraction: CanonicalContraction, _ tiling: DotTiling, name: String) {
    (self.contraction, self.tiling, self.name) = (contraction, tiling, name)
  }

  private var splitsColumns: Bool { tiling.columns.count > tiling.rows.count }
  private var width: Int { tiling.width }

  /// Writes the kernel.
  func write(to writer: inout ContractionWriter) -> ContractionPlan {
    for height in tiling.rows.heights {
      for breadth in tiling.columns.heights { writeTile(height, breadth, to: &writer) }
    }
    let blocks = splitsColumns ? tiling.columns.count : tiling.rows.count
    ContractionEntry(name: name, contraction: contraction, blocks: blocks).write(to: &writer) {
      writeBody(to: &$0)
    }
    return ContractionPlan(
      splitCount: blocks * contraction.outerCount,
      helpers: ["mf_sum_\(contraction.element.rawValue)"])
  }

  private func writeBody(to writer: inout ContractionWriter) {
    let (rows, columns) = (tiling.rows, tiling.columns)
    let rowRange = splitsColumns ? ("0", String(rows.count)) : ("first", "last")
    let columnRange = splitsColumns ? ("first", "last") : ("0", String(columns.count))
    rows.writeLoops(over: "row", from: rowRange.0, below: rowRange.1, to: &writer) {
      height, row, writer in
      columns.writeLoops(over: "column", from: columnRange.0, below: columnRange.1, to: &writer) {
        breadth, column, writer in
        let arguments = contraction.tileArguments(row, column, writer, result: "result")
        writer.call("\(name)_tile_\(height)x\(breadth)", arguments)
      }
    }
  }

  // MARK: the tile

  private func writeTile(_ height: Int, _ breadth: Int, to writer: inout ContractionWriter) {
    let parameters = [writer.input("left"), writer.input("right"), writer.output("c")]
    writer.comment("\(height) x \(breadth) sums, \(width) terms at a time.")
    writer.function("\(name)_tile_\(height)x\(breadth)", parameters) { writer in
      let type = writer.vector(width)
      let sums = "sum[\(tiling.copies)][\(height)][\(breadth)]"
      writer.line("\(type) \(sums)\(blocks == nil ? " = {0}" : "");")
      if blocks == nil {
        writeSums(height, breadth, to: &writer) { writeInner(0, height, breadth, to: &$0) }
      } else {
        writeBlockedSums(height, breadth, to: &writer)
      }
      let result = writer.index(
        [("i", contraction.rows.strideC), ("j", contraction.columns.strideC)])
      let sum = "mf_sum_\(contraction.element.rawValue)x\(width)(sum[0][i][j])"
      writeElements(height, breadth, to: &writer) { writer in
        writer.line("c[\(result)] \(contraction.accumulates ? "+=" : "=") \(sum);")
      }
    }
  }

  /// How a long sum is cut.
  private var blocks: SumBlocks? {
    SumBlocks.vectors(
      contraction.outerInner.map(\.extent) + [contraction.inner.extent],
      atOnce: width * tiling.copies)
  }

  /// What `body` adds to the sums, and all copies in the first.
  private func writeSums(
    _ height: Int, _ breadth: Int, to writer: inout ContractionWriter,
    _ body: (inout ContractionWriter) -> Void
  ) {
    body(&writer)
    if tiling.copies > 1 { writeCopies(height, breadth, to: &writer) }
  }

  private func writeBlockedSums(
    _ height: Int, _ breadth: Int, to writer: inout ContractionWriter
  ) {
    let type = writer.vector(width)
    writer.line("\(type) total[\(height)][\(breadth)], error[\(height)][\(breadth)];")
    writeElements(height, breadth, to: &writer) { writer in
      writer.line("total[i][j] = error[i][j] = (\(type))0;")
    }
    writeInner(0, height, breadth, to: &writer)
    let total = "total[i][j] + error[i][j]"
    writeElements(height, breadth, to: &writer) { $0.line("sum[0][i][j] = \(total);") }
  }

  private func writeBlock(
    _ height: Int, _ breadth: Int, to writer: inout ContractionWriter,
    _ body: (inout ContractionWriter) -> Void
  ) {
    let type = writer.vector(width)
    writer.unrolledLoop("u", count: tiling.copies) { writer in
      writeElements(height, breadth, to: &writer) { $0.line("sum[u][i][j] = (\(type))0;") }
    }
    writeSums(height, breadth, to: &writer, body)
    writeElements(height, breadth, to: &writer) {
      $0.addBlock("sum[0][i][j]", to: "total[i][j]", error: "error[i][j]", type)
    }
  }

  private func writeElements(
    _ height: Int, _ breadth: Int, to writer: inout ContractionWriter,
    _ body: (inout ContractionWriter) -> Void
  ) {
    writer.unrolledLoop("i", count: height) { writer in
      writer.unrolledLoop("j", count: breadth) { body(&$0) }
    }
  }

  private func writeCopies(_ height: Int, _ breadth: Int, to writer: inout ContractionWriter) {
    writer.unrolledLoop("u", count: tiling.copies - 1) { writer in
      writeElements(height, breadth, to: &writer) { $0.line("sum[0][i][j] += sum[u + 1][i][j];") }
    }
  }

  private func writeInner(
    _ level: Int, _ height: Int, _ breadth: Int, to writer: inout ContractionWriter
  ) {
    let loops = contraction.outerInner
    guard level < loops.count else { return writeInnermost(height, breadth, to: &writer) }
    let body = { (writer: inout ContractionWriter) in
      writeInner(level + 1, height, breadth, to: &writer)
    }
    let extent = loops[level].extent
    guard let blocks, blocks.level == level else {
      return writer.rolledLoop("k\(level)", below: String(extent), body)
    }
    writer.blockLoops("k\(level)", below: extent, size: blocks.size) { loop, writer in
      writeBlock(height, breadth, to: &writer) { loop(&$0, body) }
    }
  }

  private func writeInnermost(
    _ height: Int, _ breadth: Int, to writer: inout ContractionWriter
  ) {
    let extent = contraction.inner.extent
    guard let blocks, blocks.level == contraction.outerInner.count else {
      return writeSteps(from: 0, extent, height, breadth, to: &writer)
    }
    // Whole steps: `terms` of a block is a multiple of them.
    let whole = extent / blocks.size * blocks.size
    writer.rolledLoop("start", below: String(whole), step: blocks.size) { writer in
      writeBlock(height, breadth, to: &writer) {
        writeLoop(from: "start", below: "start + \(blocks.size)", height, breadth, to: &$0)
      }
    }
    if whole == extent { return }
    writeBlock(height, breadth, to: &writer) {
      writeSteps(from: whole, extent - whole, height, breadth, to: &$0)
    }
  }

  private func writeLoop(
    from start: String, below end: String, _ height: Int, _ breadth: Int,
    to writer: inout ContractionWriter
  ) {
    writer.rolledLoop("k", from: start, below: end, step: width * tiling.copies) { writer in
      writer.unrolledLoop("u", count: tiling.copies) { writer in
        writeStep(height, breadth, at: [("k", 1), ("u", width)], plus: 0, to: &writer) {
          $0.line("sum[u][i][j] += \($1);")
        }
      }
    }
  }

  /// `count` terms from a number on that is known.
  private func writeSteps(
    from start: Int, _ count: Int, _ height: Int, _ breadth: Int,
    to writer: inout ContractionWriter
  ) {
    let step = width * tiling.copies
    let whole = start + count / step * step
    writeLoop(from: String(start), below: String(whole), height, breadth, to: &writer)
    let vectors = (start + count - whole) / width
    if vectors > 0 {
      writer.unrolledLoop("u", count: vectors) { writer in
        writeStep(height, breadth, at: [("u", width)], plus: whole, to: &writer) {
          $0.line("sum[u][i][j] += \($1);")
        }
      }
    }
    if count % width > 0 { writeTail(height, breadth, to: &writer) }
  }

  /// The last terms, read by a vector that ends with the sum; lanes already added keep their sum.
  private func writeTail(_ height: Int, _ breadth: Int, to writer: inout ContractionWriter) {
    let extent = contraction.inner.extent
    let kept = width - extent % width
    let lanes = (0..<width).map { String($0 < kept ? $0 : $0 + width) }.joined(separator: ", ")
    writeStep(height, breadth, at: [], plus: extent - width, to: &writer) { writer, product in
      writer.constant(writer.vector(width), "more", "sum[0][i][j] + \(product)")
      writer.line("sum[0][i][j] = __builtin_shufflevector(sum[0][i][j], more, \(lanes));")
    }
  }

  private func writeStep(
    _ height: Int, _ breadth: Int, at terms: [(String, Int)], plus constant: Int,
    to writer: inout ContractionWriter, _ body: (inout ContractionWriter, String) -> Void
  ) {
    let around = contraction.outerInner.enumerated()
    let leftTerms = around.map { ("k\($0.offset)", $0.element.strideA) } + terms
    let rightTerms = around.map { ("k\($0.offset)", $0.element.strideB) } + terms
    let left = writer.load(
      width, writer.address("left", [("i", contraction.rows.strideA)] + leftTerms, plus: constant))
    let right = writer.load(
      width,
      writer.address("right", [("j", contraction.columns.strideB)] + rightTerms, plus: constant))
    let type = writer.vector(width)
    writer.block("") { writer in
      writer.line("\(type) row[\(height)];")
      writer.unrolledLoop("i", count: height) { $0.line("row[i] = \(left);") }
      writer.unrolledLoop("j", count: breadth) { writer in
        writer.constant(type, "column", right)
        writer.unrolledLoop("i", count: height) { body(&$0, "row[i] * column") }
      }
    }
  }
}
