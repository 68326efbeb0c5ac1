// SPDX-License-Identifier: Apache-2.0
//
// Writes the packed form (`PackedPlan`): blocks of operands are copied into panels that the register
// tiles then read front to back.

import Kernels

/// The writer of a contraction that copies its operands into panels.
struct PackedContraction {
  let plan: PackedPlan
  let name: String

  init(_ plan: PackedPlan, name: String) { (self.plan, self.name) = (plan, name) }

  var contraction: CanonicalContraction { plan.contraction }
  var tiling: RegisterTiling { plan.tiling }
  var blocking: PackedBlocking { plan.blocking }
  private var element: ContractionElement { contraction.element }
  private var splitsColumns: Bool { plan.splitsColumns }
  private var isWhole: Bool { plan.isWhole }
  private var leftPanelSize: Int { plan.leftPanelSize }
  /// Blocks of a long sum.
  private var apart: ProductBlockStatements? {
    plan.apart.map { ProductBlockStatements($0, of: contraction, at: plan.apartOffset) }
  }

  /// Writes the kernel; returns the helpers that it calls.
  func write(to writer: inout CWriter) -> [String] {
    writer.vectorTypes(of: element, tiling.columns.widths)
    strip("main", tiling.columns.main).write(to: &writer)
    if let rest = tiling.columns.rest { strip("rest", rest).write(to: &writer) }
    let epilogueHelpers = writeEpilogue(to: &writer)
    let entry = ContractionEntry(
      name: name, contraction: contraction, blocks: plan.blocks,
      usesScratch: plan.scratchElements > 0, arrays: epilogueParameters())
    entry.write(to: &writer) { writeBody(to: &$0) }
    return helpers + epilogueHelpers + (apart.map { [$0.helper] } ?? [])
  }

  /// The number of the depth block at hand, counted over all summed loops.
  private var blockNumber: String {
    var terms: [(String, Int)] = []
    var stride = blocking.depthCount
    for (level, loop) in contraction.outerInner.enumerated().reversed() {
      terms.insert(("k\(level)", stride), at: 0)
      stride *= loop.extent
    }
    if blocking.depthCount > 1 { terms.append(("start / \(blocking.depth)", 1)) }
    return Index.sum(terms)
  }

  // MARK: tiles

  private func strip(_ part: String, _ group: ColumnGroup) -> TileStrip {
    TileStrip(
      name: "\(name)_\(part)", rows: tiling.rows,
      tiles: tiling.rows.heights.map { tile($0, group) },
      leftRowStride: contraction.rows.strideA,
      leftPanelSize: blocking.packsLeft ? leftPanelSize : nil)
  }

  private func tile(_ height: Int, _ group: ColumnGroup) -> RegisterTile {
    var inner = contraction.inner
    inner.strideB = group.width
    var leftRowStride = contraction.rows.strideA
    if blocking.packsLeft {
      inner.strideA = plan.keepsLeftRows ? 1 : height
      leftRowStride = plan.keepsLeftRows ? plan.leftPanelRow : 1
    }
    return RegisterTile(
      element: element, name: "\(name)_tile_\(height)x\(group.width)", height: height, group: group,
      inner: inner,
      outerInner: [], leftRowStride: leftRowStride, rightColumnStride: 1,
      resultRowStride: plan.resultRowStride, resultColumnStride: 1,
      depth: isWhole ? .fixed(blocking.depth) : .parameter,
      accumulation: plan.addsAlways ? .add : isWhole ? .replace : .parameter,
      copies: isWhole ? tiling.innerCopies : 1,
      fetch: plan.fetch(vector: group.pieces.map(\.width).max() ?? 1))
  }

  // MARK: the blocked loops

  private func writeBody(to writer: inout CWriter) {
    if plan.packsRight { writer.writePointer("panels", to: element, "scratch") }
    if plan.packsLeft {
      writer.writePointer(
        "left_panels", to: element, Index.address("scratch", [], plus: plan.leftPanelsOffset))
    }
    apart?.writePointers(to: &writer)
    let (first, last) = splitsColumns ? ("first", "last") : ("0", String(tiling.columns.count))
    if contraction.hasRightPanels || blocking.groups >= tiling.columns.count {
      writer.integer("group_first", first)
      writer.integer("group_last", last)
      writeOuterInner(0, to: &writer)
    } else {
      writer.stepLoop("group_first", from: first, below: last, step: blocking.groups) { writer in
        let end = "group_first + \(blocking.groups)"
        writer.integer("group_last", "\(end) < \(last) ? \(end) : \(last)")
        writeOuterInner(0, to: &writer)
      }
    }
  }

  private func writeOuterInner(_ level: Int, to writer: inout CWriter) {
    guard level < contraction.outerInner.count else { return writeDepthBlocks(to: &writer) }
    writer.stepLoop("k\(level)", below: String(contraction.outerInner[level].extent)) { writer in
      writeOuterInner(level + 1, to: &writer)
    }
  }

  private func writeDepthBlocks(to writer: inout CWriter) {
    let extent = contraction.inner.extent
    if blocking.depthCount == 1 {
      // Who packs wants to know, and tiles of a part of a sum.
      if plan.packsLeft || plan.packsRight || !isWhole {
        writer.integer("depth", String(extent))
      }
      writeBlock(to: &writer)
    } else {
      writer.stepLoop("start", below: String(extent), step: blocking.depth) { writer in
        let rest = "\(extent) - start"
        writer.integer("depth", "\(rest) < \(blocking.depth) ? \(rest) : \(blocking.depth)")
        writeBlock(to: &writer)
      }
    }
  }

  private func writeBlock(to writer: inout CWriter) {
    writeBlockPointer(
      "left", contraction.hasLeftPanels ? plan.leftBlockSize : nil, { $0.strideA }, to: &writer)
    writeBlockPointer(
      "right", contraction.hasRightPanels ? plan.rightBlockSize : nil, { $0.strideB }, to: &writer)
    if !isWhole && !plan.addsAlways {
      let steps = innerTerms { _ in 1 }.map(\.0)
      writer.integer(
        "adds", apart?.adds(blockNumber) ?? "\(steps.joined(separator: " + ")) > 0")
    }
    if plan.packsRight {
      writeGroups(to: &writer) { group, panel, columns, writer in
        let source = Index.address(
          "right_block", columns.terms.map { ($0.0, $0.1 * contraction.columns.strideB) },
          plus: columns.constant * contraction.columns.strideB)
        writePackRight(source, group, panel, to: &writer)
      }
    }
    let (first, last) = splitsColumns ? ("0", String(tiling.rows.count)) : ("first", "last")
    if blocking.tiles >= tiling.rows.count {
      writer.integer("tile_first", first)
      writer.integer("tile_last", last)
      writeTiles(to: &writer)
    } else {
      writer.stepLoop("tile_first", from: first, below: last, step: blocking.tiles) { writer in
        let end = "tile_first + \(blocking.tiles)"
        writer.integer("tile_last", "\(end) < \(last) ? \(end) : \(last)")
        writeTiles(to: &writer)
      }
    }
  }

  /// Declares where a block of an operand begins: in the operand, or in its panels.
  private func writeBlockPointer(
    _ operand: String, _ blockSize: Int?, _ stride: (ContractionDimension) -> Int,
    to writer: inout CWriter
  ) {
    var terms = innerTerms(stride)
    if let blockSize {
      terms = blocking.depthCount == 1 ? [] : [("start / \(blocking.depth)", blockSize)]
    }
    writer.readPointer("\(operand)_block", to: element, Index.address(operand, terms))
  }

  private func innerTerms(_ stride: (ContractionDimension) -> Int) -> [(String, Int)] {
    let around = contraction.outerInner.enumerated().map {
      ("k\($0.offset)", stride($0.element))
    }
    return around + (blocking.depthCount == 1 ? [] : [("start", stride(contraction.inner))])
  }

  private func writeTiles(to writer: inout CWriter) {
    if plan.packsLeft { writePackLeft(to: &writer) }
    let left =
      contraction.hasLeftPanels
      ? Index.address("left_block", [("tile_first", leftPanelSize)])
      : plan.packsLeft ? "left_panels" : "left_block"
    writeGroups(to: &writer) { group, panel, columns, writer in
      let part = group == tiling.columns.main ? "main" : "rest"
      var arguments = [
        left, panel,
        Index.address(
          apart == nil ? "result" : "block", columns.terms, plus: columns.constant),
      ]
      if !isWhole { arguments.append("depth") }
      if !isWhole && !plan.addsAlways { arguments.append("adds") }
      arguments += ["tile_first", "tile_last"]
      writer.call("\(name)_\(part)", arguments)
    }
    let (rows, columns) = (tiling.rows, tiling.columns)
    apart?.writeEnd(
      blockNumber,
      rows: (rows.firstRow(ofTile: "tile_first"), "(\(rows.firstRow(ofTile: "tile_last")))"),
      columns: (
        columns.firstColumn(ofGroup: "group_first"),
        "(\(columns.firstColumn(ofGroup: "group_last")))"
      ), to: &writer)
    writeEpilogueCall(to: &writer)
  }

  /// Where a column group begins: a linear expression of the loop variable `group`.
  private typealias ColumnStart = (terms: [(String, Int)], constant: Int)

  /// Writes a loop over the groups of the current block; `body` gets the group, an expression for
  /// its panel and its first column.
  private func writeGroups(
    to writer: inout CWriter,
    _ body: (ColumnGroup, String, ColumnStart, inout CWriter) -> Void
  ) {
    let columns = tiling.columns
    let limit = String(columns.mainCount)
    let below =
      columns.rest == nil ? "group_last" : "(group_last < \(limit) ? group_last : \(limit))"
    writer.stepLoop("group", from: "group_first", below: below) { writer in
      let panel = panelAddress("group")
      body(columns.main, panel, ([("group", columns.main.width)], 0), &writer)
    }
    if let rest = columns.rest {
      writer.when("group_last > \(limit)") { writer in
        let panel = panelAddress(limit)
        body(rest, panel, ([], columns.mainCount * columns.main.width), &writer)
      }
    }
  }

  private func panelAddress(_ group: String) -> String {
    contraction.hasRightPanels
      ? Index.address("right_block", [(group, plan.rightPanelSize)])
      : Index.address("panels", [("\(group) - group_first", plan.rightPanelSize)])
  }

  // MARK: packing

  private var suffix: String { element.rawValue }
  private var transposer: String { "mf_pack_transposed_\(suffix)x\(plan.transposedLanes)" }
  private var rowCopier: String { "mf_pack_rows_\(suffix)" }
  private var tilePacker: String { "mf_pack_tiles_\(suffix)" }
  private var gatherer: String { "mf_pack_gathered_\(suffix)" }

  private var helpers: [String] {
    var result: [String] = []
    if plan.packsRight {
      let isAcross = contraction.columns.strideB == 1
      let isAlong = contraction.inner.strideB == 1
      result.append(isAcross ? rowCopier : isAlong ? transposer : gatherer)
    }
    if plan.packsLeft {
      let isAlong = contraction.rows.strideA == 1
      result.append(plan.keepsLeftRows ? rowCopier : isAlong ? tilePacker : gatherer)
    }
    return Array(Set(result)).sorted()
  }

  private func writePackRight(
    _ source: String, _ group: ColumnGroup, _ panel: String, to writer: inout CWriter
  ) {
    let (column, inner) = (contraction.columns.strideB, contraction.inner.strideB)
    let width = group.width
    if column == 1 {
      writer.call(rowCopier, [source, "\(inner)", "depth", "\(width)", panel, "\(width)"])
    } else if inner == 1 {
      writer.call(transposer, [source, "\(column)", "\(width)", "depth", panel])
    } else {
      writer.call(gatherer, [source, "\(inner)", "\(column)", "\(width)", "depth", panel])
    }
  }

  private func writePackLeft(to writer: inout CWriter) {
    let (row, inner) = (contraction.rows.strideA, contraction.inner.strideA)
    if row == 1 && !plan.keepsLeftRows { return writePackTiles(to: &writer) }
    tiling.rows.writeLoops(over: "tile", from: "tile_first", below: "tile_last", to: &writer) {
      height, start, writer in
      let offset = start.scaled(by: row)
      let source = Index.address("left_block", [offset.term], plus: offset.constant)
      let panel = Index.address("left_panels", [("tile - tile_first", leftPanelSize)])
      if plan.keepsLeftRows {
        let sizes = ["\(row)", "\(height)", "depth"]
        writer.call(rowCopier, [source] + sizes + [panel, "\(plan.leftPanelRow)"])
      } else {
        writer.call(gatherer, [source, "\(inner)", "\(row)", "\(height)", "depth", panel])
      }
    }
  }

  /// Rows are neighbours in the left operand: all tiles are packed in one walk along its lines, as
  /// a line that is not used whole at once may have left the cache when the next tile wants it.
  private func writePackTiles(to writer: inout CWriter) {
    tiling.rows.writeRanges(from: "tile_first", below: "tile_last", as: "tile", to: &writer) {
      height, start, count, writer in
      let offset = start.scaled(by: 1)
      let source = Index.address("left_block", [offset.term], plus: offset.constant)
      let panel = Index.address("left_panels", [("\(start.index) - tile_first", leftPanelSize)])
      writer.call(
        tilePacker,
        [
          source, "\(contraction.inner.strideA)", "depth", "\(height)", count, panel,
          "\(leftPanelSize)",
        ])
    }
  }
}
