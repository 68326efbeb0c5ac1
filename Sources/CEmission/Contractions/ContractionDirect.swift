// SPDX-License-Identifier: Apache-2.0
//
// Writes the direct form (`DirectPlan`): operands are read where they lie.

import Kernels

/// The writer of a contraction that reads its operands in place.
struct DirectContraction {
  let plan: DirectPlan
  let name: String

  init(_ plan: DirectPlan, name: String) { (self.plan, self.name) = (plan, name) }

  private var contraction: CanonicalContraction { plan.contraction }
  private var element: ContractionElement { contraction.element }
  private var tiling: RegisterTiling { plan.tiling }
  private var innerBlock: Int? { plan.innerBlock }
  private var splitsColumns: Bool { plan.splitsColumns }
  /// Blocks of a long sum that is streamed.
  private var apart: ProductBlockStatements? {
    plan.apart.map { ProductBlockStatements($0, of: contraction, at: 0) }
  }

  /// Writes the kernel; returns the helpers that it calls.
  func write(to writer: inout CWriter) -> [String] {
    writer.vectorTypes(of: element, tiling.columns.widths)
    let main = strip("main", tiling.columns.main)
    if plan.isOneStrip {
      for tile in main.tiles { tile.write(to: &writer) }
    } else {
      main.write(to: &writer)
    }
    if let rest = tiling.columns.rest { strip("rest", rest).write(to: &writer) }
    let entry = ContractionEntry(
      name: name, contraction: contraction, blocks: plan.blocks,
      usesScratch: plan.scratchElements > 0)
    entry.write(to: &writer) { writer in
      plan.isOneStrip ? main.writeLoops(result: "result", to: &writer) : writeBody(to: &writer)
    }
    return apart.map { [$0.helper] } ?? []
  }

  private func strip(_ part: String, _ group: ColumnGroup) -> TileStrip {
    TileStrip(
      name: "\(name)_\(part)", rows: tiling.rows,
      tiles: tiling.rows.heights.map { tile($0, group) },
      leftRowStride: contraction.rows.strideA, leftPanelSize: nil)
  }

  private func tile(_ height: Int, _ group: ColumnGroup) -> RegisterTile {
    RegisterTile(
      element: element, name: "\(name)_tile_\(height)x\(group.width)", height: height, group: group,
      inner: contraction.inner, outerInner: contraction.outerInner,
      leftRowStride: contraction.rows.strideA,
      rightColumnStride: contraction.columns.strideB,
      resultRowStride: plan.apart?.rowStride ?? contraction.rows.strideC,
      resultColumnStride: contraction.columns.strideC,
      depth: innerBlock == nil ? .fixed(contraction.inner.extent) : .parameter,
      accumulation: innerBlock != nil ? .parameter : contraction.accumulates ? .add : .replace,
      copies: innerBlock == nil ? tiling.innerCopies : 1)
  }

  private func writeBody(to writer: inout CWriter) {
    guard let innerBlock else { return writeGroups(to: &writer) }
    let extent = contraction.inner.extent
    apart?.writePointers(to: &writer)
    writer.stepLoop("start", below: String(extent), step: innerBlock) { writer in
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

  private func writeGroups(to writer: inout CWriter) {
    let columns = tiling.columns
    let first = splitsColumns ? "first" : "0"
    let limit = String(columns.mainCount)
    let needsMinimum = splitsColumns && columns.rest != nil
    let last =
      !splitsColumns ? limit : needsMinimum ? "(last < \(limit) ? last : \(limit))" : "last"
    if columns.mainCount == 1 && !splitsColumns {
      writeStripCall("main", groupTerms: [], plus: 0, to: &writer)
    } else {
      writer.stepLoop("group", from: first, below: last) { writer in
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
    to writer: inout CWriter
  ) {
    func address(_ pointer: String, _ stride: Int, _ more: [(String, Int)]) -> String {
      Index.address(
        pointer, groupTerms.map { ($0.0, $0.1 * stride) } + more, plus: constant * stride)
    }
    let step = innerBlock == nil ? "0" : "start"
    var arguments = [
      Index.address("left", [(step, contraction.inner.strideA)]),
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
