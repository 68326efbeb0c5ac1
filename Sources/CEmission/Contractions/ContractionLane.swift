// SPDX-License-Identifier: Apache-2.0
//
// Writes the lane form (`LanePlan`): vector lanes run over a batch loop.

import Kernels
import MixFuseShared

/// The writer of a contraction whose vector lanes run over a batch loop.
struct LaneContraction {
  let plan: LanePlan
  let name: String

  init(_ plan: LanePlan, name: String) { (self.plan, self.name) = (plan, name) }

  private var contraction: CanonicalContraction { plan.contraction }
  private var element: FloatType { contraction.element }
  private var splitsColumns: Bool { plan.splitsColumns }
  private var widths: [Int] {
    plan.pieces.map(\.width).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Writes the kernel; returns the helpers that it calls.
  func write(to writer: inout CWriter) -> [String] {
    for width in widths {
      for height in plan.rows.heights {
        for breadth in plan.columns.heights {
          writeTile(height, breadth, width, to: &writer)
        }
      }
    }
    ContractionEntry(name: name, contraction: contraction, blocks: plan.blocks)
      .write(to: &writer) { writeBody(to: &$0) }
    return []
  }

  /// Columns are the outer loop, lanes the next: a part of the right operand stays in the cache
  /// while rows pass by, and vectors that share its cache lines are done one after the other.
  private func writeBody(to writer: inout CWriter) {
    let (rowCount, columnCount) = (String(plan.rows.count), String(plan.columns.count))
    let columns = splitsColumns ? ("first", "last") : ("0", columnCount)
    let rows = splitsColumns ? ("0", rowCount) : ("first", "last")
    plan.columns.writeLoops(over: "column", from: columns.0, below: columns.1, to: &writer) {
      breadth, column, writer in
      writeLanes(to: &writer) { width, lane, writer in
        plan.rows.writeLoops(over: "row", from: rows.0, below: rows.1, to: &writer) {
          height, row, writer in
          let pointers = contraction.tileArguments(row, column, result: "result")
          writer.call(
            tileName(height, breadth, width), pointers.map { lane.isEmpty ? $0 : "\($0) + \(lane)" }
          )
        }
      }
    }
  }

  /// Writes `body` for every vector of lanes; it gets the width and the first lane's expression.
  private func writeLanes(
    to writer: inout CWriter,
    _ body: (Int, String, inout CWriter) -> Void
  ) {
    let width = plan.width
    let full = plan.pieces.prefix { $0.width == width && $0.offset % width == 0 }
    if full.count > 1 {
      writer.stepLoop("lane", below: String(full.count * width), step: width) { writer in
        body(width, "lane", &writer)
      }
    }
    for piece in full.count > 1 ? plan.pieces.dropFirst(full.count) : plan.pieces[...] {
      body(piece.width, piece.offset == 0 ? "" : String(piece.offset), &writer)
    }
  }

  // MARK: the tile

  private func tileName(_ height: Int, _ breadth: Int, _ width: Int) -> String {
    "\(name)_tile_\(height)x\(breadth)x\(width)"
  }

  private func writeTile(
    _ height: Int, _ breadth: Int, _ width: Int, to writer: inout CWriter
  ) {
    let type = element.vector(width)
    let result = Index.sum(
      [("i", contraction.rows.strideC), ("j", contraction.columns.strideC)])
    let parameters = [element.input("left"), element.input("right"), element.output("c")]
    writer.comment("\(height) rows of \(breadth) columns of \(width) lanes in registers.")
    writer.kernelFunction(tileName(height, breadth, width), parameters) { writer in
      writer.line("\(type) sum[\(height)][\(breadth)];")
      let start =
        contraction.accumulates ? element.load(width, "c + \(result)") : "(\(type)){0}"
      if blocks == nil {
        writeElements(height, breadth, to: &writer) { $0.line("sum[i][j] = \(start);") }
      } else {
        writer.line("\(type) total[\(height)][\(breadth)], error[\(height)][\(breadth)];")
        writeElements(height, breadth, to: &writer) { writer in
          writer.line("total[i][j] = \(start);")
          writer.line("error[i][j] = (\(type)){0};")
        }
      }
      writeInner(0, height, breadth, width, to: &writer)
      if blocks != nil {
        let total = "total[i][j] + error[i][j]"
        writeElements(height, breadth, to: &writer) { $0.line("sum[i][j] = \(total);") }
      }
      writeElements(height, breadth, to: &writer) { writer in
        writer.line(element.store(width, "c + \(result)", "sum[i][j]"))
      }
    }
  }

  private func writeElements(
    _ height: Int, _ breadth: Int, to writer: inout CWriter,
    _ body: (inout CWriter) -> Void
  ) {
    writer.unrolledLoop("i", count: height) { writer in
      writer.unrolledLoop("j", count: breadth) { body(&$0) }
    }
  }

  /// How a long sum is cut.
  private var blocks: SumBlocks? { plan.sumBlocks }

  private func writeInner(
    _ level: Int, _ height: Int, _ breadth: Int, _ width: Int, to writer: inout CWriter
  ) {
    let loops = contraction.outerInner
    guard level <= loops.count else { return writeStep(height, breadth, width, to: &writer) }
    let variable = level < loops.count ? "k\(level)" : "k"
    let extent = level < loops.count ? loops[level].extent : contraction.inner.extent
    let body = { (writer: inout CWriter) in
      writeInner(level + 1, height, breadth, width, to: &writer)
    }
    guard let blocks, blocks.level == level else {
      return writer.rolledLoop(variable, below: String(extent), body)
    }
    let type = element.vector(width)
    writer.blockLoops(variable, below: extent, size: blocks.size) { loop, writer in
      writeElements(height, breadth, to: &writer) { $0.line("sum[i][j] = (\(type)){0};") }
      loop(&writer, body)
      writeElements(height, breadth, to: &writer) {
        $0.addBlock("sum[i][j]", to: "total[i][j]", error: "error[i][j]", type)
      }
    }
  }

  /// One inner step. The shorter side of the tile is held in registers, the longer is streamed.
  private func writeStep(
    _ height: Int, _ breadth: Int, _ width: Int, to writer: inout CWriter
  ) {
    let type = element.vector(width)
    let loops =
      contraction.outerInner.enumerated().map { ("k\($0.offset)", $0.element) }
      + [("k", contraction.inner)]
    let left = element.load(
      width,
      Index.address(
        "left", [("i", contraction.rows.strideA)] + loops.map { ($0.0, $0.1.strideA) }))
    let right = element.load(
      width,
      Index.address(
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
