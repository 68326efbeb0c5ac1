// SPDX-License-Identifier: Apache-2.0
//
// The lane kernel: vector lanes run over a batch loop that is contiguous in all three arrays, so
// many small products (the tasks of a meta-learning batch, say) are computed at once, each lane
// its own. Rows and columns are register-tiled: a tile of 4 x 5 vectors loads 9 vectors for 20
// multiplications. Strides of rows, columns and the sum are free.

import Scheduling

/// Register tiles of a lane kernel.
struct LaneTiling: Hashable {
  var rows: RowSplit
  /// Columns, spread over tiles in the way of rows.
  var columns: RowSplit
  /// Elements per vector, at most the lanes of the target.
  var width: Int
  /// First lane and width of every vector.
  var pieces: [ColumnPiece]

  /// Chooses the tile with the fewest cycles under `model`.
  init(_ contraction: CanonicalContraction, lane: ContractionDimension, model: IssueModel) {
    var lanes = model.lanes
    while lanes > lane.extent { lanes /= 2 }
    width = lanes
    pieces = Self.pieces(lane.extent, lanes, mayOverlap: !contraction.accumulates)
    var best: (rows: RowSplit, columns: RowSplit, cycles: Double)?
    for height in 1...6 {
      for breadth in 1...8 where height * breadth + min(height, breadth) + 2 <= model.registers {
        let rows = RowSplit(rows: contraction.rows.extent, limit: height)
        let columns = RowSplit(rows: contraction.columns.extent, limit: breadth)
        let cycles = Self.cycles(rows, columns, contraction.depth, model.laneSlot)
        if best.map({ cycles < $0.cycles * 0.99 }) ?? true { best = (rows, columns, cycles) }
      }
    }
    guard let best else { preconditionFailure("no lane tiling was tried") }
    (rows, columns) = (best.rows, best.columns)
  }

  /// Vectors of `width` over `extent` lanes.
  ///
  /// A remainder is done by a vector that overlaps the one before it, whose lanes are computed
  /// twice; when C is added to, by narrower vectors.
  private static func pieces(_ extent: Int, _ width: Int, mayOverlap: Bool) -> [ColumnPiece] {
    var result = (0..<extent / width).map { ColumnPiece(offset: $0 * width, width: width) }
    var rest = extent % width
    if rest > 0 && mayOverlap {
      return result + [ColumnPiece(offset: extent - width, width: width)]
    }
    var narrow = width / 2
    while rest > 0 {
      if narrow <= rest {
        result.append(ColumnPiece(offset: extent - rest, width: narrow))
        rest -= narrow
      }
      narrow /= 2
    }
    return result
  }

  private static func cycles(
    _ rows: RowSplit, _ columns: RowSplit, _ depth: Int, _ slot: Double
  ) -> Double {
    var sum = 0.0
    for (height, tiles) in rows.parts {
      for (breadth, count) in columns.parts {
        let (products, loads) = (Double(height * breadth), Double(height + breadth))
        let step = max(products * slot, loads * slot, 4, (products + loads + 2) / 5)
        sum += Double(tiles * count) * (Double(depth) * step + products * 2 * slot + 8)
      }
    }
    return sum
  }
}

extension RowSplit {
  /// Heights with the number of tiles that have them.
  var parts: [(height: Int, count: Int)] {
    tallCount == count ? [(height, count)] : [(height, tallCount), (height - 1, count - tallCount)]
  }
}

/// A contraction whose vector lanes run over a batch loop.
struct LaneContraction {
  let contraction: CanonicalContraction
  let tiling: LaneTiling
  let name: String

  init(_ contraction: CanonicalContraction, _ tiling: LaneTiling, name: String) {
    (self.contraction, self.tiling, self.name) = (contraction, tiling, name)
  }

  private var splitsColumns: Bool { tiling.columns.count > tiling.rows.count }
  private var widths: [Int] {
    tiling.pieces.map(\.width).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Writes the kernel.
  func write(to writer: inout ContractionWriter) -> ContractionPlan {
    for width in widths {
      for height in tiling.rows.heights {
        for breadth in tiling.columns.heights {
          writeTile(height, breadth, width, to: &writer)
        }
      }
    }
    let blocks = splitsColumns ? tiling.columns.count : tiling.rows.count
    ContractionEntry(name: name, contraction: contraction, blocks: blocks).write(to: &writer) {
      writeBody(to: &$0)
    }
    return ContractionPlan(splitCount: blocks * contraction.outerCount)
  }

  /// Columns are the outer loop, lanes the next: a part of the right operand stays in the cache
  /// while rows pass by, and vectors that share its cache lines are done one after the other.
  private func writeBody(to writer: inout ContractionWriter) {
    let (rowCount, columnCount) = (String(tiling.rows.count), String(tiling.columns.count))
    let columns = splitsColumns ? ("first", "last") : ("0", columnCount)
    let rows = splitsColumns ? ("0", rowCount) : ("first", "last")
    tiling.columns.writeLoops(over: "column", from: columns.0, below: columns.1, to: &writer) {
      breadth, column, writer in
      writeLanes(to: &writer) { width, lane, writer in
        tiling.rows.writeLoops(over: "row", from: rows.0, below: rows.1, to: &writer) {
          height, row, writer in
          let pointers = contraction.tileArguments(row, column, writer, result: "result")
          writer.call(
            tileName(height, breadth, width), pointers.map { lane.isEmpty ? $0 : "\($0) + \(lane)" }
          )
        }
      }
    }
  }

  /// Writes `body` for every vector of lanes; it gets the width and the first lane's expression.
  private func writeLanes(
    to writer: inout ContractionWriter,
    _ body: (Int, String, inout ContractionWriter) -> Void
  ) {
    let width = tiling.width
    let full = tiling.pieces.prefix { $0.width == width && $0.offset % width == 0 }
    if full.count > 1 {
      writer.loop("lane", below: String(full.count * width), step: width) { writer in
        body(width, "lane", &writer)
      }
    }
    for piece in full.count > 1 ? tiling.pieces.dropFirst(full.count) : tiling.pieces[...] {
      body(piece.width, piece.offset == 0 ? "" : String(piece.offset), &writer)
    }
  }

  // MARK: the tile

  private func tileName(_ height: Int, _ breadth: Int, _ width: Int) -> String {
    "\(name)_tile_\(height)x\(breadth)x\(width)"
  }

  private func writeTile(
    _ height: Int, _ breadth: Int, _ width: Int, to writer: inout ContractionWriter
  ) {
    let type = writer.vector(width)
    let result = writer.index(
      [("i", contraction.rows.strideC), ("j", contraction.columns.strideC)])
    let parameters = [writer.input("left"), writer.input("right"), writer.output("c")]
    writer.comment("\(height) rows of \(breadth) columns of \(width) lanes in registers.")
    writer.function(tileName(height, breadth, width), parameters) { writer in
      writer.line("\(type) sum[\(height)][\(breadth)];")
      let start =
        contraction.accumulates ? writer.load(width, "c + \(result)") : "(\(type))0"
      if blocks == nil {
        writeElements(height, breadth, to: &writer) { $0.line("sum[i][j] = \(start);") }
      } else {
        writer.line("\(type) total[\(height)][\(breadth)], error[\(height)][\(breadth)];")
        writeElements(height, breadth, to: &writer) { writer in
          writer.line("total[i][j] = \(start);")
          writer.line("error[i][j] = (\(type))0;")
        }
      }
      writeInner(0, height, breadth, width, to: &writer)
      if blocks != nil {
        let total = "total[i][j] + error[i][j]"
        writeElements(height, breadth, to: &writer) { $0.line("sum[i][j] = \(total);") }
      }
      writeElements(height, breadth, to: &writer) { writer in
        writer.line("\(writer.target(width, "c + \(result)")) = sum[i][j];")
      }
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

  /// How a long sum is cut.
  private var blocks: SumBlocks? {
    SumBlocks.steps(contraction.outerInner.map(\.extent) + [contraction.inner.extent])
  }

  private func writeInner(
    _ level: Int, _ height: Int, _ breadth: Int, _ width: Int, to writer: inout ContractionWriter
  ) {
    let loops = contraction.outerInner
    guard level <= loops.count else { return writeStep(height, breadth, width, to: &writer) }
    let variable = level < loops.count ? "k\(level)" : "k"
    let extent = level < loops.count ? loops[level].extent : contraction.inner.extent
    let body = { (writer: inout ContractionWriter) in
      writeInner(level + 1, height, breadth, width, to: &writer)
    }
    guard let blocks, blocks.level == level else {
      return writer.rolledLoop(variable, below: String(extent), body)
    }
    let type = writer.vector(width)
    writer.blockLoops(variable, below: extent, size: blocks.size) { loop, writer in
      writeElements(height, breadth, to: &writer) { $0.line("sum[i][j] = (\(type))0;") }
      loop(&writer, body)
      writeElements(height, breadth, to: &writer) {
        $0.addBlock("sum[i][j]", to: "total[i][j]", error: "error[i][j]", type)
      }
    }
  }

  /// One inner step. The shorter side of the tile is held in registers, the longer is streamed.
  private func writeStep(
    _ height: Int, _ breadth: Int, _ width: Int, to writer: inout ContractionWriter
  ) {
    let type = writer.vector(width)
    let loops =
      contraction.outerInner.enumerated().map { ("k\($0.offset)", $0.element) }
      + [("k", contraction.inner)]
    let left = writer.load(
      width,
      writer.address(
        "left", [("i", contraction.rows.strideA)] + loops.map { ($0.0, $0.1.strideA) }))
    let right = writer.load(
      width,
      writer.address(
        "right", [("j", contraction.columns.strideB)] + loops.map { ($0.0, $0.1.strideB) }))
    let holdsLeft = height < breadth
    let (held, heldCount, heldIndex) = holdsLeft ? (left, height, "i") : (right, breadth, "j")
    let (moving, count, index) = holdsLeft ? (right, breadth, "j") : (left, height, "i")
    writer.line("\(type) held[\(heldCount)];")
    writer.unrolledLoop(heldIndex, count: heldCount) { writer in
      writer.line("held[\(heldIndex)] = \(held);")
    }
    writer.unrolledLoop(index, count: count) { writer in
      writer.constant(type, "moving", moving)
      writer.unrolledLoop(heldIndex, count: heldCount) { writer in
        writer.line("sum[i][j] += moving * held[\(heldIndex)];")
      }
    }
  }
}
