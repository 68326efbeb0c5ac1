// SPDX-License-Identifier: Apache-2.0
//
// The packed kernel: blocks of the right operand, and of the left one where that pays, are copied
// into panels that the register tiles then read front to back. The blocks are sized for the
// caches in the way of Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication" (2008). Panels lie in the caller's scratch memory, one area per worker.

import Scheduling

/// The sizes of a packed kernel.
struct PackedBlocking: Hashable {
  var tiling: RegisterTiling
  /// Inner steps of one block.
  var depth: Int
  /// Number of blocks of the tiled inner loop.
  var depthCount: Int
  /// Row tiles of one block of the left operand.
  var tiles: Int
  /// Column groups of one block of the right operand.
  var groups: Int
  var packsLeft: Bool

  /// Inner steps that a block has at least: fewer would read and write C too often.
  static let shallowest = 128

  /// Sizes the blocks for the caches of `target`.
  init(_ contraction: CanonicalContraction, _ tiling: RegisterTiling, _ target: ContractionTarget) {
    let bytes = contraction.element.bytes
    let extent = contraction.inner.extent
    let panelWidth = tiling.columns.main.width
    // A panel of the right operand should stay in the first-level cache while tiles pass by.
    let limit = min(384, max(Self.shallowest, target.firstCacheBytes / (panelWidth * bytes)))
    if extent <= limit * 5 / 4 {
      (depth, depthCount) = (extent, 1)
    } else {
      let count = (extent + limit - 1) / limit
      depth = ((extent + count - 1) / count).roundedUp(to: 16)
      depthCount = (extent + depth - 1) / depth
    }
    let tileBytes = tiling.rows.height * depth * bytes
    tiles = max(1, min(tiling.rows.count, target.secondCacheBytes / 2 / tileBytes))
    if contraction.epilogue != nil {
      // What one worker of two makes of C should still be in the cache.
      let rowBytes = max(contraction.columns.extent / 2, panelWidth) * bytes
      let rows = target.secondCacheBytes / 4 / rowBytes
      tiles = max(1, min(tiles, rows / tiling.rows.height))
    }
    let groupBytes = panelWidth * depth * bytes
    groups = max(1, min(tiling.columns.count, (2 << 20) / groupBytes))
    self.tiling = tiling
    let leftBytes = contraction.rows.extent * contraction.depth * bytes
    let stride = max(contraction.rows.strideA, contraction.inner.strideA) * bytes
    let isAwkward = stride % 2048 == 0 && leftBytes > target.firstCacheBytes
    packsLeft =
      contraction.hasCollidingLeft(target)
      || tiling.columns.count >= 4 && (isAwkward || leftBytes > target.secondCacheBytes / 4)
  }
}

/// A contraction that copies its operands into panels.
struct PackedContraction {
  let contraction: CanonicalContraction
  let blocking: PackedBlocking
  let name: String

  init(_ contraction: CanonicalContraction, _ blocking: PackedBlocking, name: String) {
    (self.contraction, self.blocking, self.name) = (contraction, blocking, name)
  }

  var tiling: RegisterTiling { blocking.tiling }
  /// Whether all of a sum is one block, so that the tile's trip count is a constant.
  private var isWhole: Bool { blocking.depthCount == 1 && contraction.outerInner.isEmpty }
  /// Column groups are the better units, since only the right operand is costly to pack. What is
  /// packed before costs little: then the units are those that spare the other operand.
  var splitsColumns: Bool {
    let isFine = tiling.columns.count >= min(8, tiling.rows.count)
    guard contraction.readsPanels else { return isFine }
    let left = contraction.rows.extent * (packsLeft ? 3 : 1)
    let right = contraction.columns.extent * (contraction.hasRightPanels ? 1 : 3)
    return right >= left ? isFine : isFine && tiling.rows.count < 8
  }
  /// Whether the kernel itself packs the left operand.
  private var packsLeft: Bool { blocking.packsLeft && !contraction.hasLeftPanels }
  var keepsLeftRows: Bool { contraction.inner.strideA == 1 }
  /// Distance between rows of a packed left tile: not a power of two, to spread over cache sets.
  var leftPanelRow: Int { blocking.depth.roundedUp(to: 16) + 16 }
  var leftPanelSize: Int {
    tiling.rows.height * (keepsLeftRows ? leftPanelRow : blocking.depth)
  }
  var rightPanelSize: Int { tiling.columns.main.width * blocking.depth }
  private var rightPanelsSize: Int {
    if contraction.hasRightPanels { return 0 }
    let rest = tiling.columns.rest.map { $0.width * blocking.depth } ?? 0
    let main = min(blocking.groups, tiling.columns.mainCount) * rightPanelSize
    return (main + rest).roundedUp(to: 16)
  }

  /// Writes the kernel.
  func write(to writer: inout ContractionWriter) -> ContractionPlan {
    writer.vectorTypes(tiling.columns.widths)
    strip("main", tiling.columns.main).write(to: &writer)
    if let rest = tiling.columns.rest { strip("rest", rest).write(to: &writer) }
    let blocks = splitsColumns ? tiling.columns.count : tiling.rows.count
    let epilogueHelpers = writeEpilogue(to: &writer)
    let entry = ContractionEntry(
      name: name, contraction: contraction, blocks: blocks,
      usesScratch: packsLeft || !contraction.hasRightPanels || apart != nil,
      arrays: epilogueParameters())
    entry.write(to: &writer) { writeBody(to: &$0) }
    return ContractionPlan(
      splitCount: blocks * contraction.outerCount,
      scratchElements: panelsSize + (apart?.scratchElements ?? 0),
      helpers: helpers + epilogueHelpers + (apart.map { [$0.helper] } ?? []))
  }

  private var leftPanelsSize: Int { packsLeft ? blocking.tiles * leftPanelSize : 0 }
  private var panelsSize: Int { (rightPanelsSize + leftPanelsSize).roundedUp(to: 16) }

  /// Blocks of a long sum.
  private var apart: ProductBlocks? {
    let count = contraction.outerInner.reduce(blocking.depthCount) { $0 * $1.extent }
    return ProductBlocks(contraction, depth: blocking.depth, count: count, after: panelsSize)
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
    return ContractionWriter(element: contraction.element).index(terms)
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
      inner.strideA = keepsLeftRows ? 1 : height
      leftRowStride = keepsLeftRows ? leftPanelRow : 1
    }
    return RegisterTile(
      name: "\(name)_tile_\(height)x\(group.width)", height: height, group: group, inner: inner,
      outerInner: [], leftRowStride: leftRowStride, rightColumnStride: 1,
      resultRowStride: apart?.rowStride ?? contraction.rows.strideC, resultColumnStride: 1,
      depth: isWhole ? .fixed(blocking.depth) : .parameter,
      accumulation: addsAlways ? .add : isWhole ? .replace : .parameter,
      copies: isWhole ? tiling.innerCopies : 1, prefetchesResult: !isWhole)
  }

  /// Whether every tile adds to what is in memory.
  private var addsAlways: Bool { contraction.accumulates && apart == nil }

  // MARK: the blocked loops

  private func writeBody(to writer: inout ContractionWriter) {
    if !contraction.hasRightPanels { writer.writePointer("panels", "scratch") }
    if packsLeft {
      writer.writePointer("left_panels", writer.address("scratch", [], plus: rightPanelsSize))
    }
    apart?.writePointers(to: &writer)
    let (first, last) = splitsColumns ? ("first", "last") : ("0", String(tiling.columns.count))
    if contraction.hasRightPanels || blocking.groups >= tiling.columns.count {
      writer.integer("group_first", first)
      writer.integer("group_last", last)
      writeOuterInner(0, to: &writer)
    } else {
      writer.loop("group_first", from: first, below: last, step: blocking.groups) { writer in
        let end = "group_first + \(blocking.groups)"
        writer.integer("group_last", "\(end) < \(last) ? \(end) : \(last)")
        writeOuterInner(0, to: &writer)
      }
    }
  }

  private func writeOuterInner(_ level: Int, to writer: inout ContractionWriter) {
    guard level < contraction.outerInner.count else { return writeDepthBlocks(to: &writer) }
    writer.loop("k\(level)", below: String(contraction.outerInner[level].extent)) { writer in
      writeOuterInner(level + 1, to: &writer)
    }
  }

  private func writeDepthBlocks(to writer: inout ContractionWriter) {
    let extent = contraction.inner.extent
    if blocking.depthCount == 1 {
      // Who packs wants to know, and tiles of a part of a sum.
      if packsLeft || !contraction.hasRightPanels || !isWhole {
        writer.integer("depth", String(extent))
      }
      writeBlock(to: &writer)
    } else {
      writer.loop("start", below: String(extent), step: blocking.depth) { writer in
        let rest = "\(extent) - start"
        writer.integer("depth", "\(rest) < \(blocking.depth) ? \(rest) : \(blocking.depth)")
        writeBlock(to: &writer)
      }
    }
  }

  private func writeBlock(to writer: inout ContractionWriter) {
    writeBlockPointer(
      "left", contraction.hasLeftPanels ? leftBlockSize : nil, { $0.strideA }, to: &writer)
    writeBlockPointer(
      "right", contraction.hasRightPanels ? rightBlockSize : nil, { $0.strideB }, to: &writer)
    if !isWhole && !addsAlways {
      let steps = innerTerms { _ in 1 }.map(\.0)
      writer.integer(
        "adds", apart?.adds(blockNumber) ?? "\(steps.joined(separator: " + ")) > 0")
    }
    if !contraction.hasRightPanels {
      writeGroups(to: &writer) { group, panel, columns, writer in
        let source = writer.address(
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
      writer.loop("tile_first", from: first, below: last, step: blocking.tiles) { writer in
        let end = "tile_first + \(blocking.tiles)"
        writer.integer("tile_last", "\(end) < \(last) ? \(end) : \(last)")
        writeTiles(to: &writer)
      }
    }
  }

  /// Declares where a block of an operand begins: in the operand, or in its panels.
  private func writeBlockPointer(
    _ operand: String, _ blockSize: Int?, _ stride: (ContractionDimension) -> Int,
    to writer: inout ContractionWriter
  ) {
    var terms = innerTerms(stride)
    if let blockSize {
      terms = blocking.depthCount == 1 ? [] : [("start / \(blocking.depth)", blockSize)]
    }
    writer.readPointer("\(operand)_block", writer.address(operand, terms))
  }

  private func innerTerms(_ stride: (ContractionDimension) -> Int) -> [(String, Int)] {
    let around = contraction.outerInner.enumerated().map {
      ("k\($0.offset)", stride($0.element))
    }
    return around + (blocking.depthCount == 1 ? [] : [("start", stride(contraction.inner))])
  }

  private func writeTiles(to writer: inout ContractionWriter) {
    if packsLeft { writePackLeft(to: &writer) }
    let left =
      contraction.hasLeftPanels
      ? writer.address("left_block", [("tile_first", leftPanelSize)])
      : packsLeft ? "left_panels" : "left_block"
    writeGroups(to: &writer) { group, panel, columns, writer in
      let part = group == tiling.columns.main ? "main" : "rest"
      var arguments = [
        left, panel,
        writer.address(
          apart == nil ? "result" : "block", columns.terms, plus: columns.constant),
      ]
      if !isWhole { arguments.append("depth") }
      if !isWhole && !addsAlways { arguments.append("adds") }
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
    to writer: inout ContractionWriter,
    _ body: (ColumnGroup, String, ColumnStart, inout ContractionWriter) -> Void
  ) {
    let columns = tiling.columns
    let limit = String(columns.mainCount)
    let below =
      columns.rest == nil ? "group_last" : "(group_last < \(limit) ? group_last : \(limit))"
    writer.loop("group", from: "group_first", below: below) { writer in
      let panel = panelAddress("group", writer)
      body(columns.main, panel, ([("group", columns.main.width)], 0), &writer)
    }
    if let rest = columns.rest {
      writer.when("group_last > \(limit)") { writer in
        let panel = panelAddress(limit, writer)
        body(rest, panel, ([], columns.mainCount * columns.main.width), &writer)
      }
    }
  }

  private func panelAddress(_ group: String, _ writer: ContractionWriter) -> String {
    contraction.hasRightPanels
      ? writer.address("right_block", [(group, rightPanelSize)])
      : writer.address("panels", [("\(group) - group_first", rightPanelSize)])
  }

  // MARK: packing

  private var suffix: String { contraction.element.rawValue }
  private var transposer: String {
    // The widest square of registers that fits into a panel: smaller ones go element by element.
    let widest = tiling.columns.main.pieces.map(\.width).max() ?? 1
    let room = min(widest, contraction.inner.extent)
    return "mf_pack_transposed_\(suffix)x\(transposedLanes(room, contraction.element))"
  }
  private var rowCopier: String { "mf_pack_rows_\(suffix)" }
  private var tilePacker: String { "mf_pack_tiles_\(suffix)" }
  private var gatherer: String { "mf_pack_gathered_\(suffix)" }

  private var helpers: [String] {
    var result: [String] = []
    if !contraction.hasRightPanels {
      let isAcross = contraction.columns.strideB == 1
      let isAlong = contraction.inner.strideB == 1
      result.append(isAcross ? rowCopier : isAlong ? transposer : gatherer)
    }
    if packsLeft {
      let isAlong = contraction.rows.strideA == 1
      result.append(keepsLeftRows ? rowCopier : isAlong ? tilePacker : gatherer)
    }
    return Array(Set(result)).sorted()
  }

  private func writePackRight(
    _ source: String, _ group: ColumnGroup, _ panel: String, to writer: inout ContractionWriter
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

  private func writePackLeft(to writer: inout ContractionWriter) {
    let (row, inner) = (contraction.rows.strideA, contraction.inner.strideA)
    if row == 1 && !keepsLeftRows { return writePackTiles(to: &writer) }
    tiling.rows.writeLoops(over: "tile", from: "tile_first", below: "tile_last", to: &writer) {
      height, start, writer in
      let offset = start.scaled(by: row)
      let source = writer.address("left_block", [offset.term], plus: offset.constant)
      let panel = writer.address("left_panels", [("tile - tile_first", leftPanelSize)])
      if keepsLeftRows {
        let sizes = ["\(row)", "\(height)", "depth"]
        writer.call(rowCopier, [source] + sizes + [panel, "\(leftPanelRow)"])
      } else {
        writer.call(gatherer, [source, "\(inner)", "\(row)", "\(height)", "depth", panel])
      }
    }
  }

  /// Rows are neighbours in the left operand: all tiles are packed in one walk along its lines, as
  /// a line that is not used whole at once may have left the cache when the next tile wants it.
  private func writePackTiles(to writer: inout ContractionWriter) {
    tiling.rows.writeRanges(from: "tile_first", below: "tile_last", as: "tile", to: &writer) {
      height, start, count, writer in
      let offset = start.scaled(by: 1)
      let source = writer.address("left_block", [offset.term], plus: offset.constant)
      let panel = writer.address("left_panels", [("\(start.index) - tile_first", leftPanelSize)])
      writer.call(
        tilePacker,
        [
          source, "\(contraction.inner.strideA)", "depth", "\(height)", count, panel,
          "\(leftPanelSize)",
        ])
    }
  }
}

extension Int {
  /// The smallest multiple of `unit` that is not smaller.
  func roundedUp(to unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
