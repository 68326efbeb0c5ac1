// SPDX-License-Identifier: Apache-2.0
//
// The direct kernel: operands are read where they lie. It is the right kind when the right
// operand has unit stride along columns and is small or used for few rows, so that copying it
// into panels would cost more than it saves. With arrays that have no unit stride it still works,
// one column at a time.

import Scheduling

/// A contraction that reads its operands in place.
struct DirectContraction {
  let contraction: CanonicalContraction
  let tiling: RegisterTiling
  /// Inner steps done for all columns before going on, where a long sum over a right operand
  /// larger than the cache should stream through it row by row; nil: the whole sum at once.
  let innerBlock: Int?
  let name: String

  init(
    _ contraction: CanonicalContraction, _ tiling: RegisterTiling, innerBlock: Int?, name: String
  ) {
    (self.contraction, self.tiling, self.name) = (contraction, tiling, name)
    self.innerBlock = innerBlock
  }

  /// Whether units are column groups rather than row tiles: whichever there are more of.
  private var splitsColumns: Bool { tiling.columns.count > tiling.rows.count }

  /// Whether the kernel goes down the rows once.
  private var isOneStrip: Bool {
    !splitsColumns && innerBlock == nil && tiling.columns.mainCount == 1
      && tiling.columns.rest == nil
  }

  /// Writes the kernel.
  func write(to writer: inout ContractionWriter) -> ContractionPlan {
    writer.vectorTypes(tiling.columns.widths)
    let main = strip("main", tiling.columns.main)
    if isOneStrip {
      for tile in main.tiles { tile.write(to: &writer) }
    } else {
      main.write(to: &writer)
    }
    if let rest = tiling.columns.rest { strip("rest", rest).write(to: &writer) }
    let blocks = splitsColumns ? tiling.columns.count : tiling.rows.count
    let entry = ContractionEntry(
      name: name, contraction: contraction, blocks: blocks, usesScratch: apart != nil)
    entry.write(to: &writer) { writer in
      isOneStrip ? main.writeLoops(result: "result", to: &writer) : writeBody(to: &writer)
    }
    return ContractionPlan(
      splitCount: blocks * contraction.outerCount,
      scratchElements: apart?.scratchElements ?? 0, helpers: apart.map { [$0.helper] } ?? [])
  }

  /// Blocks of a long sum that is streamed.
  private var apart: ProductBlocks? {
    innerBlock.flatMap { depth in
      let count = (contraction.inner.extent + depth - 1) / depth
      return ProductBlocks(
        contraction, depth: depth, count: count, products: 24 * depth, after: 0)
    }
  }

  private func strip(_ part: String, _ group: ColumnGroup) -> TileStrip {
    TileStrip(
      name: "\(name)_\(part)", rows: tiling.rows,
      tiles: tiling.rows.heights.map { tile($0, group) },
      leftRowStride: contraction.rows.strideA, leftPanelSize: nil)
  }

  private func tile(_ height: Int, _ group: ColumnGroup) -> RegisterTile {
    RegisterTile(
      name: "\(name)_tile_\(height)x\(group.width)", height: height, group: group,
      inner: contraction.inner, outerInner: contraction.outerInner,
      leftRowStride: contraction.rows.strideA,
      rightColumnStride: contraction.columns.strideB,
      resultRowStride: apart?.rowStride ?? contraction.rows.strideC,
      resultColumnStride: contraction.columns.strideC,
      depth: innerBlock == nil ? .fixed(contraction.inner.extent) : .parameter,
      accumulation: innerBlock != nil ? .parameter : contraction.accumulates ? .add : .replace,
      copies: innerBlock == nil ? tiling.innerCopies : 1)
  }

  private func writeBody(to writer: inout ContractionWriter) {
    guard let innerBlock else { return writeGroups(to: &writer) }
    let extent = contraction.inner.extent
    apart?.writePointers(to: &writer)
    writer.loop("start", below: String(extent), step: innerBlock) { writer in
      let rest = "\(extent) - start"
      writer.integer("depth", "\(rest) < \(innerBlock) ? \(rest) : \(innerBlock)")
      writeGroups(to: &writer)
      let (rows, columns) = (tiling.rows, tiling.columns)
      apart?.writeEnd(
        "start / \(innerBlock)",
        rows: splitsColumns
          ? ("0", String(contraction.rows.extent))
          : (rows.firstRow(ofTile: "first"), "(\(rows.firstRow(ofTile: "last")))"),
        columns: splitsColumns
          ? (columns.firstColumn(ofGroup: "first"), "(\(columns.firstColumn(ofGroup: "last")))")
          : ("0", String(contraction.columns.extent)), to: &writer)
    }
  }

  private func writeGroups(to writer: inout ContractionWriter) {
    let columns = tiling.columns
    let first = splitsColumns ? "first" : "0"
    let limit = String(columns.mainCount)
    let needsMinimum = splitsColumns && columns.rest != nil
    let last =
      !splitsColumns ? limit : needsMinimum ? "(last < \(limit) ? last : \(limit))" : "last"
    if columns.mainCount == 1 && !splitsColumns {
      writeStripCall("main", groupTerms: [], plus: 0, to: &writer)
    } else {
      writer.loop("group", from: first, below: last) { writer in
        writeStripCall(
          "main", groupTerms: [("group", columns.main.width)], plus: 0, to: &writer)
      }
    }
    guard columns.rest != nil else { return }
    let start = columns.mainCount * columns.main.width
    if splitsColumns {
      writer.when("last > \(limit)") { writer in
        writeStripCall("rest", groupTerms: [], plus: start, to: &writer)
      }
    } else {
      writeStripCall("rest", groupTerms: [], plus: start, to: &writer)
    }
  }

  private func writeStripCall(
    _ part: String, groupTerms: [(String, Int)], plus constant: Int,
    to writer: inout ContractionWriter
  ) {
    func address(_ pointer: String, _ stride: Int, _ more: [(String, Int)]) -> String {
      writer.address(
        pointer, groupTerms.map { ($0.0, $0.1 * stride) } + more, plus: constant * stride)
    }
    let step = innerBlock == nil ? "0" : "start"
    var arguments = [
      writer.address("left", [(step, contraction.inner.strideA)]),
      address("right", contraction.columns.strideB, [(step, contraction.inner.strideB)]),
      address(apart == nil ? "result" : "block", contraction.columns.strideC, []),
    ]
    if let innerBlock {
      let adds = apart?.adds("start / \(innerBlock)")
      arguments += ["depth", adds ?? (contraction.accumulates ? "1" : "start > 0")]
    }
    arguments += splitsColumns ? ["0", String(tiling.rows.count)] : ["first", "last"]
    writer.call("\(name)_\(part)", arguments)
  }
}
